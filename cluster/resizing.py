"""A pool gets another size while it works: members are made or ended, and everybody is told, in an order that is safe.

1. Members that are to be there are made, and wait.
2. The vault writes the new sizes down. From here on it refuses writes of whoever does not own a lineage any more.
3. Orchestrators are told, those that lose lineages before those that gain them. Whatever was sent by the old sizes is
   answered, or refused and done again where it belongs.
4. Members that are to go end when no driver can mean them any more (``layouts.LEASE_S``) and nothing is under way.

Whoever repeats a change that was cut off finishes it.
"""

from __future__ import annotations

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
from quantum_memory.memory.vault.writes import MAX_MEMBERS, Resize, Settle
from quantum_memory.policies.placement import Layout

MARGIN_S = 1.0
"""On top of a driver's lease: what it sent at its end is on its way."""


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
    make = Maker(directory.namespace, running.detached)
    was, there = before.sizes[pool], _there(directory.namespace, pool)
    wanted = [number for number in range(size) if number >= was or number not in there]
    try:
        new = _made(make, running, before.resized(pool, size), wanted, pool)
    except BaseException:
        make.undo()
        raise
    held = dict(enumerate(running.pools.get(pool, ())[:was])) | dict(zip(wanted, new, strict=True))
    running.pools[pool] = [held[number] for number in sorted(held)]
    try:
        after = _written(running, before, pool, size)
    except (Conflict, InvalidInput):  # after anything else it may be so: then the members have to be there
        make.undo()
        del running.pools[pool][was:]
        raise
    written_at = time.monotonic()
    directory.learn(after)
    try:
        _tell(running, before, after)
        _end(running, pool, after, written_at)
        remove_groups(directory.namespace, keep=range(max(after.sizes.values())))
    finally:
        with suppress(QuantumMemoryError):
            directory.call("vault", 0, "write", ([Settle(after.version)],)).result()
    del running.pools[pool][size:]
    return dict(after.sizes)


def _there(namespace: str, pool: str) -> set[int]:
    """The numbers of a pool's members that have a name: one that died for good has none."""
    rows = ray.util.list_named_actors(all_namespaces=True)
    found = (number_of(pool, row["name"]) for row in rows if row["namespace"] == namespace)
    return {number for number in found if number is not None}


def _made(make: Maker, running: Running, wanted: Layout, numbers: Sequence[int], pool: str) -> list[Any]:
    """Members that are not there yet, at work, also those that an earlier change left out.

    Raises: NoRoom; what keeps one from starting.
    """
    settings = with_sizes(running.settings, wanted)
    make.groups = Groups(settings, running.directory.namespace, running.detached)
    for number in numbers:
        make.groups.reserve(number, wanted.sizes)
    connect_s = settings.timeouts.connect_s
    handles = make.pool(pool, numbers, kinds_of(settings, running.directory)[pool], settings)
    for number, handle in zip(numbers, handles, strict=True):
        name = actor_name(pool, number)
        try:
            wait(handle.status.remote(), f"the start of {name}", connect_s)
        except DeadlineExceeded:
            raise NoRoom(name, shown(resources(getattr(settings.pools, pool))), connect_s) from None
    return handles


def _written(running: Running, before: Layout, pool: str, size: int) -> Layout:
    """The new sizes, durable. Raises: PoolsChanged; Unavailable; StorageFailure."""
    directory, times = running.directory, running.settings.timeouts
    patience_s = 3 * times.call_s + LEASE_S + MARGIN_S
    write = Resize(pool, size, before.version, patience_s, directory.new_op())
    (answer,) = directory.call("vault", 0, "write", ([write],)).result()
    if isinstance(answer, QuantumMemoryError):
        raise answer
    return before.resized(pool, size)


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
