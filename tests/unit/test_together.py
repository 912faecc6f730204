"""Calls that come meanwhile are done with each other, and each comes to what it would have come to alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors import together
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.requests import RecallRequest, RememberRequest, memory_id
from quantum_memory.actors.together import Questions
from quantum_memory.actors.turns import Turn, Turns
from quantum_memory.actors.writing import Writer
from quantum_memory.errors import (
    ActorUnavailable,
    AlreadyExists,
    BranchDeleted,
    DeadlineExceeded,
    InternalError,
    ShapeMismatch,
)
from quantum_memory.telemetry.carried import CARRIED
from quantum_memory.types import Branch, Filters, MemoryId, Mood, Utterance
from tests.unit.orchestra import Orchestra, ready


@pytest.fixture
def orchestra(tmp_path: Path) -> Iterator[Orchestra]:
    made = Orchestra(tmp_path)
    yield made
    made.close()


def request(branch: Branch, number: int, **fields: Any) -> RememberRequest:
    return RememberRequest(branch, (ready(number, **fields),), f"op-{branch.name}-{number}")


def remembered(orchestra: Orchestra, requests: Sequence[RememberRequest]) -> list[list[MemoryId] | BaseException]:
    """What each comes to, all of them begun at once, in this order."""

    async def everybody() -> list[list[MemoryId] | BaseException]:
        return await asyncio.gather(*(orchestra.host.remember_one(one) for one in requests), return_exceptions=True)

    return orchestra.run(everybody())


def texts(orchestra: Orchestra, branch: Branch) -> list[str]:
    return [one.text for one in orchestra.memories(branch)]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many drafts each append brings from now on."""
    sizes: list[int] = []
    append = Journal.append

    async def counting(self: Journal, drafts: Any) -> Any:
        sizes.append(len(drafts))
        return await append(self, drafts)

    monkeypatch.setattr(Journal, "append", counting)
    return sizes


