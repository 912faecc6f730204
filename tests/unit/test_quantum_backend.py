"""Where arrays live: the choice of a backend, and that the engine never mixes the host's arrays with a device's."""

from __future__ import annotations

import importlib.util
import logging
import os
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import (
    BackendClosed,
    DeviceMemoryExceeded,
    InvalidValue,
    MissingDependency,
    NoDevice,
    NotFinite,
    OutOfRange,
)
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, choose, linalg, packet_fidelities, superpose
from quantum_memory.memory.quantum import backend as places
from quantum_memory.memory.quantum.backend import host, module_of
from quantum_memory.memory.quantum.device import Backend, open_backend
from quantum_memory.memory.quantum.engines import NUMPY, CupyEngine, engine_of, using
from tests.unit import quantum_backends
from tests.unit.quantum_backends import ASKED, NO_GPU, CuTensorNet, DeviceArray, Gpus, OutOfMemoryError, cupy_like

__all__ = ["DeviceArray", "cupy_like"]  # other tests import the double from here

every_xp = quantum_backends.every_xp
GRID = Grid((5, 4, 4))


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


def test_cupy_that_cannot_be_imported_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name == "cupy" else real(name))
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert choose("auto") is np
    with pytest.raises(MissingDependency, match="gpu-cu12"):
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


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Gpus:
    found = Gpus(2)
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(found))
    return found


def test_the_double_counts_as_any_backend(every_xp: Any) -> None:
    rng = np.random.default_rng(5)
    shapes = ((1, 2, 2), (2, 2, 3), (3, 2, 4), (4, 2, 3), (3, 2, 2), (2, 2, 1))
    cores = [rng.normal(size=shape) + 0j for shape in shapes]
    state = QuantumState(Grid((2, 2, 2)), tuple(every_xp.asarray(core) for core in cores))
    dense = np.einsum("aib,bjc,ckd,dle,emf,fng->ijklmn", *cores).reshape(4, 4, 4)
    small, kept = state.compress(max_bond=1)
    assert all(module_of(core) is every_xp for core in small.cores)
    overlap = abs(np.vdot(small.to_dense(), dense)) ** 2 / np.vdot(dense, dense).real
    assert kept == pytest.approx(overlap, abs=1e-12)
    assert kept < 1.0


def random_matrix(rows: int, columns: int, seed: int, dtype: Any = np.complex128) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(rows, columns)) + 1j * rng.normal(size=(rows, columns))).astype(dtype)


def check_algebra(xp: Any, rows: int, columns: int, seed: int, dtype: Any) -> None:
    """The laws of an engine, for whichever engine is in use."""
    close = 1e-12 if dtype == np.complex128 else 1e-5
    matrix = random_matrix(rows, columns, seed, dtype)
    there = xp.asarray(matrix)
    engine = engine_of(there)
    k = min(rows, columns)
    left, values, right = (host(part) for part in engine.svd(there))
    assert (left.shape, values.shape, right.shape) == ((rows, k), (k,), (k, columns))
    assert left.dtype == right.dtype == dtype
    assert (np.diff(values) <= close).all()
    assert np.allclose(left * values @ right, matrix, atol=close * 10)
    assert np.allclose(left.conj().T @ left, np.eye(k), atol=close * 10)
    basis, triangle = (host(part) for part in engine.qr(there))
    assert np.allclose(basis @ triangle, matrix, atol=close * 10)
    assert np.allclose(basis.conj().T @ basis, np.eye(k), atol=close * 10)
    assert np.allclose(triangle, np.triu(triangle), atol=close)
    network = [there, xp.asarray(random_matrix(columns, 3, seed + 1, dtype)), xp.asarray(random_matrix(3, 2, 1, dtype))]
    for _ in range(2):  # the second time along the path that was kept
        product = host(engine.contract("ab,bc,cd->da", *network))
        want = (matrix @ host(network[1]) @ host(network[2])).T
        assert np.allclose(product, want, atol=close * 100)
        assert product.dtype == dtype
    frequencies = engine.fft(there, axis=0)
    k_x = np.outer(np.arange(rows), np.arange(rows)) / rows
    assert np.allclose(host(frequencies), np.exp(-2j * np.pi * k_x) @ matrix, atol=close * 100)
    assert np.allclose(host(engine.ifft(frequencies, axis=0)), matrix, atol=close * 10)
    assert all(module_of(part) is xp for part in (frequencies, *engine.svd(there), *engine.qr(there)))


