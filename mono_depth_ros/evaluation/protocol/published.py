"""What the papers print for our networks, from published.yaml; docs/published_results.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from mono_depth_ros.evaluation.metrics import DepthMetrics
from mono_depth_ros.networks import list_networks
from mono_depth_ros.suggest import did_you_mean

DATA_SETS = ('kitti_eigen', 'kitti_improved', 'kitti_validation', 'ddad')
SUPERVISIONS = ('M', 'MS', 'S', 'T')
METRICS = DepthMetrics._fields

_FILE = Path(__file__).with_name('published.yaml')
# A figure outside was mistyped, or is in another unit.
_HIGHEST = {
    'abs_rel': 1.0,
    'sq_rel': 10.0,
    'rmse': 20.0,
    'rmse_log': 1.0,
    'a1': 1.0,
    'a2': 1.0,
    'a3': 1.0,
    'parameters_m': 500.0,
    'flops_g': 1000.0,
    'fps': 10_000.0,
}
_HEAD = ('papers', 'notes', 'tables')
_TABLE = ('paper', 'table', 'data_set', 'notes', 'rows')
_ROW = (
    'row',
    'network',
    'variant',
    'training_data',
    'size',
    'supervision',
    'post_processing',
    'parameters_m',
    'flops_g',
    'fps',
    'metrics',
    'notes',
)


@dataclass(frozen=True)
class PublishedResult:
    """One row of a paper's table; None is what the row does not print.

    Attributes:
        paper: short name, such as 'HR-Depth'.
        citation: authors, title, place.
        table: number as printed, such as '2' or 'II'.
        row: label as printed.
        network: name in our registry.
        data_set: one of `DATA_SETS`; None in a table of costs.
        variant: how it differs from the network as proposed; None if it does not.
        training_data: as printed, such as 'K' (KITTI) or 'CS+K'.
        size: (height, width) of the image.
        supervision: one of `SUPERVISIONS`.
        post_processing: the mark of a row with any.
        parameters_m: parameters [millions] as printed.
        flops_g: FLOPs [billions] as printed.
        fps: images per second.
        notes: what is uncertain or known to be wrong.
    """

    paper: str
    citation: str
    table: str
    row: str
    network: str
    data_set: str | None
    variant: str | None = None
    training_data: str | None = None
    size: tuple[int, int] | None = None
    supervision: str | None = None
    post_processing: str | None = None
    abs_rel: float | None = None
    sq_rel: float | None = None
    rmse: float | None = None
    rmse_log: float | None = None
    a1: float | None = None
    a2: float | None = None
    a3: float | None = None
    parameters_m: float | None = None
    flops_g: float | None = None
    fps: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no paper can have printed."""
        for name in ('paper', 'citation', 'table', 'row', 'network'):
            _check_text(name, getattr(self, name))
        for name in ('variant', 'training_data', 'post_processing'):
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        _check_choice('data_set', self.data_set, DATA_SETS)
        _check_choice('supervision', self.supervision, SUPERVISIONS)
        for name, highest in _HIGHEST.items():
            _check_number(name, getattr(self, name), highest)
        _check_size(self.size)
        shares = [share for share in (self.a1, self.a2, self.a3) if share is not None]
        if shares != sorted(shares):
            raise ValueError(f'a1, a2, a3 are {shares}; expected them to rise.')

    @property
    def metrics(self) -> dict[str, float | None]:
        """The seven figures by name, in the field's order."""
        return {name: getattr(self, name) for name in METRICS}


def load_published(path: str | Path | None = None) -> list[PublishedResult]:
    """Read the papers' rows in the file's order.

    Args:
        path: a file like published.yaml, None for that of the package.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no YAML or something in it is wrong; says where.
    """
    path = _FILE if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"Published results '{path}' do not exist; expected a YAML file "
            "like the package's published.yaml."
        )
    try:
        file = yaml.safe_load(path.read_text(encoding='utf-8'))
        _check_keys(file, _HEAD, _HEAD)
        return [
            result for table in _list('tables', file['tables']) for result in _results(table, file)
        ]
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f'{path}: {error}') from error


def comparable(results: Sequence[PublishedResult], network: str) -> list[PublishedResult]:
    """Return the rows that networks are compared by.

    They are a network as proposed, trained on KITTI's video alone (M) and measured on Eigen's
    test frames at 192x640 without post-processing.
    """
    return [
        result
        for result in results
        if result.network == network
        and result.data_set == 'kitti_eigen'
        and result.size == (192, 640)
        and result.supervision == 'M'
        and result.training_data in (None, 'K')
        and result.variant is None
        and result.post_processing is None
    ]