def test_what_comes_at_once_is_written_at_once_in_its_order(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    sizes = counted(monkeypatch)
    requests = [request((alice, bob)[number % 2], number) for number in range(100)]
    answers = remembered(orchestra, requests)
    assert all(isinstance(one, list) and len(one) == 1 for one in answers)
    assert texts(orchestra, alice) == [f"thing number {number}" for number in range(0, 100, 2)]
    assert texts(orchestra, bob) == [f"thing number {number}" for number in range(1, 100, 2)]
    assert sum(sizes) == 100
    assert len(sizes) <= 4, "in batches"
    before = texts(orchestra, alice)
    orchestra.reopen()
    assert texts(orchestra, alice) == before, "on disk, each as an event of its own"


def test_a_call_that_comes_alone_waits_for_nobody(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, sizes = orchestra.agent("alice"), counted(monkeypatch)
    for number in range(3):
        remembered(orchestra, [request(alice, number)])
    assert sizes == [1, 1, 1]


def test_one_that_is_refused_takes_no_other_along(orchestra: Orchestra) -> None:
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    gone = orchestra.fork(alice, "gone")
    orchestra.run(orchestra.host.delete(gone, "delete-gone"))
    remembered(orchestra, [request(alice, 1, id="taken")])
    answers = remembered(
        orchestra,
        [
            request(alice, 2),
            request(gone, 3),
            request(alice, 4, id="taken"),
            request(bob, 5),
            request(alice, 6, text="x" * 300_000),
            request(bob, 7),
        ],
    )
    kinds = [type(one).__name__ for one in answers]
    assert kinds == ["list", "BranchDeleted", "AlreadyExists", "list", "TooLong", "list"]
    assert isinstance(answers[1], BranchDeleted)
    assert isinstance(answers[2], AlreadyExists)
    assert texts(orchestra, alice) == ["thing number 1", "thing number 2"]
    assert texts(orchestra, bob) == ["thing number 5", "thing number 7"]


def test_one_id_in_two_calls_is_known_to_the_second(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    first, again = request(alice, 1, text="one", id="same"), request(alice, 2, text="one", id="same")
    other = request(alice, 3, text="another", id="same")
    answers = remembered(orchestra, [first, again, other])
    assert answers[:2] == [["same"], ["same"]]
    assert isinstance(answers[2], AlreadyExists)
    assert texts(orchestra, alice) == ["one"]


def test_an_operation_that_is_asked_for_twice_is_done_once(orchestra: Orchestra) -> None:
    alice = orchestra.agent("alice")
    once = request(alice, 1)
    answers = remembered(orchestra, [once, request(alice, 2), once, request(alice, 3)])
    assert answers[0] == answers[2]
    assert texts(orchestra, alice) == ["thing number 1", "thing number 2", "thing number 3"]


def test_who_stands_behind_something_long_does_not_keep_others_waiting(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    turns = orchestra.host._remembering._turns

    async def scene() -> list[str]:
        order: list[str] = []

        async def one(branch: Branch, number: int) -> None:
            await orchestra.host.remember_one(request(branch, number))
            order.append(branch.agent)

        long = turns.take([alice.id])
        async with long:
            waiting = asyncio.create_task(one(alice, 1))
            await asyncio.sleep(0)
            async with asyncio.timeout(10.0):
                await one(bob, 2)
        await waiting
        return order

    assert orchestra.run(scene()) == ["bob", "alice"]


def test_other_writes_keep_their_place_among_those_of_a_batch(orchestra: Orchestra) -> None:
    """A fork that is asked for between two memories has the first and not the second."""
    alice = orchestra.agent("alice")

    async def scene() -> Any:
        before = [asyncio.create_task(orchestra.host.remember_one(request(alice, number))) for number in (1, 2)]
        await asyncio.sleep(0)
        forked = asyncio.create_task(orchestra.host.fork(alice, "between", None, "fork"))
        await asyncio.sleep(0)
        after = [asyncio.create_task(orchestra.host.remember_one(request(alice, number))) for number in (3, 4)]
        await asyncio.gather(*before, *after)
        return (await forked).info

    fork = orchestra.run(scene())
    assert texts(orchestra, fork) == ["thing number 1", "thing number 2"]
    assert len(texts(orchestra, alice)) == 4


@pytest.mark.parametrize("surprise", [0.0, 0.5])
def test_importance_is_what_it_would_be_one_after_the_other(tmp_path: Path, surprise: float) -> None:
    found = []
    for name in ("alone", "together"):
        orchestra = Orchestra(tmp_path / name, life={"importance": {"surprise": surprise, "repetition": 0.3}})
        alice = orchestra.agent("alice")
        requests = [request(alice, number % 3, text=f"thing {number}", id=f"m{number}") for number in range(12)]
        if name == "together":
            remembered(orchestra, requests)
        else:
            for one in requests:
                remembered(orchestra, [one])
        found.append({one.id: one.importance for one in orchestra.memories(alice)})
        orchestra.close()
    assert found[0] == found[1]


@pytest.fixture
def all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits goes in one batch, as where no more waits than may go together."""
    monkeypatch.setattr(together, "FEW", together.MOST)


def test_questions_share_a_search_and_each_has_its_own_answer(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = orchestra.agent("alice")
    remembered(orchestra, [request(alice, number) for number in range(40)])
    sizes: list[int] = []
    recall = orchestra.host._recaller.recall

    async def counting(requests: Any, deadline: Any = None) -> Any:
        sizes.append(len(requests))
        return await recall(requests, deadline)

    monkeypatch.setattr(orchestra.host._recaller, "recall", counting)
    questions = [RecallRequest(alice, f"thing number {number}", 3, Filters(), None) for number in range(40)]
    bad = RecallRequest(alice, np.ones(3, np.float32), 3, Filters(), None)

    async def scene() -> list[Any]:
        return await asyncio.gather(
            *(orchestra.host.recall_one(one) for one in [*questions, bad]), return_exceptions=True
        )

    *answers, refused = orchestra.run(scene())
    assert isinstance(refused, ShapeMismatch)
    assert max(sizes) > 10
    for number, hits in enumerate(answers):
        alone = orchestra.recall(alice, f"thing number {number}", 3)
        assert [(one.memory.id, one.score) for one in hits] == [(one.memory.id, one.score) for one in alone]


def test_a_question_is_answered_in_its_own_time_whatever_waits_with_it(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = orchestra.agent("alice")

    async def slow(*_: Any) -> Any:
        await asyncio.sleep(3600.0)

    monkeypatch.setattr(orchestra.host._recaller, "_recalled", slow)

    async def scene() -> None:
        asked = RecallRequest(alice, "thing", 3, Filters(), None, deadline_s=1.0)
        tasks, loop = [], asyncio.get_running_loop()
        begun_s = loop.time()
        for _ in range(5):
            tasks.append(asyncio.create_task(orchestra.host.recall_one(asked)))
            await asyncio.sleep(0.01)
        for answer in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(answer, DeadlineExceeded)
        assert loop.time() - begun_s < 1.7, "the last ones have waited for the first as a part of their time"

    orchestra.run(asyncio.wait_for(scene(), 10.0))


def test_questions_of_different_keys_never_wait_for_each_other() -> None:
    async def scene() -> list[str]:
        stuck = asyncio.Event()

        async def work(items: Sequence[str]) -> list[str]:
            if "slow" in items[0]:
                await stuck.wait()
            return [one.upper() for one in items]

        questions: Questions[str, str] = Questions(work)
        slow = [asyncio.create_task(questions.ask("a", f"slow {number}")) for number in range(4)]
        await asyncio.sleep(0)
        quick = await asyncio.wait_for(questions.ask("b", "quick"), 5.0)
        stuck.set()
        answers = await asyncio.gather(*slow)
        assert not questions._flying
        assert not questions._waiting
        return [quick, *answers]

    assert asyncio.run(scene()) == ["QUICK", "SLOW 0", "SLOW 1", "SLOW 2", "SLOW 3"]


def test_no_question_is_left_waiting_where_the_work_breaks() -> None:
    async def scene() -> list[Any]:
        async def work(_: Sequence[str]) -> list[str]:
            raise RuntimeError("broken")

        questions: Questions[str, str] = Questions(work)
        return await asyncio.gather(*(questions.ask("a", "b") for _ in range(5)), return_exceptions=True)

    assert [type(one) for one in asyncio.run(scene())] == [RuntimeError] * 5


@pytest.mark.parametrize("count", [2, 3, 41])
@pytest.mark.usefixtures("all_together")
def test_a_fault_that_one_question_meets_is_its_own(count: int, caplog: pytest.LogCaptureFixture) -> None:
    """The others are answered, and the log tells of it once."""
    sizes: list[int] = []

    async def work(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if 1 in items:
            raise KeyError("a part that is not there")
        return [-one for one in items]

    async def scene() -> list[Any]:
        questions: Questions[int, int] = Questions(work)
        return await asyncio.gather(*(questions.ask("a", one) for one in range(count)), return_exceptions=True)

    found = asyncio.run(scene())
    assert [type(one) for one in found].index(KeyError) == 1
    assert [*found[:1], *found[2:]] == [-one for one in range(count) if one != 1]
    assert max(sizes) == count
    assert len(sizes) <= 2 * count.bit_length() + 1
    assert [one.message for one in caplog.records] == [f"{count} questions failed together, and are asked apart"]
    assert caplog.records[0].exc_info is not None


@pytest.mark.parametrize(
    "error",
    [DeadlineExceeded("recall", 1.0), ActorUnavailable("a", "it died"), TimeoutError(), asyncio.CancelledError()],
)
@pytest.mark.usefixtures("all_together")
def test_what_holds_for_every_question_is_asked_once(error: BaseException) -> None:
    asked = 0

    async def work(_: Sequence[str]) -> list[str]:
        nonlocal asked
        asked += 1
        raise error

    async def scene() -> list[Any]:
        questions: Questions[str, str] = Questions(work)
        return await asyncio.gather(*(questions.ask("a", "b") for _ in range(9)), return_exceptions=True)

    assert {type(one) for one in asyncio.run(scene())} == {type(error)}
    assert asked == 1


@pytest.mark.usefixtures("all_together")
def test_who_waits_no_longer_is_not_asked_for_again() -> None:
    asked: list[list[int]] = []

    async def scene() -> list[Any]:
        async def work(items: Sequence[int]) -> list[int]:
            asked.append(list(items))
            if len(items) > 4:
                for one in going[:4]:
                    one.cancel()
                await asyncio.sleep(0)
                raise KeyError("too many")
            return list(items)

        questions: Questions[int, int] = Questions(work)
        going = [asyncio.create_task(questions.ask("a", one)) for one in range(8)]
        return await asyncio.gather(*going, return_exceptions=True)

    found = asyncio.run(asyncio.wait_for(scene(), 10.0))
    assert [type(one) for one in found[:4]] == [asyncio.CancelledError] * 4
    assert found[4:] == [4, 5, 6, 7]
    assert asked == [[0, 1, 2, 3, 4, 5, 6, 7], [4, 5, 6, 7]]


def test_a_fault_that_a_write_meets_is_not_tried_again(orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what of it is on disk."""
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    sizes: list[int] = []

    async def broken(requests: Sequence[RememberRequest]) -> Any:
        sizes.append(len(requests))
        raise KeyError("a part that is not there")

    monkeypatch.setattr(orchestra.host._writer, "write", broken)

    async def scene() -> list[Any]:
        asked = [orchestra.host.remember_one(request(one, number)) for number in range(2) for one in (alice, bob)]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(one) for one in orchestra.run(scene())] == [KeyError] * 4
    assert sum(sizes) == 4


def test_of_questions_in_one_call_each_is_told_what_it_came_to(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of one lineage or of several, recalls and moods: a fault that one meets is told to it alone, and to the log."""
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")
    remembered(orchestra, [request(alice, 1), request(bob, 2)])
    host = orchestra.host
    recalled, moods = host._recaller.recall, host._moods

    async def faulty(requests: Any, deadline: Any = None) -> Any:
        if any(one.k == 7 for one in requests):
            raise KeyError("a part that is not there")
        return await recalled(requests, deadline)

    async def moody(asked: Any) -> Any:
        if any(branch.id == bob.id for branch, _ in asked):
            raise KeyError("a part that is not there")
        return await moods(asked)

    monkeypatch.setattr(host._recaller, "recall", faulty)
    monkeypatch.setattr(host, "_moods", moody)

    def asked(branch: Branch, k: int) -> RecallRequest:
        return RecallRequest(branch, "thing", k, Filters(), None)

    for questions in (
        [asked(alice, 3), asked(alice, 7), asked(alice, 4)],
        [asked(alice, 3), asked(bob, 7), asked(bob, 1)],
    ):
        first, refused, last = orchestra.run(host.recall_each(questions))
        assert [len(one) for one in (first, last) if isinstance(one, list)] == [1, 1]
        assert isinstance(refused, InternalError)
        assert "KeyError" in str(refused)
    mood, unread = orchestra.run(host.mood_each([(alice, None), (bob, None)]))
    assert isinstance(mood, Mood)
    assert isinstance(unread, InternalError)
    assert sum(one.message == "recall: a fault that nobody foresaw" for one in caplog.records) == 2


@pytest.mark.parametrize("broken", [asyncio.CancelledError, ValueError], ids=["cancelled", "too few"])
def test_work_that_ends_as_no_work_should_is_in_nobodys_way(broken: type[BaseException]) -> None:
    """Cancelled from within, or with an answer too few: who asked is told, and the next ones are answered."""

    async def scene() -> list[str]:
        well = False

        async def work(items: Sequence[str]) -> list[str]:
            await asyncio.sleep(0)
            if well:
                return list(items)
            if broken is ValueError:
                return list(items)[1:]
            raise broken

        questions: Questions[str, str] = Questions(work)
        for _ in range(3):
            going = []
            for number in range(6):
                going.append(asyncio.create_task(questions.ask("a", str(number))))
                await asyncio.sleep(0)
            found = await asyncio.wait_for(asyncio.gather(*going, return_exceptions=True), 10.0)
            assert {type(one) for one in found} == {broken}
        well = True
        return await asyncio.wait_for(asyncio.gather(*(questions.ask("a", one) for one in "bc")), 10.0)

    assert asyncio.run(scene()) == ["b", "c"]


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.booleans()), min_size=1, max_size=14))
@settings(max_examples=60, deadline=None)
def test_turns_that_are_joined_keep_every_queue_in_order(wants: list[tuple[set[str], bool]]) -> None:
    """Whoever joins an open turn stands where he would have stood with one of his own, and nobody waits for ever."""
    served: list[int] = []

    async def scene() -> int:
        turns, open_turn = Turns(), None
        members: dict[int, list[int]] = {}
        kept: dict[int, Turn] = {}
        for number, (keys, brief) in enumerate(wants):
            if brief and open_turn is not None and turns.join(kept[open_turn], keys):
                members[open_turn].append(number)
                continue
            kept[number] = turns.take(keys, brief=brief)
            members[number] = [number]
            open_turn = number if brief else open_turn

        async def use(number: int) -> None:
            async with kept[number]:
                await asyncio.sleep(0)
                served.extend(members[number])

        await asyncio.wait_for(asyncio.gather(*(use(number) for number in kept)), 10.0)
        return len(turns)

    assert asyncio.run(scene()) == 0
    assert sorted(served) == list(range(len(wants)))
    for key in "abc":
        order = [number for number in served if key in wants[number][0]]
        assert order == sorted(order)


def test_a_turn_that_has_come_or_is_waited_for_takes_nobody_in() -> None:
    async def scene() -> None:
        turns = Turns()
        turn = turns.take("a", brief=True)
        assert turns.join(turn, "b")
        assert turns.soon("b")
        behind = turns.take("b")
        assert not turns.join(turn, "c")
        assert not turns.soon("b")
        async with turn:
            pass
        async with behind:
            assert not turns.join(behind, "c")
        assert len(turns) == 0
        assert turns.soon("b")

    asyncio.run(scene())


def test_what_is_long_or_not_perceived_goes_alone(orchestra: Orchestra) -> None:
    alice, writer = orchestra.agent("alice"), orchestra.host._writer
    assert writer.brief(request(alice, 1))
    assert not writer.brief(RememberRequest(alice, (Utterance("not perceived"),), "op"))
    many = tuple(ready(number) for number in range(together.MOST + 1))
    assert not writer.brief(RememberRequest(alice, many, "op"))


def test_a_write_that_takes_long_does_not_keep_other_branches_waiting(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "PATIENCE_S", 0.05)
    alice, bob, write = orchestra.agent("alice"), orchestra.agent("bob"), Writer.write

    async def scene() -> list[str]:
        stuck = asyncio.Event()

        async def slow(self: Writer, requests: Sequence[RememberRequest]) -> Any:
            if any(one.branch.id == alice.id for one in requests):
                await stuck.wait()
            return await write(self, requests)

        monkeypatch.setattr(Writer, "write", slow)
        order: list[str] = []

        async def one(branch: Branch, number: int) -> None:
            await orchestra.host.remember_one(request(branch, number))
            order.append(f"{branch.agent} {number}")

        first = asyncio.create_task(one(alice, 1))
        await asyncio.sleep(0)
        second = asyncio.create_task(one(alice, 2))
        await asyncio.sleep(0.3)
        third = asyncio.create_task(one(alice, 3))
        await asyncio.sleep(0)
        for number in (1, 2):
            await asyncio.wait_for(one(bob, number), 10.0)
        stuck.set()
        await asyncio.gather(first, second, third)
        return order

    order = orchestra.run(scene())
    assert order[:2] == ["bob 1", "bob 2"]
    assert texts(orchestra, alice) == ["thing number 1", "thing number 2", "thing number 3"]


def test_what_nobody_waits_for_any_more_is_not_written(orchestra: Orchestra) -> None:
    alice, turns = orchestra.agent("alice"), orchestra.host._remembering._turns

    async def scene() -> None:
        before = turns.take([alice.id], brief=True)
        tasks = [asyncio.create_task(orchestra.host.remember_one(request(alice, number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.wait(tasks[1:2])
        async with before:
            pass
        await asyncio.gather(tasks[0], tasks[2])

    orchestra.run(scene())
    assert texts(orchestra, alice) == ["thing number 0", "thing number 2"]


def test_nobody_is_left_waiting_where_a_batch_is_ended_before_it_is_written(orchestra: Orchestra) -> None:
    alice, remembering = orchestra.agent("alice"), orchestra.host._remembering

    async def scene() -> None:
        before = remembering._turns.take([alice.id], brief=True)
        answer = asyncio.create_task(orchestra.host.remember_one(request(alice, 1)))
        await asyncio.sleep(0.01)
        for task in list(remembering._tasks):
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(answer, 10.0)
        async with before:
            pass

    orchestra.run(scene())
    assert remembered(orchestra, [request(alice, 2)]) == [[memory_id("op-main-2", 0)]]


def test_what_was_there_before_is_not_written_again_and_again(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callers who come again after a failure, among others who come for the first time."""
    alice = orchestra.agent("alice")
    old = [request(alice, number) for number in range(16)]
    remembered(orchestra, old)
    sizes, new = counted(monkeypatch), [request(alice, 100 + number) for number in range(16)]
    answers = remembered(orchestra, [one for both in zip(old, new, strict=True) for one in both])
    assert all(isinstance(one, list) for one in answers)
    assert texts(orchestra, alice)[16:] == [f"thing number {100 + number}" for number in range(16)]
    assert len(sizes) <= 4


def test_what_is_done_for_several_is_said_of_none_of_them_alone() -> None:
    """Logs and traces of a batch name the agent and the operation that all of it is for, or nobody."""
    carried: list[Any] = []
    begun, go = asyncio.Event(), asyncio.Event()

    async def work(items: Sequence[str]) -> list[str]:
        carried.append(CARRIED.get())
        begun.set()
        await go.wait()
        return list(items)

    async def scene() -> None:
        questions: Questions[str, str] = Questions(work)

        async def ask(number: int) -> None:
            CARRIED.set({"agent": "alice", "operation_id": str(number)})
            await questions.ask("a", "b")

        tasks = []
        for number in range(5):
            tasks.append(asyncio.create_task(ask(number)))
            if number < 2:  # each of these goes at once, and the others wait for them
                await begun.wait()
                begun.clear()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert carried[:2] == [{"agent": "alice", "operation_id": str(number)} for number in range(2)]
    assert carried[2] == {"agent": "alice"}


def test_a_write_for_two_agents_is_said_of_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orchestra, carried, write = Orchestra(tmp_path, telemetry={"logs": "json"}), list[Any](), Writer.write
    alice, bob = orchestra.agent("alice"), orchestra.agent("bob")

    async def watching(self: Writer, requests: Sequence[RememberRequest]) -> Any:
        carried.append(CARRIED.get())
        return await write(self, requests)

    monkeypatch.setattr(Writer, "write", watching)
    remembered(orchestra, [request(alice, 1), request(bob, 2)])
    remembered(orchestra, [request(bob, 3)])
    assert carried == [{}, {"agent": "bob", "operation_id": "op-main-3"}]
    orchestra.close()


def test_a_batch_leaves_the_other_batches_their_share_of_what_waits() -> None:
    sizes: list[int] = []

    async def play() -> None:
        over = asyncio.Event()

        async def work(numbers: Sequence[int]) -> list[int]:
            sizes.append(len(numbers))
            await over.wait()
            return list(numbers)

        questions: Questions[int, int] = Questions(work)
        few = [asyncio.create_task(questions.ask("one", number)) for number in range(3)]
        await asyncio.sleep(0.01)
        assert sizes == [3], "so few go together"
        many = [asyncio.create_task(questions.ask("one", number)) for number in range(30)]
        await asyncio.sleep(0.01)
        assert sizes[1:] == [10, 7], "a third of what waits, and a third of what is left"
        over.set()
        assert await asyncio.gather(*few, *many) == [*range(3), *range(30)]
        assert sum(sizes) == 33
        assert max(sizes[3:]) <= 5

    asyncio.run(play())
