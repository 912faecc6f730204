"""The grid, the packet and its encoding, against sampled and closed-form Gaussians."""

from __future__ import annotations

import cmath
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, Packets, QuantumState
from quantum_memory.types import PAD

FULL = Grid()
SMALL = Grid((5, 4, 4))
MIDDLE = st.tuples(*[st.floats(-0.35, 0.35)] * 3)
THIN = st.tuples(*[st.floats(0.03, 0.08)] * 3)
WAVES = st.tuples(*[st.floats(-20.0, 20.0)] * 3)
LAW = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
INNER = st.builds(Packet, MIDDLE, THIN, WAVES)


def encoded(packet: Packet, dtype: Any = np.complex64) -> QuantumState:
    return QuantumState.from_packet(SMALL, packet, dtype=dtype)


def closed_form(one: Packet, other: Packet) -> complex:
    """⟨one|other⟩ of two Gaussians on the whole line, axis by axis."""
    product: complex = 1.0
    for m, s, k, n, t, q in zip(
        *(getattr(p, name) for p in (one, other) for name in ("mean", "width", "momentum")), strict=True
    ):
        a, b = 1.0 / (4.0 * s * s), 1.0 / (4.0 * t * t)
        linear = 2.0 * a * m + 2.0 * b * n + 1j * (q - k)
        constant = -a * m * m - b * n * n + 1j * (k * m - q * n)
        scale = (2.0 * math.pi * s * s) ** -0.25 * (2.0 * math.pi * t * t) ** -0.25
        product *= scale * math.sqrt(math.pi / (a + b)) * cmath.exp(linear**2 / (4.0 * (a + b)) + constant)
    return product


def test_points_are_cell_centres_and_their_bits_add_up() -> None:
    grid = Grid((3, 2, 4))
    assert grid.sites == 9
    assert grid.points(1).tolist() == [-0.75, -0.25, 0.25, 0.75]
    for axis in range(3):
        points, steps = grid.points(axis), grid.steps(axis)
        assert np.allclose(points, -points[::-1], atol=1e-15)
        for index, point in enumerate(points):
            bits = [int(bit) for bit in format(index, f"0{grid.bits[axis]}b")]
            assert point == pytest.approx(grid.origin[axis] + np.dot(bits, steps), abs=1e-15)
    assert [(s.start, s.stop) for s in grid.blocks()] == [(0, 3), (3, 5), (5, 9)]


@pytest.mark.parametrize(
    ("bits", "error"),
    [
        ((10, 9), InvalidValue),
        ((10, 9, 9.0), InvalidValue),
        ((True, 9, 9), InvalidValue),
        ((1, 9, 9), OutOfRange),
        ((13, 9, 9), OutOfRange),
        ("abc", InvalidValue),
    ],
)
def test_a_bad_grid_is_refused(bits: Any, error: type[QuantumMemoryError]) -> None:
    with pytest.raises(error):
        Grid(bits)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Packet((0, 0), (0.1, 0.1, 0.1)), ShapeMismatch, "mean"),  # type: ignore[arg-type]
        (lambda: Packet((0, 0, 1.01), (0.1, 0.1, 0.1)), OutOfRange, "1.01"),
        (lambda: Packet((0, 0, math.nan), (0.1, 0.1, 0.1)), NotFinite, "mean"),
        (lambda: Packet((0, 0, 0), (0.1, 0.0, 0.1)), OutOfRange, "width"),
        (lambda: Packet((0, 0, 0), (0.1, 0.1, 101.0)), OutOfRange, "101"),
        (lambda: Packet((0, 0, 0), (0.1, 0.1, 0.1), (0, math.inf, 0)), NotFinite, "momentum"),
        (lambda: Packet("joy", (0.1, 0.1, 0.1)), InvalidValue, "mean"),  # type: ignore[arg-type]
        (lambda: Packet((0, 0, 10**400), (0.1, 0.1, 0.1)), InvalidValue, "mean"),
        (lambda: encoded(Packet((0, 0, 0), (0.1, 0.1, 0.2))), OutOfRange, "arousal: 0.1 "),
        (lambda: encoded(Packet((0, 0, 0), (0.2,) * 3, (0, 26, 0))), OutOfRange, "momentum of arousal"),
        (lambda: encoded(Packet((0, 0, 0), (0.2,) * 3), np.float64), InvalidValue, "dtype"),
    ],
)  # fmt: skip
def test_a_bad_packet_is_refused(make: Callable[[], object], error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        make()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def test_a_packet_takes_a_pad_for_its_mean() -> None:
    assert Packet(PAD(0.1, -0.2, 0.3), (0.1, 0.1, 0.1)).mean == (0.1, -0.2, 0.3)  # type: ignore[arg-type]


@LAW
@given(st.tuples(*[st.floats(-1, 1)] * 3), st.tuples(*[st.floats(0.13, 3)] * 3), WAVES)
def test_an_encoded_packet_is_the_sampled_gaussian(xp: Any, mean: Any, width: Any, momentum: Any) -> None:
    packet = Packet(mean, width, momentum)
    rows = []
    for axis in range(3):
        x = SMALL.points(axis) - mean[axis]
        row = np.exp(-(x**2) / (4.0 * width[axis] ** 2)) * np.exp(1j * momentum[axis] * x)
        rows.append(row / np.linalg.norm(row))
    want = np.einsum("i,j,k", *rows)
    for dtype, tolerance in ((np.complex64, 5e-5), (np.complex128, 1e-12)):
        state = QuantumState.from_packet(SMALL, packet, dtype=dtype, xp=xp)
        assert state.norm() == pytest.approx(1.0, abs=1e-6 if dtype is np.complex64 else 1e-13)
        assert np.abs(state.to_dense() - want).max() < tolerance


@LAW
@given(INNER, INNER)
def test_overlaps_on_28_qubits_are_those_of_the_closed_form(xp: Any, one: Packet, other: Packet) -> None:
    want = closed_form(one, other)
    double = [QuantumState.from_packet(FULL, packet, dtype=np.complex128, xp=xp) for packet in (one, other)]
    assert abs(double[0].overlap(double[1]) - want) < 1e-10
    assert abs(Packets.of(FULL, [one, other]).gram()[0, 1] - want) < 1e-10
    single = [QuantumState.from_packet(FULL, packet, xp=xp) for packet in (one, other)]
    assert abs(single[0].overlap(single[1]) - want) < 1e-4


def test_a_packet_needs_few_bonds(xp: Any) -> None:
    state = QuantumState.from_packet(FULL, Packet((0.3, -0.2, 0.9), (0.1, 0.2, 0.3), (4.0, 1.0, -3.0)), xp=xp)
    assert state.bond <= 8
    assert state.nbytes < 10_000
    assert state.bonds[9] == state.bonds[18] == 1, "the axes of one packet are not entangled"


def test_the_engine_needs_numpy_and_scipy_alone() -> None:
    heavy = ("torch", "faiss", "msgspec", "rpds", "sqlalchemy", "networkx", "transformers", "ray", "quimb", "h5py")
    code = f"import sys, quantum_memory.memory.quantum; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_packets_on_no_grid_and_what_is_no_packet_are_refused() -> None:
    wrong: Any = "wrong"
    with pytest.raises(InvalidValue, match="grid"):
        Packets(wrong, np.zeros((1, 3)), np.full((1, 3), 0.2))
    with pytest.raises(InvalidValue, match="packet"):
        Packets.of(SMALL, [wrong])
