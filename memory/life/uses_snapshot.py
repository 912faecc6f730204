"""Uses as columns. Knows no file."""

from __future__ import annotations

import numpy as np

from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.events import Uses
from quantum_memory.memory.life.uses import UsesState, of, told
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import Part

VERSION = 1
MOST_USES = 2**62


class UsesCodec:
    """A ``StateCodec`` of uses. Its fingerprint tells their snapshots from those of the other memories' view."""

    part: Part = "memories"
    fingerprint = fingerprint("memories", VERSION, of="uses")

    def dump(self, state: UsesState) -> Dump:
        """A row for each memory and origin."""
        rows = list(told(state))
        columns = Columns()
        columns.texts("memory", [one.memory for one in rows])
        columns.texts("origin", [one.origin for one in rows])
        columns.numbers("count", [one.count for one in rows], np.int64)
        columns.times("last", [one.last for one in rows])
        return Dump(columns.arrays, {"uses": len(rows)})

    def load(self, arrays: Arrays, attributes: Attributes) -> UsesState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of uses", arrays, attributes)
        rows = read.count("uses")
        memories, origins = read.texts("memory", rows), read.texts("origin", rows)
        counts = read.within("count", np.int64, (rows,), 1, MOST_USES).tolist()
        last = read.times("last", rows)
        read.require("origin", len(set(zip(memories, origins, strict=True))) == rows, "an origin stands twice")
        return of(Uses(*one) for one in zip(memories, origins, counts, last, strict=True))

    def difference(self, one: UsesState, other: UsesState) -> str | None:
        """What differs, byte by byte."""
        return difference(self.dump(one), self.dump(other))
