"""Model cards: the one thing a user selects. docs/model_cards.md explains every key."""

import reprlib
import warnings
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from mono_depth_ros.inference.cards.card_fields import (
    NUMBER,
    TEXT,
    WHOLE,
    Key,
    is_intrinsics,
    is_mapping,
    is_sha256,
    is_size,
    is_text,
    key,
    to_matrix,
)
from mono_depth_ros.inference.cards.metrics import (
    METRICS,
    REFERENCES,
    Metrics,
    is_flat,
    nested,
)
from mono_depth_ros.resources import share_file
from mono_depth_ros.suggest import did_you_mean
from mono_depth_ros.types import SIZE_MULTIPLE, DepthKind, Size

Matrix3 = tuple[tuple[float, float, float], ...]

DEFAULT_CARD = 'lite_hr_depth_lite0'
NO_WEIGHTS = 'none'


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a network is, which weights it takes, and what its depth means.

    Fields with metadata are the keys of a card's file, in its order; those without a default
    are required.

    Attributes:
        weights: file beside the card; None for an untrained network.
        input_size: (height, width) the weights were trained at.
        min_depth: depth at disparity 1, in the card's unit.
        max_depth: depth at disparity 0, in the card's unit.
        depth_unit: metric or relative.
        depth_scale: metres per unit of depth, if somebody measured it.
        training_K: 3x3 intrinsics of the training camera at input_size [px].
        metrics: measured figures by split, scaling and name.
        references: metrics of something else on the same images, by its name.
        macs: multiply-adds of the convolutions of one image of input_size.
        path: the file that the card was read from.
    """

    name: str
    network: str = field(metadata=key('the name of a network, such as small_depth', is_text))
    network_options: Mapping[str, Any] = field(
        default_factory=dict,
        metadata=key(
            'options by name, such as {se_before_activation: true}',
            lambda value: is_mapping(value, lambda option: True),
        ),
    )
    weights: str | None = field(
        metadata=key("a file beside the card, or 'none' (untrained)", is_text)
    )
    sha256: str | None = field(
        default=None, metadata=key('64 hexadecimal digits, in quotes', is_sha256)
    )
    seed: int | None = field(default=None, metadata=WHOLE)
    input_size: Size = field(metadata=key('[height, width] in pixels', is_size, tuple))
    min_depth: float = field(metadata=NUMBER)
    max_depth: float = field(metadata=NUMBER)
    depth_unit: DepthKind = field(
        metadata=key(
            'metric or relative',
            lambda value: value in (DepthKind.METRIC, DepthKind.RELATIVE),
            DepthKind,
        )
    )
    depth_scale: float | None = field(default=None, metadata=NUMBER)
    training_K: Matrix3 | None = field(  # noqa: N815 - K is the field's name
        default=None,
        metadata=key(
            'the rows [fx, skew, cx], [0, fy, cy], [0, 0, 1] in pixels at input_size',
            is_intrinsics,
            to_matrix,
        ),
    )
    training_data: str = field(metadata=TEXT)
    license_code: str = field(metadata=TEXT)
    license_weights: str = field(metadata=TEXT)
    metrics: Metrics = field(default_factory=dict, metadata=METRICS)
    references: Mapping[str, Metrics] = field(default_factory=dict, metadata=REFERENCES)
    parameters: int | None = field(default=None, metadata=WHOLE)
    macs: int | None = field(default=None, metadata=WHOLE)
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


_FIELDS = [item for item in fields(ModelCard) if item.metadata]
KEYS: dict[str, Key] = {item.name: item.metadata['key'] for item in _FIELDS}
_REQUIRED = [item.name for item in _FIELDS if item.default is item.default_factory is MISSING]


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
    values = {name: getattr(card, name) for name in KEYS}
    values['weights'] = card.weights or NO_WEIGHTS
    entries = {name: _plain(value) for name, value in values.items() if value not in (None, {})}
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
    for name in entries:
        _check_key(str(name), path)
    missing = [name for name in _REQUIRED if name not in entries]
    if missing:
        raise ValueError(f'{path}: missing {", ".join(missing)}; docs/model_cards.md explains it.')
    values = {
        name: _value(name, value, path)
        for name, value in _with_nested_metrics(entries, path).items()
        if value is not None or name in _REQUIRED
    }
    if values['weights'] == NO_WEIGHTS:
        values['weights'] = None
    return ModelCard(name=path.stem, path=path, **values)


def _check_key(name: str, path: Path) -> None:
    if name not in KEYS:
        hint = did_you_mean(name, KEYS)
        raise ValueError(f"{path}: unknown key '{name}'.{hint} Known keys: {', '.join(KEYS)}.")


def _value(name: str, value: Any, path: Path) -> Any:
    if not KEYS[name].accepts(value):
        given = reprlib.repr(value)  # aliases let a small file mean an endless value
        raise ValueError(f"{path}: '{name}' is {given}; expected {KEYS[name].expected}.")
    return KEYS[name].convert(value)


def _with_nested_metrics(entries: dict[str, Any], path: Path) -> dict[str, Any]:
    """Read metrics of one long name each, too, as cards had them before they were nested."""
    if not is_flat(entries.get('metrics')):
        return entries
    warnings.warn(
        f"{path}: 'metrics' has numbers by one long name each, which the next release no longer "
        f'reads; expected {KEYS["metrics"].expected}. write_card(load_card(path), path) rewrites '
        'the file.',
        FutureWarning,
        stacklevel=2,
    )
    return entries | nested(entries['metrics'])


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
    if card.depth_unit != DepthKind.METRIC:
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
    if isinstance(value, DepthKind):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value
