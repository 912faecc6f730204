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
from quantum_memory.memory.semantic.runs import ALONE, Heard, Ints, Run
from quantum_memory.memory.semantic.slices import (
    FEW,
    WINDOW,
    Mask,
    Slice,
    around,
    counted,
    sizes_of,
    stacked,
    thinned,
)
from quantum_memory.memory.semantic.texts import spread
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


class Renames(NamedTuple):
    """What goes by another name in a run.

    Attributes:
        altered: (n,) whether a row speaks of any of it.
        stands: (c,) of each concept the place of that for which it stands.
        others: keys of those that stand under other names only, and have the places after all concepts.
    """

    altered: Mask
    stands: Ints
    others: list[str]

    def beside(self, run: Run, rows: Ints, key: str, place: int) -> dict[str, int]:
        """The concepts close to one in these rows, which all speak of it, and in how many; ``place`` is -1 for none."""
        if not len(rows):
            return {}
        count = len(run.hashes)
        own = place if place >= 0 else count + self.others.index(key)
        sizes = sizes_of(run.starts)[rows]
        spoken = self.stands[run.of_form[run.forms[spread(run.starts[rows].astype(np.int64), sizes)]]]
        owner = np.repeat(np.arange(len(rows)), sizes)
        # Of two names for one thing the first counts.
        _, first = np.unique(owner * (count + len(self.others)) + spoken, return_index=True)
        first.sort()
        spoken, owner = spoken[first], owner[first]
        here = np.flatnonzero(spoken == own)
        begin, end = (np.searchsorted(owner, np.arange(len(rows)), side) for side in ("left", "right"))
        near = around(np.maximum(begin, here - WINDOW), here, np.minimum(end, here + 1 + WINDOW))
        found = counted(spoken[near])
        return {run.keys[at] if at < count else self.others[at - count]: often for at, often in found.items()}


class Woven:
    """The memories of a state and what they speak of. It never changes: branches share the runs they have in common.

    A memory has a number here, its place among the rows of all slices, dead ones too; it is good for this value only.

    Args:
        slices: in the order of remembering.
        names: which concept a name stands for.
    """

    __slots__ = ("__weakref__", "_aliases", "_concepts", "_ends", "_heads", "_joined", "count", "names", "slices")

    def __init__(self, slices: tuple[Slice, ...] = (), names: Names | None = None) -> None:
        self.slices, self.names = slices, Names() if names is None else names
        self._ends = list(accumulate(len(part.run) for part in slices))
        self.count = sum(map(len, slices))
        self._joined: dict[int, Slice] = {}
        self._aliases: NDArray[np.uint64] | None = None
        self._concepts = -1
        self._heads: Ints | None = None

    @property
    def heads(self) -> Ints:
        """Where the columns of its slices lie, for machine code; see ``heads``."""
        if self._heads is None:
            from quantum_memory.memory.semantic.heads import heads_of  # it imports numba

            self._heads = heads_of(self)
        return self._heads

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
        return self._of(stacked(self.slices, heard, self._joined)) if heard else self

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
        return self._of(tuple(thinned(part) for part in slices if len(part)))

    def _of(self, slices: tuple[Slice, ...]) -> Woven:
        """Other slices under the same names."""
        woven = Woven(slices, self.names)
        woven._aliases = self._aliases
        return woven

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
        parts = ((self.slices[part], places) for part, places in _by_part(spots).items())
        return sum(len(part.among(places)) if len(places) > 1 else part.count(places[0]) for part, places in parts)

    def newest(self, spots: Sequence[Spot]) -> Iterator[int]:
        """The memories that mention a concept that stands there, the newest first."""
        for part, places in _by_part(spots).items():
            begin, whole = self._begin(part), self.slices[part]
            rows = iter(whole.among(places)[::-1].tolist()) if len(places) > 1 else whole.newest(places[0])
            for row in rows:
                yield begin + row

    def _renames(self, part: int) -> Renames | None:
        """What goes by another name in a slice, or ``None`` if nothing does."""
        if not len(self.names):
            return None
        return self.slices[part].seen(self.names, self._look)

    def _look(self, run: Run) -> Renames | None:
        if self._aliases is None:
            self._aliases = np.fromiter(map(number, self.names.aliases), np.uint64, len(self.names))
        renamed = np.isin(run.hashes, self._aliases)
        if not renamed.any():
            return None
        count, stands = len(run.hashes), np.arange(len(run.hashes))
        others: dict[str, int] = {}
        for at in np.flatnonzero(renamed).tolist():
            key = self.names.resolved(run.keys[at])
            place = run.place(number(key))
            stands[at] = place if place >= 0 else others.setdefault(key, count + len(others))
        altered = np.zeros(len(run), np.bool_)
        altered[run.rows[np.repeat(renamed, sizes_of(run.posted))]] = True
        return Renames(altered, stands, list(others))

    def links(self, key: str, spots: Sequence[Spot], most: int | None = None) -> dict[str, int] | None:
        """The concepts beside one, and in how many memories; ``None`` if they are more than ``most``."""
        own, found = number(key), Counter[str]()
        for part, places in _by_part(spots).items():
            whole, renames = self.slices[part], self._renames(part)
            run = whole.run
            place, keys = run.place(own), run.keys
            if place >= 0:
                beside = whole.beside(place, None if renames is None else renames.altered, most)
                if beside is None:
                    return None
                for other, count in beside.items():
                    found[keys[other]] += count
            if renames is not None:
                rows = whole.among(places)
                rows = rows[renames.altered[rows]]
                for some in (rows[:FEW], rows[FEW:]):  # so soon it mostly shows that a common concept has too many
                    found.update(renames.beside(run, some, key, place))
                    if most is not None and len(found) > most:
                        return None
            if most is not None and len(found) > most:
                return None
        return dict(found)

    def forms(self, key: str, spots: Sequence[Spot]) -> Counter[Concept]:
        """The forms in which a concept stands, and in how many memories each."""
        found: Counter[Concept] = Counter()
        for part, places in _by_part(spots).items():
            whole, run = self.slices[part], self.slices[part].run
            at = [np.arange(run.posted[place], run.posted[place + 1]) for place in places]
            rows, ats = run.rows[np.concatenate(at)].astype(np.int64), run.ats[np.concatenate(at)]
            alive = whole.alive()
            if alive is not None:
                rows, ats = rows[alive[rows]], ats[alive[rows]]
            forms = run.forms[run.starts[rows] + ats.astype(np.int64)].astype(np.int64)
            if len(places) > 1:  # of several forms in one memory the most telling counts
                labels = {form: run.labels[form] for form in np.unique(forms).tolist()}
                ranked = sorted(labels, key=lambda form: (int(run.kinds[form]), labels[form]))
                rank = np.zeros(len(run.kinds), np.int64)
                rank[ranked] = np.arange(len(ranked))
                order = np.lexsort((rank[forms], rows))
                forms = forms[order][np.append(True, np.diff(rows[order]) > 0)[: len(rows)]]
            for form, count in counted(forms).items():
                found[Concept(key, run.labels[form], KINDS[run.kinds[form]])] += count
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


def _by_part(spots: Iterable[Spot]) -> dict[int, list[int]]:
    """The places in each slice, slices in the order in which they came."""
    found: dict[int, list[int]] = {}
    for part, place in spots:
        found.setdefault(part, []).append(place)
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
