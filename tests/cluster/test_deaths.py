"""Nodes, actors and the head's GCS die in the middle of the work: what was acknowledged is there, once and in order."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.testing.nodes import Nodes
from tests.cluster.conftest import Loop, held, owner, texts

KINDS = ("vault", "emotion", "quantum", "episodic", "graph", "agents")


@pytest.fixture
def alice(memory: MemoryCluster, request: pytest.FixtureRequest) -> qm.AgentHandle:
    """An agent with enough behind it that some of it is sealed."""
    agent = memory.agent(request.node.name)
    for start in range(0, 100, 5):
        agent.remember([f"Memory {number} of the lake and of Bob." for number in range(start, start + 5)])
    agent.learn("sail", ["hoist"])
    agent.forget(agent.memories()[7].id)
    return agent


def seen(agent: qm.AgentHandle) -> dict[str, Any]:
    """All that an agent shows. A mood that is folded again is the same within its stated tolerance."""
    mood = agent.mood()
    return {
        "memories": [(memory.id, memory.text, memory.embedding.tobytes()) for memory in agent.memories()],
        "hits": [hit.memory.id for hit in agent.recall("Bob at the lake", k=20)],
        "skills": agent.skills(),
        "working": [memory.id for memory in agent.working()],
        "graph": sorted(map(repr, agent.graph().edges(data=True))),
        "mood": np.round([*np.asarray(mood.mean), *mood.spread], 3).tolist(),
        "log": agent.log(),
    }


def sealed(memory: MemoryCluster) -> None:
    """Wait until the vault has put something into segments."""
    until = time.monotonic() + 60
    while not memory.vault_status()["segments"]:
        assert time.monotonic() < until, "nothing is sealed"
        time.sleep(0.2)


@pytest.mark.usefixtures("two")
def test_an_agent_moves_when_the_nodes_of_its_owner_and_of_its_views_die(
    nodes: Nodes, memory: MemoryCluster, alice: qm.AgentHandle
) -> None:
    sealed(memory)
    before = seen(alice)
    bob, carol = memory.agent("bob"), memory.agent("carol")
    acknowledged: list[str] = []

    def write(number: int) -> None:
        bob.remember(f"Bob wrote {number}.")
        acknowledged.append(f"Bob wrote {number}.")

    writing, asking = Loop(write), Loop(lambda _: (carol.recall("the lake"), carol.mood()))
    cache = Path(memory.settings.storage) / "cache"
    for pool in ("agents", "episodic"):
        node = nodes.node_of(owner(memory, alice, pool))
        assert node is not nodes.head, "the driver's own node is not the one that dies"
        lost = {pid for pids in memory.processes().values() for pid in pids if node.holds(pid)}
        nodes.kill(node)
        shutil.rmtree(cache, ignore_errors=True)  # another machine has no sealed memories at hand
        assert seen(alice) == before
        (new,) = alice.remember(f"life goes on without {node.address}")
        assert alice.memories()[-1].id == new
        assert not lost & {pid for pids in memory.processes().values() for pid in pids}
        before = seen(alice)
        nodes.add()
    writing.stop()
    asking.stop()
    held(bob, acknowledged)


@pytest.mark.parametrize("kind", KINDS)
def test_an_actor_of_each_kind_is_killed_with_calls_in_flight(
    nodes: Nodes, memory: MemoryCluster, alice: qm.AgentHandle, kind: str
) -> None:
    before = len(alice.memories())
    acknowledged: list[str] = []

    def write(number: int) -> None:
        alice.remember(f"Alice wrote {number}.")
        acknowledged.append(f"Alice wrote {number}.")

    def branch(number: int) -> None:
        fork = alice.fork(f"try {number}")
        fork.remember("only here")
        alice.checkpoint(f"stand {number}")

    loops = [Loop(write), Loop(branch), Loop(lambda _: (alice.recall("the lake"), alice.mood(), alice.concepts()))]
    while not all(loop.done for loop in loops):
        time.sleep(0.05)
    for pid in memory.processes()[kind]:
        os.kill(pid, signal.SIGKILL)
    reached = [loop.done + 2 for loop in loops]
    until = time.monotonic() + 120
    while any(loop.done < least for loop, least in zip(loops, reached, strict=True)) and time.monotonic() < until:
        if any(not loop.is_alive() for loop in loops):
            break
        time.sleep(0.05)
    done = [loop.stop() for loop in loops]
    assert all(count >= least for count, least in zip(done, reached, strict=True)), "it did not go on"
    held(alice, acknowledged)
    assert len(alice.memories()) == before + len(acknowledged)
    tree = Counter(branch.name for branch in alice.tree().branches)
    assert [tree[f"try {number}"] for number in range(done[1])] == [1] * done[1]
    messages = Counter(commit.message for commit in alice.commits())
    assert [messages[f"stand {number}"] for number in range(done[1])] == [1] * done[1]


@pytest.mark.usefixtures("two")
def test_the_gcs_starts_again_and_finds_every_actor(nodes: Nodes, memory: MemoryCluster, alice: qm.AgentHandle) -> None:
    before, pids = seen(alice), memory.processes()
    nodes.kill_gcs()
    alice.remember("nobody but the actors is asked for this")
    os.kill(owner(memory, alice, "graph"), signal.SIGKILL)
    nodes.start_gcs()
    assert alice.concepts()
    alice.remember("and the one that died meanwhile is there again")
    after = memory.processes()
    assert {pool: after[pool] for pool in after if pool != "graph"} == {
        pool: pids[pool] for pool in pids if pool != "graph"
    }
    assert after["graph"] != pids["graph"]
    assert texts(alice)[:-2] == [text for _, text, _ in before["memories"]]
    os.kill(owner(memory, alice), signal.SIGKILL)
    alice.remember("an owner that dies after it")
    assert len(alice.memories()) == len(before["memories"]) + 3
