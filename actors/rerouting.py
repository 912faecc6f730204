"""Calls that reach an orchestrator which does not have the lineage: they go on to the one that has, and nobody notices.

Owns who is asked instead, and how often. Never decides who has a lineage: the vault does.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from quantum_memory.actors.allowances import brought, due_of
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.tenure import Tenure
from quantum_memory.actors.watching import EACH
from quantum_memory.errors import ActorUnavailable, Fenced, QuantumMemoryError
from quantum_memory.types import Branch

H = TypeVar("H")
PAUSES_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""After each attempt but the last: a change of sizes is told to everybody within a second or so."""
APART = frozenset({"status", "retire", "relayout", "close"})
"""Methods that are no operations."""
Here = Callable[[Sequence[Any]], Awaitable[list[Any]]]
INSIDE: ContextVar[object] = ContextVar("quantum_memory_routed", default=None)
"""The host within whose operation this runs: what that asks of itself has been routed."""
FORWARDED: ContextVar[Arrival | None] = ContextVar("quantum_memory_forwarded", default=None)
"""How this arrived, if another orchestrator sent it here."""


class Arrival(NamedTuple):
    """A call that another orchestrator sent; whether this process knew already then that it had been replaced."""

    replaced: bool


class Sending(NamedTuple):
    """A call for many: which method, of what, what else it takes, and how it is done here."""

    method: str
    items: Sequence[Any]
    rest: tuple[Any, ...]
    here: Here


class Router:
    """Where the calls of one orchestrator belong.

    Args:
        journal: whose right to write counts, and which forgets what it knew when somebody else has it.
        directory: where the others are.
    """

    def __init__(self, journal: Journal, directory: Directory) -> None:
        self._journal, self._directory = journal, directory
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def tenure(self) -> Tenure | None:
        """The right to write; ``None`` where there is but one orchestrator and nobody else."""
        return self._journal.tenure

    async def one(self, method: str, lineage: str, args: tuple[Any, ...], here: Callable[[], Awaitable[Any]]) -> Any:
        """What a call for one lineage comes to, done here or where it belongs. Raises: what it raises."""
        for pause_s in PAUSES_S:
            try:
                return await self._done(method, lineage, args, here)
            except (Fenced, ActorUnavailable) as error:
                if not await self._may_go_on(error, lineage):
                    raise
            await asyncio.sleep(pause_s)
        return await self._done(method, lineage, args, here)

    async def _done(self, method: str, lineage: str, args: tuple[Any, ...], here: Callable[[], Awaitable[Any]]) -> Any:
        other = await self._other(lineage)
        return await (here() if other is None else self._sent(other, method, args))

    async def each(self, method: str, items: Sequence[Any], rest: tuple[Any, ...], here: Here) -> list[Any]:
        """What a call for many lineages comes to, errors included: each part is done where it belongs.

        Answers keep the items' order.
        """
        if await self._all_here(items):
            answers = await here(items)
            left = [number for number, one in enumerate(answers) if self._again(items[number], one, None)]
            if not left:
                return answers
            await self._look()
        else:
            answers, left = [None] * len(items), list(range(len(items)))
        answers = list(answers)
        for pause_s in PAUSES_S:
            left = await self._round(Sending(method, items, rest, here), left, answers)
            if not left:
                break
            await self._look()
            await asyncio.sleep(pause_s)
        return answers

    async def _round(self, work: Sending, left: Sequence[int], answers: list[Any]) -> list[int]:
        """One attempt at what is left, everybody concerned at once; what has to be tried again."""
        shares: dict[int | None, list[int]] = {}
        for number in left:
            lineage = lineage_of(work.items[number])
            try:
                other = None if lineage is None else await self._other(lineage)
            except Fenced as error:
                answers[number] = error
            else:
                shares.setdefault(other, []).append(number)
        sent = {number for numbers in shares.values() for number in numbers}
        again = [number for number in left if number not in sent]

        async def part(other: int | None, numbers: Sequence[int]) -> None:
            some = [work.items[number] for number in numbers]
            try:
                done = await (work.here(some) if other is None else self._sent(other, work.method, (some, *work.rest)))
            except QuantumMemoryError as error:
                done = [error] * len(some)
            for number, one in zip(numbers, done, strict=True):
                answers[number] = one
                if self._again(work.items[number], one, other):
                    again.append(number)

        await asyncio.gather(*(part(other, numbers) for other, numbers in shares.items()))
        return sorted(again)

    def _again(self, item: object, answer: object, other: int | None) -> bool:
        """Whether an answer says that the one who was asked is not the one to ask: ``other``, or this orchestrator.

        Where a part of this one is away and the lineage is still its own, nobody else would fare better.
        """
        if isinstance(answer, Fenced):
            return True
        if not isinstance(answer, ActorUnavailable):
            return False
        lineage = lineage_of(item)
        return other is not None or (self.tenure is not None and lineage is not None and not self.tenure.owns(lineage))

    async def _all_here(self, items: Sequence[Any]) -> bool:
        """Whether all of it is to be done here."""
        for item in items:
            lineage = lineage_of(item)
            if lineage is not None and await self._other(lineage) is not None:
                return False
        return True

    async def _other(self, lineage: str) -> int | None:
        """The orchestrator that has a lineage; ``None`` if it is this one.

        Raises: Fenced if another one sent the call here and is mistaken, or this one is.
        """
        tenure = self.tenure
        if tenure is None:
            return None
        await tenure.enlist(reading=True)
        if tenure.owns(lineage) or not tenure.enlisted:  # a vault that takes no writes tells what to read all the same
            return None
        arrival = FORWARDED.get()
        if arrival is None:
            return tenure.owner(lineage)
        if arrival.replaced and tenure.owner(lineage) == tenure.number:
            # Whoever sent it looked for the number by name, and found this process after another had enlisted.
            await tenure.resume()
            return None
        await self._look()
        if tenure.owns(lineage):
            return None
        raise Fenced(lineage, f"orchestrator {tenure.number}", f"orchestrator {tenure.owner(lineage)}")

    async def _may_go_on(self, error: Exception, lineage: str) -> bool:
        """Whether to try again, now that it was asked how things stand."""
        tenure = self.tenure
        if tenure is None:
            return False
        before = tenure.owns(lineage)
        if isinstance(error, ActorUnavailable) and before:
            return False  # a part is away, and no other orchestrator would fare better
        if FORWARDED.get() is not None and isinstance(error, Fenced) and not before:
            return False  # for whoever sent it to try again
        await self._look()
        return True

    async def _look(self) -> None:
        self._journal.forget()
        if self.tenure is not None:
            await self.tenure.look()
            self._journal.forget()  # what came meanwhile was kept by what was believed until now

    async def _sent(self, other: int, method: str, args: tuple[Any, ...]) -> Any:
        texts, due_s = brought(method, args), due_of(method, args)
        return await self._directory.call("agents", other, "forwarded", (method, args), texts=texts, deadline_s=due_s)

    async def idle(self) -> None:
        """Wait until no operation is under way here."""
        await self._idle.wait()

    def begin(self) -> None:
        """One more operation is under way."""
        self._under_way += 1
        self._idle.clear()

    def end(self) -> None:
        """One is done."""
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()


