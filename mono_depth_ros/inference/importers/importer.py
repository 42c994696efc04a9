"""From the authors' checkpoint folders to a model card with its weights."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mono_depth_ros.inference.cards.checkpoint import save_weights
from mono_depth_ros.inference.cards.model_card import Matrix3, ModelCard, load_card, write_card
from mono_depth_ros.inference.importers.detect import find_layout
from mono_depth_ros.inference.importers.files import listed, read_checkpoint
from mono_depth_ros.inference.importers.layouts import OfficialLayout, may_be_missing, twin_of
from mono_depth_ros.inference.importers.options import ImportOptions
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.networks.complexity import count_conv_macs, count_parameters
from mono_depth_ros.types import DepthKind

MIN_DEPTH, MAX_DEPTH = 0.1, 100.0
# Stereo training on KITTI calls its baseline of 0.54 m 0.1 units.
KITTI_STEREO_SCALE = 5.4
# fx / width, fy / height, cx / width, cy / height, as these projects train on KITTI.
KITTI_INTRINSICS = (0.58, 1.92, 0.5, 0.5)
NEW_LINE = '\n  '


def import_checkpoint(
    folder: str | Path, output_folder: str | Path, layout: str = 'auto', **options: Any
) -> ModelCard:
    """Turn a folder with `encoder.pth` and `depth.pth` into a card and a safetensors file.

    Every weight of the files is used, known to be unused, or an error that names it.

    Args:
        folder: the authors' folder.
        output_folder: gets <name>.yaml and <name>.safetensors; made if it does not exist.
        layout: a key of LAYOUTS, or 'auto'.
        options: the other fields of ImportOptions.

    Raises:
        FileNotFoundError: a file of the folder is missing.
        ValueError: a file is corrupt, of no known layout, does not fit the network, or the
            options contradict it; or the card exists already.
    """
    chosen = ImportOptions(layout=layout, **options)
    folder = Path(folder).expanduser()
    name = _card_name(chosen.name or folder.resolve().name)
    encoder, settings = read_checkpoint(folder / 'encoder.pth')
    depth, _ = read_checkpoint(folder / 'depth.pth')
    official = find_layout(chosen.layout, encoder, depth, folder)

    network = create_network(official.network, **official.options)
    state = _translate(official, network, encoder, depth, folder)
    network.load_state_dict(state)

    size = _input_size(chosen.input_size, settings, folder)
    card = _card(name, official, network, size, bool(settings.get('use_stereo')), chosen)
    return _write(card, network, Path(output_folder).expanduser())


def _card_name(name: str) -> str:
    if name in ('', '.', '..') or Path(name).name != name:
        raise ValueError(
            f"Name '{name}' cannot name a card; expected a file name without folders. The output "
            'folder says where the card goes.'
        )
    return name


def _translate(
    layout: OfficialLayout,
    network: DepthNetwork,
    encoder: Mapping[str, Tensor],
    depth: Mapping[str, Tensor],
    folder: Path,
) -> dict[str, Tensor]:
    """Return the state dict of our network, or name every weight that stands against it."""
    wanted = network.state_dict()
    parts = (
        ('encoder.pth', encoder, layout.encoder_names(list(wanted))),
        ('depth.pth', depth, layout.depth_names(list(wanted))),
    )
    state = dict(wanted)
    faults: list[str] = []
    for file, given, names in parts:
        found = {ours: official for ours, official in names.items() if official in given}
        state |= {ours: _as_ours(given[key], wanted[ours]) for ours, key in found.items()}
        faults += [f'{file} lacks {key}' for key in _missing(names, given)]
        faults += [
            f'{file}: {key} has shape {tuple(given[key].shape)}, expected '
            f'{tuple(wanted[ours].shape)}'
            for ours, key in found.items()
            if state[ours].shape != wanted[ours].shape
        ]
        leftover = given.keys() - set(names.values())
        faults += [f'{file}: {fault}' for fault in _leftover_faults(layout, given, leftover)]
    if faults:
        raise ValueError(
            f"'{folder}' does not fit {layout.network}:\n  {listed(faults, NEW_LINE)}\n"
            "Check that both files belong to this network and are the authors' own."
        )
    return state


def _missing(names: Mapping[str, str], given: Mapping[str, Tensor]) -> list[str]:
    return [key for key in names.values() if key not in given and not may_be_missing(key)]


def _leftover_faults(
    layout: OfficialLayout, given: Mapping[str, Tensor], leftover: Iterable[str]
) -> list[str]:
    faults = []
    for key in sorted(leftover):
        if layout.unused.fullmatch(key):
            continue
        twin = twin_of(key, given)
        if twin is None or twin not in given:
            faults.append(f'{key} is unknown')
        elif not torch.equal(given[key], given[twin]):
            faults.append(f'{key} differs from {twin}, which it should repeat')
    return faults


def _as_ours(value: Tensor, ours: Tensor) -> Tensor:
    """Give a linear layer's matrix the shape of the 1x1 convolution that it is here."""
    is_linear = value.ndim == 2 and ours.ndim == 4
    return value[:, :, None, None] if is_linear else value


