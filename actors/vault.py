"""VaultActor: the only writer of the journal. Many callers' writes go to disk in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from quantum_memory.actors.archives import ArchiveDesk
from quantum_memory.actors.caretaker import Caretaker, Verified
from quantum_memory.actors.deferred import Deferred
from quantum_memory.actors.homes import Home
from quantum_memory.actors.news import News
from quantum_memory.actors.process import process
from quantum_memory.actors.shells import actor
from quantum_memory.actors.tending import Tending
from quantum_memory.actors.watching import Watch, watched
from quantum_memory.errors import AgentNotFound, BlockMissing, QuantumMemoryError, StorageLocked, WriteFailed
from quantum_memory.memory.archive import Exported, Imported, Views
from quantum_memory.memory.events import Entry, RolledBack
from quantum_memory.memory.snapshots import Saved
from quantum_memory.memory.vault.admission import ApiKey, Denial
from quantum_memory.memory.vault.backup import Manifest
from quantum_memory.memory.vault.collect import Garbage
from quantum_memory.memory.vault.feed import Feed, Wanted
from quantum_memory.memory.vault.group import GroupCommit
from quantum_memory.memory.vault.keeper import Background, Keeper
from quantum_memory.memory.vault.merge_base import merge_base
from quantum_memory.memory.vault.opening import blocks_of
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import Enlist, Write, Written
from quantum_memory.policies.checkpoints import Checkpoints
from quantum_memory.policies.placement import Layout
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.types import (
    AgentName,
    AuditEntry,
    Branch,
    BranchId,
    Commit,
    Found,
    LogEntry,
    MemoryId,
    Part,
    Place,
    Tag,
    Tree,
)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def sizes_of(settings: Settings) -> dict[str, int]:
    """How many members the settings give to each pool that there is; the vault, which is always one, left out."""
    there = ("agents",) if settings.placement == "inline" else tuple(name for name, _ in settings.pools)
    return {name: pool.size for name, pool in settings.pools if name in there and name != "vault"}


class Opened(NamedTuple):
    """A vault and what goes with it. Without blocks nothing is sealed and no view is written down."""

    vault: Vault
    commits: GroupCommit
    tending: Tending
    keeper: Background | None
    caretaker: Caretaker


LONGEST_WAIT_S = 20.0
"""How long a thread of the vault waits for somebody who watches."""
READINGS = 8
"""How often places are read at most until two readings are alike."""
LOCKED_S, LOOK_S = 60.0, 0.25
"""How long a vault that takes over waits until its storage is free, and how often it looks."""


@watched("vault", batches=("write",))
class VaultHost:
    """The vault behind its group commit. Everything a VaultActor does, without Ray. Many threads may call it.

    Attributes:
        again: whether it takes over from one that died. That one's lock may be held until the system, or the database's
            server, has noticed.

    ``cluster`` is unlike any other cluster's and outlives a restart of the actor: sizes of pools belong to it. ``home``
    is where it lives, for whoever finds the vault held open.
    """

    again = False

    def __init__(
        self, settings: Settings, metrics: Metrics = SILENT, cluster: str = "", home: Home | None = None
    ) -> None:
        self._settings, self._metrics, self._cluster, self._home = settings, metrics, cluster, home
        self._watch = Watch("vault", settings.telemetry, metrics)
        self._news = News()
        self._open = Deferred(self._opened)
        self._desk = ArchiveDesk(settings)

    def _opened(self) -> Opened:
        settings, wanted = self._settings, self._settings.vault
        embedding = f"{settings.perception.model}/{settings.perception.dim}"
        vault = self._unlocked(
            partial(
                Vault.open,
                settings.storage,
                now=utc_now,
                embedding=embedding,
                blocks=blocks_of(settings.storage, wanted.blocks),
                checkpoints=Checkpoints(**settings.checkpoints.model_dump()),
                holder="" if self._home is None else self._home.told(),
            )
        )
        if self._cluster:
            vault.begin(self._cluster, sizes_of(settings))
        keeper = None
        if vault.blocks is not None:
            sizes = {"seal_events": wanted.seal_events, "segment_events": wanted.segment_events}
            work = Keeper(vault.database, vault.blocks, utc_now, **sizes, compression=wanted.compression)
            keeper = Background(work, wanted.keeper_s)
        tending = Tending(vault, utc_now, every_s=wanted.keeper_s, grace_s=wanted.grace_s)
        caretaker = Caretaker(vault, settings, utc_now)
        caretaker.start()
        return Opened(
            vault, GroupCommit(vault, metrics=self._metrics, written=self._news.come), tending, keeper, caretaker
        )

    def _unlocked(self, opened: Callable[[], Vault]) -> Vault:
        """The vault once nobody else holds it, if somebody may who is dead; else at once. Raises: StorageLocked."""
        until = time.monotonic() + (LOCKED_S if self.again else 0.0)
        while True:
            try:
                return opened()
            except StorageLocked:
                if time.monotonic() >= until:
                    raise
            time.sleep(LOOK_S)

    @property
    def _vault(self) -> Vault:
        return self._open().vault

    def settings(self) -> Settings:
        """The settings of the cluster: those of whoever made this actor."""
        return self._settings

    def write(self, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """Durable when it returns. A write that was refused has its error in its place and spoils no other.

        Raises: WriteFailed when the database failed; then none is kept.
        """
        commits = self._open().commits
        waiting = [commits.submit(write) for write in writes]
        answers: list[Written | QuantumMemoryError] = []
        for one in waiting:
            try:
                answers.append(one.result())
            except QuantumMemoryError as refused:
                answers.append(refused)
        return answers

    def layout(self) -> Layout:
        """How many members each pool has; see ``Vault.layout``."""
        return self._vault.layout()

    def enlist(self, number: int, process: str) -> tuple[int, Layout]:
        """A process becomes an orchestrator: which one of that number it is, and the sizes of pools."""
        incarnation = self._open().commits.write(Enlist(number, process)).epoch
        return incarnation or 0, self._vault.layout()

    def standing(self, number: int) -> tuple[int, Layout]:
        """Which process of an orchestrator is the newest, and the sizes of pools."""
        return self._vault.incarnation(number), self._vault.layout()

    def outcome(self, agent: AgentName, op_id: str) -> Written | None:
        """What an operation came to, if it was done before: Ray runs a call again when its actor died in it."""
        return self._vault.outcome(agent, op_id)

    def appended(self, asked: Sequence[tuple[AgentName, str]]) -> list[bool]:
        """Of each of these operations of agents, whether it appended an event."""
        return self._vault.appended(asked)

    def agents(self) -> list[AgentName]:
        """Every agent's name, in order."""
        return list(self._vault.agents())

    def agents_named(self, beginning: str) -> list[AgentName]:
        """The agents whose names begin so, in order."""
        return list(self._vault.agents(beginning))

    def agents_between(self, after: str, before: str | None, limit: int) -> list[AgentName]:
        """The first agents by name after one and before another, so many at most."""
        return self._vault.agents_between(after, before, limit)

    def find_agents(self, names: Sequence[AgentName]) -> list[Branch | None]:
        """The first branch of each agent, ``None`` for one that does not exist."""
        found: list[Branch | None] = []
        for name in names:
            try:
                found.append(self._vault.find_agent(name))
            except AgentNotFound:
                found.append(None)
        return found

    def found_at(self, names: Sequence[AgentName]) -> list[tuple[Branch, Place] | None]:
        """The same with the place where each stands, all at one time.

        They are read until two readings are alike: places only rise, so both are as all of them stood in between. Where
        somebody writes faster than that, after ``READINGS`` the last one is told.
        """
        told: list[tuple[Branch, Place] | None] = []
        for _ in range(READINGS):
            before, found = told, self.find_agents(names)
            heads = self.living([one.id for one in found if one is not None])
            told = [None if one is None else (one, Place(one.id, heads[one.id])) for one in found]
            if told == before:
                break
        return told

    def branch(self, branch: BranchId) -> Branch:
        """A branch by its id. Raises: PlaceNotFound."""
        return self._vault.branch(branch)

    def branches(self, agent: AgentName) -> list[Branch]:
        """An agent's branches, oldest first."""
        return list(self._vault.branches(agent))

    def branches_of(self, agents: Sequence[AgentName], name: str | None, limit: int) -> list[Branch]:
        """The branches of agents, or those alone that are called so; so many at most."""
        return self._vault.branches_of(agents, name, limit)

    def branch_named(self, agent: AgentName, name: str) -> Branch:
        """A branch by its name. Raises: PlaceNotFound."""
        return self._vault.branch_named(agent, name)

    def head(self, branch: BranchId) -> int:
        """The number of a branch's last event."""
        return self._vault.head(branch)

    def heads(self, branches: Sequence[BranchId]) -> dict[BranchId, int]:
        """The numbers of the last events of many branches. Raises: PlaceNotFound."""
        return self._vault.heads(branches)

    def living(self, branches: Sequence[BranchId]) -> dict[BranchId, int]:
        """The same of branches that can be worked on. Raises: PlaceNotFound, BranchDeleted, TransactionOver."""
        return self._vault.living(branches)

    def settled(self, place: Place) -> Place:
        """Where a place of a transaction is now. Raises: PlaceNotFound, TransactionOver."""
        return self._vault.settled(place)

    def tags(self, agent: AgentName) -> list[Tag]:
        """An agent's tags, by name."""
        return self._vault.tags(agent)

    def tree(self, agent: AgentName) -> Tree:
        """How an agent's branches hang together."""
        return self._vault.tree(agent)

    def audit(self, agent: AgentName | None, limit: int, before: int | None = None) -> list[AuditEntry]:
        """Who changed what, newest first, before a position."""
        return self._vault.audit(agent, limit, before)

    def position(self) -> int:
        """The position of the last change."""
        return self._vault.position()

    def feed(self, after: int, limit: int, wait_s: float, wanted: Wanted | None = None) -> Feed:
        """What happened after a position; see ``Vault.feed``. Waits for it so long at most, where nothing has yet."""
        vault, until = self._vault, time.monotonic() + min(wait_s, LONGEST_WAIT_S)
        with self._news.watched() as watch:
            while True:
                found = vault.feed(after, limit, wanted)
                if found.upto != after or not watch.wait(until - time.monotonic()):
                    return found

    def api_key(self, id_: str) -> ApiKey | None:
        """A key of callers from outside, by its id; see ``Vault.api_key``."""
        return self._vault.api_key(id_)

    def api_keys(self, tenant: str | None) -> list[ApiKey]:
        """All such keys, or a tenant's, oldest first."""
        return self._vault.api_keys(tenant)

    def request(self, session: str, key: str) -> str | None:
        """What an idempotency key of such a caller names; see ``Vault.request``."""
        return self._vault.request(session, key)

    def denials(self, tenant: str | None, limit: int, before: int | None = None) -> list[Denial]:
        """What such callers were denied lately, newest first; see ``Vault.denials``."""
        return self._vault.denials(tenant, limit, before)

    def find(self, words: str | None, filters: Mapping[str, Any], limit: int) -> list[Found]:
        """What was ever remembered and is all of this: see ``Index.find``."""
        return self._vault.find(words, limit=limit, **filters)

    def commits(self, agent: AgentName) -> list[Commit]:
        """An agent's checkpoints, oldest first."""
        return list(self._vault.commits(agent))

    def find_place(self, branch: BranchId, ref: str) -> Place:
        """The place that a name means on a branch: a commit's id or message, a branch's name. Raises: PlaceNotFound."""
        return self._vault.find_place(branch, ref)

    def place_at(self, branch: BranchId, at: datetime) -> Place:
        """Where a branch stood at a time."""
        return self._vault.place_at(branch, at)

    def garbage(self) -> Garbage:
        """What garbage collection would let go."""
        return self._open().tending.garbage()

    def collect(self) -> Garbage:
        """Let go what no living branch and no tag reaches, once its grace is over."""
        return self._open().tending.collect()

    def vault_status(self) -> dict[str, Any]:
        """How much there is, how much of it is sealed, and what went wrong in the background."""
        opened = self._open()
        counts = opened.vault.counts()
        errors = {"keeper": opened.keeper and opened.keeper.last_error, "tending": opened.tending.last_error}
        errors["backup"] = opened.caretaker.last_error
        told = {f"{name}_error": None if error is None else str(error) for name, error in errors.items()}
        return (
            {"storage": opened.vault.storage, "embedding": opened.vault.embedding}
            | counts
            | told
            | opened.caretaker.status()
        )

    def log(
        self, branch: BranchId, limit: int, before: int | None = None, about: MemoryId | None = None
    ) -> list[LogEntry]:
        """The last events of a branch and of those it came from, newest first; those with a smaller number, and those
        that concern one memory.
        """
        return list(self._vault.log(branch, limit, before, about=about))

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        """See ``History``."""
        return self._vault.rollbacks(branch, upto)

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        """See ``History``. What is damaged or in quarantine is left out and logged, so that the rest still serves."""
        return self._vault.entries(branch, after, upto, damaged="skip")

    def snapshot_nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None:
        """See ``Shelf.nearest``."""
        shelf = self._vault.shelf
        return None if shelf is None else shelf.nearest(branch, part, fold, after, upto)

    def snapshot_keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None:
        """See ``Shelf.keep``."""
        shelf = self._vault.shelf
        if shelf is not None:
            shelf.keep(place, part, fold, data, files)

    def files_lacking(self, names: Sequence[str]) -> list[str]:
        """See ``Files.lacking``. Without blocks all are lacking."""
        shelf = self._vault.shelf
        return list(names) if shelf is None else shelf.lacking(names)

    def file(self, name: str) -> bytes:
        """See ``Files.file``."""
        shelf = self._vault.shelf
        if shelf is None:
            raise BlockMissing(self._vault.storage, name)
        return shelf.file(name)

    def put_file(self, data: bytes) -> str:
        """See ``Files.put_file``."""
        shelf = self._vault.shelf
        if shelf is None:
            raise WriteFailed(self._vault.storage, "it was opened without blocks")
        return shelf.put_file(data)

    def backup(self, to: str | None, full: bool) -> Manifest:
        """Make a backup now. See ``Caretaker.backup``."""
        return self._open().caretaker.backup(to, full)

    def verify(self, mend: bool, spare: str | None) -> Verified:
        """Look at everything, and mend it if that is wanted. See ``Caretaker.verify``."""
        return self._open().caretaker.verify(mend, spare)

    def merge_base(self, ours: Place, theirs: Place, part: Part) -> Place | None:
        """Where a merge of a part of theirs into ours has to begin; ``None`` if they share nothing."""
        return merge_base(self._vault, ours, theirs, part)

    def export_archive(self, agent: AgentName, ticket: str, views: Views, alone: bool = False) -> Exported:
        """Write an archive of an agent, to be had piece by piece under a ticket. See ``ArchiveDesk``."""
        return self._desk.export(self._vault, agent, ticket, views, alone=alone)

    def archive_piece(self, ticket: str, offset: int) -> bytes:
        """A piece of what was exported; empty at its end."""
        return self._desk.piece(ticket, offset)

    def put_archive(self, ticket: str, offset: int, data: bytes) -> None:
        """A piece of what is to be imported."""
        self._desk.put(ticket, offset, data)

    def import_archive(
        self, ticket: str, as_name: AgentName | None, dry_run: bool, op_id: str | None = None
    ) -> Imported:
        """Take in the archive that was put under a ticket, or say what would be. ``op_id`` tells who does it."""
        return self._desk.bring(self._vault, ticket, as_name, dry_run=dry_run, op_id=op_id)

    def drop_archive(self, ticket: str) -> None:
        """Remove what is under a ticket."""
        self._desk.drop(ticket)

    def status(self) -> dict[str, int]:
        """Which process this is and what waits, once the vault is open.

        Raises: StorageLocked and whatever else keeps it shut.
        """
        return {**process(), "writes_waiting": self._open().commits.waiting}

    def close(self) -> None:
        """Write what is waiting and close the database."""
        self._desk.close()
        opened = self._open.made()
        if opened is not None:
            opened.caretaker.close()
            opened.tending.close()
            if opened.keeper is not None:
                opened.keeper.close()
            opened.commits.close()
            opened.vault.close()


VaultActor = actor("VaultActor", "vault", VaultHost)