SIDES = st.integers(1, 9)
KINDS = st.sampled_from([np.complex64, np.complex128])


@settings(deadline=None, max_examples=25)
@given(SIDES, SIDES, st.integers(0, 1000), KINDS)
def test_the_algebra_of_numpy(rows: int, columns: int, seed: int, dtype: Any) -> None:
    check_algebra(np, rows, columns, seed, dtype)


@pytest.mark.parametrize("shape", [(1, 1), (8, 3), (3, 8), (6, 6)])
@pytest.mark.parametrize("name", ["cupy", "cuquantum"])
def test_the_algebra_of_the_doubles(library: CuTensorNet, name: str, shape: tuple[int, int]) -> None:
    with open_backend(name) as backend:
        assert engine_of(backend.xp.zeros((2, 2))) is backend.engine
        check_algebra(backend.xp, *shape, 3, np.complex128)
    assert library.created == (name == "cuquantum")
    assert library.searches == (name == "cuquantum")


@pytest.mark.skipif(ASKED not in {"cupy", "cuquantum"}, reason=NO_GPU)
@settings(deadline=None, max_examples=25)
@given(SIDES, SIDES, st.integers(0, 1000), KINDS)
def test_the_algebra_of_the_gpu(rows: int, columns: int, seed: int, dtype: Any) -> None:
    with open_backend(ASKED, stream=True) as backend:
        check_algebra(backend.xp, rows, columns, seed, dtype)


@pytest.mark.skipif(ASKED not in {"cupy", "cuquantum"}, reason=NO_GPU)
def test_the_memory_limit_of_the_gpu_is_a_named_error() -> None:
    with open_backend(ASKED) as plain:
        used = int(plain.xp.get_default_memory_pool().used_bytes())
    with open_backend(ASKED, memory_limit_bytes=used + (64 << 20)) as backend:
        with pytest.raises(DeviceMemoryExceeded), backend.use():
            backend.xp.zeros(256 << 20, dtype=np.uint8)
        with backend.use():
            assert int(backend.xp.ones(1 << 20, dtype=np.uint8).sum()) == 1 << 20


@pytest.mark.parametrize("name", ["numpy", "cupy", "cuquantum"])
@pytest.mark.parametrize("place", [(0, 0), (1, 2), (3, 0)])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_matrix_that_is_not_finite_is_a_named_error_everywhere(
    library: CuTensorNet, name: str, bad: float, place: tuple[int, int], dtype: Any
) -> None:
    matrix = random_matrix(4, 3, 1, dtype)
    matrix[place] = bad
    with open_backend(name) as backend, pytest.raises(NotFinite):
        linalg.svd(backend.xp.asarray(matrix))


def test_finite_numbers_whose_squares_overflow_are_decomposed() -> None:
    matrix = np.diag([3e200, 1e200]).astype(np.complex128)
    left, values, right = linalg.svd(matrix)
    assert np.allclose(left * (values / 1e200) @ right, matrix / 1e200)
    with pytest.raises(NotFinite):
        linalg.svd(np.diag([3e200, np.inf]))


def test_what_gesdd_cannot_do_gesvd_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr("numpy.linalg.svd", failing)
    matrix = random_matrix(4, 6, 0)
    left, values, right = linalg.svd(matrix)
    assert np.allclose(left * values @ right, matrix)
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(1))
    left, values, right = (host(part) for part in linalg.svd(DeviceArray(matrix)))
    assert np.allclose(left * values @ right, matrix)


