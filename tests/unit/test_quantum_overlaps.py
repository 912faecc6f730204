"""One state against many packets: the fast path beside encoding each packet, dense arithmetic, and quimb."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, overlaps, packet_fidelities, packet_overlaps
from quantum_memory.types import Floats

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


def test_the_fast_path_is_the_slow_twin_on_28_qubits_and_across_chunks() -> None:
    rng = np.random.default_rng(7)
    state = mood(rng, FULL, 5, np.complex64)
    means, widths, momenta = table(rng, 2 * overlaps.CHUNK + 3)
    rows = [0, overlaps.CHUNK - 1, overlaps.CHUNK, 2 * overlaps.CHUNK, -1]
    for waves in (None, momenta):
        got = packet_overlaps(state, means, widths, waves)
        picked = None if waves is None else waves[rows]
        assert np.abs(got[rows] - one_by_one(state, means[rows], widths[rows], picked)).max() < 1e-5
        assert got.shape == (len(means),)


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
    qtn = pytest.importorskip("quimb.tensor")

    def matrix_product_state(state: QuantumState) -> Any:
        cores = [np.asarray(core) for core in state.cores]
        return qtn.MatrixProductState([cores[0][0], *cores[1:-1], cores[-1][..., 0]], shape="lpr")

    rng = np.random.default_rng(11)
    one, other = mood(rng, FULL, 4, np.complex128), mood(rng, FULL, 3, np.complex128)
    theirs = [matrix_product_state(state) for state in (one, other)]
    assert abs(complex(theirs[0].H @ theirs[1]) - one.overlap(other)) < 1e-10
    assert theirs[0].entropy(10) == pytest.approx(one.entropy(10), abs=1e-9)
