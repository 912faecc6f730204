"""An EmotionActor asked by many at once: batches across callers, callers that leave, and a kill in the middle."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
import ray
from ray.exceptions import TaskCancelledError

from quantum_memory.actors.directory import actor_name
from quantum_memory.actors.emotion import Said
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.hashing import HashingPerceiver


@pytest.fixture
def actor(cluster: MemoryCluster) -> Any:
    return ray.get_actor(actor_name("emotion", 0), namespace="actors")


def said(name: str, count: int) -> list[Said]:
    return [Said(f"{name} saw thing number {number} at the lake", name) for number in range(count)]


def assert_read(percepts: list[Any], asked: list[Said]) -> None:
    wanted = HashingPerceiver().perceive([one.text for one in asked], [one.speaker for one in asked])
    assert [one.embedding.tobytes() for one in percepts] == [one.embedding.tobytes() for one in wanted]


def test_callers_share_batches_and_an_error_reaches_its_own_alone(actor: Any) -> None:
    before = ray.get(actor.status.remote())
    large = said("Tomasz", 3_000)
    long = actor.perceive.remote(large)
    calls = [said(f"caller {number}", 2) for number in range(100)]
    wrong = [Said("look at this", None, b"an image, where nothing reads images")]
    answers = [actor.perceive.remote(call) for call in calls]
    refused = actor.perceive.remote([*calls[0], *wrong])
    for call, answer in zip(calls, ray.get(answers), strict=True):
        assert_read(answer, call)
    with pytest.raises(InvalidValue, match="reads no images"):
        ray.get(refused)
    assert_read(ray.get(long), large)
    after = ray.get(actor.status.remote())
    assert after["calls"] - before["calls"] == 102
    assert after["texts"] - before["texts"] == 3_203
    assert after["batches"] - before["batches"] < 100
    assert after["waiting"] == 0
    again = actor.perceive.remote(calls[-1])
    assert_read(ray.get(again), calls[-1])
    assert ray.get(actor.status.remote())["cache_hits"] - after["cache_hits"] == 2


def test_a_caller_that_is_cancelled_leaves_the_queue(actor: Any) -> None:
    before = ray.get(actor.status.remote())
    gone = actor.perceive.remote(said("Ilka", 100_000))
    there = said("the other", 3)
    assert_read(ray.get(actor.perceive.remote(there)), there)
    ray.cancel(gone)
    with pytest.raises(TaskCancelledError):
        ray.get(gone)
    deadline = time.monotonic() + 30.0
    while (status := ray.get(actor.status.remote()))["waiting"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status["waiting"] == 0
    assert status["read"] - before["read"] < 100_000


def test_calls_in_flight_are_answered_after_the_actor_was_killed(actor: Any) -> None:
    pid = ray.get(actor.status.remote())["pid"]
    calls = [said(f"after {number}", 200) for number in range(20)]
    answers = [actor.perceive.remote(call) for call in calls]
    os.kill(pid, signal.SIGKILL)
    for call, answer in zip(calls, ray.get(answers), strict=True):
        assert_read(answer, call)
    assert ray.get(actor.status.remote())["pid"] != pid
