"""The library as its users see it: projects, and the rules, documents and references on their shelves.

A library holds a way to the actors and how far its user may reach; it can be pickled and thrown away. What is not
within reach is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.operations import Call, operation
from quantum_memory.actors.projects import Project
from quantum_memory.actors.requests import memory_id, query_of, recall_request
from quantum_memory.actors.shelving import PutRequest, TakeRequest, birth_of
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
from quantum_memory.memory.library.keeping import TITLE, comparable, current, gathered, standing, void
from quantum_memory.memory.library.passages import LEAST
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
from quantum_memory.types import Branch, Filters, Hits, Vector

MAX_PROJECTS = 64
"""Projects that one search looks through."""
MAX_HITS, MAX_PASSAGES, MAX_LISTED = 200, 20, 1000
PER_ENTRY = 4
"""How many hits are asked for, for each entry that is wanted: several passages of one may be among the best."""


class Page(NamedTuple):
    """Some of a list of entries, in the order in which they were made, and where the next page begins."""

    entries: list[Entry]
    after: tuple[datetime, str] | None


class Placed(NamedTuple):
    """A shelf, and the branch of the agent that holds it."""

    shelf: Shelf
    branch: Branch


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

        It is readable where it was until it can be read where it goes, and nowhere else. The same call again finishes
        what was cut off, and changes nothing where all is done.

        Raises: EntryNotFound; VersionConflict if somebody else has changed it; AlreadyExists where another entry of the
        project that it goes to has its id.
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
        return Steps(lambda: self._handle(shelf), "shelf")

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

    def _there(self, shelves: Sequence[Shelf]) -> Stepping[list[Placed]]:
        """Those of these shelves that there are."""
        names = [shelf.agent for shelf in shelves]
        (found,) = yield [self._directory.call("vault", 0, "find_agents", (names,))]
        return [Placed(shelf, one) for shelf, one in zip(shelves, found, strict=True) if one is not None]

    def _handle(self, shelf: Shelf) -> Stepping[AgentHandle]:
        there = yield from self._there([shelf])
        if not there:
            raise EntryNotFound(shelf.project, shelf.tier)
        return AgentHandle(there[0].branch, self._directory)

    def _made(self, shelf: Shelf) -> Stepping[Placed]:
        """A shelf, which is made if there is none yet."""
        directory = self._directory
        (made,) = yield [directory.ask_owner(shelf.agent, "open", [shelf.agent], True, directory.session)]
        return Placed(shelf, made[0].info)

    def _copies(self, there: Sequence[Placed], id_: str) -> Stepping[list[tuple[Placed, Entry]]]:
        """What shelves have under an id."""
        found = yield [self._directory.ask_owner(one.branch.lineage, "read_entry", one.branch, id_) for one in there]
        return [(one, entry) for one, entry in zip(there, found, strict=True) if entry is not None]

    def _looked(self, shelves: Sequence[Shelf], id_: str) -> Stepping[tuple[list[Placed], list[tuple[Placed, Entry]]]]:
        """Those of these shelves that there are, and what they have under an id.

        What is moved from one to another between their answers is on neither by what they say: then they are asked
        once more.
        """
        there = yield from self._there(shelves)
        copies = yield from self._copies(there, id_)
        if not copies:
            there = yield from self._there(shelves)
            copies = yield from self._copies(there, id_)
        return there, (yield from self._decided(copies))

    def _decided(self, copies: list[tuple[Placed, Entry]]) -> Stepping[list[tuple[Placed, Entry]]]:
        """The same, where of two moves from one place the one counts that took the entry away there."""
        moves = [entry for entry in standing(one for _, one in copies) if entry.origin is not None]
        if len({one.birth for one in moves}) == len(moves):
            return copies
        asked = [(Shelf(self._reach.scope, *one.origin[:2]).agent, one.origin.op) for one in moves if one.origin]
        found = yield [self._directory.call("vault", 0, "outcome", one) for one in asked]
        won = {one.birth: one for one, outcome in zip(moves, found, strict=True) if outcome is not None}
        lost = {id(one) for one in moves if one.birth in won and one is not won[one.birth]}
        return [(placed, void(one, won[one.birth]) if id(one) in lost else one) for placed, one in copies]

    def _entry(self, project: str, id_: str, kind: Kind | None) -> Stepping[Entry]:
        _, copies = yield from self._looked(self._reach.shelves(project), id_)
        return _one(project, id_, kind, [entry for _, entry in copies])

    def _add(self, shelf: Shelf, id_: str, content: Content, base: str) -> Stepping[Entry]:
        there = yield from self._there(self._reach.shelves(shelf.project))
        copies = yield from self._copies(there, id_)
        made = [entry for _, entry in copies if entry.birth == birth_of(base)]
        if made:
            return _one(shelf.project, id_, None, made)  # by this very call; somebody may have moved it since
        if any(placed.shelf != shelf for placed, _ in copies):
            raise AlreadyExists("entry", id_)
        placed = next((one for one in there if one.shelf == shelf), None) or (yield from self._made(shelf))
        return (yield from self._put(PutRequest(placed.branch, id_, content, 0, base)))

    def _put(self, request: PutRequest) -> Stepping[Entry]:
        texts = 1 + len(request.content.text) // LEAST  # the title, and about as many passages at most
        (entry,) = yield [self._directory.ask_owner(request.branch.lineage, "put_entry", request, texts=texts)]
        return entry  # type: ignore[no-any-return]  # what the orchestrator says

    def _take(self, placed: Placed, id_: str, expected: int | None, op_id: str) -> Stepping[None]:
        request = TakeRequest(placed.branch, id_, expected, op_id)
        yield [self._directory.ask_owner(placed.branch.lineage, "take_entry", request)]

    def _entries(self, shelves: Sequence[Shelf], asked: Listing, most: int) -> Stepping[Page]:
        there = yield from self._there(shelves)
        calls = [self._directory.ask_owner(one.branch.lineage, "list_entries", one.branch, asked) for one in there]
        found = yield calls
        entries = sorted((entry for some in found for entry in some), key=lambda one: one.order)
        left = standing(entries)
        page = left[:most]
        return Page(page, page[-1].order if len(left) > most else None)

    def _update(self, change: _Change) -> Stepping[Entry]:
        target_project = change.to or change.project
        projects = dict.fromkeys((change.project, target_project))
        shelves = [shelf for project in projects for shelf in self._reach.shelves(project)]
        there, copies = yield from self._looked(shelves, change.id)
        again = yield from self._done_before(there, (change.base, f"{_move(change.base)}:gone"))
        if again:
            went = [one for one in standing(entry for _, entry in copies) if one.project == target_project]
            return _one(target_project, change.id, change.kind, went)
        done = self._moved_already(change, copies)
        mine = [one for one in standing(entry for _, entry in copies) if one.project == change.project]
        here = done or _one(change.project, change.id, change.kind, mine)
        source = next(placed for placed, entry in copies if entry is here)
        yield from self._swept(copies, here, change.base)
        content = here.content.with_changes(change.changes)
        goal = Shelf(self._reach.scope, target_project, change.tier or here.tier)
        if source.shelf == goal:
            return (yield from self._put(PutRequest(source.branch, here.id, content, change.version, change.base)))
        if here.version != change.version:
            raise VersionConflict(here.id, change.version, here.version)
        if any(entry.project == goal.project and entry.birth != here.birth for _, entry in copies):
            raise AlreadyExists("entry", here.id)
        placed = next((one for one in there if one.shelf == goal), None) or (yield from self._made(goal))
        return (yield from self._moved(source, placed, here, content, change.base))

    def _moved_already(self, change: _Change, copies: Sequence[tuple[Placed, Entry]]) -> Entry | None:
        """The entry where it was to go, if a call like this one was done, or cut off when it had been written there."""
        goal = change.to or change.project
        for entry in standing(entry for _, entry in copies):
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

    def _moved(self, source: Placed, goal: Placed, here: Entry, content: Content, base: str) -> Stepping[Entry]:
        """Written where it goes, then taken away where it was; if it was changed there meanwhile, all is as before."""
        entry = yield from self._put(PutRequest(goal.branch, here.id, content, 0, _move(base), here))
        try:
            yield from self._take(source, here.id, here.version, entry.origin.op if entry.origin else base)
        except (VersionConflict, EntryNotFound):
            yield from self._undone(goal, entry, base)
            raise
        return entry

    def _undone(self, goal: Placed, entry: Entry, base: str) -> Stepping[None]:
        try:
            yield from self._take(goal, entry.id, entry.version, f"{base}:void")
        except (VersionConflict, EntryNotFound):
            return  # somebody has swept it, or gone on from it

    def _swept(self, copies: Sequence[tuple[Placed, Entry]], here: Entry, base: str) -> Stepping[None]:
        """Take away what a move that was cut off has left of an entry."""
        for placed, entry in copies:
            if entry is here or entry.birth != here.birth:
                continue
            place = entry.project, entry.tier, entry.version  # of another version it is no rest of the last move
            op_id = here.origin.op if here.origin is not None and here.origin[:3] == place else f"{base}:void"
            yield from self._take(placed, entry.id, entry.version, op_id)

    def _delete(self, project: str, id_: str, seen: int | None, kind: Kind | None, base: str) -> Stepping[None]:
        there, copies = yield from self._looked(self._reach.shelves(project), id_)
        if (yield from self._done_before(there, (base,))):
            return
        here = _one(project, id_, kind, [entry for _, entry in copies])
        source = next(placed for placed, entry in copies if entry is here)
        yield from self._swept(copies, here, base)
        yield from self._take(source, id_, seen, base)

    def _done_before(self, there: Sequence[Placed], names: Sequence[str]) -> Stepping[bool]:
        """Whether this very call was made before and did one of these: its entry may be elsewhere since, or another."""
        if not self._directory.repeats:
            return False
        asked = [(one.branch.agent, name) for one in there for name in names]
        found = yield [self._directory.call("vault", 0, "outcome", one) for one in asked]
        return any(one is not None for one in found)

    def _search(self, asked: _Search, projects: Sequence[str] | None, tiers: Sequence[Tier]) -> Stepping[EntryHits]:
        if projects is None:
            there = yield from self._all()
            shelves = [shelf for shelf in there if shelf.tier in tiers]
            found = len({shelf.project for shelf in shelves})
            if found > MAX_PROJECTS:
                raise TooLong("projects", found, MAX_PROJECTS, "projects")
        else:
            shelves = [shelf for project in projects for shelf in self._reach.shelves(project, tiers)]
        placed = (yield from self._there(shelves)) if shelves and asked.k else []
        over = yield from self._best_words(asked.query, placed)
        most = min(self._recalled, asked.k * PER_ENTRY)
        while True:
            told, missing = yield from self._recall(asked, placed, most, over)
            hits = gathered(comparable(told), asked.k, asked.passages)
            full = any(len(some) >= most for _, some in told)
            if len(hits) >= asked.k or not full:
                return EntryHits(hits, missing)
            if most >= self._recalled:
                break
            most = min(self._recalled, 4 * most)
        # A few long texts fill all that may be asked for: what else is there is found by its title at least.
        titled, gone = yield from self._recall(asked._replace(tags=(*asked.tags, TITLE)), placed, most, over)
        return EntryHits(gathered(comparable([*told, *titled]), asked.k, asked.passages), sorted({*missing, *gone}))

    def _recall(
        self, asked: _Search, placed: Sequence[Placed], most: int, over: float
    ) -> Stepping[tuple[list[tuple[Shelf, Hits]], list[str]]]:
        """What each shelf recalls of each kind, and what they did it without."""
        kinds: Sequence[Kind | None] = (None,) if len(asked.kinds) == len(KINDS) else asked.kinds
        questions = [
            (one, replace(recall_request(one.branch, asked.query, most, filters, None), over=over))
            for one in placed
            for filters in (Filters(kind=kind, tags=asked.tags) for kind in kinds)
        ]
        found: list[Hits] = yield [
            self._directory.ask_owner(one.branch.lineage, "recall_one", request) for one, request in questions
        ]
        told = [(one.shelf, some) for (one, _), some in zip(questions, found, strict=True)]
        return told, sorted({part for some in found for part in some.missing})

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


def _move(base: str) -> str:
    """What writing an entry where it goes is called: that alone is no move yet."""
    return f"{base}:moved"


def _one(project: str, id_: str, kind: Kind | None, copies: Sequence[Entry]) -> Entry:
    """The entry that counts, if it is of that kind. Raises: EntryNotFound."""
    found = current(copies)
    if found is None or kind not in (None, found.kind):
        raise EntryNotFound(project, id_)
    return found
