"""Widening, against closed-form Gaussians on the full grid and against plain convolution on small ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, superpose
from quantum_memory.memory.quantum.backend import module_of
from quantum_memory.memory.quantum.widening import MAX_WIDENING, widen

FULL = Grid()
SMALL = Grid((5, 4, 4))
LAW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
ALL: dict[str, Any] = {"max_bond": 1 << 16, "min_fidelity": 1.0}
MIXED = [
    Packet((0.2, -0.7, 0.3), (0.2,) * 3, (2.0, -1.0, 1.5)),
    Packet((-0.8, 0.4, 0.0), (0.3,) * 3, (0.0, 3.0, -2.0)),
]
MEANS = st.tuples(*[st.floats(-0.1, 0.1)] * 3)
THIN = st.tuples(*[st.floats(0.03, 0.06)] * 3)
WAVES = st.tuples(*[st.floats(-15.0, 15.0)] * 3)


def double(grid: Grid, *packets: Packet, xp: Any = np) -> QuantumState:
    return QuantumState.from_packets(grid, packets, dtype=np.complex128, xp=xp).normalised()


def widened(packet: Packet, by: Any) -> Packet:
    """The closed form."""
    width, wave, more = np.array(packet.width), np.array(packet.momentum), np.broadcast_to(by, 3)
    total = width**2 + more**2
    return Packet(packet.mean, tuple(np.sqrt(total).tolist()), tuple((wave * width**2 / total).tolist()))


def spread_of(density: NDArray[Any], spacing: float) -> float:
    """Shannon's differential entropy in nats."""
    kept = density[density > 0.0]
    return float(-(kept * np.log(kept / spacing)).sum())


@LAW
@given(MEANS, THIN, WAVES, st.tuples(*[st.floats(0.0, 0.1)] * 3))
def test_a_packet_on_28_qubits_becomes_the_closed_form(xp: Any, mean: Any, width: Any, momentum: Any, by: Any) -> None:
    packet = Packet(mean, width, momentum)
    made, kept = widen(double(FULL, packet, xp=xp), by, **ALL)
    want = QuantumState.from_packet(FULL, widened(packet, by), dtype=np.complex128, xp=xp)
    assert abs(want.overlap(made) - 1.0) < 1e-10, "its phase at the mean stays too"
    assert made.norm() == pytest.approx(1.0, abs=1e-12)
    assert kept == pytest.approx(1.0, abs=1e-12)
    assert np.abs(made.mean() - mean).max() < 1e-10
    assert np.abs(made.spread() - np.hypot(width, by)).max() < 1e-10


@LAW
@given(st.floats(0.0, 0.07), st.floats(0.0, 0.07))
def test_widening_twice_is_widening_once(one: float, other: float) -> None:
    packets = [Packet((0.1, -0.1, 0.0), (0.05,) * 3, (8.0, 0, -5.0)), Packet((-0.1, 0.1, 0.1), (0.06,) * 3)]
    state = double(FULL, *packets)
    twice = widen(widen(state, one, **ALL)[0], other, **ALL)[0]
    once = widen(state, math.hypot(one, other), **ALL)[0]
    assert abs(twice.overlap(once) - 1.0) < 1e-10


def test_widening_by_nothing_changes_nothing() -> None:
    state = double(SMALL, *MIXED)
    same, kept = widen(state, 0.0, **ALL)
    assert np.abs(same.to_dense() - state.to_dense()).max() < 1e-14
    assert kept == pytest.approx(1.0, abs=1e-14)


@LAW
@given(st.tuples(st.floats(0.13, MAX_WIDENING), *[st.floats(0.26, MAX_WIDENING)] * 2))
def test_widening_is_the_convolution_cut_to_the_cube(xp: Any, by: Any) -> None:
    state = double(SMALL, *MIXED, xp=xp)
    want = state.to_dense()
    for axis in range(3):
        points = SMALL.points(axis)
        kernel = np.exp(-((points[:, None] - points) ** 2) / (4.0 * by[axis] ** 2))
        want = np.moveaxis(np.tensordot(kernel, want, axes=(1, axis)), 0, axis)
    made, _ = widen(state, by, **ALL)
    assert np.abs(made.to_dense() - want / np.linalg.norm(want)).max() < 1e-10


@LAW
@given(
    st.lists(st.tuples(*[st.floats(-0.3, 0.3)] * 3), min_size=1, max_size=4), st.floats(0.03, 0.06), st.floats(0.0, 0.1)
)
def test_the_entropy_of_packets_at_rest_does_not_fall(means: list[Any], width: float, by: float) -> None:
    state = double(FULL, *(Packet(mean, (width,) * 3) for mean in means))
    wide, _ = widen(state, by, **ALL)
    for axis in range(3):
        before, after = (spread_of(s.marginal(axis), FULL.spacing[axis]) for s in (state, wide))
        assert after >= before - 1e-9


