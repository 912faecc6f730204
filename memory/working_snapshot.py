"""Working memory as columns. Knows no file."""

from __future__ import annotations

from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.memory.working import Recent, WorkingState
from quantum_memory.types import Part

VERSION = 1


class WorkingCodec:
    """A ``StateCodec`` of the part "working".

    Args:
        size: how many memories the fold holds.
    """

    part: Part = "working"

    def __init__(self, size: int) -> None:
        self._size = size
        self.fingerprint = fingerprint(self.part, VERSION, size=size)

    def dump(self, state: WorkingState) -> Dump:
        """The slots, oldest first; an empty one has neither id nor time."""
        slots = state.slots
        columns = Columns()
        columns.optional_texts("id", [None if slot is None else slot.id for slot in slots])
        columns.texts("text", ["" if slot is None else slot.text for slot in slots])
        columns.times("at", [None if slot is None else slot.at for slot in slots])
        columns.optional_texts("speaker", [None if slot is None else slot.speaker for slot in slots])
        return Dump(columns.arrays, {"slots": len(slots)})

    def load(self, arrays: Arrays, attributes: Attributes) -> WorkingState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of working", arrays, attributes)
        count = read.count("slots")
        read.require("slots", count <= self._size, f"{count} are more than {self._size}")
        ids, texts = read.optional_texts("id", count), read.texts("text", count)
        times, speakers = read.optional_times("at", count), read.optional_texts("speaker", count)
        slots: list[Recent | None] = []
        for memory, text, at, speaker in zip(ids, texts, times, speakers, strict=True):
            read.require("at", (memory is None) == (at is None), "a slot has an id or a time alone")
            slots.append(None if memory is None or at is None else Recent(memory, text, at, speaker))
        return WorkingState(tuple(slots))

    def difference(self, one: WorkingState, other: WorkingState) -> str | None:
        """What differs, byte by byte."""
        return difference(self.dump(one), self.dump(other))
