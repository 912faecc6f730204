"""How many bytes states may take: bonds chosen to fit, and an account of what a host holds. Never holds a state.

A budget is kept before it is overrun: bonds are lowered and the fidelity that cost is told, so that no state is lost to
a failed allocation.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from quantum_memory.checks import bounded, whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.quantum import linalg
from quantum_memory.memory.quantum.state import MAX_BOND, MIN_FIDELITY, QuantumState, checked_state
from quantum_memory.types import Floats

WARN_AT = 0.9
MOST_BYTES = 1 << 62
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A state that fits, and what fitting it cost.

    Attributes:
        state: of norm 1.
        fidelity: |<state|given>|^2 / <given|given>, exact, of everything that was cut away.
        bond, nbytes: of the state.
        lowered: whether the byte budget, and not the fidelity or ``max_bond``, set the bonds.
        warned: whether the state takes more than ``WARN_AT`` of its budget, or would have.
    """

    state: QuantumState
    fidelity: float
    bond: int
    nbytes: int
    lowered: bool
    warned: bool


def fit(
    state: QuantumState,
    *,
    max_bond: int = MAX_BOND,
    min_fidelity: float = MIN_FIDELITY,
    max_bytes: int | None = None,
) -> Fitted:
    """The state at the bonds that the fidelity asks for, or at the largest that a byte budget allows.

    Where the budget is too small, every cut keeps the Schmidt weights over one common threshold, the smallest with
    which the bytes fit; the given state is then cut once more, so that the fidelity stays exact. The budget wins
    over ``min_fidelity``, and what it cost is in ``Fitted``: nothing is logged here, for a host fits thousands of
    states. Whoever holds the budget says it, from ``Fitted.lowered`` and ``Fitted.warned`` or by ``ByteBudget``.

    Laws: the bytes never go over the budget, and 1 - fidelity is at most the sum over the cuts of the weights that
    their bonds leave out, which never rises with the budget (Verstraete and Cirac 2006). The fidelity itself may dip by
    the choice of a greedy sweep where two or three bonds are all that is left: a smaller profile may beat a larger one
    by a little, and only trying them all would find it.

    Memory: beside the given state at most two copies of it in double precision (the canonical form and what comes out),
    and a few matrices of 2 bond by bond numbers for the site in work. Nothing grows with the grid.

    Args:
        state: any norm but 0.
        max_bond: as for ``QuantumState.compress``.
        min_fidelity: as for ``QuantumState.compress``.
        max_bytes: budget of this state's cores; ``None`` for none.

    Raises: InvalidValue, NotFinite, OutOfRange; OutOfRange for a budget below that of a product state, which it names,
        before anything is computed.
    """
    checked_state(state)
    if max_bytes is not None:
        least = state.grid.sites * 2 * state.dtype.itemsize
        whole("max_bytes", max_bytes, least, MOST_BYTES)
    small, fidelity = state.compress(max_bond, min_fidelity)
    if max_bytes is None:
        return Fitted(small, fidelity, small.bond, small.nbytes, lowered=False, warned=False)
    lowered = small.nbytes > max_bytes
    if lowered:
        limits = caps(linalg.spectra(small.cores), state.dtype.itemsize, max_bytes)
        small, fidelity = state.compress(limits, 1.0)
    warned = lowered or small.nbytes > WARN_AT * max_bytes
    return Fitted(small, fidelity, small.bond, small.nbytes, lowered, warned)


def caps(spectra: Sequence[Floats], itemsize: int, max_bytes: int) -> list[int]:
    """The bond of each cut: how many Schmidt weights lie over the smallest common threshold whose bytes fit.

    A cut keeps one weight at least. Found by bisection over the weights there are, so the result is exact.

    Args:
        spectra: falling Schmidt coefficients of each cut, as ``linalg.spectra`` gives them.
        itemsize: bytes of a number.
        max_bytes: of all cores together; at least those of a product state.
    """
    weights = [(values / np.linalg.norm(values)) ** 2 for values in spectra]
    thresholds = np.unique(np.concatenate([np.zeros(1), *weights]))

    def bonds(threshold: float) -> list[int]:
        return [max(1, int(np.count_nonzero(of_cut > threshold))) for of_cut in weights]

    low, high = 0, len(thresholds) - 1
    while low < high:
        middle = (low + high) // 2
        if bytes_of(bonds(float(thresholds[middle])), itemsize) <= max_bytes:
            high = middle
        else:
            low = middle + 1
    return bonds(float(thresholds[low]))


def bytes_of(bonds: Sequence[int], itemsize: int) -> int:
    """Bytes of the cores of a train with those inner bonds."""
    return sum(2 * left * right for left, right in pairwise([1, *bonds, 1])) * itemsize


class ByteBudget:
    """An account of the bytes that a host holds: nothing goes over the limit, and coming near it is told once.

    Told means one warning in the log, and a call of ``on_warning``, each time that a charge crosses ``warn_at`` from
    below, and not again until enough was released.

    Args:
        limit: bytes there may be.
        warn_at: share of the limit, in (0, 1], above which ``on_warning`` is called.
        on_warning: called with (held, limit), after the charge was taken.

    One owner calls it; it is not thread-safe. Laws: 0 <= held <= limit; held + room == limit.
    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    def __init__(
        self, limit: int, warn_at: float = WARN_AT, on_warning: Callable[[int, int], None] | None = None
    ) -> None:
        self._limit = whole("limit", limit, 1, MOST_BYTES)
        self._warn_at = bounded("warn_at", warn_at, np.finfo(np.float64).tiny, 1.0)
        if on_warning is not None and not callable(on_warning):
            raise InvalidValue("on_warning", type(on_warning).__name__, "something to call, or None")
        self._on_warning = on_warning
        self._held = 0

    @property
    def limit(self) -> int:
        """Bytes there may be."""
        return self._limit

    @property
    def held(self) -> int:
        """Bytes charged and not released."""
        return self._held

    @property
    def room(self) -> int:
        """Bytes that can still be charged; what ``fit`` takes as its ``max_bytes``."""
        return self._limit - self._held

    @property
    def near(self) -> bool:
        """Whether more than ``warn_at`` of the limit is held."""
        return self._held > self._warn_at * self._limit

    def charge(self, nbytes: int) -> None:
        """Take that many bytes. Raises: InvalidValue; OutOfRange for more than there is room for, changing nothing."""
        nbytes = whole("nbytes", nbytes, 0, self.room)
        was_near = self.near
        self._held += nbytes
        if self.near and not was_near:
            log.warning("states hold %d of %d bytes", self._held, self._limit)
            if self._on_warning is not None:
                self._on_warning(self._held, self._limit)

    def release(self, nbytes: int) -> None:
        """Give that many bytes back. Raises: InvalidValue; OutOfRange for more than are held, changing nothing."""
        self._held -= whole("nbytes", nbytes, 0, self._held)
