"""Segments: exactly the bytes that were journalled, half the size where that is exact, every flipped bit found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantum_memory.errors import CorruptRecord, InvalidValue, NotFinite, Quarantined, VaultUnavailable
from quantum_memory.memory.events import Event, Felt, Picked, Related, Remembered, Revised, RolledBack, Unrelated
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.blocks import BlockStore, MemoryBlocks
from quantum_memory.memory.vault.codec import decode, encode
from quantum_memory.memory.vault.container import HEADER_BYTES, pack, unpack
from quantum_memory.memory.vault.describe import kind_of
from quantum_memory.memory.vault.segments import QUARANTINED, Row, Segment, SegmentReader, build, half
from quantum_memory.types import PAD, PARTS, Memory, Place, Relation, RelationKey
from tests.unit.test_codec import AXIS, EVENTS, MEMORIES, PLACES, TEXT, TIMES, UNIT

KEYS = st.builds(RelationKey, TEXT, TEXT, TEXT)
SOME = st.lists(MEMORIES, max_size=2).map(tuple)
ALL_EVENTS: st.SearchStrategy[Event] = st.one_of(
    EVENTS,
    st.builds(Revised, SOME),
    st.builds(Picked, PLACES, SOME, SOME),
    st.builds(Felt, TIMES, st.builds(PAD, AXIS, AXIS, AXIS), UNIT, UNIT, TEXT),
    st.builds(Related, st.lists(st.builds(Relation, TEXT, TEXT, TEXT, UNIT, st.none() | TIMES), max_size=2).map(tuple)),
    st.builds(Unrelated, st.lists(KEYS, max_size=2).map(tuple), TIMES),
)
FOUND_IN = b"\xa9embedding\xc5\x00\x10"
PAYLOADS = st.one_of(
    ALL_EVENTS.map(encode),
    st.binary(max_size=40),
    st.lists(st.sampled_from([FOUND_IN, b"\xa9embedding\xc4\x08", b"\xa9embedding", b"x" * 8]), max_size=8).map(
        b"".join
    ),
)
"""Real events, noise, and what looks like an embedding and is none."""


def rows(payloads: Sequence[bytes], first: int = 1, kind: str = "remembered") -> list[Row]:
    return [
        Row(seq, 10**15 + seq * 7, kind, f"s.é{seq}", "alice", 3 * seq, payload)
        for seq, payload in enumerate(payloads, start=first)
    ]


def memory(number: int, embedding: np.ndarray) -> Memory:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Memory(f"m{number}", f"What happened {number}.", at, PAD(0.1, 0.0, 0.0), 0.9, 0.5, embedding)


def remembered(count: int, dim: int = 64, *, rounded: bool = False) -> list[bytes]:
    vectors = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    shaped = [half(vector) if rounded else vector for vector in vectors]
    return [encode(Remembered((memory(number, vector),))) for number, vector in enumerate(shaped)]


@settings(deadline=None, max_examples=150)
@given(st.lists(PAYLOADS, min_size=1, max_size=12), st.integers(1, 2**40), st.data())
def test_every_row_comes_back_exactly(payloads: list[bytes], first: int, data: st.DataObject) -> None:
    kept = [row._replace(kind=data.draw(st.sampled_from(["felt", "remembered", "x"]))) for row in rows(payloads, first)]
    segment = Segment.read(build("b1", kept, 3), "it")
    assert segment.rows() == kept
    assert (segment.branch, segment.agent) == ("b1", "alice")
    assert (segment.first_seq, segment.last_seq) == (first, first + len(kept) - 1)
    assert segment.raw_bytes == sum(map(len, payloads))
    after = data.draw(st.integers(first - 2, first + len(kept)))
    upto = data.draw(st.integers(first - 2, first + len(kept) + 1))
    want = {row.seq: row.payload for row in kept if after < row.seq <= upto}
    assert segment.payloads(after, upto) == want


@settings(deadline=None, max_examples=60)
@given(st.lists(ALL_EVENTS, min_size=1, max_size=6))
def test_events_of_every_kind_are_the_same_events_afterwards(events: list[Event]) -> None:
    kept = [row._replace(kind=kind_of(event)) for row, event in zip(rows([*map(encode, events)]), events, strict=True)]
    again = Segment.read(build("b", kept, 3), "it").payloads(0, 99)
    assert [encode(decode(payload)) for payload in again.values()] == [row.payload for row in kept]


def test_the_same_rows_are_the_same_block() -> None:
    assert build("b", rows(remembered(50)), 3) == build("b", rows(remembered(50)), 3)


def test_vectors_stand_in_half_precision_where_that_is_exact_and_only_there() -> None:
    exact, rounded = remembered(600), remembered(600, rounded=True)
    mixed = [*rounded[:-1], exact[-1]]
    stored = {}
    for name, payloads in (("exact", exact), ("rounded", rounded), ("mixed", mixed)):
        data = build("b", rows(payloads), 3)
        vectors = unpack(data, name).arrays["payload/vectors"]
        assert isinstance(vectors, np.ndarray)
        assert vectors.shape == (600, 64)
        stored[name] = (vectors.dtype, len(data))
        assert list(Segment.read(data, name).payloads(0, 600).values()) == payloads
    assert stored["exact"][0] == stored["mixed"][0] == np.float32
    assert stored["rounded"][0] == np.float16
    assert stored["rounded"][1] < 0.6 * stored["exact"][1]


def test_vectors_of_other_lengths_stay_where_they_are() -> None:
    payloads = [*remembered(5, 64), *remembered(9, 32), *remembered(2, 8)]
    data = build("b", rows(payloads), 3)
    vectors = unpack(data, "it").arrays["payload/vectors"]
    assert isinstance(vectors, np.ndarray)
    assert vectors.shape == (9, 32)
    assert list(Segment.read(data, "it").payloads(0, 99).values()) == payloads


SEGMENT = build("b", rows(remembered(40)), 3)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(SEGMENT) - 1), st.integers(0, 7))
def test_every_flipped_bit_of_a_segment_is_found(at: int, bit: int) -> None:
    blocks = MemoryBlocks()
    name = blocks.put(SEGMENT)
    damaged = bytearray(SEGMENT)
    damaged[at] ^= 1 << bit
    blocks._blocks[name] = (bytes(damaged), 0.0)
    with pytest.raises(CorruptRecord, match=name):
        blocks.get(name)


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [rows([b"a"])[0], rows([b"b"], 3)[0]],
        [rows([b"a"])[0], rows([b"a"])[0]],
        [rows([b"a"])[0], rows([b"b"], 2)[0]._replace(agent="bob")],
    ],
)
def test_rows_that_are_no_stretch_of_one_agent_are_refused(bad: list[Row]) -> None:
    with pytest.raises(InvalidValue, match="rows"):
        build("b", bad, 3)


@pytest.mark.parametrize(
    ("arrays", "attributes"),
    [
        ({"at": np.zeros(2, np.int64)}, {}),
        ({"at": np.zeros(3, np.float64)}, {}),
        ({"kind": np.full(3, 9, np.uint8)}, {}),
        ({"payload/length": np.array([1, 2, 10**9])}, {}),
        ({"payload/length": np.array([-1, 2, 3])}, {}),
        ({"payload/length": np.array([2**62, 2**62, 2**62])}, {}),
        ({"payload/cut": np.array([0])}, {}),
        ({"payload/cut": np.array([0]), "payload/vectors": np.zeros((1, 400), np.float32)}, {}),
        ({"payload/cut": np.array([-4]), "payload/vectors": np.zeros((1, 1), np.float32)}, {}),
        ({"payload/cut": np.array([0]), "payload/vectors": np.zeros((1, 0), np.float32)}, {}),
        ({"payload/vectors": np.zeros(3, np.float32)}, {}),
        ({"payload/bytes": np.zeros(3)}, {}),
        ({"op_id/bytes": b"\xff" * 12}, {}),
        ({}, {"last_seq": 7}),
        ({}, {"first_seq": True}),
        ({}, {"first_seq": -(2**62), "last_seq": 2**62}),
        ({}, {"first_seq": "1"}),
        ({}, {"kinds": []}),
        ({}, {"kinds": [1, 2, 3]}),
        ({}, {"branch": None}),
        ({}, {"format": "quantum_memory.archive"}),
    ],
)
def test_a_segment_that_does_not_add_up_is_refused(
    arrays: dict[str, np.ndarray], attributes: dict[str, object]
) -> None:
    whole = unpack(build("b", rows([b"abc", b"de", b"f" * 9]), 3), "it")
    assert len(Segment.read(pack(whole.arrays, whole.attributes, 3), "it").rows()) == 3
    forged = pack(whole.arrays | arrays, whole.attributes | attributes, 3)
    with pytest.raises(CorruptRecord, match="it"):
        Segment.read(forged, "it").rows()


@settings(deadline=None, max_examples=100)
@given(hnp.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1000, 1000, width=32)))
def test_half_is_the_nearest_and_rounding_again_changes_nothing(vector: np.ndarray) -> None:
    before = vector.copy()
    try:
        rounded = half(vector)
    except NotFinite:
        assert np.abs(vector).max() < 2.0**-24
        return
    assert (vector == before).all()
    assert rounded.dtype == np.float32
    assert (half(rounded) == rounded).all()
    assert (np.abs(rounded - vector) <= np.maximum(np.abs(vector) * 2.0**-11, 2.0**-25)).all()


def test_what_half_precision_cannot_hold_is_refused_rather_than_clipped() -> None:
    with pytest.raises(NotFinite, match="index 1, in half precision"):
        half(np.array([1.0, 70_000.0], np.float32))
    with pytest.raises(NotFinite, match="zero vector"):
        half(np.array([1e-9, -1e-9], np.float32))


class Shelf:
    """A catalog of one branch's segments, in a database in memory."""

    def __init__(self, blocks: BlockStore) -> None:
        self.blocks = blocks
        self.connection = sa.create_engine("sqlite://").connect()
        schema.metadata.create_all(self.connection)

    def seal(self, payloads: Sequence[bytes], first: int, last: int | None = None) -> str:
        block = self.blocks.put(build("b", rows(payloads, first), 3))
        row = {"branch": "b", "first_seq": first, "block": block, "last_seq": last or first + len(payloads) - 1}
        self.connection.execute(
            sa.insert(schema.segments), row | {"raw_bytes": 0, "bytes": 0, "at": 0, "state": "live"}
        )
        return block

    def mark(self, block: str, state: str) -> None:
        change = sa.update(schema.segments).where(schema.segments.c.block == block).values(state=state)
        self.connection.execute(change)