def printed_for(
    results: Sequence[PublishedResult], network: str, data_set: str, size: tuple[int, int]
) -> dict[str, PublishedResult]:
    """Return the rows of a network as proposed on a data set, by a short label.

    Args:
        results: from load_published.
        network: name in our registry.
        data_set: one of `DATA_SETS`.
        size: (height, width) of the image.

    Returns:
        Rows by 'paper, supervision, training data'; of rows with the same label the first.
    """
    rows: dict[str, PublishedResult] = {}
    for result in results:
        if (result.network, result.data_set, result.size) == (
            network,
            data_set,
            size,
        ) and result.variant is None:
            words = (
                f'{result.paper} prints',
                result.supervision,
                result.training_data,
                result.post_processing,
            )
            rows.setdefault(' '.join(word for word in words if word), result)
    return rows


def _results(table: Any, file: Mapping[str, Any]) -> Iterator[PublishedResult]:
    """Build the results of one table, naming table and row where one is wrong."""
    _check_keys(table, _TABLE, ('paper', 'table', 'data_set', 'rows'))
    where = f'{table["paper"]}, table {table["table"]}'
    for row in _list('rows', table['rows']):
        label = row.get('row') if isinstance(row, dict) else row
        try:
            yield _result(row, table, file)
        except ValueError as error:
            raise ValueError(f"{where}, row '{label}': {error}") from error


def _result(row: Any, table: Mapping[str, Any], file: Mapping[str, Any]) -> PublishedResult:
    _check_keys(row, _ROW, ('row', 'network'))
    _check_known('paper', table['paper'], file['papers'])
    _check_known('network', row['network'], list_networks())
    values = row.get('metrics', [None] * len(METRICS))
    if not isinstance(values, list) or len(values) != len(METRICS):
        raise ValueError(
            f"'metrics' is {values!r}; expected {len(METRICS)} values in the order "
            f'{", ".join(METRICS)}, null where a figure is not printed.'
        )
    notes = table.get('notes', []), row.get('notes', [])
    for texts in notes:
        _check_texts('notes', texts)
    plain = {key: row[key] for key in row if key not in ('size', 'metrics', 'notes')}
    return PublishedResult(
        paper=table['paper'],
        citation=file['papers'][table['paper']],
        table=table['table'],
        data_set=table['data_set'],
        size=_size(row.get('size')),
        notes=(*notes[0], *notes[1]),
        **plain,
        **dict(zip(METRICS, values)),
    )


def _size(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"'{name}' is {value!r}; expected a list.")
    return value


def _check_texts(name: str, value: Any) -> None:
    for text in _list(name, value):
        _check_text(name, text)


def _check_keys(entries: Any, known: tuple[str, ...], required: tuple[str, ...]) -> None:
    if not isinstance(entries, dict):
        raise ValueError(f'found {entries!r}; expected the keys {", ".join(known)}.')
    for key in entries:
        _check_known('key', key, known)
    missing = [key for key in required if key not in entries]
    if missing:
        raise ValueError(f'missing {", ".join(missing)}.')


def _check_known(what: str, word: Any, known: Any) -> None:
    if isinstance(word, str) and word in known:
        return
    hint = did_you_mean(str(word), known)
    raise ValueError(f"unknown {what} '{word}'.{hint} Known: {', '.join(known)}.")


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"'{name}' is {value!r}; expected a text, numbers in quotes.")


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ValueError(f"'{name}' is {value!r}; expected one of {', '.join(choices)}, or null.")


def _check_number(name: str, value: Any, highest: float) -> None:
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not isfinite(value) or not 0 < value <= highest:
        raise ValueError(f"'{name}' is {value!r}; expected a number above 0, at most {highest:g}.")


def _check_size(size: Any) -> None:
    if size is None:
        return
    is_pair = isinstance(size, tuple) and [type(extent) for extent in size] == [int, int]
    if not is_pair or not 0 < size[0] <= size[1]:
        raise ValueError(f"'size' is {size!r}; expected [height, width], such as [192, 640].")


# A key without a field could not be kept.
assert set(_ROW) - {'metrics'} <= {item.name for item in fields(PublishedResult)}
