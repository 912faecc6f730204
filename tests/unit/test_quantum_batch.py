"""Stacked states: the overlaps of pairs, all at once; what is added, picked and taken out is what was put in."""

from __future__ import annotations

import math
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, superpose
from quantum_memory.memory.quantum.backend import host
from quantum_memory.memory.quantum.batch import CHUNK, HALF_ROUNDING, StateBatch
from tests.unit.quantum_backends import DeviceArray, cupy_like

GRID = Grid((3, 2, 2))
SEEDS = st.integers(0, 2**32 - 1)
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def train(rng: np.random.Generator, top: int, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    bonds = [1, *rng.integers(1, top + 1, GRID.sites - 1).tolist(), 1]
    shapes = [(left, 2, right) for left, right in pairwise(bonds)]
    cores = [(rng.normal(size=shape) + 1j * rng.normal(size=shape)) / math.sqrt(4 * shape[0]) for shape in shapes]
    return QuantumState(GRID, tuple(xp.asarray(core.astype(dtype)) for core in cores))


def trains(rng: np.random.Generator, count: int, dtype: Any = np.complex128, xp: Any = np) -> list[QuantumState]:
    return [train(rng, int(rng.integers(1, 9)), dtype, xp) for _ in range(count)]


def pairwise_overlaps(ours: list[QuantumState], theirs: list[QuantumState]) -> Any:
    """The slow twin."""
    return np.array([[one.overlap(other) for other in theirs] for one in ours])


def same(batch: StateBatch, states: list[QuantumState]) -> bool:
    """Whether the batch holds those very cores, without padding."""
    return len(batch) == len(states) and all(
        np.array_equal(host(a), host(b))
        for member, state in zip(batch, states, strict=True)
        for a, b in zip(member.cores, state.cores, strict=True)
    )


@LAW
@given(SEEDS, st.integers(1, 9), st.integers(1, 5), st.sampled_from([(np.complex128, 1e-10), (np.complex64, 1e-4)]))
def test_overlaps_and_gram_are_those_of_pairs(
    xp: Any, seed: int, count: int, more: int, kind: tuple[Any, float]
) -> None:
    rng = np.random.default_rng(seed)
    dtype, tolerance = kind
    ours, theirs = trains(rng, count, xp=xp), trains(rng, more, xp=xp)
    batch, other = StateBatch.of(ours, dtype), StateBatch.of(theirs, dtype)
    want = pairwise_overlaps(ours, theirs)
    assert np.abs(batch.gram(other) - want).max() < tolerance * (1 + np.abs(want).max())
    assert np.abs(batch.overlaps(theirs[0]) - want[:, 0]).max() < tolerance * (1 + np.abs(want).max())
    fidelities = [state.fidelity(theirs[0]) for state in ours]
    assert np.abs(batch.fidelities(theirs[0]) - fidelities).max() < tolerance


def test_across_chunks_and_blocks_of_work(xp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    ours, theirs = trains(rng, 2 * CHUNK + 3, xp=xp), trains(rng, CHUNK + 2, xp=xp)
    batch, other = StateBatch.of(ours, np.complex128), StateBatch.of(theirs, np.complex128)
    whole = batch.gram(other)
    rows, columns = [0, CHUNK - 1, CHUNK, 2 * CHUNK + 2], [0, CHUNK - 1, CHUNK, CHUNK + 1]
    want = pairwise_overlaps([ours[r] for r in rows], [theirs[c] for c in columns])
    assert np.abs(whole[np.ix_(rows, columns)] - want).max() < 1e-10
    monkeypatch.setattr("quantum_memory.memory.quantum.batch.WORKSPACE_BYTES", 1 << 19)
    assert np.abs(batch.gram(other) - whole).max() < 1e-10
    assert np.abs(batch.overlaps(theirs[0]) - whole[:, 0]).max() < 1e-10
    assert np.abs(other.gram(batch) - whole.conj().T).max() < 1e-10


@settings(LAW, max_examples=15)
@given(SEEDS, st.integers(1, CHUNK + 5), st.integers(0, 9), st.booleans(), st.data())
def test_append_and_gather_keep_every_state_as_it_was(
    xp: Any, seed: int, count: int, more: int, half: bool, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.complex64
    storage: Any = "half" if half else "full"
    first, added = trains(rng, count, dtype, xp), trains(rng, more, dtype, xp)
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


def test_appending_shares_full_chunks_and_copies_only_the_last(xp: Any) -> None:
    rng = np.random.default_rng(6)
    batch = StateBatch.of(trains(rng, 2 * CHUNK + 1, xp=xp))
    longer = batch.append(trains(rng, 2, xp=xp))
    ours, theirs = batch._chunks, longer._chunks
    assert [new is old for new, old in zip(theirs, ours, strict=True)] == [True, True, False]
    assert all(not core.flags.writeable for chunk in theirs for core in chunk.cores if isinstance(core, np.ndarray))
    assert len(batch) == 2 * CHUNK + 1
    assert len(longer) == 2 * CHUNK + 3
    assert longer.nbytes > batch.nbytes


def test_a_later_write_to_what_was_taken_out_is_refused_and_the_batch_stays() -> None:
    state = train(np.random.default_rng(7), 4, np.complex64)
    batch = StateBatch.of([state])
    with pytest.raises(ValueError, match="read-only"):
        batch[0].cores[0][...] = 0.0
    assert same(batch, [state])


@settings(LAW, max_examples=20)
@given(SEEDS, st.floats(-20, 20))
def test_half_storage_takes_half_the_bytes_and_keeps_its_bound(xp: Any, seed: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    states = [state.compress(8)[0] for state in trains(rng, 20, xp=xp)]
    fixed = train(rng, 5, xp=xp).normalised()
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


def test_packets_on_the_full_grid(xp: Any) -> None:
    grid = Grid()
    packets = [Packet((0.1 * i, -0.1 * i, 0.05), (0.2, 0.1, 0.15), (2.0, i, 0.0)) for i in range(5)]
    states = [QuantumState.from_packet(grid, packet, xp=xp) for packet in packets]
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
        ({"storage": None}, InvalidValue),
        ({"dtype": "wide"}, InvalidValue),
        ({"states": 3}, InvalidValue),
        ({"states": "ab"}, InvalidValue),
        ({"states": [None]}, InvalidValue),
    ],
)
def test_bad_batches_are_refused(xp: Any, arguments: dict[str, Any], error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        StateBatch.of(**({"states": trains(np.random.default_rng(0), 2, xp=xp)} | arguments))


def test_bad_states_and_indices_are_refused(xp: Any) -> None:
    rng = np.random.default_rng(0)
    batch = StateBatch.of(trains(rng, 3, xp=xp))
    other = QuantumState.from_packet(Grid((3, 3, 3)), Packet((0, 0, 0), (0.4,) * 3), xp=xp)
    for call in (batch.overlaps, batch.fidelities, lambda state: batch.append([state])):
        with pytest.raises(InvalidValue, match="grid"):
            call(other)
    with pytest.raises(InvalidValue, match="grid"):
        batch.gram(StateBatch.of([other]))
    bad: list[tuple[Any, type[QuantumMemoryError]]] = [
        ([3], OutOfRange),
        ([-4], OutOfRange),
        ([0.5], InvalidValue),
        ([[0]], ShapeMismatch),
        ([[0], []], InvalidValue),
    ]
    for indices, error in bad:
        with pytest.raises(error):
            batch.gather(indices)
    for name in ("overlaps", "fidelities", "append", "gram"):
        with pytest.raises(InvalidValue):
            getattr(batch, name)("wrong")
    padded = QuantumState.random(GRID.padded(), 2, 0, xp=xp)
    with pytest.raises(InvalidValue, match="padding=1"):
        batch.overlaps(padded)
    with pytest.raises(OutOfRange):
        batch[3]
    nothing = QuantumState(GRID, tuple(core * 0 for core in batch[0].cores))
    with pytest.raises(OutOfRange, match="norms"):
        batch.append([nothing]).fidelities(batch[0])
    assert batch.gather([]).overlaps(batch[0]).shape == (0,)


def test_fidelities_do_not_depend_on_norms_and_overlaps_that_overflow_are_named(xp: Any) -> None:
    rng = np.random.default_rng(3)
    states = [state.normalised() for state in trains(rng, 3, np.complex64, xp)]

    def scaled(state: QuantumState, by: float) -> QuantumState:
        return QuantumState(GRID, (state.cores[0] * by, *state.cores[1:]))

    want = StateBatch.of(states).fidelities(states[0])
    for by in (1e-15, 1e15):
        for storage in ("full", "half"):
            batch = StateBatch.of([scaled(state, by) for state in states], storage=storage)
            got = batch.fidelities(scaled(states[0], 1.0 / by))
            assert np.abs(got - want).max() < (1e-5 if storage == "full" else 5e-3)
            assert batch.fidelities(scaled(states[0], by))[0] == pytest.approx(1.0, abs=5e-3)
    large = StateBatch.of([scaled(state, 1e30) for state in states])
    with pytest.raises(NotFinite, match="overlap"):
        large.overlaps(scaled(states[0], 1e30))
    with pytest.raises(NotFinite, match="overlap"):
        large.gram(large)
    double = [scaled(state.astype(np.complex128), 1e50) for state in states]
    with pytest.raises(NotFinite, match="core 0"):
        StateBatch.of(double, np.complex64)
    assert np.allclose(StateBatch.of(double, np.complex128).fidelities(double[0]), want, atol=1e-6)


def test_a_member_that_cancels_has_no_fidelities(xp: Any) -> None:
    for seed in range(5):
        state = train(np.random.default_rng(seed), 5, xp=xp)
        batch = StateBatch.of([state, superpose([state, state], [1, -1])], np.complex128)
        with pytest.raises(OutOfRange, match="squared norms"):
            batch.fidelities(state)


@pytest.mark.parametrize("index", [2**64 - 1, 2**63])
def test_an_unsigned_index_never_counts_from_the_end(index: int) -> None:
    batch = StateBatch.of(trains(np.random.default_rng(0), 3))
    with pytest.raises(OutOfRange):
        batch.gather(np.array([index], dtype=np.uint64))
    with pytest.raises(OutOfRange):
        batch[index]
