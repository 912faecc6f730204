"""Stacked states: the overlaps of pairs, all at once; what is added, picked and taken out is what was put in."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.quantum.batch import CHUNK, HALF_ROUNDING, StateBatch
from tests.unit.test_quantum_backend import DeviceArray, cupy_like

GRID = Grid((3, 2, 2))
SEEDS = st.integers(0, 2**32 - 1)


def train(rng: np.random.Generator, top: int, dtype: Any = np.complex128) -> QuantumState:
    bonds = [1, *rng.integers(1, top + 1, GRID.sites - 1).tolist(), 1]
    shapes = [(left, 2, right) for left, right in pairwise(bonds)]
    cores = [(rng.normal(size=shape) + 1j * rng.normal(size=shape)) / math.sqrt(4 * shape[0]) for shape in shapes]
    return QuantumState(GRID, tuple(core.astype(dtype) for core in cores))


def trains(rng: np.random.Generator, count: int, dtype: Any = np.complex128) -> list[QuantumState]:
    return [train(rng, int(rng.integers(1, 9)), dtype) for _ in range(count)]


def pairwise_overlaps(ours: list[QuantumState], theirs: list[QuantumState]) -> Any:
    """The slow twin."""
    return np.array([[one.overlap(other) for other in theirs] for one in ours])


def same(batch: StateBatch, states: list[QuantumState]) -> bool:
    """Whether the batch holds those very cores, without padding."""
    return len(batch) == len(states) and all(
        np.array_equal(a, b)
        for member, state in zip(batch, states, strict=True)
        for a, b in zip(member.cores, state.cores, strict=True)
    )


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.integers(1, 9), st.integers(1, 5), st.sampled_from([(np.complex128, 1e-10), (np.complex64, 1e-4)]))
def test_overlaps_and_gram_are_those_of_pairs(seed: int, count: int, more: int, kind: tuple[Any, float]) -> None:
    rng = np.random.default_rng(seed)
    dtype, tolerance = kind
    ours, theirs = trains(rng, count), trains(rng, more)
    batch, other = StateBatch.of(ours, dtype), StateBatch.of(theirs, dtype)
    want = pairwise_overlaps(ours, theirs)
    assert np.abs(batch.gram(other) - want).max() < tolerance * (1 + np.abs(want).max())
    assert np.abs(batch.overlaps(theirs[0]) - want[:, 0]).max() < tolerance * (1 + np.abs(want).max())
    fidelities = [state.fidelity(theirs[0]) for state in ours]
    assert np.abs(batch.fidelities(theirs[0]) - fidelities).max() < tolerance


def test_across_chunks_and_blocks_of_work(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    ours, theirs = trains(rng, 2 * CHUNK + 3), trains(rng, CHUNK + 2)
    batch, other = StateBatch.of(ours, np.complex128), StateBatch.of(theirs, np.complex128)
    whole = batch.gram(other)
    rows, columns = [0, CHUNK - 1, CHUNK, 2 * CHUNK + 2], [0, CHUNK - 1, CHUNK, CHUNK + 1]
    want = pairwise_overlaps([ours[r] for r in rows], [theirs[c] for c in columns])
    assert np.abs(whole[np.ix_(rows, columns)] - want).max() < 1e-10
    monkeypatch.setattr("quantum_memory.memory.quantum.batch.WORKSPACE_BYTES", 1 << 19)
    assert np.abs(batch.gram(other) - whole).max() < 1e-10
    assert np.abs(batch.overlaps(theirs[0]) - whole[:, 0]).max() < 1e-10
    assert np.abs(other.gram(batch) - whole.conj().T).max() < 1e-10


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.integers(1, CHUNK + 5), st.integers(0, 9), st.booleans(), st.data())
def test_append_and_gather_keep_every_state_as_it_was(
    seed: int, count: int, more: int, half: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.complex64
    storage: Any = "half" if half else "full"
    first, added = trains(rng, count, dtype), trains(rng, more, dtype)
    batch = StateBatch.of(first, dtype, storage)
    kept = list(batch)
    longer = batch.append(added)
    together = StateBatch.of([*first, *added], dtype, storage)
    assert same(longer, list(together))
    assert same(batch, kept), "the batch appended to is left alone"
    if not half:
        assert same(longer, [*first, *added])
    indices = data.draw(st.lists(st.integers(-len(longer), len(longer) - 1), max_size=20))
    picked = longer.gather(indices)
    assert same(picked, [longer[index] for index in indices])
    got = picked.overlaps(first[0])
    assert np.abs(got - longer.overlaps(first[0])[indices]).max(initial=0.0) < 1e-4


def test_appending_shares_full_chunks_and_copies_only_the_last() -> None:
    rng = np.random.default_rng(6)
    batch = StateBatch.of(trains(rng, 2 * CHUNK + 1))
    longer = batch.append(trains(rng, 2))
    ours, theirs = batch._chunks, longer._chunks
    assert [new is old for new, old in zip(theirs, ours, strict=True)] == [True, True, False]
    assert all(not core.flags.writeable for chunk in theirs for core in chunk.cores)
    assert len(batch) == 2 * CHUNK + 1
    assert len(longer) == 2 * CHUNK + 3
    assert longer.nbytes > batch.nbytes


def test_a_later_write_to_what_was_taken_out_is_refused_and_the_batch_stays() -> None:
    state = train(np.random.default_rng(7), 4, np.complex64)
    batch = StateBatch.of([state])
    with pytest.raises(ValueError, match="read-only"):
        batch[0].cores[0][...] = 0.0
    assert same(batch, [state])


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.floats(-20, 20))
def test_half_storage_takes_half_the_bytes_and_keeps_its_bound(seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    states = [state.compress(8)[0] for state in trains(rng, 20)]
    fixed = train(rng, 5).normalised()
    exact = np.array([state.overlap(fixed) for state in states])
    half, full = StateBatch.of(states, storage="half"), StateBatch.of(states)
    bound = [HALF_ROUNDING * sum(math.sqrt(bond) for bond in (*state.bonds, 1)) * 1.05 for state in states]
    assert (np.abs(half.overlaps(fixed) - exact) < bound).all()
    assert half.nbytes < full.nbytes
    scaled = [QuantumState(GRID, (state.cores[0] * 2.0**power, *state.cores[1:])) for state in states]
    moved = StateBatch.of(scaled, storage="half").overlaps(fixed) / 2.0**power
    assert (np.abs(moved - exact) < bound).all(), "one scale per core"
    square = half.gram(half)
    assert np.abs(square - np.array([[a.overlap(b) for b in half] for a in half])).max() < 1e-5


def test_packets_on_the_full_grid() -> None:
    grid = Grid()
    packets = [Packet((0.1 * i, -0.1 * i, 0.05), (0.2, 0.1, 0.15), (2.0, i, 0.0)) for i in range(5)]
    states = [QuantumState.from_packet(grid, packet) for packet in packets]
    batch = StateBatch.of(states)
    want = np.array([[a.overlap(b) for b in states] for a in states])
    assert np.abs(batch.gram(batch) - want).max() < 1e-5
    assert np.abs(StateBatch.of(states, storage="half").gram(batch) - want).max() < 5e-3
    assert batch.fidelities(states[2])[2] == pytest.approx(1.0, abs=1e-5)


def test_the_same_on_device_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    device: Any = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", device)
    rng = np.random.default_rng(8)
    states = trains(rng, 6, np.complex64)
    there = [state.on(device) for state in states]
    for storage in ("full", "half"):
        here, away = StateBatch.of(states, storage=storage), StateBatch.of(there, storage=storage)
        assert isinstance(away[3].cores[0], DeviceArray)
        assert np.allclose(away.gram(away), here.gram(here), atol=1e-6)
        assert np.allclose(away.gather([4, 0]).fidelities(there[1]), here.gather([4, 0]).fidelities(states[1]))
        with pytest.raises(InvalidValue, match="array module"):
            away.overlaps(states[0])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"states": []}, InvalidValue),
        ({"dtype": np.float32}, InvalidValue),
        ({"dtype": np.complex128, "storage": "half"}, InvalidValue),
        ({"storage": "quarter"}, InvalidValue),
    ],
)
def test_bad_batches_are_refused(arguments: dict[str, Any], error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        StateBatch.of(**({"states": trains(np.random.default_rng(0), 2)} | arguments))


def test_bad_states_and_indices_are_refused() -> None:
    rng = np.random.default_rng(0)
    batch = StateBatch.of(trains(rng, 3))
    other = QuantumState.from_packet(Grid((3, 3, 3)), Packet((0, 0, 0), (0.4,) * 3))
    for call in (batch.overlaps, batch.fidelities, lambda state: batch.append([state])):
        with pytest.raises(InvalidValue, match="grid"):
            call(other)
    with pytest.raises(InvalidValue, match="grid"):
        batch.gram(StateBatch.of([other]))
    for indices, error in (([3], OutOfRange), ([-4], OutOfRange), ([0.5], InvalidValue), ([[0]], ShapeMismatch)):
        with pytest.raises(error):
            batch.gather(indices)  # type: ignore[arg-type]
    with pytest.raises(OutOfRange):
        batch[3]
    nothing = QuantumState(GRID, tuple(core * 0 for core in batch[0].cores))
    with pytest.raises(OutOfRange, match="norms"):
        batch.append([nothing]).fidelities(batch[0])
    assert batch.gather([]).overlaps(batch[0]).shape == (0,)
