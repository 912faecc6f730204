"""A shelf in a dictionary that keeps everything, and the plainest packing there is."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.columns import Arrays, Attributes
from quantum_memory.memory.snapshots import Packing, Saved
from quantum_memory.types import BranchId, Part, Place


class PlainShelf:
    """Snapshots by branch, part and fold; one that was spoiled cannot be read.."""

    def __init__(self) -> None:
        self.kept: dict[tuple[BranchId, Part, str], dict[int, bytes]] = {}
        self.asked = 0

    def nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None:
        self.asked += 1
        own = self.kept.get((branch, part, fold), {})
        seqs = [seq for seq in list(own) if after <= seq <= upto]
        return Saved(max(seqs), own[max(seqs)]) if seqs else None

    def keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None:  # noqa: ARG002 - keeps all
        self.kept.setdefault((place.branch, part, fold), {})[place.seq] = data

    def places(self) -> list[Place]:
        return [Place(branch, seq) for (branch, _, _), own in self.kept.items() for seq in own]

    def spoil(self, place: Place) -> None:
        for (branch, _, _), own in self.kept.items():
            if branch == place.branch and place.seq in own:
                own[place.seq] = own[place.seq][:-1]


def _packed(arrays: Arrays, attributes: Attributes) -> bytes:
    told = {
        name: value if isinstance(value, bytes) else [value.dtype.str, list(value.shape), value.tobytes()]
        for name, value in sorted(arrays.items())
    }
    return msgspec.msgpack.encode([told, dict(sorted(attributes.items()))])


def _unpacked(data: bytes, what: str) -> tuple[Arrays, Attributes]:
    try:
        told, attributes = msgspec.msgpack.decode(data)
    except msgspec.MsgspecError as error:
        raise CorruptRecord(what, str(error)) from error
    arrays = {
        name: value if isinstance(value, bytes) else np.frombuffer(value[2], value[0]).reshape(value[1])
        for name, value in told.items()
    }
    return arrays, attributes


PACKING = Packing(_packed, _unpacked)
