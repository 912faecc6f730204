"""Agents that come and go, parts that are slow or dead, and more calls than there is room for."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import ray

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster, connect
from tests.ray.conftest import FAST

PART_S, DEADLINE_S, WAITING, PENDING = 1.0, 20.0, 8, 24
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def small(cluster: MemoryCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryCluster]:
    """A memory that waits briefly for its parts, takes few calls at a time and puts agents away soon."""
    assert cluster
    config = FAST | {
        "timeouts": {"part_s": PART_S},
        "limits": {"waiting": WAITING},
        "pools": {"agents": {"max_pending_calls": PENDING}},
        "views": {"idle_s": 1.0},
        "recall": {"weights": {"mood": 0.5}},
    }
    memory = connect(storage=tmp_path_factory.mktemp("small"), config=config, namespace="small")
    yield memory
    memory.stop()


@pytest.fixture
def alice(small: MemoryCluster, request: pytest.FixtureRequest) -> qm.AgentHandle:
    agent = small.agent(request.node.name)
    chance = np.random.default_rng(5)
    agent.remember(
        [
            qm.Utterance(
                f"Bob mended boat {n} by the lake",
                pad=qm.PAD(*chance.uniform(-0.9, 0.9, 3)),
                embedding=chance.normal(size=384).astype(np.float32),
            )
            for n in range(60)
        ]
    )
    return agent


def told(hits: qm.Hits) -> list[Any]:
    return [(hit.memory.id, hit.score, dict(hit.why)) for hit in hits]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.2)


def whole(alice: qm.AgentHandle) -> qm.Hits:
    """What it recalls once every part answers again."""
    until(lambda: alice.recall("the lake", k=20).missing == ())
    return alice.recall("the lake", k=20)


@pytest.mark.parametrize(("pool", "part"), [("graph", "graph"), ("quantum", "mood")])
@pytest.mark.parametrize("how", [signal.SIGSTOP, signal.SIGKILL])
def test_recall_in_flight_is_answered_without_a_part_that_stops_or_dies(
    small: MemoryCluster, alice: qm.AgentHandle, pool: str, part: str, how: signal.Signals
) -> None:
    before = whole(alice)
    (pid,) = small.processes()[pool]
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        flying = alice.recall.remote("the lake", k=20, deadline_s=DEADLINE_S)
        if how is signal.SIGKILL:
            time.sleep(0.1)
            os.kill(pid, how)
        without = ray.get(flying, timeout=DEADLINE_S)
        took_s = time.monotonic() - begun
    finally:
        if how is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
    assert without.missing == (part,)
    assert {hit.memory.id for hit in without} & {hit.memory.id for hit in before}
    assert took_s < DEADLINE_S
    after = whole(alice)
    if part == "graph":  # walked in plain Python until machine code is loaded again: the same but for the last bits
        assert [hit.memory.id for hit in after] == [hit.memory.id for hit in before]
        for hit, same in zip(after, before, strict=True):
            assert dict(hit.why) == pytest.approx(dict(same.why), abs=1e-9)
    else:  # a mood that is folded again is the same within its tolerance
        assert [hit.memory.id for hit in after] == [hit.memory.id for hit in before]


def test_agents_that_nobody_asks_are_put_away_and_come_back_the_same(
    small: MemoryCluster, alice: qm.AgentHandle
) -> None:
    before, graph = told(whole(alice)), sorted(map(repr, alice.graph().edges(data=True)))
    mood = alice.mood()
    for pool in ("episodic", "graph", "quantum"):
        until(lambda pool=pool: small.status()[pool][0]["branches"] == 0)  # type: ignore[misc]
        assert small.status()[pool][0]["put_away_idle"] > 0
    assert alice.warm_up() == 6
    assert told(whole(alice)) == before
    assert sorted(map(repr, alice.graph().edges(data=True))) == graph
    assert alice.mood() == mood
    assert alice.warm_up() == 0 or small.status()["graph"][0]["put_away_idle"] > 1


def test_a_flood_is_refused_by_name_and_nothing_refused_is_kept(small: MemoryCluster, alice: qm.AgentHandle) -> None:
    bob = small.agent("bob")
    left, here, there = {f"flood {n}" for n in range(120)}, list[qm.Busy](), list[Any]()
    for _ in range(300):
        flying, before = {}, len(here) + len(there)
        for text in sorted(left):
            try:
                flying[text] = bob.remember.remote(text)
            except qm.Busy as busy:
                here.append(busy)
        for text, ref in flying.items():
            try:
                ray.get(ref)
            except ray.exceptions.RayTaskError as error:
                there.append(error.cause)
            else:
                left.discard(text)
        if not left:
            break
        time.sleep(min(0.5, *(one.retry_after_s for one in (here + there)[before:])))
    assert left == set()
    assert here
    assert {(one.pool, one.pending) for one in here} == {("agents", PENDING)}
    assert there
    assert {type(one) for one in there} == {qm.Busy}
    assert min(one.pending for one in there) >= WAITING
    assert sorted(memory.text for memory in bob.memories()) == sorted(f"flood {n}" for n in range(120))
    assert alice.recall("the lake", k=1)
