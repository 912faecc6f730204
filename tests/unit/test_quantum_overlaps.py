"""One state against many packets: the fast path beside encoding each packet, dense arithmetic, and quimb."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import (
    Grid,
    Packet,
    Projector,
    QuantumState,
    nodes,
    overlaps,
    packet_fidelities,
    packet_overlaps,
)
from quantum_memory.types import Floats
from tests.unit.quimbs import quimb_tensor

FULL = Grid()
SMALL = Grid((5, 4, 4))


def table(rng: np.random.Generator, count: int) -> tuple[Floats, Floats, Floats]:
    return rng.uniform(-1, 1, (count, 3)), rng.uniform(0.13, 0.5, (count, 3)), rng.normal(size=(count, 3)) * 4


def mood(rng: np.random.Generator, grid: Grid, count: int, dtype: Any) -> QuantumState:
    packets = [Packet(*map(tuple, row)) for row in zip(*table(rng, count), strict=True)]
    return QuantumState.from_packets(grid, packets, dtype=dtype).compress(64, 1 - 1e-9)[0]


def one_by_one(state: QuantumState, means: Floats, widths: Floats, momenta: Floats | None) -> Any:
    """The slow twin: encode every packet and contract it with the state."""
    still = np.zeros_like(means) if momenta is None else momenta
    rows = zip(means, widths, still, strict=True)
    packets = [QuantumState.from_packet(state.grid, Packet(*map(tuple, r)), dtype=np.complex128) for r in rows]
    return np.array([packet.overlap(state) for packet in packets])


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans(), st.sampled_from([SMALL, Grid((4, 6, 5))]))
def test_the_fast_path_is_the_slow_twin(seed: int, parts: int, moving: bool, grid: Grid) -> None:
    rng = np.random.default_rng(seed)
    means, widths, momenta = table(rng, 20)
    for dtype, tolerance in ((np.complex128, 1e-11), (np.complex64, 1e-5)):
        state = mood(rng, grid, parts, dtype)
        waves = momenta if moving else None
        want = one_by_one(state, means, widths, waves)
        assert np.abs(packet_overlaps(state, means, widths, waves) - want).max() < tolerance
        assert np.abs(packet_fidelities(state, means, widths, waves) - np.abs(want) ** 2).max() < tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.complex64, 1e-5), (np.complex128, 1e-11)])
def test_the_fast_path_is_the_slow_twin_on_28_qubits_and_across_chunks(dtype: Any, tolerance: float, xp: Any) -> None:
    rng = np.random.default_rng(7)
    state = mood(rng, FULL, 5, dtype)
    count = overlaps.CHUNK_NUMBERS // 64 + 3
    means, widths, momenta = table(rng, count)
    projector = Projector(state.on(xp))
    rows = [0, 1, count // 2, -2, -1]
    for waves in (None, momenta):
        got = projector.overlaps(means, widths, waves)
        picked = None if waves is None else waves[rows]
        assert np.abs(got[rows] - one_by_one(state, means[rows], widths[rows], picked)).max() < tolerance
        assert got.shape == (len(means),)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([FULL, Grid((11, 10, 10), 1), Grid((7, 8, 7))]), st.booleans())
def test_few_points_say_what_all_points_say(seed: int, grid: Grid, moving: bool) -> None:
    """Packets of every width and pace together: each is sampled as finely as it needs, and one by one none is."""
    rng = np.random.default_rng(seed)
    least = 1.01 * max(grid.spacing)
    means = rng.uniform(-1, 1, (150, 3))
    widths = least * (0.5 / least) ** rng.uniform(0, 1, (150, 1)) * rng.uniform(1.0, 1.5, (150, 3))
    momenta = rng.normal(size=(150, 3)) * 10.0 ** rng.uniform(-1, 2, (150, 1)) if moving else None
    if momenta is not None:
        momenta = np.clip(momenta, -3.0 / max(grid.spacing), 3.0 / max(grid.spacing))
    for dtype, tolerance in ((np.complex64, 3e-6), (np.complex128, 1e-12)):
        state = mood(rng, grid, 3, dtype)
        together = Projector(state).overlaps(means, widths, momenta)
        rows = range(0, 150, 10)
        alone = [
            Projector(state).overlaps(*(None if t is None else t[[r]] for t in (means, widths, momenta))) for r in rows
        ]
        assert np.abs(together[list(rows)] - np.concatenate(alone)).max() < tolerance


@settings(deadline=None, max_examples=100)
@given(st.floats(-1, 1), st.floats(0.0, 1.0), st.floats(-1.0, 1.0), st.sampled_from([np.dtype("f4"), np.dtype("f8")]))
def test_between_the_points_a_packet_is_known_to_the_error_that_is_promised(
    mean: float, place: float, pace: float, real: Any
) -> None:
    width = 0.02 * 50.0**place
    momentum = 40.0 * pace
    cells = int(nodes.cells_needed(FULL, np.full((1, 3), width), np.full((1, 3), momentum), real)[0])
    if not cells:
        return
    accuracy = nodes.ACCURACY[real]
    at = nodes.of_cells(FULL, 0, cells, accuracy.order).points
    grid = FULL.points(0)
    unit = np.eye(len(grid), dtype=np.complex128)
    for scale, wave in ((4.0 * width**2, momentum), (2.0 * width**2, 0.0)):
        known = np.exp(-((at - mean) ** 2) / scale + 1j * wave * at)
        between = known @ nodes.gathered(unit, cells, accuracy.order)
        error = np.abs(between - np.exp(-((grid - mean) ** 2) / scale + 1j * wave * grid)).max()
        assert error < accuracy.error + 2e-14
    assert accuracy.order * cells * 2 <= min(FULL.shape)


def closed_form(one: Packet, other: Packet) -> complex:
    """⟨one|other⟩ of two normalised Gaussians on the whole line, axis by axis."""
    found = 1.0 + 0.0j
    for m1, w1, k1, m2, w2, k2 in zip(
        one.mean, one.width, one.momentum, other.mean, other.width, other.momentum, strict=True
    ):
        a, b = 1 / (4 * w1**2), 1 / (4 * w2**2)
        # exp(-a (x - m1)^2 - b (x - m2)^2 - i k1 (x - m1) + i k2 (x - m2)) is exp(-(a + b) x^2 + p x + q).
        p = 2 * a * m1 + 2 * b * m2 + 1j * (k2 - k1)
        q = -a * m1**2 - b * m2**2 + 1j * (k1 * m1 - k2 * m2)
        norm = (2 * math.pi * w1**2) ** -0.25 * (2 * math.pi * w2**2) ** -0.25
        found *= norm * math.sqrt(math.pi / (a + b)) * np.exp(p * p / (4 * (a + b)) + q)
    return complex(found)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_packets_on_28_qubits_overlap_as_gaussians_do_in_closed_form(seed: int, many: bool) -> None:
    rng = np.random.default_rng(seed)
    count = 40 if many else 5
    means, widths = rng.uniform(-0.2, 0.2, (count, 3)), rng.uniform(0.02, 0.09, (count, 3))
    momenta = rng.normal(size=(count, 3)) * 6
    packets = [Packet(*map(tuple, row)) for row in zip(means, widths, momenta, strict=True)]
    weights = (rng.normal(size=3) + 1j * rng.normal(size=3)).tolist()
    state = QuantumState.from_packets(FULL, packets[:3], weights, dtype=np.complex128)
    want = [sum(w * closed_form(one, part) for w, part in zip(weights, packets[:3], strict=True)) for one in packets]
    assert np.abs(packet_overlaps(state, means, widths, momenta) - want).max() < 1e-10
    assert state.norm() ** 2 == pytest.approx(
        sum(
            (weights[i].conjugate() * weights[j] * closed_form(packets[i], packets[j])).real
            for i in range(3)
            for j in range(3)
        ),
        abs=1e-10,
    )


def test_what_was_gathered_is_kept_and_counted() -> None:
    rng = np.random.default_rng(5)
    projector = Projector(mood(rng, FULL, 2, np.complex64))
    means, widths, _ = table(rng, 200)
    before = projector.nbytes
    first = projector.overlaps(means, widths)
    held = projector.nbytes
    assert before < held < 2 * before
    assert np.array_equal(projector.overlaps(means, widths), first)
    assert projector.nbytes == held


def test_a_packet_meets_itself_with_fidelity_one() -> None:
    state = QuantumState.from_packet(FULL, Packet((0.4, -0.2, 0.1), (0.1, 0.1, 0.15), (3.0, 0.0, -2.0)))
    args = [[0.4, -0.2, 0.1]], [[0.1, 0.1, 0.15]]
    assert packet_fidelities(state, *args, [[3.0, 0.0, -2.0]])[0] == pytest.approx(1.0, abs=1e-6)
    falling = packet_fidelities(state, *args, [[-3.0, 0.0, 2.0]])[0]
    assert falling == pytest.approx(math.exp(-((0.1 * 6) ** 2) - (0.15 * 4) ** 2), abs=1e-5), (
        "momentum tells them apart"
    )


def test_no_packets_have_no_fidelities() -> None:
    state = mood(np.random.default_rng(0), SMALL, 2, np.complex64)
    got = packet_fidelities(state, np.empty((0, 3)), np.empty((0, 3)))
    assert got.shape == (0,)
    assert got.dtype == np.float64


@pytest.mark.parametrize(
    ("means", "widths", "momenta", "error"),
    [
        (np.zeros(3), np.full(3, 0.2), None, ShapeMismatch),
        (np.zeros((2, 2)), np.full((2, 2), 0.2), None, ShapeMismatch),
        (np.zeros((2, 3)), np.full((1, 3), 0.2), None, ShapeMismatch),
        (np.zeros((2, 3)), np.full((2, 3), 0.2), np.zeros((3, 3)), ShapeMismatch),
        (np.full((2, 3), 1.5), np.full((2, 3), 0.2), None, OutOfRange),
        (np.zeros((2, 3)), np.full((2, 3), 0.01), None, OutOfRange),
        (np.zeros((2, 3)), np.full((2, 3), -0.2), None, OutOfRange),
        (np.zeros((2, 3)), np.full((2, 3), 0.2), np.full((2, 3), 1e3), OutOfRange),
        (np.full((2, 3), math.nan), np.full((2, 3), 0.2), None, NotFinite),
        ([["a", "b", "c"]], np.full((1, 3), 0.2), None, InvalidValue),
    ],
)
def test_bad_packets_are_refused(means: Any, widths: Any, momenta: Any, error: type[QuantumMemoryError]) -> None:
    state = mood(np.random.default_rng(0), SMALL, 1, np.complex64)
    with pytest.raises(error):
        packet_fidelities(state, means, widths, momenta)


def test_arguments_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    state = mood(rng, SMALL, 2, np.complex64)
    given = table(rng, 9)
    before = [array.copy() for array in given]
    packet_overlaps(state, *given)
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))
    assert all(array.flags.writeable for array in given)


def test_quimb_finds_the_same_overlap_and_entropy() -> None:
    qtn = quimb_tensor()

    def matrix_product_state(state: QuantumState) -> Any:
        cores = [np.asarray(core) for core in state.cores]
        return qtn.MatrixProductState([cores[0][0], *cores[1:-1], cores[-1][..., 0]], shape="lpr")

    rng = np.random.default_rng(11)
    one, other = mood(rng, FULL, 4, np.complex128), mood(rng, FULL, 3, np.complex128)
    theirs = [matrix_product_state(state) for state in (one, other)]
    assert abs(complex(theirs[0].H @ theirs[1]) - one.overlap(other)) < 1e-10
    assert theirs[0].entropy(10) == pytest.approx(one.entropy(10), abs=1e-9)


def test_what_a_projector_cannot_hold_is_a_named_error() -> None:
    with pytest.raises(InvalidValue, match="QuantumState"):
        Projector("a state")  # type: ignore[arg-type]
    cores = [np.zeros((1, 2, 1), dtype=np.complex64) for _ in range(FULL.sites)]
    for last in (9, 18):
        cores[last] = np.zeros((1, 2, 1 << 14), dtype=np.complex64)
        cores[last + 1] = np.zeros((1 << 14, 2, 1), dtype=np.complex64)
    with pytest.raises(OutOfRange, match="block of arousal"):
        Projector(QuantumState(FULL, tuple(cores)))
    state = mood(np.random.default_rng(0), SMALL, 2, np.complex64)
    for sites in ((0, 1), (0, 5)):  # within an axis, and between two
        large = [core * np.complex64(1e30) if site in sites else core for site, core in enumerate(state.cores)]
        with pytest.raises(NotFinite):
            Projector(QuantumState(SMALL, tuple(large))).overlaps(np.zeros((1, 3)), np.full((1, 3), 0.3))


def test_many_packets_on_a_large_state_take_bounded_memory() -> None:
    state = QuantumState.random(Grid((7, 7, 7)), 128, 0)
    ready = Projector(state)
    rng = np.random.default_rng(0)
    means, widths = rng.uniform(-1, 1, (3000, 3)), rng.uniform(0.3, 0.5, (3000, 3))
    tracemalloc.start()
    found = ready.overlaps(means, widths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 5 * overlaps.JOINED_NUMBERS / 2, "with no bound it was four times as much"
    some = [0, 1500, 2999]
    assert np.abs(found[some] - one_by_one(state, means[some], widths[some], None)).max() < 1e-6
