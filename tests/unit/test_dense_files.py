"""Sealed indexes as bytes: read in place, never changed, and refused by name when anything in them is damaged."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from pathlib import Path

import faiss
import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord, IndexSealed, InvalidValue, ShapeMismatch
from quantum_memory.memory.episodic.dense import DenseIndex, IndexPolicy, build, load
from quantum_memory.memory.episodic.dense.frame import ALIGNMENT
from quantum_memory.memory.episodic.dense.structure import Structure, serialized
from tests.unit.test_dense import clustered

POLICIES = {
    "flat": IndexPolicy(kind="flat"),
    "pq": IndexPolicy(kind="pq", from_rows=256),
    "hnsw": IndexPolicy(kind="hnsw", from_rows=256, ef_construction=40),
    "hnsw-sq8": IndexPolicy(kind="hnsw", from_rows=256, ef_construction=40, storage="sq8"),
    "ivf": IndexPolicy(kind="ivf", from_rows=256),
    "ivf-sq8": IndexPolicy(kind="ivf", from_rows=256, storage="sq8"),
    "ivf-pq": IndexPolicy(kind="ivf", from_rows=256, storage="pq"),
}
VECTORS = clustered(500, 11)
MADE: dict[str, DenseIndex] = {}


def made(name: str) -> DenseIndex:
    if name not in MADE:
        MADE[name] = build(VECTORS, POLICIES[name])
    return MADE[name]


def answers(index: DenseIndex) -> list[list[float]]:
    return [part.tolist() for query in VECTORS[:10] for part in index.nearest(query, 7)]


@pytest.mark.parametrize("name", POLICIES)
def test_a_mapped_file_is_read_in_place(name: str, tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_bytes(b"".join(made(name).dump()))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    index = load(memoryview(mapped))
    assert np.shares_memory(index.array, np.frombuffer(mapped, np.uint8))
    assert index.array.ctypes.data % ALIGNMENT == 0
    assert answers(index) == answers(made(name))


@pytest.mark.parametrize("name", POLICIES)
def test_an_index_keeps_alive_what_it_reads(name: str) -> None:
    index = load(memoryview(bytearray(b"".join(made(name).dump()))))
    _ = [bytearray(1 << 20) for _ in range(20)]  # would take the place of what was let go
    assert answers(index) == answers(made(name))


@pytest.mark.parametrize("name", POLICIES)
def test_vectors_may_lie_elsewhere_and_have_to_be_the_same(name: str) -> None:
    index = made(name)
    without = b"".join(index.dump(vectors=False))
    assert len(without) + VECTORS.nbytes <= len(b"".join(index.dump())) + 2 * ALIGNMENT
    again = load(without, VECTORS)
    assert np.shares_memory(again.array, VECTORS)
    assert answers(again) == answers(index)
    other = VECTORS.copy()
    other[3, 4] += 1
    with pytest.raises(CorruptRecord, match="the vectors are not those"):
        load(without, other)
    assert load(without, other, verify=False).array[3, 4] == other[3, 4]
    with pytest.raises(ShapeMismatch):
        load(without, VECTORS[1:])
    for buffer, vectors in ((without, None), (b"".join(index.dump()), VECTORS)):
        with pytest.raises(InvalidValue, match="vectors"):
            load(buffer, vectors)


@pytest.mark.parametrize("name", POLICIES)
def test_any_truncated_file_is_refused(name: str) -> None:
    whole = b"".join(made(name).dump())
    ends = [*range(0, 700, 7), *np.random.default_rng(1).integers(0, len(whole) - ALIGNMENT, 100).tolist()]
    for end in ends:
        with pytest.raises(CorruptRecord):
            load(whole[:end])


@pytest.mark.parametrize("name", POLICIES)
def test_any_flipped_bit_is_found_or_lies_between_arrays(name: str) -> None:
    whole = b"".join(made(name).dump())

    @settings(max_examples=150, deadline=None)
    @given(st.one_of(st.integers(0, 700), st.integers(0, len(whole) - 1)), st.integers(0, 7))
    def holds(at: int, bit: int) -> None:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        try:
            index = load(memoryview(damaged))
        except CorruptRecord:
            return
        assert answers(index) == answers(made(name))
        assert b"".join(index.dump()) == whole

    holds()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_what_is_no_index_is_refused(junk: bytes, dressed: bool) -> None:
    whole = b"".join(made("pq").dump())
    with pytest.raises(CorruptRecord):
        load(whole[:8] + junk if dressed else junk)


@pytest.mark.parametrize("name", ["pq", "hnsw", "ivf-sq8"])
def test_a_structure_of_another_index_is_refused_though_its_hash_is_right(name: str) -> None:
    index, other = made(name), build(clustered(300, 1), POLICIES[name])
    mine, theirs = (one._structure() for one in (index, other))  # type: ignore[attr-defined]  # to forge one
    with pytest.raises(CorruptRecord):
        type(index).opened(VECTORS, index._parameters(), {**mine, **theirs})  # type: ignore[attr-defined]
    with pytest.raises(CorruptRecord):
        type(index).opened(VECTORS, index._parameters(), {})  # type: ignore[attr-defined]


def test_a_kind_of_later_times_is_refused() -> None:
    whole = b"".join(made("flat").dump())
    length = int.from_bytes(whole[8:16], "little")
    header = whole[48 : 48 + length].replace(b'"flat"', b'"tree"')
    with pytest.raises(CorruptRecord, match="'tree'"):
        load(whole[:16] + blake3(header).digest() + header + whole[48 + length :])


def test_vectors_that_start_at_an_odd_address_are_refused() -> None:
    whole = b"".join(made("flat").dump())
    shifted = memoryview(bytearray(b"x" + whole))[1:]
    with pytest.raises(InvalidValue, match="multiple of 4"):
        load(shifted)


def test_a_structure_names_no_row_where_it_finds_too_few() -> None:
    index = build(VECTORS, IndexPolicy(kind="ivf", from_rows=256, lists=50, probes=1, storage="sq8"))
    structure = Structure(index._structure()["codes"])  # type: ignore[attr-defined]  # what it is made of
    rows = structure.search_lists(VECTORS[0], 1, 400, None)
    assert 0 < len(rows) < 400
    assert rows.min() >= 0
    some = np.arange(500) % 2 == 0
    assert structure.search_lists(VECTORS[0], 1, 400, some).tolist() == [row for row in rows if some[row]]


CHANGES = {
    "add": "index.add(numpy.ones((3, 24), numpy.float32))",
    "remove_ids": "index.remove_ids(numpy.arange(5))",
    "reset": "index.reset()",
}
BARE = """
import resource, faiss, numpy
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
blob = numpy.fromfile({path!r}, numpy.uint8)
index = faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(blob), len(blob)), faiss.IO_FLAG_MMAP_IFC)
try:
    {change}
