"""Measurement against the dense density: samples, amplitudes, collapse, and what cannot be measured."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.quantum.sampling import CHUNK, amplitudes, to_pad
from tests.unit.quantum_backends import DeviceArray, cupy_like

TINY = Grid((2, 2, 2))
SMALL = Grid((4, 3, 3))
SEEDS = st.integers(0, 1 << 32)
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scaled(grid: Grid, seed: int, bond: int = 5, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    """A random state whose norm is not 1."""
    state = QuantumState.random(grid, bond, seed, dtype=dtype, xp=xp)
    return QuantumState(grid, (state.cores[0] * 1.7, *state.cores[1:]))


def density(state: QuantumState) -> NDArray[np.float64]:
    powers = np.abs(state.to_dense().ravel()) ** 2
    return np.asarray(powers / powers.sum())


def as_index(bits: NDArray[Any]) -> NDArray[np.int64]:
    return np.asarray(bits.astype(np.int64) @ (1 << np.arange(bits.shape[1] - 1, -1, -1)))


@LAW
@given(SEEDS)
def test_amplitudes_and_probabilities_are_those_of_the_dense_state(xp: Any, seed: int) -> None:
    state = scaled(SMALL, seed, xp=xp)
    bits = np.random.default_rng(seed).integers(0, 2, (7, SMALL.sites))
    assert np.allclose(amplitudes(state.cores, bits), state.to_dense().ravel()[as_index(bits)], atol=1e-12)
    assert state.amplitude(bits[0]) == pytest.approx(state.to_dense().ravel()[as_index(bits)[0]], abs=1e-12)
    assert state.probability(bits[0].tolist()) == pytest.approx(density(state)[as_index(bits)[0]], abs=1e-12)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_samples_follow_the_density(xp: Any, seed: int, dtype: Any) -> None:
    state = scaled(TINY, seed, dtype=dtype, xp=xp)
    count = 20_000
    want = density(state) * count
    found = np.bincount(as_index(state.sample(count, seed)), minlength=want.size)
    chi = float(((found - want) ** 2 / want).sum())
    freedom = want.size - 1
    assert chi < freedom + 5 * math.sqrt(2 * freedom)


def test_samples_of_a_mood_have_its_mean_and_covariance(xp: Any) -> None:
    packets = [Packet((0.5, 0.2, -0.4), (0.15,) * 3, (3.0, 0, 0)), Packet((-0.5, -0.1, 0.3), (0.2,) * 3)]
    state, _ = QuantumState.from_packets(Grid(), packets, xp=xp).compress()
    pad = state.sample_pad(20_000, 3)
    assert pad.shape == (20_000, 3)
    assert np.allclose(pad.mean(axis=0), state.mean(), atol=0.02)
    assert np.allclose(np.cov(pad.T), state.covariance(), atol=0.02)


def test_a_sample_depends_on_the_seed_alone(xp: Any) -> None:
    state = scaled(SMALL, 1, xp=xp)
    many = state.sample(CHUNK + 10, 5)
    assert many.shape == (CHUNK + 10, SMALL.sites)
    assert many.dtype == np.uint8
    assert np.array_equal(many, state.sample(CHUNK + 10, np.random.default_rng(5)))
    assert np.array_equal(many[:20], state.sample(20, 5))
    assert not np.array_equal(many, state.sample(CHUNK + 10, 6))
    assert state.sample(0, 1).shape == (0, SMALL.sites)


def test_a_point_has_its_own_coordinates() -> None:
    bits = np.array([[0] * 10, [1] * 10, [1, 0, 0, 1, 0, 1, 0, 0, 0, 1]])
    points = [SMALL.points(axis) for axis in range(3)]
    want = [[p[0] for p in points], [p[-1] for p in points], [points[0][9], points[1][2], points[2][1]]]
    assert np.allclose(to_pad(SMALL, bits), want, atol=1e-15)


def test_impossible_points_are_never_drawn(xp: Any) -> None:
    assert not QuantumState.vacuum(SMALL, xp=xp).sample(500, 0).any()
    cat = scaled(SMALL, 4, xp=xp).measure([0, 5], 2)
    drawn = cat.state.sample(500, 1)
    assert (drawn[:, [0, 5]] == cat.bits).all()


@LAW
@given(SEEDS, st.lists(st.integers(0, 9), min_size=1, max_size=10, unique=True))
def test_measuring_projects_and_reports_how_likely_it_was(xp: Any, seed: int, sites: list[int]) -> None:
    state = scaled(SMALL, seed, xp=xp)
    found = state.measure(sites, seed)
    tensor = state.to_dense().reshape((2,) * SMALL.sites)
    mask = np.zeros_like(tensor)
    key: list[Any] = [slice(None)] * SMALL.sites
    for site, bit in zip(sites, found.bits, strict=True):
        key[site] = int(bit)
    mask[tuple(key)] = 1.0
    want = (tensor * mask).ravel()
    weight = np.vdot(want, want).real / np.vdot(tensor, tensor).real
    assert found.probability == pytest.approx(weight, abs=1e-10)
    left = found.state.to_dense().ravel()
    assert np.allclose(left, want / np.linalg.norm(want), atol=1e-10)
    assert found.state.bond <= state.bond
    again = found.state.measure(sites, seed + 1)
    assert np.array_equal(again.bits, found.bits)
    assert again.probability == pytest.approx(1.0, abs=1e-10)


def test_measuring_all_sites_leaves_one_point(xp: Any) -> None:
    state = scaled(SMALL, 8, xp=xp)
    found = state.measure(None, 3)
    assert found.state.bond == 1
    assert found.probability == pytest.approx(state.probability(found.bits), abs=1e-12)
    assert found.state.probability(found.bits) == pytest.approx(1.0, abs=1e-12)


def test_outcomes_of_one_site_come_as_often_as_they_should() -> None:
    state = scaled(TINY, 3)
    rng = np.random.default_rng(0)
    ones = sum(int(state.measure([3], rng).bits[0]) for _ in range(2000))
    share = density(state).reshape((2,) * 6).sum(axis=(0, 1, 2, 4, 5))[1]
    assert ones == pytest.approx(2000 * share, abs=5 * math.sqrt(2000 * share * (1 - share)))


def test_a_device_draws_what_the_host_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    device = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", device)
    here = scaled(SMALL, 2)
    there = here.on(device)
    assert np.array_equal(there.sample(100, 1), here.sample(100, 1))
    assert there.amplitude([0] * 10) == pytest.approx(here.amplitude([0] * 10), abs=1e-12)
    found, same = there.measure([2, 7], 4), here.measure([2, 7], 4)
    assert isinstance(found.state.cores[0], DeviceArray)
    assert np.array_equal(found.bits, same.bits)
    assert found.state.on(np).fidelity(same.state) == pytest.approx(1.0, abs=1e-12)


def test_what_cannot_be_measured_is_refused(xp: Any) -> None:
    state: Any = scaled(SMALL, 0, xp=xp)
    zero = QuantumState(SMALL, tuple(core * 0 for core in state.cores))
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (OutOfRange, lambda: state.sample(-1, 0)),
        (InvalidValue, lambda: state.sample(2.0, 0)),
        (OutOfRange, lambda: state.sample(1, -1)),
        (InvalidValue, lambda: state.sample(1, "x")),
        (OutOfRange, lambda: zero.sample(1, 0)),
        (OutOfRange, lambda: zero.measure([0], 0)),
        (OutOfRange, lambda: zero.probability([0] * 10)),
        (InvalidValue, lambda: state.measure([], 0)),
        (InvalidValue, lambda: state.measure([1, 1], 0)),
        (OutOfRange, lambda: state.measure([10], 0)),
        (ShapeMismatch, lambda: state.amplitude([0] * 9)),
        (InvalidValue, lambda: state.amplitude([2] * 10)),
        (InvalidValue, lambda: state.amplitude([0.0] * 10)),
        (InvalidValue, lambda: state.amplitude([0, [1]] * 5)),
        (InvalidValue, lambda: state.amplitude("0101010101")),
        (InvalidValue, lambda: state.probability(["0"] * 10)),
        (InvalidValue, lambda: state.probability(None)),
        (ShapeMismatch, lambda: state.probability(0)),
        (InvalidValue, lambda: state.amplitude(cupy_like(gpus=1).zeros(10))),
        (InvalidValue, lambda: state.measure(0, 1)),
        (InvalidValue, lambda: state.measure("01", 1)),
        (InvalidValue, lambda: state.measure([0], None)),
        (InvalidValue, lambda: to_pad(SMALL, np.full((2, 10), 2, dtype=np.uint8))),
        (ShapeMismatch, lambda: to_pad(SMALL, np.zeros((2, 9), dtype=np.uint8))),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
