"""What the headers of one camera's messages say: stamps and frames, as far as they are odd."""

from __future__ import annotations

from dataclasses import dataclass

from std_msgs.msg import Header

from mono_depth_ros.stamps import stamp_ns


@dataclass
class Headers:
    """Hold the last headers of a camera's images and camera_info.

    Attributes:
        stamp: the last image's stamp [ns]; None before the first one.
        image_frame: its frame_id.
        info_frame: that of the last camera_info; None before the first one.
        repeats: images in a row with the stamp of the one before.
    """

    stamp: int | None = None
    image_frame: str | None = None
    info_frame: str | None = None
    repeats: int = 0

    def note_image(self, header: Header) -> None:
        """Take in the header of an image."""
        stamp = stamp_ns(header.stamp)
        self.repeats = self.repeats + 1 if stamp == self.stamp else 0
        self.stamp, self.image_frame = stamp, header.frame_id

    def note_info(self, header: Header) -> None:
        """Take in the header of a camera_info."""
        self.info_frame = header.frame_id
