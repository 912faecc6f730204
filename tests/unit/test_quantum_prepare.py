"""Circuits that prepare a state: the fidelity against dense arithmetic and a simulator, and that more never hurts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, exact_search, linalg
from quantum_memory.memory.quantum.channels import pauli_strings
from quantum_memory.memory.quantum.circuit import Circuit, unitary
from quantum_memory.memory.quantum.exact_search import ExactSearch
from quantum_memory.memory.quantum.prepare import Prepared, to_circuit
from quantum_memory.memory.quantum.qasm import to_qasm
from quantum_memory.memory.quantum.staircase import Layer, Limits, staircase
from quantum_memory.memory.quantum.train_search import TrainSearch

SMALL = Grid((3, 3, 2))


def train(grid: Grid, bond: int, seed: int, dtype: Any = np.complex128) -> QuantumState:
    """Random cores of that bond: entangled at every cut, unlike packets."""
    rng = np.random.default_rng(seed)
    bonds = [1, *(min(bond, 1 << k, 1 << (grid.sites - k)) for k in range(1, grid.sites)), 1]
    shapes = [(bonds[k], 2, bonds[k + 1]) for k in range(grid.sites)]
    cores = [(rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype) for shape in shapes]
    return QuantumState(grid, tuple(cores))


def mood(grid: Grid, count: int, seed: int = 0) -> QuantumState:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.8, 0.8, 3)), tuple(rng.uniform(0.5, 0.6, 3)), tuple(rng.normal(size=3)))
        for _ in range(count)
    ]
    return QuantumState.from_packets(grid, packets, list(rng.normal(size=count) + 0.3j), dtype=np.complex128)


def dense_fidelity(prepared: Prepared, state: QuantumState) -> float:
    want = state.to_dense().ravel()
    made = prepared.circuit.unitary()[:, 0]
    return float(abs(np.vdot(want, made)) ** 2 / np.vdot(want, want).real)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 3), st.integers(0, 3))
def test_the_fidelity_is_that_of_the_dense_state(seed: int, bond: int, layers: int, sweeps: int) -> None:
    state = train(SMALL, bond, seed)
    prepared = to_circuit(state, layers, sweeps=sweeps)
    assert prepared.kept == pytest.approx(1.0, abs=1e-10)
    assert prepared.fidelity == pytest.approx(dense_fidelity(prepared, state), abs=1e-10)
    assert len(prepared.by_layer) == layers
    assert prepared.by_layer[-1] == prepared.fidelity
    assert all(np.diff(prepared.by_layer) >= 0.0)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([Grid((2, 2, 2)), SMALL, Grid((5, 5, 4))]), st.integers(1, 2))
def test_a_state_of_bond_2_needs_one_layer(seed: int, grid: Grid, bond: int) -> None:
    state = train(grid, bond, seed)
    prepared = to_circuit(state, 1)
    assert prepared.fidelity >= 1.0 - 1e-10
    assert prepared.two_site_gates == (grid.sites - 1 if bond == 2 else 0)
    assert prepared.depth == (grid.sites - 1 if bond == 2 else 1)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**31), st.integers(3, 6))
def test_more_layers_and_more_sweeps_never_hurt(seed: int, bond: int) -> None:
    state = train(SMALL, bond, seed)
    found = [to_circuit(state, layers, sweeps=3).fidelity for layers in (1, 2, 3)]
    assert found == sorted(found)
    assert to_circuit(state, 3, sweeps=3).by_layer == pytest.approx(found, abs=1e-9)
    swept = [to_circuit(state, 1, sweeps=sweeps, tolerance=0.0).fidelity for sweeps in (0, 1, 2, 8)]
    assert swept == sorted(swept)
    assert swept[-1] > swept[0] + 1e-6


def test_a_mood_comes_out_nearly_whole() -> None:
    state = mood(Grid((4, 3, 3)), 3)
    plain, swept = to_circuit(state, 3, sweeps=0), to_circuit(state, 3)
    assert 1.0 - swept.fidelity < 0.5 * (1.0 - plain.fidelity)
    assert swept.fidelity > 0.999


def test_a_packet_on_the_full_grid() -> None:
    state = QuantumState.from_packet(Grid(), Packet((0.3, -0.2, 0.5), (0.2, 0.3, 0.25), (2.0, 0.0, -1.0)))
    prepared = to_circuit(state, 2, sweeps=2)
    assert prepared.circuit.sites == 28
    assert prepared.fidelity > 0.99
    assert prepared.kept == pytest.approx(1.0, abs=1e-9)


def test_the_staircase_is_made_of_unitaries_and_keeps_unentangled_axes_apart() -> None:
    state = mood(SMALL, 1)
    gates = staircase(state.cores)
    assert len(gates) == SMALL.sites - 1
    for gate in gates:
        assert np.abs(gate @ gate.conj().T - np.eye(4)).max() < 1e-13
    prepared = to_circuit(state, 1)
    assert all(gate.sites not in {(2, 3), (5, 6)} for gate in prepared.circuit.gates)


def test_a_simulator_that_reads_the_circuit_makes_the_state() -> None:
    pytest.importorskip("qiskit_qasm3_import")
    qasm3 = pytest.importorskip("qiskit.qasm3")
    information = pytest.importorskip("qiskit.quantum_info")
    state = mood(SMALL, 3)
    prepared = to_circuit(state, 3)
    made = np.asarray(information.Statevector(qasm3.loads(to_qasm(prepared.circuit)).reverse_bits()).data)
    want = state.to_dense().ravel()
    fidelity = abs(np.vdot(want, made)) ** 2 / np.vdot(want, want).real
    assert fidelity == pytest.approx(prepared.fidelity, abs=1e-10)
    assert np.abs(made - prepared.circuit.unitary()[:, 0]).max() < 1e-10


def test_neither_norm_nor_phase_nor_precision_of_the_state_matters() -> None:
    state = train(SMALL, 4, 1)
    scaled = QuantumState(SMALL, (state.cores[0] * 30j, *state.cores[1:]))
    assert to_circuit(scaled, 1).fidelity == pytest.approx(to_circuit(state, 1).fidelity, abs=1e-9)
    single = train(SMALL, 4, 1, np.complex64)
    assert to_circuit(single, 1).fidelity == pytest.approx(to_circuit(state, 1).fidelity, abs=1e-5)


def layers_of(sites: int, count: int, seed: int) -> list[Layer]:
    rng = np.random.default_rng(seed)
    return [[scipy.stats.unitary_group.rvs(4, random_state=rng) for _ in range(sites - 1)] for _ in range(count)]


def dense_overlap(target: list[Any], layers: list[Layer]) -> complex:
    gates = [unitary(gate, (k, k + 1)) for layer in layers for k, gate in enumerate(layer)]
    amplitudes = linalg.dense_block(target).ravel()
    return complex(np.vdot(amplitudes, Circuit(len(target), tuple(gates)).unitary()[:, 0]))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.integers(2, 7), st.integers(1, 8), st.integers(1, 6), st.booleans())
def test_both_searches_are_dense_arithmetic_and_never_lose(
    seed: int, sites: int, count: int, bond: int, exact: bool
) -> None:
    """More layers than sites too, where no column of gates is whole."""
    cores = linalg.random_cores(sites, bond, np.random.default_rng(seed))
    layers = layers_of(sites, count, seed)
    before = [[gate.copy() for gate in layer] for layer in layers]
    search = ExactSearch(cores, layers) if exact else TrainSearch(cores, layers, Limits(64, 1e-30))
    assert search.fidelity == pytest.approx(abs(dense_overlap(cores, layers)) ** 2, abs=1e-10)
    reached = [search.fidelity, search.sweep(), search.sweep()]
    assert reached[0] <= reached[1] + 1e-10
    assert reached[1] <= reached[2] + 1e-10
    assert search.fidelity == reached[2] == pytest.approx(abs(dense_overlap(cores, search.layers)) ** 2, abs=1e-10)
    assert search.kept == pytest.approx(1.0, abs=1e-10)
    for layer, old in zip(layers, before, strict=True):
        assert all(np.array_equal(gate, was) for gate, was in zip(layer, old, strict=True)), "given layers stay"
    for layer in search.layers:
        for gate in layer:
            assert np.abs(gate @ gate.conj().T - np.eye(4)).max() < 1e-12


@settings(deadline=None, max_examples=6)
@given(st.integers(0, 2**31), st.booleans())
def test_after_many_sweeps_no_gate_alone_can_be_better(seed: int, exact: bool) -> None:
    """The environment of each gate, found by trying all 16 matrix units in its place: the gate is its polar factor."""
    cores = linalg.random_cores(4, 4, np.random.default_rng(seed))
    layers = layers_of(4, 2, seed)
    search = ExactSearch(cores, layers) if exact else TrainSearch(cores, layers, Limits(64, 1e-30))
    while search.fidelity + 1e-13 < search.sweep():
        pass
    overlap = dense_overlap(cores, search.layers)
    for layer in range(2):
        for k in range(3):
            found = [[np.array(gate) for gate in one] for one in search.layers]
            environment = np.zeros((4, 4), dtype=complex)
            # Unitaries that span all matrices: products of Paulis.
            for pauli in pauli_strings(2):
                found[layer][k] = pauli
                environment += dense_overlap(cores, found) * pauli.conj() / 4
            assert np.linalg.svd(environment, compute_uv=False).sum() == pytest.approx(abs(overlap), abs=1e-5)


def test_trains_cut_on_the_way_say_what_that_may_have_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    state = train(Grid((4, 3, 3)), 8, 0)
    assert to_circuit(state, 3, sweeps=1, max_bond=3).kept == 1.0, "where it fits nothing is cut"
    monkeypatch.setattr(exact_search, "LARGEST", 0)
    prepared = to_circuit(state, 3, sweeps=1, max_bond=3)
    assert prepared.kept < 1.0 - 1e-4
    lost = np.arccos(np.sqrt(prepared.kept))
    true, told = (np.arccos(np.sqrt(f)) for f in (dense_fidelity(prepared, state), prepared.fidelity))
    assert abs(true - told) <= lost + 1e-9


def test_the_state_is_not_changed() -> None:
    state = train(SMALL, 4, 2)
    before = [core.copy() for core in state.cores]
    to_circuit(state, 2, sweeps=1)
    assert all(np.array_equal(core, old) for core, old in zip(state.cores, before, strict=True))


def test_a_state_of_another_array_module_gives_the_same_circuit(every_xp: Any) -> None:
    state = train(SMALL, 4, 3)
    assert to_circuit(state.on(every_xp), 2, sweeps=1).circuit == to_circuit(state, 2, sweeps=1).circuit


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"layers": 0}, OutOfRange, "layers"),
        ({"layers": 65}, OutOfRange, "layers"),
        ({"layers": 1.5}, InvalidValue, "layers"),
        ({"sweeps": -1}, OutOfRange, "sweeps"),
        ({"max_bond": 1}, OutOfRange, "max_bond"),
        ({"tolerance": -1e-9}, OutOfRange, "tolerance"),
        ({"min_fidelity": 1.1}, OutOfRange, "min_fidelity"),
        ({"state": [1]}, InvalidValue, "state"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], error: type[Exception], match: str) -> None:
    arguments: dict[str, Any] = {"state": train(SMALL, 2, 0), "layers": 1} | change
    with pytest.raises(error, match=match):
        to_circuit(**arguments)


def test_the_zero_vector_is_refused() -> None:
    state = train(SMALL, 2, 0)
    with pytest.raises(OutOfRange, match="norm"):
        to_circuit(QuantumState(SMALL, (state.cores[0] * 0.0, *state.cores[1:])), 1)
