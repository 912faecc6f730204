"""Changes of size that are cut off: no member ends that the sizes may count. See tests/ray for what goes well."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import ray.exceptions

from quantum_memory.actors.vault import utc_now
from quantum_memory.cluster import resizing
from quantum_memory.cluster.launch import Maker, Running
from quantum_memory.errors import ActorUnavailable, DeadlineExceeded, NoRoom, PoolsChanged, QuantumMemoryError
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.writes import Claim, Resize, Settle, Write
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

        def begun() -> Any:
            self.told.append(f"{pool}-{number} is told")
            return lambda: self.told.append(f"{pool}-{number} has answered")

        return SimpleNamespace(result=lambda: [self.write(args[0][0])], begun=begun)

    def write(self, write: Claim | Resize | Settle) -> object:
        if isinstance(write, Claim | Settle):
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
        self.meanwhile: Callable[[], object] = lambda: None
        monkeypatch.setattr(resizing, "Maker", lambda *_: SimpleNamespace(undo=self.undo))
        monkeypatch.setattr(resizing, "_there", lambda *_: self.there)
        monkeypatch.setattr(resizing, "_made", self.make)
        monkeypatch.setattr(resizing, "standing_members", lambda _, __, first: sorted(self.there)[first:])
        monkeypatch.setattr(resizing, "_ask", lambda *_: None)
        monkeypatch.setattr(resizing, "remove_groups", lambda *_, **__: None)
        monkeypatch.setattr(ray, "kill", self.there.discard)

    def make(
        self, _: object, __: object, ___: object, numbers: list[int], ____: str, claimed: resizing.Claimed
    ) -> list[int]:
        claimed.keep()
        self.made += [number for number in numbers if number not in self.there]
        self.there |= set(numbers)
        self.meanwhile()
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


class OverVault(Cluster):
    """A directory whose vault is one."""

    def __init__(self, vault: Vault, ops: Iterator[int]) -> None:
        super().__init__(None)
        self.vault, self.ops = vault, ops

    def renew(self) -> Layout:
        return self.vault.layout()

    def new_op(self) -> str:
        return f"op {next(self.ops)}"

    def write(self, write: Write) -> object:
        (outcome,) = self.vault.write([write])
        return outcome


@pytest.fixture
def drivers(tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """Two drivers of one cluster."""
    with Vault.open(tmp_path, now=utc_now) as vault:
        vault.begin("one", SIZES)
        ops = itertools.count()
        yield running(OverVault(vault, ops)), running(OverVault(vault, ops))


def test_two_drivers_never_make_the_same_member(
    drivers: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of them would end, when it is refused, what the other counts on."""
    made = Made(monkeypatch, {0, 1})
    one, other = drivers
    seen = list[str]()

    def second() -> None:
        made.meanwhile = lambda: None
        with pytest.raises(PoolsChanged, match="under way"):
            resizing.resize(other, "episodic", 4)
        with pytest.raises(PoolsChanged, match="under way"):
            resizing.resize(other, "agents", 2)
        seen.append("refused")

    made.meanwhile = second
    assert resizing.resize(one, "episodic", 3)["episodic"] == 3
    assert (seen, made.there, made.made, made.undone) == (["refused"], {0, 1, 2}, [2], 0)
    assert resizing.resize(other, "episodic", 4)["episodic"] == 4
    assert (made.there, made.made) == ({0, 1, 2, 3}, [2, 3])


def test_who_finds_no_room_lets_others_try_at_once(
    drivers: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch, {0, 1})
    one, other = drivers

    def full() -> None:
        made.meanwhile = lambda: None
        raise NoRoom("EpisodicMemoryActor-3", "1 CPU", 1.0)

    made.meanwhile = full
    with pytest.raises(NoRoom):
        resizing.resize(one, "episodic", 4)
    assert (made.undone, made.there) == (1, {0, 1})
    assert resizing.resize(other, "episodic", 3)["episodic"] == 3
    assert made.there == {0, 1, 2}


def test_who_took_too_long_ends_nothing_that_another_counts_on(
    drivers: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Made(monkeypatch, {0, 1})
    one, other = drivers
    claim = resizing.Claimed.keep

    def short(claimed: resizing.Claimed) -> None:
        """A claim that lapses at once."""
        monkeypatch.setattr(resizing, "Claim", lambda pool, version, _, op_id: Claim(pool, version, 0.0, op_id))
        claim(claimed)
        monkeypatch.setattr(resizing, "Claim", Claim)

    def second() -> None:
        made.meanwhile = lambda: None
        assert resizing.resize(other, "episodic", 4)["episodic"] == 4

    monkeypatch.setattr(resizing.Claimed, "keep", short)
    made.meanwhile = second
    with pytest.raises(PoolsChanged, match="so long"):
        resizing.resize(one, "episodic", 3)
    assert (made.undone, made.there) == (0, {0, 1, 2, 3})
    assert one.directory.renew().sizes["episodic"] == 4


def test_nobody_waits_for_one_orchestrator_before_the_next_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Made(monkeypatch, {0, 1, 2})
    cluster: Any = Cluster(None)
    cluster.layout = Layout({"agents": 3, "episodic": 2}, 1, "one")
    resizing.resize(running(cluster), "episodic", 1)
    told = [one for one in cluster.told if one.startswith("agents") and " " in one]
    assert told == [f"agents-{number} {what}" for what in ("is told", "has answered") for number in range(3)]


def test_only_what_nobody_else_made_counts_as_made_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two drivers look for a member, find none and make it: the one that comes second has it from the first."""
    there, killed = dict[str, object](), list[object]()

    def found(name: str, namespace: str) -> object:
        if name not in there:
            raise ValueError(namespace)
        return there[name]

    def taken() -> object:
        there["b"] = "of another driver"
        raise ray.exceptions.ActorAlreadyExistsError("b")

    monkeypatch.setattr(ray, "get_actor", found)
    monkeypatch.setattr(ray, "kill", killed.append)
    make = Maker("here", detached=True)
    there["a"] = "found"
    assert make._found_or_made("a", lambda: pytest.fail("it is there")) == "found"
    assert make._found_or_made("b", taken) == "of another driver"
    assert make._found_or_made("c", lambda: "made") == "made"
    make.undo()
    assert killed == ["made"]
