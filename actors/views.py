"""What the hosts of views have in common: taking in events, forking, and reading history from the vault."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from quantum_memory.actors.directory import Directory
from quantum_memory.memory.events import Entry, RolledBack
from quantum_memory.memory.held import Held
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.types import Branch, BranchId, Place

BRANCHES_HELD = 100_000


class Sprout(NamedTuple):
    """A new branch and the place of its parent at which it begins."""

    parent: Place
    child: BranchId


class RemoteHistory(History):
    """History read from the VaultActor. It blocks, so it belongs in a host and never on an event loop."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._branches: Held[BranchId, Branch] = Held(BRANCHES_HELD)

    def branch(self, branch: BranchId) -> Branch:
        """A branch's row, which never changes and so is kept."""
        held = self._branches.get(branch)
        if held is None:
            held = self._ask("branch", branch)
            self._branches.put(branch, held)
        return held

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        found: Sequence[tuple[int, RolledBack]] = self._ask("rollbacks", branch, upto)
        return found

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        found: Sequence[Entry] = self._ask("entries", branch, after, upto)
        return found

    def _ask(self, method: str, *args: object) -> Any:
        return self._directory.call("vault", 0, method, args).result()


class ViewHost(ABC):
    """The views of one kind, of many branches. The base of three hosts; owns their timelines."""

    @abstractmethod
    def timelines(self) -> Sequence[Timeline[Any]]:
        """The timelines of this kind. Raises: what making them raises, when they are first asked for."""

    def apply(self, entries: Sequence[Entry]) -> list[None]:
        """Take in events that the vault has; what is missed here is read from the vault when it is needed."""
        for entry in entries:
            for timeline in self.timelines():
                timeline.push(entry)
        return [None] * len(entries)

    def fork(self, sprouts: Sequence[Sprout]) -> list[None]:
        """Let branches begin where their parents stand: nothing is copied."""
        for sprout in sprouts:
            for timeline in self.timelines():
                timeline.fork(sprout.parent, sprout.child)
        return [None] * len(sprouts)

    def pin(self, places: Sequence[Place]) -> list[None]:
        """Keep the states at these places at hand: somebody means to come back."""
        for place in places:
            for timeline in self.timelines():
                timeline.pin(place)
        return [None] * len(places)

    def status(self) -> dict[str, int]:
        """The process and the number of states held, once the views are ready. Raises: what making them raises."""
        return {"pid": os.getpid(), "states": sum(len(timeline) for timeline in self.timelines())}
