"""Circuits as OpenQASM 3: every text is read and simulated by Qiskit, and must make the same state, phase included."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum.circuit import STANDARD, Circuit, Gate, unitary
from quantum_memory.memory.quantum.kak import Matrix
from quantum_memory.memory.quantum.qasm import to_qasm


def simulated(text: str, start: Any = None) -> Matrix:
    """The amplitudes that Qiskit finds, site 0 the most significant bit as everywhere here."""
    pytest.importorskip("qiskit_qasm3_import")
    qasm3 = pytest.importorskip("qiskit.qasm3")
    information = pytest.importorskip("qiskit.quantum_info")
    program = qasm3.loads(text).reverse_bits()
    begin = information.Statevector.from_int(0, 1 << program.num_qubits) if start is None else start
    return np.asarray(begin.evolve(program).data)


def made(circuit: Circuit) -> Matrix:
    return circuit.unitary()[:, 0]


@st.composite
def circuits(draw: Any) -> Circuit:
    sites = draw(st.integers(2, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    gates = []
    for _ in range(draw(st.integers(0, 12))):
        name = draw(st.sampled_from([*STANDARD, "unitary", "unitary2"]))
        count, angles, _ = STANDARD.get(name, (1 + (name == "unitary2"), 0, None))
        places = tuple(int(site) for site in rng.permutation(sites)[:count])
        if name in STANDARD:
            gates.append(Gate.of(name, places, *rng.uniform(-7, 7, angles).tolist()))
        else:
            gates.append(unitary(scipy.stats.unitary_group.rvs(1 << count, random_state=rng), places))
    return Circuit(sites, tuple(gates))


@settings(deadline=None, max_examples=60)
@given(circuits())
def test_qiskit_makes_the_same_state(circuit: Circuit) -> None:
    assert np.abs(simulated(to_qasm(circuit)) - made(circuit)).max() < 1e-10
    assert np.abs(simulated(to_qasm(circuit.merged())) - made(circuit)).max() < 1e-10


@pytest.mark.parametrize("name", STANDARD)
def test_every_standard_gate_means_the_same_to_qiskit(name: str) -> None:
    count, angles, _ = STANDARD[name]
    gate = Gate.of(name, tuple(range(count))[::-1], *[0.3, -1.7, 2.9][:angles])
    # every entry of the gate shows in a state that is a product of unequal superpositions
    start = [Gate.of("u3", (site,), 0.4 + site, 0.7, -0.2) for site in range(count)]
    circuit = Circuit(count, (*start, gate))
    assert np.abs(simulated(to_qasm(circuit)) - made(circuit)).max() < 1e-12


def test_the_text_has_header_register_and_one_line_per_gate() -> None:
    circuit = Circuit(3, (Gate.of("h", (0,)), Gate.of("cp", (2, 0), 0.1), Gate.of("U", (1,), 1.0, 2.0, 1e-17)))
    assert to_qasm(circuit) == (
        'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[3] q;\nh q[0];\ncp(0.1) q[2], q[0];\nU(1.0, 2.0, 1e-17) q[1];\n'
    )


def test_other_two_site_gates_become_u_and_at_most_three_cx() -> None:
    matrix = scipy.stats.unitary_group.rvs(4, random_state=np.random.default_rng(1))
    text = to_qasm(Circuit(2, (unitary(matrix, (1, 0)),)))
    names = re.findall(r"^(\w+)[ (]", text, flags=re.MULTILINE)
    assert names.count("cx") == 3
    assert set(names) == {"OPENQASM", "include", "U", "cx", "gphase"}
    assert to_qasm(Circuit(2, (Gate.of("rzz", (0, 1), 0.3),))).count("cx") == 2


def test_the_local_gates_of_neighbouring_two_site_gates_are_written_as_one() -> None:
    rng = np.random.default_rng(2)
    pairs = [(0, 1), (1, 2), (0, 1), (2, 1)]
    circuit = Circuit(3, tuple(unitary(scipy.stats.unitary_group.rvs(4, random_state=rng), pair) for pair in pairs))
    text = to_qasm(circuit)
    between: dict[str, str] = {}
    for line in text.splitlines()[3:-1]:
        name, *_ = re.split(r"[( ]", line)
        for qubit in re.findall(r"q\[\d\]", line):
            assert (name, between.get(qubit)) != ("U", "U"), "no two U in a row on a site"
            between[qubit] = name
    assert text.count("cx") == 12
    assert text.count("U(") <= 4 * 7 - 5, "five pairs of local gates meet"
    assert np.abs(simulated(text) - made(circuit)).max() < 1e-12


def test_local_gates_that_undo_each_other_are_not_written_and_named_ones_are_left() -> None:
    turn = unitary(scipy.stats.unitary_group.rvs(2, random_state=np.random.default_rng(3)), (0,))
    text = to_qasm(Circuit(1, (turn, turn.inverse())))
    assert "U(" not in text
    named = Circuit(1, (Gate.of("U", (0,), 0.1, 0.2, 0.3), turn, Gate.of("U", (0,), 0.0, 0.0, 0.0)))
    assert to_qasm(named).count("U(") == 3
    assert np.abs(simulated(to_qasm(named)) - made(named)).max() < 1e-14


def test_a_gate_with_a_name_of_its_own_is_written_by_its_matrix() -> None:
    gate = Gate("mine", (0,), np.diag([1j, -1j]))
    text = to_qasm(Circuit(1, (gate,)))
    assert "mine" not in text
    assert np.abs(simulated(text) - np.array([1j, 0])).max() < 1e-15


def test_an_empty_circuit_is_a_register() -> None:
    assert to_qasm(Circuit(4)) == 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[4] q;\n'


def test_something_else_is_refused() -> None:
    with pytest.raises(InvalidValue, match="circuit"):
        to_qasm([])  # type: ignore[arg-type]
