"""Model cards: the one thing a user selects. docs/model_cards.md explains every key."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from mono_depth_ros.inference.cards.card_fields import KINDS, REQUIRED
from mono_depth_ros.resources import share_file
from mono_depth_ros.suggest import did_you_mean

Matrix3 = tuple[tuple[float, float, float], ...]

DEFAULT_CARD = 'lite_hr_depth_lite0'
NO_WEIGHTS = 'none'
SIZE_MULTIPLE = 32


@dataclass(frozen=True)
class ModelCard:
    """What a network is, which weights it takes, and what its depth means.

    Attributes:
        weights: file beside the card; None for an untrained network.
        input_size: (height, width) the weights were trained at.
        min_depth: depth at disparity 1, in the card's unit.
        max_depth: depth at disparity 0, in the card's unit.
        depth_unit: 'metric' or 'relative'.
        depth_scale: metres per unit of depth, if somebody measured it.
        training_K: 3x3 intrinsics of the training camera at input_size [px].
        macs: multiply-adds of the convolutions of one image of input_size.
        path: the file that the card was read from.
    """

    name: str
    network: str
    weights: str | None
    input_size: tuple[int, int]
    min_depth: float
    max_depth: float
    depth_unit: str
    training_data: str
    license_code: str
    license_weights: str
    network_options: Mapping[str, Any] = field(default_factory=dict)
    sha256: str | None = None
    seed: int | None = None
    depth_scale: float | None = None
    training_K: Matrix3 | None = None  # noqa: N815 - K is the field's name
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: int | None = None
    macs: int | None = None
    path: Path | None = None

    def __post_init__(self) -> None:
        """Refuse a card whose values contradict each other."""
        _check_weights(self)
        _check_size_and_depth(self)
        _check_unit(self)

    @property
    def is_trained(self) -> bool:
        """Whether the card has weights; without, its depth means nothing."""
        return self.weights is not None

    @property
    def source(self) -> str:
        """What error messages call the card: its file, else its name."""
        return str(self.path or self.name)


def models_folder() -> Path:
    """Return the folder of the cards that come with the package."""
    return share_file('models')


def list_cards() -> list[str]:
    """Return the names of the cards that come with the package, sorted."""
    return sorted(path.stem for path in models_folder().glob('*.yaml'))


def load_card(name_or_path: str | Path) -> ModelCard:
    """Read a model card.

    Args:
        name_or_path: the name of a card in models/, a .yaml file, or a folder with one card.

    Raises:
        FileNotFoundError: the file or folder does not exist.
        ValueError: no card has that name, or the card is wrong; the message says where.
    """
    path = _find_card(name_or_path)
    return _card_of(_read_mapping(path), path)


def write_card(card: ModelCard, path: str | Path) -> None:
    """Write a card to a .yaml file that load_card reads; the file's stem becomes its name."""
    entries: dict[str, Any] = {}
    for key in KINDS:
        value = getattr(card, key)
        if key == 'weights':
            value = value or NO_WEIGHTS
        if value is not None:
            entries[key] = _plain(value)
    text = yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, width=99)
    Path(path).write_text(text, encoding='utf-8')


def _find_card(name_or_path: str | Path) -> Path:
    path = Path(name_or_path).expanduser()
    is_name = path.name == str(name_or_path) and path.suffix != '.yaml'
    if is_name and path.name in list_cards():
        return models_folder() / f'{path.name}.yaml'
    if path.is_dir():
        return _only_card_of(path)
    if path.is_file():
        return path
    if is_name:
        hint = did_you_mean(path.name, list_cards())
        raise ValueError(
            f"Unknown model card '{name_or_path}'.{hint} Available: {', '.join(list_cards())}. "
            'A path to a .yaml card, or to a folder with one card, will do too.'
        )
    raise FileNotFoundError(
        f"Model card '{path}' does not exist; expected a .yaml file or a folder with one card. "
        f'Cards known by name: {", ".join(list_cards())}.'
    )


def _only_card_of(folder: Path) -> Path:
    cards = sorted(folder.glob('*.yaml'))
    if len(cards) != 1:
        found = ', '.join(card.name for card in cards) or 'none'
        raise ValueError(
            f"Folder '{folder}' must hold exactly one model card (*.yaml), found: {found}. "
            'Give the path of the card itself.'
        )
    return cards[0]


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        entries = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: not a YAML file: {error}') from error
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: expected lines such as 'network: small_depth'.")
    return entries


def _card_of(entries: dict[str, Any], path: Path) -> ModelCard:
    """Check every key and value of a card's file and build the card."""
    for key in entries:
        _check_key(str(key), path)
    missing = [key for key in REQUIRED if key not in entries]
    if missing:
        raise ValueError(f'{path}: missing {", ".join(missing)}; docs/model_cards.md explains it.')
    values = {}
    for key, value in entries.items():
        kind = KINDS[key]
        if value is None and key not in REQUIRED:
            continue
        if not kind.accepts(value):
            given = reprlib.repr(value)  # aliases let a small file mean an endless value
            raise ValueError(f"{path}: '{key}' is {given}; expected {kind.expected}.")
        values[key] = kind.convert(value)
    if values['weights'] == NO_WEIGHTS:
        values['weights'] = None
    return ModelCard(name=path.stem, path=path, **values)


def _check_key(key: str, path: Path) -> None:
    if key not in KINDS:
        hint = did_you_mean(key, KINDS)
        raise ValueError(f"{path}: unknown key '{key}'.{hint} Known keys: {', '.join(KINDS)}.")


def _check_weights(card: ModelCard) -> None:
    if card.weights is None and card.seed is None:
        raise ValueError(
            f"{card.source}: 'seed' is missing; a card with 'weights: none' says which random "
            "weights it means, e.g. 'seed: 0'."
        )
    if card.weights is not None and card.sha256 is None:
        raise ValueError(
            f"{card.source}: 'sha256' is missing; a card with weights says which file it means. "
            f"Write the first word that 'sha256sum {card.weights}' prints."
        )


def _check_size_and_depth(card: ModelCard) -> None:
    if any(extent < 1 or extent % SIZE_MULTIPLE for extent in card.input_size):
        raise ValueError(
            f"{card.source}: 'input_size' is {list(card.input_size)}; expected [height, width], "
            f'both multiples of {SIZE_MULTIPLE}, e.g. [192, 640].'
        )
    if not 0 < card.min_depth < card.max_depth:
        raise ValueError(
            f"{card.source}: 'min_depth' is {card.min_depth} and 'max_depth' is "
            f'{card.max_depth}; expected 0 < min_depth < max_depth, e.g. 0.1 and 100.0.'
        )
    if card.depth_scale is not None and not card.depth_scale > 0:
        raise ValueError(
            f"{card.source}: 'depth_scale' is {card.depth_scale}; expected metres per unit of "
            'depth, above 0. Leave the key out if it is not known.'
        )


def _check_unit(card: ModelCard) -> None:
    if card.depth_unit != 'metric':
        return
    if card.training_K is None:
        raise ValueError(
            f"{card.source}: 'training_K' is missing; metric depth holds for the focal length it "
            "was trained at only. Add it, or write 'depth_unit: relative'."
        )
    if not card.is_trained:
        raise ValueError(
            f"{card.source}: 'depth_unit' is metric, but untrained weights know no metres. "
            "Write 'depth_unit: relative'."
        )


def _plain(value: Any) -> Any:
    """Return a value of a card as the types that YAML has."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


# A field without an entry in KINDS could be neither read nor written.
assert set(KINDS) == {item.name for item in fields(ModelCard)} - {'name', 'path'}
