"""Environments of a train of cores: what lies left and right of a site, contracted once and kept for many questions.

Owns the kept contractions and counts their use. Never truncates, never changes a state, keeps nothing globally: who
makes an ``Environments`` decides when to drop it. One state against many is in ``against``.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import distinct, whole
from quantum_memory.errors import InvalidValue, NotFinite, ShapeMismatch
from quantum_memory.memory.quantum.backend import Array, host, module_of
from quantum_memory.memory.quantum.linalg import uncancelled, unwarned
from quantum_memory.memory.quantum.state import QuantumState, check_fitting

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
        check_fitting(ket, ket if bra is None else bra)
        self.ket = ket
        self.bra = bra
        self._operator = None if operator is None else _checked_operator(operator, ket)
        self._kets = [double(core) for core in ket.cores]
        self._bras = [double(core).conj() for core in (ket if bra is None else bra).cores]
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
        return joined(*self._halves())

    def _halves(self) -> tuple[Array, Array]:
        reached = max(i for i, kept in enumerate(self._left) if kept is not None)
        wanted = min(i for i, kept in enumerate(self._right) if kept is not None)
        cut = max(reached, wanted)
        return self._left_of(cut), self._right_of(cut)

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
            return joined(self._step(self._left_of(site), site, dense), self._right_of(site + 1))
        if places[0] > places[1]:
            dense = dense.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        first, last = min(places), max(places)
        left, right = self._left_of(first), self._right_of(last + 1)
        total = 0j
        for one, other in _products(dense):
            carried = self._step(left, first, one)
            for site in range(first + 1, last):
                carried = self._step(carried, site)
            total += joined(self._step(carried, last, other), right)
        return total

    def expectation(self, matrix: object, sites: int | Sequence[int]) -> complex:
        """⟨ket|matrix|ket⟩ / ⟨ket|ket⟩; arguments and errors as ``element``.

        Raises: InvalidValue too where there is a bra or an operator; OutOfRange for the zero vector.
        """
        return self.element(matrix, sites) / self._power()

    @unwarned
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
        return self.updated({whole("site", site, 0, len(self._kets) - 1): core})

    def updated(self, cores: Mapping[int, Array]) -> Environments:
        """The environments of the ket with other cores at some sites; all that these do not touch is shared.

        Raises: OutOfRange, InvalidValue for a site; what ``QuantumState`` raises for cores that do not fit.
        """
        if not isinstance(cores, Mapping):
            raise InvalidValue("cores", type(cores).__name__, "a mapping from sites to arrays")
        made = list(self.ket.cores)
        for site, core in cores.items():
            made[whole("site", site, 0, len(made) - 1)] = core
        return self.with_ket(QuantumState(self.ket.grid, tuple(made)))

    def with_ket(self, ket: QuantumState) -> Environments:
        """The environments of another ket with the same bra (the ket itself where none was given) and operator.

        What lies left of the first and right of the last core that is not the very same array is shared; counters
        start at 0. Raises: InvalidValue for another grid or module.
        """
        check_fitting(self.ket, ket)
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
        return uncancelled("squared norm of the state", *self._halves())

    def _step(self, left: Array, site: int, matrix: NDArray[np.complex128] | None = None) -> Array:
        """The environment one site further right, with a matrix on that site after the operator."""
        bra = self._bras[site]
        if matrix is not None:
            xp = module_of(bra)
            # <bra|M = <M^H bra|, and the bra's core is kept conjugated: its bits meet M's rows.
            bra = xp.tensordot(xp.asarray(matrix.T.copy()), bra, axes=((1,), (1,))).transpose(1, 0, 2)
        return pushed_right(left, bra, self._kets[site], None if self._operator is None else self._operator[site])

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
            self._right[place] = pushed_left(self._right[place + 1], self._bras[place], self._kets[place], between)
        return self._right[site]

    def _count(self, made: int) -> None:
        self._hits += not made
        self._misses += made


@unwarned
def pushed_right(left: Array, bra: Array, ket: Array, between: Array | None) -> Array:
    """The left environment with one more site: bra (b, 2, b') conjugated, ket (k, 2, k'), operator (w, 2, 2, w')."""
    if between is None:
        half = (left @ ket.reshape(ket.shape[0], -1)).reshape(-1, ket.shape[2])
        return bra.reshape(-1, bra.shape[2]).T @ half
    xp = module_of(ket)
    half = xp.tensordot(left, ket, axes=((2,), (0,)))
    half = xp.tensordot(half, between, axes=((1, 2), (0, 2)))
    return xp.tensordot(bra, half, axes=((0, 1), (0, 2))).transpose(0, 2, 1)


@unwarned
def pushed_left(right: Array, bra: Array, ket: Array, between: Array | None) -> Array:
    """The right environment with one more site; arrays as ``pushed_right``."""
    if between is None:
        half = (ket.reshape(-1, ket.shape[2]) @ right.T).reshape(ket.shape[0], -1)
        return bra.reshape(bra.shape[0], -1) @ half.T
    xp = module_of(ket)
    half = xp.tensordot(ket, right, axes=((2,), (2,)))
    half = xp.tensordot(half, between, axes=((1, 3), (2, 3)))
    return xp.tensordot(bra, half, axes=((1, 2), (3, 1))).transpose(0, 2, 1)


@unwarned
def joined(left: Array, right: Array) -> complex:
    """The number that the environments of one cut make together. Raises: NotFinite for one that overflows."""
    found = complex((left * right).sum())
    if not cmath.isfinite(found):
        raise NotFinite("matrix element", math.inf)
    return found


def double(core: Array) -> Array:
    """The core in double precision: itself if it is."""
    return core.astype(np.complex128, copy=False)


def _products(matrix: NDArray[np.complex128]) -> list[tuple[NDArray[np.complex128], NDArray[np.complex128]]]:
    """The fewest pairs of (2, 2) matrices whose products add up to the (4, 4) one (operator Schmidt decomposition)."""
    paired = matrix.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    basis, values, rest = np.linalg.svd(paired)
    rank = int(np.count_nonzero(values > 4 * np.finfo(np.float64).eps * values[0]))
    return [((basis[:, k] * values[k]).reshape(2, 2), rest[k].reshape(2, 2)) for k in range(rank)]


def _checked_operator(operator: Sequence[Array], ket: QuantumState) -> list[Array]:
    if isinstance(operator, str | bytes) or not isinstance(operator, Sequence):
        raise InvalidValue("operator", type(operator).__name__, "a sequence of arrays, one per site")
    if len(operator) != len(ket.cores):
        raise ShapeMismatch("operator", (len(ket.cores),), (len(operator),))
    here = module_of(ket.cores[0])
    left: int = 1
    for site, core in enumerate(operator):
        right: int | str = 1 if site == len(operator) - 1 else "r"
        if module_of(core) is not here:
            raise InvalidValue(f"operator core {site}", type(core).__name__, f"an array of {here.__name__}")
        fits = core.ndim == 4 and core.shape[:3] == (left, 2, 2) and core.size and right in ("r", core.shape[3])
        if not fits:
            raise ShapeMismatch(f"operator core {site}", (left, 2, 2, right), tuple(core.shape))
        if core.dtype.kind not in "biufc":
            raise InvalidValue(f"operator core {site}", str(core.dtype), "numbers")
        if not bool(here.isfinite(core).all()):
            raise NotFinite(f"operator core {site}", float("nan"))
        left = int(core.shape[3])
    return [double(core) for core in operator]


def _checked_matrix(matrix: object, sites: int) -> NDArray[np.complex128]:
    try:
        dense = np.array(matrix, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue("matrix", type(matrix).__name__, "numbers on the host") from None
    if dense.shape != (1 << sites, 1 << sites):
        raise ShapeMismatch("matrix", (1 << sites, 1 << sites), dense.shape)
    if not np.isfinite(dense).all():
        raise NotFinite("matrix", float("nan"))
    return dense


def _places(sites: object, count: int) -> tuple[int, ...]:
    given = distinct("sites", sites, count) if isinstance(sites, Sequence | np.ndarray) else (sites,)
    if len(given) > 2:
        raise InvalidValue("sites", repr(sites), "one site, or two different ones")
    return tuple(whole("site", site, 0, count - 1) for site in given)
