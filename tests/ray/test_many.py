"""Many agents in few calls, over two orchestrators of a real cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

import quantum_memory as qm
from quantum_memory.cluster.connect import MemoryCluster, connect
from quantum_memory.errors import AgentNotFound, AlreadyExists, SomeFailed
from tests.ray.conftest import FAST

NAMES = [f"one of many {number}" for number in range(40)]


@pytest.fixture(scope="module")
def town(cluster: MemoryCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryCluster]:
    """Beside the session's cluster: two orchestrators with views of their own, and short pieces."""
    config = FAST | {"placement": "inline", "pools": {"agents": {"size": 2}}, "limits": {"batch": 16}}
    with connect(storage=tmp_path_factory.mktemp("many"), config=config, namespace="many") as memory:
        yield memory
        memory.stop()


def test_all_are_made_filled_and_asked(town: MemoryCluster) -> None:
    handles = town.open(NAMES)
    ids = town.remember({name: [f"{name} likes tea", f"{name} has a dog"] for name in NAMES})
    assert all(len(one) == 2 for one in ids.values())
    found = town.recall(dict.fromkeys(handles.values(), "who has a dog?"), k=1)
    assert [hits[0].memory.text for hits in found.values()] == [f"{name} has a dog" for name in NAMES]
    assert found[handles[NAMES[3]]] == handles[NAMES[3]].recall("who has a dog?", k=1)
    assert town.mood(NAMES[:3])[NAMES[0]] == handles[NAMES[0]].mood()
    owners = [town.status()["agents"][member]["episodic_states"] for member in range(2)]
    assert all(owners), "both orchestrators have agents"


def test_a_call_can_be_begun_and_sent_along(town: MemoryCluster) -> None:
    town.remember(dict.fromkeys(NAMES, "a goat"))
    asked = town.recall.remote(dict.fromkeys(NAMES, "goat"), k=1)
    begun = town.mood.begun(NAMES)
    assert [hits[0].memory.text for hits in ray.get(asked).values()] == ["a goat"] * len(NAMES)
    assert list(begun()) == NAMES

    async def awaited() -> dict[str, qm.Hits]:
        found: dict[str, qm.Hits] = await town.recall.remote(dict.fromkeys(NAMES, "goat"), k=1)
        return found

    assert list(asyncio.run(awaited())) == NAMES
    assert len(ray.get(town.remember.remote({NAMES[0]: "sent"}))[NAMES[0]]) == 1


def test_one_that_fails_takes_no_other_along(town: MemoryCluster) -> None:
    town.remember({name: qm.Utterance("first", id="taken") for name in NAMES})
    what = {name: qm.Utterance("second", id="taken" if name in NAMES[5:7] else "free") for name in NAMES}
    with pytest.raises(SomeFailed, match="2 of 40 agents failed") as here:
        town.remember(what)
    with pytest.raises(SomeFailed, match="2 of 40 agents failed") as there:
        ray.get(town.remember.remote(what))
    for error in (here.value, there.value):
        assert list(error.failed) == NAMES[5:7]
        assert all(isinstance(one, AlreadyExists) for one in error.failed.values())
        assert error.done == {name: ["free"] for name in NAMES if name not in NAMES[5:7]}
    with pytest.raises(SomeFailed) as asked:
        town.recall({NAMES[0]: "x", "nobody here": "x"})
    assert isinstance(asked.value.failed["nobody here"], AgentNotFound)
    assert "nobody here" not in town.agents()


def test_a_named_call_is_done_once_though_another_driver_repeats_it(town: MemoryCluster, tmp_path: Path) -> None:
    what = {name: f"{name} waters the roses" for name in NAMES[:20]}
    first = town.remember(what, op="roses")
    before = {name: len(handle.memories()) for name, handle in town.open(what).items()}
    with connect(storage=town.settings.storage, namespace="many") as other:
        assert other.remember(what, op="roses") == first
    assert {name: len(handle.memories()) for name, handle in town.open(what).items()} == before
