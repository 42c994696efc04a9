import pytest
from shared_data import shared_data

from mono_depth_ros.datasets.known_splits import KNOWN_SPLITS, check_apart, check_known_split
from mono_depth_ros.datasets.splits import SplitEntry, read_split


@pytest.mark.data
@pytest.mark.parametrize('name', KNOWN_SPLITS)
def test_the_lists_of_the_field_pass(name):
    path = shared_data(f'kitti/splits/{name}.txt')

    assert len(check_known_split(path, name)) == KNOWN_SPLITS[name].lines


@pytest.mark.data
def test_the_training_lists_keep_clear_of_the_test_drives():
    test = read_split(shared_data('kitti/splits/eigen_test.txt'))
    for name in ('eigen_zhou_train', 'eigen_zhou_val'):
        check_apart(read_split(shared_data(f'kitti/splits/{name}.txt')), test, name)


def lines(count, drives=28, side='l'):
    return [
        f'2011_09_26/2011_09_26_drive_{index % drives:04}_sync {index} {side}'
        for index in range(count)
    ]


@pytest.mark.parametrize(
    ('text', 'error'),
    [
        (lines(696), r'it has 696 lines, expected 697\. Copy the list again'),
        ([*lines(696), lines(1)[0]], 'it has 696 different lines, expected 697'),
        (lines(697, drives=27), 'it has 27 drives, expected 28'),
        (lines(697, side='r'), 'it has r cameras, expected l'),
        ([*lines(696), 'drive_0002 5 l'], r"line 'drive_0002 5 l': the folder is not of the form"),
    ],
)
def test_a_list_that_is_not_whole_says_how_it_differs(tmp_path, text, error):
    path = tmp_path / 'eigen.txt'
    path.write_text('\n'.join(text))

    with pytest.raises(ValueError, match=rf'eigen\.txt.*{error}'):
        check_known_split(path, 'eigen_test')


def test_a_whole_list_passes(tmp_path):
    path = tmp_path / 'eigen.txt'
    path.write_text('\n'.join(lines(697)))

    assert check_known_split(path, 'eigen_test')[-1].index == 696


def test_an_unknown_list_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"'eigen'\. Known: eigen_test, eigen_benchmark_test"):
        check_known_split(tmp_path, 'eigen')


def test_training_on_a_drive_of_the_test_list_is_refused():
    first, second = SplitEntry('a', 1, 'l'), SplitEntry('b', 1, 'l')

    with pytest.raises(ValueError, match='mine and theirs share 1 drives, the first is b'):
        check_apart([first, second], [second], 'mine and theirs')
