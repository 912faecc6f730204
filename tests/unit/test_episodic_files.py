"""Sealed runs as files: what is mapped reads as what was folded, is shared, and is never trusted."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import resource
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import BlockMissing, CorruptRecord, OutOfRange
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.episodic import segments as segments_module
from quantum_memory.memory.episodic.dense import IndexPolicy
from quantum_memory.memory.episodic.fold import MemoriesFold
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.search import Query, memories, search
from quantum_memory.memory.episodic.segment import MAGIC, opened, pieces
from quantum_memory.memory.episodic.segments import Segments
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.events import Entry, Event, Forgotten, Remembered, Revised, rows_of
from quantum_memory.memory.life.uses import UsesFold
from quantum_memory.memory.life.uses_snapshot import UsesCodec
from quantum_memory.memory.mapped import FileCache, let_go
from quantum_memory.memory.snapshots import FILES, Snapshots, Spacing, Tally, named, packed, unpacked
from quantum_memory.memory.timeline import Timeline
from quantum_memory.types import Place
from tests.unit.episodes import DIM, EVENTS, START, memory, merged
from tests.unit.histories import PlainHistory, Replay
from tests.unit.shelves import PACKING, PlainShelf
from tests.unit.test_snapshots import assert_same_memories, folded

SIZES = Sizes(tail=3, sealed=12, small=3)
PLACE = Place("r0", 1)
HISTORY = st.lists(EVENTS, max_size=4) | st.lists(EVENTS, min_size=8, max_size=25)
MANY = tuple(replace(memory(number % 40), id=f"x{number}") for number in range(40))


class Store:
    """Files in a dictionary, and how often one was read or put."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.read = self.written = 0

    def lacking(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self.held]

    def file(self, name: str) -> bytes:
        self.read += 1
        if name not in self.held:
            raise BlockMissing("store", name)
        return self.held[name]

    def put_file(self, data: bytes) -> str:
        self.written += 1
        name = blake3(data).hexdigest()
        self.held[name] = bytes(data)
        return name


class Node:
    """A process that folds and loads: one after a restart is another with the same store and folder."""

    def __init__(self, folder: Path, store: Store, indexer: Indexer | None = None, sizes: Sizes = SIZES) -> None:
        self.folder, self.store, self.indexer, self.sizes = folder, store, indexer, sizes
        self.fold = MemoriesFold(DIM, sizes, indexer=indexer)
        self.segments = Segments(store, FileCache(folder, 1 << 30), indexer)
        self.codec = MemoriesCodec(DIM, sizes, indexer, self.segments)

    def restarted(self) -> Node:
        return Node(self.folder, self.store, self.indexer, self.sizes)

    def dump(self, state: EpisodicState) -> bytes:
        return packed(self.codec, PACKING, state)

    def load(self, data: bytes) -> EpisodicState:
        return unpacked(self.codec, PACKING, PLACE, data)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "cache", Store())


def runs(state: EpisodicState) -> list[Run]:
    return [part.block for part in state.parts if isinstance(part.block, Run) and part.block.name is not None]


def files(state_node: Node) -> list[Path]:
    return sorted(path for path in state_node.folder.iterdir())