@pytest.mark.parametrize("how", ["raises", "answers with NaN"])
def test_what_eigh_cannot_do_the_svd_does(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def failing(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        if how == "raises":
            raise np.linalg.LinAlgError("eigenvalues did not converge")
        return np.full(len(matrix), np.nan), matrix  # as cuSOLVER does, through CuPy

    state = superpose([QuantumState.random(GRID, 4, seed) for seed in range(3)], [1.0, 0.5, 0.25])
    want, fidelity = state.compress(6, 0.0)
    monkeypatch.setattr("numpy.linalg.eigh", failing)
    got, kept = state.compress(6, 0.0)
    assert kept == pytest.approx(fidelity, abs=1e-9)
    assert got.fidelity(want) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("name", ["numpy", "cupy", "cuquantum"])
@pytest.mark.parametrize("expression", ["ab,cd->xy", "abc,bc->a", "ab->a", "ab,bc"])
def test_an_expression_that_does_not_fit_is_refused(library: CuTensorNet, name: str, expression: str) -> None:
    with open_backend(name) as backend:
        operands = [backend.xp.ones((2, 3)), backend.xp.ones((2, 3))]
        with pytest.raises(InvalidValue, match="expression"):
            backend.engine.contract(expression, *operands)


def test_cuquantum_takes_no_array_of_the_host(library: CuTensorNet) -> None:
    with open_backend("cuquantum") as backend:
        for call in (backend.engine.svd, backend.engine.qr, lambda a: backend.engine.contract("ab->ba", a)):
            with pytest.raises(InvalidValue, match="array of CuPy"):
                call(np.eye(2))


def test_the_paths_that_are_kept_are_bounded(library: CuTensorNet) -> None:
    with open_backend("cuquantum") as backend:
        ones = [backend.xp.ones((n, 1)) for n in range(1, 300)]
        for one in (*ones, ones[-1], ones[0]):
            backend.engine.contract("ab,cb->ac", one, one)
    assert library.searches == 300  # the last was kept, the first was not


def test_the_engine_is_the_one_in_use_in_this_thread(gpus: Gpus) -> None:
    xp = sys.modules["cupy"]
    array, mine, found = DeviceArray(np.eye(2)), CupyEngine(xp), []
    assert engine_of(np.eye(2)) is NUMPY
    with using(mine):
        assert engine_of(array) is mine
        assert engine_of(np.eye(2)) is NUMPY
        other = threading.Thread(target=lambda: found.append(engine_of(array)))
        other.start()
        other.join()
    assert found != [mine]
    assert isinstance(found[0], CupyEngine)
    assert engine_of(array) is not mine


def test_compression_is_the_same_through_every_backend(library: CuTensorNet) -> None:
    packets = [Packet((0.3, 0.1, -0.5), (0.2,) * 3, (2.0, 0, 1.0)), Packet((-0.4, 0.6, 0.2), (0.3,) * 3)]
    here = QuantumState.from_packets(GRID, packets, dtype=np.complex128)
    want, kept = here.compress(max_bond=3)
    assert kept < 1.0 - 1e-6
    for name in ("cupy", "cuquantum"):
        with open_backend(name) as backend:
            small, also_kept = here.on(backend.xp).compress(max_bond=3)
            assert also_kept == pytest.approx(kept, abs=1e-12)
            assert small.on(np).fidelity(want) == pytest.approx(1.0, abs=1e-12)


def test_one_handle_however_much_is_computed(library: CuTensorNet) -> None:
    with open_backend("cuquantum") as backend:
        for seed in range(20):
            backend.engine.svd(backend.xp.asarray(random_matrix(3, 3, seed)))
        assert (library.created, library.destroyed) == (1, 0)
    assert (library.created, library.destroyed) == (1, 1)
    backend.close()
    backend.close()
    assert library.destroyed == 1


def test_an_error_in_the_body_gives_the_handle_back(library: CuTensorNet, gpus: Gpus) -> None:
    def body() -> None:
        assert gpus.limits == [1000, 0]
        raise KeyError

    with pytest.raises(KeyError), open_backend("cuquantum", memory_limit_bytes=1000):
        body()
    assert library.destroyed == 1
    assert gpus.limits == [0, 0]


def test_an_error_while_opening_gives_back_what_was_opened(library: CuTensorNet, gpus: Gpus) -> None:
    library.fail_create = True
    with pytest.raises(RuntimeError, match="NOT_INITIALIZED"):
        open_backend("cuquantum", memory_limit_bytes=1000, device=1)
    assert gpus.limits == [0, 0]
    assert gpus.current == 0
    library.fail_create = False
    vars(sys.modules["cupy"].cuda)["Stream"] = None
    with pytest.raises(TypeError):
        open_backend("cuquantum", memory_limit_bytes=1000, stream=True)
    assert (library.created, library.destroyed) == (1, 1)


def test_a_backend_that_is_forgotten_gives_the_handle_back(library: CuTensorNet, gpus: Gpus) -> None:
    backend = open_backend("cuquantum", memory_limit_bytes=1000)
    engine = backend.engine
    del backend
    assert gpus.limits == [0, 0]
    assert library.destroyed == 0  # the engine still has it
    del engine
    assert library.destroyed == 1


def test_a_thousand_cycles_leave_nothing(library: CuTensorNet) -> None:
    for _ in range(1000):
        with open_backend("cuquantum", memory_limit_bytes=1000, device=1):
            pass
    assert (library.created, library.destroyed) == (1000, 1000)


def test_two_threads_share_a_handle_one_call_at_a_time(library: CuTensorNet) -> None:
    failures: list[BaseException] = []
    with open_backend("cuquantum", device=1) as backend:

        def work() -> None:
            try:
                with backend.use():
                    for seed in range(100):
                        linalg.svd(backend.xp.asarray(random_matrix(4, 4, seed)))
            except BaseException as error:  # noqa: BLE001 - the thread's error is the test's
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert (library.created, library.destroyed) == (1, 1)


def test_two_threads_open_and_close_their_own(library: CuTensorNet) -> None:
    def work() -> None:
        for _ in range(100):
            with open_backend("cuquantum", memory_limit_bytes=1000):
                pass

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (library.created, library.destroyed) == (200, 200)


def test_after_close_every_use_is_a_named_error(library: CuTensorNet) -> None:
    backend = open_backend("cuquantum")
    engine, array = backend.engine, backend.xp.ones((2, 2))
    backend.close()
    assert backend.closed
    uses: list[Callable[[], object]] = [
        lambda: backend.engine,
        backend.use().__enter__,
        backend.__enter__,
        backend.stream,
        backend.synchronise,
        lambda: backend.range("compress"),
        lambda: engine.svd(array),
        lambda: engine.contract("ab->ba", array),
    ]
    for use in uses:
        with pytest.raises(BackendClosed, match="cuquantum"):
            use()


def test_of_several_limits_the_last_that_is_open_holds(gpus: Gpus) -> None:
    first = open_backend("cupy", memory_limit_bytes=1000)
    second = open_backend("cupy", memory_limit_bytes=2000)
    assert gpus.limits == [2000, 0]
    first.close()
    assert gpus.limits == [2000, 0]
    third = open_backend("cupy", memory_limit_bytes=3000)
    third.close()
    assert gpus.limits == [2000, 0]
    second.close()
    assert gpus.limits == [0, 0]


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "1GB"])
@pytest.mark.parametrize("name", ["numpy", "cupy"])
def test_a_limit_that_is_none_is_refused(gpus: Gpus, name: str, limit: Any) -> None:
    with pytest.raises((InvalidValue, OutOfRange), match="memory_limit_bytes"):
        open_backend(name, memory_limit_bytes=limit)


