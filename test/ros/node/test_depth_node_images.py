"""What goes in comes out right: every encoding, every calibration, over DDS in two processes."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from ros_harness import camera_info, image
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2

from mono_depth_ros.messages.point_cloud import unpack_cloud

SIZE = (48, 96)
UNIT = 1 / (0.01 + 9.99 * 0.5)  # depth of disparity 0.5 between 0.1 and 100


def cloud_of(message: PointCloud2):
    return unpack_cloud(message.data, message.height, message.width)


def depth_of(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.float32).reshape(message.height, message.width)


def with_padding(rows: np.ndarray, padding: int) -> bytes:
    return np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()


RGB = np.random.default_rng(3).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
GRAY = RGB[..., 0]
ALPHA = np.full((*SIZE, 1), 9, np.uint8)
GRAY16 = GRAY.astype(np.uint16) * 257
LOSSLESS = {
    'rgb8': (RGB, RGB),
    'bgr8': (RGB[..., ::-1], RGB),
    'rgba8': (np.dstack([RGB, ALPHA]), RGB),
    'bgra8': (np.dstack([RGB[..., ::-1], ALPHA]), RGB),
    'mono8': (GRAY, np.dstack([GRAY] * 3)),
    'mono16': (GRAY16, np.dstack([GRAY] * 3)),
}


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize(
    ('encoding', 'big_endian'), [*((name, False) for name in LOSSLESS), ('mono16', True)]
)
def test_every_pixel_arrives_in_its_color(configured, encoding, big_endian, padding):
    probe = configured(depth_scale=10.0)
    clouds = probe.listen('points', PointCloud2)
    pixels, expected = LOSSLESS[encoding]
    if big_endian:
        pixels = pixels.astype('>u2')
    rows = np.ascontiguousarray(pixels).reshape(SIZE[0], -1).view(np.uint8)
    message = Image(
        height=SIZE[0],
        width=SIZE[1],
        encoding=encoding,
        is_bigendian=big_endian,
        step=rows.shape[1] + padding,
    )
    message.data.frombytes(with_padding(rows, padding))
    images, infos = probe.advertise('image', Image), probe.advertise('camera_info', CameraInfo)

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    probe.spin_until(lambda: clouds, 'a cloud', each=publish)

    np.testing.assert_array_equal(cloud_of(clouds[0])[1], expected)


def flat(encoding: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of one-coloured images whose decoding is exact, and the colour."""
    height, width = SIZE
    luma = np.full((height, width), 126, np.uint8)
    gray = np.full((height, width, 3), 128, np.uint8)
    if encoding == 'nv12':
        return np.vstack([luma, np.full((height // 2, width), 128, np.uint8)]), gray
    chroma = np.full((height, width), 128, np.uint8)
    pair = (chroma, luma) if encoding in ('yuv422', 'uyvy') else (luma, chroma)
    return np.dstack(pair).reshape(height, -1), gray


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_every_bayer_pattern_arrives_in_its_color(configured, pattern):
    probe = configured(depth_scale=10.0)
    clouds = probe.listen('points', PointCloud2)
    color = {'r': 200, 'g': 100, 'b': 50}
    tile = np.array([color[letter] for letter in pattern], np.uint8).reshape(2, 2)
    message = Image(height=SIZE[0], width=SIZE[1], encoding=f'bayer_{pattern}8', step=SIZE[1])
    message.data.frombytes(np.tile(tile, (SIZE[0] // 2, SIZE[1] // 2)).tobytes())
    images, infos = probe.advertise('image', Image), probe.advertise('camera_info', CameraInfo)

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    probe.spin_until(lambda: clouds, 'a cloud', each=publish)

    assert np.unique(cloud_of(clouds[0])[1].reshape(-1, 3), axis=0).tolist() == [[200, 100, 50]]


@pytest.mark.parametrize('encoding', ['yuv422', 'uyvy', 'yuyv', 'nv12'])
def test_video_encodings_arrive(configured, encoding):
    probe = configured(depth_scale=10.0)
    clouds = probe.listen('points', PointCloud2)
    rows, expected = flat(encoding)
    message = Image(height=SIZE[0], width=SIZE[1], encoding=encoding, step=rows.shape[1])
    message.data.frombytes(rows.tobytes())
    images, infos = probe.advertise('image', Image), probe.advertise('camera_info', CameraInfo)

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    probe.spin_until(lambda: clouds, 'a cloud', each=publish)

    difference = cloud_of(clouds[0])[1].astype(int) - expected
    assert abs(difference).max() <= 1


def test_constant_disparity_is_a_fronto_parallel_plane(configured):
    probe = configured(depth_scale=10.0, cloud_stride=3)
    clouds = probe.listen('points', PointCloud2)

    probe.spin_until(lambda: clouds, 'a cloud', each=probe.replay(SIZE))
    points, _ = cloud_of(clouds[0])

    u, v = np.meshgrid(np.arange(0, 96, 3), np.arange(0, 48, 3))
    plane = np.dstack([(u - 47.5) / 48, (v - 23.5) / 48, np.ones_like(u)]) * UNIT * 10
    np.testing.assert_allclose(points, plane, atol=1e-4)
    assert (clouds[0].height, clouds[0].width, clouds[0].is_dense) == (16, 32, False)


def test_outputs_carry_the_stamp_and_frame_of_their_image(configured):
    probe = configured(depth_scale=10.0)
    depths, infos = (
        probe.listen('depth/image_rect', Image),
        probe.listen('depth/camera_info', CameraInfo),
    )

    probe.spin_until(lambda: depths and infos, 'depth', each=probe.replay(SIZE, start=1000))

    header = depths[0].header
    assert header.frame_id == 'camera_optical'
    assert (header.stamp.sec, header.stamp.nanosec) in [(1000 + n, 0) for n in range(1, 100)]
    assert header.stamp in [info.header.stamp for info in infos]
    assert (depths[0].encoding, depths[0].height, depths[0].width) == ('32FC1', *SIZE)


def test_roi_and_binning_are_applied_to_K_and_cleared(configured):
    probe = configured(depth_scale=10.0)
    infos = probe.listen('depth/camera_info', CameraInfo)
    probe.listen('depth/image_rect', Image)
    full = camera_info((480, 640), binning_x=2, binning_y=2)
    full.roi.x_offset, full.roi.y_offset, full.roi.width, full.roi.height = 100, 40, 192, 96

    probe.spin_until(lambda: infos, 'camera_info', each=probe.replay(SIZE, full))

    K = np.array(infos[0].k).reshape(3, 3)
    np.testing.assert_allclose(
        K, [[160, 0, (319.5 - 100) / 2], [0, 160, (239.5 - 40) / 2], [0, 0, 1]]
    )
    np.testing.assert_array_equal(np.array(infos[0].p).reshape(3, 4)[:, :3], K)
    assert (infos[0].height, infos[0].width) == SIZE
    assert infos[0].binning_x == 0 and infos[0].roi.width == 0 and not any(infos[0].d)


def test_raw_images_with_distortion_are_rectified_and_registered(configured):
    probe = configured(depth_scale=10.0)
    depths, rectified = probe.listen('depth/image_rect', Image), probe.listen('image_rect', Image)
    infos = probe.listen('depth/camera_info', CameraInfo)
    distorted = camera_info(SIZE, d=[-0.4, 0.1, 0.0, 0.0, 0.0])
    p = [40.0, 0.0, 47.0, 0.0, 0.0, 40.0, 23.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    distorted.p = p

    probe.spin_until(
        lambda: depths and rectified and infos,
        'rectified outputs',
        each=probe.replay(SIZE, distorted),
    )

    assert list(infos[0].p) == p and not any(infos[0].d)
    assert np.array(infos[0].k).reshape(3, 3)[0].tolist() == [40.0, 0.0, 47.0]
    shown = np.frombuffer(rectified[0].data, np.uint8).reshape(*SIZE, 3)
    sent = np.frombuffer(image(SIZE, rectified[0].header.stamp.sec).data, np.uint8)
    K, D = np.array(distorted.k).reshape(3, 3), np.array(distorted.d)
    expected = cv2.undistort(
        sent.reshape(*SIZE, 3), K, D, newCameraMatrix=np.array(p).reshape(3, 4)[:, :3]
    )
    inside = np.isfinite(depth_of(depths[0]))
    assert 0.3 < inside.mean() <= 1.0
    assert abs(shown.astype(int) - expected)[inside].mean() < 3.0


def test_rectified_input_ignores_D_and_uses_P(configured):
    probe = configured(depth_scale=10.0, input='rectified')
    infos = probe.listen('depth/camera_info', CameraInfo)
    info = camera_info(SIZE, d=[-0.4, 0.1, 0.0, 0.0, 0.0])
    info.p = [33.0, 0.0, 40.0, -5.0, 0.0, 34.0, 20.0, 0.0, 0.0, 0.0, 1.0, 0.0]

    probe.spin_until(lambda: infos, 'camera_info', each=probe.replay(SIZE, info))

    assert list(infos[0].k) == [33.0, 0.0, 40.0, 0.0, 34.0, 20.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ('size', 'network'),
    [
        ((60, 80), 'network at 128x96'),
        ((54, 96), 'network at 128x64'),
        ((50, 170), 'network at 192x64'),
    ],
)
def test_cameras_keep_their_aspect_and_depth_their_size(configured, shared_process, size, network):
    probe = configured(depth_scale=10.0)
    depths = probe.listen('depth/image_rect', Image)

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(size))

    assert (depths[0].height, depths[0].width) == size
    assert f'{size[1]}x{size[0]} images, {network}' in shared_process[1].log()


def test_sixteen_bit_depth_is_in_millimetres(configured):
    probe = configured(depth_scale=10.0, depth_encoding='16UC1')
    depths = probe.listen('depth/image_rect', Image)

    probe.spin_until(lambda: depths, 'depth', each=probe.replay(SIZE))

    assert depths[0].encoding == '16UC1' and depths[0].step == 2 * SIZE[1]
    assert set(np.frombuffer(depths[0].data, np.uint16)) == {round(UNIT * 10 * 1000)}


def test_beyond_range_is_infinite_and_too_near_is_nan(configured):
    probe = configured(depth_scale=10.0, max_depth=1.5)
    depths = probe.listen('depth/image_rect', Image)
    replay = probe.replay(SIZE)

    probe.spin_until(lambda: depths, 'depth', each=replay)
    assert np.isposinf(depth_of(depths[-1])).all()
    assert probe.set_parameters(max_depth=80.0, min_depth=5.0) == []
    probe.spin_until(lambda: np.isnan(depth_of(depths[-1])).all(), 'NaN', each=replay)


def test_colors_and_compressed_images(configured):
    probe = configured(depth_scale=10.0, image_transport='compressed')
    colors = probe.listen('depth/color', Image)
    images = probe.advertise('image/compressed', CompressedImage)
    infos = probe.advertise('camera_info', CameraInfo)
    message = CompressedImage(format='rgb8; jpeg compressed bgr8')
    message.data.frombytes(cv2.imencode('.jpg', RGB[..., ::-1])[1].tobytes())

    def publish() -> None:
        infos.publish(camera_info(SIZE))
        images.publish(message)

    probe.spin_until(lambda: colors, 'colours', each=publish)

    assert (colors[0].encoding, colors[0].height, colors[0].width) == ('bgr8', *SIZE)
    assert len(np.unique(np.frombuffer(colors[0].data, np.uint8).reshape(-1, 3), axis=0)) == 1


def test_two_cameras_are_one_batch(configured):
    probe = configured(depth_scale=10.0, cameras=['front', 'rear'])
    front, rear = (probe.listen(f'{name}/depth/image_rect', Image) for name in ('front', 'rear'))
    replays = [probe.replay(SIZE, topic='front/image'), probe.replay((60, 80), topic='rear/image')]

    def publish() -> None:
        for replay in replays:
            replay()

    diagnostics = probe.listen('/diagnostics', DiagnosticArray)

    def batched() -> bool:
        pairs = [
            pair for array in diagnostics for status in array.status for pair in status.values
        ]
        return any(pair.key == 'batch' and pair.value == '2' for pair in pairs)

    probe.spin_until(lambda: front and rear and batched(), 'a batch of two', each=publish)

    assert (front[0].height, front[0].width) == SIZE
    assert (rear[0].height, rear[0].width) == (60, 80)
