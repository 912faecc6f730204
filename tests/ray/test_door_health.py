"""Health and metrics of a real cluster, as the door tells them: also while an actor is away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import ray

from quantum_memory.actors.directory import ACTOR_NAMES
from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.cluster.nodes import living_nodes
from quantum_memory.cluster.service.exposition import ANSWERED, Exposition
from quantum_memory.cluster.service.health import Detailed, Health
from quantum_memory.telemetry.catalog import HTTP_REQUESTS

WAIT_S = 60.0


def test_a_real_cluster_is_well_and_has_no_gpu(cluster: MemoryCluster) -> None:
    cluster.agent("alice of health").remember("hello")
    health = Health(cluster, deadline_s=30.0)
    told = asyncio.run(health.detailed())
    assert (told.status, told.away) == ("ok", [])
    assert {name: (pool.members, pool.answered) for name, pool in told.pools.items()} == dict.fromkeys(
        ACTOR_NAMES, (1, 1)
    )
    assert told.pools["agents"].counts["agents"] >= 1
    assert told.vault is not None
    assert set(told.lag) == {"quantum", "episodic", "graph"}
    gpus = asyncio.run(health.gpus())
    assert gpus.status == ("ok" if any(node.gpus for node in living_nodes()) else "none")


def test_an_actor_that_says_nothing_is_named_in_time(cluster: MemoryCluster) -> None:
    busy: Any = ray.get_actor(f"{ACTOR_NAMES['graph']}-0", namespace="actors")

    def sleep(_: object) -> None:
        time.sleep(6.0)

    asleep = busy.__ray_call__.remote(sleep)
    began_s = time.monotonic()
    told: Detailed = asyncio.run(Health(cluster, deadline_s=2.0).detailed())
    assert time.monotonic() - began_s < 5.0
    assert [one.part for one in told.away] == ["SemanticGraphActor-0"]
    assert told.pools["graph"].answered == 0
    assert told.pools["vault"].answered == 1
    ray.get(asleep)


def test_the_page_of_metrics_is_what_the_nodes_export(cluster: MemoryCluster) -> None:
    cluster.agent("alice of metrics").remember("hello")
    ray_metrics().add(HTTP_REQUESTS, 1, "/v1/agents/{agent}/mood", "GET", "200")

    async def page() -> str:
        async with httpx.AsyncClient() as client:
            return await Exposition(client).page()

    own = 'route="/v1/agents/{agent}/mood"'  # others of this cluster may have told theirs before
    wanted = ("ray_quantum_memory_operations_total{", f"ray_{HTTP_REQUESTS.name}{{", own)
    until_s, told = time.monotonic() + WAIT_S, ""
    while not all(name in told for name in wanted) and time.monotonic() < until_s:
        time.sleep(0.5)
        told = asyncio.run(page())
    assert all(name in told for name in wanted), told[:1000]
    lines = told.splitlines()
    assert [line[-1] for line in lines if line.startswith(f"{ANSWERED}{{")] == ["1"] * len(living_nodes())
    assert all(line.startswith(("# HELP ", "# TYPE ", "ray_quantum_memory_", "ray_serve_", ANSWERED)) for line in lines)
    types = [line.split()[2] for line in lines if line.startswith("# TYPE ")]
    assert len(types) == len(set(types))
    assert "alice" not in told
