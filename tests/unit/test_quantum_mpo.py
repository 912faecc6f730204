"""Operators against dense matrices: their arithmetic, what they do to states, and that polynomials are exact."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, patterns, superpose
from quantum_memory.memory.quantum.backend import module_of
from quantum_memory.memory.quantum.circuit import Circuit, Gate
from quantum_memory.memory.quantum.gates import apply_gate
from quantum_memory.memory.quantum.mpo import MPO

GRID = Grid((3, 2, 2))
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)
NUMBERS = st.complex_numbers(max_magnitude=3, allow_nan=False)


def operator(seed: int, bond: int = 3, grid: Grid = GRID, xp: Any = np) -> MPO:
    rng = np.random.default_rng(seed)
    bonds = [1, *[bond] * (grid.sites - 1), 1]
    shapes = [(left, 2, 2, right) for left, right in pairwise(bonds)]
    return MPO(grid, tuple((rng.normal(size=s) + 1j * rng.normal(size=s)) / 2 for s in shapes)).on(xp)


def some(seed: int, bond: int = 3, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    rng = np.random.default_rng(seed)
    shapes = [(left, 2, right) for left, right in pairwise([1, *[bond] * (GRID.sites - 1), 1])]
    cores = [(rng.normal(size=s) + 1j * rng.normal(size=s)) / 2 for s in shapes]
    return QuantumState(GRID, tuple(xp.asarray(core.astype(dtype)) for core in cores))


def close(got: NDArray[Any], want: NDArray[Any], share: float = 1e-11) -> bool:
    return bool(np.abs(got - want).max() <= share * max(1.0, float(np.abs(want).max())))


@settings(LAW, max_examples=20)
@given(SEEDS, SEEDS, NUMBERS)
def test_operators_add_and_multiply_as_matrices(xp: Any, one: int, other: int, factor: complex) -> None:
    a, b = operator(one, xp=xp), operator(other, bond=2, xp=xp)
    A, B = a.to_dense(), b.to_dense()
    assert close((a + b).to_dense(), A + B)
    assert close((a @ b).to_dense(), A @ B)
    assert close(a.scaled(factor).to_dense(), factor * A)
    assert close(a.adjoint().to_dense(), A.conj().T)
    assert (a + b).bond == 5
    assert (a @ b).bond == 6
    assert close(MPO.identity(GRID).on(xp).to_dense(), np.eye(1 << GRID.sites))


@settings(LAW, max_examples=20)
@given(SEEDS)
def test_matrix_elements_are_those_of_the_matrix(xp: Any, seed: int) -> None:
    a, bra, ket = operator(seed, xp=xp), some(seed, xp=xp), some(seed + 1, bond=2, xp=xp)
    left, right = bra.to_dense().ravel(), ket.to_dense().ravel()
    want = np.vdot(left, a.to_dense() @ right)
    assert a.matrix_element(bra, ket) == pytest.approx(want, rel=1e-9, abs=1e-9)
    mean = np.vdot(right, a.to_dense() @ right) / np.vdot(right, right)
    assert a.expectation(ket) == pytest.approx(mean, rel=1e-9, abs=1e-9)


@settings(LAW, max_examples=30)
@given(SEEDS, st.integers(1, 12), st.sampled_from([0.0, 0.9, 0.999, 1.0]))
def test_applying_reports_the_exact_fidelity(xp: Any, seed: int, max_bond: int, min_fidelity: float) -> None:
    a, state = operator(seed, xp=xp), some(seed, xp=xp)
    after, kept = a.apply(state, max_bond, min_fidelity)
    got, want = after.to_dense().ravel(), a.to_dense() @ state.to_dense().ravel()
    true = abs(np.vdot(got, want)) ** 2 / (np.vdot(got, got).real * np.vdot(want, want).real)
    assert kept == pytest.approx(true, abs=1e-9)
    assert after.norm() == pytest.approx(np.linalg.norm(want), rel=1e-10)
    assert after.bond <= max_bond
    assert kept >= min_fidelity - 1e-12 or after.bond == max_bond
    if max_bond >= 8 and min_fidelity == 1.0:
        assert close(got, want, 1e-10), "three leading bits need no more than bond 8"


@settings(LAW, max_examples=30)
@given(SEEDS, st.integers(1, 10), st.sampled_from([0.0, 0.9, 1.0]))
def test_compression_reports_the_exact_fidelity(xp: Any, seed: int, max_bond: int, min_fidelity: float) -> None:
    a = operator(seed, xp=xp) + operator(seed + 1, xp=xp)
    small, kept = a.compress(max_bond, min_fidelity)
    got, want = small.to_dense(), a.to_dense()
    true = abs(np.vdot(got, want)) ** 2 / (np.vdot(got, got).real * np.vdot(want, want).real)
    assert kept == pytest.approx(true, abs=1e-9)
    assert np.linalg.norm(got) == pytest.approx(np.linalg.norm(want), rel=1e-10)
    assert small.bond <= max_bond
    assert kept >= min_fidelity - 1e-12 or small.bond == max_bond
    doubled, whole = (a + a).compress(64, 1.0)
    assert doubled.bond <= a.bond
    assert whole == pytest.approx(1.0, abs=1e-12)
    assert close(doubled.to_dense(), 2 * want, 1e-10)


@settings(LAW, max_examples=25)
@given(st.integers(0, 2), st.lists(NUMBERS, min_size=1, max_size=5))
def test_polynomials_are_diagonal_and_exact(axis: int, coefficients: list[complex]) -> None:
    made = MPO.polynomial(GRID, axis, coefficients)
    x = np.meshgrid(*(GRID.points(one) for one in range(3)), indexing="ij")[axis].ravel()
    want = sum(c * x**p for p, c in enumerate(coefficients))
    assert np.allclose(made.to_dense(), np.diag(want), atol=1e-11)
    assert made.bond == len(coefficients)


def test_moments_of_a_packet_on_the_full_grid(xp: Any) -> None:
    """⟨x⟩ = mean, ⟨x²⟩ = mean² + σ², ⟨x⁴⟩ of a normal density: closed forms, the packets far from the border."""
    grid = Grid()
    packet = Packet((0.1, -0.2, 0.05), (0.05, 0.06, 0.07), (3.0, 0.0, -5.0))
    state = QuantumState.from_packet(grid, packet, dtype=np.complex128, xp=xp)
    for axis in range(3):
        mean, width = packet.mean[axis], packet.width[axis]
        fourth = mean**4 + 6 * mean**2 * width**2 + 3 * width**4
        assert MPO.position(grid, axis).on(xp).expectation(state) == pytest.approx(mean, abs=1e-10)
        assert MPO.position(grid, axis).bond == 2
        square = MPO.polynomial(grid, axis, (0, 0, 1))
        assert square.bond == 3
        assert square.on(xp).expectation(state) == pytest.approx(mean**2 + width**2, abs=1e-10)
        assert MPO.polynomial(grid, axis, (0, 0, 0, 0, 1)).on(xp).expectation(state) == pytest.approx(fourth, abs=1e-10)
    both = MPO.position(grid, 0) @ MPO.position(grid, 2)
    assert both.on(xp).expectation(state) == pytest.approx(0.1 * 0.05, abs=1e-10)


@settings(LAW, max_examples=20)
@given(SEEDS, st.integers(1, 4))
def test_a_matrix_on_any_sites_is_the_gate(xp: Any, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    sites = rng.permutation(GRID.sites)[:count].tolist()
    matrix = rng.normal(size=(1 << count,) * 2) + 1j * rng.normal(size=(1 << count,) * 2)
    state = some(seed, xp=xp)
    got = (MPO.from_matrix(GRID, matrix, sites).to_dense() @ state.to_dense().ravel()).reshape((2,) * GRID.sites)
    tensor = np.tensordot(
        matrix.reshape((2,) * 2 * count), state.to_dense().reshape((2,) * GRID.sites), (range(count, 2 * count), sites)
    )
    want = np.moveaxis(tensor, range(count), sites)
    assert close(got, want)
    if count <= 2:
        gate, _ = apply_gate(state, matrix, sites, max_bond=64, min_fidelity=1.0)
        assert close(gate.to_dense().reshape(want.shape), want)


def test_a_controlled_gate_has_bond_two_between_its_sites_only() -> None:
    assert MPO.from_matrix(GRID, Gate.of("cx", (0, 1)).matrix, (5, 2)).bonds == (1, 1, 2, 2, 2, 1)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_circuit_as_an_operator_is_its_unitary(depth: int) -> None:
    circuit = patterns.brickwork(GRID, 5, depth=depth) + patterns.ring(GRID)
    made = MPO.from_circuit(GRID, circuit)
    assert close(made.to_dense(), circuit.unitary(), 1e-10)
    alone, _ = (made.adjoint() @ made).compress(64, 1.0)
    assert alone.bond == 1, "U†U is the identity"


def test_single_precision_stays_single_and_nothing_is_changed() -> None:
    a, state = operator(0), some(0, dtype=np.complex64)
    before = state.to_bytes(), a.to_dense()
    after, _ = a.apply(state)
    a.compress(2)
    assert after.dtype == np.complex64
    assert state.to_bytes() == before[0]
    assert np.array_equal(a.to_dense(), before[1])
    with pytest.raises(ValueError, match="read-only"):
        a.cores[0][...] = 0
    assert np.array_equal(pickle.loads(pickle.dumps(a)).to_dense(), before[1])  # noqa: S301 - our own bytes


def test_another_array_module_makes_the_same_and_keeps_it_there(every_xp: Any) -> None:
    a, state = operator(0), some(0)
    there, moved = a.on(every_xp), state.on(every_xp)
    made = [there + there, there @ there, there.scaled(2j), there.adjoint(), there.compress(4)[0]]
    assert all(module_of(core) is every_xp for one in made for core in one.cores)
    got, kept = there.apply(moved, 4)
    want, also_kept = a.apply(state, 4)
    assert module_of(got.cores[0]) is every_xp
    assert kept == pytest.approx(also_kept, abs=1e-12)
    assert got.on(np).fidelity(want) == pytest.approx(1.0, abs=1e-10)
    assert there.expectation(moved) == pytest.approx(a.expectation(state), rel=1e-10)
    assert there.on(every_xp) is there


def test_bad_arguments_are_refused() -> None:
    good, state = operator(0), some(0)
    cores = [core.copy() for core in good.cores]
    hole = cores[2].copy()
    hole[0, 0, 0, 0] = math.nan
    elsewhere = MPO.identity(Grid((2, 2, 2)))
    nothing = QuantumState(GRID, tuple(np.zeros_like(core) for core in state.cores))
    wide = operator(0, bond=40)

    def made(site: int, core: Any) -> MPO:
        return MPO(GRID, (*cores[:site], core, *cores[site + 1 :]))

    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (ShapeMismatch, lambda: MPO(GRID, tuple(cores[:-1]))),
        (ShapeMismatch, lambda: made(2, cores[2][:-1])),
        (ShapeMismatch, lambda: made(2, cores[2][:, :, 0])),
        (ShapeMismatch, lambda: made(6, np.ones((3, 2, 2, 2), dtype=np.complex128))),
        (InvalidValue, lambda: made(2, cores[2].astype(np.complex64))),
        (NotFinite, lambda: made(2, hole)),
        (OutOfRange, lambda: MPO.position(GRID, 3)),
        (ShapeMismatch, lambda: MPO.polynomial(GRID, 0, ())),
        (OutOfRange, lambda: MPO.polynomial(GRID, 0, [1.0] * 18)),
        (NotFinite, lambda: MPO.polynomial(GRID, 0, [math.inf])),
        (InvalidValue, lambda: MPO.polynomial(GRID, 0, "x")),  # type: ignore[arg-type]
        (ShapeMismatch, lambda: MPO.from_matrix(GRID, np.eye(2), (0, 1))),
        (InvalidValue, lambda: MPO.from_matrix(GRID, np.eye(4), (1, 1))),
        (OutOfRange, lambda: MPO.from_matrix(GRID, np.eye(2), (7,))),
        (OutOfRange, lambda: MPO.from_matrix(GRID, np.eye(128), list(range(7)))),
        (InvalidValue, lambda: MPO.from_circuit(GRID, Circuit(3))),
        (InvalidValue, lambda: MPO.from_circuit(GRID, "C")),  # type: ignore[arg-type]
        (InvalidValue, lambda: good + elsewhere),
        (InvalidValue, lambda: good @ elsewhere),
        (OutOfRange, lambda: wide @ wide),
        (NotFinite, lambda: good.scaled(math.nan)),
        (InvalidValue, lambda: elsewhere.apply(state)),
        (InvalidValue, lambda: elsewhere.expectation(state)),
        (InvalidValue, lambda: good.apply("ψ")),  # type: ignore[arg-type]
        (InvalidValue, lambda: good.expectation("ψ")),  # type: ignore[arg-type]
        (InvalidValue, lambda: good.matrix_element(state, "ψ")),  # type: ignore[arg-type]
        (OutOfRange, lambda: good.expectation(nothing)),
        (OutOfRange, lambda: good.apply(nothing)),
        (OutOfRange, lambda: good.apply(state, 0)),
        (OutOfRange, lambda: good.compress(0)),
        (OutOfRange, lambda: good.compress(4, 2.0)),
        (OutOfRange, good.scaled(0.0).compress),
        (OutOfRange, MPO.identity(Grid((5, 4, 4))).to_dense),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()


def test_a_sum_that_cancels_has_no_expectation() -> None:
    state = QuantumState.random(GRID, 3, 0)
    with pytest.raises(OutOfRange, match="squared norm"):
        MPO.position(GRID, 0).expectation(superpose([state, state], [1.0, -1.0]))
