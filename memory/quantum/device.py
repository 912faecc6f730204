"""An opened backend: the device, its memory limit, its stream and its library handle. Computes nothing itself.

One actor opens one backend and closes it; what was opened is given back on close, on an error while opening, when the
backend is forgotten, and when the interpreter ends.
"""

from __future__ import annotations

import importlib
import threading
import traceback
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self

from quantum_memory.checks import whole
from quantum_memory.errors import BackendClosed, DeviceMemoryExceeded, MissingDependency, OutOfRange
from quantum_memory.memory.quantum import backend as places
from quantum_memory.memory.quantum.engines import NUMPY, CupyEngine, CuQuantumEngine, Engine, Handle, using

OUT_OF_MEMORY = frozenset({"OutOfMemoryError", "MemoryLimitExceeded"})
"""What CuPy's pool and cuQuantum raise; by name, so that neither has to be imported to ask."""


class Backend:
    """An opened backend; made by ``open_backend``.

    Attributes:
        name: "numpy", "cupy" or "cuquantum".
        xp: its array module.
        device: the number of its GPU; None on the host.
        memory_limit_bytes: of its device memory; None where there is no limit.

    ``with backend:`` uses it and closes it at the end. An actor keeps it open, and uses it around each call, in
    whichever thread: ``with backend.use():``. Closing twice is harmless.
    """

    def __init__(self, name: places.BackendName, xp: Any, device: int | None, memory_limit_bytes: int | None) -> None:
        self.name, self.xp, self.device, self.memory_limit_bytes = name, xp, device, memory_limit_bytes
        self._engine: Engine = NUMPY
        self._handle: Handle | None = None
        self._stream: Any = None
        self._uses = ExitStack()
        self._closed = False
        owned = ExitStack()
        self._end = weakref.finalize(self, owned.close)
        try:
            if device is not None:
                self._open(owned)
        except BaseException:
            self.close()
            raise

    def _open(self, owned: ExitStack) -> None:
        with self._selected():
            if self.memory_limit_bytes is not None:
                _limit_pool(self.xp, int(self.device or 0), self.memory_limit_bytes, owned)
            self._engine = CupyEngine(self.xp)
            if self.name == "cuquantum":
                bindings = _cutensornet()
                self._handle = Handle(bindings, self._selected())
                self._engine = CuQuantumEngine(self.xp, self._handle, self.memory_limit_bytes)

    @property
    def engine(self) -> Engine:
        """Who does the algebra. Raises: BackendClosed."""
        self._check_open()
        return self._engine

    @property
    def closed(self) -> bool:
        """Whether the backend was closed."""
        return self._closed

    @contextmanager
    def use(self) -> Iterator[Self]:
        """Select the device, the stream and the engine in this thread or task, as long as the body runs.

        Raises: BackendClosed; DeviceMemoryExceeded where the body runs out of device memory.
        """
        self._check_open()
        try:
            with self._selected(), self._streaming(), using(self._engine):
                yield self
        except Exception as error:
            if type(error).__name__ not in OUT_OF_MEMORY:
                raise
            # The frames of the failed call hold its arrays: let go of them, so that a retry has their memory.
            traceback.clear_frames(error.__traceback__)
            raise DeviceMemoryExceeded(self.name, self.memory_limit_bytes or 0, str(error)) from error

    def range(self, label: str) -> AbstractContextManager[None]:
        """A named range in NVIDIA's profilers around the body; nothing on the host. Raises: BackendClosed."""
        self._check_open()
        return nullcontext() if self.device is None else _range(self.xp.cuda.nvtx, label)

    def synchronise(self) -> None:
        """Wait until the device has done all that was asked of it. Raises: BackendClosed."""
        self._check_open()
        if self.device is not None:
            with self._selected():
                self.xp.cuda.Device(self.device).synchronize()

    def close(self) -> None:
        """Give back what was opened, the last first; waits for a call that runs with the handle."""
        self._closed = True
        try:
            if self._handle is not None:
                self._handle.close()
        finally:
            self._stream = None
            self._end()

    def __enter__(self) -> Self:
        with ExitStack() as uses:
            uses.enter_context(self.use())
            self._uses.push(uses.pop_all())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._uses.__exit__(kind, error, trace)
        finally:
            self.close()

    def stream(self) -> Self:
        """The same backend with a non-blocking stream of its own, so that it overlaps with others on the device."""
        self._check_open()
        if self.device is not None and self._stream is None:
            with self._selected():
                self._stream = self.xp.cuda.Stream(non_blocking=True)
        return self

    def _check_open(self) -> None:
        if self._closed:
            raise BackendClosed(self.name)

    def _selected(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.device is None else self.xp.cuda.Device(self.device)

    @contextmanager
    def _streaming(self) -> Iterator[None]:
        if self._stream is None:
            yield
            return
        outer, own = self.xp.cuda.get_current_stream(), self._stream
        # A non-blocking stream waits for nobody by itself: order it after what was queued, and what follows after it.
        own.wait_event(outer.record())
        try:
            with own:
                yield
        finally:
            outer.wait_event(own.record())


def open_backend(
    name: str = "auto", *, memory_limit_bytes: int | None = None, device: int = 0, stream: bool = False
) -> Backend:
    """Open a backend; close it, or use it in ``with``.

    Args:
        name: "auto", "numpy", "cupy" or "cuquantum". "auto" is "cupy" where it finds a GPU, else "numpy".
        memory_limit_bytes: of CuPy's pool on the device, and of one call's work space in cuQuantum. The pool is the
            process's: of several limits on one device the last opened holds. On the host it is only checked.
        device: number of the GPU.
        stream: whether to work on a non-blocking stream of its own.

    Raises: InvalidValue for another name, or a limit or device that is no whole number; OutOfRange for a limit below
        1 or below what is in use, or a device that is not there; MissingDependency; NoDevice. Nothing is left open.
    """
    if memory_limit_bytes is not None:
        whole("memory_limit_bytes", memory_limit_bytes, 1, 1 << 62)
    whole("device", device, 0, 1 << 16)
    chosen, xp = places.resolve(name)
    if chosen == "numpy":
        return Backend(chosen, xp, None, memory_limit_bytes)
    whole("device", device, 0, int(xp.cuda.runtime.getDeviceCount()) - 1)
    opened = Backend(chosen, xp, int(device), memory_limit_bytes)
    try:
        return opened.stream() if stream else opened
    except BaseException:
        opened.close()
        raise


class _PoolLimits:
    """The limits asked of CuPy's pool, one pool per process: the last that is still open holds on its device."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._asked: dict[int, list[tuple[object, int]]] = {}

    def add(self, xp: Any, device: int, limit: int) -> object:
        key = object()
        with self._lock:
            pool = xp.get_default_memory_pool()
            used = int(pool.used_bytes())
            if limit < used:
                raise OutOfRange("memory_limit_bytes", limit, used, float(1 << 62))
            asked = self._asked.setdefault(device, [(None, int(pool.get_limit()))])
            pool.set_limit(size=limit)
            asked.append((key, limit))
        return key

    def remove(self, xp: Any, device: int, key: object) -> None:
        with self._lock, xp.cuda.Device(device):
            asked = [entry for entry in self._asked[device] if entry[0] is not key]
            xp.get_default_memory_pool().set_limit(size=asked[-1][1])
            if len(asked) == 1:
                del self._asked[device]
            else:
                self._asked[device] = asked


_LIMITS = _PoolLimits()


def _limit_pool(xp: Any, device: int, limit: int, owned: ExitStack) -> None:
    owned.callback(_LIMITS.remove, xp, device, _LIMITS.add(xp, device, limit))


def _cutensornet() -> Any:
    try:
        importlib.import_module("cuquantum.tensornet.tensor")
        return importlib.import_module("cuquantum.bindings.cutensornet")
    except ImportError as error:
        raise MissingDependency("cuquantum-python>=26.6", "contraction by cuQuantum", places.INSTALL_GPU) from error


@contextmanager
def _range(nvtx: Any, label: str) -> Iterator[None]:
    nvtx.RangePush(label)
    try:
        yield
    finally:
        nvtx.RangePop()
