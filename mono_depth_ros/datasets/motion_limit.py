"""From which motion on a camera counts as moving."""

SMALL_WIDTH = 160
# On KITTI a standing car with traffic around it stays below 0.03, a jam creeps at 0.3, a drive is
# above 0.8 (neighbours 0.1 s apart).
MIN_MOTION = 0.2  # [px of SMALL_WIDTH]
