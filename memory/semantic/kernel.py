"""One U of the walk on some rows, compiled by numba: product, recursion and reading in one pass over memory.

The slow twin of ``szegedy.Walk`` without numba. Real walks alone. Holds no interpreter lock, so threads can share work.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from quantum_memory.errors import MissingDependency

INSTALL = "pip install 'quantum-memory[fast]'"


def available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


@functools.cache
def compiled() -> Callable[..., None]:
    """The function ``rows`` below as machine code, made once per process in about a second.

    Raises: MissingDependency.
    """
    if not available():
        raise MissingDependency("numba", "a compiled walk", INSTALL)
    numba: Any = importlib.import_module("numba")
    made: Callable[..., None] = numba.njit(nogil=True)(_rows(numba.uint64))
    return made


def _rows(index: Any) -> Callable[..., None]:
    """The function to compile. ``index`` makes an unsigned number: one that cannot be negative needs no check."""

    def rows(
        first: Any,
        pointers: Any,
        places: Any,
        values: Any,
        lefts: Any,
        shares: Any,
        b: Any,
        before: Any,
        reads: Any,
        led: Any,
        kept: Any,
    ) -> None:
        """b_{k+1} = 2 D b_k - b_{k-1}, written over b_{k-1} in rows from ``first``.

        The rows of 2W are ``pointers``, ``places`` and ``values``, as in a CSR matrix of unsigned indices; the rest of
        2D b is Σ share · left, (r,) and (r, N). ``led`` and ``kept``, (N,), are those of ``Moments``, if it ``reads``.
        """
        for row in range(index(pointers.size - 1)):
            at, stop = index(pointers[row]), index(pointers[row + index(1)])
            # Four sums, because each would wait for its last addition.
            z0, z1, z2, z3 = 0.0, 0.0, 0.0, 0.0
            while at + index(3) < stop:
                z0 += values[at] * b[places[at]]
                z1 += values[at + index(1)] * b[places[at + index(1)]]
                z2 += values[at + index(2)] * b[places[at + index(2)]]
                z3 += values[at + index(3)] * b[places[at + index(3)]]
                at += index(4)
            while at < stop:
                z0 += values[at] * b[places[at]]
                at += index(1)
            z = (z0 + z1) + (z2 + z3)
            i = index(first) + row
            for part in range(shares.size):
                z += shares[part] * lefts[part, i]
            last = before[i]
            new = z - last
            if reads:
                led[i] += b[i] * b[i]
                kept[i] -= last * new
            before[i] = new

    return rows
