"""Evolution in time, against closed-form Gaussians on the full grid and against matrix exponentials on small ones."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, superpose
from quantum_memory.memory.quantum.backend import host, module_of
from quantum_memory.memory.quantum.blocks import MAX_BLOCK, multiplied_out, split
from quantum_memory.memory.quantum.dynamics import MAX_WRAPPED, Pull, energy, evolve
from quantum_memory.memory.quantum.linalg import dense_block

FULL = Grid()
MIDDLE = Grid((6, 5, 5))
SMALL = Grid((4, 3, 3))
LAW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
ALL: dict[str, Any] = {"max_bond": 1 << 16, "min_fidelity": 1.0}
MIXED = [
    Packet((0.2, -0.1, 0.3), (0.3, 0.3, 0.4), (2.0, -1.0, 1.5)),
    Packet((-0.3, 0.4, 0.0), (0.4, 0.35, 0.3), (0.0, 3.0, -2.0)),
]


def double(grid: Grid, *packets: Packet, xp: Any = np) -> QuantumState:
    return QuantumState.from_packets(grid, packets, dtype=np.complex128, xp=xp).normalised()


def overlap_with_product(state: QuantumState, rows: list[NDArray[Any]]) -> complex:
    """⟨rows[0] ⊗ rows[1] ⊗ rows[2]|state⟩."""
    carry = np.ones(1, dtype=np.complex128)
    for sites, row in zip(state.grid.blocks(), rows, strict=True):
        carry = np.einsum("a,aib,i->b", carry, dense_block(state.cores[sites]), row.conj())
    return complex(carry[0])


def flown_gaussian(grid: Grid, packet: Packet, axis: int, mass: float, time: float) -> NDArray[Any]:
    """The free Gaussian along one axis after a time, as every textbook has it, times √spacing."""
    mean, width, wave = packet.mean[axis], packet.width[axis], packet.momentum[axis]
    spread = 1.0 + 1j * time / (2.0 * mass * width**2)
    x = grid.points(axis)
    moved = np.exp(-((x - mean - wave * time / mass) ** 2) / (4.0 * width**2 * spread))
    phase = np.exp(1j * wave * (x - mean) - 1j * wave**2 * time / (2.0 * mass))
    scale = (2.0 * math.pi * width**2) ** -0.25 * math.sqrt(grid.spacing[axis])
    made: NDArray[Any] = scale / np.sqrt(spread) * moved * phase
    return made


def exact(state: QuantumState, pull: Pull, time: float, padding: int = 1) -> NDArray[Any]:
    """The dense amplitude after exp(-iHt) of the same grid, by matrix exponentials, cut to the cube."""
    grid = state.grid.padded(padding)
    amplitude = state.to_dense()
    for axis in range(3):
        points, count = grid.points(axis), grid.shape[axis]
        number = np.arange(count)
        signed = np.where(number < count // 2, number, number - count)
        waves = np.exp(-2j * np.pi * np.outer(number, number) / count) / math.sqrt(count)
        speeds = (2.0 * np.pi * signed / (count * grid.spacing[axis])) ** 2 / (2.0 * pull.mass)
        away = points - pull.rest[axis]
        potential = pull.stiffness[axis] * away**2 / 2.0 + pull.quartic[axis] * away**4 / 4.0
        hamiltonian = waves.conj().T @ (speeds[:, None] * waves) + np.diag(potential)
        inside = slice((count - state.grid.shape[axis]) // 2, (count + state.grid.shape[axis]) // 2)
        step = scipy.linalg.expm(-1j * time * hamiltonian)[inside, inside]
        amplitude = np.moveaxis(np.tensordot(step, amplitude, axes=(1, axis)), 0, axis)
    return amplitude


@settings(LAW, max_examples=15)
@given(
    st.tuples(*[st.floats(-0.2, 0.2)] * 3), st.tuples(*[st.floats(0.04, 0.06)] * 3),
    st.tuples(*[st.floats(-20.0, 20.0)] * 3), st.floats(-0.1, 0.1),
)  # fmt: skip
def test_free_flight_on_28_qubits_is_the_closed_form(mean: Any, width: Any, momentum: Any, time: float) -> None:
    packet, mass = Packet(mean, width, momentum), 20.0
    done = evolve(double(FULL, packet), Pull.free(mass), time, **ALL)
    want = [flown_gaussian(FULL, packet, axis, mass, time) for axis in range(3)]
    assert abs(overlap_with_product(done.state, want) - 1.0) < 1e-10
    moved = np.array(mean) + np.array(momentum) * time / mass
    spread = np.array(width) * np.sqrt(1.0 + (time / (2.0 * mass * np.array(width) ** 2)) ** 2)
    assert np.abs(done.state.mean() - moved).max() < 1e-10
    assert np.abs(done.state.spread() - spread).max() < 1e-10
    assert done.fidelity == pytest.approx(1.0, abs=1e-12)
    assert done.norm == pytest.approx(1.0, abs=1e-12)
    assert max(done.escaped, done.wrapped) < 1e-10


def test_a_free_axis_needs_one_step_however_many_are_asked_for() -> None:
    state = double(MIDDLE, Packet((0.1, 0.0, -0.2), (0.15,) * 3, (4.0, 0.0, 2.0)))
    one, many = (evolve(state, Pull.free(10.0), 0.5, steps, **ALL) for steps in (1, 50))
    assert np.array_equal(one.state.to_dense(), many.state.to_dense())


def test_coherent_states_swing_and_keep_their_shape(xp: Any) -> None:
    mass, width, rest = 20.0, 0.06, (0.05, 0.0, -0.1)
    frequency = 1.0 / (2.0 * mass * width**2)
    pull = Pull(rest, (mass * frequency**2,) * 3, mass=mass)
    packet = Packet((0.25, -0.1, 0.1), (width,) * 3, (15.0, -20.0, 0.0))
    time = 0.7 / frequency
    start, speed = np.array(packet.mean) - rest, np.array(packet.momentum) / mass
    want = rest + start * math.cos(0.7) + speed / frequency * math.sin(0.7)
    errors = []
    for steps in (8, 16, 32):
        done = evolve(double(FULL, packet, xp=xp), pull, time, steps, **ALL)
        errors.append(np.abs(done.state.mean() - want).max())
        assert np.abs(done.state.spread() - width).max() < 0.02 * width / steps
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.05)
    assert errors[2] < 1e-4


@pytest.mark.parametrize("padding", [0, 1, 2])
def test_the_error_against_the_matrix_exponential_falls_with_the_square_of_the_step(padding: int) -> None:
    state = double(SMALL, *MIXED)
    pull = Pull((0.1, -0.2, 0.0), (3.0, 0.0, 5.0), (4.0, 6.0, 0.0), mass=2.0)
    want = exact(state, pull, 0.4, padding)
    errors = []
    for steps in (80, 160, 320):
        done = evolve(state, pull, 0.4, steps, padding=padding, max_wrapped=1.0, **ALL)
        kept = np.linalg.norm(want) ** 2
        errors.append(float(np.linalg.norm(done.state.to_dense() - want / math.sqrt(kept))))
        assert done.escaped == pytest.approx(1.0 - kept, abs=20.0 / steps**2)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)
    assert errors[2] < 2e-3


def test_free_flight_is_the_matrix_exponential_and_tells_what_escapes(xp: Any) -> None:
    state, pull = double(SMALL, *MIXED, xp=xp), Pull.free(3.0)
    want = exact(state, pull, 0.6)
    done = evolve(state, pull, 0.6, max_wrapped=1.0, **ALL)
    assert done.escaped == pytest.approx(1.0 - np.linalg.norm(want) ** 2, abs=1e-12)
    assert done.escaped > 0.01
    assert np.abs(done.state.to_dense() - want / np.linalg.norm(want)).max() < 1e-12


def test_what_flies_out_of_the_cube_is_told() -> None:
    mass, time, width = 20.0, 0.2, 0.06
    for mean, wave in ((0.4, 50.0), (0.3, 70.0), (-0.5, -60.0)):
        packet = Packet((mean, 0.0, 0.0), (width,) * 3, (wave, 0.0, 0.0))
        done = evolve(double(FULL, packet), Pull.free(mass), time, **ALL)
        spread = width * math.hypot(1.0, time / (2.0 * mass * width**2))
        ahead = 1.0 - abs(mean + wave * time / mass)
        out = 0.5 * math.erfc(ahead / spread / math.sqrt(2.0))
        assert done.escaped == pytest.approx(out, abs=1e-5)
        assert 0.1 < done.escaped < 0.9
        assert done.wrapped < 1e-8
        assert done.state.norm() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("pull", [Pull.free(1.0), Pull((0, 0, 0), (1e-9,) * 3)])
@pytest.mark.parametrize("steps", [1, 40])
def test_what_flies_round_the_padded_cube_is_refused(xp: Any, pull: Pull, steps: int) -> None:
    state = double(FULL, Packet((0.0, 0.0, 0.0), (0.2,) * 3, (40.0, 0.0, 0.0)), xp=xp)
    with pytest.raises(OutOfRange, match="wraps around"):
        evolve(state, pull, 0.1, steps)
    assert evolve(state, pull, 0.1, steps, max_wrapped=1.0).wrapped > 0.9
    assert evolve(state, pull, 0.02, steps).wrapped < MAX_WRAPPED


def test_a_kick_beyond_the_momenta_of_the_grid_is_refused() -> None:
    state = double(SMALL, Packet((0.5, 0.0, 0.0), (0.3,) * 3))
    with pytest.raises(OutOfRange, match="wraps around"):
        evolve(state, Pull((-0.5, 0, 0), (1e5, 0, 0), mass=1e6), 0.01)


ROOMY = st.builds(
    Packet,
    st.tuples(*[st.floats(-0.1, 0.1)] * 3),
    st.tuples(*[st.floats(0.1, 0.12)] * 3),
    st.tuples(*[st.floats(-5.0, 5.0)] * 3),
)
PULLS = st.builds(
    Pull,
    st.tuples(*[st.floats(-0.2, 0.2)] * 3),
    st.tuples(*[st.floats(0.0, 50.0)] * 3),
    st.tuples(*[st.floats(0.0, 50.0)] * 3),
    st.just(50.0),
)


@LAW
@given(ROOMY, ROOMY, PULLS, st.floats(-0.3, 0.3), st.integers(1, 6))
def test_evolution_keeps_overlaps_and_can_be_undone(
    one: Packet, other: Packet, pull: Pull, time: float, steps: int
) -> None:
    grid = Grid((6, 6, 6))
    states = [double(grid, one, other), double(grid, other)]
    done = [evolve(state, pull, time, steps, **ALL) for state in states]
    assert all(max(d.escaped, d.wrapped) < 1e-8 for d in done)
    assert all(d.norm == pytest.approx(1.0, abs=1e-12) for d in done)
    assert abs(done[0].state.overlap(done[1].state) - states[0].overlap(states[1])) < 1e-9
    back = evolve(done[0].state, pull, -time, steps, **ALL)
    assert abs(back.state.overlap(states[0]) - 1.0) < 1e-9


def test_the_energy_of_a_packet_is_the_closed_form(xp: Any) -> None:
    packet = Packet((0.2, -0.1, 0.1), (0.07, 0.08, 0.06), (12.0, -5.0, 3.0))
    pull = Pull((0.1, 0.2, -0.1), (30.0, 0.0, 10.0), (50.0, 20.0, 0.0), mass=5.0)
    want = 0.0
    for mean, width, wave, rest, stiffness, quartic in zip(
        packet.mean, packet.width, packet.momentum, pull.rest, pull.stiffness, pull.quartic, strict=True
    ):
        away = mean - rest
        want += (wave**2 + 1.0 / (4.0 * width**2)) / (2.0 * pull.mass)
        want += stiffness / 2.0 * (away**2 + width**2)
        want += quartic / 4.0 * (away**4 + 6.0 * away**2 * width**2 + 3.0 * width**4)
    state = double(FULL, packet, xp=xp)
    assert energy(state, pull) == pytest.approx(want, rel=1e-10)
    assert energy(QuantumState(FULL, (state.cores[0] * 3j, *state.cores[1:])), pull) == pytest.approx(want, rel=1e-10)


def test_energy_is_conserved_to_the_order_of_the_steps() -> None:
    pull = Pull((0.1, -0.1, 0.0), (400.0, 300.0, 200.0), (900.0, 500.0, 0.0), mass=20.0)
    state = double(Grid((7, 6, 6)), Packet((0.2, 0.1, -0.1), (0.08,) * 3, (5.0, 0.0, -8.0)))
    before = energy(state, pull)
    off = [abs(energy(evolve(state, pull, 0.3, steps, **ALL).state, pull) - before) for steps in (8, 16, 32)]
    assert off[0] / off[1] == pytest.approx(4.0, rel=0.2)
    assert off[1] / off[2] == pytest.approx(4.0, rel=0.2)
    assert off[2] < 1e-3 * before


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("max_bond", [2, 4, 8])
def test_the_fidelity_told_is_the_explicit_overlap(xp: Any, dtype: Any, max_bond: int) -> None:
    rng = np.random.default_rng(max_bond)
    places = [rng.uniform(-0.5, 0.5, (4, 3)), rng.uniform(0.1, 0.3, (4, 3)), rng.uniform(-20.0, 20.0, (4, 3))]
    packets = [Packet(*rows) for rows in zip(*(table.tolist() for table in places), strict=True)]
    state = QuantumState.from_packets(Grid((7, 6, 6)), packets, dtype=dtype, xp=xp)
    blocks = multiplied_out(state.grid, state.cores, 0)
    small = split(blocks, state.grid.bits, max_bond, 1.0)
    whole = np.einsum("aib,bjc,ckd->ijk", *(host(block).astype(np.complex128) for block in blocks)).ravel()
    made = host(dense_block([core.astype(np.complex128) for core in small.cores])).ravel()
    want = abs(np.vdot(made, whole)) ** 2 / (np.vdot(whole, whole) * np.vdot(made, made)).real
    assert 1e-4 < 1.0 - want < 0.9
    assert small.fidelity == pytest.approx(want, abs=1e-9)
    assert small.norm == pytest.approx(float(np.linalg.norm(whole)), rel=1e-9)
    assert max(core.shape[2] for core in small.cores) == max_bond
    assert all(core.dtype == dtype for core in small.cores)


@LAW
@given(st.floats(0.9, 1.0 - 1e-6), st.integers(1, 3))
def test_truncation_keeps_the_fidelity_that_is_asked_for(xp: Any, min_fidelity: float, steps: int) -> None:
    pull, state = Pull((0, 0, 0), (2.0,) * 3, mass=5.0), double(MIDDLE, *MIXED, xp=xp)
    whole = evolve(state, pull, 0.2, steps, **ALL)
    small = evolve(state, pull, 0.2, steps, min_fidelity=min_fidelity)
    assert small.fidelity >= min_fidelity - 1e-12
    assert small.state.fidelity(whole.state) == pytest.approx(small.fidelity, abs=1e-9)
    assert sum(small.state.bonds) < sum(whole.state.bonds)
    assert (small.escaped, small.wrapped) == pytest.approx((whole.escaped, whole.wrapped), abs=1e-12)


def test_single_precision_follows_double(xp: Any) -> None:
    pull, state = Pull((0.1, 0, 0), (40.0,) * 3, (10.0,) * 3, mass=30.0), double(FULL, *MIXED, xp=xp)
    want, got = (evolve(s, pull, 0.2, 10) for s in (state, state.astype(np.complex64)))
    assert got.state.dtype == np.complex64
    assert got.state.fidelity(want.state) > 1.0 - 1e-6
    assert got.norm == pytest.approx(1.0, abs=1e-5)
    assert got.escaped == pytest.approx(want.escaped, abs=1e-5)


@pytest.mark.parametrize("norm", [1e-30, 1e-15, 1e15, 1e30])
def test_a_state_of_any_norm_evolves_alike(xp: Any, norm: float) -> None:
    pull, state = Pull((0.1, 0, 0), (4.0,) * 3, mass=30.0), double(MIDDLE, *MIXED, xp=xp).astype(np.complex64)
    want = evolve(state, pull, 0.2, 3)
    scaled = QuantumState(MIDDLE, (*state.cores[:-1], state.cores[-1] * norm))
    got = evolve(scaled, pull, 0.2, 3)
    assert got.state.fidelity(want.state) == pytest.approx(1.0, abs=1e-6)
    assert got.norm == pytest.approx(1.0, abs=1e-5)
    assert (got.escaped, got.wrapped) == pytest.approx((want.escaped, want.wrapped), abs=1e-5)
    assert energy(scaled, pull) == pytest.approx(energy(state, pull), rel=1e-4)


def test_a_state_on_a_padded_grid_evolves_on_it(xp: Any) -> None:
    packets = [Packet(p.mean, (0.2,) * 3, p.momentum) for p in MIXED]
    state, pull = double(Grid((7, 6, 6), padding=1), *packets, xp=xp), Pull((0.0, 0.5, 0.0), (2.0,) * 3, mass=8.0)
    done = evolve(state, pull, 0.1, 2, **ALL)
    assert done.state.grid == state.grid
    want = evolve(state, pull, 0.1, 2, padding=0, **ALL)
    assert done.state.fidelity(want.state) == pytest.approx(1.0, abs=1e-9)


def test_evolution_on_another_array_module_is_the_same_and_stays_there(every_xp: Any) -> None:
    pull, here = Pull((0.1, 0, 0), (3.0, 0.0, 2.0), (1.0, 0.0, 0.0), mass=5.0), double(MIDDLE, *MIXED)
    for dtype, tolerance in ((np.complex128, 1e-10), (np.complex64, 1e-5)):
        want = evolve(here.astype(dtype), pull, 0.1, 3, max_bond=8)
        got = evolve(here.astype(dtype).on(every_xp), pull, 0.1, 3, max_bond=8)
        assert all(module_of(core) is every_xp for core in got.state.cores)
        assert got.state.on(np).fidelity(want.state) == pytest.approx(1.0, abs=tolerance)
        assert got[1:] == pytest.approx(want[1:], abs=tolerance)
        assert isinstance(host(got.state.cores[0]), np.ndarray)
    assert energy(here.on(every_xp), pull) == pytest.approx(energy(here, pull), rel=1e-12)


STATE = double(SMALL, MIXED[0])
CALM = Pull((0, 0, 0), (1, 1, 1))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Pull((0, 0, 1.5), (1, 1, 1)), OutOfRange, "rest of dominance"),
        (lambda: Pull((0, 0, 0), (1, -1, 1)), OutOfRange, "stiffness of arousal"),
        (lambda: Pull((0, 0, 0), (1, 1, 2e6)), OutOfRange, "stiffness of dominance"),
        (lambda: Pull((0, 0, 0), (1, 1, 1), (-1, 0, 0)), OutOfRange, "quartic of pleasure"),
        (lambda: Pull((0, 0), (1, 1, 1)), ShapeMismatch, "rest"),  # type: ignore[arg-type]
        (lambda: Pull((0, 0, math.nan), (1, 1, 1)), NotFinite, "rest"),
        (lambda: Pull((0, 0, 0), "stiff"), InvalidValue, "stiffness"),  # type: ignore[arg-type]
        (lambda: Pull((0, 0, 0), (1, 1, 1), mass=0.0), OutOfRange, "mass"),
        (lambda: Pull.free(math.inf), NotFinite, "mass"),
        (lambda: evolve(STATE, CALM, math.nan), NotFinite, "time"),
        (lambda: evolve(STATE, CALM, 1e7), OutOfRange, "time"),
        (lambda: evolve(STATE, CALM, 0.1, 0), OutOfRange, "steps"),
        (lambda: evolve(STATE, CALM, 0.1, 1.5), InvalidValue, "steps"),  # type: ignore[arg-type]
        (lambda: evolve(STATE, CALM, 0.1, True), InvalidValue, "steps"),
        (lambda: evolve(STATE, CALM, 0.1, padding=3), OutOfRange, "padding"),
        (lambda: evolve(STATE, CALM, 0.1, padding=-1), OutOfRange, "padding"),
        (lambda: evolve(STATE, CALM, 0.1, max_bond=0), OutOfRange, "max_bond"),
        (lambda: evolve(STATE, CALM, 0.1, min_fidelity=1.1), OutOfRange, "min_fidelity"),
        (lambda: evolve(STATE, CALM, 0.1, max_wrapped=-0.1), OutOfRange, "max_wrapped"),
        (lambda: evolve(double(Grid((12, 2, 2)), Packet((0, 0, 0), (0.6,) * 3)), CALM, 0.1), OutOfRange, "13"),
        (lambda: evolve(nothing(), CALM, 0.1), OutOfRange, "norm of the state"),
        (lambda: evolve("a state", CALM, 0.1), InvalidValue, "QuantumState"),  # type: ignore[arg-type]
        (lambda: evolve(STATE, (1, 1, 1), 0.1), InvalidValue, "pull"),  # type: ignore[arg-type]
        (lambda: energy(None, CALM), InvalidValue, "QuantumState"),  # type: ignore[arg-type]
        (lambda: energy(STATE, None), InvalidValue, "pull"),  # type: ignore[arg-type]
        (lambda: evolve(vast(), CALM, 0.1), NotFinite, "norm of the state"),
        (lambda: energy(nothing(), CALM), OutOfRange, "norm of the state"),
        (lambda: energy(STATE, CALM, padding=3), OutOfRange, "padding"),
    ],
)  # fmt: skip
def test_bad_input_is_named(make: Callable[[], object], error: type[QuantumMemoryError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        make()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def nothing() -> QuantumState:
    return QuantumState(SMALL, tuple(np.zeros((1, 2, 1), dtype=np.complex64) for _ in range(SMALL.sites)))


def vast() -> QuantumState:
    return QuantumState(SMALL, tuple(core * 1e200 for core in STATE.cores))


def test_a_block_that_is_too_large_is_refused_before_it_is_made() -> None:
    bond = MAX_BLOCK >> 11
    cores = [np.zeros((1, 2, 1), dtype=np.complex64) for _ in range(FULL.sites)]
    cores[9] = np.zeros((1, 2, bond), dtype=np.complex64)
    cores[10] = np.zeros((bond, 2, 1), dtype=np.complex64)
    with pytest.raises(OutOfRange, match="block of pleasure"):
        multiplied_out(FULL, cores, 2)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_a_sum_that_cancels_is_refused(xp: Any, dtype: Any) -> None:
    state = double(SMALL, *MIXED, xp=xp).astype(dtype)
    nil = superpose([state, state], [1, -1])
    for call in (lambda: evolve(nil, Pull.free(100.0), 0.1), lambda: energy(nil, Pull.free())):
        with pytest.raises(OutOfRange, match="norm of"):
            call()
