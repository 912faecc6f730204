"""The search index: what is found by columns and by words, in each database alike."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, InvalidValue, Quarantined, TooLong, VaultUnavailable
from quantum_memory.memory.events import Entry, Event, Felt, Forgotten, Merged, Picked, Remembered, Revised
from quantum_memory.memory.vault import index as index_module
from quantum_memory.memory.vault import schema, words
from quantum_memory.memory.vault.catalog import from_us, to_us
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.index import Index
from quantum_memory.memory.vault.migrations import migrate
from quantum_memory.types import NEUTRAL, PAD, BranchId, Found, Memory, Place
from tests.unit.postgres import ON_POSTGRES

START = datetime(2026, 1, 1, tzinfo=UTC)
EMBEDDING = np.ones(2, np.float32)
JOY, FEAR = PAD(0.76, 0.48, 0.35), PAD(-0.64, 0.60, -0.43)


class Journal:
    """A journal as the vault writes it, with its index."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.index = Index(database, self.entries)
        self.heads: dict[BranchId, int] = {}
        self.damaged: set[tuple[BranchId, int]] = set()
        self.position = 0

    def branch(self, name: BranchId, agent: str, kind: str = "root", fork_seq: int = 0) -> None:
        with self.database.transaction() as connection:
            if kind == "root":
                connection.execute(sa.insert(schema.agents), {"name": agent, "root": name})
            self.position += 1
            row = {"id": name, "agent": agent, "name": name, "lineage": "x", "kind": kind, "fork_seq": fork_seq}
            connection.execute(sa.insert(schema.branches), row | {"created_at": 0, "position": self.position})
        self.heads[name] = fork_seq

    def write(self, branch: BranchId, *events: Event, agent: str = "alice") -> None:
        rows = []
        for event in events:
            self.position += 1
            self.heads[branch] += 1
            row = {"position": self.position, "branch": branch, "seq": self.heads[branch], "at": to_us(START)}
            told = {"kind": kind_of(event), "agent": agent, "op_id": secrets.token_hex(8), "payload": encode(event)}
            rows.append(row | told)
        with self.database.transaction() as connection:
            connection.execute(sa.insert(schema.journal), rows)

    def remember(self, *texts: str, branch: BranchId = "main", agent: str = "alice", **more: Any) -> None:
        memories = tuple(memory(f"{self.position}.{n}", text, **more) for n, text in enumerate(texts))
        self.write(branch, Remembered(memories), agent=agent)

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        journal = schema.journal.c
        asked = sa.select(journal.seq, journal.at, journal.payload).order_by(journal.seq)
        with self.database.read() as connection:
            rows = connection.execute(asked.where(journal.branch == branch, journal.seq > after, journal.seq <= upto))
            found = []
            for seq, at, payload in rows:
                if (branch, seq) in self.damaged:
                    raise Quarantined(f"{branch}@{seq}", "some block")
                found.append(Entry(Place(branch, seq), from_us(at), decode(payload)))
            return found

    def texts(self, *arguments: Any, **wanted: Any) -> list[str]:
        return [found.text for found in self.index.find(*arguments, **wanted)]


def memory(id_: str, text: str, at: float = 0.0, pad: PAD = NEUTRAL, **more: Any) -> Memory:
    return Memory(id_, text, START + timedelta(seconds=at), pad, 1.0, 0.5, EMBEDDING, **more)


@pytest.fixture(params=["sqlite", "memory", ON_POSTGRES])
def journal(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Journal]:
    where = {"sqlite": str(tmp_path / "vault"), "memory": "memory://"}.get(request.param)
    database = Database(where or request.getfixturevalue("postgres"))
    with database.transaction() as connection:
        migrate(connection, database.storage)
    made = Journal(database)
    made.branch("main", "alice")
    yield made
    database.close()


def test_what_is_found_has_everything_that_was_remembered(journal: Journal) -> None:
    said = memory("m", "Bob lent me his umbrella.", 5, JOY, speaker="Alice", kind="story", session="monday")
    journal.write("main", Remembered((memory("l", "nothing"), said)))
    (found,) = journal.index.find(words="umbrella")
    assert found == Found(
        "alice",
        Place("main", 1),
        2,
        "m",
        said.text,
        START + timedelta(seconds=5),
        "joy",
        JOY,
        0.5,
        "Alice",
        "story",
        "monday",
    )


