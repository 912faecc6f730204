"""The example conversation and its questions fit together, so a demo that replays them can trust the ids."""

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[2] / "examples" / "data"
TURN_FIELDS = {"id", "session", "at", "speaker", "text"}
QUESTION_FIELDS = {"id", "question", "answer", "evidence", "kind"}
KINDS = {"single-hop", "multi-hop", "temporal", "changed-fact", "emotional"}

Record = dict[str, Any]


def records(name: str) -> list[Record]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def turns() -> list[Record]:
    return records("conversation.jsonl")


@pytest.fixture(scope="module")
def questions() -> list[Record]:
    return records("questions.jsonl")


def test_a_turn_has_its_fields_and_says_something(turns: list[Record]) -> None:
    for turn in turns:
        assert set(turn) == TURN_FIELDS
        assert all(isinstance(value, str) and value.strip() for value in turn.values()), turn["id"]


def test_ids_are_unique(turns: list[Record], questions: list[Record]) -> None:
    for rows in (turns, questions):
        repeated = [name for name, count in Counter(row["id"] for row in rows).items() if count > 1]
        assert repeated == []


def test_a_turn_id_begins_with_its_session(turns: list[Record]) -> None:
    assert [turn["id"] for turn in turns if not turn["id"].startswith(f"{turn['session']}-")] == []


def test_time_knows_its_zone_and_only_moves_forward(turns: list[Record]) -> None:
    times = [datetime.fromisoformat(turn["at"]) for turn in turns]
    assert all(at.utcoffset() is not None for at in times)
    assert all(earlier < later for earlier, later in pairwise(times))


def test_two_people_talk_in_every_session(turns: list[Record]) -> None:
    speakers = {turn["speaker"] for turn in turns}
    assert len(speakers) == 2
    for session in {turn["session"] for turn in turns}:
        assert {turn["speaker"] for turn in turns if turn["session"] == session} == speakers, session


def test_the_conversation_is_long_and_spans_most_of_a_year(turns: list[Record]) -> None:
    assert len(turns) >= 200
    assert len({turn["session"] for turn in turns}) >= 12
    first, last = (datetime.fromisoformat(turns[i]["at"]) for i in (0, -1))
    assert last - first >= timedelta(days=330)


def test_no_line_is_said_twice(turns: list[Record]) -> None:
    repeated = [text for text, count in Counter(turn["text"] for turn in turns).items() if count > 1]
    assert repeated == []


def test_a_question_has_its_fields_and_an_answer(questions: list[Record]) -> None:
    assert len(questions) >= 30
    for question in questions:
        assert set(question) == QUESTION_FIELDS
        assert question["question"].strip().endswith("?"), question["id"]
        assert question["answer"].strip(), question["id"]


def test_every_kind_of_question_is_asked(questions: list[Record]) -> None:
    assert {question["kind"] for question in questions} == KINDS


def test_evidence_names_turns_once_each(turns: list[Record], questions: list[Record]) -> None:
    known = {turn["id"] for turn in turns}
    for question in questions:
        evidence = question["evidence"]
        assert evidence, question["id"]
        assert len(set(evidence)) == len(evidence), question["id"]
        assert set(evidence) <= known, question["id"]


def test_a_multi_hop_question_needs_several_sessions(turns: list[Record], questions: list[Record]) -> None:
    session_of = {turn["id"]: turn["session"] for turn in turns}
    for question in questions:
        if question["kind"] == "multi-hop":
            assert len({session_of[turn] for turn in question["evidence"]}) >= 2, question["id"]
