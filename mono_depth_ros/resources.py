"""Find the files that travel beside the code: model cards, configurations, the launch profile.

The package is installed in three ways (colcon, pip, editable pip) and each keeps them elsewhere,
so ament's index alone does not find them.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = 'mono_depth_ros'


def share_file(*parts: str) -> Path:
    """Return the path of a file or folder of the package's share folder.

    Args:
        parts: its path inside the share folder, e.g. 'config', 'depth.yaml'.

    Raises:
        FileNotFoundError: no place has it; the message lists all places searched.
    """
    places = list(dict.fromkeys(share_folders()))
    for place in places:
        path = place.joinpath(*parts)
        if path.exists():
            return path
    searched = '\n  '.join(str(place) for place in places)
    raise FileNotFoundError(
        f"{PACKAGE} does not find its '{Path(*parts)}'. Searched:\n  {searched}\n"
        "Install the package again, or source the workspace's install/setup.bash."
    )


def share_folders() -> Iterator[Path]:
    """Yield every place the share folder may be, nearest to this very code first."""
    code = Path(__file__)
    source_tree = code.resolve().parents[1]
    if (source_tree / 'setup.py').is_file() and (source_tree / 'models').is_dir():
        yield source_tree
    for prefix in _prefixes(code):
        yield prefix / 'share' / PACKAGE


def _prefixes(code: Path) -> Iterator[Path]:
    """Yield the prefixes of this file, of the sourced workspaces and of the interpreter."""
    for folder in code.parents:
        if folder.name.startswith('python') and folder.parent.name == 'lib':
            prefix = folder.parents[1]
            yield prefix
            if prefix.name == 'local':  # Debian's <prefix>/local/lib/python3.x/dist-packages
                yield prefix.parent
    yield from map(Path, filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)))
    yield Path(sys.prefix)
