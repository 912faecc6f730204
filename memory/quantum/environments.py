"""Environments of a train of cores: what lies left and right of a site, contracted once and kept for many questions.

Owns the kept contractions and counts their use. Never truncates, never changes a state, keeps nothing globally: who
makes an ``Environments`` or an ``Against`` decides when to drop it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.state import QuantumState

MAX_DENSITY_SITES = 6


class Environments:
    """⟨bra|operator|ket⟩ with the contractions left and right of every site kept, lazily and in double precision.

    Args:
        ket: the state.
        bra: the other state, on the same grid and array module; ``None`` is the ket itself.
        operator: one (l, out, in, r) array per site with outer bonds 1 (a matrix product operator) that stands between
            them; ``None`` is the identity.

    An environment left of site i is (bra bond, ket bond), with the operator's bond between them where there is one. Not
    thread-safe. Raises: InvalidValue for different grids or modules; ShapeMismatch, NotFinite for the operator.
    Source: Schollwoeck (2011), section 4.2.1.
    """

    def __init__(
        self, ket: QuantumState, bra: QuantumState | None = None, operator: Sequence[Array] | None = None
    ) -> None:
        if bra is not None:
            _fitting(ket, bra)
        self.ket = ket
        self.bra = bra
        self._operator = None if operator is None else _checked_operator(operator, ket)
        self._kets = [_double(core) for core in ket.cores]
        self._bras = [_double(core).conj() for core in (ket if bra is None else bra).cores]
        sites = len(self._kets)
        xp = module_of(ket.cores[0])
        border = xp.ones((1, 1) if operator is None else (1, 1, 1), dtype=np.complex128)
        self._left: list[Array | None] = [border] + [None] * sites
        self._right: list[Array | None] = [None] * sites + [border]
        self._hits = self._misses = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the environments kept; those shared with another ``Environments`` count in both."""
        return sum(int(kept.nbytes) for kept in (*self._left, *self._right) if kept is not None)

    def stats(self) -> Mapping[str, int]:
        """``hits``: environments asked for and found; ``misses``: those that had to be contracted; ``bytes`` kept."""
        return {"hits": self._hits, "misses": self._misses, "bytes": self.nbytes}

    def overlap(self) -> complex:
        """⟨bra|operator|ket⟩, joined at the cut that needs the fewest new contractions."""
        reached = max(i for i, kept in enumerate(self._left) if kept is not None)
        wanted = min(i for i, kept in enumerate(self._right) if kept is not None)
        cut = max(reached, wanted)
        return _joined(self._left_of(cut), self._right_of(cut))

    def element(self, matrix: object, sites: int | Sequence[int]) -> complex:
        """⟨bra|matrix · operator|ket⟩, not divided by any norm.

        Args:
            matrix: (2, 2) for one site, (4, 4) for two; the first site given is the most significant bit.
            sites: one site, or two different ones anywhere in the train in either order.

        Raises: ShapeMismatch, NotFinite, InvalidValue, OutOfRange.
        """
        places = _places(sites, len(self._kets))
        dense = _checked_matrix(matrix, len(places))
        if len(places) == 1:
            (site,) = places
            return _joined(self._step(self._left_of(site), site, dense), self._right_of(site + 1))
        if places[0] > places[1]:
            dense = dense.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        first, last = min(places), max(places)
        left, right = self._left_of(first), self._right_of(last + 1)
        total = 0j
        for one, other in _products(dense):
            carried = self._step(left, first, one)
            for site in range(first + 1, last):
                carried = self._step(carried, site)
            total += _joined(self._step(carried, last, other), right)
        return total

    def expectation(self, matrix: object, sites: int | Sequence[int]) -> complex:
        """⟨ket|matrix|ket⟩ / ⟨ket|ket⟩; arguments and errors as ``element``.

        Raises: InvalidValue too where there is a bra or an operator; OutOfRange for the zero vector.
        """
        return self.element(matrix, sites) / self._power()

    def density(self, first: int, count: int = 1) -> NDArray[np.complex128]:
        """(2^count, 2^count) reduced density matrix of neighbouring sites, of trace 1; the first is most significant.

        Raises: OutOfRange for sites that are not there, more than six, or the zero vector; InvalidValue.
        """
        sites = len(self._kets)
        first = whole("first", first, 0, sites - 1)
        count = whole("count", count, 1, min(MAX_DENSITY_SITES, sites - first))
        power = self._power()
        xp = module_of(self._kets[0])
        left, right = self._left_of(first), self._right_of(first + count)
        ket, bra = self._kets[first], self._bras[first]
        for site in range(first + 1, first + count):
            size = ket.shape[1] * 2
            ket = xp.tensordot(ket, self._kets[site], axes=1).reshape(ket.shape[0], size, -1)
            bra = xp.tensordot(bra, self._bras[site], axes=1).reshape(bra.shape[0], size, -1)
        weighed = xp.tensordot(xp.tensordot(left, ket, axes=1), right, axes=((2,), (1,)))
        rho: NDArray[np.complex128] = host(xp.tensordot(weighed, bra, axes=((0, 2), (0, 2))))
        made: NDArray[np.complex128] = (rho + rho.conj().T) / (2 * power)
        return made

    def with_core(self, site: int, core: Array) -> Environments:
        """The environments of the ket with another core at one site. Errors as ``updated``."""
        return self.updated({site: core})

    def updated(self, cores: Mapping[int, Array]) -> Environments:
        """The environments of the ket with other cores at some sites; all that these do not touch is shared.

        Raises: OutOfRange, InvalidValue for a site; what ``QuantumState`` raises for cores that do not fit.
        """
        made = list(self.ket.cores)
        for site, core in cores.items():
            made[whole("site", site, 0, len(made) - 1)] = core
        return self.with_ket(QuantumState(self.ket.grid, tuple(made)))

    def with_ket(self, ket: QuantumState) -> Environments:
        """The environments of another ket with the same bra (the ket itself where none was given) and operator.

        What lies left of the first and right of the last core that is not the very same array is shared; counters
        start at 0. Raises: InvalidValue for another grid or module.
        """
        _fitting(self.ket, ket)
        pairs = list(zip(self.ket.cores, ket.cores, strict=True))
        changed = [site for site, (old, new) in enumerate(pairs) if old is not new]
        first, last = (changed[0], changed[-1]) if changed else (len(pairs), -1)
        made = Environments(ket, self.bra)
        made._adopt(
            self._operator,
            [kept if i <= first else None for i, kept in enumerate(self._left)],
            [kept if i > last else None for i, kept in enumerate(self._right)],
        )
        return made

    def _adopt(self, operator: list[Array] | None, left: list[Array | None], right: list[Array | None]) -> None:
        self._operator, self._left, self._right = operator, left, right

    def _power(self) -> float:
        if self.bra is not None or self._operator is not None:
            raise InvalidValue("environments", "with a bra or an operator", "those of a ket alone; use element")
        power = self.overlap().real
        if not power > 0.0:
            raise OutOfRange("squared norm of the state", power, float(np.finfo(np.float64).tiny), math.inf)
        return power

    def _step(self, left: Array, site: int, matrix: NDArray[np.complex128] | None = None) -> Array:
        """The environment one site further right, with a matrix on that site after the operator."""
        bra = self._bras[site]
        if matrix is not None:
            xp = module_of(bra)
            # <bra|M = <M^H bra|, and the bra's core is kept conjugated: its bits meet M's rows.
            bra = xp.tensordot(xp.asarray(matrix.T.copy()), bra, axes=((1,), (1,))).transpose(1, 0, 2)
        return _pushed_right(left, bra, self._kets[site], None if self._operator is None else self._operator[site])

    def _left_of(self, site: int) -> Array:
        start = site
        while self._left[start] is None:
            start -= 1
        self._count(site - start)
        for place in range(start, site):
            self._left[place + 1] = self._step(self._left[place], place)
        return self._left[site]

    def _right_of(self, site: int) -> Array:
        start = site
        while self._right[start] is None:
            start += 1
        self._count(start - site)
        for place in range(start - 1, site - 1, -1):
            between = None if self._operator is None else self._operator[place]
            self._right[place] = _pushed_left(self._right[place + 1], self._bras[place], self._kets[place], between)
        return self._right[site]

    def _count(self, made: int) -> None:
        self._hits += not made
        self._misses += made