def test_a_reader_finds_what_is_sealed_across_segments_and_nothing_else() -> None:
    shelf = Shelf(MemoryBlocks())
    payloads = remembered(30)
    shelf.seal(payloads[:10], 1)
    shelf.seal(payloads[10:25], 11)
    reader = SegmentReader(shelf.blocks)
    assert reader.payloads(shelf.connection, "b", 7, 13) == {seq: payloads[seq - 1] for seq in range(8, 14)}
    assert list(reader.payloads(shelf.connection, "b", 0, 99)) == list(range(1, 26))
    assert reader.payloads(shelf.connection, "b", 25, 30) == {}
    assert reader.payloads(shelf.connection, "b", 9, 9) == {}
    assert reader.payloads(shelf.connection, "other", 0, 99) == {}


def test_a_stretch_ends_where_the_catalog_says_even_if_its_block_goes_on() -> None:
    shelf = Shelf(MemoryBlocks())
    payloads = remembered(10)
    shelf.seal(payloads, 1, last=6)
    assert list(SegmentReader(shelf.blocks).payloads(shelf.connection, "b", 0, 99)) == list(range(1, 7))


def test_what_is_in_quarantine_is_told_or_left_out_and_the_rest_still_serves() -> None:
    shelf = Shelf(MemoryBlocks())
    payloads = remembered(20)
    bad = shelf.seal(payloads[:10], 1)
    shelf.seal(payloads[10:], 11)
    shelf.mark(bad, QUARANTINED)
    shelf.blocks.quarantine(bad)
    reader = SegmentReader(shelf.blocks)
    with pytest.raises(Quarantined, match=r"segment b, 1\.\.10") as caught:
        reader.payloads(shelf.connection, "b", 5, 15)
    assert caught.value.block == bad
    assert list(reader.payloads(shelf.connection, "b", 10, 20)) == list(range(11, 21))
    assert list(reader.payloads(shelf.connection, "b", 5, 15, skip=True)) == list(range(11, 16))


