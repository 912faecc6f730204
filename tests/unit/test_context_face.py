"""``context`` and ``recall(neighbours=...)`` as users call them, over real parts without Ray."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.errors import InvalidValue, MissingModel, OutOfRange, PlaceNotFound, TooLong
from quantum_memory.memory.prompting.block import TITLE, Context
from quantum_memory.memory.prompting.counting import counter_of
from quantum_memory.types import PAD, Utterance
from tests.unit.front import Front

START = datetime(2023, 5, 7, 13, tzinfo=UTC)
SAID = [
    ("Ann", "I went to the pottery class in Graz yesterday."),
    ("Bob", "Who taught it?"),
    ("Ann", "A woman named Carol. She was wonderful!"),
    ("Bob", "I will sign up for the sailing course."),
    ("Ann", "Where is my umbrella?"),
]


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    one = Front(tmp_path)
    yield one
    one.close()


@pytest.fixture
def alice(front: Front) -> AgentHandle:
    agent = front.agent()
    agent.remember(said())
    return agent


def said() -> list[Utterance]:
    return [
        Utterance(
            text,
            speaker,
            START + timedelta(minutes=number),
            session="s1",
            tags=("told",) if speaker == "Ann" else (),
            pad=PAD(0.6, 0.2, 0.1),
            id=f"t{number}",
        )
        for number, (speaker, text) in enumerate(SAID)
    ]


def memories_of(context: Context) -> set[str]:
    return set(context.citations.values())


def test_an_empty_memory_gives_the_title_alone(front: Front) -> None:
    context = front.agent("nobody").context("anything at all?", 50)
    assert (str(context), context.citations, context.sections, context.left_out) == (TITLE, {}, (), ())


def test_a_block_tells_of_everything_and_cites_it(alice: AgentHandle) -> None:
    alice.relate("Carol", "teaches", "pottery", memory="t2")
    context = alice.context("Who taught Ann's pottery class? Carol?", 400)
    assert [one.name for one in context.sections] == ["known", "remembered", "threads", "mood", "said_last"]
    assert context.tokens == counter_of(None).count(str(context)) <= 400
    assert memories_of(context) == {f"t{number}" for number in range(5)}
    assert "] Carol teaches pottery" in str(context)
    assert "not answered yet:\n[m" in str(context)
    assert "not spoken of as done yet:\n[m" in str(context)
    again = alice.context("Who taught Ann's pottery class? Carol?", 400)
    assert again == context


def test_the_budget_holds_at_any_size(alice: AgentHandle) -> None:
    for tokens in (50, 75, 100, 150, 1000, 200_000):
        context = alice.context("pottery", tokens)
        assert context.tokens == counter_of(None).count(str(context)) <= tokens


def test_filters_hold_for_every_line_that_comes_from_a_memory(alice: AgentHandle) -> None:
    alice.relate("Bob", "plans", "sailing", memory="t3")
    alice.relate("Bob", "lives in", "Graz")
    assert memories_of(alice.context("Bob", 800, speaker="Ann")) == {"t0", "t2", "t4"}
    assert memories_of(alice.context("Bob", 800, tags="told", neighbours=3)) == {"t0", "t2", "t4"}
    assert "Graz" not in alice.context("Bob", 800, sections="known", tags="told").text.replace("class in Graz", "")
    assert memories_of(alice.context("Bob", 800, since=START + timedelta(minutes=3))) == {"t3", "t4"}
    assert memories_of(alice.context("Bob", 800, until=START)) == set()
    assert memories_of(alice.context("Bob", 800, kind="dream")) == set()


def test_as_of_a_place_it_is_as_it_was(alice: AgentHandle) -> None:
    query = "Who taught the class?"
    before, there = alice.context(query, 300), alice.checkpoint("before")
    alice.remember("Carol taught the class.", id="new")
    fork = alice.fork("what if", there)
    assert "new" in memories_of(alice.context(query, 300))
    assert str(alice.context(query, 300, as_of=there)) == str(before) == str(fork.context(query, 300))
    alice.forget("new")
    assert "new" not in memories_of(alice.context(query, 300))
    with pytest.raises(PlaceNotFound):
        alice.context(query, as_of="nowhere")


def test_a_relation_whose_memory_is_rolled_back_cites_none(alice: AgentHandle) -> None:
    before = alice.checkpoint("before")
    alice.remember("Carol sails.", id="new")
    alice.relate("Carol", "sails", "boats", memory="new")
    alice.rollback(before, {"memories", "working"})
    assert "[-] Carol sails boats" in str(alice.context("What does Carol do?", 300))


def test_a_function_counts_here_and_does_not_travel(alice: AgentHandle) -> None:
    context = alice.context("pottery", 500, tokenizer=len)
    assert context.tokens == len(str(context)) <= 500
    assert memories_of(context)
    with pytest.raises(InvalidValue, match=r"tokenizer: expected none with \.remote"):
        alice.context.remote("pottery", tokenizer=len)
    with pytest.raises(InvalidValue, match="tokenizer"):
        alice.context("pottery", tokenizer="gpt")  # type: ignore[arg-type]  # what is refused


def test_the_settings_name_another_tokenizer(tmp_path: Path) -> None:
    from quantum_memory.memory.affect.encoder import packaged_model

    for named, problem in ((str(packaged_model() / "tokenizer.json"), None), (str(tmp_path / "none"), MissingModel)):
        front = Front(tmp_path / "vault", context={"tokenizer": named})
        try:
            if problem is None:
                assert str(front.agent().context("x", 60)) == TITLE
            else:
                with pytest.raises(problem, match="none"):
                    front.agent().context("x", 60)
        finally:
            front.close()


def test_bad_wishes_are_refused_before_anything_is_asked(alice: AgentHandle) -> None:
    for wrong in ({"tokens": 10}, {"tokens": 0}, {"neighbours": 99}, {"level": "word"}, {"sections": "moods"}):
        with pytest.raises((OutOfRange, InvalidValue)):
            alice.context("pottery", **wrong)
    with pytest.raises(InvalidValue, match="section"):
        alice.context("pottery", sections=7)  # type: ignore[arg-type]  # what is refused
    with pytest.raises(TooLong):
        alice.context("x" * 40_000)


def test_hits_bring_their_neighbours(alice: AgentHandle) -> None:
    (hit,) = alice.recall("woman named Carol", k=1, neighbours=2)
    assert hit.memory.id == "t2"
    assert [one.id for one in hit.before] == ["t0", "t1"]
    assert [one.id for one in hit.after] == ["t3", "t4"]
    (plain,) = alice.recall("woman named Carol", k=1)
    assert (plain.before, plain.after) == ((), ())
    for reach, beside in ((1, []), (2, ["t0", "t4"])):
        (filtered,) = alice.recall("woman named Carol", k=1, neighbours=reach, speaker="Ann")
        assert [one.id for one in (*filtered.before, *filtered.after)] == beside
    assert alice.recall("Carol", k=0, neighbours=1) == []
    with pytest.raises(OutOfRange, match="neighbours"):
        alice.recall("Carol", neighbours=33)
    assert alice.recall.remote("woman named Carol", k=1, neighbours=1).future.result()[0].before[0].id == "t1"  # type: ignore[attr-defined]  # as the front gives it
