"""The formats that predict_depth writes, and what each of them promises."""

from __future__ import annotations

from collections.abc import Sequence

from mono_depth_ros.types import DepthKind

FORMATS = {
    'picture': 'image and coloured depth: png, of a video mp4',
    'png-mm': '16-bit png, metres = value / 1000, 0 = invalid or beyond 65.535 m',
    'png-kitti': '16-bit png, metres = value / 256, 0 = invalid or beyond 255.996 m',
    'npy': 'float32 metres (or relative depth), NaN = no estimate, +inf = beyond range',
    'ply': 'coloured cloud [m] in the optical frame: x right, y down, z forward',
}
IN_METRES = ('png-mm', 'png-kitti', 'ply')
PER_METRE = {'png-mm': 1000, 'png-kitti': 256}


def check_formats(formats: Sequence[str], kind: DepthKind, has_intrinsics: bool) -> None:
    """Refuse formats that would promise what is not known.

    Raises:
        ValueError: says which, and what to do.
    """
    promising = [form for form in formats if form in IN_METRES]
    if kind == DepthKind.RELATIVE and promising:
        raise ValueError(
            f'{", ".join(promising)} would promise metres, but this depth is relative. Give what '
            'metres need (--intrinsics for a metric card, a measured --depth-scale for any), or '
            'write npy and picture.'
        )
    if 'ply' in formats and not has_intrinsics:
        raise ValueError(
            'ply needs --intrinsics (the YAML file of camera_calibration): without '
            'them nobody knows where a pixel looks.'
        )
