"""Networks that see how the camera moved between two images; only training needs them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mono_depth_ros.networks.encoders import Encoder, fbnetv3_encoder, resnet_encoder
from mono_depth_ros.suggest import did_you_mean

MIN_EXTENT = 64
# Fresh weights predict next to no motion, from where training finds its way.
MOTION_UNIT = 0.01


class PoseNetwork(nn.Module):
    """An encoder of two stacked images and a head whose mean over the image is the motion.

    Args:
        encoder: takes six channels; only its coarsest feature map is used.
        head: maps that to (B, 6, h, w).
    """

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = head

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Predict the motion second_from_first.

        Args:
            first: (B, 3, H, W) RGB in [0, 1], the earlier image; H and W are at least 64.
            second: the later image, of the same shape. Training never shows the reverse order;
                for first_from_second, invert the motion.

        Returns:
            (B, 6): axis-angle rotation [rad], then translation [the depth's unit].
        """
        _check_pair(first, second)
        features = self.encoder(torch.cat([first, second], dim=1))
        motion: Tensor = self.head(features[-1]).mean((2, 3))
        return MOTION_UNIT * motion


def create_pose_network(name: str) -> PoseNetwork:
    """Build a pose network with fresh weights, in train mode; nothing is ever downloaded.

    Args:
        name: one of `list_pose_networks()`.
    """
    if name not in _POSE_NETWORKS:
        hint = did_you_mean(name, list(_POSE_NETWORKS))
        available = ', '.join(list_pose_networks())
        raise ValueError(f"Unknown pose network '{name}'.{hint} Available: {available}.")
    return _POSE_NETWORKS[name]()


def list_pose_networks() -> list[str]:
    """Return the names of all pose networks, sorted."""
    return sorted(_POSE_NETWORKS)


def _resnet18_pair() -> PoseNetwork:
    """Build Monodepth2's pose network (Godard et al., ICCV 2019)."""
    encoder = resnet_encoder(18, frames=2)
    head = nn.Sequential(
        nn.Conv2d(encoder.channels[-1], 256, 1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 6, 1),
    )
    return PoseNetwork(encoder, head)


def _fbnetv3_b() -> PoseNetwork:
    """Build FA-Depth's pose network; the paper names FBNetV3 and leaves the rest open."""
    encoder = fbnetv3_encoder(frames=2)
    return PoseNetwork(encoder, nn.Conv2d(encoder.channels[-1], 6, 1))


_POSE_NETWORKS: dict[str, Callable[[], PoseNetwork]] = {
    'resnet18_pair': _resnet18_pair,
    'fbnetv3_b': _fbnetv3_b,
}


def _check_pair(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f'The images have shapes {tuple(first.shape)} and {tuple(second.shape)}; expected '
            'two of one shape. Resize them alike.'
        )
    if first.ndim != 4 or first.shape[1] != 3:
        raise ValueError(
            f'The images have shape {tuple(first.shape)}; expected (B, 3, H, W) in RGB order. '
            'Add the batch axis, or drop the alpha channel.'
        )
    if min(first.shape[2:]) < MIN_EXTENT:
        raise ValueError(
            f'The images are {first.shape[2]}x{first.shape[3]} (height x width); expected at '
            f'least {MIN_EXTENT} each way. Train at a larger size.'
        )
