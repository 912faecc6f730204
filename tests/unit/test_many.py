"""Many agents in few calls, without Ray: the real orchestrator and vault behind a directory that calls them here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantum_memory.actors.apart import apart
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.many import KNOWN, Many
from quantum_memory.actors.operations import Call
from quantum_memory.actors.pieces import IN_FLIGHT
from quantum_memory.errors import (
    ActorUnavailable,
    AgentNotFound,
    AlreadyExists,
    InvalidValue,
    PlaceNotFound,
    QuantumMemoryError,
    ShapeMismatch,
    SomeFailed,
    TooLong,
    WriteFailed,
)
from quantum_memory.types import Branch, Filters, Utterance
from tests.unit.orchestra import DIM, Orchestra, ready

EVERYTHING = Filters()


class Here(Call[Any]):
    """A call that is made when its answer is wanted."""

    def __init__(self, made: Callable[[], Any]) -> None:
        self._made = made

    def result(self) -> Any:
        return self._made()

    def begun(self) -> Callable[[], Any]:
        return self._made


class Near(Directory):
    """Every orchestrator is the one of an orchestra, and the vault is its vault."""

    def __init__(self, orchestra: Orchestra, owners: int) -> None:
        super().__init__("none", {"agents": owners}, 1.0, 1.0, "session")
        self.orchestra = orchestra
        self.calls: list[tuple[str, int, str, int]] = []
        self.away: set[int] = set()

    def call(
        self,
        pool: str,
        number: int,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        texts: int = 0,
        deadline_s: float | None = None,
    ) -> Call[Any]:
        def made() -> Any:
            self.calls.append((pool, number, method, len(args[0])))
            if pool == "vault":
                return getattr(self.orchestra.vault, method)(*args)
            if number in self.away and method != "open":
                raise ActorUnavailable(f"agents-{number}", "it is away")
            return self.orchestra.run(getattr(self.orchestra.host, method)(*args))

        assert kwargs is None
        assert texts or deadline_s or method in ("open", "find_agents")
        return Here(made)


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path)
    yield one
    one.close()


def many(orchestra: Orchestra, owners: int = 1, **limits: int) -> tuple[Many, Near]:
    directory = Near(orchestra, owners)
    settings = orchestra.settings.model_copy(
        update={"limits": orchestra.settings.limits.model_copy(update=limits)} if limits else {}
    )
    return Many(directory, settings), directory


def texts(orchestra: Orchestra, branch: Branch) -> list[str]:
    return [memory.text for memory in orchestra.memories(branch)]


def test_many_agents_are_made_and_found_in_one_call(orchestra: Orchestra) -> None:
    face, directory = many(orchestra)
    names = [f"agent {number}" for number in range(30)]
    handles = face.open(names, create=True)
    assert list(handles) == names
    assert [handle.name for handle in handles.values()] == names
    assert [call[:3] for call in directory.calls] == [("agents", 0, "open")]
    assert face.open(names[::-1], create=False) == handles
    assert len(directory.calls) == 1
    assert orchestra.run(orchestra.host.agents()) == sorted(names)
    with pytest.raises(SomeFailed, match="open: 1 of 2 agents failed; 'nobody'") as told:
        face.open(["agent 3", "nobody"], create=False)
    assert told.value.done == {"agent 3": handles["agent 3"]}
    assert isinstance(told.value.failed["nobody"], AgentNotFound)
    with pytest.raises(AgentNotFound, match="nobody"):
        face.open(["nobody"], create=False)
    assert len(names) < KNOWN


def test_what_many_remember_is_what_each_recalls(orchestra: Orchestra) -> None:
    face, directory = many(orchestra)
    branch = face.open(["alice"], create=True)["alice"]
    what_if = AgentHandle(orchestra.fork(branch.info, "what-if"), directory)
    given = {"alice": "a goat", what_if: [ready(1), "a hedge"], "bob": Utterance("a violin", id="v")}
    ids = face.remember(given, None).result()
    assert list(ids) == ["alice", what_if, "bob"]
    assert [len(one) for one in ids.values()] == [1, 2, 1]
    assert texts(orchestra, branch.info) == ["a goat"]
    assert texts(orchestra, what_if.info) == ["thing number 1", "a hedge"]
    found = face.recall({"bob": "violin", what_if: "hedge", "alice": np.ones(DIM, np.float32)}, 1, EVERYTHING, None)
    hits = found.result()
    assert {key: [hit.memory.text for hit in one] for key, one in hits.items()} == {
        "bob": ["a violin"],
        what_if: ["a hedge"],
        "alice": ["a goat"],
    }
    alone = orchestra.recall(what_if.info, "hedge", k=1)
    assert hits[what_if] == alone
    assert hits[what_if][0].score == alone[0].score
    moods = face.mood(["alice", what_if], None).result()
    assert moods["alice"] == orchestra.run(orchestra.host.mood(branch.info, None))
    assert face.remember({}, None).result() == {}


def test_one_that_fails_takes_no_other_along(orchestra: Orchestra) -> None:
    face, _ = many(orchestra)
    face.remember({name: Utterance(f"{name}'s", id="taken") for name in "abcdefg"}, None).result()
    news = {name: Utterance("something else", id="taken" if name in "cf" else "free") for name in "abcdefg"}
    with pytest.raises(SomeFailed, match="remember: 2 of 7") as told:
        face.remember(news, "mine").result()
    assert sorted(told.value.failed) == ["c", "f"]
    assert all(isinstance(one, AlreadyExists) for one in told.value.failed.values())
    assert told.value.done == {name: ["free"] for name in "abdeg"}
    assert told.value.op == "mine"
    with pytest.raises(AlreadyExists):
        face.remember({"c": news["c"]}, None).result()
    orchestra.run(orchestra.host.checkpoint(face.open(["b"], create=False)["b"].info, "then", "op"))
    with pytest.raises(SomeFailed) as asked:
        face.recall({"a": "x", "b": "something", "nobody": "x"}, 5, EVERYTHING, "then").result()
    assert isinstance(asked.value.failed["a"], PlaceNotFound)
    assert isinstance(asked.value.failed["nobody"], AgentNotFound)
    assert len(asked.value.done["b"]) == 2


def test_a_call_of_the_same_name_is_done_once_for_each_branch(orchestra: Orchestra) -> None:
    face, directory = many(orchestra, owners=2)
    what = {name: [f"{name} one", f"{name} two"] for name in "abcdef"}
    face.open(what, create=True)
    directory.away = {1}
    with pytest.raises(SomeFailed) as told:
        face.remember(what, None).result()
    assert told.value.done
    assert told.value.failed
    assert all(isinstance(one, ActorUnavailable) for one in told.value.failed.values())
    directory.away = set()
    again = face.remember(what, told.value.op).result()
    assert told.value.done.items() <= again.items()
    assert face.remember(what, told.value.op).result() == again
    for name, handle in face.open(what, create=False).items():
        assert texts(orchestra, handle.info) == what[name]


def test_pieces_are_bounded_and_orchestrators_take_turns(orchestra: Orchestra) -> None:
    face, directory = many(orchestra, owners=2, batch=10)
    names = [f"n{number}" for number in range(24)]
    face.remember({name: ["x", "y", "z"] for name in names}, None).result()
    made = [call for call in directory.calls if call[2] == "open"]
    assert [call[3] for call in made] == [10, 10, 4]
    pieces = [(owner, count) for _, owner, method, count in directory.calls if method == "remember_each"]
    assert all(count <= 3 for _, count in pieces)
    assert sum(count for _, count in pieces) == 24
    assert {owner for owner, _ in pieces[:2]} == {0, 1}
    assert len(pieces) > 2 * IN_FLIGHT
    assert all(len(hits) == 3 for hits in face.recall(dict.fromkeys(names, "x"), 5, EVERYTHING, None).result().values())


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (InvalidValue, lambda face: face.remember(5, None)),
        (InvalidValue, lambda face: face.remember({5: "x"}, None)),
        (TooLong, lambda face: face.remember({"new": "x" * 40_000, "other": "x"}, None)),
        (TooLong, lambda face: face.remember({"new": "x"}, "o" * 65)),
        (ShapeMismatch, lambda face: face.recall({"new": np.ones(3, np.float32)}, 1, EVERYTHING, None)),
        (TooLong, lambda face: face.recall({"new": "x"}, 100_000, EVERYTHING, None)),
        (InvalidValue, lambda face: face.mood("new", None)),
        (InvalidValue, lambda face: face.mood(5, None)),
        (InvalidValue, lambda face: face.open("new", create=True)),
        (InvalidValue, lambda face: face.open(5, create=True)),
    ],
)
def test_what_can_be_told_beforehand_changes_nothing(
    orchestra: Orchestra, error: type[QuantumMemoryError], call: Callable[[Many], Any]
) -> None:
    face, directory = many(orchestra)
    with pytest.raises(error):
        call(face)
    assert directory.calls == []
    assert orchestra.run(orchestra.host.agents()) == []


def test_a_branch_is_meant_once(orchestra: Orchestra) -> None:
    face, _ = many(orchestra)
    alice = face.open(["alice"], create=True)["alice"]
    with pytest.raises(InvalidValue, match="each branch once"):
        face.remember({"alice": "x", alice: "y"}, None)
    assert texts(orchestra, alice.info) == []


def test_only_what_may_be_ones_own_error_is_looked_for() -> None:
    seen: list[int] = []

    async def full(items: Any) -> list[int]:
        seen.append(len(items))
        raise WriteFailed("here", "no space left")

    assert [type(one) for one in asyncio.run(apart(full, [1, 2, 3]))] == [WriteFailed] * 3
    assert seen == [3]
    assert asyncio.run(apart(full, [])) == []