def _input_size(
    given: tuple[int, int] | None, settings: Mapping[str, Any], folder: Path
) -> tuple[int, int]:
    stated = tuple(_extent(key, settings) for key in ('height', 'width') if key in settings)
    if given and len(stated) == 2 and tuple(given) != stated:
        raise ValueError(
            f'Input size {given[0]}x{given[1]} contradicts encoder.pth, which says '
            f'{stated[0]}x{stated[1]} (height x width). Leave the input size out.'
        )
    size = tuple(given or stated)
    if len(size) != 2:
        raise ValueError(
            f"'{folder / 'encoder.pth'}' states no height and width; expected the size the "
            'weights were trained at. Give it as input size, for example 192 640.'
        )
    return size


def _extent(key: str, settings: Mapping[str, Any]) -> int:
    try:
        return int(settings[key])
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(
            f'encoder.pth states {key} {settings[key]!r}; expected a number of pixels. Save it '
            'again with a plain integer.'
        ) from None


def _card(
    name: str,
    layout: OfficialLayout,
    network: DepthNetwork,
    size: tuple[int, int],
    is_stereo: bool,
    options: ImportOptions,
) -> ModelCard:
    training_data = options.training_data or 'not stated'
    depth_scale = _depth_scale(options, is_stereo)  # refuses an unknown unit
    return ModelCard(
        name=name,
        network=layout.network,
        network_options=dict(layout.options),
        weights=f'{name}.safetensors',
        sha256='0' * 64,  # until the weights are written
        input_size=size,
        min_depth=MIN_DEPTH,
        max_depth=MAX_DEPTH,
        depth_unit=DepthKind(options.unit),
        depth_scale=depth_scale,
        training_K=_training_intrinsics(options, size),
        training_data=f'{training_data} (with stereo pairs)' if is_stereo else training_data,
        license_code='Apache-2.0',
        license_weights=options.license_weights or layout.license_weights,
        parameters=count_parameters(network),
        macs=count_conv_macs(network, size),
    )


def _depth_scale(options: ImportOptions, is_stereo: bool) -> float | None:
    """Return metres per unit; metres must come from a stereo baseline or from the user."""
    if options.unit not in (DepthKind.RELATIVE, DepthKind.METRIC):
        raise ValueError(f"Unit is '{options.unit}'; expected relative or metric.")
    if options.depth_scale is not None or options.unit == DepthKind.RELATIVE:
        return options.depth_scale
    if is_stereo and options.training_data == 'kitti':
        return KITTI_STEREO_SCALE
    raise ValueError(
        'Unit is metric, but nothing says how many metres a unit of depth has: encoder.pth '
        f'{"says" if is_stereo else "does not say"} use_stereo, and the training data is '
        f"'{options.training_data or 'not stated'}'. Weights trained on video alone know no "
        'metres: import them as relative. Otherwise give the depth scale, or '
        f"training data 'kitti' for stereo weights of KITTI ({KITTI_STEREO_SCALE})."
    )


def _training_intrinsics(options: ImportOptions, size: tuple[int, int]) -> Matrix3 | None:
    """Return K at the input size, given or KITTI's, or None if nobody knows it."""
    if options.training_intrinsics:
        fx, fy, cx, cy = map(float, options.training_intrinsics)
    elif options.training_data == 'kitti':
        height, width = size
        fx, fy, cx, cy = (
            share * extent
            for share, extent in zip(KITTI_INTRINSICS, (width, height, width, height))
        )
    elif options.unit == DepthKind.METRIC:
        raise ValueError(
            'Unit is metric, but the intrinsics of the training images are not given; metres '
            "hold for one focal length only. Give training intrinsics, or training data 'kitti'."
        )
    else:
        return None
    return ((fx, 0.0, cx), (0.0, fy, cy), (0.0, 0.0, 1.0))


def _write(card: ModelCard, network: DepthNetwork, folder: Path) -> ModelCard:
    assert card.weights is not None
    path = folder / f'{card.name}.yaml'
    for file in (path, folder / card.weights):
        if file.exists():
            raise ValueError(
                f"'{file}' exists already; it stays as it is. Remove it, or choose another name "
                'or output folder.'
            )
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = save_weights(network, folder / card.weights)
    write_card(replace(card, sha256=sha256), path)
    return load_card(path)
