"""Two replicas lease from the real actor, and go on when it is killed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import ray

from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.cluster.service.limits.host import NAME
from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.limits.remote import RemoteLeases, end
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import RateLimited
from quantum_memory.settings import RateSettings, RatesSettings
from tests.ray.conftest import FAST

ALICE = Principal("key:a", "default", "writer")
LARGE = RateSettings(per_s=1e6, burst=1e7)
LIMITS = RatesSettings(key=RateSettings(per_s=0.001, burst=40), connection=LARGE, everyone=LARGE)


async def through(limiter: Limiter, times: int) -> int:
    answers = await asyncio.gather(*(limiter.admit(ALICE, "1") for _ in range(times)), return_exceptions=True)
    assert all(isinstance(one, RateLimited | None) for one in answers), answers
    return sum(one is None for one in answers)


async def another(actor: Any, pid: int) -> None:
    """Wait until a process answers that is not this one: one that is to be killed answers until it is."""
    async with asyncio.timeout(60.0):
        while True:
            with suppress(ray.exceptions.RayActorError):
                if (await actor.status.remote())["pid"] != pid:
                    return
            await asyncio.sleep(0.05)


async def answered(way: RemoteLeases) -> None:
    """Have the actor found or made, and wait until it answers."""
    await way.leave("nobody", ())


async def two_replicas(cluster: MemoryCluster, namespace: str) -> None:
    ways = [RemoteLeases(cluster.settings, namespace, answer_s=20.0) for _ in range(2)]
    await asyncio.gather(*(answered(way) for way in ways))
    first, second = (Limiter(LIMITS, way) for way in ways)
    found = list(await asyncio.gather(through(first, 60), through(second, 60)))
    assert sum(found) == 40
    assert min(found) > 0

    actor: Any = ray.get_actor(NAME, namespace=namespace)
    before = await actor.status.remote()
    assert before["replicas"] == 2
    ray.kill(actor, no_restart=False)
    await another(actor, before["pid"])
    again = [Limiter(LIMITS, way) for way in ways]
    found = list(await asyncio.gather(*(through(limiter, 60) for limiter in again)))
    assert sum(found) == 40, "it came back, and its buckets began full"

    ray.kill(actor)  # for good: another is made
    once_more = Limiter(LIMITS, ways[0])
    await through(once_more, 1)  # may find out that it is gone
    await answered(ways[0])
    actor = ray.get_actor(NAME, namespace=namespace)
    assert (await actor.status.remote())["leases"] <= 2
    for limiter in (first, second, *again, once_more):
        await limiter.close()


def test_replicas_share_the_rates_of_one_actor_also_after_its_death(cluster: MemoryCluster) -> None:
    namespace = "limits of two"
    try:
        asyncio.run(two_replicas(cluster, namespace))
    finally:
        end(namespace)
    end(namespace)


def test_the_actor_ends_with_its_cluster(cluster: MemoryCluster, tmp_path: Path) -> None:
    assert cluster.settings.storage
    with connect(storage=tmp_path, config=FAST | {"placement": "inline"}, namespace="limits that end") as memory:
        asyncio.run(answered(RemoteLeases(memory.settings, "limits that end", answer_s=20.0)))
        assert ray.get_actor(NAME, namespace="limits that end") is not None
        memory.stop()
        with pytest.raises(ValueError, match=NAME):
            ray.get_actor(NAME, namespace="limits that end")
