"""Circuits as data: the standard gates, their inverses, and that merging never changes the unitary."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum.circuit import STANDARD, Circuit, Gate, unitary

X = np.array([[0, 1], [1, 0]])
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1, -1])
ANGLES = st.floats(-7, 7) | st.sampled_from([0.0, math.pi, -math.pi / 2, 2 * math.pi, 4 * math.pi])


def haar(size: int, seed: int) -> NDArray[np.complex128]:
    rng = np.random.default_rng(seed)
    q, r = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    made: NDArray[np.complex128] = q * (np.diagonal(r) / np.abs(np.diagonal(r)))
    return made


@st.composite
def gates(draw: Any, sites: int) -> Gate:
    name = draw(st.sampled_from([*STANDARD, "unitary1", "unitary2"]))
    count = int(name[-1]) if name.startswith("unitary") else STANDARD[name][0]
    where = tuple(draw(st.permutations(range(sites)))[:count])
    if name.startswith("unitary"):
        return unitary(haar(2**count, draw(st.integers(0, 50))), where)
    return Gate.of(name, where, *(draw(ANGLES) for _ in range(STANDARD[name][1])))


@st.composite
def circuits(draw: Any, most: int = 25) -> Circuit:
    sites = draw(st.integers(2, 5))
    made = draw(st.lists(gates(sites), max_size=most))
    if draw(st.booleans()):
        made += [gate.inverse() for gate in reversed(made[len(made) // 2 :])]
    return Circuit(sites, tuple(made))


def dense(circuit: Circuit) -> NDArray[Any]:
    """The unitary by Kronecker products and explicit permutations of the bits of every basis state."""
    total: NDArray[Any] = np.eye(1 << circuit.sites, dtype=complex)
    for gate in circuit.gates:
        step = np.zeros_like(total)
        shifts = [circuit.sites - 1 - site for site in gate.sites]
        for column in range(len(total)):
            bits = [(column >> shift) & 1 for shift in shifts]
            source = int("".join(map(str, bits)), 2)
            for target in range(len(gate.matrix)):
                row = column
                for place, shift in enumerate(reversed(shifts)):
                    row = (row & ~(1 << shift)) | (((target >> place) & 1) << shift)
                step[row, column] += gate.matrix[target, source]
        total = step @ total
    return total


def test_rotations_are_exponentials_of_their_generators() -> None:
    for name, generator in [("rx", X), ("ry", Y), ("rz", Z)]:
        assert np.allclose(Gate.of(name, (0,), 0.7).matrix, scipy.linalg.expm(-0.35j * generator), atol=1e-14)
        double = scipy.linalg.expm(-0.35j * np.kron(generator, generator))
        assert np.allclose(Gate.of(name + name[1], (0, 1), 0.7).matrix, double, atol=1e-14)


def test_standard_gates_are_what_their_names_say() -> None:
    def of(name: str, *params: float) -> NDArray[Any]:
        return Gate.of(name, tuple(range(STANDARD[name][0])), *params).matrix

    assert np.allclose(of("h") @ Z @ of("h"), X)
    assert np.allclose(of("sx") @ of("sx"), X)
    assert np.allclose(of("t") @ of("t"), of("s"))
    assert np.allclose(of("s") @ of("s"), Z)
    assert np.allclose(of("sdg") @ of("s"), np.eye(2))
    assert np.allclose(of("tdg") @ of("t"), np.eye(2))
    assert np.allclose(of("p", math.pi), Z)
    assert np.allclose(of("u3", math.pi / 2, 0, math.pi), of("h"))
    assert np.allclose(of("U", 0.3, 0.0, 0.0), of("ry", 0.3))
    for controlled, target in [("cx", X), ("cy", Y), ("cz", Z), ("cp", np.diag([1, np.exp(0.4j)]))]:
        matrix = of(controlled, 0.4) if controlled == "cp" else of(controlled)
        assert np.allclose(matrix, scipy.linalg.block_diag(np.eye(2), target))
    assert np.allclose(of("swap"), (np.eye(4) + sum(np.kron(p, p) for p in (X, Y, Z))) / 2)


@settings(deadline=None, max_examples=40)
@given(circuits())
def test_the_unitary_is_the_product_of_its_gates_and_the_inverse_undoes_it(circuit: Circuit) -> None:
    matrix = circuit.unitary()
    assert np.allclose(matrix, dense(circuit), atol=1e-11)
    assert np.allclose(circuit.inverse().unitary() @ matrix, np.eye(len(matrix)), atol=1e-10)
    assert np.allclose((circuit + circuit.inverse()).unitary(), np.eye(len(matrix)), atol=1e-10)


@settings(deadline=None, max_examples=60)
@given(circuits())
def test_merging_keeps_the_unitary_with_its_phase_and_never_adds(circuit: Circuit) -> None:
    small = circuit.merged()
    assert np.allclose(small.unitary(), circuit.unitary(), atol=1e-10)
    assert len(small.gates) <= max(len(circuit.gates), 1)
    assert small.two_site_gates <= circuit.two_site_gates
    assert small.depth <= max(circuit.depth, 1)
    again = small.merged()
    assert len(again.gates) == len(small.gates)


def test_merging_takes_in_what_stands_together() -> None:
    circuit = Circuit(
        3,
        (
            Gate.of("h", (0,)),
            Gate.of("t", (0,)),
            Gate.of("cx", (0, 1)),
            Gate.of("rz", (1,), 0.3),
            Gate.of("swap", (1, 0)),
            Gate.of("h", (2,)),
        ),
    )
    small = circuit.merged()
    assert [gate.sites for gate in small.gates] == [(0, 1), (2,)]
    assert small.gates[1] == circuit.gates[5], "a gate that met no other keeps its name"


def test_a_circuit_and_its_inverse_merge_into_nothing() -> None:
    circuit = Circuit(3, (Gate.of("h", (0,)), Gate.of("cx", (0, 1)), Gate.of("cp", (2, 1), 0.4), Gate.of("s", (2,))))
    assert (circuit + circuit.inverse()).merged().gates == ()
    turned = Circuit(2, (Gate.of("rz", (0,), math.pi), Gate.of("rz", (0,), math.pi))).merged()
    assert np.allclose(turned.unitary(), -np.eye(4)), "the phase of what was dropped stays"


def test_gates_merge_across_one_that_came_to_nothing() -> None:
    """The pair in the middle takes in the gate before it, so it goes only after the last gate has found its place."""
    turn, middle = Gate.of("p", (1,), 1.0), unitary(haar(4, 0), (0, 1))
    around = Gate.of("cx", (0, 2))
    circuit = Circuit(3, (turn, around, middle, middle.inverse(), around, turn.inverse()))
    small = circuit.merged()
    assert small.gates == ()
    assert np.allclose(circuit.unitary(), np.eye(8), atol=1e-12)


def test_depth_is_the_longest_chain() -> None:
    assert Circuit(3).depth == 0
    ladder = Circuit(4, tuple(Gate.of("cx", (site, site + 1)) for site in range(3)))
    assert (ladder.depth, ladder.two_site_gates) == (3, 3)
    flat = Circuit(4, (Gate.of("cx", (0, 1)), Gate.of("cx", (2, 3)), Gate.of("h", (0,)), Gate.of("h", (3,))))
    assert (flat.depth, flat.two_site_gates) == (2, 2)


@settings(deadline=None, max_examples=40)
@given(circuits(most=8))
def test_json_gives_back_an_equal_circuit(circuit: Circuit) -> None:
    text = json.dumps(circuit.to_json(), allow_nan=False)
    back = Circuit.from_json(json.loads(text))
    assert back == circuit
    assert hash(back) == hash(circuit)
    assert pickle.loads(pickle.dumps(circuit)) == circuit  # noqa: S301 - our own bytes


def test_gates_that_are_barely_unitary_merge_into_one_that_is() -> None:
    cx = Gate.of("cx", (0, 1)).matrix * (1.0 + 4e-11)
    circuit = Circuit(2, tuple(unitary(cx, (0, 1)) for _ in range(51)))
    merged = circuit.merged()
    assert len(merged.gates) == 1
    assert np.abs(merged.unitary() - circuit.unitary()).max() < 1e-8
    assert len(merged.merged().gates) == 1


def test_nothing_in_a_gate_can_be_changed_and_it_copies_what_it_is_given() -> None:
    mine = haar(2, 0)
    gate = unitary(mine, (1,))
    mine[...] = 0
    assert np.allclose(gate.matrix @ gate.matrix.conj().T, np.eye(2))
    with pytest.raises(ValueError, match="read-only"):
        gate.matrix[0, 0] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(gate, "name", "x")  # noqa: B010 - mypy would refuse the plain assignment
    assert gate != unitary(haar(2, 1), (1,))
    assert gate != unitary(gate.matrix, (2,))
    assert gate != "a gate"


def test_bad_gates_and_circuits_are_refused() -> None:
    h: Any = Gate.of("h", (0,))
    good = Circuit(2, (h, unitary(haar(4, 0), (0, 1)))).to_json()

    def changed(place: str, value: object) -> dict[str, Any]:
        return {**good, place: value}

    def with_gate(**fields: object) -> dict[str, Any]:
        return changed("gates", [{"name": "rx", "sites": [0], "params": [0.1], **fields}])

    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (InvalidValue, lambda: Gate.of("toffoli", (0,))),
        (InvalidValue, lambda: Gate.of(["h"], (0,))),  # type: ignore[arg-type]
        (ShapeMismatch, lambda: Gate.of("cx", (0,))),
        (ShapeMismatch, lambda: Gate.of("rx", (0,))),
        (ShapeMismatch, lambda: Gate.of("h", (0,), 0.1)),
        (NotFinite, lambda: Gate.of("rx", (0,), math.nan)),
        (InvalidValue, lambda: Gate.of("cx", (1, 1))),
        (OutOfRange, lambda: Gate.of("h", (-1,))),
        (InvalidValue, lambda: Gate.of("h", (0.0,))),  # type: ignore[arg-type]
        (InvalidValue, lambda: Gate.of("h", 0)),  # type: ignore[arg-type]
        (ShapeMismatch, lambda: Gate.of("h", (0, 1, 2))),
        (InvalidValue, lambda: Gate("x", (0,), h.matrix)),
        (InvalidValue, lambda: Gate("", (0,), h.matrix)),
        (OutOfRange, lambda: unitary(2 * np.eye(2), (0,))),
        (OutOfRange, lambda: unitary(np.eye(2) + 1e-9, (0,))),
        (ShapeMismatch, lambda: unitary(np.eye(2), (0, 1))),
        (NotFinite, lambda: unitary([[math.nan, 0], [0, 1]], (0,))),
        (InvalidValue, lambda: unitary("a matrix", (0,))),
        (OutOfRange, lambda: Circuit(0)),
        (InvalidValue, lambda: Circuit(2.0)),  # type: ignore[arg-type]
        (OutOfRange, lambda: Circuit(1, (Gate.of("h", (1,)),))),
        (InvalidValue, lambda: Circuit(1, ("h",))),  # type: ignore[arg-type]
        (InvalidValue, lambda: Circuit(1, h)),
        (InvalidValue, lambda: Circuit(1) + Circuit(2)),
        (OutOfRange, Circuit(13).unitary),
        (InvalidValue, lambda: Circuit.from_json([])),
        (InvalidValue, lambda: Circuit.from_json({})),
        (InvalidValue, lambda: Circuit.from_json(changed("version", 2))),
        (InvalidValue, lambda: Circuit.from_json(changed("sites", "2"))),
        (InvalidValue, lambda: Circuit.from_json(changed("gates", {}))),
        (InvalidValue, lambda: Circuit.from_json({**good, "more": 1})),
        (InvalidValue, lambda: Circuit.from_json(with_gate(sites="0"))),
        (InvalidValue, lambda: Circuit.from_json(with_gate(params=["0"]))),
        (OutOfRange, lambda: Circuit.from_json(with_gate(sites=[5]))),
        (InvalidValue, lambda: Circuit.from_json(with_gate(matrix=[[1]]))),
        (InvalidValue, lambda: Circuit.from_json(with_gate(name=3))),
        (ShapeMismatch, lambda: Circuit.from_json(with_gate(name="mine"))),
        (InvalidValue, lambda: Circuit.from_json(with_gate(name="mine", matrix="no"))),
        (ShapeMismatch, lambda: Circuit.from_json(with_gate(name="mine", matrix=[[1, 0], [0, 1]]))),
        (OutOfRange, lambda: Circuit.from_json(with_gate(name="mine", matrix=[[[1, 0], [1, 0]], [[0, 0], [1, 0]]]))),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
