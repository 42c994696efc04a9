import pytest
import torch
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.complexity import count_parameters
from mono_depth_ros.networks.layers.blocks import OffsetUpsample
from mono_depth_ros.networks.ra_depth import ExchangeColumn


def on_meta():
    with torch.device('meta'):
        return create_network('ra_depth')


def pass_through(column):
    """Let every convolution of a column of single channels return what it is given."""
    with torch.no_grad():
        for parameter in column.parameters():
            parameter.zero_()
            if parameter.ndim == 4:
                middle = parameter.shape[-1] // 2
                parameter[:, :, middle, middle] = 1.0
    return column


def test_a_column_adds_to_each_map_all_coarser_ones():
    column = pass_through(ExchangeColumn((1, 1, 1)))
    quarter = torch.zeros(1, 1, 8, 8)
    eighth = torch.arange(16.0).view(1, 1, 4, 4)
    sixteenth = torch.tensor([[[[100.0, 200.0], [300.0, 400.0]]]])

    first, second = column([quarter, eighth, sixteenth])

    assert second[0, 0, 0].tolist() == [100, 101, 202, 203]
    assert first[0, 0, 1].tolist() == [100, 100, 101, 101, 202, 202, 203, 203]
    assert first[0, 0, 6].tolist() == [312, 312, 313, 313, 414, 414, 415, 415]


def test_learned_offsets_double_and_larger_factors_repeat_pixels():
    column = ExchangeColumn((1, 1, 1), offset_upsampling=True)

    enlarging = [[type(lift.upsample) for lift in lifts] for lifts in column.lift]

    assert enlarging == [[OffsetUpsample, nn.Upsample], [OffsetUpsample]]


def test_columns_lose_their_coarsest_map_until_one_is_left():
    columns = on_meta().columns

    widths = [[conv.conv.out_channels for conv in column.refine] for column in columns]
    assert widths == [[18, 36, 72, 144], [18, 36, 72], [18, 36]]
    assert [[len(lifts) for lifts in column.lift] for column in columns] == [
        [3, 2, 1], [2, 1], [1]]  # fmt: skip


def test_maps_are_lifted_after_they_are_enlarged():
    column = ExchangeColumn((1, 1)).eval()
    sizes = []
    column.lift[0][0].conv.register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[2:]))

    column([torch.zeros(1, 1, 4, 6), torch.zeros(1, 1, 2, 3)])

    assert sizes == [(4, 6)]


@pytest.mark.slow
def test_decoder_has_the_parameters_of_the_published_file():
    network = on_meta()

    decoder = count_parameters(network) - count_parameters(network.encoder)
    assert (count_parameters(network.encoder), decoder) == (9_562_260, 416_589)


@pytest.mark.slow
def test_there_is_one_disparity_and_features_down_to_a_quarter():
    output = on_meta()(torch.empty(2, 3, 64, 96, device='meta'))

    assert len(output.disparities) == 1
    assert [tuple(x.shape[1:]) for x in output.features] == [
        (16, 64, 96), (64, 32, 48), (18, 16, 24)]  # fmt: skip
