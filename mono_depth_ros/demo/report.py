"""Turn the demo's recording into a film, a picture and a closing table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mono_depth_ros.demo.bag import DemoClip
from mono_depth_ros.demo.frames import read_frames
from mono_depth_ros.demo.picture import render_picture
from mono_depth_ros.demo.recorder import CLOUD_TOPIC, NodeStatus
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.types import DepthKind, Image
from mono_depth_ros.visualization.canvas import Caption, Scale, VideoWriter, choose_scale

# How many frames, spread over the clip, decide on the colours' range.
SAMPLES = 6
PREVIEW_AT = 0.35
FRAME_RATES = (1.0, 60.0)


@dataclass(frozen=True)
class DemoResult:
    """What a run of the demo brought.

    Attributes:
        clip: what was played.
        card: the model card.
        depth_scale: metres per unit that the node was given; None: the card's own.
        recording: the recorded bag.
        counts: recorded messages per topic.
        depths: depth images that arrived.
        frame_rate: depth images per second as they arrived.
        status: the node's last diagnosis of itself.
        files: the pictures that were rendered.
    """

    clip: DemoClip
    card: ModelCard
    depth_scale: float | None
    recording: Path
    counts: Mapping[str, int]
    depths: int
    frame_rate: float
    status: NodeStatus
    files: tuple[Path, ...] = ()

    @property
    def caveat(self) -> str:
        """What must be known about the depth; '' for a trained card in metres."""
        kind = self.status.values.get('depth_kind', 'unknown')
        words: dict[str, str] = {
            DepthKind.METRIC: '',
            DepthKind.RELATIVE: 'relative depth, no metres',
        }
        unit = words.get(kind, kind)
        if self.depth_scale is not None:
            unit = 'scaled by hand'
        trained = self.status.values.get('trained', str(self.card.is_trained).lower()) == 'true'
        return ', '.join(part for part in ('' if trained else 'untrained', unit) if part)


def render_film(result: DemoResult, output: Path) -> DemoResult:
    """Render preview.mp4 and preview.png of a recording; return the result that names them.

    Raises:
        ValueError: no recorded frame is complete.
    """
    film, still = output / 'preview.mp4', output / 'preview.png'
    topic = result.clip.image_topic
    count, scale, rate = _survey(result)
    caption = caption_of(result)
    frames = tqdm(
        read_frames(result.recording, topic),
        total=count,
        desc='Rendering',
        unit=' frames',
        disable=None,
    )
    pictures = (render_picture(frame, scale, caption) for frame in frames)
    _write_film(pictures, film, still, rate, int(count * PREVIEW_AT))
    return replace(result, files=(still, film))


def caption_of(result: DemoResult) -> Caption:
    """Write the lines above the picture."""
    status, card = result.status, result.card
    size = ' x '.join(str(side) for side in card.input_size)
    details = (
        f'{card.network} at {size} on {status.values.get("device", "?")}   '
        f'{result.frame_rate:.1f} frames/s   '
        f'age p50 {status.number("age_p50_ms"):.0f} ms, p95 {status.number("age_p95_ms"):.0f} ms'
        f'   {result.clip.title}'
    )
    return Caption(f'model: {card.name}', result.caveat, details)


def closing_table(result: DemoResult) -> str:
    """Write what went in, what came out, what was dropped and how old it was."""
    status = result.status
    played = result.counts.get(result.clip.image_topic, 0)
    drops = ', '.join(f'{count} {cause}' for cause, count in status.drops.items()) or '0'
    model = result.card.name + (f' ({result.caveat})' if result.caveat else '')
    if result.depth_scale is not None:
        model += f', depth_scale {result.depth_scale:g} chosen for the demo'
    stride = f' (cloud_stride {result.clip.cloud_stride})'
    rows = [
        ('model', model),
        ('frames in the bag', str(result.clip.frames)),
        ('images recorded', str(played)),
        ('frames into the node', f'{status.number("frames_in"):.0f}'),
        ('depth images out', f'{status.number("frames_out"):.0f}, recorded {result.depths}'),
        ('clouds recorded', f'{result.counts.get(CLOUD_TOPIC, 0)}{stride}'),
        ('frames dropped', drops),
        ('rate', f'{result.frame_rate:.1f} depth images/s'),
        (
            'age p50 / p95',
            f'{status.number("age_p50_ms"):.0f} / {status.number("age_p95_ms"):.0f} ms '
            f'from reception to publication',
        ),
        ('recording', str(result.recording)),
        ('pictures', ', '.join(str(file) for file in result.files)),
    ]
    width = max(len(name) for name, _ in rows)
    return '\n'.join(['', *(f'{name:<{width}}  {value}' for name, value in rows)])


def _survey(result: DemoResult) -> tuple[int, Scale, float]:
    """Return how many frames there are, their colours' range, and the film's frame rate."""
    topic = result.clip.image_topic
    stamps = [frame.stamp_ns for frame in read_frames(result.recording, topic)]
    if not stamps:
        raise ValueError(
            f"No frame of '{result.recording}' has an image, a depth and a cloud. The node says: "
            f'{result.status.message}'
        )
    step = max(1, len(stamps) // SAMPLES)
    depths = [f.depth for f in islice(read_frames(result.recording, topic), 0, None, step)]
    relative = result.status.values.get('depth_kind') == DepthKind.RELATIVE
    return len(stamps), choose_scale(depths, '' if relative else 'm'), film_rate(stamps)


def film_rate(stamps_ns: Sequence[int]) -> float:
    """Return the frames per second at which a film runs as fast as the camera did."""
    if len(stamps_ns) < 2:
        return FRAME_RATES[0]
    return float(np.clip(1e9 / max(1.0, float(np.median(np.diff(stamps_ns)))), *FRAME_RATES))


def _write_film(
    pictures: Iterator[Image], film: Path, still: Path, rate: float, still_index: int
) -> None:
    with VideoWriter(film, rate) as writer:
        for index, picture in enumerate(pictures):
            writer.write(picture)
            if index == still_index:
                cv2.imwrite(str(still), picture)
