"""Whether a snapshot says what folding says. Repairs nothing: a snapshot that lies can be thrown away."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from quantum_memory.errors import PlaceNotFound, StorageFailure
from quantum_memory.memory.snapshots import Packing, Shelf, StateCodec, unpacked
from quantum_memory.memory.timeline import Fold, History, Timeline
from quantum_memory.types import Part, Place

S = TypeVar("S")


class Difference(NamedTuple):
    """A snapshot that is not what folding gives: of which view, where, and how."""

    part: Part
    place: Place
    reason: str


def check_snapshot(
    history: History, shelf: Shelf, fold: Fold[S], codec: StateCodec[S], packing: Packing, place: Place
) -> Difference | None:
    """What is wrong with the snapshot at a place, compared with folding history there; nothing if all is well.

    Compared byte for byte where the fold's arithmetic is exact, and within its stated tolerance elsewhere.

    Raises: PlaceNotFound if no snapshot at this place can be had; what ``history`` and ``shelf`` raise.
    """
    saved = shelf.nearest(place.branch, codec.part, codec.fingerprint, place.seq, place.seq)
    if saved is None:
        raise PlaceNotFound(place.branch, f"a snapshot of {codec.part} at {place.seq}")
    try:
        kept = unpacked(codec, packing, place, saved.data)
    except StorageFailure as error:
        return Difference(codec.part, place, str(error))
    reason = codec.difference(Timeline(fold, history, 2).at(place), kept)
    return None if reason is None else Difference(codec.part, place, reason)
