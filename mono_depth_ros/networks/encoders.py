"""Encoders from timm, tapped where the papers tap them; never with downloaded weights."""

from typing import Any

import timm
import torch
from timm.layers.drop import DropPath
from torch import Tensor, nn

from mono_depth_ros.networks.layers.blocks import SampleDrop, check_drop_rate


class Encoder(nn.Module):
    """A trunk that returns one feature map per resolution, behind its input normalisation.

    Args:
        trunk: maps a normalised image to a list of feature maps, finest (1/2) first.
        channels: the width of each of them.
        mean: subtracted from the image in [0, 1].
        std: then divides it.
    """

    def __init__(
        self, trunk: nn.Module, channels: tuple[int, ...], mean: float = 0.0, std: float = 1.0
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.channels = channels
        self.mean = mean
        self.std = std

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature maps of (B, C, H, W) in [0, 1]: an image, or several stacked."""
        return list(self.trunk((image - self.mean) / self.std))


def resnet_encoder(layers: int, frames: int = 1) -> Encoder:
    """ResNet without its classifier: the stem's activation and the ends of the four stages.

    Args:
        layers: 18, 34 or 50.
        frames: how many RGB images are stacked as its input.
    """
    trunk: Any = timm.create_model(
        f'resnet{layers}', features_only=True, in_chans=3 * frames, pretrained=False
    )
    return Encoder(trunk, tuple(trunk.feature_info.channels()), mean=0.45, std=0.225)


def efficientnet_lite0_encoder() -> Encoder:
    """EfficientNet-Lite0 without its head: the ends of the last stage of each resolution.

    Its ImageNet weights come from TensorFlow, which decides three things: they were trained on
    (x - 127) / 128 of an 8-bit image, with padding below and to the right of an even-sized image
    ('SAME') where a convolution strides, and with 1e-3 in their batch norms.
    """
    trunk = timm.create_model('tf_efficientnet_lite0', features_only=True, pretrained=False)
    return Encoder(trunk, (16, 24, 40, 112, 320), mean=0.5, std=0.5)


def efficientnet_encoder(variant: str, drop_connect: float) -> Encoder:
    """EfficientNet without its head: the ends of the last stage of each resolution.

    It takes the image as it is. Padding and batch norm are TensorFlow's: strides padded below and
    to the right, 1e-3 in the batch norms, whose statistics move by a hundredth a step.

    Args:
        variant: 'b0' or 'b1', which differ in depth alone.
        drop_connect: training leaves out block i of n, from 0, at the rate drop_connect * i / n.
    """
    check_drop_rate(drop_connect)
    trunk = timm.create_model(
        f'tf_efficientnet_{variant}',
        features_only=True,
        drop_path_rate=drop_connect,
        bn_momentum=0.01,
        pretrained=False,
    )
    for block in trunk.modules():
        drop = getattr(block, 'drop_path', None)
        if isinstance(drop, DropPath):
            block.drop_path = SampleDrop(drop.drop_prob)
    return Encoder(trunk, (16, 24, 40, 112, 320))


def efficientnet_v2_encoder() -> Encoder:
    """EfficientNetV2-S without its head: the ends of the last stage of each resolution.

    Its ImageNet weights come from TensorFlow: (x - 0.5) / 0.5, strides padded below and to the
    right, and 1e-3 in the batch norms.
    """
    trunk = timm.create_model('tf_efficientnetv2_s', features_only=True, pretrained=False)
    return Encoder(trunk, (24, 48, 64, 160, 256), mean=0.5, std=0.5)


def fbnetv3_encoder(frames: int = 1) -> Encoder:
    """FBNetV3-B without its head: the ends of the last stage of each resolution.

    Args:
        frames: how many RGB images are stacked as its input.
    """
    trunk = timm.create_model(
        'fbnetv3_b', features_only=True, in_chans=3 * frames, pretrained=False
    )
    return Encoder(trunk, (16, 24, 40, 120, 1344), mean=0.45, std=0.225)


def hrnet18_encoder() -> Encoder:
    """HRNet-W18: the stem's first activation and the four branches of its last stage."""
    return Encoder(_hrnet18(), (64, 18, 36, 72, 144))


def hrnet18_internal_encoder() -> Encoder:
    """HRNet-W18: all that its stem and its stages give at a resolution, joined."""
    return Encoder(InternalHRNetTrunk(), (64, 118, 108, 144, 144))


def _hrnet18() -> Any:
    """Build the papers' HRNet-W18, which takes the image as it is.

    It fuses branches bilinearly (align_corners); timm's fuses them with nearest neighbours.
    """
    trunk = timm.create_model(
        'hrnet_w18', features_only=True, feature_location='', pretrained=False
    )
    for module in trunk.modules():
        if isinstance(module, nn.Upsample):
            module.mode, module.align_corners = 'bilinear', True
    return trunk


class InternalHRNetTrunk(nn.Module):
    """HRNet-W18 that gives what every stage computed at a resolution, not the last one alone."""

    def __init__(self) -> None:
        super().__init__()
        model = _hrnet18()
        self.conv1, self.bn1, self.act1 = model.conv1, model.bn1, model.act1
        self.conv2, self.bn2, self.act2 = model.conv2, model.bn2, model.act2
        self.layer1 = model.layer1
        self.transition1, self.stage2 = model.transition1, model.stage2
        self.transition2, self.stage3 = model.transition2, model.stage3
        self.transition3, self.stage4 = model.transition3, model.stage4

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return five feature maps of (B, 3, H, W), at 1/2 to 1/32.

        At 1/4 the stem's second activation comes first; then the stages', the earlier first.
        """
        half = self.act1(self.bn1(self.conv1(x)))
        quarter = self.act2(self.bn2(self.conv2(half)))
        seen = [[quarter], [], [], []]
        branches = [self.layer1(quarter)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            branches = stage(_branch_off(transition, branches))
            for maps, branch in zip(seen, branches):
                maps.append(branch)
        return [half, *(torch.cat(maps, dim=1) for maps in seen)]


def _branch_off(transition: nn.ModuleList, branches: list[Tensor]) -> list[Tensor]:
    """Begin a stage's branches: those that go on, and new ones from the coarsest so far."""
    return [
        branches[i] if isinstance(start, nn.Identity) else start(branches[-1])
        for i, start in enumerate(transition)
    ]


def mobilenet_v3_encoder(*, se_before_activation: bool) -> Encoder:
    """MobileNetV3-Large up to its last 160-channel block."""
    trunk = MobileNetV3Trunk(se_before_activation=se_before_activation)
    return Encoder(trunk, (16, 24, 40, 80, 160), mean=0.45, std=0.225)


class MobileNetV3Trunk(nn.Module):
    """MobileNetV3-Large with taps at the first block of each resolution, not at the stage ends.

    Args:
        se_before_activation: run squeeze-and-excitation between batch norm and activation, as
            the weights published with Lite-HR-Depth expect; timm's weights expect it after.
    """

    # (stage, block) whose output is a tap, beside the stem's at 1/2
    TAPS = ((1, 0), (2, 0), (3, 0), (5, 2))

    def __init__(self, *, se_before_activation: bool) -> None:
        super().__init__()
        model: Any = timm.create_model('mobilenetv3_large_100', pretrained=False)
        self.conv_stem = model.conv_stem
        self.bn1 = model.bn1
        # the seventh stage is the classifier's 960-channel convolution
        self.blocks: nn.Sequential = model.blocks[:6]
        if se_before_activation:
            for stage in self.blocks:
                _excite_before_activation(stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return five feature maps of (B, 3, H, W), at 1/2 to 1/32."""
        x = self.bn1(self.conv_stem(x))
        taps = [x]
        for i, stage in enumerate(self.blocks):
            for j, block in enumerate(stage.children()):
                x = block(x)
                if (i, j) in self.TAPS:
                    taps.append(x)
        return taps


class ActivatedSqueezeExcite(nn.Module):
    """Squeeze-and-excitation followed by the activation that used to precede it.

    The weights keep the names of timm's module, so that checkpoints fit both orders.
    """

    def __init__(self, squeeze_excite: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.conv_reduce = squeeze_excite.get_submodule('conv_reduce')
        self.act1 = squeeze_excite.get_submodule('act1')
        self.conv_expand = squeeze_excite.get_submodule('conv_expand')
        self.gate = squeeze_excite.get_submodule('gate')
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of (B, C, H, W), then activate."""
        squeezed = self.act1(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        activated: Tensor = self.activation(x * self.gate(self.conv_expand(squeezed)))
        return activated


def _excite_before_activation(stage: nn.Module) -> None:
    for block in stage.children():
        squeeze_excite = block.get_submodule('se')
        if isinstance(squeeze_excite, nn.Identity):
            continue
        norm = block.get_submodule('bn2')
        block.se = ActivatedSqueezeExcite(squeeze_excite, norm.get_submodule('act'))
        norm.act = nn.Identity()
