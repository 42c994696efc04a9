"""The node's parameters: defaults, descriptions, ranges and checks, all in one dataclass."""

from __future__ import annotations

import operator
import re
import textwrap
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from mono_depth_ros.inference.cards.model_card import DEFAULT_CARD
from mono_depth_ros.inference.engine_options import BACKENDS, PRECISION_NAMES, RESIZE_MODES
from mono_depth_ros.messages.color_scale import COLORMAPS
from mono_depth_ros.messages.encoded_size import MAX_PIXELS
from mono_depth_ros.outputs.depth_outputs import MAX_DEPTH, MIN_DEPTH

Value = str | bool | int | float | tuple[str, ...]
Bounds = tuple[float, float]
CAMERA_NAME = re.compile('[A-Za-z][A-Za-z0-9_]*')


def parameter(
    default: Value,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    bounds: Bounds | None = None,
    while_running: bool = False,
) -> Any:
    """Describe one parameter; `while_running` ones apply at once, others at the next configure."""
    return field(
        default=default,
        metadata={
            'description': description,
            'choices': choices,
            'bounds': bounds,
            'while_running': while_running,
        },
    )


@dataclass(frozen=True)
class DepthNodeConfig:
    """Hold the parameters of `depth_node`; the defaults live here and nowhere else."""

    model: str = parameter(
        DEFAULT_CARD, 'Model card: a name in models/, a card file, or a folder with one card.'
    )
    device: str = parameter(
        'cpu', 'Where the network runs: cpu, cuda or cuda:N. Never falls back to another one.'
    )
    precision: str = parameter(
        'float32',
        'Number format of the network; its head stays in float32. float16 needs CUDA.',
        choices=PRECISION_NAMES,
    )
    backend: str = parameter(
        'auto',
        'What runs the network. auto: the fastest that is installed and whose depth is '
        "PyTorch's; it never lowers precision. A backend by name serves, or configure fails.",
        choices=('auto', *BACKENDS),
    )
    threads: int = parameter(
        0,
        'CPU threads of the network, whatever its backend, and of OpenCV; 0 leaves the choice '
        'to PyTorch.',
        bounds=(0, 256),
    )
    cameras: tuple[str, ...] = parameter(
        ('',),
        "Camera names, the prefixes of their topics: ['front', 'rear'] reads front/image "
        'and publishes front/depth/image_rect. One unnamed camera by default.',
    )
    input: str = parameter(
        'raw',
        'What the image topic carries. raw: K, D, R of camera_info apply; '
        'rectified: its P applies, D is ignored.',
        choices=('raw', 'rectified'),
    )
    rectify: bool = parameter(
        True,
        'Rectify raw images whose camera_info has distortion. Off: D is ignored, and the '
        'log says by how many pixels that is wrong.',
    )
    resize_mode: str = parameter(
        'keep_aspect',
        "keep_aspect: the legal network size nearest the camera's aspect ratio at "
        "the card's pixel count; stretch: the card's input size (the KITTI protocol).",
        choices=RESIZE_MODES,
    )
    image_transport: str = parameter(
        'raw',
        'raw: sensor_msgs/Image; compressed: sensor_msgs/CompressedImage on <image>/compressed.',
        choices=('raw', 'compressed'),
    )
    max_pixels: int = parameter(
        MAX_PIXELS,
        'Images of more pixels are refused before they are decoded, by what their header says '
        '[px].',
        bounds=(1, 500_000_000),
    )
    depth_scale: float = parameter(
        0.0,
        "Length of a unit of the network's depth, measured by you for this camera [m]; wins over "
        'the card. 0.0: not given.',
        bounds=(0.0, 1e6),
        while_running=True,
    )
    min_depth: float = parameter(
        MIN_DEPTH,
        'Nearer than this becomes NaN (no estimate) [m].',
        bounds=(0.0, 1e4),
        while_running=True,
    )
    max_depth: float = parameter(
        MAX_DEPTH,
        'Farther than this becomes +inf (beyond range) [m].',
        bounds=(0.001, 1e4),
        while_running=True,
    )
    depth_encoding: str = parameter(
        '32FC1',
        '32FC1: metres, NaN and +inf as in REP 117; 16UC1: millimetres, 0 = invalid or '
        'beyond 65.535 m.',
        choices=('32FC1', '16UC1'),
        while_running=True,
    )
    cloud_stride: int = parameter(
        1,
        'Every n-th pixel of every n-th row becomes a point of the cloud.',
        bounds=(1, 64),
        while_running=True,
    )
    colormap: str = parameter(
        'turbo', 'Colours of depth/color.', choices=tuple(COLORMAPS), while_running=True
    )
    autostart: bool = parameter(
        True, 'Configure and activate at start; set false beside a lifecycle manager.'
    )
    max_age: float = parameter(
        1.0,
        'Frames older than this since their reception are dropped, not published [s]. '
        '0.0: no limit.',
        bounds=(0.0, 3600.0),
        while_running=True,
    )
    warn_fps: float = parameter(
        0.0,
        'Fewer depth images per second than this are a WARN in /diagnostics [Hz]. 0.0: not '
        'judged.',
        bounds=(0.0, 1000.0),
        while_running=True,
    )
    error_fps: float = parameter(
        0.0,
        'Fewer depth images per second than this are an ERROR [Hz]. 0.0: not judged.',
        bounds=(0.0, 1000.0),
        while_running=True,
    )
    warn_age: float = parameter(
        0.5,
        'Depth older than this when published (95th percentile) is a WARN [s]. 0.0: not judged.',
        bounds=(0.0, 3600.0),
        while_running=True,
    )
    error_age: float = parameter(
        0.0,
        'Depth older than this when published (95th percentile) is an ERROR [s]. 0.0: not judged.',
        bounds=(0.0, 3600.0),
        while_running=True,
    )
    warn_drops: float = parameter(
        0.05,
        'A larger share than this of the last images dropped for a fault is a WARN; images '
        'replaced by a newer one do not count. 0.0: not judged.',
        bounds=(0.0, 1.0),
        while_running=True,
    )
    error_drops: float = parameter(
        0.5,
        'A larger share than this of the last images dropped for a fault is an ERROR. 0.0: '
        'not judged.',
        bounds=(0.0, 1.0),
        while_running=True,
    )

    def __post_init__(self) -> None:
        problems = list(self.problems())
        if problems:
            raise ValueError(' '.join(problems))

    def problems(self) -> Iterator[str]:
        """Yield one sentence per value that the node cannot run with."""
        for spec in fields(self):
            problem = value_problem(spec.name, getattr(self, spec.name))
            if problem:
                yield problem
        if self.min_depth >= self.max_depth:
            yield (
                f'min_depth {self.min_depth} m must be smaller than max_depth '
                f'{self.max_depth} m: change one of them.'
            )
        if not self.cameras or len(set(self.cameras)) != len(self.cameras):
            yield (
                f'cameras {list(self.cameras)} must name each camera once; '
                "use [''] for one unnamed camera."
            )
        yield from self._limit_problems()
        for camera in self.cameras:
            if not CAMERA_NAME.fullmatch(camera) and self.cameras != ('',):
                yield (
                    f"camera name '{camera}' cannot prefix a topic: use letters, digits and "
                    "underscores, a letter first, such as 'front'."
                )

    def _limit_problems(self) -> Iterator[str]:
        """Yield what contradicts itself: an ERROR has to be worse than a WARN."""
        for what, is_worse in (('fps', operator.lt), ('age', operator.gt), ('drops', operator.gt)):
            warn, error = getattr(self, f'warn_{what}'), getattr(self, f'error_{what}')
            if warn and error and not is_worse(error, warn):
                worse = 'below' if is_worse is operator.lt else 'above'
                yield (
                    f'error_{what} {error} must be {worse} warn_{what} {warn}: change one of '
                    'them, or set one to 0.0 (not judged).'
                )


