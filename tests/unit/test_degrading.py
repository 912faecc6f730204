"""Answers in time: what recall does when a part is slow or away, and calls that are too many."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import ray.exceptions
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.door import Door
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.hits import HitLists
from quantum_memory.actors.operations import Call
from quantum_memory.actors.pace import LEAST_S, MOST_S, UNKNOWN_S, Pace
from quantum_memory.actors.patience import UNHEARD, Deadline, Patience
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.requests import LEAST_DEADLINE_S, RecallRequest
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.errors import (
    ActorUnavailable,
    Busy,
    CorruptRecord,
    DeadlineExceeded,
    InvalidValue,
    OutOfRange,
    Unavailable,
)
from quantum_memory.telemetry import Recorder
from quantum_memory.telemetry.catalog import BACKPRESSURE, OPERATIONS
from quantum_memory.types import Branch, Filters, Hits, Memory
from tests.unit.front import Front
from tests.unit.orchestra import Orchestra, ready

MOODY = {"recall": {"weights": {"mood": 0.5}}}


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path, Recorder(), timeouts={"part_s": 0.3}, limits={"waiting": 4}, **MOODY)
    yield one
    one.close()


class Gate:
    """Holds up a method of a host until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, host: type, method: str) -> None:
        self.open, self.calls = threading.Event(), 0
        real = getattr(host, method)

        def held(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            assert self.open.wait(15)
            return real(*args, **kwargs)

        held.__name__ = method
        monkeypatch.setattr(host, method, held)


def away(monkeypatch: pytest.MonkeyPatch, host: type, method: str, error: Exception) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        raise error

    gone.__name__ = method
    monkeypatch.setattr(host, method, gone)


@pytest.mark.parametrize(
    ("host", "method", "part"),
    [(SemanticGraphHost, "associate", "graph"), (QuantumStateHost, "congruence", "mood")],
)
def test_a_slow_part_is_done_without_and_comes_back(
    front: Front, monkeypatch: pytest.MonkeyPatch, host: type, method: str, part: str
) -> None:
    alice = front.agent()
    alice.remember([ready(n, f"Bob and Ann met at the mill {n}") for n in range(5)])
    whole = alice.recall("who met at the mill?", k=3)
    assert whole.missing == ()
    gate = Gate(monkeypatch, host, method)
    without = alice.recall("who met at the mill?", k=3)
    assert without.missing == (part,)
    assert {hit.memory.id for hit in without} == {hit.memory.id for hit in whole}
    assert all(hit.why.get(name, 0.0) == 0.0 for hit in without for name in (part,))
    assert alice.recall("who met?", neighbours=1).missing == (part,)
    assert front.memory.recall({alice: "who met?"})[alice].missing == (part,)
    gate.open.set()
    alice.mood()
    alice.concepts()  # both hosts have said all that they were asked
    again = alice.recall("who met at the mill?", k=3)
    assert again.missing == ()
    assert [(hit.memory.id, hit.why) for hit in again] == [(hit.memory.id, hit.why) for hit in whole]


def test_a_part_that_is_away_costs_no_wait_and_a_damaged_one_is_an_error(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = front.agent()
    alice.remember([ready(1), ready(2)])
    with monkeypatch.context() as gone:
        away(gone, SemanticGraphHost, "associate", ActorUnavailable("graph", "gone"))
        away(gone, QuantumStateHost, "congruence", Busy("quantum", 9, 1.0))
        assert alice.recall("thing").missing == ("graph", "mood")
    away(monkeypatch, SemanticGraphHost, "associate", CorruptRecord("branch", "bits"))
    with pytest.raises(CorruptRecord):
        alice.recall("thing")


def test_a_context_says_what_it_was_made_without(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = front.agent()
    alice.remember([ready(n, f"Bob met Ann at the mill {n}") for n in range(3)])
    alice.relate("Bob", "knows", "Ann")
    whole = alice.context("What of Bob?", tokenizer=len)
    assert whole.missing == ()
    away(monkeypatch, SemanticGraphHost, "relations", ActorUnavailable("graph", "gone"))
    away(monkeypatch, QuantumStateHost, "read", ActorUnavailable("quantum", "gone"))
    without = alice.context("What of Bob?", tokenizer=len)
    assert without.missing == ("graph", "mood")
    assert "knows" in str(whole)
    assert "knows" not in str(without)
    assert "mill" in str(without)


def test_where_the_memories_themselves_are_late_the_answer_is_an_error_in_time(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = front.agent()
    alice.remember([ready(1), ready(2)])
    gate = Gate(monkeypatch, EpisodicMemoryHost, "seeds")
    with pytest.raises(DeadlineExceeded, match="recall") as told:
        alice.recall("thing", deadline_s=0.2)
    assert told.value.deadline_s == 0.2
    gate.open.set()
    assert len(alice.recall("thing", deadline_s=30)) == 2


def test_no_merge_is_decided_by_half_an_answer(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = front.agent()
    alice.remember(ready(1))
    other = alice.fork("other")
    other.remember(ready(2, "Bob met Ann"))
    with monkeypatch.context() as gone:
        away(gone, SemanticGraphHost, "associate", ActorUnavailable("graph", "gone"))
        with pytest.raises(ActorUnavailable, match="graph"):
            alice.merge(other, matching="Bob")
    assert len(alice.memories()) == 1
    alice.merge(other, matching="Bob", k=1)
    assert [memory.text for memory in alice.memories()][-1] == "Bob met Ann"


def test_a_deadline_is_a_number_of_seconds(front: Front) -> None:
    alice = front.agent()
    for call in (alice.recall, alice.remember, alice.context):
        with pytest.raises(OutOfRange, match="deadline_s"):
            call("x", deadline_s=LEAST_DEADLINE_S / 2)
        with pytest.raises(InvalidValue, match="deadline_s"):
            call("x", deadline_s="soon")  # type: ignore[arg-type]
    assert len(alice.remember("with time enough", deadline_s=60)) == 1
    assert alice.mood(deadline_s=60).bond > 0


def test_more_calls_than_may_wait_are_refused_and_nothing_of_them_is_done(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = front.agent()
    gate = Gate(monkeypatch, SemanticGraphHost, "apply")
    sent = [alice.remember.begun(f"number {n}") for n in range(4)]

    async def inside() -> int:
        return front.host._door.inside

    while front.wait(inside()) < 4:
        pass
    with pytest.raises(Busy) as told:
        alice.remember("one too many")
    assert (told.value.pool, told.value.pending) == ("agents", 4)
    assert LEAST_S <= told.value.retry_after_s <= MOST_S
    assert isinstance(told.value, Unavailable)
    assert front.wait(front.host.bounds()).batch > 0, "some calls always get in"
    gate.open.set()
    for one in sent:
        one()
    assert front.wait(front.host.status())["refused"] == 1
    recorder = front.metrics
    assert isinstance(recorder, Recorder)
    assert recorder.number(BACKPRESSURE, "agents") == recorder.number(OPERATIONS, "remember", "refused") == 1
    alice.remember("one too many")
    assert [memory.text for memory in alice.memories()] == [*(f"number {n}" for n in range(4)), "one too many"]


def test_warming_up_loads_what_is_not_there(front: Front) -> None:
    alice, bob = front.agent("alice"), front.agent("bob")
    alice.remember([ready(1), ready(2)])
    bob.remember(ready(3))
    assert alice.warm_up() == 0
    front.reopen()
    alice, bob = front.agent("alice"), front.agent("bob")
    assert front.memory.warm_up(["alice"]) == {"alice": 6}
    assert alice.warm_up() == 0
    assert front.memory.warm_up([alice, bob]) == {alice: 0, bob: 6}
    assert len(alice.recall("thing")) == 2
    with pytest.raises(InvalidValue, match="warm_up"):
        front.memory.warm_up("alice")


async def patiently(patience: Patience, ask: Callable[[], Awaitable[Any]], seconds: float = 1.0) -> Any:
    return await patience.within(Deadline(seconds), ask)


def test_patience_with_a_part_that_is_late_again_and_again_wears_thin_and_one_answer_restores_it() -> None:
    async def play() -> None:
        patience, loop = Patience("graph", 0.4), asyncio.get_running_loop()
        answer: asyncio.Future[int] = loop.create_future()
        waits = []
        for _ in range(UNHEARD):
            begun = loop.time()
            assert await patiently(patience, lambda: asyncio.shield(answer)) is None
            waits.append(loop.time() - begun)
        assert waits[0] >= 0.4 > waits[2]
        asked = []

        async def ask() -> int:
            asked.append(1)
            return 1

        assert await patiently(patience, ask) is None, "nobody asks one who owes so many answers"
        assert asked == []
        answer.set_result(3)
        await asyncio.sleep(0.01)
        assert await patiently(patience, ask) == 1
        begun = loop.time()
        assert await patiently(patience, loop.create_future) is None
        assert loop.time() - begun >= 0.4

    asyncio.run(play())


def test_patience_takes_no_more_than_a_share_of_what_is_left() -> None:
    async def play() -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        assert await patiently(Patience("graph", 60.0), loop.create_future, 0.2) is None
        assert loop.time() - begun < 60.0

    asyncio.run(play())


def test_who_waits_no_longer_takes_his_question_along() -> None:
    async def play() -> None:
        asked: list[asyncio.Task[Any] | None] = []

        async def ask() -> None:
            asked.append(asyncio.current_task())
            await asyncio.sleep(60)

        waiting = asyncio.ensure_future(patiently(Patience("graph", 60.0), ask, 100.0))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        assert asked[0] is not None
        assert asked[0].cancelled()

    asyncio.run(play())


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(2.0, 1000.0), st.integers(20, 200), st.integers(1, 100_000))
def test_a_steady_rate_is_found_and_foretells_when_calls_are_answered(rate: float, count: int, calls: int) -> None:
    clock = Clock()
    pace = Pace(clock)
    assert (pace.rate(), pace.until(calls)) == (0.0, UNKNOWN_S)
    for _ in range(count):
        pace.answered()
        clock.now += 1 / rate
    assert pace.rate() == pytest.approx(rate, rel=0.35)
    assert LEAST_S <= pace.until(calls) <= MOST_S
    assert pace.until(calls) == min(MOST_S, max(LEAST_S, calls / pace.rate()))


def test_what_was_answered_long_ago_does_not_count() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(1000):
        pace.answered()
        clock.now += 0.01
    before = pace.rate()
    clock.now += 20.0
    assert pace.rate() < before / 10


def test_a_door_lets_in_so_many_and_no_more() -> None:
    door = Door("agents", 2)
    with door, door:
        with pytest.raises(Busy), door:
            raise AssertionError
        assert (door.inside, door.refused) == (2, 1)
    assert door.inside == 0
    with door:
        assert door.inside == 1


def test_a_call_that_ray_refuses_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        class remember_one:  # noqa: N801
            @staticmethod
            def remote(*_: Any, **__: Any) -> Any:
                raise ray.exceptions.PendingCallsLimitExceeded

    directory = Directory("none", {"agents": 1}, 1.0, 1.0, pending={"agents": 7})
    monkeypatch.setattr(directory, "member", lambda *_: Full)
    again = pickle.loads(pickle.dumps(Directory("none", {"agents": 1}, 1.0, 1.0, pending={"agents": 7})))  # noqa: S301
    assert again._pending == {"agents": 7}
    with pytest.raises(Busy) as told:
        directory.call("agents", 0, "remember_one", ()).send()
    assert (told.value.pool, told.value.pending, told.value.retry_after_s) == ("agents", 7, UNKNOWN_S)
    with pytest.raises(Busy):
        Call(Full, "remember_one", (), 1.0).result()


@settings(deadline=None, max_examples=20)
@given(st.lists(st.lists(st.sampled_from(["graph", "mood"]), unique=True), max_size=4))
def test_what_is_missing_travels_with_hits(missing: list[Sequence[str]]) -> None:
    lists = HitLists(Hits((), one) for one in missing)
    came = pickle.loads(pickle.dumps(lists))  # noqa: S301
    assert [one.missing for one in came] == [tuple(one) for one in missing]
    for one in came:
        alone = pickle.loads(pickle.dumps(one))  # noqa: S301
        assert (type(alone), alone, alone.missing) == (Hits, one, one.missing)


def test_hits_are_a_list() -> None:
    assert Hits() == []
    assert repr(Hits()) == "[]"
    assert repr(Hits((), ["graph"])) == "[], missing=('graph',)"
    assert Hits((), ["graph"]).missing == ("graph",)


def test_only_unavailable_parts_are_done_without(tmp_path: Path) -> None:
    orchestra = Orchestra(tmp_path)
    alice: Branch = orchestra.agent("alice")
    orchestra.remember(alice, [ready(1)], "op")
    found = orchestra.run(orchestra.host.recall([RecallRequest(alice, "thing", 1, Filters(), None)]))
    memory: Memory = found[0][0].memory
    assert (memory.text, found[0].missing) == ("thing number 1", ())
    orchestra.close()