def lineage_of(one: object) -> str | None:
    """The lineage that a request, a branch or a pair that begins with one is about."""
    if isinstance(one, tuple) and one and not hasattr(one, "branch"):
        one = one[0]
    branch = one if isinstance(one, Branch) else getattr(one, "branch", None)
    return branch.lineage if isinstance(branch, Branch) else None


def routed(host: type[H]) -> type[H]:
    """Have every public method of an orchestrator that is about a lineage, or many, done where that belongs.

    Instances have a ``Router`` as ``self._router``.
    """
    for name, method in inspect.getmembers(host, inspect.iscoroutinefunction):
        if not name.startswith("_"):
            setattr(host, name, _routed(method))
    return host


def _routed(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    async def route(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        # Ray pickles this by value, with all that it names: see ``watching``.
        return await do(method, self, args, kwargs)

    return route


async def do(method: Callable[..., Any], host: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A method of an orchestrator, done where it belongs."""
    name, router = method.__name__, host._router  # noqa: SLF001  (of its own kind)
    if INSIDE.get() is host or name in APART:
        return await method(host, *args, **kwargs)

    async def here(*mine: Any) -> Any:
        token = INSIDE.set(host)
        try:
            return await method(host, *mine, **kwargs)
        finally:
            INSIDE.reset(token)

    router.begin()
    try:
        if router.tenure is None or not args or kwargs:
            return await here(*args)
        lineage = lineage_of(args[0])
        if lineage is not None:
            return await router.one(name, lineage, args, lambda: here(*args))
        if name.endswith(EACH):
            return await router.each(name, args[0], args[1:], lambda some: here(some, *args[1:]))
        return await here(*args)
    finally:
        router.end()


async def forwarded(host: Any, method: str, args: Sequence[Any]) -> Any:
    """Do what another orchestrator sent here."""
    tenure = host._router.tenure  # noqa: SLF001  (of its own kind)
    arrival = Arrival(tenure is not None and tenure.replaced)
    token, inside = FORWARDED.set(arrival), INSIDE.set(None)
    try:
        return await getattr(host, method)(*args)
    finally:
        FORWARDED.reset(token)
        INSIDE.reset(inside)
