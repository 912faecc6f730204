"""Entries of the library at the orchestrator: put on a shelf, read, listed and taken away, in the order of its writes.

Owns that a change is made to the version that its caller has seen. Which shelves somebody may use is not its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Draft
from quantum_memory.actors.parts import Parts
from quantum_memory.actors.requests import RememberRequest, memory_id
from quantum_memory.actors.turns import Turns
from quantum_memory.actors.vault import VaultHost
from quantum_memory.actors.writing import Writer, on_fresh_head
from quantum_memory.errors import AlreadyExists, EntryNotFound, InvalidValue, VersionConflict
from quantum_memory.memory.events import Forgotten, Remembered
from quantum_memory.memory.library.entries import Content, Entry, Origin
from quantum_memory.memory.library.keeping import Kept, Standing, entry_of, utterances
from quantum_memory.memory.library.reading import Listing
from quantum_memory.memory.library.shelves import Shelf, shelf_of
from quantum_memory.memory.vault.writes import Written
from quantum_memory.types import Branch, BranchId, Place


@dataclass(frozen=True, slots=True)
class PutRequest:
    """Put an entry on a shelf, in the place of the version that its caller has seen.

    Attributes:
        branch: of the shelf's agent.
        id: the entry's.
        content: all that it is to hold.
        expected: the version that it takes the place of; 0 where there is to be none.
        op_id: the same when the request is repeated.
        line: of which copies, as ``Entry.line`` tells them, that version is; nothing where there is to be none.
        moved: as it stands on the shelf that it comes from, if it does.
        source: the branch of that shelf.
    """

    branch: Branch
    id: str
    content: Content
    expected: int
    op_id: str
    line: tuple[str, str] | None = None
    moved: Entry | None = None
    source: BranchId = ""


@dataclass(frozen=True, slots=True)
class TakeRequest:
    """Take an entry off a shelf, if it is of the version that its caller has seen, or of any.

    Attributes:
        branch: of the shelf's agent.
        id: the entry's.
        line: of which copies it is, as ``Entry.line`` tells them.
        expected: its version; ``None`` takes any.
        op_id: the same when the request is repeated.
        moves: whether this is what moves it: then it is refused once somebody has made the move void.
    """

    branch: Branch
    id: str
    line: tuple[str, str]
    expected: int | None
    op_id: str
    moves: bool = False


class Shelver:
    """Puts, reads and takes away.

    Args:
        parts, turns, writer: who reads, waits and writes.
        now: the time of changes.
    """

    def __init__(self, parts: Parts, turns: Turns, writer: Writer, now: Callable[[], datetime]) -> None:
        self._parts, self._turns, self._writer, self._now = parts, turns, writer, now

    async def put(self, request: PutRequest) -> Entry:
        """The entry as it stands then, or stood when this was done before.

        Raises: AlreadyExists where there is to be none and is another; VersionConflict; InvalidInput; EntryNotFound.
        """
        branch, shelf = request.branch, _shelf(request.branch)
        before = await self._known(branch, shelf, request.id)
        done = await self._settled(request, before)
        if done is not None:
            return done
        standing = self._standing(request, before)
        told = await asyncio.to_thread(utterances, request.content, standing)  # cutting a long text takes a while
        memories = tuple(await self._writer.made(RememberRequest(branch, told, request.op_id)))

        async def write() -> Entry:
            here = await self._known(branch, shelf, request.id)
            settled = await self._settled(request, here)
            if settled is not None:
                return settled
            drafts = [Draft(branch, Remembered(memories), request.op_id)]
            if here is not None:
                drafts.append(Draft(branch, Forgotten(here.ids, self._now()), f"{request.op_id}:old"))
            await self._writer.commit(drafts)
            return entry_of(memories[0], shelf, request.content.text)

        async with self._turns.take([branch.id]):
            return await on_fresh_head(write)

    async def take(self, request: TakeRequest) -> None:
        """Raises: EntryNotFound, VersionConflict; AlreadyExists where it was to be moved and that was made void."""
        branch, shelf = request.branch, _shelf(request.branch)

        async def write() -> None:
            here = await self._known(branch, shelf, request.id)
            if here is None or here.entry.line != request.line or request.expected not in (None, here.entry.version):
                if await self._done(branch, request.op_id):
                    return
                if here is None or here.entry.line != request.line or request.expected is None:
                    raise EntryNotFound(shelf.project, request.id)
                raise VersionConflict(request.id, request.expected, here.entry.version)
            if request.moves and await self._done(branch, voided(request.op_id)):
                raise AlreadyExists("entry", request.id)
            await self._writer.commit([Draft(branch, Forgotten(here.ids, self._now()), request.op_id)])

        async with self._turns.take([branch.id]):
            await on_fresh_head(write)

    async def void(self, branch: Branch, op_id: str) -> bool:
        """Make a move from this shelf void, known by the operation that takes its entry away here.

        Whether it has come to pass already; if not, it never will from now on.
        """

        async def write() -> bool:
            await self._parts.journal.tip(branch)  # what follows is decided on this head
            if await self._done(branch, op_id):
                return True
            if not await self._done(branch, voided(op_id)):
                await self._writer.commit([Draft(branch, Forgotten((), self._now()), voided(op_id))])
            return False

        async with self._turns.take([branch.id]):
            return await on_fresh_head(write)

    async def read(self, branch: Branch, entry: str, at: Place | None = None) -> Entry | None:
        """The entry of an id, whole, as it is or was at a place; ``None`` if the shelf has none."""
        found = await self._known(branch, _shelf(branch), entry, at)
        return None if found is None else found.entry

    async def listed(self, branch: Branch, asked: Listing, at: Place | None = None) -> list[Entry]:
        """Entries in the order of making, as they are or were at a place, without their texts."""
        place = await self._parts.journal.tip(branch) if at is None else at
        wanted = (place, _shelf(branch), asked)
        return await self._parts.episodic.ask(EpisodicMemoryHost.listed_entries, branch.lineage, wanted)

    def _standing(self, request: PutRequest, before: Kept | None) -> Standing:
        now, moved = self._now(), request.moved
        if moved is not None:
            origin = Origin(moved.project, moved.tier, moved.version, leaving(request.op_id), request.source)
            return Standing(request.id, moved.birth, moved.version + 1, moved.created, now, origin)
        if before is not None:
            here = before.entry
            return Standing(request.id, here.birth, here.version + 1, here.created, now, here.origin)
        return Standing(request.id, birth_of(request.op_id), 1, now, now)

    async def _settled(self, request: PutRequest, here: Kept | None) -> Entry | None:
        """The entry, if it stands already as it is wanted, or stood so when this was done before.

        Raises: what refuses the request.
        """
        entry = None if here is None else here.entry
        ours = entry is None or request.line in (None, entry.line)
        if ours and (0 if entry is None else entry.version) == request.expected:
            if request.moved is not None and await self._done(request.branch, request.op_id):
                # What this very move has put was taken away since. It is not put again, so nothing may leave its place.
                raise VersionConflict(request.id, request.moved.version + 1, 0)
            return None
        if entry is not None and ours and _as_wanted(request, entry):
            return entry
        first = await self._outcome(request.branch, request.op_id)
        if first is not None:
            return await self.read(request.branch, request.id, first.place)
        if entry is None or not ours:
            raise EntryNotFound(_shelf(request.branch).project, request.id)
        if not request.expected:
            raise AlreadyExists("entry", request.id)
        raise VersionConflict(request.id, request.expected, entry.version)

    async def _known(self, branch: Branch, shelf: Shelf, entry: str, at: Place | None = None) -> Kept | None:
        place = await self._parts.journal.tip(branch) if at is None else at
        asked = (place, shelf, entry)
        return await self._parts.episodic.ask(EpisodicMemoryHost.kept_entries, branch.lineage, asked)

    async def _done(self, branch: Branch, op_id: str) -> bool:
        return await self._outcome(branch, op_id) is not None

    async def _outcome(self, branch: Branch, op_id: str) -> Written | None:
        """What this very operation came to, if it was done before: Ray, or its caller, repeats it."""
        return await self._parts.journal.ask(VaultHost.outcome, branch.agent, op_id)


def birth_of(op_id: str) -> str:
    """What an entry has that an operation made, and no other."""
    return memory_id(op_id, 0)


def leaving(op_id: str) -> str:
    """What taking an entry away is called, once it was written where it goes: that moves it."""
    return f"{op_id}:gone"


def voided(op_id: str) -> str:
    """What making a move void is called, which is known by the operation that would take its entry away."""
    return f"{op_id}:void"


def _as_wanted(request: PutRequest, entry: Entry) -> bool:
    """Whether an entry is what the request would have made of what its caller saw."""
    if entry.content != request.content:
        return False
    if request.moved is not None:
        moved = request.moved
        came = None if entry.origin is None else entry.origin[:3]
        return (entry.birth, came) == (moved.birth, (moved.project, moved.tier, moved.version))
    return entry.version == request.expected + 1


def _shelf(branch: Branch) -> Shelf:
    """The shelf that an agent holds. Raises: InvalidValue."""
    found = shelf_of(branch.agent)
    if found is None:
        raise InvalidValue("shelf", repr(branch.agent), "the agent of a shelf")
    return found
