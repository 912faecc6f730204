"""The Cartan decomposition: against the matrix itself, known coordinates, and Qiskit's count of CX."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.circuit import STANDARD, Circuit, Gate
from quantum_memory.memory.quantum.kak import Matrix, cartan, diagonalise_together, euler, interaction, synthesise

QUARTER = math.pi / 4
ISWAP = np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]])
KNOWN = {
    "identity": (np.eye(4), (0, 0, 0), 0),
    "phase": (-1j * np.eye(4), (0, 0, 0), 0),
    "cx": (STANDARD["cx"][2](), (QUARTER, 0, 0), 1),
    "cz": (STANDARD["cz"][2](), (QUARTER, 0, 0), 1),
    "iswap": (ISWAP, (QUARTER, QUARTER, 0), 2),
    "swap": (STANDARD["swap"][2](), (QUARTER, QUARTER, QUARTER), 3),
    "root of swap": (interaction(math.pi / 8, math.pi / 8, math.pi / 8), (math.pi / 8,) * 3, 3),
    "its inverse": (interaction(-math.pi / 8, -math.pi / 8, -math.pi / 8), (math.pi / 8, math.pi / 8, -math.pi / 8), 3),
    "rzz": (STANDARD["rzz"][2](0.3), (0.15, 0, 0), 2),
    "tiny": (interaction(0, 1e-6, 0), (1e-6, 0, 0), 2),
    "double cx": (STANDARD["cx"][2]() @ STANDARD["cx"][2](), (0, 0, 0), 0),
}


def haar(seed: int, size: int = 4) -> Matrix:
    return np.asarray(scipy.stats.unitary_group.rvs(size, random_state=np.random.default_rng(seed)))


def dense(matrix: Matrix) -> tuple[Matrix, int]:
    gates, phase = synthesise(matrix, (0, 1))
    assert {gate.name for gate in gates} <= {"U", "cx"}
    return cmath.exp(1j * phase) * Circuit(2, gates).unitary(), sum(gate.name == "cx" for gate in gates)


def in_chamber(coordinates: tuple[float, float, float]) -> bool:
    x, y, z = coordinates
    rises = QUARTER + 1e-10 >= x >= y - 1e-12 and y >= abs(z) - 1e-12
    return rises and (z >= 0 or x < QUARTER - 1e-12)


def test_500_random_unitaries_come_back_exactly_from_three_cx() -> None:
    for seed in range(500):
        matrix = haar(seed)
        found = cartan(matrix)
        assert in_chamber(found.coordinates)
        made, count = dense(matrix)
        assert count == found.cx_count == 3
        assert np.abs(found.matrix() - matrix).max() < 1e-12
        assert np.abs(made - matrix).max() < 1e-12


@pytest.mark.parametrize("name", KNOWN)
def test_known_gates_have_their_coordinates_and_their_count(name: str) -> None:
    matrix, coordinates, count = KNOWN[name]
    found = cartan(matrix)
    assert found.coordinates == pytest.approx(coordinates, abs=1e-12)
    made, counted = dense(matrix)
    assert counted == found.cx_count == count
    assert np.abs(made - matrix).max() < 1e-12


# Corners and edges of the Weyl chamber, where eigenvalues meet and square roots change branch, and their surroundings
SPECIAL = st.one_of(
    st.sampled_from([0.0, QUARTER, -QUARTER, 2 * QUARTER, math.pi / 8, -3 * QUARTER, 1e-9, QUARTER - 1e-9]),
    st.floats(-7, 7),
)


@settings(deadline=None, max_examples=300)
@given(SPECIAL, SPECIAL, SPECIAL, st.integers(0, 2**31), st.booleans(), st.floats(-4, 4))
def test_any_interaction_between_any_local_unitaries(
    x: float, y: float, z: float, seed: int, bare: bool, phase: float
) -> None:
    matrix = interaction(x, y, z) * cmath.exp(1j * phase)
    turned = matrix
    if not bare:
        a, b, c, d = (haar(seed + index, 2) for index in range(4))
        turned = np.kron(a, b) @ matrix @ np.kron(c, d)
    found = cartan(turned)
    assert in_chamber(found.coordinates)
    assert found.coordinates == pytest.approx(cartan(matrix).coordinates, abs=1e-7)
    assert np.abs(found.matrix() - turned).max() < 1e-12
    made, _ = dense(turned)
    assert np.abs(made - turned).max() < 1e-10


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_as_many_cx_as_a_second_opinion_counts(count: int) -> None:
    synthesis = pytest.importorskip("qiskit.synthesis")
    library = pytest.importorskip("qiskit.circuit.library")
    second = synthesis.TwoQubitBasisDecomposer(library.CXGate())
    for seed in range(20):
        matrix: Matrix = np.kron(haar(seed, 2), haar(seed + 99, 2))
        for layer in range(count):
            pair = np.kron(haar(seed + 7 * layer, 2), haar(seed + 13 * layer, 2))
            matrix = pair @ STANDARD["cx"][2]() @ matrix
        assert dense(matrix)[1] == count == second.num_basis_gates(matrix)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**31), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_commuting_matrices_with_equal_eigenvalues_are_diagonalised(seed: int, levels: list[int]) -> None:
    rng = np.random.default_rng(seed)
    axes = scipy.stats.ortho_group.rvs(4, random_state=rng)
    one = axes * np.array(levels, dtype=float) @ axes.T
    # the mixture that the search starts from has equal eigenvalues where these two differ
    other = axes * ((2.0 - np.array(levels)) / 0.618) @ axes.T
    found = diagonalise_together(one, other)
    assert np.abs(found.T @ found - np.eye(4)).max() < 1e-13
    for matrix in (one, other):
        turned = found.T @ matrix @ found
        assert np.abs(turned - np.diag(np.diagonal(turned))).max() < 1e-12


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**31))
def test_one_site_unitaries_come_back_exactly(seed: int) -> None:
    matrix = haar(seed, 2)
    angles = euler(matrix)
    made = cmath.exp(1j * angles.phase) * Gate.of("U", (0,), *angles[:3]).matrix
    assert np.abs(made - matrix).max() < 1e-14


@pytest.mark.parametrize("name", ["x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx"])
def test_standard_one_site_gates_come_back_exactly(name: str) -> None:
    matrix = STANDARD[name][2]()
    angles = euler(matrix)
    made = cmath.exp(1j * angles.phase) * Gate.of("U", (0,), *angles[:3]).matrix
    assert np.abs(made - matrix).max() < 1e-15


def test_the_order_of_the_sites_is_that_of_the_matrix() -> None:
    matrix = haar(3)
    gates, phase = synthesise(matrix, (2, 0))
    turned = matrix.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
    want = np.einsum("acbd,ef->aecbfd", turned.reshape(2, 2, 2, 2), np.eye(2)).reshape(8, 8)
    assert np.abs(cmath.exp(1j * phase) * Circuit(3, gates).unitary() - want).max() < 1e-12


@pytest.mark.parametrize(
    ("matrix", "error"),
    [
        (np.eye(2), ShapeMismatch),
        (np.ones((4, 4)), OutOfRange),
        (np.full((4, 4), np.nan), NotFinite),
        ("CX", InvalidValue),
    ],
)
def test_what_is_no_two_site_unitary_is_refused(matrix: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"matrix|unitary"):
        cartan(matrix)
    with pytest.raises(error, match=r"matrix|unitary"):
        synthesise(matrix, (0, 1))


@pytest.mark.parametrize(("sites", "error"), [((0,), ShapeMismatch), ((1, 1), InvalidValue), ((0, -1), OutOfRange)])
def test_other_than_two_different_sites_are_refused(sites: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="site"):
        synthesise(np.eye(4), sites)


def test_what_is_no_one_site_unitary_is_refused() -> None:
    with pytest.raises(ShapeMismatch, match="matrix"):
        euler(np.eye(4))
    with pytest.raises(OutOfRange, match="unitary"):
        euler(2 * np.eye(2))
