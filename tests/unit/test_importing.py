"""Imports into agents: nothing twice, nothing lost, cut off anywhere and gone on with, bad entries by their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.actors import importing
from quantum_memory.actors.importing import BATCH, IN_FLIGHT, ImportReport, agent_name
from quantum_memory.checks import named
from quantum_memory.errors import (
    AgentNotFound,
    InvalidValue,
    TooLong,
    Unavailable,
    UnreadableEntry,
    UnreadableFile,
    UnreadableLine,
)
from quantum_memory.types import Utterance
from tests.unit.front import Front

BEGIN = datetime(2025, 1, 11, tzinfo=UTC)


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    opened = Front(tmp_path / "vault")
    yield opened
    opened.close()


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


def turns(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {"text": f"turn number {n}", "speaker": "Ann", "at": (BEGIN + timedelta(minutes=n)).isoformat()}
        for n in range(first, first + count)
    ]


def texts(front: Front, agent: str) -> list[str]:
    return [memory.text for memory in front.memory.agent(agent, create=False).memories()]


def test_a_file_is_remembered_in_its_order_and_only_once(front: Front, tmp_path: Path) -> None:
    count = BATCH * (IN_FLIGHT + 2) + 7
    path, told = write(tmp_path / "a.jsonl", turns(count)), list[ImportReport]()
    alice = front.agent()
    first = alice.import_file(path, progress=told.append)
    assert (first.read, first.added, first.known, first.skipped, first.done) == (count, count, 0, 0, True)
    assert first.form == "jsonl"
    assert first.agents == {"alice": count}
    assert texts(front, "alice") == [one["text"] for one in turns(count)]
    assert [one.read for one in told] == sorted(one.read for one in told)
    assert (told[-1], told[-1].position) == (first, path.stat().st_size)
    again = alice.import_file(path)
    assert (again.added, again.known) == (0, count)
    write(path, turns(count + 5))
    grown = alice.import_file(str(path))
    assert (grown.added, grown.known) == (5, count)
    assert len(texts(front, "alice")) == count + 5


def test_what_was_forgotten_stays_forgotten(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", turns(3)), front.agent()
    alice.import_file(path)
    alice.forget(alice.memories()[1].id)
    report = alice.import_file(path)
    assert (report.added, report.known) == (0, 3)
    assert texts(front, "alice") == ["turn number 0", "turn number 2"]


def test_what_is_known_is_not_perceived_again(front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, alice = write(tmp_path / "a.jsonl", turns(BATCH + 3)), front.agent()
    alice.import_file(path)
    sent = list[int]()

    async def counted(request: Any) -> None:
        sent.append(len(request.utterances))

    monkeypatch.setattr(front.host, "remember_one", counted)
    alice.import_file(path)
    assert sent == []


class Cut(Exception):
    """The process is gone."""


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 3), st.booleans())
def test_an_import_that_was_cut_off_anywhere_goes_on_to_the_same_end(
    tmp_path_factory: pytest.TempPathFactory, after: int, reopen: bool
) -> None:
    folder, count = tmp_path_factory.mktemp("cut"), BATCH * 3 + 3
    path = write(folder / "a.jsonl", turns(count))
    front = Front(folder / "vault")
    told = 0

    def cut(_: ImportReport) -> None:
        nonlocal told
        told += 1
        if told > after:
            raise Cut

    try:
        with pytest.raises(Cut):
            front.agent().import_file(path, progress=cut)
        if reopen:
            front.reopen()
        report = front.agent().import_file(path)
        assert report.added + report.known == count
        assert sorted(texts(front, "alice")) == sorted(one["text"] for one in turns(count))
    finally:
        front.close()


def test_when_writing_fails_the_error_is_told_and_the_rest_can_follow(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, alice = write(tmp_path / "a.jsonl", turns(BATCH * 6)), front.agent()
    remember, calls = front.host.remember_one, list[int]()

    async def fails(request: Any) -> Any:
        calls.append(len(request.utterances))
        if len(calls) == 3:
            raise Unavailable("the model is away")
        return await remember(request)

    monkeypatch.setattr(front.host, "remember_one", fails)
    with pytest.raises(Unavailable, match="away"):
        alice.import_file(path)
    assert len(calls) <= 3 + IN_FLIGHT, "no more than what was on its way is sent after a failure"
    report = alice.import_file(path)
    assert report.known >= 2 * BATCH
    assert len(texts(front, "alice")) == BATCH * 6


BAD = [*turns(BATCH + 2), {"txt": "x"}, *turns(3, BATCH + 2), {"text": "y" * 40_000}, {"text": "z", "embedding": [1.0]}]


def test_a_bad_entry_stops_it_before_anything_is_written(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", BAD), front.agent()
    with pytest.raises(UnreadableLine, match=f"line {BATCH + 3}: txt: expected one of"):
        alice.import_file(path)
    write(path, BAD[-2:])
    with pytest.raises(UnreadableLine, match="line 1: text: 40000 characters, the limit is 32768"):
        alice.import_file(path)
    assert texts(front, "alice") == []


def test_without_the_check_what_stands_before_a_bad_entry_stays(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", BAD), front.agent()
    with pytest.raises(UnreadableLine):
        alice.import_file(path, check=False)
    assert len(texts(front, "alice")) == BATCH + 2


def test_a_document_that_ends_in_the_middle_leaves_what_stands_before(front: Front, tmp_path: Path) -> None:
    path, alice = tmp_path / "x.json", front.agent()
    whole = json.dumps({"results": [{"id": str(n), "memory": f"fact {n}"} for n in range(BATCH + 9)]})
    path.write_text(whole[:-4])
    with pytest.raises(UnreadableFile, match=f"after {BATCH + 8} whole entries"):
        alice.import_file(path)
    assert texts(front, "alice") == []
    with pytest.raises(UnreadableFile):
        alice.import_file(path, skip_bad=True)
    assert len(texts(front, "alice")) == BATCH + 8
    path.write_text(whole)
    assert alice.import_file(path).added == 1


def test_bad_entries_are_left_out_and_listed(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", BAD), front.agent()
    report = alice.import_file(path, skip_bad=True)
    assert (report.added, report.skipped) == (BATCH + 5, 3)
    assert [one.line for one in report.bad if isinstance(one, UnreadableLine)] == [BATCH + 3, BATCH + 7, BATCH + 8]
    assert len(texts(front, "alice")) == BATCH + 5
    many = write(tmp_path / "many.jsonl", [{"txt": "x"}] * (importing.LISTED + 5))
    report = alice.import_file(many, skip_bad=True)
    assert (report.skipped, len(report.bad)) == (importing.LISTED + 5, importing.LISTED)


def test_an_id_that_something_else_has_makes_an_entry_bad(front: Front, tmp_path: Path) -> None:
    alice = front.agent()
    alice.remember(Utterance("mine", id="x"))
    path = write(
        tmp_path / "a.jsonl", [{"text": "new", "id": "n"}, {"text": "theirs", "id": "x"}, {"text": "mine", "id": "y"}]
    )
    with pytest.raises(UnreadableLine, match="line 2: id: the agent has another text under 'x'"):
        alice.import_file(path)
    report = alice.import_file(path, skip_bad=True)
    assert (report.skipped, report.added + report.known) == (1, 2)


def test_what_was_revised_since_is_known_and_stays_revised(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", [*turns(2), {"text": "mine", "id": "x"}]), front.agent()
    alice.import_file(path)
    first, _, own = alice.memories()
    alice.revise(first.id, text="corrected")
    report = alice.import_file(path)
    assert (report.added, report.known) == (0, 3)
    assert sorted(texts(front, "alice")) == ["corrected", "mine", "turn number 1"]
    alice.revise(own.id, text="mine no more")
    with pytest.raises(UnreadableLine, match="line 3: id: the agent has another text under 'x'"):
        alice.import_file(path)  # an id that the file brings says nothing of the text


def test_a_dry_run_says_what_would_be_done_and_does_nothing(front: Front, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*turns(4), {"txt": "bad"}])
    report = front.memory.import_file(path, "nobody", dry_run=True, skip_bad=True)
    assert (report.read, report.added, report.skipped, report.agents) == (4, 4, 1, {"nobody": 4})
    with pytest.raises(AgentNotFound):
        front.memory.agent("nobody", create=False)
    front.agent().import_file(write(tmp_path / "b.jsonl", turns(2)))
    report = front.memory.import_file(path, "alice", dry_run=True, skip_bad=True)
    assert (report.added, report.known) == (2, 2)
    with pytest.raises(UnreadableLine):
        front.memory.import_file(path, "alice", dry_run=True)
    assert len(texts(front, "alice")) == 2


LOCOMO = [
    {
        "sample_id": f"conv/{n}",
        "qa": [],
        "conversation": {
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [{"speaker": "Ann", "dia_id": f"D1:{t}", "text": f"text {n} {t}"} for t in range(3)],
        },
    }
    for n in range(3)
]


def test_each_conversation_may_have_an_agent_of_its_own(front: Front, tmp_path: Path) -> None:
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps(LOCOMO))
    report = front.memory.import_file(path, "lc-{conversation}")
    assert report.agents == {"lc-conv-0": 3, "lc-conv-1": 3, "lc-conv-2": 3}
    assert texts(front, "lc-conv-1") == ["text 1 0", "text 1 1", "text 1 2"]
    together = front.memory.import_file(path, "all")
    assert together.agents == {"all": 9}
    sessions = {memory.session for memory in front.memory.agent("all").memories()}
    assert sessions == {f"conv/{n} session_1" for n in range(3)}


def test_an_import_goes_to_the_branch_that_is_named(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", turns(3)), front.agent()
    side = alice.fork("side")
    assert front.memory.import_file(path, "alice@side").added == 3
    assert (len(side.memories()), len(alice.memories())) == (3, 0)


def test_in_a_transaction_an_import_is_all_or_nothing(front: Front, tmp_path: Path) -> None:
    path, alice = write(tmp_path / "a.jsonl", BAD), front.agent()
    with pytest.raises(UnreadableLine), alice.transaction():
        alice.import_file(path, check=False)
    assert texts(front, "alice") == []
    with alice.transaction():
        alice.import_file(path, skip_bad=True)
    assert len(texts(front, "alice")) == BATCH + 5


def test_known_and_bounds_say_what_an_agent_has_and_takes(front: Front) -> None:
    alice = front.agent()
    alice.remember([Utterance("one", id="1"), Utterance("two", id="2")])
    alice.forget("2")
    assert alice.known(["1", "2", "3"]) == {"1": "one", "2": None}
    limits = front.settings.limits
    assert alice.bounds() == importing.Bounds(limits.text_chars, front.settings.perception.dim, limits.batch)


def test_a_cluster_that_takes_small_batches_gets_small_ones(tmp_path: Path) -> None:
    front = Front(tmp_path / "vault", limits={"batch": 3})
    try:
        with pytest.raises(TooLong):
            front.agent().remember([Utterance(f"text {n}") for n in range(4)])
        assert front.agent().import_file(write(tmp_path / "a.jsonl", turns(20))).added == 20
    finally:
        front.close()


def test_arguments_are_checked_before_anything_is_read(front: Front, tmp_path: Path) -> None:
    alice = front.agent()
    with pytest.raises(InvalidValue, match="zone: expected"):
        alice.import_file(tmp_path / "missing", zone="Mars/Base")
    with pytest.raises(InvalidValue, match="dates: expected auto or dmy"):
        alice.import_file(tmp_path / "missing", dates="ydm")  # type: ignore[arg-type]  # what a caller without types gives
    for wrong in ("", "a\0b", 5):
        with pytest.raises(InvalidValue, match="path: expected the path"):
            alice.import_file(wrong)  # type: ignore[arg-type]  # the same
    with pytest.raises(FileNotFoundError):
        alice.import_file(tmp_path / "missing")
    with pytest.raises(InvalidValue, match="progress: expected none through"):
        alice.import_file.remote(tmp_path / "missing", progress=print)
    path = tmp_path / "x.json"
    path.write_text('{"results": [{"id": "1", "memory": 5}]}')
    with pytest.raises(UnreadableEntry, match=r"results\[0\]: text: expected a text, got 5"):
        alice.import_file(path)


@given(st.text())
def test_a_conversation_s_name_becomes_a_name_for_an_agent(conversation: str) -> None:
    assert named("agent", agent_name(conversation)) == agent_name(conversation)
