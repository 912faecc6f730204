"""Recalls of one replica travel together, and each is answered as if it had come alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors import together
from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.requests import RecallRequest, filters_of, recall_request
from quantum_memory.cluster.service.gathered import MOST_K, Recalls
from quantum_memory.errors import (
    ActorUnavailable,
    Busy,
    DeadlineExceeded,
    InternalError,
    PlaceNotFound,
    ShapeMismatch,
    TooLong,
)
from quantum_memory.telemetry import SILENT, Recorder
from quantum_memory.telemetry.catalog import BACKPRESSURE
from quantum_memory.types import Filters, Hits
from tests.unit.front import Front

PATIENCE_S = 30.0
ALL: Filters = filters_of(None, None, None, None, ())
TEXTS = ["The violin is in the attic.", "Alice moved to Lisbon.", "The ferry was late.", "Bread is baked at five."]


class Calls:
    """What an orchestrator is asked, and a gate that holds its answers back."""

    def __init__(self, host: QuantumMemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self.held: set[str] = set()
        self.broken: Exception | None = None
        self.gate = threading.Event()
        for name in ("recall_one", "recall_each"):
            monkeypatch.setattr(host, name, self._counted(getattr(host, name)))

    def _counted(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(asked: Any, **kwargs: Any) -> Any:
            requests = [asked] if isinstance(asked, RecallRequest) else asked
            self.sizes.append(len(requests) if asked is requests else 0)
            while {method.__name__, requests[0].branch.agent} & self.held and not self.gate.is_set():  # noqa: ASYNC110  (set in another thread)
                await asyncio.sleep(0.005)
            if self.broken is not None:
                raise self.broken
            return await method(asked, **kwargs)

        return counted


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    made = Front(tmp_path, **getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture
def calls(front: Front, monkeypatch: pytest.MonkeyPatch) -> Calls:
    for name in ("alice", "bob"):
        front.agent(name).remember(TEXTS)
    return Calls(front.host, monkeypatch)


def question(
    front: Front, text: str, agent: str = "alice", k: int = 2, as_of: str | None = None, **fields: Any
) -> RecallRequest:
    return recall_request(front.agent(agent).info, text, k, ALL, as_of, **fields)


def told(hits: Sequence[Any]) -> list[str]:
    return [hit.memory.text for hit in hits]


@pytest.fixture
def all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits goes in one batch, as where no more waits than may go together."""
    monkeypatch.setattr(together, "FEW", together.MOST)