def test_a_damaged_a_missing_and_a_wrong_block_are_told_apart_from_history() -> None:
    shelf = Shelf(MemoryBlocks())
    damaged, missing, wrong = shelf.seal([b"a"], 1), shelf.seal([b"b"], 2), shelf.seal([b"c"], 3)
    data = bytearray(shelf.blocks.get(damaged))
    data[-1] ^= 1
    assert isinstance(shelf.blocks, MemoryBlocks)
    shelf.blocks._blocks[damaged] = (bytes(data), 0.0)
    shelf.blocks.remove(missing)
    other = shelf.blocks.put(build("elsewhere", rows([b"d"], 3), 3))
    change = sa.update(schema.segments).where(schema.segments.c.block == wrong).values(block=other)
    shelf.connection.execute(change)
    reader = SegmentReader(shelf.blocks)
    for seq, told in ((1, damaged), (2, f"it has no block {missing}"), (3, "elsewhere, 3..3")):
        with pytest.raises(CorruptRecord, match=told):
            reader.payloads(shelf.connection, "b", seq - 1, seq)


def test_a_segment_that_was_joined_and_collected_while_it_was_looked_for_is_found_in_its_new_place() -> None:
    class Joined(MemoryBlocks):
        def get(self, name: str) -> bytes:
            if name == first:
                shelf.connection.execute(sa.delete(schema.segments))
                shelf.seal([b"a", b"b"], 1)
                self.remove(first)
            return super().get(name)

    shelf = Shelf(Joined())
    first = shelf.seal([b"a"], 1)
    shelf.seal([b"b"], 2)
    assert SegmentReader(shelf.blocks).payloads(shelf.connection, "b", 0, 2) == {1: b"a", 2: b"b"}


