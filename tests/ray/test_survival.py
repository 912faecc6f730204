"""Any actor may be killed at any moment: what was acknowledged is there, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster


@pytest.fixture
def alice(cluster: MemoryCluster, request: pytest.FixtureRequest) -> qm.AgentHandle:
    agent = cluster.agent(request.node.name)
    chance = np.random.default_rng(3)
    agent.remember(
        [
            qm.Utterance(
                f"memory {n} of the lake",
                pad=qm.PAD(*chance.uniform(-0.9, 0.9, 3)),
                embedding=chance.normal(size=384).astype(np.float32),
            )
            for n in range(300)
        ]
    )
    agent.learn("sail", ["hoist"])
    agent.forget(agent.memories()[7].id)
    return agent


def kill(cluster: MemoryCluster, pool: str) -> None:
    """End an actor's process as a crash would."""
    for pid in cluster.processes()[pool]:
        os.kill(pid, signal.SIGKILL)


def seen(alice: qm.AgentHandle) -> dict[str, Any]:
    mood = alice.mood()
    return {
        "memories": [(memory.id, memory.text, memory.embedding.tobytes()) for memory in alice.memories()],
        "hits": [hit.memory.id for hit in alice.recall("the lake", k=20)],
        "skills": alice.skills(),
        "working": [memory.id for memory in alice.working()],
        "graph": sorted(map(repr, alice.graph().edges(data=True))),
        # A rebuilt mood is folded from the last feelings only; it is the same within the mood's stated tolerance.
        "mood": np.round([*np.asarray(mood.mean), *mood.spread], 3).tolist(),
        "log": alice.log(),
    }


@pytest.mark.parametrize("pool", ["vault", "emotion", "quantum", "episodic", "graph", "agents"])
def test_after_the_death_of_an_actor_the_next_call_finds_everything(
    cluster: MemoryCluster, alice: qm.AgentHandle, pool: str
) -> None:
    before = seen(alice)
    kill(cluster, pool)
    assert seen(alice) == before
    kill(cluster, pool)
    (new,) = alice.remember("life goes on")
    assert alice.memories()[-1].id == new


@pytest.mark.parametrize("pool", ["vault", "agents", "episodic"])
def test_kills_under_load_lose_nothing_and_double_nothing(
    cluster: MemoryCluster, alice: qm.AgentHandle, pool: str
) -> None:
    acknowledged: list[list[str]] = []
    failures: list[Exception] = []
    done = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while not done.is_set() and number < 400:
            text = f"writer {writer} wrote {number}"
            try:
                alice.remember([text, f"{text} again"])
            except qm.Unavailable as error:  # not acknowledged, so it may or may not be there
                failures.append(error)
            else:
                acknowledged.append([text, f"{text} again"])
            number += 1

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        done.wait(1.0)
        kill(cluster, pool)
    until = time.monotonic() + 120
    while len(acknowledged) <= 20 and time.monotonic() < until:
        done.wait(0.1)
    done.set()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    texts = [memory.text for memory in alice.memories()]
    assert len(acknowledged) > 20
    assert len(set(texts)) == len(texts), "applied twice"
    present = set(texts)
    for first, second in acknowledged:
        assert first in present, "acknowledged and lost"
        assert second in present, "half applied"
        assert texts.index(second) == texts.index(first) + 1
    assert not failures
