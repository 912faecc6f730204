"""How memories hang together in a graph: which memories there are, in which order, and what they speak of.

Owns the slices of a state and how memories enter and leave them. What hangs together is found when it is asked for: of
concepts that stand close together, and of memories that follow one another, nothing is kept. Names that mean one thing
are seen through each other when memories are read, so merging names touches no memory.

Reads no text and no event, and knows no branch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from rpds import List

from quantum_memory.memory.episodic.words import id_number, number
from quantum_memory.memory.semantic.extract import KINDS, Concept, ConceptKind
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.runs import ALONE, Heard
from quantum_memory.memory.semantic.slices import WINDOW, Mask, Slice, sizes_of, stacked, thinned
from quantum_memory.types import MemoryId

NAMED_SHARE = 0.25

K = TypeVar("K")
Spot = tuple[int, int]
"""A slice by number, and the place of a concept in its run."""


class Trace(NamedTuple):
    """What one memory put into the graph."""

    concepts: tuple[Concept, ...]
    session: str | None
    before: MemoryId | None
    after: MemoryId | None


def commonest(forms: Iterable[tuple[Concept, int]]) -> Concept:
    """Of the forms of a concept the commonest of the most telling kind that a quarter of its memories give it."""
    told = list(forms)
    counts: dict[ConceptKind, int] = dict.fromkeys(KINDS, 0)
    for form, count in told:
        counts[form.kind] += count
    enough = NAMED_SHARE * sum(counts.values())
    kind = next(kind for kind in KINDS if counts[kind] >= enough and counts[kind])
    return min((-count, form) for form, count in told if form.kind == kind)[1]


class Woven:
    """The memories of a state and what they speak of. It never changes: branches share the runs they have in common.

    A memory has a number here, its place among the rows of all slices, dead ones too; it is good for this value only.

    Args:
        slices: in the order of remembering.
        names: which concept a name stands for.
    """

    __slots__ = ("_aliases", "_altered", "_concepts", "_ends", "count", "names", "slices")

    def __init__(self, slices: tuple[Slice, ...] = (), names: Names | None = None) -> None:
        self.slices, self.names = slices, Names() if names is None else names
        self._ends = list(accumulate(len(part.run) for part in slices))
        self.count = sum(map(len, slices))
        self._altered: dict[int, Mask | None] = {}
        self._aliases: NDArray[np.uint64] | None = None
        self._concepts = -1

    def __reduce__(self) -> Any:
        return Woven, (self.slices, self.names)

    def __eq__(self, other: object) -> bool:
        """Whether both say the same of every memory and have those of each session and concept in the same order."""
        return self._said() == other._said() if isinstance(other, Woven) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it is compared by what it says

    def _said(self) -> tuple[object, ...]:
        memories: dict[MemoryId, Heard] = {}
        sessions: dict[str, list[MemoryId]] = {}
        concepts: dict[str, list[MemoryId]] = {}
        for one in self.heard():
            memories[one.memory] = one
            if one.session is not None:
                sessions.setdefault(one.session, []).append(one.memory)
            for concept in one.concepts:
                concepts.setdefault(concept.key, []).append(one.memory)
        return memories, sessions, concepts

    # How memories enter and leave

    def put_in(self, heard: Sequence[Heard]) -> Woven:
        """With these memories, which it does not have, after all others and in this order."""
        return Woven(stacked(self.slices, heard), self.names) if heard else self

    def take_out(self, ids: Iterable[MemoryId]) -> Woven:
        """As it would be had these memories never been; ids that it does not have are passed over."""
        rows: dict[int, set[int]] = {}
        for memory in ids:
            at = self.find(memory)
            if at >= 0:
                part, row = self.split(at)
                rows.setdefault(part, set()).add(row)
        if not rows:
            return self
        slices = list(self.slices)
        for part, dead in rows.items():
            slices[part] = slices[part].without(sorted(dead))
        return Woven(tuple(thinned(part) for part in slices if len(part)), self.names)

    def renamed(self, names: Names) -> Woven:
        """With other names that mean one thing, as if every memory had been heard under them."""
        return self if names is self.names else Woven(self.slices, names)

    # Memories

    def find(self, memory: MemoryId) -> int:
        """The number of a memory, or -1."""
        wanted, slices = id_number(memory), self.slices
        for part in range(len(slices) - 1, -1, -1):  # what is asked for is likely to be new
            row = slices[part].find(memory, wanted)
            if row >= 0:
                return self._begin(part) + row
        return -1

    def split(self, at: int) -> tuple[int, int]:
        """The slice and the row of a memory."""
        ends = self._ends
        part = bisect_right(ends, at)
        return part, at - (ends[part - 1] if part else 0)

    def _begin(self, part: int) -> int:
        return self._ends[part - 1] if part else 0

    def id(self, at: int) -> MemoryId:
        """The id of a memory."""
        part, row = self.split(at)
        return self.slices[part].run.ids[row]

    def concepts(self, at: int) -> tuple[Concept, ...]:
        """What a memory speaks of, in its order."""
        part, row = self.split(at)
        return self.names.concepts(self.slices[part].run.concepts(row))

    def keys(self, at: int) -> list[str]:
        """The keys of what a memory speaks of, in its order."""
        part, row = self.split(at)
        run = self.slices[part].run
        keys = [run.keys[place] for place in run.places(row)]
        return list(dict.fromkeys(map(self.names.resolved, keys))) if len(self.names) else keys

    def session(self, at: int) -> str | None:
        """The session of a memory."""
        part, row = self.split(at)
        return self.slices[part].run.session_of(row)

    def near(self, at: int) -> tuple[int, int]:
        """The memories of the same session just before one and just after it, each -1 if there is none."""
        part, row = self.split(at)
        whole = self.slices[part]
        begin, here, end = whole.run.chain(row)
        if begin == end:
            return -1, -1
        if whole.dead is None and begin < here < end - 1:
            first = self._begin(part)
            return first + whole.run.chained(here - 1), first + whole.run.chained(here + 1)
        before = self._living(part, range(here - 1, begin - 1, -1))
        after = self._living(part, range(here + 1, end))
        earlier, later = range(part - 1, -1, -1), range(part + 1, len(self.slices))
        if (before < 0 and earlier) or (after < 0 and later):
            session = whole.run.session_of(row) or ""
            before = before if before >= 0 else self._in_session(session, earlier, -1)
            after = after if after >= 0 else self._in_session(session, later, 1)
        return before, after

    def _in_session(self, name: str, parts: Iterable[int], step: int) -> int:
        """The first living memory of a session in these slices, which are gone through one way or the other; or -1."""
        wanted = id_number(name)
        for part in parts:
            run = self.slices[part].run
            session = run.place_of_session(wanted)
            if session < 0:
                continue
            begin, end = int(run.begun[session]), int(run.begun[session + 1])
            found = self._living(part, range(begin, end) if step > 0 else range(end - 1, begin - 1, -1))
            if found >= 0:
                return found
        return -1

    def _living(self, part: int, places: Iterable[int]) -> int:
        """The first memory that lives among these places in the chains of a slice, or -1."""
        whole = self.slices[part]
        for row in map(whole.run.chained, places):
            if whole.lives(row):
                return self._begin(part) + row
        return -1

    def last(self, session: str) -> int:
        """The last memory of a session, or -1."""
        return self._in_session(session, range(len(self.slices) - 1, -1, -1), -1)

    def trace(self, at: int) -> Trace:
        """What a memory put in."""
        before, after = (None if one < 0 else self.id(one) for one in self.near(at))
        return Trace(self.concepts(at), self.session(at), before, after)

    def heard(self) -> Iterator[Heard]:
        """Every memory, in order."""
        for part in self.slices:
            run = part.run
            ids, forms, names = run.ids.raws(), run.all_forms(), run.sessions.all()
            starts, mentions, sessions = run.starts.tolist(), run.forms.tolist(), run.session.tolist()
            for row in part.living().tolist():
                concepts = tuple(forms[one] for one in mentions[starts[row] : starts[row + 1]])
                session = None if sessions[row] == ALONE else names[sessions[row]]
                yield Heard(ids[row].decode("utf-8", "surrogatepass"), self.names.concepts(concepts), session)

    # Concepts

    def spots(self, key: str) -> list[Spot]:
        """Where a concept may stand, the newest slice first: under its key, and under each name that leads to it."""
        if key in self.names.aliases:
            return []
        wanted = [number(key)]
        if len(self.names):
            wanted += [number(own) for own in self.names.groups.get(key, ())]
        found = []
        for part in range(len(self.slices) - 1, -1, -1):
            place_of = self.slices[part].run.place
            for one in wanted:
                place = place_of(one)
                if place >= 0:
                    found.append((part, place))
        return found

    def mentions(self, spots: Sequence[Spot]) -> int:
        """How many memories mention a concept that stands there."""
        if len({part for part, _ in spots}) == len(spots):
            return sum(self.slices[part].count(place) for part, place in spots)
        return sum(1 for _ in self.newest(spots))

    def newest(self, spots: Sequence[Spot]) -> Iterator[int]:
        """The memories that mention a concept that stands there, the newest first."""
        places: dict[int, list[int]] = {}
        for part, place in spots:
            places.setdefault(part, []).append(place)
        for part, own in places.items():
            begin, whole = self._begin(part), self.slices[part]
            if len(own) == 1:
                for row in whole.newest(own[0]):
                    yield begin + row
            else:
                rows = {row for place in own for row in whole.rows(place)}
                for row in sorted(rows, reverse=True):
                    yield begin + row

    def altered(self, part: int) -> Mask | None:
        """Which rows of a slice speak of what goes by another name, or ``None`` if none does."""
        if not len(self.names) or not self.slices:
            return None
        if part not in self._altered:
            if self._aliases is None:
                self._aliases = np.array([number(key) for key in self.names.aliases], np.uint64)
            run = self.slices[part].run
            other = np.isin(run.hashes, self._aliases)
            mask = np.zeros(len(run), np.bool_)
            mask[run.rows[np.repeat(other, sizes_of(run.posted))]] = True
            self._altered[part] = mask if other.any() else None
        return self._altered[part]

    def links(self, key: str, spots: Sequence[Spot], most: int | None = None) -> dict[str, int] | None:
        """The concepts beside one, and in how many memories; ``None`` if they are more than ``most``."""
        own, found = number(key), Counter[str]()
        for part in dict.fromkeys(part for part, _ in spots):
            whole, skipped = self.slices[part], self.altered(part)
            run = whole.run
            place = run.place(own)
            beside = None if place < 0 else whole.beside(place, skipped, most)
            if place >= 0 and beside is None:
                return None
            keys = run.keys
            for other, count in (beside or {}).items():
                found[keys[other]] += count
            if skipped is not None:
                rows = {row for at, place in spots if at == part for row in whole.rows(place) if skipped[row]}
                for row in sorted(rows):
                    found.update(close(self.keys(self._begin(part) + row), key))
            if most is not None and len(found) > most:
                return None
        return dict(found)

    def forms(self, key: str, spots: Sequence[Spot]) -> Counter[Concept]:
        """The forms in which a concept stands, and in how many memories each."""
        found: Counter[Concept] = Counter()
        grouped = key in self.names.groups
        for part, place in spots:
            whole, run = self.slices[part], self.slices[part].run
            if grouped:
                continue
            begin, end = int(run.posted[place]), int(run.posted[place + 1])
            rows = run.rows[begin:end].astype(np.int64)
            at = run.starts[rows].astype(np.int64) + run.ats[begin:end]
            alive = whole.alive()
            forms = run.forms[at if alive is None else at[alive[rows]]]
            for form, count in zip(*(one.tolist() for one in np.unique(forms, return_counts=True)), strict=True):
                found[Concept(key, run.labels[form], KINDS[run.kinds[form]])] += count
        if grouped:
            for at in self.newest(spots):
                found.update(one for one in self.concepts(at) if one.key == key)
        return found

    def count_concepts(self) -> int:
        """How many concepts some memory mentions."""
        if self._concepts < 0:
            parts = self.slices
            hashes = [part.run.hashes if part.dead is None else part.run.hashes[part.counts() > 0] for part in parts]
            plain = not len(self.names) and hashes
            self._concepts = len(np.unique(np.concatenate(hashes))) if plain else len(self.all_keys())
        return self._concepts

    def all_keys(self) -> dict[str, None]:
        """The keys of all concepts that some memory mentions."""
        found: dict[str, None] = {}
        for part in self.slices:
            keys = part.run.keys.all()
            if part.dead is not None:
                keys = [keys[place] for place in np.flatnonzero(part.counts()).tolist()]
            found.update(dict.fromkeys(map(self.names.resolved, keys) if len(self.names) else keys))
        return found

    def all_sessions(self) -> dict[str, MemoryId]:
        """The last memory of each session."""
        found: dict[str, MemoryId] = {}
        for one in self.heard():
            if one.session is not None:
                found[one.session] = one.memory
        return found


def close(keys: Sequence[str], key: str) -> list[str]:
    """The keys that stand close to one among these."""
    at = keys.index(key)
    return [*keys[max(0, at - WINDOW) : at], *keys[at + 1 : at + 1 + WINDOW]]


def without(items: List[K], gone: Collection[K], count: int) -> List[K]:
    """The list without ``count`` of its items. What is older than the oldest of them is shared, not copied."""
    kept: list[K] = []
    for item in items:
        if not count:
            break
        items = items.drop_first()
        if item in gone:
            count -= 1
        else:
            kept.append(item)
    for item in reversed(kept):
        items = items.push_front(item)
    return items
