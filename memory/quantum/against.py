"""One fixed state against many that share cores: overlaps from environments that are kept between them.

Owns the kept environments and counts their use. Never changes a state; forgets only when told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.quantum.backend import Array, module_of
from quantum_memory.memory.quantum.cores import listed
from quantum_memory.memory.quantum.environments import double, joined, pushed_left, pushed_right
from quantum_memory.memory.quantum.state import QuantumState, check_fitting, checked_state

Push = Callable[[Array, Array, Array, None], Array]


class Against:
    """One fixed state against many that share runs of the very same cores: forks, and states updated in places.

    A run of cores from either end is contracted with the state's own and kept when it comes a second time, compared by
    identity; so the third fork of a state costs only the cores that it does not share. Holds on to the cores it has
    seen, until ``clear``. Not thread-safe.
    """

    def __init__(self, state: QuantumState) -> None:
        self.state = checked_state(state)
        self._bras = [double(core).conj() for core in state.cores]
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
        given = listed("states", states)
        for other in given:
            check_fitting(self.state, other)
        return np.array([self._overlap(other) for other in given], dtype=np.complex128)

    def overlap(self, other: QuantumState) -> complex:
        """⟨state|other⟩, in double precision. Raises: InvalidValue for another grid or module."""
        check_fitting(self.state, other)
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
            key, left = self._extended(key, site, cores[site], left, pushed_right)
        for site in range(head, tail):
            left = pushed_right(left, self._bras[site], double(cores[site]), None)
        key = (1,)
        for site in range(sites - 1, tail - 1, -1):
            key, right = self._extended(key, site, cores[site], right, pushed_left)
        self._misses += tail - head
        for core, seen in zip(cores, self._seen, strict=True):
            seen[id(core)] = core
        return joined(left, right)

    def _extended(
        self, key: tuple[int, ...], site: int, core: Array, environment: Array, push: Push
    ) -> tuple[tuple[int, ...], Array]:
        longer = (*key, id(core))
        kept = self._kept.get(longer)
        self._hits += kept is not None
        if kept is None:
            self._misses += 1
            kept = self._kept[longer] = push(environment, self._bras[site], double(core), None)
        return longer, kept
