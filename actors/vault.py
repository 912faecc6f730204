"""VaultActor: the only writer of the journal. Many callers' writes go to disk in one transaction."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime

import ray

from quantum_memory.actors.deferred import Deferred
from quantum_memory.errors import AgentNotFound, QuantumMemoryError
from quantum_memory.memory.events import Entry, RolledBack
from quantum_memory.memory.vault.group import GroupCommit
from quantum_memory.memory.vault.merge_base import merge_base
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.settings import Settings
from quantum_memory.types import AgentName, Branch, BranchId, Commit, LogEntry, Part, Place


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class VaultHost:
    """The vault behind its group commit. Everything a VaultActor does, without Ray. Many threads may call it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = Deferred(self._opened)

    def _opened(self) -> tuple[Vault, GroupCommit]:
        perception = self._settings.perception
        embedding = f"{perception.model}/{perception.dim}"
        vault = Vault.open(self._settings.storage, now=utc_now, embedding=embedding)
        return vault, GroupCommit(vault)

    @property
    def _vault(self) -> Vault:
        return self._open()[0]

    def settings(self) -> Settings:
        """The settings of the cluster: those of whoever made this actor."""
        return self._settings

    def write(self, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """Durable when it returns. A write that was refused has its error in its place and spoils no other.

        Raises: WriteFailed when the database failed; then none is kept.
        """
        commits = self._open()[1]
        waiting = [commits.submit(write) for write in writes]
        answers: list[Written | QuantumMemoryError] = []
        for one in waiting:
            try:
                answers.append(one.result())
            except QuantumMemoryError as refused:
                answers.append(refused)
        return answers

    def outcome(self, agent: AgentName, op_id: str) -> Written | None:
        """What an operation came to, if it was done before: Ray runs a call again when its actor died in it."""
        return self._vault.outcome(agent, op_id)

    def agents(self) -> list[AgentName]:
        """Every agent's name, in order."""
        return list(self._vault.agents())

    def find_agents(self, names: Sequence[AgentName]) -> list[Branch | None]:
        """The first branch of each agent, ``None`` for one that does not exist."""
        found: list[Branch | None] = []
        for name in names:
            try:
                found.append(self._vault.find_agent(name))
            except AgentNotFound:
                found.append(None)
        return found

    def branch(self, branch: BranchId) -> Branch:
        """A branch by its id. Raises: PlaceNotFound."""
        return self._vault.branch(branch)

    def branches(self, agent: AgentName) -> list[Branch]:
        """An agent's branches, oldest first."""
        return list(self._vault.branches(agent))

    def branch_named(self, agent: AgentName, name: str) -> Branch:
        """A branch by its name. Raises: PlaceNotFound."""
        return self._vault.branch_named(agent, name)

    def head(self, branch: BranchId) -> int:
        """The number of a branch's last event."""
        return self._vault.head(branch)

    def heads(self, branches: Sequence[BranchId]) -> dict[BranchId, int]:
        """The numbers of the last events of many branches. Raises: PlaceNotFound."""
        return self._vault.heads(branches)

    def commits(self, agent: AgentName) -> list[Commit]:
        """An agent's checkpoints, oldest first."""
        return list(self._vault.commits(agent))

    def find_place(self, branch: BranchId, ref: str) -> Place:
        """The place that a name means on a branch: a commit's id or message, a branch's name. Raises: PlaceNotFound."""
        return self._vault.find_place(branch, ref)

    def place_at(self, branch: BranchId, at: datetime) -> Place:
        """Where a branch stood at a time."""
        return self._vault.place_at(branch, at)

    def log(self, branch: BranchId, limit: int) -> list[LogEntry]:
        """The last events of a branch and of those it came from, newest first."""
        return list(self._vault.log(branch, limit))

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        """See ``History``."""
        return self._vault.rollbacks(branch, upto)

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        """See ``History``."""
        return self._vault.entries(branch, after, upto)

    def merge_base(self, ours: Place, theirs: Place, part: Part) -> Place | None:
        """Where a merge of a part of theirs into ours has to begin; ``None`` if they share nothing."""
        return merge_base(self._vault, ours, theirs, part)

    def status(self) -> dict[str, int]:
        """Which process this is, once the vault is open. Raises: StorageLocked and whatever else keeps it shut."""
        self._open()
        return {"pid": os.getpid()}

    def close(self) -> None:
        """Write what is waiting and close the database."""
        opened = self._open.made()
        if opened is not None:
            vault, commits = opened
            commits.close()
            vault.close()


VaultActor = ray.remote(max_restarts=-1, max_task_retries=-1)(VaultHost)
