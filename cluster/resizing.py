"""A pool gets another size while it works: members are made or ended, and everybody is told, in an order that is safe.

1. The vault is told that somebody is about to change a size. Whoever else wants to is refused from here on, before he
   makes a member that the one counts and the other ends.
2. Members that are to be there are made, and wait.
3. The vault writes the new sizes down. From here on it refuses writes of whoever does not own a lineage any more.
4. Orchestrators are told, those that lose lineages before those that gain them. Whatever was sent by the old sizes is
   answered, or refused and done again where it belongs.
5. Members that are to go end when no driver can mean them any more (``layouts.LEASE_S``) and nothing is under way.

Whoever repeats a change that was cut off finishes it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ray

from quantum_memory.actors.directory import actor_name, number_of
from quantum_memory.actors.layouts import LEASE_S
from quantum_memory.actors.operations import Call, wait
from quantum_memory.checks import whole
from quantum_memory.cluster.groups import Groups, resources, shown
from quantum_memory.cluster.groups import remove as remove_groups
from quantum_memory.cluster.launch import Maker, Running, kinds_of, standing_members, with_sizes
from quantum_memory.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidInput,
    InvalidValue,
    NoRoom,
    PoolsChanged,
    QuantumMemoryError,
    Unavailable,
)
from quantum_memory.memory.vault.writes import MAX_MEMBERS, Claim, Resize, Settle
from quantum_memory.policies.placement import Layout

logger = logging.getLogger(__name__)
MARGIN_S = 1.0
"""On top of a driver's lease: what it sent at its end is on its way."""


class Claimed:
    """The right to change a size, which nobody else has while it is kept up.

    Args:
        running: whose directory has the way to the vault.
        pool: which is to have another size.
        before: the sizes that were seen.

    Raises: PoolsChanged, from every method, if somebody else is at it or the sizes are others by now.
    """

    def __init__(self, running: Running, pool: str, before: Layout) -> None:
        self._running, self._pool, self.before = running, pool, before
        self.op_id = running.directory.new_op()

    def keep(self) -> None:
        """Have it for as long as one step may take; said before each."""
        times = self._running.settings.timeouts
        patience_s = times.connect_s + times.call_s + MARGIN_S
        _told(self._running, Claim(self._pool, self.before.version, patience_s, self.op_id))

    def used(self, size: int) -> Layout:
        """The new sizes, durable. Raises: Unavailable; StorageFailure."""
        directory, times = self._running.directory, self._running.settings.timeouts
        patience_s = 3 * times.call_s + LEASE_S + MARGIN_S
        _told(
            self._running,
            Resize(self._pool, size, self.before.version, patience_s, directory.new_op(), self.op_id),
        )
        return self.before.resized(self._pool, size)

    def give_up(self, make: Maker) -> bool:
        """End what was made, if nobody else may count on it by now; whether that was so."""
        try:
            self.keep()
        except QuantumMemoryError as error:
            logger.warning("what was made for %s stays, for whoever changes its size next: %s", self._pool, error)
            return False
        make.undo()
        self.end()
        return True

    def end(self) -> None:
        """Let others come, if nothing came of it."""
        _settled(self._running, Settle(self.before.version, self.op_id))


def resize(running: Running, pool: str, size: int) -> dict[str, int]:
    """Give a pool another size; how many members each pool has then.

    Raises: InvalidInput; PoolsChanged if somebody else is at it; NoRoom if new members cannot be placed, and then
    nothing has changed; Unavailable where an orchestrator could not be told: the same call again finishes it.
    """
    directory = running.directory
    before = directory.renew()
    if pool not in before.sizes:
        raise InvalidValue("pool", repr(pool), f"one of {sorted(before.sizes)}")
    whole("size", size, 1, MAX_MEMBERS)
    claimed = Claimed(running, pool, before)
    claimed.keep()
    make, was = Maker(directory.namespace, running.detached), before.sizes[pool]
    try:
        there = _there(directory.namespace, pool)
        wanted = [number for number in range(size) if number >= was or number not in there]
        new = _made(make, running, before.resized(pool, size), wanted, pool, claimed)
    except BaseException:
        claimed.give_up(make)
        raise
    held = dict(enumerate(running.pools.get(pool, ())[:was])) | dict(zip(wanted, new, strict=True))
    running.pools[pool] = [held[number] for number in sorted(held)]
    try:
        after = claimed.used(size)
    except (Conflict, InvalidInput):
        if claimed.give_up(make):
            del running.pools[pool][was:]
        raise
    except BaseException:  # it may be so: then the members have to be there
        claimed.end()
        raise
    written_at = time.monotonic()
    directory.learn(after)
    try:
        _tell(running, before, after)
        _end(running, pool, after, written_at)
        remove_groups(directory.namespace, keep=range(max(after.sizes.values())))
    finally:
        _settled(running, Settle(after.version))
    del running.pools[pool][size:]
    return dict(after.sizes)