def test_a_store_that_is_away_is_not_called_corrupt() -> None:
    class Away(MemoryBlocks):
        def get(self, name: str) -> bytes:
            raise VaultUnavailable("far", name)

    shelf = Shelf(Away())
    shelf.seal([b"a"], 1)
    with pytest.raises(VaultUnavailable):
        SegmentReader(shelf.blocks).payloads(shelf.connection, "b", 0, 1)


def test_a_reader_holds_decoded_segments_up_to_its_bound() -> None:
    class Counted(MemoryBlocks):
        asked = 0

        def get(self, name: str) -> bytes:
            self.asked += 1
            return super().get(name)

    shelf = Shelf(Counted())
    payloads = remembered(40)
    for first in (1, 11, 21, 31):
        shelf.seal(payloads[first - 1 : first + 9], first)
    size = Segment.read(build("b", rows(payloads[:10]), 3), "it").nbytes
    reader = SegmentReader(shelf.blocks, held_bytes=int(2.5 * size))

    def asked(after: int) -> int:
        assert isinstance(shelf.blocks, Counted)
        before = shelf.blocks.asked
        reader.payloads(shelf.connection, "b", after, after + 10)
        return shelf.blocks.asked - before

    assert [asked(after) for after in (0, 0, 10, 0, 20, 0, 10)] == [1, 0, 1, 0, 1, 0, 1]
    assert SegmentReader(shelf.blocks, held_bytes=0).payloads(shelf.connection, "b", 0, 40).keys() == set(range(1, 41))


def test_a_rollback_is_in_its_segment_too() -> None:
    payload = encode(RolledBack(Place("b", 0), PARTS))
    assert Segment.read(build("b", rows([payload], kind="rolled_back"), 3), "it").rows()[0].payload == payload


def test_a_segment_is_an_hdf5_file_with_a_header() -> None:
    assert SEGMENT[HEADER_BYTES : HEADER_BYTES + 4] == b"\x89HDF"