except RuntimeError:
    pass
print("alive")
"""


@pytest.mark.parametrize("change", CHANGES)
def test_what_would_end_the_process_on_a_bare_index_is_refused_by_ours(change: str, tmp_path: Path) -> None:
    bare = faiss.IndexFlatIP(24)
    bare.add(VECTORS)
    blob = serialized(bare)
    path = tmp_path / "bare"
    path.write_bytes(blob)
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(path=str(path), change=CHANGES[change])],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode < 0, done.stdout + done.stderr
    assert "alive" not in done.stdout
    structure = Structure(blob)
    before = structure.search(VECTORS[0], 9).tolist()
    for refused in ("add", "add_with_ids", "train", "reset", "remove_ids"):
        with pytest.raises(IndexSealed, match=refused):
            getattr(structure, refused)(VECTORS)
    assert structure.search(VECTORS[0], 9).tolist() == before


@pytest.mark.parametrize("name", POLICIES)
def test_nothing_on_an_index_changes_it(name: str) -> None:
    index = made(name)
    for change in ("add", "add_with_ids", "train", "reset", "remove_ids"):
        assert not hasattr(index, change)
    with pytest.raises(ValueError, match="read-only"):
        index.array[0, 0] = 1
    with pytest.raises(AttributeError):
        index.array = VECTORS  # type: ignore[misc]