def _told(running: Running, write: Claim | Resize | Settle) -> None:
    """Have the vault write something. Raises: what it refuses it with; Unavailable; StorageFailure."""
    (answer,) = running.directory.call("vault", 0, "write", ([write],)).result()
    if isinstance(answer, QuantumMemoryError):
        raise answer


def _settled(running: Running, write: Settle) -> None:
    """Tell the vault that it is done; if it cannot hear it, others wait until the time is over."""
    with suppress(QuantumMemoryError):
        _told(running, write)


def _there(namespace: str, pool: str) -> set[int]:
    """The numbers of a pool's members that have a name: one that died for good has none."""
    rows = ray.util.list_named_actors(all_namespaces=True)
    found = (number_of(pool, row["name"]) for row in rows if row["namespace"] == namespace)
    return {number for number in found if number is not None}


def _made(
    make: Maker, running: Running, wanted: Layout, numbers: Sequence[int], pool: str, claimed: Claimed
) -> list[Any]:
    """Members that are not there yet, at work, also those that an earlier change left out. All start at once.

    Raises: NoRoom; what keeps one from starting; PoolsChanged.
    """
    settings = with_sizes(running.settings, wanted)
    make.groups = Groups(settings, running.directory.namespace, running.detached)
    for number in numbers:
        claimed.keep()
        make.groups.reserve(number, wanted.sizes)
    connect_s = settings.timeouts.connect_s
    handles = make.pool(pool, numbers, kinds_of(settings, running.directory)[pool], settings)
    for number, handle in zip(numbers, handles, strict=True):
        name = actor_name(pool, number)
        claimed.keep()
        try:
            wait(handle.status.remote(), f"the start of {name}", connect_s)
        except DeadlineExceeded:
            raise NoRoom(name, shown(resources(getattr(settings.pools, pool))), connect_s) from None
    return handles


def _tell(running: Running, before: Layout, after: Layout) -> None:
    """Have every orchestrator route by the new sizes: first whoever loses lineages, then the others."""
    old, new = before.sizes["agents"], after.sizes["agents"]
    losing = range(new, old) if new < old else range(old)
    rest = [number for number in range(max(old, new)) if number not in losing]
    for numbers in (losing, rest):
        calls = [running.directory.call("agents", number, "relayout", (after,)).begun() for number in numbers]
        for told in calls:
            told()


def _end(running: Running, pool: str, after: Layout, written_at: float) -> None:
    """End the members that a pool has too many. Raises: PoolsChanged if somebody else was at it before that was done.

    By then they may be wanted again.
    """
    size = after.sizes[pool]
    leaving = standing_members(running, pool, size)
    if not leaving:
        return
    if pool == "agents":
        time.sleep(max(0.0, written_at + LEASE_S + MARGIN_S - time.monotonic()))
        _ask(running, leaving, "retire")
    if pool != "emotion":
        _ask(running, leaving, "close")
    if running.directory.renew().version != after.version:
        raise PoolsChanged(pool, "this change took so long that somebody else began another")
    for number, handle in enumerate(leaving, size):
        ray.kill(handle)
        running.directory.lose(pool, number)


def _ask(running: Running, leaving: Sequence[Any], method: str) -> None:
    """Call a method of each, and wait as long as one call may take. One that is gone already has nothing to say."""
    deadline_s = running.settings.timeouts.call_s
    begun = []
    for handle in leaving:
        with suppress(Unavailable):
            begun.append(Call[None](handle, method, (), deadline_s).begun())
    for done in begun:
        with suppress(Unavailable):
            done()
