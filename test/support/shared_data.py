"""Real data beside the checkout, where it is there: ../shared/data."""

from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / 'shared' / 'data'


def shared_data(name):
    """Return a file or folder of the real data, or skip the test."""
    if not (DATA / name).exists():
        pytest.skip(f'no real data at ../shared/data/{name}')
    return DATA / name