def test_a_limit_below_what_is_in_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    used = Gpus(1, used_bytes=5000)
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(used))
    with pytest.raises(OutOfRange, match=r"4999.*5000"):
        open_backend("cupy", memory_limit_bytes=4999)
    assert used.limits == [0]
    with open_backend("cupy", memory_limit_bytes=5000):
        assert used.limits == [5000]


@pytest.mark.parametrize("number", [-1, 2, True, 0.5])
def test_a_device_that_is_not_there_is_refused(gpus: Gpus, number: Any) -> None:
    with pytest.raises((InvalidValue, OutOfRange), match="device"):
        open_backend("cupy", device=number)


def test_out_of_memory_is_a_named_error_that_holds_no_arrays(gpus: Gpus) -> None:
    held: list[weakref.ref[DeviceArray]] = []

    def greedy() -> None:
        array = DeviceArray(np.zeros(3))
        held.append(weakref.ref(array))
        raise OutOfMemoryError("allocating 512 bytes")

    with open_backend("cupy", memory_limit_bytes=1000) as backend:
        with pytest.raises(DeviceMemoryExceeded, match=r"1000 bytes.*lower the bond.*512") as caught, backend.use():
            greedy()
        assert held[0]() is None
        with pytest.raises(KeyError), backend.use():
            raise KeyError
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - as Ray does
    assert str(again) == str(caught.value)


def test_the_stream_waits_for_what_was_queued_and_is_waited_for(gpus: Gpus) -> None:
    backend = open_backend("cupy", stream=True)
    with backend.use():
        gpus.log.append("body")
    assert gpus.log == ["own waits for default", "enter own", "body", "leave own", "default waits for own"]
    backend.close()


