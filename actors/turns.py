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

    def take(self, keys: Iterable[str]) -> Turn:
        """A place at the end of each key's queue, all at once, so that two calls cannot wait for each other.

        It must be used (``async with``) or given back, or those behind it wait for ever.
        """
        distinct = tuple(dict.fromkeys(keys))
        turn = Turn(self, distinct, [self._last[key] for key in distinct if key in self._last])
        for key in distinct:
            self._last[key] = turn
        return turn

    def forget(self, turn: Turn) -> None:
        """Drop a turn that is over from the ends of its queues."""
        for key in turn.keys:
            if self._last.get(key) is turn:
                del self._last[key]


class Turn:
    """A place in one or more queues. Enter it to wait for those before; leaving it lets those behind go on."""

    def __init__(self, turns: Turns, keys: tuple[str, ...], before: list[Turn]) -> None:
        self.keys = keys
        self._turns, self._before = turns, before
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> None:
        try:
            for turn in self._before:
                await asyncio.shield(turn._over)  # noqa: SLF001  (its own kind)
        except BaseException:
            self.give_back()
            raise

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    def give_back(self, _: object = None) -> None:
        """Leave the queues; those behind still wait for those before. Harmless when it is over already."""
        if self._over.done():
            return
        waiting = [turn for turn in self._before if not turn._over.done()]  # noqa: SLF001
        if waiting:
            waiting[0]._over.add_done_callback(self.give_back)  # noqa: SLF001
            return
        self._over.set_result(None)
        self._before.clear()
        self._turns.forget(self)
