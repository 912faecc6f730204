"""States against dense arithmetic: superposition, compression, measurement, and that nothing ever changes."""

from __future__ import annotations

import dataclasses
import math
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, linalg, superpose
from quantum_memory.memory.quantum.backend import host, module_of
from tests.unit.quantum_backends import cupy_like

SMALL = Grid((5, 4, 4))
PACKETS = st.builds(
    Packet,
    st.tuples(*[st.floats(-1, 1)] * 3),
    st.tuples(*[st.floats(0.13, 0.6)] * 3),
    st.tuples(*[st.floats(-15, 15)] * 3),
)
WEIGHTS = st.complex_numbers(min_magnitude=0.1, max_magnitude=2.0)
LAW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
MIXTURES = st.lists(st.tuples(PACKETS, WEIGHTS), min_size=1, max_size=5)


def mixture(parts: Sequence[tuple[Packet, complex]], xp: Any) -> QuantumState:
    packets, weights = zip(*parts, strict=True)
    return QuantumState.from_packets(SMALL, packets, weights, dtype=np.complex128, xp=xp)


def some(count: int, seed: int = 0, grid: Grid = SMALL, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.8, 0.8, 3)), tuple(rng.uniform(0.15, 0.4, 3)), tuple(rng.normal(size=3) * 3))
        for _ in range(count)
    ]
    return QuantumState.from_packets(grid, packets, list(rng.normal(size=count) + 0.3j), dtype=dtype, xp=xp)


def times(state: QuantumState, *factors: float) -> QuantumState:
    """The state with its cores multiplied by those factors, the last one standing for all cores to come."""
    each = [*factors, *factors[-1:] * len(state.cores)]
    cores = [core.astype(np.complex128) * factor for core, factor in zip(state.cores, each, strict=False)]
    return QuantumState(state.grid, tuple(core.astype(state.dtype) for core in cores))


