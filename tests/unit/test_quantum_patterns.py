"""Entangling patterns: how many bits of entanglement each makes between the axes, and that strength 0 makes none."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError
from quantum_memory.memory.quantum import Grid, QuantumState, patterns
from quantum_memory.memory.quantum.circuit import Circuit
from quantum_memory.memory.quantum.gates import apply_circuit

GRID = Grid((3, 2, 2))
SPREAD: list[Callable[..., Circuit]] = [patterns.chain, patterns.ring, patterns.all_to_all]


def entropy(circuit: Circuit, sites: list[int]) -> float:
    """Bits between those sites and all others in what the circuit makes of the vacuum, by dense arithmetic."""
    amplitudes = circuit.unitary()[:, 0].reshape((2,) * circuit.sites)
    others = [site for site in range(circuit.sites) if site not in sites]
    values = np.linalg.svd(amplitudes.transpose(*sites, *others).reshape(1 << len(sites), -1), compute_uv=False) ** 2
    values = values[values > 1e-20]
    return float(-(values * np.log2(values)).sum())


def on_vacuum(grid: Grid, circuit: Circuit, xp: Any) -> QuantumState:
    return apply_circuit(QuantumState.vacuum(grid, dtype=np.complex128, xp=xp), circuit).state


def axis_sites(axis: int) -> list[int]:
    return list(range(GRID.sites))[GRID.blocks()[axis]]


@pytest.mark.parametrize("pattern", SPREAD)
@pytest.mark.parametrize("depth", [1, 2])
def test_strength_nought_is_the_identity_and_the_opposite_strength_the_inverse(pattern: Any, depth: int) -> None:
    size = 1 << GRID.sites
    assert np.allclose(pattern(GRID, depth=depth, strength=0.0).unitary(), np.eye(size), atol=1e-14)
    there, back = (pattern(GRID, depth=depth, strength=strength).unitary() for strength in (0.3, -0.3))
    assert np.allclose(back @ there, np.eye(size), atol=1e-12)
    assert not np.allclose(there, np.eye(size), atol=0.1)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_chain_gives_a_bit_per_place_between_its_ends_and_the_middle(depth: int) -> None:
    circuit = patterns.chain(GRID, depth=depth)
    assert entropy(circuit, axis_sites(0)) == pytest.approx(depth, abs=1e-10)
    assert entropy(circuit, axis_sites(2)) == pytest.approx(depth, abs=1e-10)
    assert circuit.two_site_gates == 2 * depth


def test_a_ring_and_all_to_all_treat_the_axes_alike() -> None:
    for pattern, gates in [(patterns.ring, 6), (patterns.all_to_all, 12)]:
        circuit = pattern(GRID, depth=2, strength=0.5)
        bits = [entropy(circuit, axis_sites(axis)) for axis in range(3)]
        assert bits == pytest.approx([bits[0]] * 3, abs=1e-10)
        assert bits[0] > 0.5
        assert circuit.two_site_gates == gates


@settings(deadline=None, max_examples=20)
@given(st.floats(0.0, 1.0))
def test_a_chain_of_a_strength_has_the_entropy_of_its_rotation(strength: float) -> None:
    weights = np.array([math.cos(strength * math.pi / 4) ** 2, math.sin(strength * math.pi / 4) ** 2])
    weights = weights[weights > 1e-20]
    want = -(weights * np.log2(weights)).sum()
    assert entropy(patterns.chain(GRID, strength=strength), axis_sites(0)) == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("depth", [1, 2])
def test_ghz_has_one_bit_at_every_cut_across(xp: Any, depth: int) -> None:
    state = on_vacuum(GRID, patterns.ghz(GRID, depth=depth), xp)
    last = GRID.blocks()[2].start + depth - 1
    for cut in range(1, GRID.sites):
        assert state.entropy(cut) == pytest.approx(1.0 if cut <= last else 0.0, abs=1e-9)
    dense = state.to_dense().ravel()
    assert sorted(np.abs(dense[np.abs(dense) > 1e-12])) == pytest.approx([math.sqrt(0.5)] * 2)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 2), (2, 0)])
@pytest.mark.parametrize("depth", [1, 2])
def test_bell_pairs_give_their_number_of_bits_between_two_axes_and_none_to_the_third(
    one: int, other: int, depth: int
) -> None:
    circuit = patterns.bell_pairs(GRID, one, other, depth=depth)
    assert entropy(circuit, axis_sites(one)) == pytest.approx(depth, abs=1e-10)
    assert entropy(circuit, axis_sites(other)) == pytest.approx(depth, abs=1e-10)
    assert entropy(circuit, axis_sites(3 - one - other)) == pytest.approx(0.0, abs=1e-10)


def test_bell_pairs_on_the_full_grid(xp: Any) -> None:
    grid = Grid()
    state = on_vacuum(grid, patterns.bell_pairs(grid, 0, 2, depth=4), xp)
    assert state.entropy(10) == pytest.approx(4.0, abs=1e-9)
    assert state.entropy(19) == pytest.approx(4.0, abs=1e-9)
    assert state.bond == 16


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_brickwork_is_its_seed(seed: int, depth: int) -> None:
    circuit = patterns.brickwork(GRID, seed, depth=depth)
    assert circuit == patterns.brickwork(GRID, np.random.default_rng(seed), depth=depth)
    assert circuit != patterns.brickwork(GRID, seed + 1, depth=depth)
    assert circuit.depth == depth
    still = patterns.brickwork(GRID, seed, depth=depth, strength=0.0)
    assert np.allclose(still.unitary(), np.eye(1 << GRID.sites), atol=1e-12)
    half = patterns.brickwork(GRID, seed, strength=0.5)
    whole = patterns.brickwork(GRID, seed)
    for gate, full in zip(half.gates, whole.gates, strict=True):
        assert np.allclose(gate.matrix @ gate.matrix, full.matrix, atol=1e-9)


def test_brickwork_is_haar_random() -> None:
    """E|U_ij|² = 1/4 and E|U_ij|⁴ = 2/20 for Haar-random (4, 4) unitaries."""
    gates = patterns.brickwork(Grid(), 0, depth=200).gates
    powers = np.abs(np.array([gate.matrix for gate in gates])) ** 2
    assert np.allclose(powers.mean(axis=0), 1 / 4, atol=0.02)
    assert np.allclose((powers**2).mean(axis=0), 2 / 20, atol=0.015)


def test_the_traces_of_brickwork_have_the_moments_of_the_haar_measure() -> None:
    """E tr U = 0, E|tr U|² = 1, E|tr U|⁴ = 2, E|tr U²|² = 2 and E det U = 0 (Diaconis and Shahshahani, 1994).

    The Q of a QR whose phases nobody fixes has 1.1, 1.8, 4.9, 2.5 and 0.4 in their place (Mezzadri, 2007).
    """
    gates = [gate.matrix for gate in patterns.brickwork(Grid(), 0, depth=200).gates]
    traces = np.array([np.trace(matrix) for matrix in gates])
    squares = np.array([np.trace(matrix @ matrix) for matrix in gates])
    for values, want in [
        (traces, 0.0),
        (np.abs(traces) ** 2, 1.0),
        (np.abs(traces) ** 4, 2.0),
        (np.abs(squares) ** 2, 2.0),
        (np.array([np.linalg.det(matrix) for matrix in gates]), 0.0),
    ]:
        error = float(np.std(values)) / math.sqrt(len(gates))
        assert abs(values.mean() - want) < 4 * error
        assert error < 0.15


def test_deep_brickwork_entangles_almost_fully() -> None:
    bits = entropy(patterns.brickwork(GRID, 3, depth=40), axis_sites(0))
    page = 3 - 2**3 / (2 * 2**4 * math.log(2))
    assert bits == pytest.approx(page, abs=0.15), "the mean entropy of a random state (Page, 1993)"


def test_bad_arguments_are_refused() -> None:
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (OutOfRange, lambda: patterns.chain(GRID, depth=3)),
        (OutOfRange, lambda: patterns.ring(GRID, depth=0)),
        (InvalidValue, lambda: patterns.all_to_all(GRID, depth=1.0)),  # type: ignore[arg-type]
        (OutOfRange, lambda: patterns.chain(GRID, strength=1.1)),
        (NotFinite, lambda: patterns.ring(GRID, strength=math.nan)),
        (OutOfRange, lambda: patterns.ghz(GRID, depth=3)),
        (InvalidValue, lambda: patterns.bell_pairs(GRID, 1, 1)),
        (OutOfRange, lambda: patterns.bell_pairs(GRID, 0, 3)),
        (OutOfRange, lambda: patterns.bell_pairs(GRID, 0, 1, depth=3)),
        (OutOfRange, lambda: patterns.brickwork(GRID, 0, depth=0)),
        (InvalidValue, lambda: patterns.brickwork(GRID, "seed")),  # type: ignore[arg-type]
        (OutOfRange, lambda: patterns.brickwork(GRID, 0, strength=2.0)),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
