"""What takes time to make is kept in the user's cache folder, and is never trusted blindly."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import nn

_DIGEST_BYTES = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """Return the folder of this user for exports and engines; it need not exist."""
    base = os.environ.get('XDG_CACHE_HOME', '')
    # The XDG specification: a relative path is to be ignored.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / '.cache'
    return root / 'mono_depth_ros'


def fingerprint(network: nn.Module) -> str:
    """Return the sha256 of a network's weights and their names."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f'{name} {tuple(value.shape)} {value.dtype}'.encode())
        digest.update(value.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def entry_path(folder: Path, name: str, key: Mapping[str, object]) -> Path:
    """Return the file of a key: a readable name and a digest of all that the content is for."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    return folder / f'{name}-{digest[:20]}'


def cached(path: Path, make: Callable[[], bytes], report: Callable[[str], None]) -> bytes:
    """Return an entry's content; make and keep it where there is none, or a damaged one.

    A folder that cannot be written to costs time at the next start, and nothing else.
    """
    content = read_entry(path)
    if content is not None:
        return content
    if path.exists():
        report(f"cache: '{path}' is damaged, it is made anew")
    content = make()
    try:
        write_entry(path, content)
    except OSError as error:
        report(f"cache: cannot keep '{path}' ({error}); it will be made again at every start")
    return content


def read_entry(path: Path) -> bytes | None:
    """Return what was written, or None: absent, unreadable or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def write_entry(path: Path, content: bytes) -> None:
    """Write an entry so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}-')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(hashlib.sha256(content).digest() + content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        forget(Path(name))
        raise


def forget(path: Path) -> None:
    """Remove an entry, if it is there."""
    with contextlib.suppress(OSError):
        path.unlink()