def test_it_says_what_was_ever_written(journal: Journal) -> None:
    journal.remember("first version")
    journal.write("main", Forgotten(("1.0",)), Revised((memory("1.0", "second version", 1),)))
    merged = Merged(Place("main", 1), None, (memory("a", "merged version", 2),), (), (), None)
    revised = (memory("b", "merged again version", 3),)
    journal.write("main", Merged(merged.source, None, merged.memories, (), (), None, revised=revised))
    picked = (memory("c", "picked version", 4),), (memory("d", "picked again version", 5),)
    journal.write("main", Picked(Place("main", 1), *picked), Felt(START, JOY, 1.0, 1.0))
    told = ["first", "second", "merged", "merged again", "picked", "picked again"]
    assert journal.texts() == [f"{each} version" for each in reversed(told)]
    assert sorted(journal.texts(words="version")) == sorted(f"{each} version" for each in told)


def test_each_column_narrows_what_is_found_and_the_newest_comes_first(journal: Journal) -> None:
    journal.branch("bobs", "bob")
    journal.remember("a", at=1, pad=JOY, speaker="Alice", session="s1")
    journal.remember("b", at=3, pad=FEAR, speaker="Bob", session="s1", kind="dream")
    journal.remember("c", at=2, pad=FEAR, session="s2")
    journal.remember("d", branch="bobs", agent="bob", at=4, session="s1")
    journal.remember("e", "f", at=3)
    assert journal.texts() == ["d", "f", "e", "b", "c", "a"]
    assert journal.texts(limit=2) == ["d", "f"]
    assert journal.texts(agent="alice", session="s1") == ["b", "a"]
    assert journal.texts(agent="bob") == ["d"]
    assert journal.texts(emotion="fear") == ["b", "c"]
    assert journal.texts(emotion="joy", agent="bob") == []
    assert journal.texts(speaker="Bob") == ["b"]
    assert journal.texts(kind="dream") == ["b"]
    second = timedelta(seconds=1)
    assert journal.texts(since=START + 2 * second, until=START + 3 * second) == ["c"]
    assert journal.texts(since=(START + 4 * second).replace(tzinfo=None)) == ["d"]
    assert journal.texts(words="c", emotion="joy") == []


def test_words_are_found_whole_in_any_order_and_case_or_by_their_beginning(journal: Journal) -> None:
    journal.remember("It rained: the UMBRELLA-stand fell over!", at=1)
    journal.remember("Der Straßenköter bellt. O'Neill's e-mail is bob_b@example.com, 3.14 of 42", at=2)
    journal.remember("ﬁnally \u0646\u0635 日本語 naïve Ⅷ", at=3)
    for words_, at in (
        ("umbrella", 1),
        ("over RAINED", 1),
        ("stand umbrella", 1),
        ("rain*", 1),
        ("rain", None),
        ("the fell", 1),
        ("it bellt", None),
        ("STRASSENKÖTER", 2),
        ("strassenkoter", None),
        ("neill", 2),
        ("example", 2),
        ("bob", 2),
        ("14", 2),
        ("4*", 2),
        ("finally", 3),
        ("\u0646\u0635", 3),
        ("日本*", 3),
        ("NAÏVE", 3),
        ("viii", 3),
    ):
        found = journal.index.find(words=words_)
        assert [hit.at for hit in found] == ([] if at is None else [START + timedelta(seconds=at)]), words_


def test_the_best_match_comes_first(journal: Journal) -> None:
    journal.remember("rain", at=1)
    journal.remember(*(f"nothing of that {n}" for n in range(20)), at=2)
    journal.remember("once there was rain among a great many other things that were told that day", at=3)
    assert journal.texts(words="rain")[0] == "rain"
    assert len(journal.texts(words="rain")) == 2


HOSTILE = (
    '"rain',
    'rain" OR "x',
    "rain AND NOT rain",
    "text:rain",
    "rain*)",
    "(rain",
    "NEAR(rain rain)",
    "^rain",
    "-rain",
    "'rain' & !'x'",
    "rain:*A",
    "rain'); DROP TABLE remembered; --",
    "{rain} + :rain",
    "rain\x00rain",
    "%rain_",
    "\\rain\\",
)


def test_no_words_break_the_search(journal: Journal) -> None:
    journal.remember("rain and x or not near text a drop table remembered")
    for hostile in HOSTILE:
        assert len(journal.index.find(words=hostile)) <= 1, hostile
    assert len(journal.index.find(words="rain")) == 1


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=40), other=st.text(max_size=20))
def test_every_text_is_found_by_its_own_words(journal: Journal, text: str, other: str) -> None:
    text = f"{text} {secrets.token_hex(8)}"
    journal.remember(text)
    (found,) = journal.index.find(words=text[-16:])
    assert found.text == text.replace("\x00", "\ufffd")
    assert text.replace("\x00", "\ufffd") in journal.texts(words=text)
    try:
        journal.index.find(words=other)
    except InvalidInput:
        assert not words.words_of(other)