def test_a_packet_that_moves_fades_beside_one_at_rest_and_the_entropy_can_fall() -> None:
    rest, moving = Packet((-0.4, 0, 0), (0.05,) * 3), Packet((0.4, 0, 0), (0.05,) * 3, (60.0, 0, 0))
    state = double(FULL, rest, moving)
    wide, _ = widen(state, (0.05, 0.0, 0.0), **ALL)
    # Of the moving packet exp(-k² w² by² / (w² + by²)) is left, of the other all: both shrink alike otherwise.
    left = math.exp(-(60.0**2) * 0.05**2 / 2.0)
    ratio = [abs(widen(double(FULL, p), (0.05, 0, 0), **ALL)[0].overlap(wide)) for p in (moving, rest)]
    assert ratio[0] / ratio[1] == pytest.approx(left, rel=1e-6)
    before, after = (spread_of(s.marginal(0), FULL.spacing[0]) for s in (state, wide))
    assert after < before - 0.2


def test_truncation_is_told_exactly(xp: Any) -> None:
    state = double(SMALL, *MIXED, Packet((0.5, 0.5, -0.5), (0.2, 0.3, 0.2), (0.0, 0.0, 4.0)), xp=xp)
    whole, _ = widen(state, 0.15, **ALL)
    small, kept = widen(state, 0.15, max_bond=2)
    assert small.bond == 2
    assert kept < 0.999
    assert small.fidelity(whole) == pytest.approx(kept, abs=1e-9)


def test_widening_on_another_array_module_is_the_same_and_stays_there(every_xp: Any) -> None:
    here = double(SMALL, *MIXED)
    for dtype, tolerance in ((np.complex128, 1e-12), (np.complex64, 1e-5)):
        want, kept = widen(here.astype(dtype), (0.1, 0.0, 0.3))
        got, also_kept = widen(here.astype(dtype).on(every_xp), (0.1, 0.0, 0.3))
        assert got.dtype == dtype
        assert all(module_of(core) is every_xp for core in got.cores)
        assert got.on(np).fidelity(want) == pytest.approx(1.0, abs=tolerance)
        assert also_kept == pytest.approx(kept, abs=tolerance)


@pytest.mark.parametrize(
    ("by", "error", "words"),
    [
        (-0.1, OutOfRange, "by"),
        (0.6, OutOfRange, "0.6"),
        (math.nan, NotFinite, "by"),
        ((0.1, 0.1), ShapeMismatch, "by"),
        ((0.1, 0.1, 0.7), OutOfRange, "by along dominance"),
        ((0.1, 0.1, math.inf), NotFinite, "by"),
        ("wide", InvalidValue, "by"),
        (True, InvalidValue, "by"),
    ],
)
def test_a_bad_widening_is_named(by: Any, error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words):
        widen(double(SMALL, MIXED[0]), by)


@pytest.mark.parametrize("norm", [1e-30, 1e-15, 1e15, 1e30])
def test_a_state_of_any_norm_widens_alike(xp: Any, norm: float) -> None:
    state = double(SMALL, *MIXED, xp=xp).astype(np.complex64)
    want, kept = widen(state, 0.2)
    got, also_kept = widen(QuantumState(SMALL, (*state.cores[:-1], state.cores[-1] * norm)), 0.2)
    assert got.fidelity(want) == pytest.approx(1.0, abs=1e-6)
    assert also_kept == pytest.approx(kept, abs=1e-6)
    with pytest.raises(InvalidValue, match="QuantumState"):
        widen("a state", 0.2)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_state_of_which_nothing_but_rounding_is_left_is_refused(xp: Any, dtype: Any) -> None:
    fast = QuantumState.from_packet(FULL, Packet((0, 0, 0), (0.1,) * 3, (0.0, 100.0, 0.0)), dtype=dtype, xp=xp)
    with pytest.raises(OutOfRange, match="share of the norm that widening leaves"):
        widen(fast, 0.3)
    empty = QuantumState(SMALL, tuple(xp.zeros((1, 2, 1), dtype=dtype) for _ in range(SMALL.sites)))
    with pytest.raises(OutOfRange, match="norm of the state"):
        widen(empty, 0.1)


@pytest.mark.parametrize(("max_bond", "min_fidelity"), [(0, 0.9), (4, 1.5)])
def test_a_bad_truncation_is_named(max_bond: int, min_fidelity: float) -> None:
    with pytest.raises(OutOfRange):
        widen(double(SMALL, MIXED[0]), 0.1, max_bond=max_bond, min_fidelity=min_fidelity)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_sum_that_cancels_is_refused(xp: Any, dtype: Any) -> None:
    state = double(SMALL, *MIXED, xp=xp).astype(dtype)
    with pytest.raises(OutOfRange, match="norm of"):
        widen(superpose([state, state], [1, -1]), 0.1)
