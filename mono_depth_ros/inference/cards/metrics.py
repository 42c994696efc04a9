"""The metrics of a model card: by what they were measured on, by scaling and by name."""

import re
from collections.abc import Mapping
from typing import Any

from mono_depth_ros.inference.cards.card_fields import is_mapping, is_number, key

Metrics = Mapping[str, Mapping[str, Mapping[str, float]]]

MEDIAN_SCALED, UNSCALED = 'median_scaled', 'unscaled'
# What flat metrics that name no split were measured on.
UNNAMED_SPLIT = 'unnamed images'

_FLAT = re.compile(
    r'((?P<split>.+)_)?(?P<name>abs_rel|sq_rel|rmse|rmse_log|a1|a2|a3)'
    rf'(_(?P<scaling>{MEDIAN_SCALED}|{UNSCALED}))?(_of_(?P<reference>.+))?'
)


def is_metrics(value: Any) -> bool:
    """Tell whether a value holds numbers by split, scaling and name."""
    return is_mapping(value, _is_of_one_split)


def is_flat(metrics: Any) -> bool:
    """Tell whether metrics are numbers by one long name each, as in older cards."""
    return is_mapping(metrics, lambda value: True) and any(map(is_number, metrics.values()))


def nested(flat: Mapping[str, float]) -> dict[str, Any]:
    """Turn metrics named [split_]name[_scaling][_of_reference] into `metrics` and `references`."""
    metrics: dict[str, Any] = {}
    references: dict[str, Any] = {}
    for long_name, value in flat.items():
        found = _FLAT.fullmatch(long_name)
        split, name, scaling, reference = (
            found.group('split', 'name', 'scaling', 'reference')
            if found
            else (None, long_name, None, None)
        )
        home = references.setdefault(reference, {}) if reference else metrics
        of_split = home.setdefault(split or UNNAMED_SPLIT, {})
        of_split.setdefault(scaling or MEDIAN_SCALED, {})[name] = value
    return {'metrics': metrics, 'references': references}


def _is_of_one_split(value: Any) -> bool:
    return is_mapping(value, lambda numbers: is_mapping(numbers, is_number)) and all(
        scaling in (MEDIAN_SCALED, UNSCALED) for scaling in value
    )


METRICS = key(
    'numbers by split, scaling (median_scaled or unscaled) and name, such as '
    '{kitti_eigen: {median_scaled: {abs_rel: 0.106}}}',
    is_metrics,
)
REFERENCES = key(
    "others' metrics by their name, such as "
    '{row_prior: {kitti_eigen: {median_scaled: {abs_rel: 0.237}}}}',
    lambda value: is_mapping(value, is_metrics),
)
