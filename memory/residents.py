"""Which branches views hold something of, and when each was last used. Owns the order; holds no state, drops none."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from quantum_memory.types import BranchId


class Residents:
    """The branches that the timelines of one host hold, those used longest ago first.

    A branch is here from the first timeline that holds a state of it until the last one that holds none. Another may
    rest on it: its states were made on top of this one's, with which they share most of what they are. Nothing is
    gained by dropping what others rest on, and what is read later could share it no more.

    Args:
        clock: seconds that never go back.

    One thread at a time calls it; any may ask for its length.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: OrderedDict[BranchId, float] = OrderedDict()
        self._holders: dict[BranchId, int] = {}
        self._ground: dict[BranchId, BranchId] = {}
        self._bears: dict[BranchId, int] = {}

    def __len__(self) -> int:
        return len(self._used)

    def __contains__(self, branch: BranchId) -> bool:
        return branch in self._used

    def hold(self, branch: BranchId) -> None:
        """A timeline holds a state of a branch of which it held none."""
        self._holders[branch] = self._holders.get(branch, 0) + 1
        self.used(branch)

    def release(self, branch: BranchId) -> None:
        """A timeline holds nothing of a branch any more."""
        left = self._holders.pop(branch) - 1
        if left:
            self._holders[branch] = left
            return
        del self._used[branch]
        self._lift(branch)

    def used(self, branch: BranchId) -> None:
        """Somebody reads or writes a branch that is held."""
        self._used[branch] = self._clock()
        self._used.move_to_end(branch)

    def rests(self, branch: BranchId, ground: BranchId) -> None:
        """What is held of a branch was made on top of what is held of another, or may have been."""
        if branch not in self._used or ground == branch or self._ground.get(branch) == ground:
            return
        self._lift(branch)
        self._ground[branch] = ground
        self._bears[ground] = self._bears.get(ground, 0) + 1

    def last(self, branch: BranchId) -> float | None:
        """When a branch was last used, by the clock; nothing if none of it is held."""
        return self._used.get(branch)

    def unused(self, for_s: float) -> Iterator[BranchId]:
        """The branches that nobody used for so long and that no other rests on, those used longest ago first.

        Nothing may change while it is read.
        """
        before = self._clock() - for_s
        for branch, at in self._used.items():
            if at > before:
                return
            if branch not in self._bears:
                yield branch

    def _lift(self, branch: BranchId) -> None:
        ground = self._ground.pop(branch, None)
        if ground is None:
            return
        left = self._bears.pop(ground) - 1
        if left:
            self._bears[ground] = left
