import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from mono_depth_ros.networks.layers.dynamic_conv import (
    KernelAttention,
    ODConv2d,
    PooledBatchNorm2d,
    convolve_grouped,
    convolve_unfolded,
    spread_over_kernels,
)

every_shape = pytest.mark.parametrize(
    ('kernel_size', 'stride', 'padding'), [(3, 1, 1), (1, 1, 0), (3, 2, 1), (1, 2, 0)]
)


def seeded(*args, **kwargs):
    torch.manual_seed(0)
    return ODConv2d(*args, **kwargs)


@torch.no_grad()
def set_logits(attention, **logits):
    """Let the attention see nothing: zero weights, and the biases given (zero by default)."""
    for name in ('input', 'output', 'tap', 'kernel'):
        layer = getattr(attention, name)
        if layer is not None:
            layer.weight.zero_()
            layer.bias.copy_(logits.get(name, torch.zeros_like(layer.bias)))


@every_shape
def test_each_input_is_convolved_with_its_own_sum_of_weighed_kernels(kernel_size, stride, padding):
    conv = seeded(4, 5, kernel_size, stride=stride, padding=padding, kernels=3)
    x = torch.randn(2, 4, 6, 8)

    y = conv(x)

    shares, gate = conv.attention(x)
    assert not torch.allclose(gate[0], gate[1]) and not torch.allclose(shares[0], shares[1])
    bank = conv.convolution.weight.view(3, 5, 4, kernel_size, kernel_size)
    taps = (kernel_size, kernel_size)
    for i in range(2):
        weighed = gate[i].unflatten(2, taps) * sum(s * w for s, w in zip(shares[i], bank))
        expected = F.conv2d(x[i : i + 1], weighed, None, stride, padding)
        torch.testing.assert_close(y[i : i + 1], expected, atol=1e-5, rtol=1e-5)


def test_a_kernel_is_weighed_by_input_output_and_tap():
    attention = KernelAttention(2, 3, 3, 1)
    set_logits(
        attention,
        input=torch.tensor([0.0, 1.0]),
        output=torch.tensor([2.0, 3.0, 4.0]),
        tap=torch.arange(9.0),
    )

    shares, gate = attention(torch.rand(2, 2, 4, 4))

    assert shares.tolist() == [[1.0], [1.0]] and gate.shape == (2, 3, 2, 9)
    logits = torch.tensor([3.0, 1.0, 5.0])  # output 1, input 1, tap 5
    torch.testing.assert_close(gate[0, 1, 1, 5], logits.sigmoid().prod())


def test_equal_kernels_and_no_preference_are_the_plain_convolution_at_an_eighth():
    conv = ODConv2d(2, 3, 3, padding=1, kernels=4)
    weight = torch.randn(3, 2, 3, 3)
    with torch.no_grad():
        conv.convolution.weight.copy_(weight.flatten(1).repeat(4, 1, 1))
    set_logits(conv.attention)
    x = torch.rand(2, 2, 5, 5)

    torch.testing.assert_close(conv(x), F.conv2d(x, weight, padding=1) / 2**3)


def test_shares_of_the_kernels_sum_to_1_and_differ_less_the_hotter_it_is():
    attention = KernelAttention(1, 1, 1, 2)
    set_logits(attention, kernel=torch.tensor([3.0, 0.0]))
    x = torch.rand(2, 1, 2, 2)

    cold, _ = attention(x)
    attention.temperature.fill_(30.0)
    hot, gate = attention(x)

    torch.testing.assert_close(cold[0], torch.tensor([3.0, 0.0]).softmax(0))
    torch.testing.assert_close(hot[0], torch.tensor([0.1, 0.0]).softmax(0))
    assert gate.shape == (2, 1, 1, 1)  # a single tap is not weighed


def test_gates_cool_as_well():
    attention = KernelAttention(1, 1, 3, 1)
    set_logits(attention, output=torch.tensor([3.0]))
    attention.temperature.fill_(30.0)

    _, gate = attention(torch.rand(2, 1, 2, 2))

    torch.testing.assert_close(gate[0, 0, 0, 0], torch.tensor(0.1).sigmoid() / 4)


