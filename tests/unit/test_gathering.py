"""Calls gathered into batches: every caller gets his own answer, nobody waits for long, and nothing is read twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors.gathering import LEAST_WORK, TEXT_WORK, Asked, Batch, Gathering, Said
from quantum_memory.errors import InvalidSettings, InvalidValue, OutOfRange
from quantum_memory.memory.affect.perceiver import MAX_CACHE, content_key
from quantum_memory.settings import load
from quantum_memory.types import PAD, Percept


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def percept(said: Said) -> Percept:
    """What the reader of these tests makes of a text: a percept that names it."""
    return Percept(np.zeros(1, np.float32), PAD(0.0, 0.0, 0.0), 0.5, notes=(repr(said),))


def read(batch: Batch, broken: frozenset[str] = frozenset()) -> list[Percept | Exception]:
    return [ValueError(one.text) if one.text in broken else percept(one) for one in batch.said.values()]


def texts(batch: Batch | None) -> list[str]:
    return [] if batch is None else [one.text for one in batch.said.values()]


def drain(gathering: Gathering) -> list[list[str]]:
    """The batches until nobody waits."""
    found = []
    while batch := gathering.batch():
        found.append(texts(batch))
        gathering.settle(batch, read(batch))
    return found


SAID = st.builds(Said, st.text("abc", max_size=4), st.none() | st.sampled_from("IB"))
CALLS = st.lists(st.lists(SAID, max_size=6), max_size=8)


@given(CALLS, st.sets(st.text("abc", max_size=4)), st.integers(0, 6), st.data())
@settings(deadline=None, max_examples=50)
def test_every_caller_gets_its_own_answer_whatever_else_happens(
    calls: list[list[Said]], broken: set[str], cache: int, data: st.DataObject
) -> None:
    """Calls come between batches, some leave, some texts cannot be read: the model is a plain function of a text."""
    gathering = Gathering(cache, Clock())
    open_calls: list[tuple[list[Said], Asked]] = []
    finished: list[Asked] = []
    waiting = list(calls)
    while waiting or any(not asked.done for _, asked in open_calls):
        for _ in range(data.draw(st.integers(min(1, len(waiting)), len(waiting)))):
            said = waiting.pop()
            open_calls.append((said, gathering.add(said)))
        somebody_leaves = bool(data.draw(st.booleans()))
        if open_calls and somebody_leaves:
            gone = open_calls.pop(data.draw(st.integers(0, len(open_calls) - 1)))
            gathering.leave(gone[1])
        batch = gathering.batch()
        if batch is None:
            assert all(asked.done for _, asked in open_calls)
            continue
        somebody_leaves = bool(data.draw(st.booleans()))
        if open_calls and somebody_leaves:  # while it is read
            gathering.leave(open_calls.pop()[1])
        finished += gathering.settle(batch, read(batch, frozenset(broken)))
    assert len(set(map(id, finished))) == len(finished)
    for said, asked in open_calls:
        wrong = {one.text for one in said} & broken
        if wrong:
            with pytest.raises(ValueError, match=r"^[abc]*$") as caught:
                asked.answer()
            assert str(caught.value) in wrong
        else:
            assert asked.answer() == [percept(one) for one in said]
    status = gathering.status()
    assert status["waiting"] == 0
    assert status["calls"] == len(calls)
    assert status["read"] <= status["texts"] == sum(map(len, calls))
    assert len(gathering._cache) <= cache
    assert gathering.batch() is None


def test_what_arrives_while_a_batch_is_read_is_the_next_one_sorted_by_length() -> None:
    gathering = Gathering()
    gathering.add([Said("first")])
    batch = gathering.batch()
    assert batch is not None
    for call in (["a long text indeed", "hm"], ["of middle size"], ["ah", "no"]):
        gathering.add([Said(text) for text in call])
    gathering.settle(batch, read(batch))
    (following,) = drain(gathering)
    assert sorted(following, key=len) == following
    assert set(following) == {"a long text indeed", "hm", "of middle size", "ah", "no"}


def test_one_text_does_not_wait_behind_ten_thousand() -> None:
    clock = Clock()
    gathering = Gathering(clock=clock)
    many = gathering.add([Said(f"text number {number} of many") for number in range(10_000)])
    batch = gathering.batch()
    one = gathering.add([Said("a word")])
    other = gathering.add([Said(f"the second large call {number}") for number in range(5_000)])
    rounds = 0
    while not one.done:
        assert batch is not None
        rounds += 1
        gathering.settle(batch, read(batch))
        batch = gathering.batch()
    assert rounds == 2
    assert batch is not None
    mine = sum(text.startswith("text") for text in texts(batch))
    assert 0.4 < mine / len(batch.said) < 0.6, "two large calls share a batch"
    assert not many.done
    assert not other.done


def test_equal_texts_are_read_once_for_all_and_again_only_when_forgotten() -> None:
    gathering = Gathering(cache_size=2)
    first = gathering.add([Said("a"), Said("b"), Said("a")])
    second = gathering.add([Said("b"), Said("a", "Ilka")])
    assert sorted(drain(gathering)[0]) == ["a", "a", "b"]
    assert first.answer()[0] is first.answer()[2]
    assert first.answer()[1] is second.answer()[0]
    assert first.answer()[0] != second.answer()[1]
    again = gathering.add([Said("a", "Ilka"), Said("a", "Ilka")])
    assert again.done
    assert again.answer()[0] is second.answer()[1]
    assert gathering.batch() is None
    status = gathering.status()
    assert (status["calls"], status["texts"], status["read"], status["cache_hits"]) == (3, 7, 3, 2)
    assert (status["batches"], status["mean_batch"]) == (1, 3)
    assert drain(Gathering(cache_size=0)) == []


def test_a_text_that_is_being_read_is_not_read_again_for_who_comes_late() -> None:
    gathering = Gathering(cache_size=0)
    gathering.add([Said("a")])
    batch = gathering.batch()
    late = gathering.add([Said("a")])
    assert batch is not None
    assert late in gathering.settle(batch, read(batch))
    assert late.answer() == [percept(Said("a"))]
    assert gathering.batch() is None


def test_an_error_reaches_those_alone_who_asked_for_what_it_is_about() -> None:
    gathering = Gathering()
    good, bad, both = (gathering.add([Said(text) for text in call]) for call in (["x", "y"], ["z"], ["y", "z", "w"]))
    batch = gathering.batch()
    assert batch is not None
    assert set(map(id, gathering.settle(batch, read(batch, frozenset("z"))))) == {id(good), id(bad), id(both)}
    assert good.answer() == [percept(Said("x")), percept(Said("y"))]
    for asked in (bad, both):
        with pytest.raises(ValueError, match=r"^z$"):
            asked.answer()
    assert drain(gathering) == []
    assert not gathering.add([Said("z")]).done, "a failure is not remembered"


def test_what_nobody_waits_for_any_longer_is_not_read() -> None:
    gathering = Gathering()
    gone, there = gathering.add([Said("a"), Said("b")]), gathering.add([Said("b")])
    gathering.leave(gone)
    gathering.leave(gone)
    assert drain(gathering) == [["b"]]
    assert there.done
    assert gathering.status()["waiting"] == 0


def test_a_batch_holds_what_can_be_read_in_its_time() -> None:
    clock = Clock()
    gathering = Gathering(cache_size=0, clock=clock, pass_s=0.1)
    gathering.add([Said(f"{number:068}") for number in range(20_000)])
    sizes = []
    for speed in [1e-3] * 12 + [1e-2] * 12:  # seconds for each text
        batch = gathering.batch()
        assert batch is not None
        sizes.append(len(batch.said))
        clock.now_s += speed * len(batch.said)
        gathering.settle(batch, read(batch))
    assert 80 <= sizes[11] <= 101
    assert 8 <= sizes[-1] <= 11
    clock.now_s += 1e9
    for _ in range(50):
        batch = gathering.batch()
        assert batch is not None
        clock.now_s += 1e9
        gathering.settle(batch, read(batch))
    batch = gathering.batch()
    assert batch is not None
    assert LEAST_WORK / (68 + TEXT_WORK) <= len(batch.said) <= 1 + LEAST_WORK / (68 + TEXT_WORK)


def test_little_that_was_read_fast_does_not_make_batches_larger() -> None:
    gathering = Gathering(clock=Clock())
    before = gathering._work
    gathering.add([Said("a")])
    drain(gathering)
    assert gathering._work == before


def test_what_is_no_text_speaker_or_image_is_refused_and_nothing_is_taken_up() -> None:
    gathering = Gathering()
    wrong: Sequence[tuple[Said, str]] = [
        (Said(3), r"texts\[1\]"),  # type: ignore[arg-type]  # that it is refused is the point
        (Said("a", 3), r"speakers\[1\]"),  # type: ignore[arg-type]  # as above
        (Said("a", None, "x"), r"images\[1\]"),  # type: ignore[arg-type]  # as above
    ]
    for said, name in wrong:
        with pytest.raises(InvalidValue, match=name):
            gathering.add([Said("fine"), said])
    assert gathering.batch() is None
    assert gathering.status()["calls"] == 0


def test_an_image_makes_another_content() -> None:
    gathering = Gathering()
    asked = gathering.add([Said("a"), Said("a", None, b"1"), Said("a", None, b"2")])
    assert len(drain(gathering)[0]) == 3
    assert len({one.notes for one in asked.answer()}) == 3
    assert asked.keys[1] == content_key("a", None, b"1")


def test_a_cache_has_a_bound_as_the_perceivers_own() -> None:
    for size in (-1, MAX_CACHE + 1):
        with pytest.raises(OutOfRange, match="cache_size"):
            Gathering(size)
    with pytest.raises(InvalidSettings, match=r"perception\.cache"):
        load({"perception": {"cache": MAX_CACHE + 1}})
    assert load({"perception": {"cache": MAX_CACHE}}).perception.cache == MAX_CACHE
