"""What waits to be worked into a graph: one change each, as it was heard. Works nothing in."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, TypeAlias

from quantum_memory.memory.events import Word
from quantum_memory.memory.semantic.runs import Heard
from quantum_memory.types import MemoryId


class Anew(NamedTuple):
    """A memory that reads otherwise now: what it put in is taken out, and this is put in as if it came last."""

    heard: Heard


class Lost(NamedTuple):
    """Memories that are not to be found again, and since when, where that is known."""

    ids: tuple[MemoryId, ...]
    at: datetime | None


class Told(NamedTuple):
    """Words on relations, each the latest one."""

    words: tuple[Word, ...]


class Brought(NamedTuple):
    """Words on relations from another branch, which belong where their dates say; see ``Relations.bring``."""

    words: tuple[Word, ...]
    over: bool


class Same(NamedTuple):
    """Names that mean one thing from now on."""

    names: tuple[str, ...]
    keep: str


Change: TypeAlias = Heard | Anew | Lost | Told | Brought | Same
