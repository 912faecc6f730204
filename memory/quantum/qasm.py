"""Circuits written as OpenQASM 3 (Cross et al., 2022). Owns the text; applies no gate and reads nothing back."""

from __future__ import annotations

import math

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum.circuit import Circuit, Gate
from quantum_memory.memory.quantum.kak import euler, synthesise

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BY_NAME = frozenset(
    ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "p", "U", "cx", "cy", "cz", "cp", "swap")
)
"""The gates that OpenQASM 3 has under the name and with the matrix that they have here."""


def to_qasm(circuit: Circuit) -> str:
    """The circuit as an OpenQASM 3.0 program on a register ``q``, whose qubit k is site k.

    Standard gates keep their names. Any other is written as ``U``, and on two sites as ``U`` and at most three ``cx``
    by its Cartan decomposition; a ``gphase`` at the end makes the global phase right too. ``U`` is the matrix whose
    first entry is cos(theta/2), as most simulators have it. Angles in radians, with the digits that a double needs.

    Raises: InvalidValue for something that is not a circuit.
    """
    if not isinstance(circuit, Circuit):
        raise InvalidValue("circuit", type(circuit).__name__, "a circuit")
    lines, phase = [f"qubit[{circuit.sites}] q;"], 0.0
    for gate in circuit.gates:
        gates, turned = _written(gate)
        lines += [_line(each) for each in gates]
        phase = math.remainder(phase + turned, 2.0 * math.pi)
    if phase:
        lines.append(f"gphase({phase!r});")
    return HEADER + "\n".join(lines) + "\n"


def _written(gate: Gate) -> tuple[tuple[Gate, ...], float]:
    """The gate in gates that have a name, and the phase that is missing."""
    if gate.name in BY_NAME:
        return (gate,), 0.0
    if len(gate.sites) == 2:
        return synthesise(gate.matrix, (gate.sites[0], gate.sites[1]))
    angles = euler(gate.matrix)
    return (Gate.of("U", gate.sites, *angles[:3]),), angles.phase


def _line(gate: Gate) -> str:
    # repr of a float is the shortest text that reads back as the same float.
    angles = f"({', '.join(repr(float(angle)) for angle in gate.params)})" if gate.params else ""
    return f"{gate.name}{angles} {', '.join(f'q[{site}]' for site in gate.sites)};"
