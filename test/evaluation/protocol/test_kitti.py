import numpy as np
import pytest
from kitti_folder import write_day, write_depth, write_image, write_split
from shared_data import shared_data

from mono_depth_ros.evaluation.protocol.evaluate import compare, merge_flipped
from mono_depth_ros.evaluation.protocol.kitti import evaluate_kitti, open_split
from mono_depth_ros.evaluation.protocol.options import KITTI_SPLITS
from mono_depth_ros.evaluation.protocol.samples import Frame

SIZE = (40, 60)
CENTRE = (slice(18, 30), slice(10, 50))  # inside Garg's crop


def frame(depth: np.ndarray) -> Frame:
    image = np.zeros((*depth.shape, 3), np.uint8)
    return Frame('a frame', image, np.eye(3), depth, depth > 0)


def grey(level: int) -> np.ndarray:
    return np.full((*SIZE, 3), level, np.uint8)


def brightness(images):
    """Predict 1 / brightness metres of depth: a grey image of 8 is 8 m away."""
    return [1 / image[..., 0].astype(np.float32) for image in images]


@pytest.fixture
def root(tmp_path):
    """Two frames, 10 m and 20 m away, in images of brightness 10 and 40."""
    write_day(tmp_path, SIZE)
    for index, (metres, level) in enumerate([(10, 10), (20, 40)]):
        depth = np.zeros(SIZE)
        depth[CENTRE] = metres
        write_depth(tmp_path, index, depth, 'velodyne_raw')
        write_image(tmp_path, index, grey(level))
    write_split(tmp_path, 0, 1)
    return tmp_path


def evaluate(predict, root, **options):
    return evaluate_kitti(predict, root, root / 'split.txt', 'projected', **options)


def test_prediction_is_resized_before_it_is_inverted():
    true = np.full((1, 4), 1.0)

    result = compare(frame(true), np.array([[1.0, 0.25]]))

    # bilinear between 1 and 1/4: 1, 13/16, 7/16, 1/4; resized depths would be 1, 1.75, 3.25, 4
    errors = [0, 16 / 13 - 1, 16 / 7 - 1, 3]
    assert result.unscaled.abs_rel == pytest.approx(np.mean(errors), rel=1e-6)


def test_median_scaling_is_by_the_masked_pixels_alone():
    true = np.array([[4.0, 4.0, 4.0, 0.0, 0.0]])

    result = compare(frame(true), np.array([[0.5, 0.5, 0.5, 9.0, 9.0]]))

    assert result.scale == 2 and result.pixels == 3
    assert result.median_scaled.abs_rel == 0 and result.unscaled.abs_rel == 0.5


def test_clamp_comes_after_median_scaling():
    true = np.array([[10.0, 10.0, 10.0]])

    result = compare(frame(true), 1 / np.array([[100.0, 100.0, 1000.0]]))

    # times 0.1: 10, 10 and 100, clamped to 80; unscaled all are clamped to 80
    assert result.median_scaled.abs_rel == pytest.approx(7 / 3)
    assert result.unscaled.abs_rel == pytest.approx(7)


def test_factor_turns_units_into_metres_without_touching_the_scaled_figures():
    true = np.full((2, 3), 5.4)

    result = compare(frame(true), np.ones((2, 3)), factor=5.4)

    assert result.unscaled.abs_rel == pytest.approx(0) and result.scale == pytest.approx(1)


def test_every_image_counts_the_same_and_its_scale_is_reported(root):
    result = evaluate(brightness, root)

    assert [image.scale for image in result.images] == pytest.approx([1, 0.5])
    assert result.unscaled.abs_rel == pytest.approx((0 + 1) / 2)
    assert result.median_scaled.abs_rel == pytest.approx(0)
    assert result.scale == pytest.approx(0.75)
    assert result.scale_spread == pytest.approx(0.25 / 0.75)
    assert [image.pixels for image in result.images] == [12 * 40] * 2


def test_depth_factor_gets_each_cameras_intrinsics_and_size(root):
    seen = []

    def half(K, size):
        seen.append((K[0, 0], size))
        return 0.5

    result = evaluate(brightness, root, depth_factor=half)

    assert seen == [(50, SIZE)] * 2
    assert [image.unscaled.abs_rel for image in result.images] == pytest.approx([0.5, 0], abs=1e-6)


def test_batches_do_not_change_the_result_and_progress_comes_per_image(root):
    sizes, names = [], []

    def predict(images):
        sizes.append(len(images))
        return brightness(images)

    together = evaluate(predict, root, batch_size=8)
    apart = evaluate(predict, root, batch_size=1, on_image=lambda image: names.append(image.name))

    assert together == apart and sizes == [2, 1, 1]
    assert names == [image.name for image in apart.images]


