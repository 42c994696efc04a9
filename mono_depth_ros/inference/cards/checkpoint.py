"""From a model card to a network with its weights, and back to a file."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.inference.preprocessing import to_network_input
from mono_depth_ros.networks import DepthNetwork, create_network
from mono_depth_ros.types import Image

_PICKLES = ('.pth', '.pt')
_CALIBRATION_BATCH = 8


def load_network(
    card: ModelCard, calibration_images: Sequence[Image] | None = None
) -> DepthNetwork:
    """Build a card's network with its weights.

    Args:
        card: the model card; its weights file lies beside it.
        calibration_images: (H, W, 3) uint8 RGB images whose statistics the batch norms of an
            untrained network take over; without them its random features die out.

    Returns:
        The network on the CPU, in eval mode, not deployed.

    Raises:
        FileNotFoundError: the weights file does not exist.
        ValueError: the file is not the one that the card means, is corrupt, or does not fit the
            network; or an untrained card comes without calibration images.
    """
    if card.is_trained:
        network = _create(card, seed=0)
        _load_weights(network, card)
        return network.eval()
    if not calibration_images:
        raise ValueError(
            f"Card '{card.name}' is untrained; expected calibration_images, a few RGB images of "
            'the scene, to set its batch norms.'
        )
    assert card.seed is not None
    network = _create(card, card.seed)
    _calibrate(network, calibration_images, card.input_size)
    return network


def save_weights(network: nn.Module, path: str | Path, dtype: torch.dtype | None = None) -> str:
    """Write a network's weights as safetensors.

    Args:
        network: the network, on any device.
        path: the file to write.
        dtype: stored precision of the parameters, None for their own. Batch norm statistics
            keep theirs: they are few, and their range can exceed float16's.

    Returns:
        The file's sha256 for the model card.
    """
    parameters = dict(network.named_parameters())
    state = {
        key: value.detach().to('cpu', dtype if key in parameters else None).contiguous()
        for key, value in network.state_dict().items()
    }
    Path(path).write_bytes(save(state))  # save_file hides the file from other users
    return file_sha256(Path(path))


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a .safetensors, .pth or .pt file, by name; run no code of it.

    Raises:
        ValueError: the file is of another kind, is damaged, or holds more than tensors.
    """
    if path.suffix == '.safetensors':
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(
                f"Weights '{path}' are not a readable safetensors file ({error}). "
                'Fetch or save the file again.'
            ) from error
    if path.suffix in _PICKLES:
        return _read_pickle(path)
    raise ValueError(
        f"Weights '{path}' have the suffix '{path.suffix}'; expected .safetensors or "
        f'{" or ".join(_PICKLES)}.'
    )


def file_sha256(path: Path) -> str:
    """Return a file's sha256 as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _create(card: ModelCard, seed: int) -> DepthNetwork:
    """Build the network without touching the caller's random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return create_network(card.network, **card.network_options)
        except ValueError as error:
            raise ValueError(f'{card.source}: {error}') from error


def _load_weights(network: DepthNetwork, card: ModelCard) -> None:
    path = _weights_path(card)
    found = file_sha256(path)
    if found != card.sha256:
        raise ValueError(
            f"Weights '{path}' have sha256 {found}, but the card expects {card.sha256}. "
            f'Fetch the file again; if it is meant to be new, correct sha256 in {card.source}.'
        )
    state = read_state(path)
    _check_fit(network, state, path, card)
    network.load_state_dict(state)


def _weights_path(card: ModelCard) -> Path:
    assert card.weights is not None
    folder = card.path.parent if card.path else Path()
    path = folder / card.weights
    # An install of links has the card's target beside the weights' target.
    homes = [folder.resolve(), *([card.path.resolve().parent] if card.path else [])]
    if not any(path.resolve().is_relative_to(home) for home in homes):
        raise ValueError(
            f"Weights '{card.weights}' of card {card.source} lie outside the card's folder "
            f"('{path.resolve()}'). Put the file beside the card and name it there: a card from "
            'elsewhere must not reach into this computer.'
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"Weights '{path}' of card {card.source} do not exist. Put the file beside the card, "
            'or correct weights in the card.'
        )
    return path


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # of every kind: torch has none of its own for damaged files
        raise ValueError(
            f"Weights '{path}' are damaged, or hold more than plain tensors, which could run "
            'code. Fetch the file again, or import its folder with import_checkpoint.'
        ) from error
    if not isinstance(state, dict) or not all(isinstance(x, Tensor) for x in state.values()):
        raise ValueError(
            f"Weights '{path}' hold no plain mapping of names to tensors. Save the state dict "
            'alone, or import the file with import_checkpoint.'
        )
    return state


def _check_fit(
    network: DepthNetwork, state: dict[str, Tensor], path: Path, card: ModelCard
) -> None:
    """Refuse weights of another network, naming every key that does not fit."""
    wanted = network.state_dict()
    faults = [f'missing: {key}' for key in wanted if key not in state]
    faults += [f'unexpected: {key}' for key in state if key not in wanted]
    faults += [
        f'{key}: shape {tuple(state[key].shape)}, expected {tuple(value.shape)}'
        for key, value in wanted.items()
        if key in state and state[key].shape != value.shape
    ]
    if faults:
        listed = '\n  '.join(faults)
        raise ValueError(
            f"Weights '{path}' do not fit network '{card.network}' with options "
            f'{dict(card.network_options)}:\n  {listed}\n'
            f'Correct network or network_options in {card.source}, or import the weights again.'
        )


@torch.no_grad()
def _calibrate(network: DepthNetwork, images: Sequence[Image], size: tuple[int, int]) -> None:
    """Give every batch norm the statistics of the images; leave the network in eval mode."""
    network.eval()  # drops stay off
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for start in range(0, len(images), _CALIBRATION_BATCH):
        network(to_network_input(images[start : start + _CALIBRATION_BATCH], size))
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum
        norm.eval()
