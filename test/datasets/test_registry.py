"""Data sets by name: a wrong name or option is named, and a bug inside one is not hidden."""

import pytest

from mono_depth_ros.datasets import registry
from mono_depth_ros.datasets.registry import (
    DataRequest,
    StreetOptions,
    list_datasets,
    open_dataset,
    register_dataset,
)
from mono_depth_ros.datasets.street.data import StreetData

REQUEST = DataRequest(
    root='.', split='', stereo_split='', size=(64, 96), offsets=(-1, 1), stereo=False,
    hints=False, keep=False,
)  # fmt: skip


def test_the_request_and_the_options_reach_the_data_set():
    data = open_dataset('street', REQUEST, {'frames': 5, 'seed': 7})

    assert isinstance(data, StreetData)
    assert (data.size, data.offsets, data.frames) == ((64, 96), (-1, 1), 5)


def test_an_unknown_data_set_is_named_with_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown data 'rosbags'\. Did you mean 'rosbag'\?"):
        open_dataset('rosbags', REQUEST, {})


@pytest.mark.parametrize(
    ('name', 'option', 'nearest'),
    [
        ('kitti_raw', 'lables', 'labels'),
        ('rosbag', 'image_topics', 'image_topic'),
        ('image_sequence', 'intrinsic', 'intrinsics'),
        ('cityscapes', 'keep_row', 'keep_rows'),
        ('ddad', 'camera', 'cameras'),
        ('street', 'frame', 'frames'),
    ],
)
def test_an_unknown_option_is_named_with_the_nearest(name, option, nearest):
    with pytest.raises(ValueError, match=rf"'{option}'\. Did you mean '{nearest}'\?"):
        open_dataset(name, REQUEST, {option: 1})


def test_neighbours_are_asked_for_once():
    with pytest.raises(ValueError, match="'rosbag' has no option 'offsets'"):
        open_dataset('rosbag', REQUEST, {'offsets': (1,)})


def test_an_error_inside_a_data_set_is_its_own(monkeypatch):
    monkeypatch.setattr(registry, '_DATASETS', {})

    @register_dataset('broken', StreetOptions)
    def broken(request, options):
        return len(options.frames)

    assert list_datasets() == ['broken']
    with pytest.raises(TypeError, match='has no len'):
        open_dataset('broken', REQUEST, {})