async def until(truth: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not truth():  # noqa: ASYNC110  (it changes in another thread)
            await asyncio.sleep(0.005)


def test_recalls_that_come_meanwhile_travel_in_one_call_and_are_answered_as_alone(front: Front, calls: Calls) -> None:
    asked = [question(front, text, k=1 + number % 3) for number, text in enumerate(TEXTS * 5)]
    alone = [front.agent().recall(one.query, one.k) for one in asked]
    calls.sizes.clear()
    calls.held.add("alice")

    async def scene() -> list[Hits]:
        recalls = Recalls(front.memory, SILENT)
        going = []
        for number, one in enumerate(asked):
            going.append(asyncio.create_task(recalls.recall(one)))
            await until(lambda: len(calls.sizes) == min(number, together.FLYING - 1) + 1)  # noqa: B023  (awaited here)
        calls.gate.set()
        return await asyncio.gather(*going)

    in_company = asyncio.run(scene())
    assert [told(one) for one in in_company] == [told(one) for one in alone]
    for one, other in zip(in_company, alone, strict=True):
        assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-6)  # it was later
    waited = len(asked) - together.FLYING
    assert calls.sizes[:3] == [1, 1, 1]
    assert calls.sizes[3] == -(-waited // together.FLYING), "each takes its share of what waits"
    assert sum(calls.sizes) == len(asked)
    assert len(calls.sizes) <= 3 + -(-waited // together.FEW)


def test_what_several_replicas_ask_of_one_agent_is_a_batch_behind_the_door(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more than three are answered at a time, as for drivers, however many replicas there are."""
    front.agent().remember(TEXTS)
    sizes: list[int] = []
    under_way, most, method = 0, 0, front.host._recaller.recall

    async def counted(requests: Sequence[RecallRequest]) -> list[Hits]:
        nonlocal under_way, most
        sizes.append(len(requests))
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return await method(requests)

    monkeypatch.setattr(front.host._recaller, "recall", counted)

    async def scene() -> None:
        replicas = [Recalls(front.memory, SILENT) for _ in range(6)]
        found = await asyncio.gather(
            *(replicas[number % 6].recall(question(front, TEXTS[number % 4])) for number in range(60))
        )
        assert [told(one)[0] for one in found] == [TEXTS[number % 4] for number in range(60)]

    asyncio.run(scene())
    assert most <= together.FLYING
    assert max(sizes) > 10


def test_one_that_comes_alone_goes_at_once(front: Front, calls: Calls) -> None:
    found = asyncio.run(Recalls(front.memory, SILENT).recall(question(front, TEXTS[0])))
    assert told(found)[0] == TEXTS[0]
    assert calls.sizes == [1]


@pytest.mark.parametrize(
    "fields",
    [{"neighbours": 1}, {"exact": True}, {"deadline_s": 20.0}, {"as_of": "main"}, {"k": MOST_K + 1}],
    ids=lambda one: next(iter(one)),
)
def test_what_takes_longer_keeps_nobody_waiting(front: Front, calls: Calls, fields: dict[str, Any]) -> None:
    """Three of them are on their way, and the next one is answered before them."""
    calls.held.add("recall_one")

    async def scene() -> None:
        recalls = Recalls(front.memory, SILENT)
        slow = [asyncio.create_task(recalls.recall(question(front, TEXTS[1], **fields))) for _ in range(3)]
        await until(lambda: calls.sizes == [0, 0, 0])
        async with asyncio.timeout(PATIENCE_S):
            assert told(await recalls.recall(question(front, TEXTS[0])))[0] == TEXTS[0]
            assert not any(one.done() for one in slow)
            calls.gate.set()
            found = await asyncio.gather(*slow)
        if "neighbours" in fields:
            assert all(hit.before or hit.after for hit in found[0])

    asyncio.run(scene())


def test_an_agent_that_is_slow_keeps_no_other_waiting(front: Front, calls: Calls) -> None:
    calls.held.add("alice")

    async def scene() -> None:
        recalls = Recalls(front.memory, SILENT)
        slow = [asyncio.create_task(recalls.recall(question(front, TEXTS[1]))) for _ in range(5)]
        await until(lambda: bool(calls.sizes))
        async with asyncio.timeout(PATIENCE_S):
            assert told(await recalls.recall(question(front, TEXTS[0], "bob")))[0] == TEXTS[0]
        assert not any(one.done() for one in slow)
        calls.gate.set()
        await asyncio.gather(*slow)

    asyncio.run(scene())


def test_a_question_that_cannot_be_asked_is_refused_before_it_joins_others(front: Front, calls: Calls) -> None:
    async def scene() -> list[Any]:
        recalls = Recalls(front.memory, SILENT)
        asked: list[Awaitable[Hits]] = [recalls.recall(question(front, TEXTS[0])) for _ in range(4)]
        most = front.settings.limits.recalled
        asked.insert(2, recalls.recall(question(front, TEXTS[0], k=most + 1)))
        wide = recall_request(front.agent().info, [1.0, 0.0, 0.0], 2, ALL, None)
        asked.insert(3, recalls.recall(wide))
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(scene())
    assert isinstance(found.pop(2), TooLong)
    assert isinstance(found.pop(2), ShapeMismatch)
    assert [told(one)[0] for one in found] == [TEXTS[0]] * 4
    assert sum(calls.sizes) == 4


@pytest.mark.usefixtures("all_together")
def test_a_question_that_is_refused_behind_the_door_takes_no_other_along(front: Front, calls: Calls) -> None:
    """Of a branch that is not there: nobody knows before it is asked."""
    main = front.agent().info
    lost = replace(main, id="0" * 32)

    async def scene() -> list[Any]:
        recalls = Recalls(front.memory, SILENT)
        asked = [recalls.recall(question(front, TEXTS[0])) for _ in range(4)]
        asked.insert(1, recalls.recall(recall_request(lost, TEXTS[0], 2, ALL, None)))
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(scene())
    assert isinstance(found.pop(1), PlaceNotFound)
    assert [told(one)[0] for one in found] == [TEXTS[0]] * 4
    assert calls.sizes == [5]


def test_where_the_orchestrator_is_away_everybody_is_told_and_the_next_may_ask(front: Front, calls: Calls) -> None:
    calls.broken = ActorUnavailable("QuantumMemoryAgent-0", "it died")

    async def scene() -> None:
        recalls = Recalls(front.memory, SILENT)
        found = await asyncio.gather(
            *(recalls.recall(question(front, TEXTS[0])) for _ in range(6)), return_exceptions=True
        )
        assert [type(one) for one in found] == [ActorUnavailable] * 6
        calls.broken = None
        assert told(await recalls.recall(question(front, TEXTS[0])))[0] == TEXTS[0]

    asyncio.run(scene())


async def one_among_others(front: Front) -> list[Any]:
    """What seven questions come to that travel together, the third another than the rest."""
    recalls = Recalls(front.memory, SILENT)
    asked = [recalls.recall(question(front, TEXTS[0])) for _ in range(6)]
    asked.insert(2, recalls.recall(question(front, "Which one?")))
    return await asyncio.gather(*asked, return_exceptions=True)


def test_a_fault_that_one_question_meets_on_its_way_is_its_own(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody could tell by the answer whose it was."""
    front.agent().remember(TEXTS)
    each = front.host.recall_each

    async def lost(requests: Sequence[RecallRequest], **kwargs: Any) -> Any:
        if any(one.query == "Which one?" for one in requests):
            raise ValueError("it cannot be told")
        return await each(requests, **kwargs)

    monkeypatch.setattr(front.host, "recall_each", lost)

    found = asyncio.run(one_among_others(front))
    assert isinstance(found.pop(2), ValueError)
    assert [told(one)[0] for one in found] == [TEXTS[0]] * 6


@pytest.mark.usefixtures("all_together")
def test_a_fault_that_one_question_meets_behind_the_door_is_its_own(
    front: Front, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    recall = front.host._recaller.recall

    async def faulty(requests: Sequence[RecallRequest], deadline: Any = None) -> Any:
        if any(one.query == "Which one?" for one in requests):
            raise KeyError("a part that is not there")
        return await recall(requests, deadline)

    monkeypatch.setattr(front.host._recaller, "recall", faulty)

    found = asyncio.run(one_among_others(front))
    assert isinstance(found.pop(2), InternalError)
    assert [told(one)[0] for one in found] == [TEXTS[0]] * 6
    assert calls.sizes == [7], "the orchestrator tells them apart, and nobody is asked again by the door"


def test_who_waits_no_longer_takes_no_other_along(front: Front, calls: Calls) -> None:
    calls.held.add("alice")

    async def scene() -> None:
        recalls = Recalls(front.memory, SILENT)
        going = [asyncio.create_task(recalls.recall(question(front, TEXTS[0]))) for _ in range(8)]
        await until(lambda: bool(calls.sizes))
        for one in going[::2]:
            one.cancel()
        calls.gate.set()
        found = await asyncio.gather(*going, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in found[::2])
        assert not any(isinstance(one, BaseException) for one in found[1::2])
        assert all(told(one)[0] == TEXTS[0] for one in found[1::2] if not isinstance(one, BaseException))

    asyncio.run(scene())


@pytest.mark.parametrize("front", [{"timeouts": {"call_s": 0.2, "per_text_s": 0.1}}], indirect=True)
def test_an_answer_that_does_not_come_is_waited_for_no_longer_than_it_may_take(front: Front, calls: Calls) -> None:
    """However many calls it would have to wait for before its own is sent."""
    calls.held.add("alice")

    async def scene() -> list[Any]:
        recalls = Recalls(front.memory, SILENT)
        going = [asyncio.create_task(recalls.recall(question(front, TEXTS[0]))) for _ in range(5)]
        return await asyncio.wait_for(asyncio.gather(*going, return_exceptions=True), PATIENCE_S)

    found = asyncio.run(scene())
    calls.gate.set()
    assert [type(one) for one in found] == [DeadlineExceeded] * 5


@pytest.mark.parametrize("front", [{"pools": {"agents": {"max_pending_calls": 3}}}], indirect=True)
def test_no_more_of_one_agent_wait_than_may_wait_for_one_orchestrator(front: Front, calls: Calls) -> None:
    metrics = Recorder()
    calls.held.add("alice")

    async def scene() -> None:
        recalls = Recalls(front.memory, metrics)
        going = [asyncio.create_task(recalls.recall(question(front, TEXTS[0])))]
        await until(lambda: calls.sizes == [1])
        going.append(asyncio.create_task(recalls.recall(question(front, TEXTS[0]))))
        await until(lambda: calls.sizes == [1, 1])
        going += [asyncio.create_task(recalls.recall(question(front, TEXTS[0]))) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as refused:
            await recalls.recall(question(front, TEXTS[0]))
        assert refused.value.pending == 3
        assert metrics.number(BACKPRESSURE, "agents") == 1
        assert told(await recalls.recall(question(front, TEXTS[0], "bob")))[0] == TEXTS[0]
        calls.gate.set()
        assert [told(one)[0] for one in await asyncio.gather(*going)] == [TEXTS[0]] * 5
        assert told(await recalls.recall(question(front, TEXTS[0])))[0] == TEXTS[0]

    asyncio.run(scene())


@pytest.mark.parametrize("front", [{"telemetry": {"logs": "json"}}, {"telemetry": {"traces": True}}], indirect=True)
def test_where_each_call_is_told_of_each_goes_by_itself(front: Front, calls: Calls) -> None:
    async def scene() -> list[Hits]:
        recalls = Recalls(front.memory, SILENT)
        return await asyncio.gather(*(recalls.recall(question(front, TEXTS[0])) for _ in range(6)))

    assert all(told(one)[0] == TEXTS[0] for one in asyncio.run(scene()))
    assert calls.sizes == [0] * 6
