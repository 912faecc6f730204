"""What the tests of the quantum engine compute on: numpy, a double of CuPy, a counting fake of cuQuantum, real GPUs.

``xp`` is numpy, and the real backend that QM_TEST_BACKEND names; ``every_xp`` is the double too. A backend that was
asked for and cannot be opened is an error, not a skip. Also a pytest plugin, for machines without the other fixtures:
``QM_TEST_BACKEND=cupy python -m pytest --noconftest -p tests.unit.quantum_backends tests/unit/test_quantum_*.py``.
"""

from __future__ import annotations

import gc
import importlib.machinery
import itertools
import operator
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
import pytest

from quantum_memory.memory.quantum.device import open_backend

ASKED = os.environ.get("QM_TEST_BACKEND", "")
NO_GPU = "needs a GPU: set QM_TEST_BACKEND to cupy or cuquantum on a machine that has one"


class DeviceArray:
    """An array as CuPy has them: the calls of numpy, no silent way to the host, and no mixing with its arrays.

    It computes on the processor, so it can show which calls the engine makes and where its results lie, not their
    speed. CuPy makes one-element results arrays too, and so does this.
    """

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: Any) -> None:
        self.data = np.asarray(data)

    def __array__(self, *_: object, **__: object) -> None:
        raise TypeError("a device array does not turn into a host array by itself: use asnumpy")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.data, name)
        if callable(found):
            return lifted(found)
        return wrapped(found) if isinstance(found, np.ndarray) else found

    def __getitem__(self, key: Any) -> DeviceArray:
        return DeviceArray(self.data[position(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[position(key)] = bare(value)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[DeviceArray]:
        return (DeviceArray(item) for item in self.data)

    def __float__(self) -> float:
        return float(self.data.item())

    def __int__(self) -> int:
        return int(self.data.item())

    def __index__(self) -> int:
        return operator.index(self.data.item())

    def __complex__(self) -> complex:
        return complex(self.data.item())

    def __bool__(self) -> bool:
        return bool(self.data)


def position(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(position(item) for item in key)
    return key.data if isinstance(key, DeviceArray) else key


def bare(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, list | tuple):
        return type(value)(bare(item) for item in value)
    return value.data if isinstance(value, DeviceArray) else value


def wrapped(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(wrapped(item) for item in value)
    return DeviceArray(value) if isinstance(value, np.ndarray | np.generic) else value


def lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: wrapped(
        function(*(bare(a) for a in args), **{key: bare(value) for key, value in kwargs.items()})
    )


def operation(name: str) -> Callable[[DeviceArray, Any], Any]:
    return lambda self, other: wrapped(getattr(operator, name)(self.data, bare(other)))


def reflected(name: str) -> Callable[[DeviceArray, Any], Any]:
    return lambda self, other: wrapped(getattr(operator, name)(bare(other), self.data))


def single(name: str) -> Callable[[DeviceArray], Any]:
    return lambda self: wrapped(getattr(operator, name)(self.data))


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "matmul", "pow", "and_", "or_", "xor"):
    setattr(DeviceArray, f"__{_name.rstrip('_')}__", operation(_name))
    setattr(DeviceArray, f"__r{_name.rstrip('_')}__", reflected(_name))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(DeviceArray, f"__{_name}__", operation(_name))
for _name in ("neg", "abs", "invert"):
    setattr(DeviceArray, f"__{_name}__", single(_name))
DeviceArray.__module__ = "cupy"

SHARED = (
    *("abs", "all", "angle", "any", "arange", "argmax", "argmin", "argsort", "array_split", "ascontiguousarray"),
    *("broadcast_to", "clip", "concatenate", "conj", "cos", "count_nonzero", "cumsum", "diag", "diagonal", "dot"),
    *("einsum", "empty", "empty_like", "exp", "expand_dims", "eye", "flip", "floor", "full", "hypot", "imag"),
    *("isfinite", "isnan", "kron", "linspace", "log", "log2", "matmul", "max", "maximum", "mean", "min", "minimum"),
    *("moveaxis", "nonzero", "ones", "ones_like", "outer", "pad", "prod", "ravel", "real", "repeat", "reshape"),
    *("roll", "round", "searchsorted", "sign", "sin", "sort", "split", "sqrt", "squeeze", "stack", "sum", "swapaxes"),
    *("take", "take_along_axis", "tensordot", "tile", "trace", "transpose", "vdot", "where", "zeros", "zeros_like"),
)
LINALG = ("svd", "qr", "norm", "eigh", "eigvalsh", "inv", "solve", "det")
TYPES = ("bool_", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64", "complex64", "complex128")
DRAWS = ("random", "standard_normal", "integers", "exponential", "uniform")


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


class Gpus:
    """The devices, pool, streams and ranges of a pretended ``cupy.cuda``, and what became of them."""

    def __init__(self, count: int, used_bytes: int = 0) -> None:
        self.count, self.used, self.limits = count, used_bytes, [0] * max(count, 1)
        self.log: list[str] = []
        self._here = threading.local()

    @property
    def current(self) -> int:
        return int(getattr(self._here, "device", 0))

    @current.setter
    def current(self, device: int) -> None:
        self._here.device = device

    def pool(self) -> Any:
        def set_limit(size: int) -> None:
            self.limits[self.current] = size

        return types.SimpleNamespace(
            used_bytes=lambda: self.used,
            total_bytes=lambda: self.used,
            get_limit=lambda: self.limits[self.current],
            set_limit=set_limit,
        )

    def namespace(self) -> Any:
        gpus = self

        class Device:
            def __init__(self, device: int | None = None) -> None:
                self.id = gpus.current if device is None else device
                self.before: list[int] = []

            def __enter__(self) -> Self:
                self.before.append(gpus.current)
                gpus.current = self.id
                return self

            def __exit__(self, *_: object) -> None:
                gpus.current = self.before.pop()

            def synchronize(self) -> None:
                gpus.log.append(f"synchronise {self.id}")

        class Stream:
            def __init__(self, *, non_blocking: bool = False) -> None:
                self.name = "own" if non_blocking else "default"

            def __enter__(self) -> Self:
                gpus.log.append(f"enter {self.name}")
                return self

            def __exit__(self, *_: object) -> None:
                gpus.log.append(f"leave {self.name}")

            def record(self) -> str:
                return self.name

            def wait_event(self, event: str) -> None:
                gpus.log.append(f"{self.name} waits for {event}")

        return types.SimpleNamespace(
            is_available=lambda: self.count > 0,
            runtime=types.SimpleNamespace(getDeviceCount=lambda: self.count, memGetInfo=lambda: (0, 0)),
            Device=Device,
            Stream=Stream,
            get_current_stream=Stream,
            nvtx=types.SimpleNamespace(
                RangePush=lambda label: self.log.append(f"push {label}"), RangePop=lambda: self.log.append("pop")
            ),
        )


def cupy_like(gpus: int | Gpus) -> types.ModuleType:
    """A module that looks like CuPy on so many GPUs, computing with numpy."""
    devices = Gpus(gpus) if isinstance(gpus, int) else gpus
    module: Any = types.ModuleType("cupy")
    module.__spec__ = importlib.machinery.ModuleSpec("cupy", None)
    module.cuda = devices.namespace()
    module.get_default_memory_pool = devices.pool
    module.asarray = module.array = lambda value, dtype=None: DeviceArray(
        np.array(value.data if isinstance(value, DeviceArray) else value, dtype=dtype)
    )
    module.asnumpy = lambda value: value.data.copy()
    module.ndarray = DeviceArray
    for name in SHARED:
        setattr(module, name, lifted(getattr(np, name)))
    for name in TYPES:
        setattr(module, name, getattr(np, name))
    module.pi, module.newaxis, module.inf = np.pi, None, np.inf
    module.linalg = types.SimpleNamespace(**{name: lifted(getattr(np.linalg, name)) for name in LINALG})
    # cuSOLVER answers NaN where LAPACK raises.
    module.linalg.svd = lifted(svd_without_failures)
    module.fft = types.SimpleNamespace(**{name: lifted(getattr(np.fft, name)) for name in ("fft", "ifft", "fftfreq")})
    module.random = types.SimpleNamespace(default_rng=generator)
    return module  # type: ignore[no-any-return]


def svd_without_failures(matrix: Any, *, full_matrices: bool) -> Any:
    try:
        return np.linalg.svd(matrix, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        rows, columns = matrix.shape
        k = min(rows, columns)
        shapes = ((rows, k), (k,), (k, columns))
        return tuple(np.full(shape, np.nan, dtype=np.float64) for shape in shapes)


def generator(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return types.SimpleNamespace(**{name: lifted(getattr(rng, name)) for name in DRAWS})


class CuTensorNet:
    """cuQuantum's modules with numpy inside: counts handles and path searches, refuses what the real one refuses."""

    def __init__(self, gpus: Gpus) -> None:
        self.gpus, self.created, self.destroyed, self.searches = gpus, 0, 0, 0
        self.alive: dict[int, int] = {}
        self.fail_create = False
        self.inside = 0
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def create(self) -> int:
        if self.fail_create:
            raise RuntimeError("CUTENSORNET_STATUS_NOT_INITIALIZED")
        with self._lock:
            self.created += 1
            number = next(self._numbers)
            self.alive[number] = self.gpus.current
        return number

    def destroy(self, number: int) -> None:
        with self._lock:
            device = self.alive.pop(number)
            if device != self.gpus.current:
                raise AssertionError("destroyed on another device")
            self.destroyed += 1

    def check(self, operands: Any, options: dict[str, Any]) -> None:
        if self.alive.get(options["handle"]) != options["device_id"]:
            raise AssertionError("a handle that is destroyed, or of another device")
        if not all(isinstance(operand, DeviceArray) for operand in operands):
            raise AssertionError("an operand of the host")

    def decompose(self, subscripts: str, operand: Any, *, method: object, options: dict[str, Any]) -> Any:
        self.check([operand], options)
        if subscripts != "ij->ik,kj":
            raise AssertionError(subscripts)
        self.inside += 1
        try:
            if self.inside > 1:
                raise AssertionError("the library is not reentrant")
            if type(method).__name__ == "QRMethod":
                return wrapped(tuple(np.linalg.qr(operand.data)))
            return wrapped(tuple(svd_without_failures(operand.data, full_matrices=False)))
        finally:
            self.inside -= 1

    def contract(
        self,
        expression: str,
        *operands: Any,
        options: dict[str, Any],
        optimize: dict[str, Any] | None = None,
        return_info: bool = False,
    ) -> Any:
        self.check(operands, options)
        self.searches += optimize is None
        result = DeviceArray(np.einsum(expression, *(operand.data for operand in operands)))
        path = [(0, 1)] * (len(operands) - 1)
        if optimize is not None and optimize["path"] != path:
            raise AssertionError("a path of another network")
        return (result, types.SimpleNamespace(path=path)) if return_info else result

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parts: dict[str, dict[str, Any]] = {
            "cuquantum": {},
            "cuquantum.bindings": {},
            "cuquantum.bindings.cutensornet": {"create": self.create, "destroy": self.destroy},
            "cuquantum.tensornet": {"contract": self.contract},
            "cuquantum.tensornet.tensor": {
                "decompose": self.decompose,
                "SVDMethod": type("SVDMethod", (), {}),
                "QRMethod": type("QRMethod", (), {}),
            },
        }
        for name, content in parts.items():
            module = types.ModuleType(name)
            module.__spec__ = importlib.machinery.ModuleSpec(name, None)
            vars(module).update(content)
            monkeypatch.setitem(sys.modules, name, module)


def _modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    if request.param == "double":
        module = cupy_like(gpus=1)
        monkeypatch.setitem(sys.modules, "cupy", module)
        yield module
    else:
        with open_backend(request.param) as opened:
            yield opened.xp


_REAL = [ASKED] if ASKED not in {"", "numpy"} else []
xp = pytest.fixture(params=["numpy", *_REAL], name="xp")(_modules)
every_xp = pytest.fixture(params=["numpy", "double", *_REAL], name="every_xp")(_modules)


@pytest.fixture
def library(gpus: Gpus, monkeypatch: pytest.MonkeyPatch) -> Iterator[CuTensorNet]:
    """cuTensorNet on the GPUs of the test, all of whose handles and limits have to be given back."""
    fake = CuTensorNet(gpus)
    fake.install(monkeypatch)
    yield fake
    gc.collect()
    assert fake.created == fake.destroyed
    assert set(gpus.limits) == {0}
