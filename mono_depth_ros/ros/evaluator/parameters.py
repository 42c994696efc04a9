"""Parameters of `replay_evaluator`: those of EvaluationOptions, and what a live node needs."""

from __future__ import annotations

from typing import Any

from mono_depth_ros.evaluation.robot.options import EvaluationOptions

_DEFAULTS = EvaluationOptions('wall:1')

# Name: default and description. All are read once, at the start.
PARAMETERS: dict[str, tuple[Any, str]] = {
    'reference': (
        '',
        'Topic of a lidar (PointCloud2) or of depth images (32FC1, 16UC1), or '
        'wall:METRES for a wall at a known distance [m].',
    ),
    'reference_info': ('', 'CameraInfo of a depth topic. Empty: camera_info beside it.'),
    'extrinsics': (
        '',
        'YAML file of transforms between camera and reference, needed where '
        'tf2_msgs is not installed; wins over /tf_static.',
    ),
    'image_transport': ('raw', 'raw: ages count from image; compressed: from image/compressed.'),
    'tolerance': (
        _DEFAULTS.tolerance,
        'How far stamps of a frame and its reference may be apart [s].',
    ),
    'time_offset': (_DEFAULTS.time_offset, "Added to the reference's stamps [s]."),
    'min_depth': (_DEFAULTS.min_depth, 'Nearer true depth is not compared [m].'),
    'max_depth': (_DEFAULTS.max_depth, 'Farther true depth is not compared [m].'),
    'min_pixels': (_DEFAULTS.min_pixels, 'Number of pixels with true depth that a frame needs.'),
    'region': (
        list(_DEFAULTS.region),
        'Part of the image that counts: left, top, right, bottom as shares of its size.',
    ),
    'ego_motion': (
        _DEFAULTS.ego_motion,
        'still, a topic of Odometry or poses, or tf:FRAME; for flicker, and between stamps.',
    ),
    'body_frame': (_DEFAULTS.body_frame, 'What the poses of a topic are about.'),
    'camera_frame': (_DEFAULTS.camera_frame, 'In place of the frame_id of the depth images.'),
    'reference_frame': (_DEFAULTS.reference_frame, 'In place of the frame_id of the reference.'),
    'thresholds': (
        [''],
        "Limits such as ['max_abs_rel=0.2', 'min_a1=0.8']: diagnostics turn to "
        'ERROR, and the exit code is 3, where one does not hold.',
    ),
    'window': (100, 'How many of the last frames the rolling figures are about.'),
    'output': ('', 'JSON file that is written at the end.'),
}