def test_ranges_are_named_for_the_profiler_and_free_on_the_host(gpus: Gpus) -> None:
    with open_backend("cupy") as backend, pytest.raises(KeyError), backend.range("compress"):
        raise KeyError
    assert gpus.log == ["push compress", "pop"]
    with open_backend("numpy") as plain, plain.range("compress"):
        pass
    assert gpus.log == ["push compress", "pop"]


def test_the_device_is_selected_while_in_use(gpus: Gpus) -> None:
    backend = open_backend("cupy", device=1)
    assert gpus.current == 0
    with backend.use():
        assert gpus.current == 1
        backend.synchronise()
    assert gpus.current == 0
    assert gpus.log == ["synchronise 1"]
    backend.close()


def test_the_host_backend_opens_uses_and_closes() -> None:
    with open_backend("numpy", memory_limit_bytes=1 << 20, stream=True) as backend:
        assert (backend.name, backend.xp, backend.device) == ("numpy", np, None)
        assert backend.engine is NUMPY
        backend.synchronise()
    assert isinstance(backend, Backend)
    assert backend.closed


def test_cuquantum_is_asked_for_by_name_and_needs_its_package(
    gpus: Gpus, library: CuTensorNet, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose("cuquantum") is sys.modules["cupy"]
    with open_backend("auto") as backend:
        assert backend.name == "cupy"
    monkeypatch.setitem(sys.modules, "cuquantum.tensornet.tensor", None)
    with pytest.raises(MissingDependency, match=r"26\.6"):
        open_backend("cuquantum")
    real = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "cuquantum" else real(name))
    with pytest.raises(MissingDependency, match="cuquantum"):
        open_backend("cuquantum")


@pytest.mark.parametrize("name", ["cupy", "cuquantum"])
def test_a_gpu_backend_without_a_gpu_is_a_named_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    none = Gpus(0)
    monkeypatch.setitem(sys.modules, "cupy", cupy_like(none))
    CuTensorNet(none).install(monkeypatch)
    with pytest.raises(NoDevice):
        open_backend(name)


def test_what_auto_came_to_is_logged_once(gpus: Gpus, caplog: pytest.LogCaptureFixture) -> None:
    places._log_choice.cache_clear()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            choose("auto")
            choose("cupy")
    assert [record.getMessage() for record in caplog.records] == ["backend auto: cupy, because CuPy finds a GPU"]
    places._log_choice.cache_clear()


ALONE = """
import sys
import sysconfig

class OnlyNumpyAndScipy:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        allowed = {"numpy", "scipy", "quantum_memory"} | sys.stdlib_module_names
        if top in allowed or top.startswith(("_sysconfigdata", "__")):
            return None
        raise ModuleNotFoundError(f"not allowed here: {name}", name=name)

sys.meta_path.insert(0, OnlyNumpyAndScipy())
try:
    import torch
except ModuleNotFoundError as error:
    print("refused:", error.name)
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, choose
from quantum_memory.memory.quantum.device import open_backend
with open_backend("numpy") as backend:
    packets = [Packet((x, 0.1, -0.2), (0.2, 0.2, 0.2)) for x in (-0.5, 0.4)]
    state, kept = QuantumState.from_packets(Grid((5, 4, 4)), packets).compress(max_bond=4)
print("kept", kept > 0.9, state.bond <= 4)
"""


def test_the_engine_needs_numpy_and_scipy_alone() -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[:2] == ["refused: torch", "kept True True"]
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, quantum_memory.memory.quantum; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert loaded.stdout.strip() == "False"


EXIT = """
import sys, types, pytest
from tests.unit.quantum_backends import CuTensorNet, Gpus, cupy_like
gpus = Gpus(1)
sys.modules["cupy"] = cupy_like(gpus)
fake = CuTensorNet(gpus)
fake.install(pytest.MonkeyPatch())
destroy = fake.destroy
sys.modules["cuquantum.bindings.cutensornet"].destroy = lambda number: (destroy(number), print("destroyed", number))
from quantum_memory.memory.quantum.device import open_backend
forgotten = open_backend("cuquantum", memory_limit_bytes=1000)
print("end of the program")
"""


def test_the_handle_is_given_back_when_the_interpreter_ends() -> None:
    run = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.stdout == "end of the program\ndestroyed 1\n"
