"""Print which shifts of a lidar's stamps are found: python clocks_on_kitti.py.

The lidar of KITTI drive 0052, a crawling jam, beside the depth of a model card.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.headline import headline

from mono_depth_ros.bags.writer import BagWriter
from mono_depth_ros.datasets.image_files import read_image
from mono_depth_ros.datasets.kitti.calibration import FILE_NAME, read_camera
from mono_depth_ros.datasets.kitti.drive import frame_files
from mono_depth_ros.evaluation.lidar import read_scan, velodyne_projection
from mono_depth_ros.evaluation.robot.from_bag import evaluate_bag
from mono_depth_ros.evaluation.robot.options import EvaluationOptions
from mono_depth_ros.inference.cards.model_card import DEFAULT_CARD, load_card
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.predictor import Predictor

DRIVE = Path('../shared/data/kitti/test/2011_09_26/2011_09_26_drive_0052_sync')
FRAMES, PERIOD = 52, 100_000_000  # then the car stands
START = 1_317_038_400_000_000_000
SHIFTS = (0.0, 0.1, -0.3, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', default=DEFAULT_CARD)
    card = load_card(parser.parse_args().model)
    print(headline('torch'))
    print(f'{card.name}, {FRAMES} frames of {DRIVE.name}')
    estimate = Predictor(DepthEstimator(card))
    with tempfile.TemporaryDirectory() as folder:
        for shift in SHIFTS:
            path = Path(folder) / f'shifted by {shift}'
            write_bag(path, round(shift * 1e9))
            found = evaluate_bag(path, estimate, EvaluationOptions('/velodyne_points')).shift
            print(f'| {shift:+.2f} s | {found.state}, {found.seconds:+.2f} s |')


def write_bag(path: Path, shift: int) -> None:
    """Write camera and lidar; the lidar's stamps are `shift` [ns] late."""
    camera = read_camera(DRIVE.parent / FILE_NAME, 2)
    camera_from_scanner = np.eye(4)
    camera_from_scanner[:3] = np.linalg.inv(camera.K) @ velodyne_projection(DRIVE.parent, 2)
    with BagWriter(path) as bag:
        bag.write_transforms('/tf_static', START, [('camera', 'scanner', camera_from_scanner)])
        bag.write_camera_info('/camera_info', START, 'camera', camera.size, camera.K)
        for index in range(FRAMES):
            stamp = START + index * PERIOD
            image = frame_files(DRIVE / 'image_02')[index]
            points = read_scan(DRIVE / 'velodyne_points' / 'data' / f'{index:010}.bin')
            bag.write_image('/image', stamp, 'camera', 'rgb8', read_image(image))
            bag.write_cloud(
                '/velodyne_points',
                stamp + shift,
                'scanner',
                points.astype(np.float32),
                ('x', 'y', 'z'),
                log_time_ns=stamp,
            )


if __name__ == '__main__':
    main()
