"""Memories in columns come back as they were, however tables are cut and joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.memory.episodic import records as columns
from quantum_memory.memory.episodic.chunk import Chunk, Lexicon
from quantum_memory.memory.episodic.columnar import Blobs, Hexes, exact_floats, joined_ids, narrow, packed, spelled
from quantum_memory.memory.episodic.records import Records, id_numbers
from quantum_memory.memory.episodic.rows import COLUMNS, NOBODY, ROW, Rows
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.tables import UNHEARD, Table, concat, cut
from quantum_memory.memory.episodic.words import id_number
from quantum_memory.types import PAD, Memory

DIM = 3
UNITS = st.floats(0.0, 1.0)
AXES = st.floats(-1.0, 1.0) | st.sampled_from([0.0, -0.5, 0.1])
ZONES = st.sampled_from([UTC, UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-3))])
Y2K = datetime(2000, 1, 1, tzinfo=UTC)
SPANS = st.timedeltas(timedelta(days=-70_000), timedelta(days=70_000))
TIMES = st.builds(lambda span, zone: (Y2K + span).astimezone(zone), SPANS, ZONES)
NAMES = st.sampled_from(["Alice", "Bob", "Zoë", ""])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SOME: st.SearchStrategy[Any] = st.none() | st.integers(-(2**63), 2**64 - 1) | TEXTS
TOLD: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries({"a": SOME})


@st.composite
def memories(draw: st.DrawFn) -> list[Memory]:
    ids = draw(st.lists(TEXTS, max_size=9, unique=True))
    return [
        Memory(
            one,
            draw(TEXTS),
            draw(TIMES),
            PAD(draw(AXES), draw(AXES), draw(AXES)),
            draw(UNITS),
            draw(UNITS),
            np.array(draw(st.tuples(*[st.floats(-1, 1, width=32)] * DIM)), np.float32),
            draw(st.none() | NAMES),
            draw(NAMES),
            draw(st.none() | NAMES),
            tuple(draw(st.lists(NAMES, max_size=3))),
            draw(TOLD),
            draw(st.none() | TIMES),
        )
        for one in ids
    ]


def tabled(given_: Sequence[Memory], first: int = 0) -> Table:
    chunk, lexicon = Chunk(DIM), Lexicon()
    for ticket, one in enumerate(given_):
        chunk.append(first + ticket, one, lexicon.document(one), 0.5)
    return concat([chunk.table(np.arange(len(given_)), len(given_))])


def read(table: Table) -> list[tuple[Memory, str, bytes]]:
    rows = np.arange(len(table))
    return [(one, repr(one), one.embedding.tobytes()) for one in table.memories(rows, table.vectors[rows])]


def told(given_: Sequence[Memory]) -> list[tuple[Memory, str, bytes]]:
    return [(one, repr(one), one.embedding.tobytes()) for one in given_]


def postings(table: Table) -> list[tuple[int, int, int]]:
    own = table.postings
    return sorted(zip(own.each().tolist(), own.rows.tolist(), own.counts.tolist(), strict=True))


@settings(deadline=None, max_examples=40)
@given(memories(), st.integers(0, 9), st.integers(1, 9), st.sets(st.integers(0, 8)))
def test_every_field_comes_back_however_tables_are_joined_cut_and_thinned(
    given_: list[Memory], at: int, step: int, kept: set[int]
) -> None:
    if not given_:
        return
    whole = tabled(given_)
    assert read(whole) == told(given_)
    halves = [tabled(given_[:at]), tabled(given_[at:], at)] if 0 < at < len(given_) else [whole]
    again = concat(halves)
    assert read(again) == told(given_)
    assert again.names == whole.names == tuple(sorted(set(whole.names)))
    assert postings(again) == postings(whole)
    assert (again.rows["ticket"] == np.arange(len(given_))).all()
    pieces = cut(again, range(0, len(again), step))
    assert [len(piece) for piece in pieces[:-1]] == [step] * (len(pieces) - 1)
    assert [one for piece in pieces for one in read(piece)] == told(given_)
    assert postings(concat(pieces)) == postings(whole)
    rows = np.array(sorted(row for row in kept if row < len(given_)), np.int64)
    if len(rows):
        some = concat([again.take(rows)])
        assert read(some) == told([given_[row] for row in rows.tolist()])
        alone = tabled([given_[row] for row in rows.tolist()])
        assert (postings(some), some.names) == (postings(alone), alone.names), "what is left out leaves nothing"


@settings(deadline=None, max_examples=40)
@given(memories())
def test_an_id_is_found_in_its_row_and_no_other_is(given_: list[Memory]) -> None:
    records = Records.of(given_)
    assert id_numbers(records.ids).tolist() == [id_number(one.id) for one in given_]
    for row, one in enumerate(given_):
        assert records.find(one.id, id_number(one.id)) == row
    for strange in ("never", "Alice", "m1"):
        if strange not in {one.id for one in given_}:
            assert records.find(strange, id_number(strange)) == -1
    assert not records.has_twins()
    if given_:
        assert Records.concat([records, records]).has_twins()


def test_ids_that_share_a_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "id_number", len)
    base = Memory("", "x", datetime(2026, 1, 1, tzinfo=UTC), PAD(0, 0, 0), 0.5, 0.5, np.ones(DIM, np.float32))
    records = Records.of([replace(base, id=name) for name in ("ab", "cd", "x", "ef")])
    assert [records.find(name, len(name)) for name in ("ab", "cd", "x", "ef", "gh", "xyz")] == [0, 1, 2, 3, -1, -1]
    assert not records.has_twins()


def test_columns_that_nobody_needs_are_not_there() -> None:
    base = Memory("a", "x", datetime(2026, 1, 1, tzinfo=UTC), PAD(0.5, 0, 0), 0.5, 0.25, np.ones(DIM, np.float32))
    plain = Records.of([base, replace(base, id="b")])
    assert (plain.zone_us, plain.revised, plain.metadata) == (None, None, None)
    assert plain.pads.dtype == plain.weights.dtype == np.float32
    odd = replace(base, id="c", metadata={"a": 1}, revised_at=base.at, confidence=0.1)
    both = Records.concat([plain, Records.of([odd])])
    assert both.pads.dtype == np.float32
    assert both.weights.dtype == np.float64, "a tenth is not what single precision makes of it"
    assert both.felt(np.array([2]))[0, 3] == 0.1
    assert both.told(np.arange(3)) == [{}, {}, {"a": 1}]
    assert both.revisions(np.arange(3)) == [None, None, base.at]
    assert both.take(np.array([0, 1])).metadata is None


def test_names_that_are_not_there_are_told_from_nobody() -> None:
    base = Memory("a", "x", datetime(2026, 1, 1, tzinfo=UTC), PAD(0, 0, 0), 0.5, 0.5, np.ones(DIM, np.float32), "Bob")
    table = tabled([base])
    assert table.code("Eve") == UNHEARD
    assert table.code(None) == NOBODY
    assert table.names[table.code("Bob")] == "Bob"
    weights = Run(table).weights()
    assert weights["vectors"] == 4 * DIM
    assert all(size >= 0 for size in weights.values())


@given(st.lists(st.binary(max_size=5), max_size=8), st.data())
def test_byte_strings_are_taken_cut_and_joined(values: list[bytes], data: st.DataObject) -> None:
    blobs = Blobs.of(values)
    every = np.arange(len(values))
    assert [bytes(one) for one in blobs.raw(every)] == values
    start = data.draw(st.integers(0, len(values)))
    left, right = blobs.cut(0, start), blobs.cut(start, len(values))
    assert [bytes(one) for one in left.raw(np.arange(start))] == values[:start]
    joined = Blobs.concat([left, right])
    assert [bytes(one) for one in joined.raw(every)] == values
    assert [bytes(one) for one in blobs.take(every[::-1]).raw(every)] == values[::-1]


HEXES = st.lists(st.text("0123456789abcdef", min_size=6, max_size=6), max_size=6)
ODD = st.lists(st.text("0123456789abcdefABg-", min_size=5, max_size=7), max_size=3)


@given(HEXES, ODD, st.data())
def test_ids_read_the_same_whether_they_are_kept_as_numbers_or_spelled_out(
    digits: list[str], odd: list[str], data: st.DataObject
) -> None:
    left, right = (packed(Blobs.of([one.encode() for one in names])) for names in (digits, odd))
    assert isinstance(left, Hexes) == bool(digits)
    assert left.nbytes == 3 * len(digits) if digits else not len(left)
    both, values = joined_ids([left, right]), digits + odd
    every = np.arange(len(values))
    for ids in (both, spelled(both), packed(both), joined_ids([both.cut(0, len(values))])):
        assert ids.texts(every) == [ids.text(row) for row in range(len(values))] == values
        assert [bytes(one) for one in ids.raw(every)] == [one.encode() for one in values]
        start = data.draw(st.integers(0, len(values)))
        assert ids.cut(start, len(values)).texts(np.arange(len(values) - start)) == values[start:]
        assert ids.take(every[::-1]).texts(every) == values[::-1]


def test_ids_alike_in_length_alone_are_spelled_out() -> None:
    for names in (["abc"], ["ABCD"], ["ab", "abcdef"], ["", ""], ["abcx"], []):
        assert isinstance(packed(Blobs.of([name.encode() for name in names])), Blobs)


ROWS = st.lists(
    st.tuples(
        *[st.integers(-(2**62), 2**62)] * 2,
        *[st.integers(-1, 2**31 - 1) | st.integers(-1, 200)] * 3,
        st.integers(0, 2**31 - 1) | st.integers(0, 300),
        st.floats(0, 1, width=32),
        *[st.integers(-1, 40_000)] * 2,
    ),
    max_size=6,
)


@given(ROWS, st.data())
def test_rows_by_columns_are_the_same_rows(values: list[tuple[float, ...]], data: st.DataObject) -> None:
    wide = np.array(values, ROW)
    rows = Rows.of(wide)
    some = np.array(data.draw(st.lists(st.sampled_from(range(len(values))) if values else st.nothing())), np.int64)
    held = np.empty(len(some), ROW)
    rows.fill(held, some)
    assert held.tolist() == wide[some].tolist()
    assert all(rows[name].tolist() == wide[name].tolist() for name in COLUMNS)
    assert all(rows[name].flags.c_contiguous for name in COLUMNS)
    assert rows.nbytes <= wide.nbytes


@given(st.lists(st.integers(-(2**40), 2**40), max_size=5), st.lists(st.floats(-1e6, 1e6), max_size=5))
def test_narrow_numbers_are_the_same_numbers(whole: list[int], real: list[float]) -> None:
    assert narrow(np.array(whole, np.int64), np.uint8, np.int32).tolist() == whole
    assert exact_floats(np.array(real)).tolist() == real
    wide = np.array([real, real]).T
    assert not np.may_share_memory(exact_floats(wide[:, :1]), wide), "a part of an array would keep all of it"
