"""Where arrays live: the choice of a backend, and that the engine never mixes the host's arrays with a device's."""

from __future__ import annotations

import importlib.machinery
import operator
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from quantum_memory.errors import InvalidValue, MissingDependency, NoDevice, OutOfRange
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, choose, packet_fidelities, superpose
from quantum_memory.memory.quantum.backend import host, module_of

GRID = Grid((5, 4, 4))


class DeviceArray:
    """An array as CuPy has them: the calls of numpy, no silent way to the host, and no mixing with its arrays.

    It computes on the processor, so it can show which calls the engine makes and where its results lie, not their
    speed. CuPy makes one-element results arrays too, and so does this.
    """

    __array_ufunc__ = None

    def __init__(self, data: Any) -> None:
        self.data = np.asarray(data)

    def __array__(self, *_: object, **__: object) -> None:
        raise TypeError("a device array does not turn into a host array by itself: use asnumpy")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.data, name)
        if callable(found):
            return lambda *args, **kwargs: wrapped(found(*(bare(a) for a in args), **kwargs))
        return wrapped(found) if isinstance(found, np.ndarray) else found

    def __getitem__(self, key: Any) -> DeviceArray:
        return DeviceArray(self.data[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[key] = bare(value)

    def __float__(self) -> float:
        return float(self.data.item())

    def __complex__(self) -> complex:
        return complex(self.data.item())

    def __bool__(self) -> bool:
        return bool(self.data)


def bare(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, list | tuple):
        return type(value)(bare(item) for item in value)
    return value.data if isinstance(value, DeviceArray) else value


def wrapped(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(wrapped(item) for item in value)
    return DeviceArray(value) if isinstance(value, np.ndarray | np.generic) else value


def operation(name: str) -> Callable[[DeviceArray, Any], Any]:
    return lambda self, other: wrapped(getattr(operator, name)(self.data, bare(other)))


for _name in ("add", "sub", "mul", "truediv", "matmul", "pow"):
    setattr(DeviceArray, f"__{_name}__", operation(_name))
setattr(DeviceArray, "__neg__", lambda self: wrapped(-self.data))  # noqa: B010 - as the line above
DeviceArray.__module__ = "cupy"


def lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: wrapped(function(*(bare(a) for a in args), **kwargs))


def cupy_like(gpus: int) -> types.ModuleType:
    module: Any = types.ModuleType("cupy")
    module.__spec__ = importlib.machinery.ModuleSpec("cupy", None)
    module.cuda = types.SimpleNamespace(is_available=lambda: gpus > 0)
    module.asarray = lambda value, dtype=None: DeviceArray(
        np.asarray(value.data if isinstance(value, DeviceArray) else value, dtype=dtype)
    )
    module.asnumpy = lambda value: value.data.copy()
    for name in ("exp", "sqrt", "isfinite", "concatenate", "ascontiguousarray", "tensordot", "zeros", "ones"):
        setattr(module, name, lifted(getattr(np, name)))
    module.linalg = types.SimpleNamespace(
        **{name: lifted(getattr(np.linalg, name)) for name in ("svd", "qr", "norm")},
    )
    return module  # type: ignore[no-any-return]


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    module = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_numpy_is_always_there() -> None:
    assert choose("numpy") is np


def test_without_cupy_auto_is_numpy_and_cupy_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert choose("auto") is np
    with pytest.raises(MissingDependency, match="gpu-cu12"):
        choose("cupy")


def test_cupy_without_a_gpu_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(gpus=0))
    assert choose("auto") is np
    with pytest.raises(NoDevice, match="no usable GPU"):
        choose("cupy")


def test_cupy_with_a_gpu_is_chosen(device: Any) -> None:
    assert choose("auto") is device
    assert choose("cupy") is device


@pytest.mark.parametrize("name", ["torch", "", None])
def test_another_backend_is_refused(name: Any) -> None:
    with pytest.raises(InvalidValue, match="backend"):
        choose(name)


def test_an_array_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidValue, match="numpy or CuPy"):
        module_of([1.0])


def test_the_engine_works_on_device_arrays_and_answers_with_host_arrays(device: Any) -> None:
    packets = [Packet((0.3, 0.1, -0.5), (0.2,) * 3, (2.0, 0, 1.0)), Packet((-0.4, 0.6, 0.2), (0.3,) * 3)]
    here = QuantumState.from_packets(GRID, packets, [1.0, 0.5j], dtype=np.complex128)
    there = QuantumState.from_packets(GRID, packets, [1.0, 0.5j], dtype=np.complex128, xp=device)
    small, kept = there.compress(max_bond=8)
    same, also_kept = here.compress(max_bond=8)
    states = [
        there,
        small,
        there.normalised(),
        superpose([there, small], [1, 1]),
        there.astype(np.complex64),
        here.on(device),
    ]
    assert all(isinstance(core, DeviceArray) for state in states for core in state.cores)
    assert kept == pytest.approx(also_kept, abs=1e-12)
    assert small.on(np).fidelity(same) == pytest.approx(1.0, abs=1e-12)
    assert there.overlap(small) == pytest.approx(here.overlap(same), abs=1e-12)
    means, widths, momenta = np.zeros((3, 3)), np.full((3, 3), 0.2), np.ones((3, 3))
    for got, want in [
        (there.mean(), here.mean()),
        (there.covariance(), here.covariance()),
        (there.marginal(1), here.marginal(1)),
        (there.to_dense(), here.to_dense()),
        (packet_fidelities(there, means, widths), packet_fidelities(here, means, widths)),
        (packet_fidelities(there, means, widths, momenta), packet_fidelities(here, means, widths, momenta)),
    ]:
        assert isinstance(got, np.ndarray)
        assert np.allclose(got, want, atol=1e-12)
    assert there.entropy(5) == pytest.approx(here.entropy(5), abs=1e-12)
    assert there.to_bytes() == here.to_bytes()
    back = QuantumState.from_bytes(there.to_bytes(), xp=device)
    assert isinstance(back.cores[0], DeviceArray)
    assert isinstance(host(back.cores[0]), np.ndarray)
    checked = QuantumState(GRID, back.cores)
    assert checked.fidelity(there) == pytest.approx(1.0, abs=1e-12)


def test_the_double_refuses_what_cupy_refuses(device: Any) -> None:
    array = device.zeros((2, 2))
    with pytest.raises(TypeError):
        array + np.zeros((2, 2))
    with pytest.raises(TypeError):
        np.asarray(array)
    with pytest.raises(TypeError):
        device.tensordot(array, np.zeros((2, 2)))


def test_on_the_same_module_is_the_same_object() -> None:
    state = QuantumState.from_packet(GRID, Packet((0, 0, 0), (0.2,) * 3))
    assert state.on(np) is state
    assert state.astype(np.complex64) is state
    with pytest.raises(OutOfRange):
        state.compress(max_bond=0)
