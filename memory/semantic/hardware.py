"""What a walk is computed on: so many threads of the host, or a GPU; and sparse matrices cut into rows for them.

Knows arrays alone, no graphs. Nothing here outlives the ``with`` that opened it.

scipy multiplies without holding the interpreter's lock, so plain threads keep all cores busy, each on rows of its own.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from quantum_memory.checks import whole
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic.kernel import compiled

Array = Any
"""An array of numpy or of CuPy."""
BACKENDS = ("auto", "numpy", "numba", "cupy")
BLOCK_ENTRIES = 1 << 20
"""Stored entries of one block of rows; the vectors of a block then stay in a core's second cache."""
WORTH_CUTTING = 1 << 22
"""Stored entries below which handing blocks to threads saves little, and costs twice the time if a core is taken."""
BLOCKS_A_THREAD = 4


class Hardware:
    """So many threads on the host, or a GPU; use it in ``with``, which ends the threads.

    Args:
        threads: that work on one product; ``None`` means as many as the process has cores.
        backend: "numpy", and scipy multiplies; "numba", and U is compiled in about a second, which pays where a graph
            of a few thousand nodes goes many steps; "cupy"; or "auto", which is "cupy" where it finds a GPU, else
            "numpy".

    Attributes:
        xp: the array module, numpy or CuPy.
        kernel: a compiled U, see ``kernel``; None where there is none.

    Raises: InvalidValue, OutOfRange; MissingDependency or NoDevice for what is asked for and not there.
    """

    def __init__(self, threads: int | None = 1, backend: str = "numpy") -> None:
        self.threads = cores() if threads is None else whole("threads", threads, 1, 1024)
        if backend not in BACKENDS:
            raise InvalidValue("backend", repr(backend), f"one of {', '.join(BACKENDS)}")
        self.xp: Any = np
        self.kernel: Callable[..., None] | None = None
        self._sparse: Any = None
        self._pool: ThreadPoolExecutor | None = None
        if backend in {"cupy", "auto"}:
            # The engine's door to CuPy; not at the top, because this module has to load with numpy and scipy alone.
            from quantum_memory.memory.quantum.backend import choose

            self.xp = choose(backend)
        if self.xp is not np:
            self._sparse = importlib.import_module("cupyx.scipy.sparse")
        elif backend == "numba":
            self.kernel = compiled()

    @property
    def on_gpu(self) -> bool:
        """Whether the arrays are CuPy's."""
        return self._sparse is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def each(self, job: Callable[[Any], None], items: Sequence[Any]) -> None:
        """Do the job for every item, in no particular order. Raises what a job raises."""
        if self.threads == 1 or self.on_gpu or len(items) == 1:
            for item in items:
                job(item)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads, "walk")
        for _ in self._pool.map(job, items):
            pass

    def cut(self, pointers: NDArray[np.integer[Any]]) -> list[slice]:
        """Rows as slices of about equal work, from pointers (N + 1,) like those of a CSR matrix."""
        n, entries = len(pointers) - 1, int(pointers[-1])
        if entries < WORTH_CUTTING or n == 0 or self.on_gpu:
            return [slice(0, n)]
        count = math.ceil(entries / BLOCK_ENTRIES)
        if self.threads > 1:
            count = max(count, BLOCKS_A_THREAD * self.threads)
        inner = np.searchsorted(pointers, np.linspace(0, entries, count + 1)[1:-1])
        ends = np.unique(np.concatenate(([0], inner, [n])))
        return [slice(int(first), int(last)) for first, last in pairwise(ends)]

    def vector(self, values: NDArray[Any]) -> Array:
        """The array where the work is done."""
        return values if not self.on_gpu else self.xp.asarray(values)

    def matrix(self, edges: Any) -> Any:
        """The CSR matrix where the work is done."""
        return edges if not self.on_gpu else self._sparse.csr_matrix(edges)

    def host(self, values: Array) -> NDArray[Any]:
        """The array in host memory."""
        held: NDArray[Any] = values if not self.on_gpu else self.xp.asnumpy(values)
        return held


class Block(NamedTuple):
    """Rows ``at`` of a matrix of N columns, as CSR."""

    at: slice
    edges: Any


class RowBlocks:
    """A sparse (N, N) matrix as blocks of rows, each multiplied by one thread. ``matrix @ x`` is (N,)."""

    def __init__(self, blocks: Iterable[Block], hardware: Hardware) -> None:
        self.blocks, self._hardware = tuple(blocks), hardware

    @classmethod
    def of(cls, matrix: Any, hardware: Hardware) -> RowBlocks:
        """The CSR matrix (N, N) cut up; on the host its arrays are shared, not copied."""
        cuts = hardware.cut(matrix.indptr)
        return cls((Block(at, hardware.matrix(rows(matrix, at))) for at in cuts), hardware)

    def __matmul__(self, x: Array) -> Array:
        if len(self.blocks) == 1:
            return self.blocks[0].edges @ x
        result = self._hardware.xp.empty(len(x), dtype=np.float64)

        def multiply(block: Block) -> None:
            result[block.at] = block.edges @ x

        self._hardware.each(multiply, self.blocks)
        return result


def rows(matrix: Any, at: slice) -> Any:
    """These rows of a CSR matrix, sharing its arrays."""
    if at == slice(0, matrix.shape[0]):
        return matrix
    first, last = matrix.indptr[at.start], matrix.indptr[at.stop]
    pointers = matrix.indptr[at.start : at.stop + 1] - first
    parts = (matrix.data[first:last], matrix.indices[first:last], pointers)
    return sp.csr_array(parts, shape=(at.stop - at.start, matrix.shape[1]))


def cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
