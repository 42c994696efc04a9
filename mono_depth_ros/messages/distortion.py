"""Distortion models by any of their names, with as many coefficients as drivers send."""

from __future__ import annotations

from collections.abc import Sequence

PLUMB_BOB, RATIONAL, EQUIDISTANT = 'plumb_bob', 'rational_polynomial', 'equidistant'

# How many coefficients each model may have; none at all means no distortion.
COEFFICIENTS = {PLUMB_BOB: (4, 5), RATIONAL: (4, 5, 8, 12, 14), EQUIDISTANT: (4,)}

# Other names of the same models: of camera_calibration, Kalibr, OpenCV, librealsense, Orbbec.
_ALIASES = {
    PLUMB_BOB: ('radtan', 'radial_tangential', 'brown_conrady', 'brown', 'opencv'),
    RATIONAL: ('rational', 'opencv8', 'full_opencv', 'thin_prism_rational'),
    EQUIDISTANT: (
        'fisheye',
        'equi',
        'opencv_fisheye',
        'kannala_brandt',
        'kannala_brandt4',
        'pinhole_equidistant',
    ),
}
_NAMES = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}


def read_distortion(model: str, coefficients: Sequence[float]) -> tuple[str, tuple[float, ...]]:
    """Return ROS's name of a distortion model, and as many coefficients as it has.

    Drivers send more coefficients than the name has: zeros, which mean nothing, or OpenCV's
    longer vector of the rational model under the name of the shorter one, whose first five mean
    the same in both.

    Args:
        model: the name, as sent; one that is not known comes back as it is.
        coefficients: as sent; none means no distortion.

    Raises:
        ValueError: the model has another number of coefficients.
    """
    plain = '_'.join(model.strip().lower().replace('-', ' ').split())
    name, values = _NAMES.get(plain, model), tuple(float(value) for value in coefficients)
    if name not in COEFFICIENTS or not values or len(values) in COEFFICIENTS[name]:
        return name, values
    if not any(values):
        return name, (0.0,) * COEFFICIENTS[name][0]
    shorter = _without_zeros(values, COEFFICIENTS[name])
    if len(shorter) in COEFFICIENTS[name]:
        return name, shorter
    if name == PLUMB_BOB:
        longer = _without_zeros(values, COEFFICIENTS[RATIONAL])
        if len(longer) in COEFFICIENTS[RATIONAL]:
            return RATIONAL, longer
    allowed = ' or '.join(map(str, COEFFICIENTS[name]))
    raise ValueError(
        f'D has {len(values)} coefficients, {values}; distortion model '
        f"'{model}' has {allowed}. Check who publishes camera_info."
    )


def _without_zeros(values: tuple[float, ...], counts: Sequence[int]) -> tuple[float, ...]:
    """Return as few of the coefficients as one of `counts` with nothing but zeros left out."""
    for count in sorted(counts):
        if count < len(values) and not any(values[count:]):
            return values[:count]
    return values
