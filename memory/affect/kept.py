"""What a fold of moods keeps for those who ask again: packets encoded and states made ready for overlaps.

Decides nothing: what is kept equals what would be made anew, bit for bit where a mood is made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from quantum_memory.checks import whole
from quantum_memory.memory.held import MOST_BYTES, Held, Load
from quantum_memory.memory.quantum import Packet, Projector, QuantumState
from quantum_memory.types import Floats

T = TypeVar("T")
KEPT_BYTES = 256 << 20
LEAST_KEPT_BYTES = 64
"""Each of the parts needs some share."""
SETTLED_SHARE, PROJECTORS_SHARE = 3 / 8, 1 / 2
"""Shares of the bytes; what is left is the packets'."""
MOST = 1 << 20
"""Things of one kind; the bytes are the limit that counts."""


class Resting(NamedTuple):
    """Packets at rest to be compared with a state: (n, 3) means and widths."""

    state: QuantumState
    means: Floats
    widths: Floats


class Kept:
    """Encoded packets and projectors within a budget of bytes, the least recently used dropped first.

    The settled moods, which the fold keeps itself, have their share of the same budget. Not thread-safe.

    Args:
        encode: makes the state of a packet, the same each time.
        nbytes: budget of everything together.

    Raises: InvalidValue, OutOfRange.
    """

    def __init__(self, encode: Callable[[Packet], QuantumState], nbytes: int = KEPT_BYTES) -> None:
        whole("kept_bytes", nbytes, LEAST_KEPT_BYTES, MOST_BYTES)
        self._encode = encode
        self.settled_bytes = int(nbytes * SETTLED_SHARE)
        for_projectors = int(nbytes * PROJECTORS_SHARE)
        for_packets = nbytes - self.settled_bytes - for_projectors
        self._projectors: Held[int, Projector] = Held(MOST, Load(for_projectors, _itself))
        self._packets: Held[Packet, QuantumState] = Held(MOST, Load(for_packets, _itself))

    def encoded(self, packet: Packet) -> QuantumState:
        """The packet as a state. Raises: what encoding it raises."""
        held = self._packets.get(packet)
        if held is None:
            held = self._encode(packet)
            self._packets.put(packet, held)
        return held

    def fidelities(self, asked: Sequence[Resting]) -> list[Floats]:
        """For each (n,) |⟨packet|state⟩|². What is asked of one state is asked at once, of a projector that is kept.

        What is asked beside it decides how an answer rounds, in its last bits, so nothing that becomes part of a mood
        or of its reading may come from here. Raises: what ``Projector`` raises.
        """
        together: dict[int, list[int]] = {}
        for index, one in enumerate(asked):
            together.setdefault(id(one.state), []).append(index)
        found = [np.empty(0)] * len(asked)
        for members in together.values():
            means = np.concatenate([asked[index].means for index in members])
            widths = np.concatenate([asked[index].widths for index in members])
            ends = np.cumsum([len(asked[index].means) for index in members])[:-1]
            parts = np.split(self.projected(asked[members[0]].state, means, widths), ends)
            for index, part in zip(members, parts, strict=True):
                found[index] = part
        return found

    def projected(self, state: QuantumState, means: Floats, widths: Floats) -> Floats:
        """(n,) |⟨packet|state⟩|² of packets at rest, the same whatever was asked before. Raises: as ``Projector``."""
        ready = self._projectors.get(id(state))
        if ready is None or ready.state is not state:
            ready = Projector(state)
        found = ready.fidelities(means, widths)
        self._projectors.put(id(state), ready)  # it may have grown by what it gathered
        return found

    @property
    def counts(self) -> Mapping[str, int]:
        """How often something was there and was not."""
        return {
            "projector_hits": self._projectors.hits,
            "projector_misses": self._projectors.misses,
            "packet_hits": self._packets.hits,
            "packet_misses": self._packets.misses,
        }

    def clear(self) -> None:
        """Keep nothing any longer."""
        self._projectors.clear()
        self._packets.clear()


def _itself(thing: T) -> T:
    return thing
