"""What changes brought, as JSON that is made once however many are told of it, and by ids where it is large.

Owns what was encoded of late. Who is told of what is a session's own business.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import msgspec

from quantum_memory.memory.vault.feed import FeedEntry

TOLD_BYTES = 128 << 10
"""What one change brought is told in so many bytes at most; an eighth of a client's credit of such fits his bytes."""
KEPT_BYTES = 8 << 20
"""Of what was encoded: more than is told anew in one turn of all sessions."""
OVERHEAD_BYTES = 256
"""That an entry takes besides."""
_ENCODER = msgspec.json.Encoder()


class Encoded(NamedTuple):
    """What a change brought.

    Attributes:
        told: as JSON.
        brief: whether it is told by ids or counts.
        equations: the memories of it that hold an equation of feelings.
    """

    told: msgspec.Raw
    brief: bool
    equations: tuple[str, ...]


class Encoder:
    """Encodes each change once, as long as it is told. Used on one event loop."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Encoded] = OrderedDict()
        self._nbytes = 0

    def encoded(self, entry: FeedEntry) -> Encoded:
        """What a change brought, in ``TOLD_BYTES`` at most."""
        key = entry.position, entry.at, entry.branch, entry.action  # a restored vault gives a position anew, later
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = _encoded(entry.told)
            self._nbytes += _size(found)
            while self._nbytes > KEPT_BYTES:
                self._nbytes -= _size(self._kept.popitem(last=False)[1])
        return found


def counts(told: Mapping[str, Any]) -> dict[str, Any]:
    """Counts in the place of lists of memories and their like."""
    return {name: len(value) if isinstance(value, list) and name != "parts" else value for name, value in told.items()}


def _encoded(told: Mapping[str, Any]) -> Encoded:
    equations = tuple(memory["id"] for memory in told.get("memories", ()) if memory.get("kind") == "equation")
    whole = _ENCODER.encode(told)
    if len(whole) <= TOLD_BYTES:
        return Encoded(msgspec.Raw(whole), False, equations)
    ids = _ENCODER.encode(_ids(told))
    return Encoded(msgspec.Raw(ids if len(ids) <= TOLD_BYTES else _ENCODER.encode(counts(told))), True, equations)


def _ids(told: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with nothing of each memory but its id."""
    return {name: [_id(each) for each in value] if isinstance(value, list) else value for name, value in told.items()}


def _id(each: Any) -> Any:
    return {"id": each["id"]} if isinstance(each, dict) else each


def _size(one: Encoded) -> int:
    return len(memoryview(one.told)) + OVERHEAD_BYTES
