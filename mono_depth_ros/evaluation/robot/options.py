"""How depth is compared with a reference on a robot."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

from mono_depth_ros.evaluation.robot.poses import STILL


@dataclass(frozen=True)
class EvaluationOptions:
    """What depth is compared with, and which pixels and moments count.

    Attributes:
        reference: a topic of PointCloud2 or of depth images, or 'wall:METRES'.
        tolerance: how far the stamps of a frame and its reference may be apart [s].
        time_offset: added to the reference's stamps [s].
        min_depth: true depth below is not compared, predictions are clamped to it [m].
        max_depth: the same above [m].
        min_pixels: fewer pixels with true depth than this are no comparison.
        region: left, top, right, bottom of the part of the image that counts, as shares of its
            size.
        ego_motion: 'still', a topic of Odometry or poses, 'tf:FRAME', or '' where nobody knows.
            A wall is looked at standing still.
        body_frame: what the poses of a topic are about, see RobotMotion.
        camera_frame: in place of the frame_id of the images.
        reference_frame: in place of the frame_id of the reference.
    """

    reference: str
    _: KW_ONLY
    tolerance: float = 0.05
    time_offset: float = 0.0
    min_depth: float = 0.1
    max_depth: float = 80.0
    min_pixels: int = 50
    region: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    ego_motion: str = ''
    body_frame: str = ''
    camera_frame: str = ''
    reference_frame: str = ''

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        parse_reference(self.reference)
        if not 0 <= self.tolerance < float('inf'):
            raise ValueError(f'tolerance is {self.tolerance}; expected 0 or more seconds.')
        if not abs(self.time_offset) < float('inf'):
            raise ValueError(f'time_offset is {self.time_offset}; expected seconds.')
        if not 0 < self.min_depth < self.max_depth < float('inf'):
            raise ValueError(
                f'min_depth {self.min_depth} and max_depth {self.max_depth} span no '
                'range; expected 0 < min_depth < max_depth, in metres.'
            )
        if self.min_pixels < 1:
            raise ValueError(f'min_pixels is {self.min_pixels}; expected 1 or more.')
        left, top, right, bottom = self.region
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                f'region is {list(self.region)}; expected left, top, right, bottom '
                'as shares of the image, such as 0.25 0.25 0.75 0.75.'
            )

    @property
    def is_wall(self) -> bool:
        """Whether the reference is a wall at a known distance."""
        return not self.reference.startswith('/')

    @property
    def effective_ego_motion(self) -> str:
        """Where the camera's motion is known from; before a wall it stands still."""
        return self.ego_motion or (STILL if self.is_wall else '')


def parse_reference(text: str) -> str | float:
    """Read the reference option: a topic, or 'wall:METRES' for a wall at a known distance.

    Returns:
        The topic's name, or the distance [m].

    Raises:
        ValueError: it is neither.
    """
    kind, colon, number = text.partition(':')
    if not colon:
        if text.startswith('/'):
            return text
        raise ValueError(
            f"reference is '{text}'; expected a topic such as /velodyne_points, or "
            'wall:METRES such as wall:2.0.'
        )
    try:
        distance = float(number)
    except ValueError:
        distance = float('nan')
    if kind != 'wall' or not 0 < distance < float('inf'):
        raise ValueError(
            f"reference is '{text}'; a wall is written wall:METRES, such as "
            'wall:2.0, with metres above 0.'
        )
    return distance
