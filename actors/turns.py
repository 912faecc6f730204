"""The order of writes: places in queues, taken when a call arrives and used when its work is ready.

A plain lock would order calls by when their perception is done. A turn orders them by when they came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Turns:
    """A queue per key. Used from one event loop."""

    def __init__(self) -> None:
        self._last: dict[str, Turn] = {}

    def __len__(self) -> int:
        return len(self._last)

    def take(self, keys: Iterable[str], *, brief: bool = False) -> Turn:
        """A place at the end of each key's queue, all at once, so that two calls cannot wait for each other.

        It must be used (``async with``) or given back, or those behind it wait for ever. A ``brief`` one is kept no
        longer than a write takes.
        """
        turn = Turn(self, brief=brief)
        self._stand(turn, keys)
        return turn

    def join(self, turn: Turn, keys: Iterable[str]) -> bool:
        """Let a turn stand at the ends of more queues, if nobody stands behind it and it has not come yet.

        Where somebody does, those who ask to join came later than he, and two could come to wait for each other.
        """
        if turn.followed or turn.come:
            return False
        self._stand(turn, keys)
        return True

    def soon(self, key: str) -> bool:
        """Whether nobody stands in a queue, at its end at least, who may keep his turn for long."""
        last = self._last.get(key)
        return last is None or last.brief

    def _stand(self, turn: Turn, keys: Iterable[str]) -> None:
        for key in dict.fromkeys(keys):
            before = self._last.get(key)
            if before is turn:
                continue
            if before is not None:
                before.followed = True
                turn.before.append(before)
            turn.keys.append(key)
            self._last[key] = turn

    def forget(self, turn: Turn) -> None:
        """Drop a turn that is over from the ends of its queues."""
        for key in turn.keys:
            if self._last.get(key) is turn:
                del self._last[key]


class Turn:
    """A place in one or more queues. Enter it to wait for those before; leaving it lets those behind go on.

    Attributes:
        brief: whether it is kept no longer than a write takes; whoever has it says so when that turns out otherwise.
        followed: whether somebody stands behind it, or did.
        come: whether all before it are over.
    """

    def __init__(self, turns: Turns, *, brief: bool) -> None:
        self.keys: list[str] = []
        self.before: list[Turn] = []
        self.brief, self.followed, self.come = brief, False, False
        self._turns = turns
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> None:
        try:
            for turn in self.before:  # which may become more meanwhile
                await asyncio.shield(turn._over)  # noqa: SLF001  (its own kind)
        except BaseException:
            self.give_back()
            raise
        self.come = True

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self, _: object = None) -> None:
        """Leave the queues; those behind still wait for those before. Harmless when it is over already."""
        if self._over.done():
            return
        waiting = [turn for turn in self.before if not turn._over.done()]  # noqa: SLF001
        if waiting:
            waiting[0]._over.add_done_callback(self.give_back)  # noqa: SLF001
            return
        self._over.set_result(None)
        self.before.clear()
        self._turns.forget(self)