def test_one_kernel_and_one_tap_have_no_weights_of_their_own():
    names = {key.split('.')[0] for key in KernelAttention(8, 8, 1, 1).state_dict()}

    assert names == {'temperature', 'squeeze', 'norm', 'input', 'output'}


@pytest.mark.parametrize(('channels', 'hidden'), [(8, 16), (256, 16), (512, 32)])
def test_hidden_width_is_a_sixteenth_but_not_below_16(channels, hidden):
    assert KernelAttention(channels, 8, 3, 4).squeeze.out_channels == hidden


@every_shape
def test_unfolded_convolution_equals_the_grouped_one(kernel_size, stride, padding):
    torch.manual_seed(0)
    x = torch.randn(3, 8, 6, 10)
    kernels = torch.randn(3, 4, 8, kernel_size**2) / 8

    grouped = convolve_grouped(x, kernels, kernel_size, stride, padding)
    unfolded = convolve_unfolded(x, kernels, kernel_size, stride, padding)

    torch.testing.assert_close(unfolded, grouped, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_an_export_takes_any_batch_size():
    conv = seeded(8, 4, 3, padding=1).eval()
    batch = torch.export.Dim('batch', min=1, max=8)

    program = torch.export.export(
        conv, (torch.rand(2, 8, 6, 10),), dynamic_shapes=({0: batch},)
    ).module()

    for images in (1, 5):
        x = torch.rand(images, 8, 6, 10)
        torch.testing.assert_close(program(x), conv(x), atol=1e-5, rtol=0)


@pytest.mark.filterwarnings('ignore::FutureWarning')
def test_a_trace_takes_any_batch_size():
    conv = seeded(8, 4, 3, padding=1).eval()

    traced = torch.jit.trace(conv, torch.rand(2, 8, 6, 10))

    x = torch.rand(5, 8, 6, 10)
    torch.testing.assert_close(traced(x), conv(x), atol=1e-5, rtol=0)


def test_a_batch_of_one_trains_by_the_running_statistics():
    norm = PooledBatchNorm2d(2)
    norm.running_mean.copy_(torch.tensor([1.0, 2.0]))
    norm.running_var.fill_(4.0)
    x = torch.tensor([3.0, 6.0]).view(1, 2, 1, 1)

    y = norm(x)

    torch.testing.assert_close(y.flatten(), torch.tensor([1.0, 2.0]))
    assert norm.running_mean.tolist() == [1.0, 2.0] and norm.num_batches_tracked == 0


def test_a_batch_of_two_trains_by_its_own_statistics():
    norm = PooledBatchNorm2d(1)

    y = norm(torch.tensor([2.0, 6.0]).view(2, 1, 1, 1))

    torch.testing.assert_close(y.flatten(), torch.tensor([-1.0, 1.0]))
    assert norm.num_batches_tracked == 1


def test_a_batch_norm_that_follows_can_be_folded_in():
    conv = seeded(3, 4, 3, padding=1).eval()
    norm = nn.BatchNorm2d(4).eval()
    for values in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        nn.init.uniform_(values, 0.5, 2.0)
    x = torch.rand(2, 3, 4, 5)

    expected = norm(conv(x))
    conv.convolution = conv.convolution.with_batch_norm(norm)

    torch.testing.assert_close(conv(x), expected)


def test_a_plain_convolutions_weights_go_to_every_kernel():
    plain = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3))
    dynamic = nn.Sequential(ODConv2d(2, 3, 3, kernels=2), nn.BatchNorm2d(3))
    nn.init.ones_(plain[1].bias)

    dynamic.load_state_dict(spread_over_kernels(dynamic, plain.state_dict()))

    for kernel in dynamic[0].convolution.weight:
        assert torch.equal(kernel.view(3, 2, 3, 3), plain[0].weight)
    assert (dynamic[1].bias == 1).all()


def test_a_bank_without_kernels_is_refused():
    with pytest.raises(ValueError, match='Number of kernels is 0; expected at least 1'):
        ODConv2d(2, 2, 3, kernels=0)