@settings(deadline=None, max_examples=40)
@given(HISTORY, HISTORY)
def test_a_mapped_state_reads_and_goes_on_as_the_folded_one(before: list[Event], after: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        node = Node(Path(folder), Store())
        state = folded(node.fold, before)
        data = node.dump(state)
        for _ in range(2):
            loaded = node.restarted().load(data)
            assert_same_memories(state, loaded)
            assert node.codec.difference(state, loaded) is None
            data = node.restarted().dump(loaded)
        on, mapped = folded(node.fold, after, state), folded(node.fold, after, loaded)
        assert_same_memories(on, mapped)
        assert node.codec.difference(on, mapped) is None
        assert_same_memories(mapped, node.restarted().load(node.dump(mapped)))


def test_a_sealed_run_is_written_once_and_a_snapshot_holds_the_rest(node: Node) -> None:
    state = folded(node.fold, [Remembered(MANY[:20])])
    first = node.codec.dump(state)
    assert (len(named(first.arrays)), node.store.written) == (1, 1)
    assert first.attributes["memories"] == 20 - len(runs(state)[0])
    more = folded(node.fold, [Remembered(MANY[20:])], state)
    second = named(node.codec.dump(more).arrays)
    assert second[:1] == named(first.arrays)
    assert node.store.written == len(second) == len(node.store.held) == len(files(node)) == len(runs(more)) > 1
    node.codec.dump(more)
    assert node.store.written == len(second)


def test_equal_runs_make_equal_files_whoever_writes_them(node: Node, tmp_path: Path) -> None:
    other = Node(tmp_path / "other", node.store)
    one, two = (folded(each.fold, [Remembered((one,)) for one in MANY]) for each in (node, other))
    assert node.dump(one) == other.dump(two)
    assert node.store.written == len(node.store.held)


def test_branches_and_processes_share_what_is_mapped_and_nobody_can_change_it(node: Node) -> None:
    parent = folded(node.fold, [Remembered(MANY)])
    fork = folded(node.fold, [Forgotten(("x2",)), Remembered((memory(1),))], parent)
    data, forked = node.dump(parent), node.dump(fork)
    assert len(files(node)) == len(node.store.held) == len(runs(parent))
    assert all(map(is_mapped, runs(parent))), "what was in memory is in the file now"
    host, twin = node.restarted(), node.restarted()
    one, other = host.load(data), host.load(forked)
    assert list(map(id, runs(one))) == list(map(id, runs(other)))
    assert host.store.read == 0, "they were at hand"
    assert len({id(run) for run in (*runs(one), *runs(twin.load(data)))}) == 2 * len(runs(one))
    assert all(map(is_mapped, runs(one)))
    with pytest.raises(ValueError, match="read-only"):
        runs(one)[0].whole.vectors[0, 0] = 1.0
    assert [one.id for one in memories(other)] == [one.id for one in memories(fork)]


def is_mapped(run: Run) -> bool:
    """Whether its columns are views of a file."""
    table, found = run.whole, []
    for column in (table.vectors, table.rows["session"], table.records.texts.data, table.postings.rows):
        base: Any = column
        while isinstance(base, np.ndarray):
            assert not base.flags.writeable
            base = base.base
        found.append(type(base.obj).__name__ if isinstance(base, memoryview) else type(base).__name__)
    return set(found) == {"mmap"}


def test_a_run_goes_with_the_last_state_that_holds_it(node: Node) -> None:
    data = node.dump(folded(node.fold, [Remembered(MANY)]))
    host = node.restarted()
    state = host.load(data)
    held = weakref.ref(runs(state)[0])
    del state
    gc.collect()
    assert held() is None
    assert len(host.load(data)) == len(MANY)


def test_a_file_that_is_removed_while_it_is_mapped_goes_on_being_readable(node: Node) -> None:
    state = folded(node.fold, [Remembered(MANY)])
    data = node.dump(state)
    host = node.restarted()
    loaded = host.load(data)
    for path in files(node):
        path.unlink()
    assert list(memories(loaded)) == list(MANY)
    assert list(memories(host.restarted().load(data))) == list(MANY), "another one fetches them again"
    assert node.store.read == len(files(node)) == len(runs(loaded))


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def damages(data: bytes) -> list[bytes]:
    places = np.linspace(0, len(data) - 1, 30).astype(int).tolist()
    cuts = (b"", data[:7], data[:40], data[: len(data) // 2], data[:-1], data + b"\0")
    return [*(flipped(data, at) for at in places), *cuts]


def test_a_damaged_file_at_hand_is_fetched_again(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    data = node.dump(folded(node.fold, [Remembered(MANY)]))
    path = files(node)[0]
    whole = path.read_bytes()
    for number, damaged in enumerate(damages(whole), start=1):
        path.unlink()
        path.write_bytes(damaged)
        assert list(memories(node.restarted().load(data))) == list(MANY)
        assert (node.store.read, path.read_bytes() == whole) == (number, True)
    assert "is fetched again" in caplog.text


def test_a_file_that_is_damaged_everywhere_is_refused_by_name_and_history_is_folded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    node, replay, history = Node(tmp_path, Store()), Replay(), PlainHistory()
    history.rows, history.journal = replay.history.rows, replay.history.journal
    history.journal["r0"] = [Entry(Place("r0", n), START, Remembered((one,))) for n, one in enumerate(MANY, start=1)]
    shelf, clerk = PlainShelf(), Clerk("test")
    place = Place("r0", len(MANY))

    def timeline(on: Node) -> Timeline[EpisodicState]:
        return Timeline(on.fold, history, 9, Snapshots(on.codec, shelf, PACKING, clerk, Spacing(10, 0.0)))

    assert len(timeline(node).at(place)) == len(MANY)
    assert clerk.wait(30.0)
    assert shelf.kept
    name = min(node.store.held)
    whole = node.store.held[name]
    saved = shelf.nearest("r0", "memories", node.codec.fingerprint, 1, place.seq)
    assert saved is not None
    for damaged in (*damages(whole)[::7], None):
        (node.folder / name).unlink(missing_ok=True)
        node.store.held.pop(name, None)
        if damaged is not None:
            node.store.held[name] = damaged
        with pytest.raises(CorruptRecord, match=f"segment {name}"):
            node.restarted().load(saved.data)
    with caplog.at_level(logging.WARNING):
        assert list(memories(timeline(node.restarted()).at(place))) == list(MANY)
    assert f"segment {name}" in caplog.text
    assert clerk.wait(30.0)
    assert node.store.held[name] == whole, "whoever folded it has written it again"


def test_what_is_not_as_it_was_written_is_refused_by_name_even_if_its_hash_fits(node: Node) -> None:
    state = folded(node.fold, [Remembered(MANY)])
    run = next(part.block for part in state.parts if isinstance(part.block, Run))
    data = b"".join(pieces(run))
    whole = opened(memoryview(data), "x").run
    assert whole.memories(np.arange(len(run))) == run.memories(np.arange(len(run)))
    assert b"".join(pieces(whole)) == data
    length = int.from_bytes(data[8:16], "little")
    for wrong in (
        b"",
        data[:20],
        b"x" + data[1:],
        MAGIC + (2**40).to_bytes(8, "little") + data[16:],
        data[:16] + b"[" + data[17:],
        data[: 16 + length].replace(b'"rows":12', b'"rows":13') + data[16 + length :],
        data[: 16 + length].replace(b'"pad","f8"', b'"pad","u8"') + data[16 + length :],
        data[: 16 + length].replace(b'"weight"', b'"height"') + data[16 + length :],
        data[: 16 + length].replace(b'"law":null', b'"law":1234') + data[16 + length :],
        data[: len(data) // 2],
    ):
        assert wrong != data
        with pytest.raises(CorruptRecord, match="segment y"):
            opened(memoryview(wrong), "segment y")


def written_over(data: bytes, name: str, place: int, value: int) -> bytes:
    """A segment with another number in a column."""
    length = int.from_bytes(data[8:16], "little")
    start = -(-(16 + length) // 64) * 64
    told = {column: (kind, at) for column, kind, _, at in json.loads(data[16 : 16 + length])["columns"]}
    kind, at = told[name]
    one = np.array([value], kind).tobytes()
    begin = start + at + place * len(one)
    return data[:begin] + one + data[begin + len(one) :]


def test_links_that_lead_back_and_postings_out_of_order_are_refused() -> None:
    """Who follows such links would never come to an end, and a row that stands twice would count twice."""
    state = folded(MemoriesFold(DIM, SIZES), [Remembered(MANY)])
    run = next(part.block for part in state.parts if isinstance(part.block, Run))
    data = b"".join(pieces(run))
    often = int(np.argmax(np.diff(run.whole.postings.starts.astype(np.int64))))
    first = int(run.whole.postings.starts[often])
    for name, place, value in (
        ("row/after", 4, 3),
        ("row/after", 4, 4),
        ("row/before", 4, 5),
        ("postings/row", first + 1, int(run.whole.postings.rows[first])),
    ):
        wrong = written_over(data, name, place, value)
        assert wrong != data
        with pytest.raises(CorruptRecord, match=name.split("/")[0]):
            opened(memoryview(wrong), "segment y")


def test_ids_of_no_digits_are_refused() -> None:
    """Nobody could tell where one ends and the next begins."""
    hexed = tuple(replace(memory, id=f"{number:08x}") for number, memory in enumerate(MANY))
    state = folded(MemoriesFold(DIM, SIZES), [Remembered(hexed)])
    data = b"".join(pieces(next(part.block for part in state.parts if isinstance(part.block, Run))))
    length = int.from_bytes(data[8:16], "little")
    header = data[16 : 16 + length]
    shape = re.search(rb'"id/hex","u1",\[(\d+),4\]', header)
    assert shape is not None
    crafted = header.replace(shape[0], shape[0].replace(b",4]", b",0]"))
    wrong = data[:16] + crafted + data[16 + length :]
    assert wrong != data
    with pytest.raises(CorruptRecord, match="id/hex: ids of no digits"):
        opened(memoryview(wrong), "segment y")


def test_a_snapshot_of_memories_without_a_dimension_is_refused() -> None:
    """Vectors of no numbers would let a question of any length read beyond them."""
    state = folded(MemoriesFold(DIM, SIZES), [Remembered(MANY[:2])])
    dump = MemoriesCodec().dump(state)
    arrays = {**dump.arrays, "vectors": np.zeros((2, 0), np.float32)}
    with pytest.raises(CorruptRecord, match="dim"):
        MemoriesCodec().load(arrays, {**dump.attributes, "dim": 0})


def test_columns_go_once_they_are_shown_elsewhere_though_somebody_knew_where_they_lay() -> None:
    state = folded(MemoriesFold(DIM, SIZES), [Remembered(MANY)])
    run = next(part.block for part in state.parts if isinstance(part.block, Run))
    old = weakref.ref(run.whole.vectors)
    assert run.head(lambda table, _: table.vectors.ctypes.data) == run.whole.vectors.ctypes.data
    run.become(opened(memoryview(b"".join(pieces(run))), "x").run)
    gc.collect()
    assert old() is None
    assert run.head(lambda table, _: table.vectors.ctypes.data) == run.whole.vectors.ctypes.data
    small = folded(MemoriesFold(DIM, Sizes(tail=4, sealed=64)), [Remembered(MANY[:5])])
    part = next(part.block for part in small.parts if isinstance(part.block, Run))
    part.head(lambda table, _: table.vectors.ctypes.data)
    own = weakref.ref(part.whole.vectors)
    folded(MemoriesFold(DIM, Sizes(tail=4, sealed=64)), [Remembered(MANY[5:9])], small)
    gc.collect()
    assert own() is None


def refused(node: Node, state: EpisodicState, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    dump = node.codec.dump(state)
    arrays, attributes = dict(dump.arrays), dict(dump.attributes)
    change(arrays, attributes)
    with pytest.raises(CorruptRecord):
        node.codec.load(arrays, attributes)


def test_a_snapshot_whose_files_do_not_fit_is_refused(node: Node) -> None:
    state = folded(node.fold, [Remembered(MANY), Forgotten(("x1", "x3"))])
    dump = node.codec.dump(state)
    names = dump.arrays[FILES]
    assert isinstance(names, np.ndarray)
    assert len(names) > 1
    assert "dead/0" in dump.arrays
    refused(node, state, lambda arrays, _: arrays.update({FILES: names[::-1].copy()}))
    refused(node, state, lambda arrays, _: arrays.update({FILES: names[:1]}))
    refused(node, state, lambda arrays, _: arrays.update({FILES: np.repeat(names[:1], len(names), axis=0)}))
    refused(node, state, lambda arrays, _: arrays.update(cut=np.array([-1, 1], np.int64)))
    refused(node, state, lambda arrays, _: arrays.pop("cut"))
    refused(node, state, lambda arrays, _: arrays.pop("dead/0"))
    refused(node, state, lambda arrays, _: arrays.update({"dead/0": arrays["dead/0"][:-1]}))
    refused(node, state, lambda arrays, _: arrays.update({"dead/0": np.full_like(arrays["dead/0"], 255)}))
    refused(node, state, lambda arrays, _: arrays.update({"dead/0": np.zeros_like(arrays["dead/0"])}))
    refused(node, state, lambda _, attributes: attributes.update(next_ticket=3))
    with pytest.raises(CorruptRecord, match="no place for them"):
        MemoriesCodec(DIM, SIZES).load(*dump)


def test_what_was_forgotten_is_not_found_after_a_restart_and_still_on_a_fork_made_before(tmp_path: Path) -> None:
    indexer = Indexer(256, IndexPolicy(from_rows=256))
    node = Node(tmp_path, Store(), indexer, Sizes(tail=64, sealed=256))
    chance = np.random.default_rng(1)
    vectors = chance.standard_normal((600, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    many = tuple(replace(memory(n % 40), id=f"x{n}", embedding=vectors[n]) for n in range(600))
    before = folded(node.fold, [Remembered(many)])
    gone = ("x1", "x13", "x599")
    after = folded(node.fold, [Forgotten(gone)], before)
    kept, told = node.dump(before), node.dump(after)
    host = node.restarted()
    fork, on = host.load(kept), host.load(told)
    assert [run.index.kind for run in runs(fork)] == ["pq", "pq"], "they came with the files"
    for one in gone:
        asked = many[int(one[1:])]
        for query in (Query(asked.text, limit=600), Query(None, asked.embedding, limit=5), Query(also=gone)):
            assert one in found(fork, query)
            assert one not in found(on, query)
    back = folded(host.fold, [Remembered((many[1],))], on)
    assert "x1" not in back
    indexer.close()


def test_under_another_policy_a_run_is_indexed_anew_and_written_again(tmp_path: Path) -> None:
    policies = [IndexPolicy(kind="hnsw", from_rows=256), IndexPolicy(kind="pq", from_rows=256), IndexPolicy()]
    store, names, data = Store(), [], b""
    vectors = np.random.default_rng(2).standard_normal((300, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    said = tuple(replace(memory(at % 40), id=f"x{at}", embedding=vectors[at]) for at in range(300))
    for policy in policies:
        indexer = Indexer(256, policy)
        node = Node(tmp_path, store, indexer, Sizes(tail=64, sealed=256))
        state = node.load(data) if data else folded(node.fold, [Remembered(said)])
        assert indexer.wait(30.0)
        (sealed,) = (part.block for part in state.parts if isinstance(part.block, Run) and len(part.block) >= 256)
        assert sealed.index.kind == policy.kind_for(len(sealed))
        assert [memory.id for memory in memories(state)] == [memory.id for memory in said]
        data = node.dump(state)
        assert sealed.name is not None
        names.append(sealed.name)
        assert [run.index.kind for run in runs(node.restarted().load(data))] == [sealed.index.kind]
        indexer.close()
    assert len(set(names)) == len(policies) == store.written


def found(state: EpisodicState, query: Query) -> set[str]:
    return {one.id for one in search(state, query).memories}


def test_runs_that_were_joined_show_the_columns_of_what_they_became() -> None:
    fold = MemoriesFold(DIM, Sizes(tail=4, sealed=64))
    states = [fold.empty()]
    for start in range(0, 40, 4):
        states.append(folded(fold, [Remembered(MANY[start : start + 4])], states[-1]))
    old = [(state, tuple(MANY[: 4 * number])) for number, state in enumerate(states)]
    blocks = {id(part.block): part.block for state, _ in old for part in state.parts if isinstance(part.block, Run)}
    large = max(blocks.values(), key=len)
    assert len(large) == 32
    shared = [run for run in blocks.values() if np.shares_memory(run.whole.vectors, large.whole.vectors)]
    assert len(shared) > 3, "also those that were in what was joined"
    for run in shared:
        assert np.shares_memory(run.whole.records.texts.data, large.whole.records.texts.data)
    for state, said in old:
        assert list(memories(state)) == list(said)
        for one in said[::5]:
            assert one.id in found(state, Query(None, one.embedding, limit=3))


def test_what_was_joined_is_mapped_with_what_it_became(node: Node) -> None:
    states = [folded(node.fold, [Remembered(MANY[:9])])]
    states.append(folded(node.fold, [Remembered(MANY[9:20])], states[0]))
    part = next(part.block for part in states[0].parts if isinstance(part.block, Run))
    node.dump(states[1])
    (run,) = runs(states[1])
    assert np.shares_memory(part.whole.vectors, run.whole.vectors)
    assert is_mapped(run)
    assert list(memories(states[0])) == list(MANY[:9])
    assert list(memories(states[1])) == list(MANY[:20])


def test_where_rows_died_nothing_is_shared() -> None:
    fold = MemoriesFold(DIM, Sizes(tail=4, sealed=64))
    one = folded(fold, [Remembered(MANY[:4]), Remembered(MANY[4:5])])
    two = folded(fold, [Forgotten(("x1",)), Remembered(MANY[5:12])], one)
    alone = next(part.block for part in one.parts if isinstance(part.block, Run))
    for part in two.parts:
        if part.block is not alone and isinstance(part.block, Run):
            assert not np.shares_memory(part.block.whole.vectors, alone.whole.vectors)
    assert list(memories(one)) == list(MANY[:5])
    assert [one.id for one in memories(two)] == ["x0", *(f"x{number}" for number in range(2, 12))]


def test_a_run_without_a_folder_is_read_into_memory(node: Node) -> None:
    data = node.dump(folded(node.fold, [Remembered(MANY)]))
    alone = MemoriesCodec(DIM, SIZES, segments=Segments(node.store))
    state = unpacked(alone, PACKING, PLACE, data)
    assert list(memories(state)) == list(MANY)
    assert packed(alone, PACKING, state) == data


def test_every_field_comes_back_from_a_file(node: Node) -> None:
    odd = [
        replace(
            one, metadata={"n": number} if number % 2 else {}, revised_at=START if number % 3 else None, pad=one.pad
        )
        for number, one in enumerate(MANY)
    ]
    odd[3] = replace(odd[3], text="Zoë\N{SNOWMAN}", importance=0.1, speaker="", tags=("b", "a", "b"))
    state = folded(node.fold, [Remembered(tuple(odd))])
    back = list(memories(node.restarted().load(node.dump(state))))
    assert [(one, repr(one), one.embedding.tobytes()) for one in back] == [
        (one, repr(one), one.embedding.tobytes()) for one in odd
    ]


# The folder


def at_hand(cache: FileCache, name: str) -> bytes | None:
    found = cache.get(name)
    return None if found is None else bytes(found)


def data_of(number: int, size: int = 1000) -> tuple[str, bytes]:
    data = bytes([number]) * size
    return blake3(data).hexdigest(), data


def test_the_folder_holds_no_more_than_it_may_and_what_was_used_last_stays(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "c", 2500)
    one, two, three = (data_of(number) for number in range(3))
    held = cache.put(*one)
    cache.put(*two)
    (tmp_path / "c" / two[0]).touch()
    assert at_hand(cache, one[0]) == one[1]
    os.utime(tmp_path / "c" / two[0], (1, 1))
    cache.put(*three)
    assert (at_hand(cache, two[0]), at_hand(cache, three[0]), at_hand(cache, one[0])) == (None, three[1], one[1])
    large = data_of(9, 9000)
    assert cache.put(*large) == large[1]
    assert at_hand(cache, large[0]) == large[1], "what came last stays, whatever it weighs"
    assert at_hand(cache, one[0]) is None
    assert held == one[1], "what is mapped goes on being readable"
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "c" / large[0]).stat().st_mode & 0o777 == 0o600


def test_what_was_begun_and_given_up_goes_and_strangers_stay(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10)
    for name in (".tmp-old", ".tmp-new", "notes"):
        (tmp_path / name).write_bytes(b"x" * 100)
    os.utime(tmp_path / ".tmp-old", (1, 1))
    cache.put(*data_of(1))
    assert {path.name for path in tmp_path.iterdir()} == {".tmp-new", "notes", data_of(1)[0]}


def test_a_folder_that_takes_nothing_is_no_loss(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("x")
    cache = FileCache(tmp_path / "file" / "c", 10_000)
    name, data = data_of(1)
    assert at_hand(cache, name) is None
    assert cache.put(name, data) == data
    assert "takes no file" in caplog.text


def shown(folder: Path) -> int:
    """Bytes of a folder's files that this process has at hand."""
    return sum(one.rss for one in psutil.Process().memory_maps() if one.path.startswith(str(folder)))


@pytest.mark.skipif(sys.platform != "linux", reason="what a process maps is told by Linux alone")
def test_pages_that_were_let_go_are_there_again_when_somebody_looks(tmp_path: Path) -> None:
    cache, (name, data) = FileCache(tmp_path, 1 << 24), data_of(1, 1 << 20)
    held = cache.put(name, data)
    assert bytes(held) == data
    assert shown(tmp_path) == len(data)
    let_go(held)
    assert shown(tmp_path) == 0
    assert bytes(held) == data
    let_go(memoryview(data))
    assert bytes(held) == data


@pytest.mark.skipif(sys.platform != "linux", reason="what a process maps is told by Linux alone")
def test_a_run_that_was_only_written_or_opened_has_no_page_of_its_file(node: Node) -> None:
    state = folded(node.fold, [Remembered(MANY)])
    node.dump(state)
    assert all(map(is_mapped, runs(state)))
    assert shown(node.folder) == 0
    host = node.restarted()
    opened_ = [host.segments.run(path.name) for path in files(node)]
    assert shown(node.folder) == 0
    assert sum(len(run.memories(np.arange(len(run)))) for run in opened_) == sum(map(len, runs(state)))
    assert shown(node.folder) > 0


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache, (name, data) = FileCache(tmp_path, 1 << 20), data_of(1, 1 << 16)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        held = cache.put(name, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert held == data
    assert "takes no file" in caplog.text
    assert list(tmp_path.iterdir()) == []
    assert bytes(cache.put(name, data)) == at_hand(cache, name) == data


def test_hosts_that_share_a_folder_and_clear_it_for_each_other_read_what_they_asked_for(tmp_path: Path) -> None:
    every = [data_of(number, 5000) for number in range(8)]
    wrong: list[str] = []

    def work(seed: int) -> None:
        cache, chance = FileCache(tmp_path, 12_000), np.random.default_rng(seed)
        held = []
        for number in chance.integers(0, len(every), 300).tolist():
            name, data = every[number]
            found = cache.get(name)
            held.append((name, data, cache.put(name, data) if found is None else found))
        wrong.extend(name for name, data, found in held if found != data)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    FileCache(tmp_path, 12_000).put(*every[0])
    left = list(tmp_path.iterdir())
    assert sum(path.stat().st_size for path in left) <= 12_000
    assert {path.name for path in left} <= {name for name, _ in every}


def test_what_somebody_else_could_change_is_not_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FileCache(tmp_path / "c", 10_000)
    (name, data), (other, _), (pipe, _) = (data_of(number) for number in range(3))
    cache.put(name, data)
    (tmp_path / "theirs").write_bytes(data_of(1)[1])
    (tmp_path / "c" / other).symlink_to(tmp_path / "theirs")
    os.mkfifo(tmp_path / "c" / pipe)
    assert (at_hand(cache, name), at_hand(cache, other), at_hand(cache, pipe)) == (data, None, None)
    assert (tmp_path / "theirs").exists()
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert at_hand(cache, name) is None, "its owner could change it after it was compared with its name"
    monkeypatch.undo()
    assert cache.put(name, data) == data
    assert at_hand(cache, name) == data


def test_what_nobody_loads_goes_though_there_is_room(tmp_path: Path) -> None:
    one, two, three = (data_of(number) for number in range(3))
    cache = FileCache(tmp_path, 10_000, unused_s=3600.0)
    for name, data in (one, two):
        cache.put(name, data)
    for name, _ in (one, two):
        os.utime(tmp_path / name, (1, 1))
    assert at_hand(FileCache(tmp_path, 10_000, unused_s=3600.0), one[0]) == one[1], "what is asked for stays"
    assert {path.name for path in tmp_path.iterdir()} == {one[0]}
    os.utime(tmp_path / one[0], (1, 1))
    cache.put(*three)
    assert {path.name for path in tmp_path.iterdir()} == {three[0]}


def test_a_header_of_impossible_numbers_is_refused_by_name() -> None:
    for told in (
        b'{"rows":Infinity,"dim":3,"law":null,"columns":[]}',
        b'{"rows":1,"dim":3,"law":null,"columns":[["vectors","f4",[99999999999999999999],0]]}',
        b"[" * 60_000,
    ):
        data = MAGIC + len(told).to_bytes(8, "little") + told
        with pytest.raises(CorruptRecord, match="header"):
            opened(memoryview(data + bytes(64)), "segment x")


def test_a_lost_file_whose_run_is_written_otherwise_by_now_gets_another_name(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = node.fold.apply(node.fold.empty(), Remembered(MANY))
    first = named_by(node, state)
    assert first
    node.store.held.clear()
    monkeypatch.setattr(
        segments_module, "pieces", lambda run, policy=None: [*pieces(run, policy), memoryview(bytes(64))]
    )
    again = named_by(node, state)
    assert not set(again) & set(first)
    assert set(again) <= set(node.store.held), "no snapshot names what is not there"


def named_by(node: Node, state: EpisodicState) -> list[str]:
    return named(node.codec.dump(state).arrays)


def test_two_views_that_tell_of_one_part_do_not_take_each_others_turn() -> None:
    shelf, clerk, go_on = PlainShelf(), Clerk("test"), threading.Event()
    assert MemoriesCodec.part == UsesCodec.part

    def busy() -> None:
        go_on.wait(30.0)

    clerk.offer("busy", busy)
    memories_, uses = MemoriesCodec(DIM), UsesCodec()
    spacing = Spacing(1, 0.0)
    Snapshots(memories_, shelf, PACKING, clerk, spacing).noted(PLACE, MemoriesFold(DIM).empty(), Tally().plus(5))
    Snapshots(uses, shelf, PACKING, clerk, spacing).noted(PLACE, UsesFold().empty(), Tally().plus(5))
    go_on.set()
    assert clerk.wait(30.0)
    assert {fold for _, _, fold in shelf.kept} == {memories_.fingerprint, uses.fingerprint}


def test_events_that_bring_many_memories_weigh_as_many() -> None:
    one, many = Remembered(MANY[:1]), Remembered(MANY)
    revised_, nothing = Revised(MANY[:7]), Forgotten(("x1", "x2"))
    both = merged(MANY[:2], ("x9",), MANY[3:6])
    assert [rows_of(event) for event in (one, many, revised_, nothing, both)] == [1, 40, 7, 1, 5]
    history, replay, clerk, shelf = PlainHistory(), Replay(), Clerk("test"), PlainShelf()
    history.rows, history.journal = replay.history.rows, replay.history.journal
    history.journal["r0"] = [Entry(Place("r0", 1), START, many)]
    snapshots = Snapshots(MemoriesCodec(DIM), shelf, PACKING, clerk, Spacing(20), rows_of)
    Timeline(MemoriesFold(DIM), history, 9, snapshots).at(Place("r0", 1))
    assert clerk.wait(30.0)
    assert shelf.places() == [Place("r0", 1)], "one event of forty memories is enough"


def test_snapshots_of_what_is_in_files_lie_no_further_apart_however_long_history_is() -> None:
    spacing = Spacing(100, 0.25, 400)
    assert [spacing.price(seq) for seq in (1, 1000, 10**6)] == [100, 250, 400]
    assert Spacing(1000, 0.25, 400).price(10**6) == 1000
    with pytest.raises(OutOfRange):
        Spacing(1, 0.0, 0)


def test_what_is_due_goes_by_what_a_state_weighs_and_not_by_the_number_of_the_event() -> None:
    """One event of forty memories, then forty that change nothing: the share is of memories, not of numbers."""
    codec, shelf, clerk = MemoriesCodec(DIM), PlainShelf(), Clerk("test")
    snapshots = Snapshots(codec, shelf, PACKING, clerk, Spacing(10, 0.5), rows_of)
    state = MemoriesFold(DIM).apply(MemoriesFold(DIM).empty(), Remembered(MANY))
    assert codec.size(state) == len(MANY)
    forgotten = MemoriesFold(DIM).apply(state, Forgotten(("x1", "nobody")))
    assert codec.size(forgotten) == len(MANY) + 1, "what is forgotten is written down as well"
    tally = snapshots.noted(Place("r0", 10**6), state, Tally().plus(19))
    assert tally.events == 19, "less than half of forty"
    assert snapshots.noted(Place("r0", 10**6), state, tally.plus(1)).events == 0, "however large the number"
    assert snapshots.noted(Place("r0", 1), state, Tally().plus(19)).events == 19
    assert clerk.wait(30.0)
    assert shelf.places() == [Place("r0", 10**6)]
