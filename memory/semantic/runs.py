"""Runs: memories that are finished, in columns, with the concepts that each speaks of and where each concept stands.

Owns how what memories speak of becomes columns and how several runs become one. Knows no branch and no alias: a
concept stands under the key that it was given when its memory was taken up. Nothing here changes once made.

Concepts and sessions are found by 64 bits of a hash of their names; among a million names two share one with a
probability of 3e-8, and would be taken for one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import narrow
from quantum_memory.memory.episodic.words import id_number, number
from quantum_memory.memory.semantic.extract import KINDS, Concept
from quantum_memory.memory.semantic.texts import Ids, Texts, spread
from quantum_memory.types import MemoryId

Ints = NDArray[np.int64]
ALONE = -1
"""Stands for the session of a memory that has none."""
_KINDS = {kind: place for place, kind in enumerate(KINDS)}


class Heard(NamedTuple):
    """A memory as the graph takes it up: what it speaks of, already extracted, and its session."""

    memory: MemoryId
    concepts: tuple[Concept, ...]
    session: str | None


class Rows(NamedTuple):
    """Memories on their way into a run; forms may stand several times.

    Attributes:
        ids: of each memory.
        numbers: (n,) the upper half of the ids' numbers.
        session: (n,) places in ``sessions``, or ALONE.
        sessions: names, as UTF-8; some may be of no memory.
        sizes: (n,) concepts of each memory.
        mentions: (m,) places of forms, row by row.
        hashes: (f,) of each form's key.
        kinds: (f,) places in ``KINDS``.
        keys, labels: of each form.
    """

    ids: Ids
    numbers: NDArray[np.uint32]
    session: Ints
    sessions: list[bytes]
    sizes: Ints
    mentions: Ints
    hashes: NDArray[np.uint64]
    kinds: NDArray[np.uint8]
    keys: Texts
    labels: Texts

    @classmethod
    def of(cls, heard: Sequence[Heard]) -> Rows:
        """These memories, in this order."""
        forms: dict[Concept, int] = {}
        sessions: dict[str, int] = {}
        mentions: list[int] = []
        for one in heard:
            mentions += [forms.setdefault(concept, len(forms)) for concept in one.concepts]
        session = [ALONE if one.session is None else sessions.setdefault(one.session, len(sessions)) for one in heard]
        return cls(
            Ids.of([encoded(one.memory) for one in heard]),
            np.array([id_number(one.memory) >> 32 for one in heard], np.uint32),
            np.array(session, np.int64),
            [encoded(name) for name in sessions],
            np.array([len(one.concepts) for one in heard], np.int64),
            np.array(mentions, np.int64),
            np.array([number(form.key) for form in forms], np.uint64),
            np.array([_KINDS[form.kind] for form in forms], np.uint8),
            Texts.of([encoded(form.key) for form in forms]),
            Texts.of([encoded(form.label) for form in forms]),
        )

    @classmethod
    def concat(cls, parts: Sequence[Rows]) -> Rows:
        """All of these, in order."""
        sessions = np.cumsum([0, *(len(part.sessions) for part in parts)]).tolist()
        forms = np.cumsum([0, *(len(part.keys) for part in parts)]).tolist()
        session = [np.where(part.session == ALONE, ALONE, part.session + sessions[at]) for at, part in enumerate(parts)]
        return cls(
            Ids.joined([part.ids for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate(session),
            [one for part in parts for one in part.sessions],
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.mentions + forms[at] for at, part in enumerate(parts)]),
            np.concatenate([part.hashes for part in parts]),
            np.concatenate([part.kinds for part in parts]),
            Texts.joined([part.keys for part in parts]),
            Texts.joined([part.labels for part in parts]),
        )


def encoded(name: str) -> bytes:
    """A name as UTF-8, whatever it holds."""
    return name.encode("utf-8", "surrogatepass")


class Run:
    """n memories in the order of remembering, with c concepts in f forms and m mentions of these.

    Attributes:
        ids: of each memory.
        numbers: (n,) the upper half of the ids' numbers, ascending.
        order: (n,) the row of each number.
        session: (n,) places in ``sessions``, or ALONE.
        sessions: names, by hash.
        session_hashes: (s,) ascending.
        begun: (s + 1,) where the rows of each session begin in ``chains``.
        chains: the rows of one session after those of another, ascending in each.
        starts: (n + 1,) where the mentions of each row begin.
        forms: (m,) the form of each mention.
        of_form: (f,) the concept of each form, ascending.
        kinds: (f,) places in ``KINDS``.
        labels: (f,) the forms as they stood.
        hashes: (c,) of the concepts' keys, ascending.
        keys: of the concepts.
        posted: (c + 1,) where the rows of each concept begin in ``rows``.
        rows: (m,) the rows that mention one concept after those of another, ascending in each.
        ats: (m,) at which place each of them mentions it.
        stands: ``posted`` and ``rows``, to be read one number at a time.
    """

    __slots__ = (
        "_chained",
        "_heard",
        "_known",
        "_views",
        "ats",
        "begun",
        "chains",
        "forms",
        "hashes",
        "ids",
        "keys",
        "kinds",
        "labels",
        "numbers",
        "of_form",
        "order",
        "posted",
        "rows",
        "session",
        "session_hashes",
        "sessions",
        "stands",
        "starts",
    )

    def __init__(self, rows: Rows) -> None:
        self.ids = rows.ids
        order = np.argsort(rows.numbers, kind="stable")
        self.numbers, self.order = rows.numbers[order], narrow(order, np.uint16, np.int32)
        self._put_sessions(rows)
        self._put_concepts(rows)

    def _put_sessions(self, rows: Rows) -> None:
        """The sessions that some memory has, each once, and the rows of each."""
        together = rows.session != ALONE
        used, own = np.unique(rows.session[together], return_inverse=True)
        named = [rows.sessions[at] for at in used.tolist()]
        hashes = np.fromiter(map(id_number_of, named), np.uint64, len(named))
        self.session_hashes, first, place = np.unique(hashes, return_index=True, return_inverse=True)
        self.sessions = Texts.of([named[at] for at in first.tolist()])
        session = np.full(len(rows.ids), ALONE, np.int64)
        session[together] = place[own]
        chains = np.argsort(session, kind="stable")[len(session) - int(together.sum()) :]
        begun = np.searchsorted(session[chains], np.arange(len(first) + 1))
        self.session = narrow(session, np.int8, np.int16, np.int32)
        self.chains, self.begun = narrow(chains, np.uint16, np.int32), narrow(begun, np.uint16, np.int32)

    def _put_concepts(self, rows: Rows) -> None:
        """The forms that some memory has, each once, sorted by concept, and where each concept stands."""
        seen = np.zeros(len(rows.keys), np.bool_)
        seen[rows.mentions] = True
        used = np.flatnonzero(seen)
        self.hashes, first, place = np.unique(rows.hashes[used], return_index=True, return_inverse=True)
        self.keys = rows.keys.taken(used[first])
        kinds, labels = rows.kinds[used], rows.labels.taken(used)
        marks = labels.marks()
        order = np.lexsort((marks, kinds, place))
        one, other = order[:-1], order[1:]
        like = (place[one] == place[other]) & (kinds[one] == kinds[other]) & (marks[one] == marks[other])
        like[like] = labels.same(one[like], other[like])
        fresh = np.append(True, ~like)[: len(order)]
        distinct = order[fresh]
        self.of_form = narrow(place[distinct], np.uint16, np.int32)
        self.kinds, self.labels = kinds[distinct], labels.taken(distinct)
        moved = np.zeros(len(rows.keys), np.int64)
        moved[used[order]] = np.cumsum(fresh) - 1
        mentions = moved[rows.mentions]
        starts = np.append(0, np.cumsum(rows.sizes))
        row = np.repeat(np.arange(len(rows.sizes)), rows.sizes)
        at = np.arange(len(mentions)) - np.repeat(starts[:-1], rows.sizes)
        spoken = place[distinct][mentions] if len(mentions) else np.zeros(0, np.int64)
        by = np.argsort(spoken, kind="stable")
        posted = np.append(0, np.cumsum(np.bincount(spoken, minlength=len(self.hashes))))
        self.forms, self.starts = narrow(mentions, np.uint16, np.int32), narrow(starts, np.uint16, np.int32)
        self.rows, self.ats = narrow(row[by], np.uint16, np.int32), at[by].astype(np.uint8)
        self.posted = narrow(posted, np.uint16, np.int32)
        # Single numbers are read through these, which takes a third of what an array takes.
        self._views = self.starts.data, self.forms.data, self.of_form.data
        self._chained = self.session.data, self.begun.data, self.chains.data
        self._known, self._heard = self.hashes.data, self.session_hashes.data
        self.stands = self.posted.data, self.rows.data

    def __reduce__(self) -> Any:
        return Run, (self.taken(np.arange(len(self))),)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        columns = (getattr(self, name) for name in self.__slots__ if name[0] != "_" and name != "stands")
        return sum(column.nbytes for column in columns)

    def find(self, memory: MemoryId, number: int) -> list[int]:
        """The rows of an id, whose number this is."""
        numbers, upper, found = self.numbers.data, number >> 32, []
        at = bisect_left(numbers, upper)
        while at < len(numbers) and numbers[at] == upper:
            row = int(self.order[at])
            if self.ids[row] == memory:
                found.append(row)
            at += 1
        return found

    def place(self, number: int) -> int:
        """The place of the concept whose key has this number, or -1."""
        return _place(self._known, number)

    def place_of_session(self, number: int) -> int:
        """The place of the session whose name has this number, or -1."""
        return _place(self._heard, number)

    def places(self, row: int) -> list[int]:
        """The places of the concepts that a row speaks of, in its order."""
        starts, forms, of_form = self._views
        return [of_form[form] for form in forms[starts[row] : starts[row + 1]]]

    def concepts(self, row: int) -> tuple[Concept, ...]:
        """What a row speaks of, as it was heard."""
        starts, forms, of_form = self._views
        keys, labels, kinds = self.keys, self.labels, self.kinds
        return tuple(
            Concept(keys[of_form[form]], labels[form], KINDS[kinds[form]])
            for form in forms[starts[row] : starts[row + 1]]
        )

    def chain(self, row: int) -> tuple[int, int, int]:
        """Where the session of a row begins and ends in ``chains``, and the row between; all 0 if it has none."""
        sessions, begun, chains = self._chained
        session = sessions[row]
        if session == ALONE:
            return 0, 0, 0
        begin, end = begun[session], begun[session + 1]
        return begin, bisect_left(chains, row, begin, end), end

    def chained(self, at: int) -> int:
        """The row at a place in ``chains``."""
        row: int = self._chained[2][at]
        return row

    def all_forms(self) -> list[Concept]:
        """Every form, at its place."""
        keys = self.keys.all()
        told = zip(self.of_form.tolist(), self.labels.all(), self.kinds.tolist(), strict=True)
        return [Concept(keys[place], label, KINDS[kind]) for place, label, kind in told]

    def session_of(self, row: int) -> str | None:
        """The session of a row."""
        place = int(self.session[row])
        return None if place == ALONE else self.sessions[place]

    def taken(self, rows: Ints) -> Rows:
        """Some rows, in ascending order, on their way into another run."""
        starts = self.starts.astype(np.int64)
        sizes = starts[rows + 1] - starts[rows]
        all_rows = len(rows) == len(self)
        mentions = self.forms.astype(np.int64) if all_rows else self.forms[spread(starts[rows], sizes)].astype(np.int64)
        numbers = np.empty_like(self.numbers)
        numbers[self.order] = self.numbers
        return Rows(
            self.ids if all_rows else self.ids.taken(rows),
            numbers[rows],
            self.session[rows].astype(np.int64),
            self.sessions.raws(),
            sizes,
            mentions,
            self.hashes[self.of_form],
            self.kinds,
            self.keys.taken(self.of_form.astype(np.int64)),
            self.labels,
        )


def numbers_of(names: Sequence[bytes]) -> NDArray[np.uint64]:
    """(n,) the ``id_number`` of each name, which is given as UTF-8."""
    digests = b"".join([blake2b(name, digest_size=8).digest() for name in names])
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def id_number_of(name: bytes) -> int:
    """The number of a name that is given as UTF-8."""
    return id_number(name.decode("utf-8", "surrogatepass"))


def _place(hashes: memoryview, number: int) -> int:
    at = bisect_left(hashes, number)
    return at if at < len(hashes) and hashes[at] == number else -1
