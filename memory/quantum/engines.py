"""Who does the heavy algebra on arrays: numpy with scipy, CuPy, or cuQuantum. Opens no device and owns no handle.

``engine_of(array)`` is the seam: the host's engine for numpy arrays, and for CuPy arrays the one in use here.
"""

from __future__ import annotations

import functools
import importlib
import math
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import scipy.fft
import scipy.linalg

from quantum_memory.errors import BackendClosed, InvalidValue, NotFinite
from quantum_memory.memory.quantum.backend import Array, host, module_of

OPTIMAL_OPERANDS = 6
"""Up to here the cheapest order of a contraction is searched for exhaustively, above greedily."""
PATHS_KEPT = 256


class Engine(Protocol):
    """The algebra that a backend may do in its own way.

    Laws: ``svd`` and ``qr`` are thin, their factors multiply to the matrix, and singular values fall; ``contract`` is
    what ``numpy.einsum`` gives; ``ifft`` undoes ``fft``. Results lie where the operands lie, at their precision.
    """

    @property
    def name(self) -> str:
        """The backend's name."""

    @property
    def xp(self) -> Any:
        """The array module of the operands."""

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """(m, k), (k,), (k, n) of an (m, n) matrix, k = min(m, n). Raises: NotFinite for NaN or infinity."""

    def qr(self, matrix: Array) -> tuple[Array, Array]:
        """(m, k) orthonormal columns and the (k, n) triangle of an (m, n) matrix, k = min(m, n)."""

    def contract(self, expression: str, *operands: Array) -> Array:
        """The sum that the expression of ``numpy.einsum`` names, pair by pair in a cheap order found once.

        Raises: InvalidValue for an expression that does not fit the shapes of the operands.
        """

    def fft(self, array: Array, axis: int = -1) -> Array:
        """Σ_x array[x] exp(-2πi kx/n) along the axis; not scaled."""

    def ifft(self, array: Array, axis: int = -1) -> Array:
        """The inverse of ``fft``, scaled by 1/n."""


class NumpyEngine:
    """numpy on the host, scipy where it keeps single precision or survives what numpy does not."""

    name = "numpy"
    xp = np

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """LAPACK's gesdd, and gesvd where that fails. Raises: NotFinite for a matrix with NaN or infinity."""
        # LAPACK may never return from a matrix that holds infinity. One product finds it, or an overflow to look into.
        if not math.isfinite(np.vdot(matrix, matrix).real):
            _check_finite(matrix)
        try:
            return np.linalg.svd(matrix, full_matrices=False)
        except np.linalg.LinAlgError:
            return _svd_by_gesvd(matrix)

    def qr(self, matrix: Array) -> tuple[Array, Array]:
        """Householder QR, by LAPACK."""
        return np.linalg.qr(matrix)

    def contract(self, expression: str, *operands: Array) -> Array:
        """``numpy.einsum`` along a path that is searched once for an expression and its shapes."""
        return np.einsum(expression, *operands, optimize=_path(expression, tuple(o.shape for o in operands)))

    def fft(self, array: Array, axis: int = -1) -> Array:
        """Cooley-Tukey (1965), by pocketfft."""
        return scipy.fft.fft(array, axis=axis)

    def ifft(self, array: Array, axis: int = -1) -> Array:
        """The inverse, by pocketfft."""
        return scipy.fft.ifft(array, axis=axis)


class CupyEngine:
    """CuPy on the device that is current: cuSOLVER, cuBLAS and cuFFT behind the calls of numpy."""

    name = "cupy"

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """The SVD of cuSOLVER, and LAPACK's gesvd on the host where it fails. Raises: NotFinite for NaN or infinity."""
        _check_finite(matrix)
        return self._sound(matrix, *self.xp.linalg.svd(matrix, full_matrices=False))

    def qr(self, matrix: Array) -> tuple[Array, Array]:
        """Householder QR, by cuSOLVER."""
        return self.xp.linalg.qr(matrix)  # type: ignore[no-any-return]

    def contract(self, expression: str, *operands: Array) -> Array:
        """CuPy's einsum, each pair one GEMM, along the same path as on the host."""
        return self.xp.einsum(expression, *operands, optimize=_path(expression, tuple(o.shape for o in operands)))

    def fft(self, array: Array, axis: int = -1) -> Array:
        """By cuFFT."""
        return self.xp.fft.fft(array, axis=axis)

    def ifft(self, array: Array, axis: int = -1) -> Array:
        """The inverse, by cuFFT."""
        return self.xp.fft.ifft(array, axis=axis)

    def _sound(self, matrix: Array, left: Array, values: Array, right: Array) -> tuple[Array, Array, Array]:
        # cuSOLVER reports no failure through CuPy: it shows in the values alone.
        if np.isfinite(host(values)).all():
            return left, values, right
        repaired = _svd_by_gesvd(host(matrix))
        return self.xp.asarray(repaired[0]), self.xp.asarray(repaired[1]), self.xp.asarray(repaired[2])


