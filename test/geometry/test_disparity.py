import numpy as np
import pytest
import torch

from mono_depth_ros.geometry.disparity import depth_to_disparity, disparity_to_depth


def test_disparity_is_linear_in_inverse_depth():
    disparity = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)

    depth = disparity_to_depth(disparity, min_depth=0.1, max_depth=100.0)

    # 0.01 + 9.99 d inverted
    expected = torch.tensor([100.0, 1 / 5.005, 0.1], dtype=torch.float64)
    assert torch.allclose(depth, expected, rtol=1e-12)


def test_depth_and_disparity_are_inverse_to_each_other():
    disparity = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)

    depth = disparity_to_depth(disparity, 0.5, 80.0)

    assert torch.allclose(depth_to_disparity(depth, 0.5, 80.0), disparity, rtol=1e-12)


def test_arrays_convert_like_tensors_and_stay_single_precision():
    disparity = np.array([0.2, 0.9], dtype=np.float32)

    depth = disparity_to_depth(disparity, 0.5, 80.0)

    assert depth.dtype == np.float32
    assert np.allclose(depth, disparity_to_depth(torch.from_numpy(disparity), 0.5, 80.0).numpy())
    assert np.allclose(depth_to_disparity(depth, 0.5, 80.0), disparity)


def test_disparity_gradients_match_finite_differences():
    disparity = torch.linspace(0.2, 0.9, 5, dtype=torch.float64, requires_grad=True)
    depth = torch.linspace(1.0, 9.0, 5, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda d: disparity_to_depth(d, 0.5, 80.0), (disparity,))
    assert torch.autograd.gradcheck(lambda d: depth_to_disparity(d, 0.5, 80.0), (depth,))


@pytest.mark.parametrize('limits', [(0.0, 100.0), (-1.0, 100.0), (5.0, 5.0), (10.0, 1.0)])
def test_limits_without_a_range_are_refused(limits):
    with pytest.raises(ValueError, match='expected 0 < min_depth < max_depth'):
        disparity_to_depth(torch.tensor(0.5), *limits)
    with pytest.raises(ValueError, match='expected 0 < min_depth < max_depth'):
        depth_to_disparity(torch.tensor(0.5), *limits)
