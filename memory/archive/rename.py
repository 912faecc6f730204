"""What things are called in the vault that takes an archive in. Knows no table."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

import msgspec
from blake3 import blake3

from quantum_memory.memory.events import Event, Merged, Picked, RolledBack
from quantum_memory.memory.vault.adopt import HIDDEN
from quantum_memory.types import AgentName, BranchId, CommitId, Place

ID_CHARS: Final = 32


class Names:
    """New names for what an archive holds; the same every time.

    Args:
        agent: what the agent is to be called.
        branches: those that the archive holds. Places on others are left as they are.
        renamed: whether ids are to differ from the archive's.
    """

    def __init__(self, agent: AgentName, branches: Container[BranchId], *, renamed: bool) -> None:
        self.agent, self._branches, self._renamed = agent, branches, renamed

    def owner(self, agent: AgentName) -> AgentName:
        """What an agent is called whose past is shared: a name that nobody can give."""
        return f"{self.agent}{HIDDEN}{agent}"

    def branch(self, branch: BranchId) -> BranchId:
        return self._id("branch", branch) if self._renamed and branch in self._branches else branch

    def commit(self, commit: CommitId) -> CommitId:
        return self._id("commit", commit) if self._renamed else commit

    def event(self, event: Event) -> Event:
        """The event with its places renamed."""
        if isinstance(event, RolledBack):
            return msgspec.structs.replace(event, to=self._place(event.to))
        if isinstance(event, Picked):
            return msgspec.structs.replace(event, source=self._place(event.source))
        if isinstance(event, Merged):
            base = None if event.base is None else self._place(event.base)
            return msgspec.structs.replace(event, source=self._place(event.source), base=base)
        return event

    def _place(self, place: Place) -> Place:
        return Place(self.branch(place.branch), place.seq)

    def _id(self, kind: str, old: str) -> str:
        return blake3(f"{kind}\x00{self.agent}\x00{old}".encode()).hexdigest()[:ID_CHARS]
