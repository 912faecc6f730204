"""Statements read behind the writes: what they tell the graph, when, and that no write is ever in their way."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from quantum_memory.actors import extracting
from quantum_memory.actors.extracting import BATCH, extractor_of
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster import doctor
from quantum_memory.errors import CorruptRecord, EndpointFailed, InvalidValue, MissingDependency, OutOfRange
from quantum_memory.memory.semantic.extractors import RuleExtractor
from quantum_memory.memory.semantic.triples import Triple
from quantum_memory.memory.timeline import Timeline
from quantum_memory.settings import GraphSettings
from quantum_memory.types import Place, RelationKey, Utterance
from tests.unit.chat import LIVES, Server, saying, statement
from tests.unit.front import Front

AT = datetime(2023, 5, 8, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = {"extractor": "rules"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracting, "DELAY_S", 0.0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Front]]:
    """Makes a front with settings of the section ``graph``; more than one over the same storage, one after another."""
    made: list[Front] = []

    def begin(**graph: Any) -> Front:
        while made:
            made.pop().close()
        made.append(Front(tmp_path / "vault", graph=graph))
        return made[-1]

    yield begin
    while made:
        made.pop().close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def said(text: str, number: int = 0, **fields: Any) -> Utterance:
    return Utterance(text, speaker="Ann", at=AT + number * DAY, id=fields.pop("id", f"m{number}"), **fields)


def read(front: Front) -> None:
    """Come back when nothing waits to be read."""

    while front.host._writer.extracting.status()["extraction_waiting"]:
        front.wait(asyncio.sleep(0.002))


def status(front: Front, name: str) -> int:
    return front.wait(front.host.status())[f"extraction_{name}"]


def known(agent: AgentHandle, at: datetime | None = None) -> list[tuple[str, str, str | None]]:
    return [(one.predicate, one.object, one.memory) for one in agent.relations("Ann", at=at)]


class Broken(RuleExtractor):
    """Fails at what it is told to fail at, and may be made to wait."""

    def __init__(self, fails: str, error: Exception, gate: threading.Event | None = None) -> None:
        self.fails, self.error, self.gate = fails, error, gate
        self.asked: list[str] = []
        self.threads: set[int] = set()

    def triples(self, text: str, speaker: str | None = None, at: datetime | None = None) -> tuple[Triple, ...]:
        self.threads.add(threading.get_ident())
        self.asked.append(text)
        if self.gate is not None:
            assert self.gate.wait(30)
        if self.fails in text:
            raise self.error
        return super().triples(text, speaker, at)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Broken]:
    def use(fails: str = "\0", error: Exception | None = None, gate: threading.Event | None = None) -> Broken:
        made = Broken(fails, error or EndpointFailed("https://a/v1", "status 500", 4), gate)
        monkeypatch.setattr(extracting, "extractor_of", lambda *_: made)
        return made

    return use


def test_a_statement_becomes_a_relation_with_its_memory_and_date(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    alice.remember(said("I live in Rome. I don't like rain."))
    read(front)
    (rome,) = alice.relations("Rome")
    assert rome.key == RelationKey("Ann", "lives in", "Rome")
    assert (rome.memory, rome.at, rome.until) == ("m0", AT, None)
    assert rome.weight < 1
    assert status(front, "relations") == 1
    assert [entry.kind for entry in alice.log()] == ["related", "remembered"]


def test_news_closes_what_held_before_and_forgetting_it_brings_that_back(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    alice.remember(said("I live in Rome.", 0))
    alice.remember(said("I moved to Boston.", 9))
    read(front)
    assert known(alice) == [("lives in", "Boston", "m9"), ("moved to", "Boston", "m9")]
    (then,) = alice.relations("Ann", at=AT + 5 * DAY)
    assert (then.object, then.until) == ("Rome", AT + 9 * DAY)
    alice.forget("m9")
    assert known(alice) == [("lives in", "Rome", "m0")]
    alice.forget("m0")
    assert known(alice) == []


def test_a_denial_ends_what_it_denies(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    alice.remember([said("I live in Rome.", 0), said("I don't live in Rome.", 3)])
    read(front)
    assert known(alice) == []
    assert known(alice, AT + DAY) == [("lives in", "Rome", "m0")]
    assert alice.log(1)[0].summary == "Ann lives in Rome"
    alice.forget("m3")
    assert known(alice) == [("lives in", "Rome", "m0")]


@pytest.fixture
def held_up(start: Callable[..., Front], broken: Callable[..., Broken]) -> Iterator[tuple[Front, threading.Event]]:
    """A front in which m0 is being read and goes no further until the gate opens."""
    gate = threading.Event()
    reader, front = broken(gate=gate), start(**RULES)
    front.agent().remember(said("I live in Rome.", 0))
    while not reader.asked:
        front.wait(asyncio.sleep(0.001))
    yield front, gate
    gate.set()


def test_a_memory_that_is_forgotten_while_it_is_read_tells_nothing(held_up: tuple[Front, threading.Event]) -> None:
    front, gate = held_up
    alice = front.agent()
    alice.forget("m0")
    gate.set()
    read(front)
    assert alice.relations() == []
    assert [entry.kind for entry in alice.log()] == ["forgotten", "remembered"]


def test_a_memory_that_is_revised_while_it_is_read_tells_what_it_says_now(
    held_up: tuple[Front, threading.Event],
) -> None:
    front, gate = held_up
    alice = front.agent()
    alice.revise("m0", text="I love tea.")
    gate.set()
    read(front)
    assert known(alice) == [("loves", "tea", "m0")]
    assert [entry.kind for entry in alice.log()] == ["related", "revised", "remembered"]


def test_a_graph_that_is_rolled_back_while_a_memory_is_read_stays_so(held_up: tuple[Front, threading.Event]) -> None:
    front, gate = held_up
    alice = front.agent()
    alice.rollback(Place(alice.info.id, 0), {"graph"})
    gate.set()
    read(front)
    assert alice.relations() == []
    assert len(alice.memories()) == 1


def test_a_revision_is_read_anew_and_takes_back_what_it_said(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    alice.remember(said("I love tea. I own a car."))
    read(front)
    alice.revise("m0", text="I love coffee. I own a car.")
    read(front)
    assert known(alice) == [("loves", "coffee", "m0"), ("owns", "car", "m0")]
    head = alice.log(1)[0].place
    alice.revise("m0", tags="drinks")
    read(front)
    assert alice.log(1)[0].place.seq == head.seq + 1


def test_catching_up_after_a_restart_doubles_nothing(start: Callable[..., Front]) -> None:
    alice = start().agent()
    alice.remember([said("I live in Rome.", 0), said("Nice to meet you!", 1)])
    front = start(**RULES)
    alice = front.agent()
    alice.remember(said("I love tea.", 2))
    read(front)
    assert known(alice) == [("loves", "tea", "m2")]
    assert alice.extract_relations(last=2) == 0
    assert alice.extract_relations() == 1
    assert known(alice) == [("lives in", "Rome", "m0"), ("loves", "tea", "m2")]
    before, events = alice.knowledge(), alice.log(1)[0].place
    front.reopen()
    alice = front.agent()
    assert alice.extract_relations() == 0
    assert front.agent().knowledge() == before
    assert alice.log(1)[0].place == events


def test_a_fork_made_too_early_catches_up_and_one_made_later_has_nothing_to_learn(start: Callable[..., Front]) -> None:
    start().agent().remember([said("I live in Rome.", 0), said("I live in Paris.", 4)])
    front = start(**RULES)
    alice = front.agent()
    early = alice.fork("early")
    assert alice.extract_relations() == 2
    late = alice.fork("late")
    assert late.extract_relations() == 0
    assert known(early) == []
    assert early.extract_relations() == 2
    assert known(early) == known(late) == known(alice) == [("lives in", "Paris", "m4")]
    alice.merge(early)
    assert known(alice) == [("lives in", "Paris", "m4")]
    assert known(alice, AT + DAY) == [("lives in", "Rome", "m0")]


def test_relations_go_to_the_branch_that_the_memory_was_written_to(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    what_if = alice.fork("what-if")
    what_if.remember(said("I live in Rome."))
    read(front)
    assert known(what_if) == [("lives in", "Rome", "m0")]
    assert known(alice) == []


def test_after_a_rollback_of_the_graph_what_it_lost_is_not_told(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    empty = alice.checkpoint("empty")
    alice.remember(said("I live in Rome."))
    remembered = alice.log(1)[0].place
    read(front)
    alice.rollback(remembered, {"graph"})
    assert known(alice) == []
    assert alice.extract_relations() == 1
    assert known(alice) == [("lives in", "Rome", "m0")]
    alice.rollback(empty, {"graph"})
    assert alice.extract_relations() == 0
    alice.rollback(empty)
    assert alice.extract_relations() == 0
    assert alice.relations() == []


def test_a_transaction_is_read_once_it_is_kept(start: Callable[..., Front]) -> None:
    front = start(**RULES)
    alice = front.agent()
    with alice.transaction():
        alice.remember(said("I live in Rome.", 0))
        alice.revise("m0", text="I live in Paris.")
        assert alice.relations() == []
    read(front)
    assert known(alice) == [("lives in", "Paris", "m0")]
    with suppress(RuntimeError), alice.transaction():
        alice.remember(said("I love tea.", 1))
        raise RuntimeError
    read(front)
    assert known(alice) == [("lives in", "Paris", "m0")]
    with alice.transaction():
        alice.remember(said("I love tea.", 2))
        assert alice.extract_relations() == 1
    assert ("loves", "tea", "m2") in known(alice)


def test_off_reads_nothing_and_says_so_when_asked(start: Callable[..., Front]) -> None:
    front = start()
    assert front.settings.graph.extractor == "off"
    alice = front.agent()
    alice.remember(said("I live in Rome."))
    assert status(front, "waiting") == 0
    assert alice.relations() == []
    with pytest.raises(InvalidValue, match=r"graph\.extractor: expected rules, spacy or endpoint"):
        alice.extract_relations()
    with pytest.raises(OutOfRange, match="last"):
        alice.extract_relations(last=0)


@pytest.mark.parametrize("error", [EndpointFailed("https://a/v1", "status 500", 4), ZeroDivisionError("odd")])
def test_a_broken_extractor_fails_no_write_and_is_told_of_once(
    start: Callable[..., Front], broken: Callable[..., Broken], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    reader = broken("tea", error)
    front = start(**RULES)
    alice = front.agent()
    with caplog.at_level(logging.WARNING):
        for number in range(5):
            alice.remember(said("I love tea.", number))
            read(front)
    assert len(alice.memories()) == status(front, "failed") == 5
    assert [type(error).__name__ in one.message for one in caplog.records] == [True]
    with pytest.raises(type(error)):
        alice.extract_relations()
    alice.remember([said("I love tea.", 7), said("I live in Rome.", 8)])
    read(front)
    assert known(alice) == [("lives in", "Rome", "m8")]
    reader.fails = "\0"
    assert alice.extract_relations() == 6
    assert alice.extract_relations() == 0


def test_a_graph_that_lacks_something_is_told_nothing(
    start: Callable[..., Front], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(_: object, place: Place) -> None:
        raise CorruptRecord(f"branch {place.branch}, 1..2", "it cannot be read, and graph depend on it")

    front = start(**RULES)
    alice = front.agent()
    with monkeypatch.context() as damaged:
        damaged.setattr(Timeline, "whole", lacking)
        alice.remember(said("I live in Rome."))
        read(front)
        assert (len(alice.log()), status(front, "failed")) == (1, 1)
        with pytest.raises(CorruptRecord, match=alice.info.id):
            alice.extract_relations()
    assert alice.extract_relations() == 1


def test_an_extractor_that_is_not_there_fails_no_write(
    start: Callable[..., Front], caplog: pytest.LogCaptureFixture
) -> None:
    front = start(extractor="endpoint", endpoint_url="https://a/v1", endpoint_model="m", endpoint_key_file="/no/key")
    alice = front.agent()
    alice.remember([said("I live in Rome.", 0), said("I love tea.", 1)])
    read(front)
    assert status(front, "failed") == 2
    assert "statements were not read, 2 memories so far: InvalidValue: api_key_file" in caplog.text


def test_reading_is_done_in_a_thread_of_its_own_while_writes_go_on(
    start: Callable[..., Front], broken: Callable[..., Broken]
) -> None:
    gate = threading.Event()
    reader = broken(gate=gate)
    front = start(**RULES)
    alice = front.agent()
    for number in range(3):
        alice.remember(said("I love tea.", number))
    assert len(alice.recall("tea")) == 3
    assert status(front, "waiting") == 3
    gate.set()
    read(front)
    assert reader.threads.isdisjoint({threading.get_ident(), front.thread.ident})
    assert known(alice) == [("loves", "tea", "m2")]


def test_what_is_over_the_bound_is_left_out_counted_and_told_of_once(
    start: Callable[..., Front],
    broken: Callable[..., Broken],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(extracting, "WAITING", 4)
    gate = threading.Event()
    broken(gate=gate)
    front = start(**RULES)
    alice = front.agent()
    alice.remember([said(f"I own a car {number}.", number) for number in range(3)])
    alice.remember([said("I love tea.", number) for number in range(3, 6)])
    alice.remember(said("I love milk.", 6))
    assert (status(front, "waiting"), status(front, "dropped")) == (4, 3)
    gate.set()
    read(front)
    assert [one.memory for one in alice.relations("tea")] == ["m3"]
    assert caplog.text.count("more than 4 memories wait") == 1
    assert alice.extract_relations() == 3
    assert [one.memory for one in alice.relations("tea")] == ["m5"]


def test_a_deleted_branch_is_passed_over(start: Callable[..., Front], broken: Callable[..., Broken]) -> None:
    gate = threading.Event()
    broken(gate=gate)
    front = start(**RULES)
    alice = front.agent()
    fork = alice.fork("fork")
    fork.remember(said("I live in Rome.", 0))
    alice.remember(said("I love tea.", 1))
    fork.delete()
    gate.set()
    read(front)
    assert (status(front, "failed"), status(front, "relations")) == (0, 1)


def test_closing_reads_what_waits(start: Callable[..., Front], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracting, "DELAY_S", 60.0)
    front = start(**RULES)
    alice = front.agent()
    alice.remember([said("I live in Rome.", number) for number in range(2 * BATCH + 1)])
    assert status(front, "waiting") == 2 * BATCH + 1
    front.reopen()
    (rome,) = front.agent().relations("Rome")
    assert rome.memory == f"m{2 * BATCH}"


def test_closing_waits_no_longer_than_it_may(
    start: Callable[..., Front],
    broken: Callable[..., Broken],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(extracting, "CLOSING_S", 0.05)
    gate = threading.Event()
    broken(gate=gate)
    front = start(**RULES)
    front.agent().remember([said("I live in Rome.", number) for number in range(2)])
    front.reopen()
    gate.set()
    assert "2 memories were not read for their statements before the end" in caplog.text
    assert front.agent().extract_relations() == 2


def test_an_endpoint_is_asked_behind_the_write_and_once(start: Callable[..., Front], server: Server) -> None:
    front = start(extractor="endpoint", endpoint_url=server.url, endpoint_model="small", least_confidence=0.5)
    alice = front.agent()
    alice.remember([said(LIVES, 0), said("Good morning.", 1)])
    read(front)
    assert known(alice) == [("lives in", "Rome", "m0")]
    assert len(server.asked) == 2
    front.reopen()
    alice = front.agent()
    server.answers = [saying({"entities": [], "statements": [statement(object="Paris")]})]
    assert alice.extract_relations(last=2) == 0
    assert [one["messages"][-1]["content"] for one in server.asked[2:]] == [server.asked[1]["messages"][-1]["content"]]
    assert known(alice) == [("lives in", "Rome", "m0")]


def test_a_failing_endpoint_touches_no_write_and_its_rest_ends_with_the_close(
    start: Callable[..., Front],
    server: Server,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    front = start(extractor="endpoint", endpoint_url=server.url, endpoint_model="small", endpoint_retries=0)
    alice = front.agent()
    server.answers = [saying("{}", 500), saying("{}", 401), saying("{}", 500)]
    alice.remember([said("I live in Oslo.", number) for number in range(3)])
    read(front)
    assert (len(alice.memories()), status(front, "failed")) == (3, 3)
    assert caplog.text.count("EndpointFailed") == 1
    monkeypatch.setattr(extracting, "CLOSING_S", 0.05)
    front = start(extractor="endpoint", endpoint_url=server.url, endpoint_model="small", endpoint_retries=20)
    server.retry_after, server.answers = "30", [saying("{}", 503)]
    asked = len(server.asked)
    front.agent().remember(said(LIVES, 9))
    while len(server.asked) == asked:
        assert status(front, "waiting") == 1
    thread = front.host._writer.extracting._thread
    front.reopen()
    thread.shutdown(wait=True)
    assert len(server.asked) == asked + 1


def test_an_extractor_follows_from_the_settings() -> None:
    assert extractor_of(GraphSettings(extractor="rules")).name == "rules"
    endpoint = GraphSettings(extractor="endpoint", endpoint_url="https://a/v1", endpoint_model="small")
    assert extractor_of(endpoint).name == "endpoint:small"
    with pytest.raises(MissingDependency, match="SpacyExtractor"):
        extractor_of(GraphSettings(extractor="spacy", spacy_model="no_such_model"))
    with pytest.raises(InvalidValue, match="got off"):
        extractor_of(GraphSettings())


@pytest.mark.parametrize(
    ("config", "fine", "told"),
    [
        ("extractor: off", True, "off"),
        ("extractor: rules", True, "rules"),
        (
            "{extractor: endpoint, endpoint_url: 'https://a/v1', endpoint_model: small}",
            True,
            "endpoint:small, at https://a/v1",
        ),
        ("{extractor: spacy, spacy_model: no_such_model}", False, "not installed"),
        ("{extractor: endpoint, endpoint_url: 'http://a/v1', endpoint_model: small}", False, "https"),
    ],
)
def test_the_doctor_says_who_reads_statements(tmp_path: Path, config: str, fine: bool, told: str) -> None:
    body = config if config.startswith("{") else f"{{{config}}}"
    (tmp_path / "config.yaml").write_text(f"graph: {body}\n")
    settings, _ = doctor._settings(tmp_path / "config.yaml", None)
    (found,) = doctor._extraction(settings)
    assert (found.name, found.fine, bool(found.advice)) == ("statements", fine, not fine)
    assert told in found.value