def dense_fidelity(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(abs(np.vdot(one, other)) ** 2 / (np.vdot(one, one).real * np.vdot(other, other).real))


@LAW
@given(MIXTURES, MIXTURES)
def test_superposition_is_linear(xp: Any, left: Any, right: Any) -> None:
    a, b = mixture(left, xp), mixture(right, xp)
    both = superpose([a, b], [0.6 - 0.2j, 1.5j])
    want = (0.6 - 0.2j) * a.to_dense() + 1.5j * b.to_dense()
    assert np.allclose(both.to_dense(), want, atol=1e-12)
    assert both.bonds == tuple(p + q for p, q in zip(a.bonds, b.bonds, strict=True))
    assert a.overlap(both) == pytest.approx(np.vdot(a.to_dense(), want), abs=1e-10)


@settings(LAW, max_examples=40)
@given(MIXTURES, st.integers(1, 12), st.sampled_from([0.0, 0.9, 1 - 1e-3, 1 - 1e-7, 1.0]))
def test_compression_reports_the_fidelity_it_kept(xp: Any, parts: Any, max_bond: int, min_fidelity: float) -> None:
    state = mixture(parts, xp)
    if state.norm() < 1e-3:
        return
    small, kept = state.compress(max_bond, min_fidelity)
    assert kept == pytest.approx(small.fidelity(state), abs=1e-9)
    assert kept == pytest.approx(dense_fidelity(small.to_dense(), state.to_dense()), abs=1e-9)
    assert small.bond <= max_bond
    assert kept >= min_fidelity - 1e-12 or small.bond == max_bond
    assert small.norm() == pytest.approx(1.0, abs=1e-12)
    phase = small.overlap(state)
    assert phase.real == pytest.approx(abs(phase), abs=1e-9), "the phase of the state is kept"


@LAW
@given(MIXTURES)
def test_compressing_again_takes_nothing_more(xp: Any, parts: Any) -> None:
    state = mixture(parts, xp)
    if state.norm() < 1e-3:
        return
    small, _ = state.compress(64, 1 - 1e-6)
    again, kept = small.compress(small.bond, 0.0)
    assert again.bond <= small.bond
    exact, whole = small.compress(64, 1.0)
    assert whole == pytest.approx(1.0, abs=1e-12)
    assert exact.fidelity(small) == pytest.approx(1.0, abs=1e-12)
    assert kept <= 1.0 + 1e-15


def test_more_bonds_keep_more(xp: Any) -> None:
    state = some(12, grid=Grid(), dtype=np.complex64, xp=xp)
    kept = [state.compress(bond)[1] for bond in (1, 2, 4, 8, 16, 32)]
    assert kept == sorted(kept)
    assert kept[0] < 0.9
    assert kept[-1] > 1 - 1e-6


def test_single_precision_stays_single_and_keeps_the_fidelity_asked_for(xp: Any) -> None:
    state = some(5, grid=Grid(), dtype=np.complex64, xp=xp)
    small, kept = state.compress()
    assert {core.dtype for core in small.cores} == {np.dtype(np.complex64)}
    assert 1 - 1e-7 <= kept <= 1.0
    assert small.fidelity(state) == pytest.approx(kept, abs=1e-9)
    assert small.bond <= 20


def test_a_stubborn_matrix_goes_to_the_slower_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    state = some(3)
    want, kept = state.compress()
    monkeypatch.setattr(np.linalg, "svd", refuse)
    got, also_kept = state.compress()
    assert got.fidelity(want) == pytest.approx(1.0, abs=1e-12)
    assert also_kept == pytest.approx(kept, abs=1e-12)
    with pytest.raises(NotFinite):
        linalg.svd(np.array([[1.0, math.nan], [0.0, 1.0]]))


@LAW
@given(MIXTURES)
def test_measurements_are_those_of_the_dense_density(xp: Any, parts: Any) -> None:
    state = mixture(parts, xp)
    dense = state.to_dense()
    total = np.vdot(dense, dense).real
    if total < 1e-4:
        return
    density = np.abs(dense) ** 2 / total
    x = np.meshgrid(*(SMALL.points(axis) for axis in range(3)), indexing="ij")
    mean = np.array([(density * axis).sum() for axis in x])
    covariance = np.array([[(density * a * b).sum() for a in x] for b in x]) - np.outer(mean, mean)
    assert np.allclose(state.mean(), mean, atol=1e-10)
    assert np.allclose(state.covariance(), covariance, atol=1e-10)
    assert np.allclose(state.spread(), np.sqrt(np.diagonal(covariance)), atol=1e-9)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        assert np.allclose(state.marginal(axis), density.sum(axis=others), atol=1e-12)
    for cut in (1, 5, 9, 12):
        values = np.linalg.svd(dense.reshape(1 << cut, -1), compute_uv=False) ** 2 / total
        values = values[values > 1e-30]
        assert state.entropy(cut) == pytest.approx(-(values * np.log2(values)).sum(), abs=1e-7)


def test_a_packet_is_not_entangled_and_a_mixed_feeling_is(xp: Any) -> None:
    grid = Grid()
    joy, grief = Packet((0.7, 0.6, 0.5), (0.1,) * 3), Packet((-0.7, -0.6, -0.5), (0.1,) * 3)
    assert QuantumState.from_packet(grid, joy, dtype=np.complex128, xp=xp).entropy(10) == pytest.approx(0.0, abs=1e-9)
    both = QuantumState.from_packets(grid, [joy, grief], dtype=np.complex128, xp=xp)
    assert both.entropy(10) == pytest.approx(1.0, abs=1e-6)
    assert np.allclose(both.mean(), 0.0, atol=1e-6)
    density = QuantumState.from_packet(grid, joy, dtype=np.complex128, xp=xp)
    assert np.allclose(density.spread(), 0.1, atol=2e-3), "the width is that of the probability"


def test_parts_of_a_superposition_interfere(xp: Any) -> None:
    still, turned = Packet((0.0, 0.0, 0.0), (0.2,) * 3), Packet((0.05, 0.0, 0.0), (0.2,) * 3)
    plus = QuantumState.from_packets(SMALL, [still, turned], [1, 1], dtype=np.complex128, xp=xp)
    minus = QuantumState.from_packets(SMALL, [still, turned], [1, -1], dtype=np.complex128, xp=xp)
    assert plus.norm() > 1.9
    assert minus.norm() < 0.3


def test_normalised_has_norm_one_and_is_the_same_feeling(xp: Any) -> None:
    state = some(3, xp=xp)
    assert state.normalised().norm() == pytest.approx(1.0, abs=1e-12)
    assert state.normalised().fidelity(state) == pytest.approx(1.0, abs=1e-12)


def test_a_state_prints_as_one_line_without_its_numbers(xp: Any) -> None:
    state = QuantumState.random(Grid((4, 3, 3), padding=1), 4, 0, xp=xp)
    assert repr(state).startswith("QuantumState(Grid(bits=(4, 3, 3), padding=1), bond 4, complex64, ")
    assert len(repr(state)) < 120
    with pytest.raises(InvalidValue) as caught:
        state.overlap([[1.0] * 1000] * 1000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


def test_a_norm_is_divided_out_where_one_core_could_not_bear_it(xp: Any) -> None:
    state = QuantumState.random(SMALL, 1, 0, xp=xp)
    lopsided = times(state, 1e37, 1e-20, 1e-20, 1.0)
    assert lopsided.normalised().norm() == pytest.approx(1.0, abs=1e-5)
    assert lopsided.normalised().fidelity(state) == pytest.approx(1.0, abs=1e-5)


def test_nothing_in_a_state_can_be_changed() -> None:
    state = some(2)
    made = [
        state,
        state.normalised(),
        state.compress()[0],
        state.astype(np.complex64),
        QuantumState.from_bytes(state.to_bytes()),
        pickle.loads(pickle.dumps(state)),  # noqa: S301 - our own bytes
        QuantumState(SMALL, tuple(core.copy() for core in state.cores)),
    ]
    for one in made:
        assert one.fidelity(state) == pytest.approx(1.0, abs=1e-6)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, "cores", ())  # noqa: B010 - mypy would refuse the plain assignment
        for core in one.cores:
            with pytest.raises(ValueError, match="read-only"):
                core[...] = 0


def test_operations_leave_their_arguments_as_they_were(xp: Any) -> None:
    state, other = some(3, xp=xp), some(2, seed=1, xp=xp)
    before = state.to_bytes(), other.to_bytes()
    superpose([state, other], [1, 2])
    state.compress(3)
    state.normalised()
    state.overlap(other)
    state.marginal(1)
    state.entropy(5)
    state.mean_and_covariance()
    assert (state.to_bytes(), other.to_bytes()) == before


def bad_cores() -> list[tuple[Any, type[QuantumMemoryError]]]:
    good = [core.copy() for core in some(2).cores]

    def with_core(site: int, core: Any) -> list[Any]:
        return [*good[:site], core, *good[site + 1 :]]

    hole = good[3].copy()
    hole[0, 0, 0] = math.nan
    return [
        (good[:-1], ShapeMismatch),
        (with_core(3, good[3][:, :1]), ShapeMismatch),
        (with_core(3, good[3][:-1]), ShapeMismatch),
        (with_core(3, good[3][0]), ShapeMismatch),
        (with_core(12, np.ones((good[12].shape[0], 2, 2), dtype=np.complex128)), ShapeMismatch),
        (with_core(3, good[3].astype(np.complex64)), InvalidValue),
        ([core.real for core in good], InvalidValue),
        (with_core(3, hole), NotFinite),
    ]


@pytest.mark.parametrize(("cores", "error"), bad_cores())
def test_bad_cores_are_refused(cores: Any, error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        QuantumState(SMALL, cores)


@settings(LAW, max_examples=30)
@example([(Packet((0, 0, 0), (0.5,) * 3), 1.0)], (np.complex64, 32.0, 2.0))
@given(
    MIXTURES,
    st.tuples(st.sampled_from([np.complex64, np.complex128]), st.floats(-30.0, 35.0), st.floats(-0.5, 2.0)),
)
def test_no_answer_depends_on_the_norm(xp: Any, parts: Any, how: tuple[Any, float, float]) -> None:
    dtype, first, others = how
    state = mixture(parts, xp)
    if state.norm() < 1e-2:
        return
    state = state.compress()[0].astype(dtype)
    large = times(state, 10.0**first, 10.0**others)
    near = 1e-5 if dtype == np.complex64 else 1e-10
    assert large.fidelity(state) == pytest.approx(1.0, abs=near)
    assert state.fidelity(large) == pytest.approx(1.0, abs=near)
    assert large.normalised().norm() == pytest.approx(1.0, abs=near)
    assert large.normalised().fidelity(state) == pytest.approx(1.0, abs=near)
    assert large.compress(64, 1.0)[0].fidelity(state) == pytest.approx(1.0, abs=near)
    assert np.allclose(large.mean(), state.mean(), atol=near)
    assert np.allclose(large.marginal(0), state.marginal(0), atol=near)
    assert np.allclose(large.marginal_pair(0, 2), state.marginal_pair(0, 2), atol=near)
    assert np.allclose(large.reduced([0, 7]), state.reduced([0, 7]), atol=near)
    assert np.allclose(large.entropies(), state.entropies(), atol=1e3 * near)
    point = [0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1]
    assert large.probability(point) == pytest.approx(state.probability(point), abs=near)
    assert np.array_equal(large.measure([0, 5], 1).bits, state.measure([0, 5], 1).bits)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("name", ["norm", "normalised", "compress", "mean", "marginal", "joint", "reduced", "fidelity",
                                  "overlap", "probability", "sample", "measure", "entropies", "schmidt"])  # fmt: skip
def test_a_norm_that_overflows_is_named(xp: Any, dtype: Any, name: str) -> None:
    state = some(2, xp=xp, dtype=dtype)
    large = times(state, 1e30 if dtype == np.complex64 else 1e200)
    asked: dict[str, Callable[[], object]] = {
        "norm": large.norm,
        "normalised": large.normalised,
        "compress": large.compress,
        "mean": large.mean,
        "marginal": lambda: large.marginal(1),
        "joint": lambda: large.marginal_pair(0, 2),
        "reduced": lambda: large.reduced([1, 2]),
        "fidelity": lambda: state.fidelity(large),
        "overlap": lambda: large.overlap(large),
        "probability": lambda: large.probability([0] * 13),
        "sample": lambda: large.sample(3, 0),
        "measure": lambda: large.measure(None, 0),
        "entropies": large.entropies,
        "schmidt": lambda: large.schmidt(4),
    }
    with pytest.raises(NotFinite):
        asked[name]()


def test_amplitudes_that_overflow_are_named(xp: Any) -> None:
    large = times(some(2, xp=xp), 1e300)
    with pytest.raises(NotFinite, match="amplitude"):
        large.amplitude([0, 1] * 6 + [0])
    with pytest.raises(NotFinite, match="amplitude"):
        large.to_dense()


def test_what_single_precision_cannot_hold_is_named(xp: Any) -> None:
    state = some(2, xp=xp)
    with pytest.raises(NotFinite, match="core 3"):
        times(state, 1.0, 1.0, 1.0, 1e50, 1.0).astype(np.complex64)
    with pytest.raises(NotFinite, match="core 0"):
        superpose([state.astype(np.complex64)], [1e50])
    assert superpose([state], [1e50]).fidelity(state) == pytest.approx(1.0, abs=1e-12)


def test_states_of_two_modules_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    device = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", device)
    here, there = some(2), some(2, xp=device)
    for call in (here.overlap, here.fidelity, lambda other: superpose([here, other], [1, 1])):
        with pytest.raises(InvalidValue, match="array module"):
            call(there)
    with pytest.raises(InvalidValue, match="core 4"):
        QuantumState(SMALL, (*here.cores[:4], *there.cores[4:]))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("grid", [Grid((2, 2, 2)), Grid((4, 3, 3), padding=1), Grid()])
@pytest.mark.parametrize("bond", [1, 3])
def test_every_grid_and_bond_answers_everything(xp: Any, grid: Grid, bond: int, dtype: Any) -> None:
    state = QuantumState.random(grid, bond, 7, dtype=dtype, xp=xp)
    assert all(module_of(core) is xp for core in state.cores)
    small, kept = state.compress(1, 0.0)
    assert small.bond == 1
    assert kept == pytest.approx(small.fidelity(state), abs=1e-9)
    mean, covariance = state.mean_and_covariance()
    pad = state.sample_pad(3000, 0)
    assert np.allclose(pad.mean(axis=0), mean, atol=6 * grid.half_edge / math.sqrt(3000))
    assert (np.linalg.eigvalsh(covariance) > -1e-12).all()
    for axis in range(3):
        assert state.marginal(axis) @ grid.points(axis) == pytest.approx(mean[axis], abs=1e-5)
        assert state.marginal(axis).sum() == pytest.approx(1.0, abs=1e-12)
    last = grid.sites - 1
    assert state.entropies().shape == (last,)
    assert state.reduced([last, 0]).shape == (4, 4)
    found = state.measure(None, 1)
    assert found.probability == pytest.approx(state.probability(found.bits), rel=1e-4)
    back = QuantumState.from_bytes(state.to_bytes(), xp=xp)
    assert back.grid == grid
    assert all(np.array_equal(host(a), host(b)) for a, b in zip(back.cores, state.cores, strict=True))


def test_the_error_about_grids_tells_the_padding() -> None:
    inner = QuantumState.random(Grid((4, 4, 4)), 2, 0)
    outer = QuantumState.random(Grid((4, 4, 4), padding=1), 2, 0)
    with pytest.raises(InvalidValue, match=r"padding=0.*padding=1"):
        inner.overlap(outer)


def test_bad_arguments_are_refused(xp: Any) -> None:
    state: Any = some(2, xp=xp)
    zero = QuantumState(SMALL, tuple(core * 0 for core in state.cores))
    elsewhere = QuantumState.from_packet(Grid((4, 4, 4)), Packet((0, 0, 0), (0.2,) * 3), xp=xp)
    wrong: Any = "a state"
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (InvalidValue, lambda: QuantumState(wrong, state.cores)),
        (InvalidValue, lambda: QuantumState(SMALL, wrong)),
        (InvalidValue, lambda: QuantumState(SMALL, (*state.cores[:-1], wrong))),
        (InvalidValue, lambda: QuantumState.from_packet(SMALL, wrong)),
        (InvalidValue, lambda: QuantumState.from_packet(wrong, Packet((0, 0, 0), (0.2,) * 3))),
        (InvalidValue, lambda: QuantumState.from_packets(SMALL, wrong)),
        (InvalidValue, lambda: QuantumState.vacuum(wrong)),
        (InvalidValue, lambda: QuantumState.random(wrong, 2, 0)),
        (InvalidValue, lambda: state.overlap(wrong)),
        (InvalidValue, lambda: state.fidelity(3)),
        (InvalidValue, lambda: state.astype(wrong)),
        (InvalidValue, lambda: superpose(wrong, [1])),
        (InvalidValue, lambda: superpose([wrong], [1])),
        (InvalidValue, lambda: superpose([state, wrong], [1, 1])),
        (InvalidValue, lambda: superpose([state], wrong)),
        (InvalidValue, lambda: superpose([state], ["1"])),  # type: ignore[list-item]
        (InvalidValue, lambda: superpose([state], [None])),  # type: ignore[list-item]
        (InvalidValue, lambda: superpose([state], np.array(1.0))),  # type: ignore[arg-type]
        (NotFinite, lambda: superpose([state], [10**400])),
        (InvalidValue, lambda: state.compress("a")),
        (InvalidValue, lambda: state.compress(None)),
        (InvalidValue, lambda: state.compress(["a"] * 12)),
        (InvalidValue, lambda: state.compress(8, "most")),
        (InvalidValue, lambda: state.reduced(3)),
        (InvalidValue, lambda: state.reduced(None)),
        (InvalidValue, lambda: state.measure(0, 1)),
        (InvalidValue, lambda: superpose([], [])),
        (ShapeMismatch, lambda: superpose([state], [1, 2])),
        (NotFinite, lambda: superpose([state], [math.nan])),
        (InvalidValue, lambda: superpose([state, elsewhere], [1, 1])),
        (InvalidValue, lambda: state.overlap(elsewhere)),
        (OutOfRange, lambda: state.compress(0)),
        (InvalidValue, lambda: state.compress(2.5)),
        (OutOfRange, lambda: state.compress(8, 1.1)),
        (OutOfRange, zero.compress),
        (OutOfRange, zero.normalised),
        (OutOfRange, zero.mean),
        (OutOfRange, lambda: zero.marginal(0)),
        (OutOfRange, lambda: zero.entropy(4)),
        (OutOfRange, lambda: zero.fidelity(state)),
        (OutOfRange, lambda: state.marginal(3)),
        (OutOfRange, lambda: state.entropy(0)),
        (OutOfRange, lambda: state.entropy(13)),
        (OutOfRange, QuantumState.from_packet(Grid(), Packet((0, 0, 0), (0.2,) * 3), xp=xp).to_dense),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()


CANCELLED = {
    "normalised": lambda state: state.normalised(),
    "compress": lambda state: state.compress(),
    "mean": lambda state: state.mean(),
    "marginal": lambda state: state.marginal(1),
    "marginal_pair": lambda state: state.marginal_pair(0, 2),
    "reduced": lambda state: state.reduced([1, 7]),
    "schmidt": lambda state: state.schmidt(5),
    "entropies": lambda state: state.entropies(),
    "fidelity": lambda state: state.fidelity(state),
    "probability": lambda state: state.probability([0] * 13),
    "sample": lambda state: state.sample(1, 0),
    "measure": lambda state: state.measure([0], 0),
}


@pytest.mark.parametrize("name", CANCELLED)
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_sum_that_cancels_is_refused_and_its_rounding_never_passes_for_a_state(
    xp: Any, name: str, dtype: Any
) -> None:
    for seed in range(5):
        one = some(3, seed, dtype=dtype, xp=xp).compress()[0]
        other = QuantumState.random(SMALL, 4, seed, dtype=dtype, xp=xp)
        for states, weights in (([one, one], [1, -1]), ([one, other, one, other], [0.3, 0.7j, -0.3, -0.7j])):
            with pytest.raises(OutOfRange, match="norm of"):
                CANCELLED[name](superpose(states, weights))


@pytest.mark.parametrize("left", [1e-3, 1e-6])
def test_a_sum_that_nearly_cancels_is_what_dense_arithmetic_leaves(left: float) -> None:
    one, other = some(3, 1).compress()[0], some(2, 2).compress()[0]
    small, kept = superpose([one, other, one], [1, left, -1]).compress(64, 1.0)
    assert kept == pytest.approx(1.0, abs=1e-9)
    assert small.fidelity(other) == pytest.approx(1.0, abs=1e-9)