def test_flip_predicts_the_mirrored_image_and_mirrors_it_back(root):
    ramp = grey(0)
    ramp[..., 0] = np.arange(60) + 10
    write_image(root, 0, ramp)

    flipped, plain = (evaluate(brightness, root, flip=flip) for flip in (True, False))

    assert flipped.images[0].unscaled == pytest.approx(plain.images[0].unscaled, rel=1e-6)


def test_flip_halves_the_error_of_one_sided_predictions(root):
    def left_is_wrong(images):
        predictions = brightness(images)
        for prediction in predictions:
            prediction[:, :30] *= 2
        return predictions

    result = evaluate(left_is_wrong, root, flip=True)

    # everywhere the mean of right and doubled inverse depth: 2/3 of the depth
    assert result.images[0].unscaled.abs_rel == pytest.approx(1 / 3, rel=1e-6)


def test_flip_weights_trust_one_prediction_at_each_border():
    width = 101  # columns are percent of the width
    prediction, of_mirrored = np.full((1, width), 3.0), np.full((1, width), 1.0)

    (merged,) = merge_flipped(prediction, of_mirrored)

    assert merged[:6] == pytest.approx(1)  # the mirrored image alone
    assert merged[95:] == pytest.approx(3)
    assert merged[10:91] == pytest.approx(2)
    assert merged[7] == pytest.approx(0.6 * 1 + 0.4 * 2)  # 1 - 20 (0.07 - 0.05) = 0.6
    assert merged[93] == pytest.approx(0.6 * 3 + 0.4 * 2)


@pytest.mark.parametrize('bad', [0.0, -1.0, np.nan, np.inf])
def test_a_diverged_prediction_is_named(root, bad):
    def predict(images):
        predictions = brightness(images)
        predictions[-1][3, 4] = bad
        return predictions

    with pytest.raises(ValueError, match=r'_sync 1 l.* 1 of 2400 pixels.*diverged'):
        evaluate(predict, root)


def test_a_prediction_with_channels_is_refused(root):
    with pytest.raises(ValueError, match=r'shape \(40, 60, 1\); expected \(h, w\)'):
        evaluate(lambda images: [p[..., None] for p in brightness(images)], root)


def test_one_prediction_for_many_images_is_refused(root):
    with pytest.raises(ValueError, match='returned 1 inverse depths for 2 images'):
        evaluate(lambda images: brightness(images[:1]), root)


def test_missing_root_is_named(root):
    with pytest.raises(FileNotFoundError, match=r"nowhere' is no folder.*2011_09_26"):
        evaluate_kitti(brightness, root / 'nowhere', root / 'split.txt')


def test_wrong_choices_are_refused(root):
    with pytest.raises(ValueError, match='expected lidar, lidar_z, projected, dense'):
        evaluate_kitti(brightness, root, root / 'split.txt', 'laser')
    with pytest.raises(ValueError, match='batch_size is 0; expected 1 or more'):
        evaluate(brightness, root, batch_size=0)


@pytest.mark.data
@pytest.mark.parametrize('place', ['splits/eigen_test.txt', 'splits/eigen/test_files.txt'])
def test_the_papers_split_is_found_where_people_put_it_and_checked(root, place):
    lists = shared_data('kitti/splits')
    path = root / place
    path.parent.mkdir(parents=True)
    text = (lists / 'eigen_test.txt').read_text()
    path.write_text(text)

    found, entries = open_split(root, 'eigen')

    assert found == path and len(entries) == 697
    path.write_text(text[: text.rstrip().rindex('\n')])
    with pytest.raises(ValueError, match=r'is not eigen_test .*: it has 696 lines, expected 697'):
        open_split(root, 'eigen')


@pytest.mark.data
def test_the_benchmark_s_split_has_652_lines_and_improved_ground_truth():
    lists = shared_data('kitti/splits')

    _, entries = open_split(lists.parent / 'test', 'eigen_benchmark')  # beside the root

    assert len(entries) == 652
    assert KITTI_SPLITS['eigen_benchmark'] == ('eigen_benchmark_test', 'dense')


def test_a_missing_split_says_where_it_comes_from(root):
    with pytest.raises(FileNotFoundError, match=r'697 lines.*eigen/test_files.txt.*monodepth2'):
        open_split(root, 'eigen')
    with pytest.raises(FileNotFoundError, match='652 lines'):
        open_split(root, 'eigen_benchmark')


def test_a_file_of_ones_own_is_read_as_it_is(root):
    path, entries = open_split(root, str(root / 'split.txt'))

    assert path == root / 'split.txt' and [entry.index for entry in entries] == [0, 1]
