"""The events of journal rows, whose payloads lie in the row itself or in a segment. Reads, never writes.

What is damaged is either an error, or left out and told to the log once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import sqlalchemy as sa

from quantum_memory.errors import CorruptRecord, QuantumMemoryError, Quarantined, VaultUnavailable
from quantum_memory.memory.events import Event
from quantum_memory.memory.vault.codec import decode
from quantum_memory.memory.vault.segments import listed
from quantum_memory.types import BranchId

Damaged = Literal["raise", "skip"]
"""What becomes of a read that meets something damaged."""
DAMAGE = (CorruptRecord, Quarantined)
"""What no retry will mend. A store that cannot be reached is none of it: that is never skipped."""

logger = logging.getLogger(__name__)


class Payloads(Protocol):
    """Who knows the payloads of sealed rows."""

    def payloads(self, connection: sa.Connection, branch: BranchId, after: int, upto: int) -> Mapping[int, bytes]:
        """Those of the branch's own sealed entries with after < seq <= upto. Raises: CorruptRecord, Quarantined."""
        ...


class Records:
    """Turns rows of the journal into events. Thread-safe if ``segments`` is.

    Args:
        segments: where the payloads of sealed rows are; ``None`` if this vault was opened without.
    """

    def __init__(self, segments: Payloads | None = None) -> None:
        self._segments = segments
        self._told: set[str] = set()
        self._telling = threading.Lock()

    def events(
        self,
        connection: sa.Connection,
        branch: BranchId,
        rows: Sequence[tuple[int, bytes | None]],
        damaged: Damaged = "raise",
    ) -> dict[int, Event]:
        """The events of rows of one branch, given as numbers and payloads, by number; skipped ones are not in it.

        Raises: CorruptRecord, Quarantined, VaultUnavailable.
        """
        missing = [seq for seq, payload in rows if payload is None]
        sealed, told = self._sealed(connection, branch, missing, damaged) if missing else ({}, ())
        found: dict[int, Event] = {}
        for seq, payload in rows:
            record = sealed.get(seq) if payload is None else payload
            try:
                found[seq] = decode(_there(record, branch, seq), f"entry {branch}@{seq}")
            except CorruptRecord as error:
                if damaged == "raise":
                    raise
                if not any(seq in stretch for stretch in told):
                    self._tell(error.what, error)
        return found

    def payloads(
        self, connection: sa.Connection, branch: BranchId, rows: Sequence[tuple[int, bytes | None]]
    ) -> dict[int, bytes]:
        """The records of rows of one branch, all of them. Raises: CorruptRecord, Quarantined, VaultUnavailable."""
        missing = [seq for seq, payload in rows if payload is None]
        sealed, _ = self._sealed(connection, branch, missing, "raise") if missing else ({}, ())
        return {seq: _there(sealed.get(seq) if payload is None else payload, branch, seq) for seq, payload in rows}

    def lost(self, branch: BranchId, reason: str, damaged: Damaged) -> None:
        """Rows that should be there are not. Raises: CorruptRecord, unless it is to be skipped."""
        error = CorruptRecord(f"branch {branch}", reason)
        if damaged == "raise":
            raise error
        self._tell(str(error), error)

    def _sealed(
        self, connection: sa.Connection, branch: BranchId, seqs: Sequence[int], damaged: Damaged
    ) -> tuple[Mapping[int, bytes], Sequence[range]]:
        """What segments hold of these numbers, and the stretches that are damaged."""
        if self._segments is None:
            reason = "it is sealed, and the vault was opened without its blocks"
            raise VaultUnavailable(f"entry {branch}@{seqs[0]}", reason)
        after, upto = min(seqs) - 1, max(seqs)
        try:
            return self._segments.payloads(connection, branch, after, upto), ()
        except DAMAGE:
            if damaged == "raise":
                raise
        whole: dict[int, bytes] = {}
        broken: list[range] = []
        for first, last, block, *_ in listed(connection, branch, after, upto):
            try:
                whole |= self._segments.payloads(connection, branch, max(after, first - 1), min(upto, last))
            except DAMAGE as error:
                broken.append(range(first, last + 1))
                self._tell(block, error)
        return whole, broken

    def _tell(self, what: str, error: QuantumMemoryError) -> None:
        with self._telling:
            if what in self._told:
                return
            self._told.add(what)
        logger.warning("history is read without what is damaged: %s", error)


def _there(record: bytes | None, branch: BranchId, seq: int) -> bytes:
    if record is None:
        raise CorruptRecord(f"entry {branch}@{seq}", "it was sealed, and no segment has it")
    return record