def test_nonsense_is_refused(journal: Journal) -> None:
    for nonsense in ({"words": ""}, {"words": "?!"}, {"emotion": "hunger"}, {"limit": 0}, {"limit": True}):
        with pytest.raises(InvalidValue):
            journal.index.find(**nonsense)
    with pytest.raises(TooLong):
        journal.index.find(words="a " * 65)
    assert journal.texts(speaker="no\x00body") == []


def test_a_text_of_any_length_is_taken_in(journal: Journal) -> None:
    journal.remember("first " + " ".join(f"word{n}" for n in range(100_000)) + " last", "x" * 5000)
    assert len(journal.index.find(words="first word9")) == 1
    assert journal.texts(words="last") == []
    assert journal.texts(words="x" * 5000) == ["x" * 5000]


def test_it_catches_up_in_small_writes_and_goes_on_where_one_broke_off(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "CHUNK", 3)
    monkeypatch.setattr(index_module, "MEMORIES", 4)
    for event in range(5):
        journal.remember(*(f"{event} {n}" for n in range(6)))
    write = Index._write
    sizes: list[int] = []

    def dies(self: Index, rows: list[dict[str, Any]], upto: int) -> None:
        if len(sizes) == 2:
            sizes.append(0)
            raise KeyboardInterrupt
        sizes.append(len(rows))
        write(self, rows, upto)

    monkeypatch.setattr(Index, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        journal.index.catch_up()
    again = Index(journal.database, journal.entries)
    assert again.catch_up(limit=2) == 2
    assert again.catch_up() == 2, "the event in the middle of which it broke off was counted by the call before"
    assert max(sizes) == 4
    assert sorted(hit.text for hit in again.find(limit=100)) == sorted(f"{e} {n}" for e in range(5) for n in range(6))
    assert len(again.find(words="4")) == 10, "five of every event's memories and the whole of the last event"
    assert again.catch_up() == 0


def test_many_threads_that_search_take_each_event_in_once(journal: Journal) -> None:
    for event in range(40):
        journal.remember(f"rain {event}")
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: journal.index.find(words="rain", limit=100), range(8)):
            assert len(found) == 40


def test_rebuilding_gives_the_same(journal: Journal) -> None:
    for n in range(5):
        journal.remember(f"rain {n}", at=n)
    before = journal.index.find(words="rain"), journal.index.find()
    assert journal.index.rebuild() == 5
    assert (journal.index.find(words="rain"), journal.index.find()) == before


@pytest.mark.parametrize(
    "before",
    ["UPDATE meta SET value = 'x' WHERE key = 'indexed_emotions'", "DELETE FROM meta WHERE key = 'indexed_emotions'"],
)
def test_what_was_named_from_another_table_of_emotions_is_named_anew(journal: Journal, before: str) -> None:
    journal.remember("a", pad=JOY)
    assert journal.texts(emotion="joy") == ["a"]
    alter(journal, "UPDATE remembered SET emotion = 'glee'")
    assert journal.texts(emotion="joy") == []
    alter(journal, before)
    assert journal.texts(emotion="joy") == ["a"]
    alter(journal, "UPDATE remembered SET emotion = 'glee'")
    assert journal.texts(emotion="joy") == [], "it is made again once"


def alter(journal: Journal, statement: str) -> None:
    with journal.database.transaction() as connection:
        connection.execute(sa.text(statement))


def test_what_left_the_journal_is_not_found_and_is_swept(journal: Journal) -> None:
    for n in range(5):
        journal.remember(f"rain {n}", at=n)
    assert len(journal.index.find(words="rain")) == 5
    alter(journal, "DELETE FROM journal WHERE seq IN (2, 4)")
    assert journal.texts(words="rain*", limit=9) == [f"rain {n}" for n in (4, 2, 0)]
    assert journal.index.sweep() == 2
    assert journal.index.sweep() == 0
    with journal.database.read() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM remembered")).scalar_one() == 3
    journal.remember("a new thing", at=9)
    assert journal.texts(words="rain") == [f"rain {n}" for n in (4, 2, 0)], "no ordinal is used again"
    assert journal.texts() == ["a new thing"] + [f"rain {n}" for n in (4, 2, 0)]


def test_an_index_of_a_journal_that_went_on_longer_is_made_again(journal: Journal) -> None:
    for n in range(5):
        journal.remember(f"rain {n}", at=n)
    journal.index.catch_up()
    alter(journal, "DELETE FROM journal WHERE seq > 2")
    assert journal.texts() == ["rain 1", "rain 0"]
    assert journal.index.sweep() == 0


