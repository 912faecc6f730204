"""Circuits written as OpenQASM 3 (Cross et al., 2022). Owns the text; applies no gate and reads nothing back."""

from __future__ import annotations

import math

import numpy as np

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum.circuit import Circuit, Gate
from quantum_memory.memory.quantum.fusion import IDENTITY
from quantum_memory.memory.quantum.kak import euler, synthesise
from quantum_memory.memory.quantum.standard import I2

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BY_NAME = frozenset(
    ("h", "x", "y", "z", "s", "sdg", "t", "tdg", "sx", "rx", "ry", "rz", "p", "U", "cx", "cy", "cz", "cp", "swap")
)
"""The gates that OpenQASM 3 has under the name and with the matrix that they have here."""


def to_qasm(circuit: Circuit) -> str:
    """The circuit as an OpenQASM 3.0 program on a register ``q``, whose qubit k is site k.

    Standard gates keep their names. Any other is written as ``U``, and on two sites as ``U`` and at most three ``cx``
    by its Cartan decomposition; such ``U`` that follow each other on a site are written as one, or not at all where
    they are the identity. A ``gphase`` at the end makes the global phase right too. ``U`` is the matrix whose first
    entry is cos(theta/2), as most simulators have it. Angles in radians, with the digits that a double needs.

    Raises: InvalidValue for something that is not a circuit.
    """
    if not isinstance(circuit, Circuit):
        raise InvalidValue("circuit", type(circuit).__name__, "a circuit")
    gates, phase = _written_out(circuit)
    lines = [f"qubit[{circuit.sites}] q;", *map(_line, gates)]
    if phase:
        lines.append(f"gphase({phase!r});")
    return HEADER + "\n".join(lines) + "\n"


def _written_out(circuit: Circuit) -> tuple[list[Gate], float]:
    """All gates under names of OpenQASM, and the phase that is missing."""
    made: list[Gate] = []
    joined: set[int] = set()
    waiting: dict[int, int] = {}  # by site, where the U stands that nothing follows there yet
    phase = 0.0
    for gate in circuit.gates:
        parts, turned = _written(gate)
        phase += turned
        for part in parts:
            free = part is not gate and len(part.sites) == 1
            before = waiting.get(part.sites[0]) if free else None
            if before is not None:
                angles = euler(part.matrix @ made[before].matrix)
                made[before] = Gate.of("U", part.sites, *angles[:3])
                phase += angles.phase
                joined.add(before)
                continue
            for site in part.sites:
                waiting.pop(site, None)
            if free:
                waiting[part.sites[0]] = len(made)
            made.append(part)
    kept = [gate for index, gate in enumerate(made) if index not in joined or not _is_identity(gate)]
    return kept, math.remainder(phase, 2.0 * math.pi)


def _is_identity(gate: Gate) -> bool:
    return float(np.abs(gate.matrix - I2).max()) < IDENTITY


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
