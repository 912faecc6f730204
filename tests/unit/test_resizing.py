"""Changes of size that are cut off: no member ends that the sizes may count. See tests/ray for what goes well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray

from quantum_memory.cluster import resizing
from quantum_memory.cluster.launch import Running
from quantum_memory.errors import ActorUnavailable, DeadlineExceeded, PoolsChanged, QuantumMemoryError
from quantum_memory.memory.vault.writes import Resize, Settle
from quantum_memory.policies.placement import Layout
from quantum_memory.settings import load

SIZES = {"agents": 1, "episodic": 2}


class Cluster:
    """A directory whose vault answers a change of size as it is told to; nothing of Ray is there."""

    namespace = "here"

    def __init__(self, outcome: QuantumMemoryError | None) -> None:
        self.layout = self.known = Layout(SIZES, 1, "one")
        self.outcome = outcome
        self.told: list[str] = []

    def renew(self) -> Layout:
        return self.layout

    def learn(self, layout: Layout) -> None:
        self.known = layout

    def lose(self, *_: object) -> None:
        """Nothing is kept."""

    def new_op(self) -> str:
        return "op"

    def call(self, pool: str, number: int, method: str, args: tuple[Any, ...]) -> Any:
        self.told.append(f"{pool}-{number}.{method}")
        return SimpleNamespace(result=lambda: [self.write(args[0][0])], begun=lambda: lambda: None)

    def write(self, write: Resize | Settle) -> object:
        if isinstance(write, Settle):
            return None
        if not isinstance(self.outcome, PoolsChanged):  # then it is so, whatever is heard of it
            self.layout = self.layout.resized(write.pool, write.size)
        if isinstance(self.outcome, DeadlineExceeded | ActorUnavailable):
            raise self.outcome
        return self.outcome


class Made:
    """What was made and ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, there: set[int]) -> None:
        self.there, self.made, self.undone = there, list[int](), 0
        monkeypatch.setattr(resizing, "Maker", lambda *_: SimpleNamespace(undo=self.undo))
        monkeypatch.setattr(resizing, "_there", lambda *_: self.there)
        monkeypatch.setattr(resizing, "_made", self.make)
        monkeypatch.setattr(resizing, "standing_members", lambda _, __, first: sorted(self.there)[first:])
        monkeypatch.setattr(resizing, "_ask", lambda *_: None)
        monkeypatch.setattr(resizing, "remove_groups", lambda *_, **__: None)
        monkeypatch.setattr(ray, "kill", self.there.discard)

    def make(self, _: object, __: object, ___: object, numbers: list[int], ____: str) -> list[int]:
        self.made += numbers
        self.there |= set(numbers)
        return numbers

    def undo(self) -> None:
        self.undone += 1
        self.there -= set(self.made)


def running(cluster: Any) -> Running:
    pools: dict[str, list[Any]] = {"agents": [0], "episodic": [0, 1]}
    return Running(load({}), pools, cluster, None)


@pytest.mark.parametrize("unknown", [DeadlineExceeded("write", 9.0), ActorUnavailable("write", "died")])
def test_members_stay_where_nobody_knows_whether_the_new_size_was_written(
    unknown: QuantumMemoryError, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, cluster = Made(monkeypatch, {0, 1}), Cluster(unknown)
    here = running(cluster)
    with pytest.raises(type(unknown)):
        resizing.resize(here, "episodic", 4)
    assert (made.undone, made.there, here.pools["episodic"]) == (0, {0, 1, 2, 3}, [0, 1, 2, 3])
    cluster.outcome = None
    assert resizing.resize(here, "episodic", 4) == SIZES | {"episodic": 4}
    assert (made.undone, made.made) == (0, [2, 3])


def test_members_end_where_the_new_size_was_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, {0, 1})
    here = running(Cluster(PoolsChanged("episodic", "somebody else is at it")))
    with pytest.raises(PoolsChanged):
        resizing.resize(here, "episodic", 4)
    assert (made.undone, made.there, here.pools["episodic"]) == (1, {0, 1}, [0, 1])


def test_members_that_an_earlier_change_left_out_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, {0})
    here = running(Cluster(None))
    assert resizing.resize(here, "episodic", 3) == SIZES | {"episodic": 3}
    assert (made.made, here.pools["episodic"]) == ([1, 2], [0, 1, 2])


def test_nobody_ends_who_may_be_wanted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the members are asked to finish, the patience of the vault runs out, and somebody lets the pool grow."""
    made, cluster = Made(monkeypatch, {0, 1}), Cluster(None)

    def grow(*_: object) -> None:
        cluster.layout = cluster.layout.resized("episodic", 2)

    monkeypatch.setattr(resizing, "_ask", grow)
    with pytest.raises(PoolsChanged, match="so long"):
        resizing.resize(running(cluster), "episodic", 1)
    assert made.there == {0, 1}
    monkeypatch.setattr(resizing, "_ask", lambda *_: None)
    assert resizing.resize(running(cluster), "episodic", 1)["episodic"] == 1
    assert made.there == {0}