class Handle:
    """One handle of cuTensorNet, made on the device that is current; destroyed once, at the latest with this object.

    ``bindings`` has ``create() -> int`` and ``destroy(int)``. The library is not reentrant, so ``lent`` waits until
    nobody else has the handle, and ``close`` waits until a call that runs with it has ended.
    """

    def __init__(self, bindings: Any, device: Any) -> None:
        self._lock = threading.RLock()
        self._number = bindings.create()
        self._end = weakref.finalize(self, _destroy, bindings, device, self._number)

    @contextmanager
    def lent(self) -> Iterator[int]:
        """The handle for the body alone. Raises: BackendClosed."""
        with self._lock:
            if not self._end.alive:
                raise BackendClosed("cuquantum")
            yield self._number

    def close(self) -> None:
        """Destroy the handle; harmless if that was done."""
        with self._lock:
            self._end()


class CuQuantumEngine(CupyEngine):
    """cuTensorNet on CuPy's arrays and out of CuPy's memory pool: contraction, SVD and QR. The FFT is CuPy's.

    Source: Bayraktar et al., "cuQuantum SDK" (2023). ``memory_limit_bytes`` bounds the work space of one call; without
    it that is 80 % of the device. Raises: BackendClosed from every call once the handle is closed.
    """

    name = "cuquantum"

    def __init__(self, xp: Any, handle: Handle, memory_limit_bytes: int | None = None) -> None:
        super().__init__(xp)
        self._handle = handle
        self._limit: int | str = "80%" if memory_limit_bytes is None else memory_limit_bytes
        self._tensornet = importlib.import_module("cuquantum.tensornet")
        self._tensor = importlib.import_module("cuquantum.tensornet.tensor")
        self._paths: dict[tuple[str, tuple[tuple[int, ...], ...]], Any] = {}

    def svd(self, matrix: Array) -> tuple[Array, Array, Array]:
        """The exact SVD of cuTensorNet, and gesvd on the host where it fails. Raises: NotFinite, InvalidValue."""
        with self._options(matrix) as options:
            _check_finite(matrix)
            found = self._tensor.decompose("ij->ik,kj", matrix, method=self._tensor.SVDMethod(), options=options)
        return self._sound(matrix, *found)

    def qr(self, matrix: Array) -> tuple[Array, Array]:
        """The QR of cuTensorNet. Raises: InvalidValue for an array of the host."""
        with self._options(matrix) as options:
            basis, triangle = self._tensor.decompose(
                "ij->ik,kj", matrix, method=self._tensor.QRMethod(), options=options
            )
        return basis, triangle

    def contract(self, expression: str, *operands: Array) -> Array:
        """The contraction of cuTensorNet; the path it found is kept for the next operands of the same shapes.

        Raises: InvalidValue for an array of the host, or an expression that does not fit the shapes.
        """
        shapes = tuple(tuple(o.shape) for o in operands)
        key = (expression, shapes)
        with self._options(*operands) as options:
            known = self._paths.get(key)
            if known is not None:
                return self._tensornet.contract(expression, *operands, options=options, optimize={"path": known})
            _path(expression, shapes)  # for its check alone: both names of a fault are then the same
            result, info = self._tensornet.contract(expression, *operands, options=options, return_info=True)
            if len(self._paths) >= PATHS_KEPT:
                self._paths.pop(next(iter(self._paths)))
            self._paths[key] = info.path
            return result

    @contextmanager
    def _options(self, *operands: Array) -> Iterator[dict[str, Any]]:
        for operand in operands:
            # A host operand would be copied to the device outside of CuPy's pool.
            if module_of(operand) is not self.xp:
                raise InvalidValue("operand", type(operand).__name__, "an array of CuPy")
        with self._handle.lent() as number:
            device = int(self.xp.cuda.Device().id)
            yield {"handle": number, "device_id": device, "memory_limit": self._limit, "blocking": "auto"}


NUMPY = NumpyEngine()
_IN_USE: ContextVar[Engine | None] = ContextVar("engine", default=None)


def engine_of(array: Array) -> Engine:
    """The engine for the array: numpy's, or for CuPy the one in use in this thread or task, else a plain CuPy one.

    Raises: InvalidValue if the array is neither numpy's nor CuPy's.
    """
    if isinstance(array, np.ndarray):
        return NUMPY
    xp = module_of(array)
    used = _IN_USE.get()
    return used if used is not None and used.xp is xp else CupyEngine(xp)


@contextmanager
def using(engine: Engine) -> Iterator[Engine]:
    """Let ``engine_of`` answer with this engine, in this thread or task, as long as the body runs."""
    token = _IN_USE.set(engine)
    try:
        yield engine
    finally:
        _IN_USE.reset(token)


@functools.lru_cache(PATHS_KEPT)
def _path(expression: str, shapes: tuple[tuple[int, ...], ...]) -> Any:
    operands = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    search = "optimal" if len(shapes) <= OPTIMAL_OPERANDS else "greedy"
    try:
        return np.einsum_path(expression, *operands, optimize=search)[0]
    except (ValueError, IndexError):
        raise InvalidValue("expression", repr(expression), f"one for operands of shapes {shapes}") from None


def _check_finite(matrix: Array) -> None:
    if not bool(module_of(matrix).isfinite(matrix).all()):
        raise NotFinite("matrix", float("nan"))


def _svd_by_gesvd(matrix: Array) -> tuple[Array, Array, Array]:
    # gesdd fails on rare finite matrices that the slower gesvd handles.
    return scipy.linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")  # type: ignore[no-any-return]


def _destroy(bindings: Any, device: Any, number: int) -> None:
    with device:
        bindings.destroy(number)
