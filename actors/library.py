"""The library as its users see it: projects, and the rules, documents and references on their shelves.

A library holds a way to the actors and how far its user may reach; it can be pickled and thrown away. What is not
within reach is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from quantum_memory.actors.copies import Copies, Copy, Looked, Placed, moving
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.operations import Call, operation
from quantum_memory.actors.projects import Project
from quantum_memory.actors.requests import memory_id, query_of, recall_request
from quantum_memory.actors.shelving import PutRequest, TakeRequest, leaving
from quantum_memory.actors.steps import Stepping, Steps
from quantum_memory.checks import whole
from quantum_memory.errors import AlreadyExists, EntryNotFound, InvalidValue, TooLong, VersionConflict
from quantum_memory.memory.library.entries import (
    KINDS,
    Content,
    Entry,
    EntryHits,
    Kind,
    entry_id,
    kind_named,
    tags_of,
)
from quantum_memory.memory.library.keeping import TITLE, comparable, current, gathered, is_kept, origin_of
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.reading import Listing
from quantum_memory.memory.library.shelves import (
    DEFAULT_TIER,
    TIERS,
    Shelf,
    Tier,
    beginning,
    project_named,
    shelf_of,
    tier_named,
)
from quantum_memory.types import Filters, Hit, Hits, Vector

MAX_PROJECTS = 64
"""Projects that one search looks through."""
MAX_HITS, MAX_PASSAGES, MAX_LISTED = 200, 20, 1000
PER_ENTRY = 4
"""How many hits are asked for, for each entry that is wanted: several passages of one may be among the best."""
TRIES = 3
"""How often shelves are searched on which something is changed meanwhile."""


class Page(NamedTuple):
    """Some of a list of entries, in the order in which they were made, and where the next page begins."""

    entries: list[Entry]
    after: tuple[datetime, str] | None


class Library:
    """The shelves that somebody may use.

    Args:
        directory: where the orchestrators are, and whose session changes are.
        reach: how far he may reach.
        recalled: how many memories one recall may be asked for.

    Every operation waits for its answer when called, and can be begun on an event loop with ``begin``. Each is several
    calls, so there is no ``.remote``.

    Raises, from every operation: InvalidInput before anything is sent or changed; Forbidden for a project or a tier
    that is named and out of reach; Unavailable; StorageFailure.
    """

    def __init__(self, directory: Directory, reach: Reach, recalled: int) -> None:
        self._directory, self._reach, self._recalled = directory, reach, recalled
        self._copies = Copies(directory, reach.scope)

    def __reduce__(self) -> tuple[type[Library], tuple[Directory, Reach, int]]:
        return Library, (self._directory, self._reach, self._recalled)

    @property
    def reach(self) -> Reach:
        """How far its user may reach."""
        return self._reach

    def project(self, name: str) -> Project:
        """One project; it begins with its first entry. Raises: InvalidValue, Forbidden."""
        self._reach.require(project_named(name), "project")
        return Project(self, name)

    @operation
    def projects(self) -> Call[list[str]]:
        """The names of the projects of which something was ever kept within reach, in order."""
        return Steps(self._projects, "projects")

    @operation
    def add(self, project: str, content: Content, tier: Tier = DEFAULT_TIER, *, id: str | None = None) -> Call[Entry]:  # noqa: A002
        """Keep something; acknowledged means on disk.

        Args:
            project: where it belongs.
            content: what it is.
            tier: who may read it.
            id: of the caller's choice. The same content under the same id again adds nothing.

        Raises: AlreadyExists for an id that is another entry's.
        """
        shelf, base = self._shelf(project, tier, "add"), self._directory.new_op()
        name = entry_id(memory_id(base, 0) if id is None else id)
        return Steps(lambda: self._add(shelf, name, content, base), "add")

    @operation
    def entry(self, project: str, id: str, kind: Kind | None = None) -> Call[Entry]:  # noqa: A002
        """An entry by its id, whole. Raises: EntryNotFound."""
        self._within(project, "entry")
        asked = entry_id(id)
        return Steps(lambda: self._entry(project, asked, kind), "entry")

    @operation
    def entries(
        self,
        project: str,
        kind: Kind | None = None,
        *,
        tags: Iterable[str] = (),
        tiers: Iterable[Tier] | None = None,
        limit: int = 100,
        after: tuple[datetime, str] | None = None,
    ) -> Call[Page]:
        """Entries without their texts, in the order in which they were made.

        Args:
            project: of which.
            kind: only of that kind.
            tags: only those that have all of these.
            tiers: only from these.
            limit: how many at most, up to 1,000.
            after: the ``after`` of the page before.
        """
        self._within(project, "entries")
        most = whole("limit", limit, 1, MAX_LISTED)
        asked = Listing(None if kind is None else kind_named(kind), tags_of(tags), after, most + 1)
        shelves = self._shelves([project], tiers, "entries")
        return Steps(lambda: self._entries(shelves, asked, most), "entries")

    @operation
    def update(
        self,
        project: str,
        id: str,  # noqa: A002
        version: int,
        changes: dict[str, Any] | None = None,
        *,
        tier: Tier | None = None,
        to: str | None = None,
        kind: Kind | None = None,
    ) -> Call[Entry]:
        """Change an entry, or move it; what is not given stays. Readers see all of it or nothing of it.

        Args:
            project: where it is.
            id: which it is.
            version: the one that its caller has seen.
            changes: new values for some of title, text, uri, tags, priority and enabled.
            tier: who may read it from now on.
            to: the project that it goes to.
            kind: of which it is to be.

        It is readable where it was, as it was, until it is where it goes, and then there alone. A move that was cut
        off has been made or has not; the same call again makes it, and changes nothing where all is done.

        Raises: EntryNotFound; VersionConflict if somebody else has changed it; AlreadyExists where another entry of the
        project that it goes to has its id, or is being put there under it.
        """
        self._within(project, "update")
        seen, base, asked = whole("version", version, 1, 2**53), self._directory.new_op(), entry_id(id)
        if tier is not None:
            self._reach.require_tier(tier_named(tier), "update")
        if to is not None:
            self._within(to, "update")
        if not changes and tier is None and to is None:
            raise InvalidValue("update", "nothing", "a new value for at least one field")
        return Steps(lambda: self._update(_Change(project, asked, seen, changes or {}, tier, to, kind, base)), "update")

    @operation
    def delete(self, project: str, id: str, version: int | None = None, *, kind: Kind | None = None) -> Call[None]:  # noqa: A002
        """Take an entry away; it is found no more. Raises: EntryNotFound; VersionConflict."""
        self._within(project, "delete")
        seen = None if version is None else whole("version", version, 1, 2**53)
        base, asked = self._directory.new_op(), entry_id(id)
        return Steps(lambda: self._delete(project, asked, seen, kind, base), "delete")

    @operation
    def search(
        self,
        query: str | Vector | Sequence[float],
        k: int = 10,
        *,
        projects: Iterable[str] | None = None,
        kinds: Iterable[Kind] = KINDS,
        tags: Iterable[str] = (),
        tiers: Iterable[Tier] | None = None,
        passages: int = 3,
    ) -> Call[EntryHits]:
        """What the library has on this, best first: entries, with the passages that were found and the parts of their
        scores, as ``recall`` makes them.

        Args:
            query: a text, or a vector of the embedding's length.
            k: how many entries at most, up to 200.
            projects: only in these; in all within reach when left out, up to 64.
            kinds: only of these kinds.
            tags: only those that have all of these.
            tiers: only from these.
            passages: how many of each entry at most.
        """
        most, each = whole("k", k, 0, MAX_HITS), whole("passages", passages, 1, MAX_PASSAGES)
        wanted = tuple(kind for kind in KINDS if kind in set(map(kind_named, kinds)))
        if not wanted:
            raise InvalidValue("kinds", "none", f"some of {', '.join(KINDS)}")
        named = None if projects is None else list(dict.fromkeys(map(project_named, projects)))
        for project in named or ():
            self._reach.require(project, "search")
        if named is not None and len(named) > MAX_PROJECTS:
            raise TooLong("projects", len(named), MAX_PROJECTS, "projects")
        chosen = self._tiers(tiers, "search")
        asked = _Search(query_of(query), most, each, wanted, tags_of(tags))
        return Steps(lambda: self._search(asked, named, chosen), "search")

    @operation
    def shelf(self, project: str, tier: Tier) -> Call[AgentHandle]:
        """The agent that holds a tier of a project, for its history: log, checkpoint, rollback, fork, audit.

        Rolled back, the entries are as they were then. The library reads and writes its first branch alone.
        Raises: EntryNotFound if nothing was ever kept there.
        """
        shelf = self._shelf(project, tier, "shelf")
        return Steps(lambda: self._copies.handle(shelf), "shelf")

    def _within(self, project: str, action: str) -> None:
        self._reach.require(project_named(project), action)

    def _tiers(self, tiers: Iterable[Tier] | None, action: str) -> tuple[Tier, ...]:
        """Raises: InvalidValue, Forbidden."""
        if tiers is None:
            return TIERS
        chosen = tuple(map(tier_named, (tiers,) if isinstance(tiers, str) else tiers))
        for tier in chosen:
            self._reach.require_tier(tier, action)
        return chosen

    def _shelf(self, project: str, tier: Tier, action: str) -> Shelf:
        self._within(project, action)
        self._reach.require_tier(tier_named(tier), action)
        return Shelf(self._reach.scope, project, tier)

    def _shelves(self, projects: Iterable[str], tiers: Iterable[Tier] | None, action: str) -> list[Shelf]:
        chosen = self._tiers(tiers, action)
        return [shelf for project in projects for shelf in self._reach.shelves(project, chosen)]

    # The steps

    def _projects(self) -> Stepping[list[str]]:
        shelves = yield from self._all()
        return sorted({shelf.project for shelf in shelves})

    def _all(self) -> Stepping[list[Shelf]]:
        """Every shelf within reach."""
        (names,) = yield [self._directory.call("vault", 0, "agents_named", (beginning(self._reach.scope),))]
        found = (shelf_of(name) for name in names)
        return [shelf for shelf in found if shelf is not None and self._reach.reaches(shelf)]

    def _entry(self, project: str, id_: str, kind: Kind | None) -> Stepping[Entry]:
        looked = yield from self._copies.look(self._reach.shelves(project), id_)
        return _one(project, id_, kind, looked.entries)

    def _add(self, shelf: Shelf, id_: str, content: Content, base: str) -> Stepping[Entry]:
        copies = self._copies
        looked = yield from copies.look(self._reach.shelves(shelf.project), id_)
        first = yield from copies.first(looked.there, id_, base)
        if first is not None:
            return first
        if any(one.placed.shelf != shelf for one in looked.counting):
            raise AlreadyExists("entry", id_)
        yield from self._freed(looked, shelf, base)
        placed = looked.on(shelf) or (yield from copies.made(shelf))
        return (yield from copies.put(PutRequest(placed.branch, id_, content, 0, base)))

    def _freed(self, looked: Looked, shelf: Shelf, base: str) -> Stepping[None]:
        """Make room for an entry where a move that did not come to pass has left one."""
        for one in looked.rest:
            mine = one.entry.origin is not None and one.entry.origin.op == leaving(moving(base))
            if one.placed.shelf == shelf and not mine:
                yield from self._copies.cleared(one, base)

    def _entries(self, shelves: Sequence[Shelf], asked: Listing, most: int) -> Stepping[Page]:
        there = yield from self._copies.there(shelves)
        page: list[Entry] = []
        while True:
            found: list[list[Entry]] = yield [
                self._directory.ask_owner(one.branch.lineage, "list_entries", one.branch, asked, one.at)
                for one in there
            ]
            # Behind the last that a full answer tells, there may be more of that shelf before what another one tells.
            upto = min((some[-1].order for some in found if len(some) == asked.limit), default=None)
            told = [entry for some in found for entry in some if upto is None or entry.order <= upto]
            page += sorted((yield from self._copies.judged(told)), key=lambda one: one.order)
            if len(page) > most:
                return Page(page[:most], page[most - 1].order)
            if upto is None:
                return Page(page, None)
            # Next time more: very many that do not count may stand before those that do.
            asked = asked._replace(after=upto, limit=min(2 * asked.limit, MAX_LISTED + 1))

    def _update(self, change: _Change) -> Stepping[Entry]:
        copies, target_project = self._copies, change.to or change.project
        projects = dict.fromkeys((change.project, target_project))
        shelves = [shelf for project in projects for shelf in self._reach.shelves(project)]
        looked = yield from copies.look(shelves, change.id)
        first = yield from copies.first(looked.there, change.id, change.base)
        if first is not None:
            return first
        mine = [one for one in looked.entries if one.project == change.project]
        still = any(one.version == change.version for one in mine)  # this one is to be moved, whatever was before
        done = None if still else _moved_already(change, looked.entries)
        here = done or _one(change.project, change.id, change.kind, mine)
        source = looked.placed(here)
        content = here.content.with_changes(change.changes)
        goal = Shelf(self._reach.scope, target_project, change.tier or here.tier)
        if source.shelf == goal:
            request = PutRequest(source.branch, here.id, content, change.version, change.base, line=here.line)
            entry = yield from copies.put(request)
        else:
            if here.version != change.version:
                raise VersionConflict(here.id, change.version, here.version)
            if any(one.project == goal.project and one.birth != here.birth for one in looked.entries):
                raise AlreadyExists("entry", here.id)
            yield from self._freed(looked, goal, change.base)
            placed = looked.on(goal) or (yield from copies.made(goal))
            entry = yield from copies.moved(Copy(source, here), placed, content, change.base)
        yield from copies.swept(looked, entry, change.base)
        return entry

    def _delete(self, project: str, id_: str, seen: int | None, kind: Kind | None, base: str) -> Stepping[None]:
        looked = yield from self._copies.look(self._reach.shelves(project), id_)
        if (yield from self._copies.done(looked.there, base)):
            return
        here = _one(project, id_, kind, looked.entries)
        yield from self._copies.take(TakeRequest(looked.placed(here).branch, id_, here.line, seen, base))
        yield from self._copies.swept(looked, here, base)

    def _search(self, asked: _Search, projects: Sequence[str] | None, tiers: Sequence[Tier]) -> Stepping[EntryHits]:
        if projects is None:
            there = yield from self._all()
            shelves = [shelf for shelf in there if shelf.tier in tiers]
            count = len({shelf.project for shelf in shelves})
            if count > MAX_PROJECTS:
                raise TooLong("projects", count, MAX_PROJECTS, "projects")
        else:
            shelves = [shelf for project in projects for shelf in self._reach.shelves(project, tiers)]
        asked_of = shelves if asked.k else []
        placed = yield from self._copies.there(asked_of)
        for _ in range(TRIES):
            found, before = (yield from self._found(asked, placed)), placed
            placed = yield from self._copies.there(asked_of)
            if placed == before:
                break  # else something may have been moved from one shelf to another between their answers
        return found

    def _found(self, asked: _Search, placed: Sequence[Placed]) -> Stepping[EntryHits]:
        over = yield from self._best_words(asked.query, placed)
        most = min(self._recalled, asked.k * PER_ENTRY)
        while True:
            told, missing, full = yield from self._recall(asked, placed, most, over)
            hits = gathered(comparable(told), asked.k, asked.passages)
            if len(hits) >= asked.k or not full:
                return EntryHits(hits, missing)
            if most >= self._recalled:
                break
            most = min(self._recalled, 4 * most)
        # A few long texts fill all that may be asked for: what else is there is found by its title at least.
        by_title = asked._replace(tags=(*asked.tags, TITLE))
        titled, gone, _ = yield from self._recall(by_title, placed, most, over)
        return EntryHits(gathered(comparable([*told, *titled]), asked.k, asked.passages), sorted({*missing, *gone}))

    def _recall(self, asked: _Search, placed: Sequence[Placed], most: int, over: float) -> Stepping[_Recalled]:
        """What each shelf recalls of each kind and counts, what they did it without, and whether there may be more."""
        kinds: Sequence[Kind | None] = (None,) if len(asked.kinds) == len(KINDS) else asked.kinds
        questions = [
            (one, replace(recall_request(one.branch, asked.query, most, filters, None), over=over))
            for one in placed
            for filters in (Filters(kind=kind, tags=asked.tags) for kind in kinds)
        ]
        found: list[Hits] = yield [
            self._directory.ask_owner(one.branch.lineage, "recall_one", request) for one, request in questions
        ]
        kept = [[hit for hit in some if is_kept(hit.memory)] for some in found]
        undone = yield from self._copies.undone(origin_of(hit.memory) for some in kept for hit in some)
        told = [
            (one.shelf, [hit for hit in some if origin_of(hit.memory) not in undone])
            for (one, _), some in zip(questions, kept, strict=True)
        ]
        missing = sorted({part for some in found for part in some.missing})
        return _Recalled(told, missing, any(len(some) >= most for some in found))

    def _best_words(self, query: str | Vector, placed: Sequence[Placed]) -> Stepping[float]:
        """What words are measured by on all of these shelves: the best match that one of them has."""
        if not isinstance(query, str) or len(placed) < 2:
            return 0.0
        best: list[float] = yield [
            self._directory.ask_owner(one.branch.lineage, "best_words", one.branch, query) for one in placed
        ]
        return max(best)


class _Change(NamedTuple):
    """What is to become of an entry."""

    project: str
    id: str
    version: int
    changes: dict[str, Any]
    tier: Tier | None
    to: str | None
    kind: Kind | None
    base: str


class _Search(NamedTuple):
    """What is searched for."""

    query: str | Vector
    k: int
    passages: int
    kinds: tuple[Kind, ...]
    tags: tuple[str, ...]


class _Recalled(NamedTuple):
    """What shelves recall of entries that count, what they did it without, and whether one may have more."""

    told: list[tuple[Shelf, list[Hit]]]
    missing: list[str]
    full: bool


def _moved_already(change: _Change, entries: Sequence[Entry]) -> Entry | None:
    """The entry where it was to go, if a call like this one was done."""
    goal = change.to or change.project
    for entry in entries:
        origin = entry.origin
        if (
            origin is not None
            and (origin.project, origin.version) == (change.project, change.version)
            and (entry.project, entry.version) == (goal, change.version + 1)
            and change.tier in (None, entry.tier)
            and change.kind in (None, entry.kind)
        ):
            return entry
    return None


def _one(project: str, id_: str, kind: Kind | None, copies: Sequence[Entry]) -> Entry:
    """The entry that counts, if it is of that kind. Raises: EntryNotFound."""
    found = current(copies)
    if found is None or kind not in (None, found.kind):
        raise EntryNotFound(project, id_)
    return found
