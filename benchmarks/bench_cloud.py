"""Print what an organised cloud costs: python benchmarks/bench_cloud.py.

From depth and colours to the message, as the node does it, over what it cannot cost less than:
one copy of the message's bytes.
"""

import os

os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')  # as the node has it

import numpy as np
import torch
from common.headline import headline
from common.tables import Table
from common.timing import side_by_side
from std_msgs.msg import Header

from mono_depth_ros.datasets.street.raycast import Street, render_frame
from mono_depth_ros.geometry.camera import backproject
from mono_depth_ros.messages.point_cloud import pack_cloud
from mono_depth_ros.ros.conversions import cloud_message

SIZES, STRIDES = ((375, 1242), (480, 640), (1080, 1920)), (1, 2, 4)


def main() -> None:
    print(
        f'{headline("rclpy", "torch", "numpy")}, {torch.get_num_threads()} threads; medians [ms]\n'
    )
    table = Table(
        image=9,
        stride=6,
        points=8,
        MB=6,
        backproject=11,
        pack=6,
        whole=7,
        copy=6,
        whole_over_copy=15,
    )
    for size in SIZES:
        frame = render_frame(Street(), 0, size)
        for stride in STRIDES:
            row(table, frame.depth.astype(np.float32), frame.image, frame.K, stride)


def row(table: Table, depth: np.ndarray, image: np.ndarray, K: np.ndarray, stride: int) -> None:
    K = torch.from_numpy(K.astype(np.float32))
    rgb = image[::stride, ::stride]
    points = backproject(torch.from_numpy(depth), K, stride).numpy()
    packed = pack_cloud(points, rgb)
    place = np.empty_like(packed)

    def whole() -> object:
        lifted = backproject(torch.from_numpy(depth), K, stride).numpy()
        return cloud_message(Header(), lifted, image[::stride, ::stride])

    times = side_by_side(
        {
            'backproject': lambda: backproject(torch.from_numpy(depth), K, stride),
            'pack': lambda: pack_cloud(points, rgb),
            'whole': whole,
            'copy': lambda: np.copyto(place, packed),
        },
        seconds=0.5,
    )
    table.row(
        f'{image.shape[0]}x{image.shape[1]}',
        stride,
        points.shape[0] * points.shape[1],
        f'{packed.nbytes / 1e6:.2f}',
        *(f'{milliseconds:.3f}' for milliseconds in times.values()),
        f'{times["whole"] / times["copy"]:.1f}',
    )


if __name__ == '__main__':
    main()
