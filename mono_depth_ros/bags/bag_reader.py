"""rosbags' reader, without its habit to refuse a whole bag because of one foreign topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection, MessageDefinition, MessageDefinitionFormat, TopicInfo
from rosbags.rosbag2 import storage_mcap
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

_IDL_SEPARATOR = '=' * 80 + '\n'


class BagReader(AnyReader):
    """Read a bag of ROS 1 or ROS 2.

    Args:
        path: of a file or folder that rosbags knows by its suffix.
        left_out: topics that are known to be left out, with the reason; more are added as the
            bag is opened.
        source: what the user named, for messages: `path` may be a link to it.

    Attributes:
        left_out: topics that cannot be read, with the reason: other encodings than CDR,
            definitions that cannot be parsed or do not fit their hash.
    """

    def __init__(self, path: Path, left_out: dict[str, str], source: Path) -> None:
        # Bags of Humble and older (sqlite3) carry no definitions of their message types.
        self._known = get_typestore(Stores.ROS2_HUMBLE)
        super().__init__([path], default_typestore=self._known)
        self.left_out, self.source = left_out, source
        self.readers = [_Filtered(reader, self._readable) for reader in self.readers]  # type: ignore[assignment]

    def open(self) -> None:
        """Open the bag; see AnyReader."""
        with _foreign_schemas():
            super().open()

    @property
    def topics(self) -> dict[str, TopicInfo]:
        """What is known about each topic that can be read."""
        readable = {connection.topic for connection in self.connections}
        return {name: info for name, info in super().topics.items() if name in readable}

    def _readable(self, connections: Sequence[Connection]) -> list[Connection]:
        if not self.is2:
            return list(connections)
        readable = []
        for connection in connections:
            reason = self._why_not(connection)
            if reason:
                self.left_out[connection.topic] = reason
            elif connection.msgtype in self._known.fielddefs:
                # What everybody knows needs no hash; some writers leave it 0.
                readable.append(connection._replace(digest=''))
            else:
                readable.append(connection)
        return readable

    def _why_not(self, connection: Connection) -> str:
        """Say why messages of a connection cannot be read; '' where they can."""
        form = getattr(connection.ext, 'serialization_format', 'cdr')
        if form != 'cdr':
            return f'serialised as {form or "something unnamed"}, not as CDR'
        if connection.msgdef.format == MessageDefinitionFormat.NONE:
            return ''
        try:
            has = _type_hash(connection.msgtype, connection.msgdef)
        except Exception as error:  # whatever a parser stumbles over
            return f'the definition of {connection.msgtype} cannot be read ({error})'
        is_standard = connection.msgtype in self._known.fielddefs
        if connection.digest and connection.digest != has and not is_standard:
            return (
                f'the definition of {connection.msgtype} does not fit its type hash '
                f'{connection.digest}'
            )
        return ''


class _Filtered:
    """A reader of rosbags with some of its connections."""

    def __init__(self, reader: Any, select: Any) -> None:
        self._reader, self._select = reader, select

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def __enter__(self) -> _Filtered:
        self._reader.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._reader.__exit__(*error)

    @property
    def connections(self) -> list[Connection]:
        """Those that can be read."""
        return list(self._select(self._reader.connections))


@lru_cache(maxsize=256)
def _type_hash(msgtype: str, definition: MessageDefinition) -> str:
    """Return the hash of a type by its definition; topics and bags share their types."""
    form, text = definition
    store = get_typestore(Stores.EMPTY)
    if form == MessageDefinitionFormat.MSG:
        store.register(get_types_from_msg(text, msgtype))
        return str(store.hash_rihs01(msgtype))
    parts = text.split(_IDL_SEPARATOR) if text.startswith(f'{_IDL_SEPARATOR}IDL: ') else [text]
    for part in filter(None, parts):
        # Each part of several starts with a line that names it.
        store.register(get_types_from_idl(part.split('\n', 1)[1] if len(parts) > 1 else part))
    return str(store.hash_rihs01(msgtype))


@contextmanager
def _foreign_schemas() -> Iterator[None]:
    """Let rosbags meet schemas it does not know (JSON, Protobuf) without a KeyError."""
    original = storage_mcap.get_msgdef

    def get_msgdef(schema: Any) -> MessageDefinition:
        try:
            return original(schema)
        except KeyError:
            return MessageDefinition(MessageDefinitionFormat.NONE, '')

    storage_mcap.get_msgdef = get_msgdef
    try:
        yield
    finally:
        storage_mcap.get_msgdef = original
