"""States against dense arithmetic: superposition, compression, measurement, and that nothing ever changes."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, linalg, superpose

SMALL = Grid((5, 4, 4))
PACKETS = st.builds(
    Packet,
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.tuples(*[st.floats(0.13, 0.6)] * 3),
    st.tuples(*[st.floats(-15, 15)] * 3),
)
WEIGHTS = st.complex_numbers(min_magnitude=0.1, max_magnitude=2.0)
MIXTURES = st.lists(st.tuples(PACKETS, WEIGHTS), min_size=1, max_size=5)


def mixture(parts: Sequence[tuple[Packet, complex]], dtype: Any = np.complex128) -> QuantumState:
    packets, weights = zip(*parts, strict=True)
    return QuantumState.from_packets(SMALL, packets, weights, dtype=dtype)


def some(count: int, seed: int = 0, grid: Grid = SMALL, dtype: Any = np.complex128) -> QuantumState:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.8, 0.8, 3)), tuple(rng.uniform(0.15, 0.4, 3)), tuple(rng.normal(size=3) * 3))
        for _ in range(count)
    ]
    return QuantumState.from_packets(grid, packets, list(rng.normal(size=count) + 0.3j), dtype=dtype)


def dense_fidelity(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(abs(np.vdot(one, other)) ** 2 / (np.vdot(one, one).real * np.vdot(other, other).real))


@settings(deadline=None, max_examples=25)
@given(MIXTURES, MIXTURES)
def test_superposition_is_linear(left: Any, right: Any) -> None:
    a, b = mixture(left), mixture(right)
    both = superpose([a, b], [0.6 - 0.2j, 1.5j])
    want = (0.6 - 0.2j) * a.to_dense() + 1.5j * b.to_dense()
    assert np.allclose(both.to_dense(), want, atol=1e-12)
    assert both.bonds == tuple(p + q for p, q in zip(a.bonds, b.bonds, strict=True))
    assert a.overlap(both) == pytest.approx(np.vdot(a.to_dense(), want), abs=1e-10)


@settings(deadline=None, max_examples=40)
@given(MIXTURES, st.integers(1, 12), st.sampled_from([0.0, 0.9, 1 - 1e-3, 1 - 1e-7, 1.0]))
def test_compression_reports_the_fidelity_it_kept(parts: Any, max_bond: int, min_fidelity: float) -> None:
    state = mixture(parts)
    if state.norm() < 1e-3:
        return
    small, kept = state.compress(max_bond, min_fidelity)
    assert kept == pytest.approx(small.fidelity(state), abs=1e-9)
    assert kept == pytest.approx(dense_fidelity(small.to_dense(), state.to_dense()), abs=1e-9)
    assert small.bond <= max_bond
    assert kept >= min_fidelity - 1e-12 or small.bond == max_bond
    assert small.norm() == pytest.approx(1.0, abs=1e-12)
    phase = small.overlap(state)
    assert phase.real == pytest.approx(abs(phase), abs=1e-9), "the phase of the state is kept"


@settings(deadline=None, max_examples=15)
@given(MIXTURES)
def test_compressing_again_takes_nothing_more(parts: Any) -> None:
    state = mixture(parts)
    if state.norm() < 1e-3:
        return
    small, _ = state.compress(64, 1 - 1e-6)
    again, kept = small.compress(small.bond, 0.0)
    assert again.bond <= small.bond
    exact, whole = small.compress(64, 1.0)
    assert whole == pytest.approx(1.0, abs=1e-12)
    assert exact.fidelity(small) == pytest.approx(1.0, abs=1e-12)
    assert kept <= 1.0 + 1e-15


def test_more_bonds_keep_more() -> None:
    state = some(12, grid=Grid(), dtype=np.complex64)
    kept = [state.compress(bond)[1] for bond in (1, 2, 4, 8, 16, 32)]
    assert kept == sorted(kept)
    assert kept[0] < 0.9
    assert kept[-1] > 1 - 1e-6


def test_single_precision_stays_single_and_keeps_the_fidelity_asked_for() -> None:
    state = some(5, grid=Grid(), dtype=np.complex64)
    small, kept = state.compress()
    assert {core.dtype for core in small.cores} == {np.dtype(np.complex64)}
    assert 1 - 1e-7 <= kept <= 1.0
    assert small.fidelity(state) == pytest.approx(kept, abs=1e-9)
    assert small.bond <= 20


def test_a_stubborn_matrix_goes_to_the_slower_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    state = some(3)
    want, kept = state.compress()
    monkeypatch.setattr(np.linalg, "svd", refuse)
    got, also_kept = state.compress()
    assert got.fidelity(want) == pytest.approx(1.0, abs=1e-12)
    assert also_kept == pytest.approx(kept, abs=1e-12)
    with pytest.raises(NotFinite):
        linalg.svd(np.array([[1.0, math.nan], [0.0, 1.0]]))


@settings(deadline=None, max_examples=20)
@given(MIXTURES)
def test_measurements_are_those_of_the_dense_density(parts: Any) -> None:
    state = mixture(parts)
    dense = state.to_dense()
    total = np.vdot(dense, dense).real
    if total < 1e-4:
        return
    density = np.abs(dense) ** 2 / total
    x = np.meshgrid(*(SMALL.points(axis) for axis in range(3)), indexing="ij")
    mean = np.array([(density * axis).sum() for axis in x])
    covariance = np.array([[(density * a * b).sum() for a in x] for b in x]) - np.outer(mean, mean)
    assert np.allclose(state.mean(), mean, atol=1e-10)
    assert np.allclose(state.covariance(), covariance, atol=1e-10)
    assert np.allclose(state.spread(), np.sqrt(np.diagonal(covariance)), atol=1e-9)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        assert np.allclose(state.marginal(axis), density.sum(axis=others), atol=1e-12)
    for cut in (1, 5, 9, 12):
        values = np.linalg.svd(dense.reshape(1 << cut, -1), compute_uv=False) ** 2 / total
        values = values[values > 1e-30]
        assert state.entropy(cut) == pytest.approx(-(values * np.log2(values)).sum(), abs=1e-7)


def test_a_packet_is_not_entangled_and_a_mixed_feeling_is() -> None:
    grid = Grid()
    joy, grief = Packet((0.7, 0.6, 0.5), (0.1,) * 3), Packet((-0.7, -0.6, -0.5), (0.1,) * 3)
    assert QuantumState.from_packet(grid, joy, dtype=np.complex128).entropy(10) == pytest.approx(0.0, abs=1e-9)
    both = QuantumState.from_packets(grid, [joy, grief], dtype=np.complex128)
    assert both.entropy(10) == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(both.mean(), 0.0, atol=1e-6)
    density = QuantumState.from_packet(grid, joy, dtype=np.complex128)
    assert np.allclose(density.spread(), 0.1, atol=2e-3), "the width is that of the probability"


def test_parts_of_a_superposition_interfere() -> None:
    still, turned = Packet((0.0, 0.0, 0.0), (0.2,) * 3), Packet((0.05, 0.0, 0.0), (0.2,) * 3)
    plus = QuantumState.from_packets(SMALL, [still, turned], [1, 1], dtype=np.complex128)
    minus = QuantumState.from_packets(SMALL, [still, turned], [1, -1], dtype=np.complex128)
    assert plus.norm() > 1.9
    assert minus.norm() < 0.3


def test_normalised_has_norm_one_and_is_the_same_feeling() -> None:
    state = some(3)
    assert state.normalised().norm() == pytest.approx(1.0, abs=1e-12)
    assert state.normalised().fidelity(state) == pytest.approx(1.0, abs=1e-12)


def test_nothing_in_a_state_can_be_changed() -> None:
    state = some(2)
    made = [
        state,
        state.normalised(),
        state.compress()[0],
        state.astype(np.complex64),
        QuantumState.from_bytes(state.to_bytes()),
        pickle.loads(pickle.dumps(state)),  # noqa: S301 - our own bytes
        QuantumState(SMALL, tuple(core.copy() for core in state.cores)),
    ]
    for one in made:
        assert one.fidelity(state) == pytest.approx(1.0, abs=1e-6)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, "cores", ())  # noqa: B010 - mypy would refuse the plain assignment
        for core in one.cores:
            with pytest.raises(ValueError, match="read-only"):
                core[...] = 0


def test_operations_leave_their_arguments_as_they_were() -> None:
    state, other = some(3), some(2, seed=1)
    before = state.to_bytes(), other.to_bytes()
    superpose([state, other], [1, 2])
    state.compress(3)
    state.normalised()
    state.overlap(other)
    state.marginal(1)
    state.entropy(5)
    state.mean_and_covariance()
    assert (state.to_bytes(), other.to_bytes()) == before


def bad_cores() -> list[tuple[Any, type[QuantumMemoryError]]]:
    good = [core.copy() for core in some(2).cores]

    def with_core(site: int, core: Any) -> list[Any]:
        return [*good[:site], core, *good[site + 1 :]]

    hole = good[3].copy()
    hole[0, 0, 0] = math.nan
    return [
        (good[:-1], ShapeMismatch),
        (with_core(3, good[3][:, :1]), ShapeMismatch),
        (with_core(3, good[3][:-1]), ShapeMismatch),
        (with_core(3, good[3][0]), ShapeMismatch),
        (with_core(12, np.ones((good[12].shape[0], 2, 2), dtype=np.complex128)), ShapeMismatch),
        (with_core(3, good[3].astype(np.complex64)), InvalidValue),
        ([core.real for core in good], InvalidValue),
        (with_core(3, hole), NotFinite),
    ]


@pytest.mark.parametrize(("cores", "error"), bad_cores())
def test_bad_cores_are_refused(cores: Any, error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        QuantumState(SMALL, cores)


def test_bad_arguments_are_refused() -> None:
    state = some(2)
    zero = QuantumState(SMALL, tuple(np.zeros_like(core) for core in state.cores))
    elsewhere = QuantumState.from_packet(Grid((4, 4, 4)), Packet((0, 0, 0), (0.2,) * 3))
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (InvalidValue, lambda: superpose([], [])),
        (ShapeMismatch, lambda: superpose([state], [1, 2])),
        (NotFinite, lambda: superpose([state], [math.nan])),
        (InvalidValue, lambda: superpose([state, elsewhere], [1, 1])),
        (InvalidValue, lambda: state.overlap(elsewhere)),
        (OutOfRange, lambda: state.compress(0)),
        (InvalidValue, lambda: state.compress(2.5)),  # type: ignore[arg-type]
        (OutOfRange, lambda: state.compress(8, 1.1)),
        (OutOfRange, zero.compress),
        (OutOfRange, zero.normalised),
        (OutOfRange, zero.mean),
        (OutOfRange, lambda: zero.marginal(0)),
        (OutOfRange, lambda: zero.entropy(4)),
        (OutOfRange, lambda: zero.fidelity(state)),
        (OutOfRange, lambda: state.marginal(3)),
        (OutOfRange, lambda: state.entropy(0)),
        (OutOfRange, lambda: state.entropy(13)),
        (OutOfRange, QuantumState.from_packet(Grid(), Packet((0, 0, 0), (0.2,) * 3)).to_dense),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
