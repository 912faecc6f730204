"""Copies of entries on the shelves of a scope: found, judged, put, taken away, and what moves left of them swept.

Owns which copies count. An entry that is moved is written where it goes and then taken away where it was, and the
taking away is what moves it: a copy that was moved counts from then on, and never where that did not come to pass. So
one copy counts at every time, whoever may read which shelves. What somebody may reach is looked at by the caller; where
a copy came from is asked whatever he may reach, and told nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.shelving import PutRequest, TakeRequest, leaving
from quantum_memory.actors.steps import Stepping
from quantum_memory.errors import AlreadyExists, EntryNotFound, VersionConflict
from quantum_memory.memory.library.entries import Content, Entry, Origin
from quantum_memory.memory.library.keeping import standing
from quantum_memory.memory.library.passages import LEAST
from quantum_memory.memory.library.shelves import Shelf
from quantum_memory.memory.vault.writes import Written
from quantum_memory.types import Branch, Place


class Placed(NamedTuple):
    """A shelf, and the branch of the agent that holds it; where that stood, if it was asked with others."""

    shelf: Shelf
    branch: Branch
    at: Place | None = None


class Copy(NamedTuple):
    """An entry as a shelf has it."""

    placed: Placed
    entry: Entry


class Looked(NamedTuple):
    """What shelves have under an id.

    Attributes:
        there: those of the shelves that there are.
        counting: the copies that count.
        rest: the others: what is being moved there, and what moves that were cut off have left.
    """

    there: list[Placed]
    counting: list[Copy]
    rest: list[Copy]

    @property
    def entries(self) -> list[Entry]:
        """The entries that count."""
        return [one.entry for one in self.counting]

    def placed(self, entry: Entry) -> Placed:
        """Where a copy that counts is."""
        return next(one.placed for one in self.counting if one.entry is entry)

    def on(self, shelf: Shelf) -> Placed | None:
        """A shelf, if there is one."""
        return next((one for one in self.there if one.shelf == shelf), None)


class Copies:
    """The shelves of one scope, asked and changed step by step.

    Args:
        directory: where the orchestrators are, and whose session changes are.
        scope: whose projects.
    """

    def __init__(self, directory: Directory, scope: str) -> None:
        self._directory, self._scope = directory, scope

    def there(self, shelves: Sequence[Shelf]) -> Stepping[list[Placed]]:
        """Those of these shelves that there are, as they stand at one time: nothing is between two of them."""
        if not shelves:
            return []
        (found,) = yield [self._directory.call("vault", 0, "found_at", ([shelf.agent for shelf in shelves],))]
        return [Placed(shelf, *one) for shelf, one in zip(shelves, found, strict=True) if one is not None]

    def handle(self, shelf: Shelf) -> Stepping[AgentHandle]:
        """The agent that holds a shelf. Raises: EntryNotFound."""
        there = yield from self.there([shelf])
        if not there:
            raise EntryNotFound(shelf.project, shelf.tier)
        return AgentHandle(there[0].branch, self._directory)

    def made(self, shelf: Shelf) -> Stepping[Placed]:
        """A shelf, which is made if there is none yet."""
        directory = self._directory
        (made,) = yield [directory.ask_owner(shelf.agent, "open", [shelf.agent], True, directory.session)]
        return Placed(shelf, made[0].info)

    def look(self, shelves: Sequence[Shelf], id_: str) -> Stepping[Looked]:
        """What shelves have under an id, all at one time: what is moved between them meanwhile is on one of them."""
        there = yield from self.there(shelves)
        copies = yield from self._read(there, id_)
        judged = yield from self.judged([one.entry for one in copies])
        counting = {id(one) for one in judged}
        here = [one for one in copies if id(one.entry) in counting]
        return Looked(there, here, [one for one in copies if id(one.entry) not in counting])

    def _read(self, there: Sequence[Placed], id_: str) -> Stepping[list[Copy]]:
        found = yield [
            self._directory.ask_owner(one.branch.lineage, "read_entry", one.branch, id_, one.at) for one in there
        ]
        return [Copy(one, entry) for one, entry in zip(there, found, strict=True) if entry is not None]

    def judged(self, entries: Sequence[Entry]) -> Stepping[list[Entry]]:
        """Those of some copies that count, in their order."""
        undone = yield from self.undone(one.origin for one in entries)
        return standing(one for one in entries if one.origin not in undone)

    def undone(self, origins: Iterable[Origin | None]) -> Stepping[set[Origin | None]]:
        """Those of these moves that have not come to pass: what they wrote does not count.

        Where the shelf that it comes from is not there, an archive brought the entry here, and it has: also where there
        is another one of its name by now.
        """
        moves = [one for one in dict.fromkeys(origins) if one is not None]
        if not moves:
            return set()
        asked = [(self._origin(one).agent, one.op) for one in moves]
        names = list(dict.fromkeys(agent for agent, _ in asked))
        done, found = yield [
            self._directory.call("vault", 0, "appended", (asked,)),
            self._directory.call("vault", 0, "find_agents", (names,)),
        ]
        here = dict(zip(names, found, strict=True))
        return {
            one for one, (agent, _), was in zip(moves, asked, done, strict=True) if not was and _same(one, here[agent])
        }

    def first(self, there: Sequence[Placed], id_: str, base: str) -> Stepping[Entry | None]:
        """What a call came to when it was made before and put or moved this entry: whatever became of it since."""
        if not self._directory.repeats:
            return None
        names = base, moving(base), leaving(moving(base))
        asked = [(one, name) for one in there for name in names]
        (were,) = yield [self._directory.call("vault", 0, "appended", ([(one.branch.agent, op) for one, op in asked],))]
        known = [both for both, was in zip(asked, were, strict=True) if was]
        if not known:
            return None
        found: list[Written | None] = yield [
            self._directory.call("vault", 0, "outcome", (one.branch.agent, name)) for one, name in known
        ]
        done = {name: (one, outcome) for (one, name), outcome in zip(known, found, strict=True) if outcome is not None}
        put = done.get(base) or (done.get(moving(base)) if leaving(moving(base)) in done else None)
        if put is None:
            return None
        placed, outcome = put
        (entry,) = yield [
            self._directory.ask_owner(placed.branch.lineage, "read_entry", placed.branch, id_, outcome.place)
        ]
        return entry  # type: ignore[no-any-return]  # what the orchestrator says

    def done(self, there: Sequence[Placed], op_id: str) -> Stepping[bool]:
        """Whether this very call was made before, on one of these."""
        if not self._directory.repeats:
            return False
        asked = [(one.branch.agent, op_id) for one in there]
        (found,) = yield [self._directory.call("vault", 0, "appended", (asked,))]
        return any(found)

    def put(self, request: PutRequest) -> Stepping[Entry]:
        """See ``Shelver.put``."""
        texts = 1 + len(request.content.text) // LEAST  # the title, and about as many passages at most
        (entry,) = yield [self._directory.ask_owner(request.branch.lineage, "put_entry", request, texts=texts)]
        return entry  # type: ignore[no-any-return]  # what the orchestrator says

    def take(self, request: TakeRequest) -> Stepping[None]:
        """See ``Shelver.take``."""
        yield [self._directory.ask_owner(request.branch.lineage, "take_entry", request)]

    def moved(self, source: Copy, goal: Placed, content: Content, base: str) -> Stepping[Entry]:
        """Written where it goes, then taken away where it was; if it was changed there meanwhile, all is as before."""
        placed, here = source
        put = PutRequest(goal.branch, here.id, content, 0, moving(base), moved=here, source=placed.branch.id)
        entry = yield from self.put(put)
        op_id = leaving(moving(base)) if entry.origin is None else entry.origin.op
        try:
            yield from self.take(TakeRequest(placed.branch, here.id, here.line, here.version, op_id, moves=True))
        except (VersionConflict, EntryNotFound, AlreadyExists):
            yield from self.cleared(Copy(goal, entry), base)
            raise
        return entry

    def cleared(self, copy: Copy, base: str) -> Stepping[None]:
        """Take away what a move wrote, once that move never will come to pass; if it has, nothing is done."""
        moved = yield from self._void(copy.entry)
        if not moved:
            yield from self._taken(copy, base)

    def swept(self, looked: Looked, entry: Entry, base: str) -> Stepping[None]:
        """Take away what is left of an entry beside the copy that counted, which has just been changed."""
        for one in looked.rest:
            if one.entry.birth == entry.birth and one.entry.line != entry.line:
                yield from self._void(one.entry)
                yield from self._taken(one, base)

    def _void(self, entry: Entry) -> Stepping[bool]:
        """Make the move of an entry void; whether it has come to pass instead, or there was none."""
        if entry.origin is None:
            return True
        (source,) = yield from self._agents([self._origin(entry.origin)])
        if source is None or not _same(entry.origin, source):
            return True
        (moved,) = yield [self._directory.ask_owner(source.lineage, "void_move", source, entry.origin.op)]
        return bool(moved)

    def _taken(self, copy: Copy, base: str) -> Stepping[None]:
        placed, entry = copy
        which = blake2b(repr(entry.line).encode(), digest_size=8).hexdigest()  # a call may have to clear several
        try:
            request = TakeRequest(placed.branch, entry.id, entry.line, entry.version, f"{base}:cleared:{which}")
            yield from self.take(request)
        except (VersionConflict, EntryNotFound):
            return  # somebody else has taken it away

    def _agents(self, shelves: Sequence[Shelf]) -> Stepping[list[Branch | None]]:
        (found,) = yield [self._directory.call("vault", 0, "find_agents", ([shelf.agent for shelf in shelves],))]
        return found  # type: ignore[no-any-return]  # what the vault says

    def _origin(self, origin: Origin) -> Shelf:
        return Shelf(self._scope, origin.project, origin.tier)


def _same(origin: Origin, shelf: Branch | None) -> bool:
    """Whether a shelf is the very one from which something was moved, and not just one of its name."""
    return shelf is not None and origin.branch in ("", shelf.id)


def moving(base: str) -> str:
    """What writing an entry where it goes is called, of a call of this name."""
    return f"{base}:moved"