SPECS: dict[str, Field[Any]] = {spec.name: spec for spec in fields(DepthNodeConfig)}


def value_problem(name: str, value: Any) -> str:
    """Return what is wrong with a value as a sentence, or an empty string."""
    choices = SPECS[name].metadata['choices']
    if choices and value not in choices:
        return f"{name} '{value}' is not one of {', '.join(choices)}."
    bounds = SPECS[name].metadata['bounds']
    if bounds and not bounds[0] <= value <= bounds[1]:
        return f'{name} {value} is outside {bounds[0]} to {bounds[1]}.'
    if name == 'model' and not value:
        return 'model is empty: give the name or the path of a model card.'
    return ''


def described_parameters() -> Iterator[tuple[str, str, str]]:
    """Yield the name of each parameter, its default as YAML has it, and what it means."""
    for name, spec in SPECS.items():
        text = spec.metadata['description']
        if spec.metadata['choices']:
            text += f' One of: {", ".join(spec.metadata["choices"])}.'
        if spec.metadata['bounds']:
            low, high = spec.metadata['bounds']
            text += f' Range: {low:g} to {high:g}.'
        yield name, _yaml_value(spec.default), text


def depth_yaml() -> str:
    """Return config/depth.yaml: every parameter with its description and default."""
    lines = [
        '# Parameters of depth_node with their defaults. Generated by `make config`:',
        '# change the defaults in mono_depth_ros/ros/node/parameters.py, your own values here '
        'or in',
        '# a copy: ros2 launch mono_depth_ros depth.launch.py params_file:=my.yaml',
        '/**:',
        '  ros__parameters:',
    ]
    for name, default, text in described_parameters():
        lines += textwrap.wrap(text, 94, initial_indent='    # ', subsequent_indent='    # ')
        lines.append(f'    {name}: {default}')
    return '\n'.join(lines) + '\n'


def _yaml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"'{value}'" if isinstance(value, str) else str(value)


if __name__ == '__main__':
    print(depth_yaml(), end='')
