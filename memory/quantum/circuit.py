"""Circuits as data: gates with their sites and matrices, checked, merged and written down. Applies nothing to a state.

The gates that have a name are those of ``standard``. A global phase is part of a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantum_memory.checks import bounded, distinct, whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.fusion import IDENTITY, fuse
from quantum_memory.memory.quantum.standard import I2, INVERSE_NAMES, STANDARD, Matrix, standard_matrix

__all__ = [
    "MAX_DENSE_SITES",
    "MAX_SITES",
    "STANDARD",
    "UNITARITY",
    "UNITARY",
    "Circuit",
    "Gate",
    "Matrix",
    "distinct_sites",
    "square_matrix",
    "unitary",
]
UNITARY = "unitary"
"""The name of a gate that is nothing but its matrix."""
UNITARITY = 1e-10
"""How far U U† may be from the identity, in its largest entry."""
MAX_SITES = 4096
MAX_DENSE_SITES = 12
VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """A unitary on one or two sites.

    Attributes:
        name: a name of ``STANDARD``, whose matrix it then has, or any other word, which is only a label.
        sites: the sites that it acts on, counted from 0; the first is the most significant bit of the matrix's index
            (the control of ``cx``, ``cy``, ``cz`` and ``cp``).
        matrix: (2^k, 2^k) complex128 for k sites, unitary to 1e-10; kept as a read-only copy.
        params: angles in radians, as many as a standard name takes.

    Two gates are equal if all four are.

    Raises: InvalidValue for no name, for sites that are no whole numbers or twice the same, or for a standard name
        over another matrix; OutOfRange for a site below 0 or a matrix that is not unitary; ShapeMismatch; NotFinite.
    """

    name: str
    sites: tuple[int, ...]
    matrix: Matrix
    params: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _label(self.name))
        object.__setattr__(self, "sites", distinct_sites(self.sites))
        object.__setattr__(self, "params", _angles(self.name, self.params))
        matrix = square_matrix(self.matrix, len(self.sites))
        if not (away := _away(matrix)) <= UNITARITY:
            raise OutOfRange(f"distance of {self.name} from a unitary", away, 0.0, UNITARITY)
        object.__setattr__(self, "matrix", matrix)
        if self.name in STANDARD:
            want = standard_matrix(self.name, len(self.sites), self.params)
            if float(np.abs(matrix - want).max()) > UNITARITY:
                raise InvalidValue(f"matrix of {self.name}", str(matrix.tolist()), f"{want.tolist()}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gate):
            return NotImplemented
        alike = (self.name, self.sites, self.params) == (other.name, other.sites, other.params)
        return alike and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((self.name, self.sites, self.params))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.sites, self.matrix, self.params)

    @classmethod
    def of(cls, name: str, sites: Sequence[int], *params: float) -> Gate:
        """The standard gate of that name: ``Gate.of("rx", (3,), 0.5)``. Angles in radians.

        Raises: InvalidValue for a name that ``STANDARD`` does not have; otherwise as ``Gate``.
        """
        if _label(name) not in STANDARD:
            raise InvalidValue("gate", repr(name), f"one of {', '.join(STANDARD)}")
        places, angles = distinct_sites(sites), _angles(name, params)
        return cls(name, places, standard_matrix(name, len(places), angles), angles)

    def inverse(self) -> Gate:
        """The gate that undoes this one, under a standard name where it has one."""
        matrix = self.matrix.conj().T
        if self.name in INVERSE_NAMES:
            return Gate(INVERSE_NAMES[self.name], self.sites, matrix)
        if self.name in {"u3", "U"}:
            theta, phi, lam = self.params
            return Gate(self.name, self.sites, matrix, (-theta, -lam, -phi))
        if self.name in STANDARD and self.params:
            return Gate(self.name, self.sites, matrix, tuple(-angle for angle in self.params))
        return Gate(UNITARY, self.sites, matrix)

    def to_json(self) -> dict[str, Any]:
        """Plain data. The matrix is written only where the name does not give it, as rows of [real, imaginary]."""
        data: dict[str, Any] = {"name": self.name, "sites": list(self.sites), "params": list(self.params)}
        if self.name not in STANDARD:
            data["matrix"] = [[[entry.real, entry.imag] for entry in row] for row in self.matrix.tolist()]
        return data

    @classmethod
    def from_json(cls, data: object) -> Gate:
        """The gate that was written. Raises: InvalidValue, or what ``Gate`` raises, for anything else."""
        fields = _fields("gate", data, {"name", "sites", "params"}, {"matrix"})
        name, sites, params = _label(fields["name"]), _list("sites", fields["sites"]), _list("params", fields["params"])
        if name in STANDARD:
            if "matrix" in fields:
                raise InvalidValue(f"gate {name}", "a matrix", "no matrix, as the name gives it")
            return cls.of(name, sites, *params)
        try:
            pairs = np.array(fields.get("matrix"), dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidValue(f"matrix of {name}", "something else", "rows of [real, imaginary]") from None
        if pairs.ndim != 3 or pairs.shape[2] != 2:
            raise ShapeMismatch(f"matrix of {name}", (1 << len(sites), 1 << len(sites), 2), pairs.shape)
        return cls(name, tuple(sites), pairs[..., 0] + 1j * pairs[..., 1], tuple(params))


def unitary(matrix: object, sites: Sequence[int]) -> Gate:
    """A gate that is nothing but its (2^k, 2^k) matrix on k sites, 1 or 2. Raises: as ``Gate``."""
    places = distinct_sites(sites)
    return Gate(UNITARY, places, square_matrix(matrix, len(places)))


@dataclass(frozen=True, slots=True)
class Circuit:
    """Gates in the order in which they act, on sites counted from 0.

    Attributes:
        sites: how many sites there are, 1 to 4096.
        gates: the first acts first.

    Raises: InvalidValue, OutOfRange for a gate on a site that there is not.
    """

    sites: int
    gates: tuple[Gate, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", whole("sites", self.sites, 1, MAX_SITES))
        given: object = self.gates
        if not isinstance(given, tuple | list):
            raise InvalidValue("gates", type(given).__name__, "a sequence of gates")
        for index, gate in enumerate(given):
            if not isinstance(gate, Gate):
                raise InvalidValue(f"gates[{index}]", type(gate).__name__, "a gate")
            if max(gate.sites) >= self.sites:
                raise OutOfRange(f"site of gates[{index}]", max(gate.sites), 0, self.sites - 1)
        object.__setattr__(self, "gates", tuple(given))

    @property
    def depth(self) -> int:
        """The length of the longest chain of gates of which each shares a site with the one before."""
        reached = [0] * self.sites
        for gate in self.gates:
            level = 1 + max(reached[site] for site in gate.sites)
            for site in gate.sites:
                reached[site] = level
        return max(reached)

    @property
    def two_site_gates(self) -> int:
        """How many gates act on two sites."""
        return sum(len(gate.sites) == 2 for gate in self.gates)

    def inverse(self) -> Circuit:
        """The circuit that undoes this one."""
        return Circuit(self.sites, tuple(gate.inverse() for gate in reversed(self.gates)))

    def __add__(self, other: Circuit) -> Circuit:
        """The gates of the one and then those of the other. Raises: InvalidValue if their numbers of sites differ."""
        if not isinstance(other, Circuit):
            return NotImplemented
        if other.sites != self.sites:
            raise InvalidValue("sites", str(other.sites), f"{self.sites}, as the circuit before it has")
        return Circuit(self.sites, self.gates + other.gates)

    def merged(self) -> Circuit:
        """The same unitary, its global phase included, in fewer gates or as many.

        One-site gates become one per run, or part of a neighbouring two-site gate; two-site gates that follow each
        other on the same pair become one; what is the identity up to a phase goes, and its phase moves into a gate
        that stays. A gate that met no other keeps its name, but for the one that takes up the phase where all have one.
        Where factors that are not quite unitary add up, a product is the nearest unitary.
        """
        kept, phase = fuse([(gate.sites, gate.matrix) for gate in self.gates])
        gates = [
            self.gates[block.source] if block.source is not None else unitary(_righted(block.matrix), block.sites)
            for block in kept
        ]
        if abs(phase - 1.0) > IDENTITY:
            target = next((index for index, gate in enumerate(gates) if gate.name == UNITARY), 0)
            if gates:
                gates[target] = unitary(phase * gates[target].matrix, gates[target].sites)
            else:
                gates = [unitary(phase * I2, (0,))]
        return Circuit(self.sites, tuple(gates))

    def unitary(self) -> Matrix:
        """(2^sites, 2^sites) the matrix of the whole circuit, site 0 the most significant bit.

        Raises: OutOfRange over 12 sites.
        """
        whole("sites", self.sites, 1, MAX_DENSE_SITES)
        tensor = np.eye(1 << self.sites, dtype=np.complex128).reshape((2,) * self.sites + (-1,))
        for gate in self.gates:
            count = len(gate.sites)
            axes = list(range(count, 2 * count)), list(gate.sites)
            tensor = np.tensordot(gate.matrix.reshape((2,) * (2 * count)), tensor, axes=axes)
            tensor = np.moveaxis(tensor, range(count), gate.sites)
        return tensor.reshape(1 << self.sites, -1)

    def to_json(self) -> dict[str, Any]:
        """Plain data that ``from_json`` reads back to an equal circuit."""
        return {"version": VERSION, "sites": self.sites, "gates": [gate.to_json() for gate in self.gates]}

    @classmethod
    def from_json(cls, data: object) -> Circuit:
        """The circuit that was written. Raises: InvalidValue, or what ``Gate`` raises, for anything else."""
        fields = _fields("circuit", data, {"version", "sites", "gates"}, set())
        if isinstance(fields["version"], bool) or fields["version"] != VERSION:
            raise InvalidValue("version of the circuit", repr(fields["version"]), str(VERSION))
        gates = tuple(Gate.from_json(gate) for gate in _list("gates", fields["gates"]))
        return cls(fields["sites"], gates)


def distinct_sites(sites: object, limit: int = MAX_SITES) -> tuple[int, ...]:
    """One or two different sites below ``limit``. Raises: InvalidValue, ShapeMismatch, OutOfRange."""
    places = distinct("sites", sites, limit)
    if len(places) > 2:
        raise ShapeMismatch("sites", ("1 or 2",), (len(places),))
    return places


def square_matrix(matrix: object, sites: int) -> Matrix:
    """A read-only complex128 copy of a (2^sites, 2^sites) matrix. Raises: InvalidValue, ShapeMismatch, NotFinite."""
    try:
        made = np.array(matrix, dtype=np.complex128)
    except (TypeError, ValueError):
        raise InvalidValue("matrix", type(matrix).__name__, "a square matrix of numbers") from None
    size = 1 << sites
    if made.shape != (size, size):
        raise ShapeMismatch("matrix", (size, size), made.shape)
    if not np.isfinite(made).all():
        row, column = np.argwhere(~np.isfinite(made))[0].tolist()
        raise NotFinite("matrix", abs(complex(made[row, column])), f"index {(row, column)}")
    made.flags.writeable = False
    return made


def _away(matrix: Matrix) -> float:
    """How far U U† is from the identity, in its largest entry."""
    return float(np.abs(matrix @ matrix.conj().T - np.eye(len(matrix))).max())


def _righted(matrix: Matrix) -> Matrix:
    """The matrix, or the unitary nearest to it where it has drifted as far as a gate may be from one."""
    if _away(matrix) <= UNITARITY / 2.0:
        return matrix
    basis, _, rest = np.linalg.svd(matrix)
    made: Matrix = basis @ rest
    return made


def _angles(name: str, params: object) -> tuple[float, ...]:
    if not isinstance(params, tuple | list):
        raise InvalidValue(f"params of {name}", repr(params), "a sequence of angles")
    if name in STANDARD and len(params) != STANDARD[name][1]:
        raise ShapeMismatch(f"params of {name}", (STANDARD[name][1],), (len(params),))
    return tuple(bounded(f"angle of {name}", angle, -1e9, 1e9) for angle in params)


def _label(name: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidValue("name of a gate", repr(name), "a word")
    return name


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidValue(name, type(value).__name__, "a list")
    return value


def _fields(name: str, data: object, needed: set[str], allowed: set[str]) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidValue(name, type(data).__name__, "a mapping")
    keys = set(data)
    if not needed <= keys or not keys <= needed | allowed:
        raise InvalidValue(f"keys of a {name}", str(sorted(map(str, keys))), f"{sorted(needed)}")
    return dict(data)
