"""States on a larger cube: the same amplitude, zeros around it, and back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.quantum.backend import host, module_of
from quantum_memory.memory.quantum.padding import cropped, padded

SMALL = Grid((4, 3, 2))
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
PACKETS = [Packet((0.3, -0.6, 0.8), (0.5,) * 3, (2.0, 1.0, 0.0)), Packet((-0.9, 0.1, 0.0), (0.6,) * 3, (0.0, 4.0, 1.0))]
STATE = QuantumState.from_packets(SMALL, PACKETS, [1.0, 0.5j], dtype=np.complex128)


def random_state(grid: Grid, bond: int, seed: int, xp: Any) -> QuantumState:
    """Cores of any shape up to the bond, also where a bond is larger than the sites beside it can use."""
    rng = np.random.default_rng(seed)
    bonds = [1, *rng.integers(1, bond + 1, grid.sites - 1).tolist(), 1]
    shapes = [(left, 2, right) for left, right in pairwise(bonds)]
    return QuantumState(grid, tuple(xp.asarray(rng.normal(size=s) + 1j * rng.normal(size=s)) for s in shapes))


def framed(amplitude: Any, by: int) -> Any:
    """The dense amplitude in the middle of zeros."""
    return np.pad(amplitude, [(((n << by) - n) // 2,) * 2 for n in amplitude.shape])


@pytest.mark.parametrize("by", [0, 1, 2])
def test_the_middle_points_of_a_padded_grid_are_the_same_points(by: int) -> None:
    for grid in (Grid(), SMALL):
        wide = grid.padded(by)
        assert wide.half_edge == 2.0**by
        assert wide.spacing == grid.spacing
        assert wide.cropped(by) == grid
        for axis in range(3):
            count = grid.shape[axis]
            start = (wide.shape[axis] - count) // 2
            assert np.array_equal(wide.points(axis)[start : start + count], grid.points(axis))
            assert np.array_equal(wide.points(axis), -wide.points(axis)[::-1])


@LAW
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(0, 2))
def test_a_padded_state_is_the_amplitude_among_zeros_and_comes_back(xp: Any, bond: int, seed: int, by: int) -> None:
    state = random_state(SMALL, bond, seed, xp)
    wide = padded(state, by)
    assert wide.grid == SMALL.padded(by)
    dense, want = wide.to_dense(), framed(state.to_dense(), by)
    assert np.abs(dense - want).max() < 1e-14 * np.abs(want).max()
    assert not dense[want == 0.0].any()
    assert wide.bond <= max(2 * bond, state.bond)
    back, outside = cropped(wide, by)
    assert back.grid == SMALL
    assert all(np.array_equal(host(a), host(b)) for a, b in zip(back.cores, state.cores, strict=True))
    assert outside < 1e-12


@LAW
@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.integers(1, 2))
def test_cropping_keeps_what_lies_inside_and_tells_the_rest(xp: Any, bond: int, seed: int, by: int) -> None:
    state = random_state(SMALL.padded(by), bond, seed, xp)
    dense = state.to_dense()
    middle = tuple(slice((n - (n >> by)) // 2, (n + (n >> by)) // 2) for n in dense.shape)
    inside, outside = cropped(state, by)
    assert np.allclose(inside.to_dense(), dense[middle], atol=1e-12 * np.abs(dense).max())
    want = 1.0 - np.linalg.norm(dense[middle]) ** 2 / np.linalg.norm(dense) ** 2
    assert outside == pytest.approx(want, abs=1e-12)


def test_a_packet_may_be_made_on_a_padded_grid_with_its_mean_in_the_pad_cube(xp: Any) -> None:
    wide = Grid((11, 10, 10), padding=1)
    packet = Packet((0.4, -0.3, 0.2), (0.05,) * 3, (3.0, 0.0, 1.0))
    state = QuantumState.from_packet(wide, packet, dtype=np.complex128, xp=xp)
    small, outside = cropped(state)
    assert abs(small.overlap(QuantumState.from_packet(Grid(), packet, dtype=np.complex128, xp=xp)) - 1.0) < 1e-10
    assert outside < 1e-10
    assert np.abs(state.mean() - packet.mean).max() < 1e-10
    with pytest.raises(OutOfRange, match="mean"):
        QuantumState.from_packet(wide, Packet((1.5, 0, 0), (0.1,) * 3))
    with pytest.raises(OutOfRange, match="width of arousal"):
        QuantumState.from_packet(wide, Packet((0, 0, 0), (0.1, 0.003, 0.1)))


def test_padding_keeps_the_precision_and_the_array_module(every_xp: Any) -> None:
    for dtype in (np.complex64, np.complex128):
        state = STATE.astype(dtype).on(every_xp)
        wide = padded(state)
        back, outside = cropped(wide)
        for made in (wide, back):
            assert made.dtype == dtype
            assert all(module_of(core) is every_xp for core in made.cores)
        assert np.array_equal(back.to_dense(), state.to_dense())
        assert outside < 1e-12


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Grid((4, 4, 4), 3), OutOfRange, "padding"),
        (lambda: Grid((4, 4, 4), -1), OutOfRange, "padding"),
        (lambda: Grid((4, 4, 4), 1.0), InvalidValue, "padding"),  # type: ignore[arg-type]
        (lambda: Grid((4, 4, 4), True), InvalidValue, "padding"),
        (lambda: Grid((4, 2, 4), 1), OutOfRange, "bits of arousal"),
        (lambda: Grid((12, 4, 4)).padded(), OutOfRange, "bits of pleasure"),
        (lambda: SMALL.padded(3), OutOfRange, "by"),
        (lambda: SMALL.padded(1).padded(2), OutOfRange, "padding"),
        (lambda: SMALL.padded(-1), OutOfRange, "by"),
        (SMALL.cropped, OutOfRange, "by"),
        (lambda: SMALL.padded().cropped(2), OutOfRange, "by"),
        (lambda: padded(STATE, 3), OutOfRange, "by"),
        (lambda: padded(STATE, "one"), InvalidValue, "by"),  # type: ignore[arg-type]
        (lambda: cropped(STATE), OutOfRange, "by"),
        (lambda: padded("a state"), InvalidValue, "QuantumState"),  # type: ignore[arg-type]
        (lambda: cropped(None), InvalidValue, "QuantumState"),  # type: ignore[arg-type]
        (lambda: cropped(QuantumState(SMALL, tuple(c * 1e200 for c in STATE.cores)), 0), NotFinite, "squared norm"),
        (lambda: cropped(QuantumState(SMALL, tuple(c * 0 for c in STATE.cores)), 0), OutOfRange, "squared norm"),
    ],
)
def test_bad_padding_is_named(make: Callable[[], object], error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