@pytest.mark.parametrize("renumbered", [False, True])
def test_a_transaction_is_found_when_it_was_committed(journal: Journal, renumbered: bool) -> None:
    journal.remember("before")
    journal.branch("t", "alice", "transaction", fork_seq=1)
    journal.remember("inside", branch="t", at=1)
    assert journal.texts() == ["before"]
    if renumbered:
        alter(journal, "UPDATE journal SET branch = 'main', position = 77 WHERE branch = 't'")
    else:
        alter(journal, "UPDATE journal SET branch = 'main' WHERE branch = 't'")
    assert journal.texts() == ["inside", "before"]
    assert journal.index.find(words="inside")[0].place == Place("main", 2)


def test_a_row_that_moves_while_it_is_read_is_read_where_it_is(journal: Journal) -> None:
    journal.remember("before")
    journal.branch("t", "alice", "transaction", fork_seq=1)
    journal.remember("inside", branch="t", at=1)
    read = journal.entries

    def moves(branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        if branch == "t":
            alter(journal, "UPDATE journal SET branch = 'main', position = 77 WHERE branch = 't'")
        return read(branch, after, upto)

    index = Index(journal.database, moves)
    assert [hit.text for hit in index.find()] == ["inside", "before"]


@pytest.mark.parametrize("raises", [True, False])
def test_what_is_damaged_is_left_out_and_found_once_it_is_mended(
    journal: Journal, raises: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for n in range(4):
        journal.remember(f"rain {n}", at=n)
    journal.damaged.add(("main", 2))

    def skips(branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        return [entry for n in range(after, upto) if n != 1 for entry in journal.entries(branch, n, n + 1)]

    index = journal.index if raises else Index(journal.database, skips)
    with caplog.at_level(logging.WARNING):
        assert [hit.text for hit in index.find(words="rain")] == ["rain 3", "rain 2", "rain 0"]
    assert "main@2" in caplog.text
    journal.damaged.clear()
    journal.index.rebuild()
    assert journal.texts() == ["rain 3", "rain 2", "rain 1", "rain 0"]


def test_a_store_that_cannot_be_reached_is_not_taken_for_damage(journal: Journal) -> None:
    journal.remember("rain")

    def away(branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        raise VaultUnavailable("blocks", "not now")

    with pytest.raises(VaultUnavailable):
        Index(journal.database, away).find()
    assert journal.texts() == ["rain"]


def test_events_without_memories_are_not_looked_at_for_ever(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "LEFT_BEHIND", 10)
    journal.remember("rain")
    journal.write("main", *(Forgotten((f"{n}",)) for n in range(20)))
    journal.index.catch_up()
    with journal.database.read() as connection:
        upto = connection.execute(sa.text("SELECT value FROM meta WHERE key = 'indexed_upto'")).scalar_one()
    assert int(upto) == journal.position
    journal.remember("more rain", at=1)
    assert journal.texts() == ["more rain", "rain"]


def test_a_sqlite_without_full_text_search_looks_at_every_text(tmp_path: Any) -> None:
    database = Database(tmp_path)
    with database.transaction() as connection:
        migrate(connection, database.storage)
        connection.execute(sa.text("DROP TABLE remembered_words"))
    journal = Journal(database)
    journal.branch("main", "alice")
    journal.remember("It rained", at=1)
    journal.remember("Sunshine 100%", at=2)
    assert journal.texts(words="RAIN") == ["It rained"]
    assert journal.texts(words="100") == ["Sunshine 100%"]
    assert journal.index.rebuild() == 2
    database.close()


def plan(journal: Journal, **wanted: Any) -> str:
    """How SQLite answers a question."""
    statements: list[tuple[str, Any]] = []

    def hear(*heard: Any) -> None:
        statements.append((heard[2], heard[3]))

    journal.index.find(**wanted)
    engine = journal.database._engines.readers
    sa.event.listen(engine, "before_cursor_execute", hear)
    journal.index.find(**wanted)
    sa.event.remove(engine, "before_cursor_execute", hear)
    statement, values = statements[-1]
    with journal.database.read() as connection:
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all())


@pytest.mark.parametrize("journal", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"agent": "alice"}, "remembered_by_agent"),
        ({"since": START}, "remembered_by_time"),
        ({"emotion": "joy"}, "remembered_by_emotion"),
        ({"agent": "alice", "session": "s"}, "remembered_by_session"),
        ({}, "remembered_by_time"),
        ({"words": "rain"}, "remembered_words"),
    ],
)
def test_every_question_has_its_index(journal: Journal, wanted: dict[str, Any], index: str) -> None:
    journal.remember(*(f"rain {n}" for n in range(50)))
    assert index in plan(journal, **wanted)
