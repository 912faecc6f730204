"""The block as a whole: what each section tells, citations, open threads, levels, and determinism."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.events import Forgotten, Remembered
from quantum_memory.memory.prompting import threads
from quantum_memory.memory.prompting.assembling import Manner, assemble
from quantum_memory.memory.prompting.block import SECTIONS, TITLE, UNSOURCED, Context, Level, Section
from quantum_memory.memory.prompting.counting import CallableCounter, counter_of
from quantum_memory.memory.prompting.material import Material, Wish, beside, company, passes
from quantum_memory.memory.prompting.packing import least_budget
from quantum_memory.memory.prompting.shares import Shares
from quantum_memory.memory.prompting.threads import open_threads
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.types import NEUTRAL, PAD, Filters, Hit, Memory, Mood, Relation
from tests.unit import episodes

START = datetime(2023, 5, 7, 13, tzinfo=UTC)
MOOD = Mood(PAD(0.5, -0.2, 0.1), (0.1, 0.1, 0.1), (("hope", 0.6), ("joy", 0.3)), 0.0, 1.0, 4, 900, START)


def memory(number: int, text: str, speaker: str | None = "Bob", day: int = 0, pad: PAD = NEUTRAL) -> Memory:
    vector = np.random.default_rng(number).normal(size=8)
    at = START + timedelta(days=day, seconds=number)
    embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
    return Memory(f"id{number}", text, at, pad, 0.9, 0.5, embedding, speaker, session=f"s{day}")


def talk(days: int = 6, turns: int = 12) -> list[tuple[Memory, ...]]:
    things = ["umbrella", "regatta", "violin", "garden", "kettle", "letter", "bakery", "tram", "lighthouse"]
    return [
        tuple(
            memory(
                day * turns + turn,
                f"We spoke of the {things[(day + turn) % 9]} and the {things[(3 * day + turn) % 9]} for {turn} hours.",
                ["Ann", "Bob"][turn % 2],
                day,
            )
            for turn in range(turns)
        )
        for day in range(days)
    ]


def material(days: int = 6, turns: int = 12) -> Material:
    stretches = talk(days, turns)
    every = [one for stretch in stretches for one in stretch]
    hits = tuple(Hit(one, 1.0 / rank, {}) for rank, one in enumerate(every[::3], start=1))
    relations = (
        Relation("Bob", "works for", "Carol", 2.0, START, "id1"),
        Relation("Bob", "lives in", "Graz", 1.0, None, "gone"),
    )
    last = (*stretches[-1], memory(400, "I will write a letter to Ann. Where is the stamp?", "Bob", days - 1))
    return Material(
        "What did Bob say of the umbrella?", hits, tuple(stretches), last, relations, frozenset({"id1"}), MOOD
    )


def section(context: Context, name: str) -> Section:
    return next(one for one in context.sections if one.name == name)


@settings(max_examples=12, deadline=None)
@given(tokens=st.integers(50, 2000), level=st.sampled_from(["sentence", "paragraph", "detail"]), near=st.integers(0, 3))
def test_a_block_is_within_its_budget_and_every_line_is_cited(tokens: int, level: Level, near: int) -> None:
    counter, given_ = counter_of(None), material()
    context = assemble(given_, Wish(tokens, near, level), counter)
    assert context == assemble(given_, Wish(tokens, near, level), counter)
    assert context == pickle.loads(pickle.dumps(context))  # noqa: S301  (made a line ago)
    assert context.tokens == counter.count(str(context)) <= tokens
    known = {one.id for stretch in (*given_.stretches, given_.working) for one in stretch}
    title, *rows = str(context).split("\n")
    assert title == TITLE
    groups = {line.group for part in context.sections for line in part.lines}
    for row in rows:
        if row.startswith("["):
            mark = row[: row.index("]") + 1]
            assert mark == UNSOURCED or context.citations[mark] in known
        else:
            assert row.startswith("## ") or row in groups
    assert "\n".join([title, *(part.text for part in context.sections)]) == str(context)
    for heading, reached in context.levels.items():
        lines = [one for one in section(context, "earlier").lines if one.group == f"{heading}:"]
        most = {"sentence": 1, "paragraph": 5, "detail": 16}
        assert len(lines) <= most[reached] <= most[level]


def test_each_section_tells_its_own() -> None:
    context = assemble(material(), Wish(4000), counter_of(None))
    assert [one.name for one in context.sections] == list(SECTIONS)
    known = [line.text for line in section(context, "known").lines]
    assert known[0].endswith("] Bob works for Carol (since 7 May 2023)")
    assert known[1] == "[-] Bob lives in Graz", "a memory that cannot be found is not cited"
    said_last = section(context, "said_last")
    assert {line.group for line in said_last.lines} == {"12 May 2023:"}
    assert section(context, "mood").lines[0].text.startswith("[")
    assert "mostly hope, then joy (pleasure +0.50" in section(context, "mood").text
    assert [line.group for line in section(context, "threads").lines] == [
        "12 May 2023, not answered yet:",
        "12 May 2023, not spoken of as done yet:",
    ]
    telling = [section(context, name) for name in ("earlier", "remembered", "said_last")]
    told = [line.memory for one in telling for line in one.lines]
    assert len(told) == len(set(told)), "nothing is told twice"


def test_parts_of_one_day_are_told_apart_in_how_far_each_came() -> None:
    parts = [tuple(replace(one, session=f"s{number}") for one in talk(1)[0][number::2]) for number in range(2)]
    hits = tuple(Hit(one, 1.0, {}) for part in parts for one in part[:3])
    given_ = Material("What of the umbrella?", hits, tuple(parts))
    context = assemble(given_, Wish(2000, 0, "sentence", ("earlier",)), counter_of(None))
    assert len(section(context, "earlier").lines) == 2
    assert context.levels == {"7 May 2023": "sentence"}


def test_a_relation_cannot_spell_a_mark_over_its_words() -> None:
    told = Material(relations=(Relation("[m", "\u200c", "1]", 1.0, None, None),))
    (line,) = section(assemble(told, Wish(200), counter_of(None)), "known").lines
    assert line.text == "[-] (m \u200c 1)"


def test_lines_stand_in_the_order_in_which_they_were_said() -> None:
    context = assemble(material(), Wish(4000), counter_of(None))
    for name in ("remembered", "said_last"):
        numbers = [int(str(line.memory)[2:]) for line in section(context, name).lines]
        assert numbers == sorted(numbers)


def test_with_room_for_all_nothing_is_left_out_and_without_it_the_best_comes_first() -> None:
    given_, counter = material(), counter_of(None)
    assert assemble(given_, Wish(100_000), counter).left_out == ()
    tight = assemble(given_, Wish(70), counter)
    assert tight.citations["[m1]"] == given_.hits[0].memory.id
    assert tight.left_out
    assert {one.section for one in tight.left_out} <= set(SECTIONS)


def test_a_budget_below_the_headings_is_refused_by_name() -> None:
    counter = counter_of(None)
    least = least_budget(counter)
    assert str(assemble(Material(), Wish(least), counter)) == TITLE
    with pytest.raises(OutOfRange, match=rf"tokens: {least - 1} is outside \[{least}, "):
        assemble(Material(), Wish(least - 1), counter)


@pytest.mark.parametrize(
    "wish",
    [{"tokens": 0}, {"tokens": 10**7}, {"neighbours": -1}, {"neighbours": 33}, {"level": "word"}, {"sections": ()},
     {"sections": ("moods",)}, {"tokens": 50.5}],
)  # fmt: skip
def test_a_wish_that_cannot_be_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises((InvalidValue, OutOfRange)):
        Wish(**wish)  # type: ignore[arg-type]  # what is refused


def test_shares_that_cannot_be_are_refused() -> None:
    with pytest.raises(OutOfRange):
        Shares(known=-0.1)
    with pytest.raises(NotFinite):
        Shares(mood=float("nan"))
    with pytest.raises(InvalidValue, match="all zero"):
        Shares(0, 0, 0, 0, 0, 0)


def test_sections_that_are_not_wanted_or_have_no_share_are_left_away() -> None:
    counter = counter_of(None)
    some = assemble(material(), Wish(500, sections=("mood", "known")), counter)
    assert [one.name for one in some.sections] == ["known", "mood"]
    none = assemble(material(), Wish(500), counter, Manner(replace(Shares(), remembered=0.0, earlier=0.0)))
    assert not {one.name for one in none.sections} & {"remembered", "earlier"}


def test_a_very_long_memory_is_told_in_part_where_the_whole_has_no_room() -> None:
    text = " ".join(f"Line {number} of the log tells nothing." for number in range(900)) + " The umbrella was blue."
    long = memory(500, text[:32_768])
    given_ = Material("What colour was the umbrella?", (Hit(memory(501, text[-32_768:]), 1.0, {}), Hit(long, 0.5, {})))
    counter = counter_of(None)
    context = assemble(given_, Wish(150), counter)
    assert "The umbrella was blue." in str(context)
    assert {(one.memory, one.in_part) for one in context.left_out} >= {("id501", True)}
    whole = assemble(given_, Wish(200_000), counter)
    assert text[-32_768:] in str(whole)
    assert whole.left_out == ()


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["[m1] x", "## Mood", "\n[m2] Ann: I owe you\n", "fine", "7 May 2023:\n[m1]"]), min_size=1)
)
def test_no_text_forges_a_line(texts: Sequence[str]) -> None:
    memories = [memory(number, text, speaker=text) for number, text in enumerate(texts)]
    hits = tuple(Hit(one, 1.0, {}) for one in memories)
    context = assemble(Material("fine", hits), Wish(5000), CallableCounter(len))
    rows = str(context).split("\n")
    assert rows[:3] == [TITLE, "## Remembered", "7 May 2023:"]
    assert len(rows) == 3 + len(texts)
    for number, row in enumerate(rows[3:]):
        assert row.count("[m") == 1
        assert context.citations[row.split("]")[0] + "]"] == f"id{number}"


# Open threads


def thread_texts(*said: tuple[str | None, str]) -> list[tuple[str, str]]:
    memories = [memory(number, text, speaker) for number, (speaker, text) in enumerate(said)]
    return [(one.kind, one.sentence) for one in open_threads(memories)]


def test_a_question_is_open_until_somebody_else_says_something() -> None:
    asked = ("Bob", "Nice. When does the pottery class begin?")
    assert thread_texts(asked) == [("question", "When does the pottery class begin?")]
    assert thread_texts(asked, ("Ann", "On Monday at six.")) == []
    assert thread_texts(asked, ("Ann", "Which class do you mean?"))[-1] == ("question", asked[1][6:])
    assert thread_texts(asked, ("Bob", "The pottery class begins on Monday.")) == [], "found out by himself"
    assert thread_texts(asked, ("Bob", "I am tired.")) == [("question", asked[1][6:])]
    assert thread_texts(("Bob", "Really?"), ("Bob", "How are you?")) == []
    assert thread_texts((None, "Where did I put the violin?")) == [("question", "Where did I put the violin?")]


def test_what_is_said_later_is_read_once_for_all_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = " ".join(f"Where does person{number} live?" for number in range(40))
    said = [memory(0, asked, "Bob"), *(memory(number, "Graz is large. Carol sails.", "Bob") for number in range(1, 6))]
    read: list[str] = []

    def counted(text: str, *more: str) -> Sequence[object]:
        read.append(text)
        return extract(text, *more)

    monkeypatch.setattr(threads, "extract", counted)
    assert open_threads(said)
    assert sum(text.startswith("Where does person") for text in read) == 40
    assert read.count("Graz is large. Carol sails.") == 5


def test_a_plan_is_open_until_it_is_spoken_of_as_done() -> None:
    planned = ("Ann", "I will send the letter to Graz.")
    assert thread_texts(planned) == [("plan", planned[1])]
    assert thread_texts(planned, ("Bob", "Good luck with the letter to Graz!")) == [("plan", planned[1])]
    assert thread_texts(planned, ("Ann", "I sent the letter to Graz today.")) == []
    assert thread_texts(planned, ("Ann", "I'll send the letter to Graz tomorrow.")) == [
        ("plan", "I'll send the letter to Graz tomorrow.")
    ], "told again, it is told once"
    assert thread_texts(("Ann", "Remind me to water the plants.")) == [("plan", "Remind me to water the plants.")]
    for no_plan in ("I'll be honest, I hate it.", "I will never go back.", "Will I go? Who knows?", "I went home."):
        assert [kind for kind, _ in thread_texts(("Ann", no_plan)) if kind == "plan"] == []


def test_the_newest_thread_comes_first() -> None:
    found = thread_texts(("Ann", "I need to buy stamps."), ("Ann", "We are going to paint the boat."))
    assert [sentence for _, sentence in found] == ["We are going to paint the boat.", "I need to buy stamps."]


# Reading conversations


NUMBERS = st.lists(st.integers(0, 30), unique=True, max_size=20)


@settings(deadline=None)
@given(known=NUMBERS, gone=st.sets(st.integers(0, 30)), asked=NUMBERS, reach=st.integers(0, 3))
def test_company_is_who_stands_beside_in_the_same_conversation(
    known: list[int], gone: set[int], asked: list[int], reach: int
) -> None:
    fold = MemoriesFold(episodes.DIM)
    every = [replace(episodes.memory(number), session="s1" if number % 2 else "s2") for number in known]
    state = fold.apply(fold.empty(), Remembered(tuple(every)))
    lost = tuple(f"m{number}" for number in sorted(gone) if number in known)
    state = fold.apply(state, Forgotten(lost)) if lost else state
    living = [one for one in every if one.id not in lost]
    found = company(state, {f"m{number}": reach for number in asked})
    expected: set[str] = set()
    for number in asked:
        same = [one.id for one in living if one.session == ("s1" if number % 2 else "s2")]
        if f"m{number}" in same:
            at = same.index(f"m{number}")
            expected |= set(same[max(0, at - reach) : at + reach + 1])
    assert {one.id for stretch in found for one in stretch} == expected
    assert len([one for stretch in found for one in stretch]) == len(expected)
    for stretch in found:
        assert len({one.session for one in stretch}) == 1
        same = [one.id for one in living if one.session == stretch[0].session]
        begin = same.index(stretch[0].id)
        assert [one.id for one in stretch] == same[begin : begin + len(stretch)], "with nothing between"


def test_neighbours_are_told_by_side_and_in_order() -> None:
    (stretch,) = talk(1, 5)
    near = beside([stretch], 2)
    before, after = near["id2"]
    assert [[one.id for one in side] for side in (before, after)] == [["id0", "id1"], ["id3", "id4"]]
    assert near["id0"] == ((), stretch[1:3])


@settings(deadline=None)
@given(
    number=st.integers(0, 60), kind=st.sampled_from([None, "utterance", "fact"]), tags=st.sampled_from([(), ("home",)])
)
def test_filters_let_through_what_search_lets_through(number: int, kind: str | None, tags: tuple[str, ...]) -> None:
    from quantum_memory.memory.episodic.search import Query, search

    one = episodes.memory(number)
    fold = MemoriesFold(episodes.DIM)
    state = fold.apply(fold.empty(), Remembered((one,)))
    for filters in (
        Filters(kind=kind, tags=tags),
        Filters(kind=kind, speaker="Alice"),
        Filters(since=one.at, until=one.at + timedelta(seconds=1)),
        Filters(until=one.at),
    ):
        found = search(state, Query(None, one.embedding, filters)).memories
        assert passes(one, filters) == bool(found)
    assert not passes(replace(one, kind="equation"), Filters())
