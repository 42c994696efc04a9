import numpy as np
import pytest
import torch

from mono_depth_ros.inference.preprocessing import legal_size, to_network_input


@pytest.mark.parametrize(
    ('image_size', 'card_size', 'expected'),
    [
        ((375, 1242), (192, 640), (192, 640)),  # 3.31 -> 3.33
        ((480, 640), (192, 640), (288, 384)),  # 4:3 exactly
        ((720, 1280), (192, 640), (256, 448)),  # 16:9 = 1.778 -> 1.75; 256x480 is 1.875
        ((1080, 1920), (192, 640), (256, 448)),
        ((480, 640), (128, 416), (192, 256)),  # 4:3 exactly
        ((500, 500), (192, 640), (352, 352)),  # 320x320 is as square, but 17 % too small
        ((640, 480), (192, 640), (384, 288)),  # upright
        ((10, 4000), (32, 64), (64, 928)),  # never below what a decoder can mirror
    ],
)
def test_keep_aspect_takes_the_legal_size_nearest_the_cameras_aspect(
    image_size, card_size, expected
):
    assert legal_size(image_size, card_size, 'keep_aspect') == expected


def test_stretch_takes_the_cards_size():
    assert legal_size((480, 640), (192, 640), 'stretch') == (192, 640)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="resize_mode is 'crop'; expected keep_aspect or stretch"):
        legal_size((480, 640), (192, 640), 'crop')


def test_a_batch_is_rgb_between_zero_and_one():
    red = np.zeros((64, 96, 3), np.uint8)
    red[..., 0] = 255
    gray = np.full((128, 96, 3), 51, np.uint8)

    batch = to_network_input([red, gray], (64, 96))

    assert batch.shape == (2, 3, 64, 96) and batch.dtype == torch.float32
    assert (batch[0, 0] == 1).all() and (batch[0, 1:] == 0).all()
    assert torch.allclose(batch[1], torch.tensor(0.2))


def test_shrinking_averages_so_that_nothing_aliases():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200

    batch = to_network_input([stripes], (64, 32))

    assert torch.allclose(batch, torch.tensor(100 / 255))


def test_growing_interpolates_about_pixel_centres():
    ramp = np.zeros((32, 2, 3), np.uint8)
    ramp[:, 1] = 100

    batch = to_network_input([ramp], (64, 4))

    assert (batch[0, 0, 5] * 255).round().tolist() == [0, 25, 75, 100]


def test_the_mode_is_taken_by_its_old_name_with_a_warning():
    with pytest.warns(DeprecationWarning, match='fit is called resize_mode now; the next rel'):
        size = legal_size((480, 640), (192, 640), fit='stretch')

    assert size == (192, 640)