class Against:
    """One fixed state against many that share runs of the very same cores: forks, and states updated in places.

    A run of cores from either end is contracted with the state's own and kept when it comes a second time, compared by
    identity; so the third fork of a state costs only the cores that it does not share. Holds on to the cores it has
    seen, until ``clear``. Not thread-safe.
    """

    def __init__(self, state: QuantumState) -> None:
        self.state = state
        self._bras = [_double(core).conj() for core in state.cores]
        self.clear()

    def clear(self) -> None:
        """Forget every core seen and every environment kept, and start counting at 0."""
        self._seen: list[dict[int, Array]] = [{} for _ in self._bras]
        self._kept: dict[tuple[int, ...], Array] = {}
        self._hits = self._misses = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the environments kept."""
        return sum(int(kept.nbytes) for kept in self._kept.values())

    def stats(self) -> Mapping[str, int]:
        """``hits``: sites that a kept environment saved; ``misses``: sites contracted; ``bytes`` kept."""
        return {"hits": self._hits, "misses": self._misses, "bytes": self.nbytes}

    def overlaps(self, states: Iterable[QuantumState]) -> NDArray[np.complex128]:
        """(n,) ⟨state|other⟩ of each. Raises: InvalidValue for another grid or module, before anything is computed."""
        given = list(states)
        for other in given:
            _fitting(self.state, other)
        return np.array([self._overlap(other) for other in given], dtype=np.complex128)

    def overlap(self, other: QuantumState) -> complex:
        """⟨state|other⟩, in double precision. Raises: InvalidValue for another grid or module."""
        _fitting(self.state, other)
        return self._overlap(other)

    def _overlap(self, other: QuantumState) -> complex:
        cores = other.cores
        sites = len(cores)
        known = [id(core) in seen for core, seen in zip(cores, self._seen, strict=True)]
        head = next((i for i, found in enumerate(known) if not found), sites)
        tail = next((i for i in range(sites, head, -1) if not known[i - 1]), head)
        border = module_of(cores[0]).ones((1, 1), dtype=np.complex128)
        left, right = border, border
        key: tuple[int, ...] = (0,)
        for site in range(head):
            key, left = self._extended(key, site, cores[site], left, _pushed_right)
        for site in range(head, tail):
            left = _pushed_right(left, self._bras[site], _double(cores[site]), None)
        key = (1,)
        for site in range(sites - 1, tail - 1, -1):
            key, right = self._extended(key, site, cores[site], right, _pushed_left)
        self._misses += tail - head
        for core, seen in zip(cores, self._seen, strict=True):
            seen[id(core)] = core
        return _joined(left, right)

    def _extended(
        self, key: tuple[int, ...], site: int, core: Array, environment: Array, push: Any
    ) -> tuple[tuple[int, ...], Array]:
        longer = (*key, id(core))
        kept = self._kept.get(longer)
        self._hits += kept is not None
        if kept is None:
            self._misses += 1
            kept = self._kept[longer] = push(environment, self._bras[site], _double(core), None)
        return longer, kept


def _pushed_right(left: Array, bra: Array, ket: Array, between: Array | None) -> Array:
    """The left environment with one more site: bra (b, 2, b') conjugated, ket (k, 2, k'), operator (w, 2, 2, w')."""
    if between is None:
        half = (left @ ket.reshape(ket.shape[0], -1)).reshape(-1, ket.shape[2])
        return bra.reshape(-1, bra.shape[2]).T @ half
    xp = module_of(ket)
    half = xp.tensordot(left, ket, axes=((2,), (0,)))
    half = xp.tensordot(half, between, axes=((1, 2), (0, 2)))
    return xp.tensordot(bra, half, axes=((0, 1), (0, 2))).transpose(0, 2, 1)


def _pushed_left(right: Array, bra: Array, ket: Array, between: Array | None) -> Array:
    """The right environment with one more site; arrays as ``_pushed_right``."""
    if between is None:
        half = (ket.reshape(-1, ket.shape[2]) @ right.T).reshape(ket.shape[0], -1)
        return bra.reshape(bra.shape[0], -1) @ half.T
    xp = module_of(ket)
    half = xp.tensordot(ket, right, axes=((2,), (2,)))
    half = xp.tensordot(half, between, axes=((1, 3), (2, 3)))
    return xp.tensordot(bra, half, axes=((1, 2), (3, 1))).transpose(0, 2, 1)


def _joined(left: Array, right: Array) -> complex:
    return complex((left * right).sum())


def _double(core: Array) -> Array:
    return core.astype(np.complex128, copy=False)


def _products(matrix: NDArray[np.complex128]) -> list[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    """The fewest pairs of (2, 2) matrices whose products add up to the (4, 4) one (operator Schmidt decomposition)."""
    paired = matrix.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    basis, values, rest = np.linalg.svd(paired)
    rank = int(np.count_nonzero(values > 4 * np.finfo(np.float64).eps * values[0]))
    return [((basis[:, k] * values[k]).reshape(2, 2), rest[k].reshape(2, 2)) for k in range(rank)]


def _fitting(one: QuantumState, other: QuantumState) -> None:
    if one.grid != other.grid:
        raise InvalidValue("grid", str(other.grid), f"the grid of the other state, {one.grid}")
    here, there = module_of(one.cores[0]), module_of(other.cores[0])
    if here is not there:
        raise InvalidValue("array module", str(there.__name__), f"that of the other state, {here.__name__}")


def _checked_operator(operator: Sequence[Array], ket: QuantumState) -> list[Array]:
    if len(operator) != len(ket.cores):
        raise ShapeMismatch("operator", (len(ket.cores),), (len(operator),))
    here = module_of(ket.cores[0])
    left: int = 1
    for site, core in enumerate(operator):
        right: int | str = 1 if site == len(operator) - 1 else "r"
        fits = core.ndim == 4 and core.shape[:3] == (left, 2, 2) and core.size and right in ("r", core.shape[3])
        if not fits:
            raise ShapeMismatch(f"operator core {site}", (left, 2, 2, right), tuple(core.shape))
        if module_of(core) is not here:
            raise InvalidValue(f"operator core {site}", type(core).__name__, f"an array of {here.__name__}")
        if not bool(here.isfinite(core).all()):
            raise NotFinite(f"operator core {site}", float("nan"))
        left = int(core.shape[3])
    return [_double(core) for core in operator]


def _checked_matrix(matrix: object, sites: int) -> NDArray[np.complex128]:
    try:
        dense = np.array(matrix, dtype=np.complex128)
    except (TypeError, ValueError):
        raise InvalidValue("matrix", type(matrix).__name__, "numbers on the host") from None
    if dense.shape != (1 << sites, 1 << sites):
        raise ShapeMismatch("matrix", (1 << sites, 1 << sites), dense.shape)
    if not np.isfinite(dense).all():
        raise NotFinite("matrix", float("nan"))
    return dense


def _places(sites: int | Sequence[int], count: int) -> tuple[int, ...]:
    given = tuple(sites) if isinstance(sites, Sequence) else (sites,)
    if len(given) not in {1, 2} or len(set(given)) != len(given):
        raise InvalidValue("sites", repr(sites), "one site, or two different ones")
    return tuple(whole("site", site, 0, count - 1) for site in given)
