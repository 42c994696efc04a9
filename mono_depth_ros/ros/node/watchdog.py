"""Name the reason for silence: from facts about one camera to a level and one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from mono_depth_ros.messages.transport import COMPRESSED
from mono_depth_ros.ros.node.limits import Level, Limits, Performance, judge, readable_drops
from mono_depth_ros.types import DepthKind

PERIOD_S = 5
COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'
IMPLAUSIBLE_STAMP_S = 3600.0
MIN_REPEATS = 5  # a driver may send an image twice; a stamp that stands still is another matter
MIN_EMPTY_BITS = 2  # a dark scene leaves one bit empty, a camera of 14, 12 or 10 bits more


@dataclass(frozen=True)
class CameraFacts:
    """Hold what is known about one camera over the last watchdog period.

    Counts are those of the period; `fault` is the last frame's error ('' when it had none);
    `stamp_age` is the ROS clock minus the last image's stamp [s], None without an image;
    `silent` are outputs that somebody subscribes to and that have nothing to publish;
    `foreign_type` is what the image topic carries when it is not `image_type`;
    `batch_limit` is what fits into memory since it ran out, None when it did not;
    `other_transport` is the topic of raw or compressed images that has publishers instead;
    `repeated_stamps` counts the last images that all had one stamp; `image_frame` and
    `info_frame` are the frame_id of the last image and camera_info, None before the first;
    `calibration_changes` counts contradicting camera_info, `info_publishers` names the nodes
    that publish it; `empty_bits` are the upper bits that 16-bit images leave empty;
    `source_note` says how much of the rectified image has no source, if that is much.
    """

    state: str
    node: str = '/depth_node'
    failure: str = ''
    image_topic: str = 'image'
    image_publishers: int = 0
    foreign_type: str = ''
    image_type: str = ''
    other_transport: str = ''
    frames_in: int = 0
    frames_out: int = 0
    subscribed: bool = False
    silent: frozenset[str] = frozenset()
    depth_kind: DepthKind | None = None
    qos_conflict: str = ''
    output_qos_conflict: str = ''
    fault: str = ''
    too_old: int = 0
    max_age: float = 0.0
    waits_for_clock: bool = False
    stamp_age: float | None = None
    unstamped: bool = False
    repeated_stamps: int = 0
    image_frame: str | None = None
    info_frame: str | None = None
    calibration_changes: int = 0
    info_topic: str = 'camera_info'
    info_publishers: tuple[str, ...] = ()
    empty_bits: int = 0
    source_note: str = ''
    batch_limit: int | None = None
    performance: Performance = field(default_factory=Performance)
    limits: Limits = field(default_factory=Limits)


def diagnose(facts: CameraFacts) -> tuple[Level, str]:
    """Return the most telling reason why a camera has no output, or what is odd about it."""
    for level, text in _reasons(facts):
        return level, text
    seen = facts.performance
    rate = '' if seen.fps is None else f'{seen.fps:.1f} Hz, age p95 {seen.age_p95 * 1e3:.0f} ms, '
    return Level.OK, (
        f'running: {rate}{facts.frames_out} frames in the last {PERIOD_S} s, '
        f'dropped: {readable_drops(seen.drops)}'
    )


def _reasons(facts: CameraFacts) -> Iterator[tuple[Level, str]]:
    """Yield reasons in the order in which a person would have to mend them."""
    if facts.state != 'active':
        yield _not_active(facts)
    if facts.qos_conflict:
        yield (
            Level.ERROR,
            (
                f'incompatible QoS on {facts.qos_conflict}: subscribe best effort (the default) '
                'by removing the qos_overrides parameter, or change the publisher'
            ),
        )
    if facts.frames_in == 0:
        yield _no_images(facts)
    if not facts.subscribed:
        yield _nobody_listens(facts)
    if facts.fault:
        yield Level.ERROR, facts.fault
    if facts.frames_out == 0 and facts.too_old:
        yield (
            Level.ERROR,
            (
                f'{facts.too_old} frames were older than max_age {facts.max_age} s when done: the '
                'network is too slow here; take a smaller model, a GPU, or raise max_age'
            ),
        )
    if facts.frames_out == 0:
        yield (
            Level.WARN,
            (
                f'images arrive, but none was finished in the last {PERIOD_S} s: the network is '
                'slow here; take a smaller model, more threads, or a GPU'
            ),
        )
    yield from _oddities(facts)


def _not_active(facts: CameraFacts) -> tuple[Level, str]:
    if facts.failure:
        return Level.ERROR, f'{facts.state}: {facts.failure}'
    if facts.state == 'finalized':
        return Level.WARN, 'the node is finalized: it was shut down for good, start a new one'
    step = 'configure' if facts.state == 'unconfigured' else 'activate'
    return Level.WARN, (
        f'the node is {facts.state}: ros2 lifecycle set {facts.node} {step} '
        '(or autostart:=true at start)'
    )


def _no_images(facts: CameraFacts) -> tuple[Level, str]:
    clock = (
        ' Also, use_sim_time is set but nothing publishes /clock: play the bag with --clock.'
        if facts.waits_for_clock
        else ''
    )
    if facts.image_publishers == 0:
        cure = (
            'is the camera running, is the topic remapped (image:=/your/topic)?'
            if not facts.other_transport
            else _transport_hint(facts)
        )
        return Level.ERROR, f'no publisher on {facts.image_topic}: {cure}{clock}'
    if facts.foreign_type:
        return Level.ERROR, (
            f'{facts.image_topic} carries {facts.foreign_type}, not '
            f'{facts.image_type}: {_type_hint(facts)}'
        )
    return Level.ERROR, (
        f'{facts.image_publishers} publisher(s) on {facts.image_topic}, but no '
        f'image arrives: large images need the Fast DDS profile '
        f'config/fastdds.xml in both processes.{clock}'
    )


def _type_hint(facts: CameraFacts) -> str:
    if facts.foreign_type != COMPRESSED_TYPE:
        return 'remap image:=/your/topic'
    base = facts.image_topic.removesuffix(COMPRESSED)
    return f'start the node with image:={base} image_transport:=compressed'


def _transport_hint(facts: CameraFacts) -> str:
    transport = 'compressed' if facts.other_transport.endswith(COMPRESSED) else 'raw'
    return (
        f'but {facts.other_transport} has one: set image_transport:={transport}, which '
        'applies at the next configure'
    )


def _nobody_listens(facts: CameraFacts) -> tuple[Level, str]:
    if facts.output_qos_conflict:
        return Level.WARN, (
            f'a subscriber of {facts.output_qos_conflict} asks for a QoS that the '
            'publisher does not offer: see qos_overrides'
        )
    if facts.silent:
        return Level.WARN, _silent_outputs(facts)
    return Level.OK, 'nobody subscribes: idle, no inference'


def _silent_outputs(facts: CameraFacts) -> str:
    """Say of outputs that somebody waits for why nothing will come."""
    if _waits_for_metres(facts):
        names = ' and '.join(sorted(facts.silent - {'image_rect'}))
        return (
            f'depth is relative, so {names} stays silent: set depth_scale:=…, or subscribe '
            'to depth_relative/image'
        )
    names = ' and '.join(sorted(facts.silent))
    if 'image_rect' in facts.silent:
        return (
            f'{names} stays silent: the images have no distortion to remove; subscribe to '
            f'{facts.image_topic}'
        )
    return f'depth is {facts.depth_kind}, so {names} stays silent: subscribe to depth/image_rect'


def _waits_for_metres(facts: CameraFacts) -> bool:
    return facts.depth_kind == DepthKind.RELATIVE and bool(facts.silent - {'image_rect'})


def _oddities(facts: CameraFacts) -> Iterator[tuple[Level, str]]:
    if verdict := judge(facts.performance, facts.limits):
        yield verdict
    # Not for every silent output: a layout that shows all of them listens to some in vain.
    if _waits_for_metres(facts):
        yield Level.WARN, f'running, but {_silent_outputs(facts)}'
    if facts.batch_limit is not None:
        yield (
            Level.WARN,
            (
                f'memory ran out: images go through the network {facts.batch_limit} at '
                'a time, and more are tried every minute; end what else uses the '
                'device, or take a smaller model'
            ),
        )
    if facts.waits_for_clock:
        yield (
            Level.WARN,
            (
                'use_sim_time is set but nothing publishes /clock: depth flows, but '
                'play the bag with --clock for everything else'
            ),
        )
    yield from _odd_headers(facts)
    yield from _odd_inputs(facts)
    if facts.output_qos_conflict:
        yield (
            Level.WARN,
            (
                f'a subscriber of {facts.output_qos_conflict} asks for a QoS that the '
                'publisher does not offer: see qos_overrides'
            ),
        )


def _odd_headers(facts: CameraFacts) -> Iterator[tuple[Level, str]]:
    """Name headers with which TF, filters or RViz drop the depth, which carries them on."""
    topic = facts.image_topic
    if facts.unstamped:
        yield (
            Level.WARN,
            (
                f'images on {topic} have no stamp (0): whoever publishes '
                'them must fill header.stamp, or TF and filters cannot use the depth'
            ),
        )
    elif facts.repeated_stamps >= MIN_REPEATS:
        yield (
            Level.WARN,
            (
                f'the last {facts.repeated_stamps + 1} images on {topic} have one stamp: whoever '
                'publishes them must fill header.stamp for each, or TF and filters drop the depth'
            ),
        )
    if facts.stamp_age is not None and abs(facts.stamp_age) > IMPLAUSIBLE_STAMP_S:
        direction = 'older' if facts.stamp_age > 0 else 'newer'
        yield (
            Level.WARN,
            (
                f'image stamps are {readable_span(abs(facts.stamp_age))} {direction} than the '
                'clock: for bag replay set use_sim_time:=true and play with --clock'
            ),
        )
    if facts.image_frame is None:
        return
    if not facts.image_frame.strip():
        yield (
            Level.WARN,
            (
                f'header.frame_id is empty in the images on {topic}: RViz and TF drop the depth; '
                "set the driver's frame_id to the camera's optical frame"
            ),
        )
    elif facts.image_frame.startswith('/'):
        yield (
            Level.WARN,
            (
                f"header.frame_id of the images on {topic} is '{facts.image_frame}': TF refuses "
                "frames that start with a slash; set the driver's frame_id without it"
            ),
        )
    elif facts.info_frame is not None and facts.info_frame != facts.image_frame:
        yield (
            Level.WARN,
            (
                f"the images on {topic} are in frame '{facts.image_frame}', camera_info on "
                f"{facts.info_topic} is in '{facts.info_frame}': depth carries the images' frame; "
                "is this camera_info another camera's?"
            ),
        )


def _odd_inputs(facts: CameraFacts) -> Iterator[tuple[Level, str]]:
    """Name calibrations that contradict each other, and images that use a part of their range."""
    if facts.calibration_changes > 1 and len(facts.info_publishers) > 1:
        yield (
            Level.WARN,
            (
                f'{len(facts.info_publishers)} calibrations on one topic, so depth jumps: '
                f'{facts.info_topic} is published by {", ".join(facts.info_publishers)}; stop all '
                'but one, or remap camera_info:=/the/right/one'
            ),
        )
    if facts.source_note:
        yield Level.WARN, f'{facts.source_note} (camera_info on {facts.info_topic})'
    if facts.empty_bits >= MIN_EMPTY_BITS:
        yield (
            Level.WARN,
            (
                f'the 16-bit images on {facts.image_topic} use only their lower '
                f'{16 - facts.empty_bits} bits, so the network sees them nearly black: let the '
                f'driver multiply them by {2**facts.empty_bits}, or publish 8 bits'
            ),
        )


def readable_span(seconds: float) -> str:
    """Return a time span in the unit a person would choose."""
    for unit, length in (('years', 31557600.0), ('days', 86400.0), ('hours', 3600.0)):
        if seconds >= length:
            return f'{seconds / length:.1f} {unit}'
    return f'{seconds:.0f} s'
