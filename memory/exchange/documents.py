"""Values out of one large JSON document, one after the other; the document is never in memory as a whole.

Owns the walk over the events of ijson and its limits. Knows no format.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any

import ijson
from ijson.common import ObjectBuilder

from quantum_memory.errors import TooLong, UnreadableFile
from quantum_memory.memory.exchange.sources import Part, Source

MAX_VALUE_BYTES = 256 << 20
"""What may be read for one value."""
MAX_DEPTH = 64
OPENERS, CLOSERS = ("start_map", "start_array"), ("end_map", "end_array")


class _Bounded:
    """A stream that refuses to be read on and on for one value."""

    def __init__(self, stream: IO[bytes], label: str) -> None:
        self._stream, self._label = stream, label
        self.since = 0

    def read(self, size: int = -1) -> bytes:
        raw = self._stream.read(size)
        self.since += len(raw)
        if self.since > MAX_VALUE_BYTES:
            raise UnreadableFile(self._label, str(TooLong("one value", self.since, MAX_VALUE_BYTES, "bytes")))
        return raw


def walk(source: Source, part: Part, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
    """The values at some places of a document, each with its place, in the order of the document.

    Places are as ijson writes them: ``messages.item`` is each element of the list under ``messages``, and "" the whole
    document.

    Raises: UnreadableFile for what is no JSON, at the place where it stops being that; for what is nested too deep.
    """
    label, count = source.label(part), 0
    with source.open(part) as stream:
        bounded = _Bounded(stream, label)
        builder: ObjectBuilder | None = None
        began = 0
        try:
            for path, event, value in _events(bounded, label):
                place = "" if builder is not None else ".".join(path)
                if builder is None and event in OPENERS and place in wanted:
                    builder, began, target = ObjectBuilder(), len(path), place
                if builder is not None:
                    builder.event(event, value)
                    if len(path) == began and event in CLOSERS:
                        yield target, builder.value
                        builder, count, bounded.since = None, count + 1, 0
                elif place in wanted and event not in (*CLOSERS, "map_key"):
                    yield place, value
                    bounded.since = 0
        except (ijson.JSONError, UnicodeDecodeError) as error:  # the latter for half a surrogate pair
            told = " ".join(str(error).split())
            raise UnreadableFile(label, f"not JSON after {count} whole entries: {told[:200]}") from None


def _events(stream: _Bounded, label: str) -> Iterator[tuple[list[str], str, Any]]:
    """Events with the path to their value; the path is one list that goes on changing.

    The paths of ``ijson.parse`` are texts that grow with the depth, which a file of brackets alone makes gigabytes of.
    """
    path: list[str] = []
    for event, value in ijson.basic_parse(stream, use_float=True):
        if event in CLOSERS:
            path.pop()
        if event == "map_key":
            path.pop()
            yield path, event, value
            path.append(value)
            continue
        yield path, event, value
        if event in OPENERS:
            path.append("item")  # of a map its first key takes this place
            if len(path) > MAX_DEPTH:
                raise UnreadableFile(label, str(TooLong("one value", len(path), MAX_DEPTH, "levels")))


def elements(source: Source, part: Part) -> Iterator[Any]:
    """The elements of a list, or the one object that a document is. Raises: as ``walk``."""
    before = source.position
    with source.open(part) as stream:
        single = stream.peek(64).lstrip()[:1] == b"{"
    source.position = before
    return (value for _, value in walk(source, part, ("",) if single else ("item",)))


def keys(source: Source, part: Part, root: Sequence[str]) -> Iterator[str]:
    """The keys of the first object at a path, in the order of the document: () is the root, ("item",) its element.

    Ends with that object, or where the document stops being JSON.
    """
    where = list(root)
    with source.open(part) as stream:
        try:
            label = source.label(part)
            for path, event, value in _events(_Bounded(stream, label), label):
                if event == "map_key" and path == where:
                    yield value
                elif event in CLOSERS and path == where:
                    return
        except (ijson.JSONError, UnicodeDecodeError, UnreadableFile):
            return
