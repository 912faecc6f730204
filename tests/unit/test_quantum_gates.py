"""Gates and circuits on states against dense arithmetic: near and far, truncated and not, on both array modules."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.quantum.backend import module_of
from quantum_memory.memory.quantum.circuit import STANDARD, Circuit, Gate, unitary
from quantum_memory.memory.quantum.gates import apply_circuit, apply_gate, operator_schmidt
from tests.unit.quimbs import quimb_tensor

GRIDS = [Grid((2, 2, 2)), Grid((3, 2, 3)), Grid((3, 3, 3))]
LAW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = st.integers(0, 2**32 - 1)
SINGLE_OR_DOUBLE = (np.complex64, np.complex128)
EXACT = {"max_bond": 4096, "min_fidelity": 1.0}


def some(grid: Grid, seed: int, bond: int = 3, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    """A state of random cores, of no particular norm."""
    rng = np.random.default_rng(seed)
    bonds = [1, *[bond] * (grid.sites - 1), 1]
    shapes = [(left, 2, right) for left, right in pairwise(bonds)]
    cores = [(rng.normal(size=s) + 1j * rng.normal(size=s)).astype(dtype) for s in shapes]
    return QuantumState(grid, tuple(xp.asarray(core) for core in cores))


def random_circuit(sites: int, count: int, seed: int) -> Circuit:
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        name = str(rng.choice([*STANDARD, "haar"]))
        if name == "haar":
            made.append(unitary(haar(4, rng), rng.permutation(sites)[:2].tolist()))
        else:
            width, angles, _ = STANDARD[name]
            made.append(Gate.of(name, rng.permutation(sites)[:width].tolist(), *rng.uniform(-3, 3, angles).tolist()))
    return Circuit(sites, tuple(made))


def haar(size: int, rng: np.random.Generator) -> NDArray[Any]:
    return np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))[0]


def dense_gate(vector: NDArray[Any], matrix: NDArray[Any], sites: tuple[int, ...]) -> NDArray[Any]:
    total = vector.size.bit_length() - 1
    count = len(sites)
    tensor = np.tensordot(
        matrix.reshape((2,) * 2 * count), vector.reshape((2,) * total), (range(count, 2 * count), sites)
    )
    return np.moveaxis(tensor, range(count), sites).reshape(vector.shape)


def dense_fidelity(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(abs(np.vdot(one, other)) ** 2 / (np.vdot(one, one).real * np.vdot(other, other).real))


@settings(LAW, max_examples=25)
@given(st.sampled_from(GRIDS), SEEDS, st.integers(1, 2), st.booleans())
def test_any_matrix_on_any_sites_is_that_of_dense_arithmetic(
    xp: Any, grid: Grid, seed: int, count: int, singular: bool
) -> None:
    rng = np.random.default_rng(seed)
    state = some(grid, seed, xp=xp)
    sites = tuple(rng.permutation(grid.sites)[:count].tolist())
    matrix = rng.normal(size=(1 << count,) * 2) + 1j * rng.normal(size=(1 << count,) * 2)
    if singular:
        matrix[:, 0] = 0
    after, kept = apply_gate(state, matrix, sites, **EXACT)  # type: ignore[arg-type]
    want = dense_gate(state.to_dense(), matrix, sites)
    assert np.allclose(after.to_dense(), want, atol=1e-11 * np.linalg.norm(want))
    assert kept == pytest.approx(1.0, abs=1e-12)


@settings(LAW, max_examples=15)
@given(st.sampled_from(GRIDS), SEEDS)
def test_a_circuit_is_that_of_dense_arithmetic_and_keeps_the_norm(xp: Any, grid: Grid, seed: int) -> None:
    state = some(grid, seed, xp=xp).normalised()
    circuit = random_circuit(grid.sites, 20, seed)
    done = apply_circuit(state, circuit, **EXACT)  # type: ignore[arg-type]
    assert np.allclose(done.state.to_dense().ravel(), circuit.unitary() @ state.to_dense().ravel(), atol=1e-10)
    assert done.state.norm() == pytest.approx(1.0, abs=1e-12)
    assert done.fidelity == pytest.approx(1.0, abs=1e-12)
    merged = apply_circuit(state, circuit.merged(), **EXACT)  # type: ignore[arg-type]
    assert merged.state.overlap(done.state) == pytest.approx(1.0, abs=1e-10)
    back = apply_circuit(done.state, circuit.inverse(), **EXACT)  # type: ignore[arg-type]
    assert back.state.overlap(state) == pytest.approx(1.0, abs=1e-10)


@settings(LAW, max_examples=25)
@given(SEEDS, st.integers(1, 6), st.sampled_from([0.0, 0.9, 0.999, 1.0]))
def test_the_fidelity_of_a_truncated_gate_is_exact(xp: Any, seed: int, max_bond: int, min_fidelity: float) -> None:
    grid = GRIDS[2]
    rng = np.random.default_rng(seed)
    sites = rng.permutation(grid.sites)[:2].tolist()
    state = some(grid, seed, bond=4, xp=xp)
    q = haar(4, rng)
    after, kept = apply_gate(state, q, sites, max_bond=max_bond, min_fidelity=min_fidelity)
    want = dense_gate(state.to_dense(), q, tuple(sites))
    assert kept == pytest.approx(dense_fidelity(after.to_dense(), want), abs=1e-9)
    assert after.norm() == pytest.approx(float(np.linalg.norm(want)), rel=1e-10), "only the direction is truncated"
    between = after.bonds[min(sites) : max(sites)]
    assert max(between) <= max_bond
    assert kept >= min_fidelity - 1e-12 or max(between) == max_bond


@settings(LAW, max_examples=15)
@given(SEEDS, st.integers(2, 8))
def test_a_truncated_circuit_keeps_what_it_says_at_least(xp: Any, seed: int, max_bond: int) -> None:
    grid = GRIDS[1]
    state = some(grid, seed, bond=2, xp=xp).normalised()
    circuit = random_circuit(grid.sites, 12, seed)
    done = apply_circuit(state, circuit, max_bond=max_bond, min_fidelity=1.0)
    true = dense_fidelity(done.state.to_dense().ravel(), circuit.unitary() @ state.to_dense().ravel())
    assert true >= done.at_least - 1e-9
    assert 0.0 <= done.at_least <= done.fidelity + 1e-12
    assert done.state.bond <= max(max_bond, state.bond)
    assert done.state.norm() == pytest.approx(1.0, abs=1e-10)


@st.composite
def there_and_back(draw: st.DrawFn) -> tuple[Circuit, int, Any]:
    """Circuits whose centre wanders: staircases and swap chains down and up, and gates far apart, in either order."""
    grid = GRIDS[2]
    rng = np.random.default_rng(draw(SEEDS))
    gates: list[Gate] = []
    for kind in draw(st.lists(st.sampled_from(["down", "up", "far", "local"]), min_size=2, max_size=5)):
        if kind in {"down", "up"}:
            first, last = sorted(rng.choice(grid.sites, 2, replace=False).tolist())
            pairs = list(pairwise(range(first, last + 1)))
            for pair in pairs if kind == "down" else pairs[::-1]:
                name = draw(st.sampled_from(["swap", "haar"]))
                where = pair if draw(st.booleans()) else pair[::-1]
                gates.append(Gate.of("swap", where) if name == "swap" else unitary(haar(4, rng), where))
        else:
            count = 2 if kind == "far" else 1
            gates.append(unitary(haar(1 << count, rng), rng.permutation(grid.sites)[:count].tolist()))
    return Circuit(grid.sites, tuple(gates)), draw(st.integers(1, 4)), draw(st.sampled_from(SINGLE_OR_DOUBLE))


@settings(LAW, max_examples=40)
@given(there_and_back(), SEEDS)
def test_the_bound_is_never_above_the_overlap_with_the_exact_state(
    xp: Any, drawn: tuple[Circuit, int, Any], seed: int
) -> None:
    circuit, max_bond, dtype = drawn
    state = some(GRIDS[2], seed, dtype=dtype, xp=xp).normalised()
    done = apply_circuit(state, circuit, max_bond=max_bond, min_fidelity=1.0)
    exact = circuit.unitary() @ state.to_dense().ravel()
    true = dense_fidelity(done.state.to_dense().ravel(), exact)
    assert done.at_least <= true + (1e-9 if dtype == np.complex128 else 1e-5)
    if circuit.two_site_gates <= 1:
        assert done.fidelity == pytest.approx(true, abs=1e-9 if dtype == np.complex128 else 1e-5)


@settings(LAW, max_examples=15)
@given(SEEDS)
@example(1)
@example(120)  # a circuit of which nothing can be cut off
@example(1355)  # cut off beside the widest bond alone
def test_a_circuit_shares_its_allowance_out(xp: Any, seed: int) -> None:
    state, circuit = some(GRIDS[2], seed, xp=xp), random_circuit(GRIDS[2].sites, 15, seed)
    whole, done = (apply_circuit(state, circuit, max_bond=4096, min_fidelity=least) for least in (1.0, 0.9))
    widths = [(core.shape[0], less.shape[0]) for core, less in zip(whole.state.cores, done.state.cores, strict=True)]
    assert all(less <= width for width, less in widths)
    assert 0.9 - 1e-12 <= done.fidelity <= 1.0
    uncut = all(less == width for width, less in widths)
    assert uncut == (done.fidelity > 1 - 1e-9), "what is cut off nowhere is all there, and the other way about"
    assert dense_fidelity(whole.state.to_dense(), done.state.to_dense()) == pytest.approx(
        done.fidelity, abs=1e-9 if uncut else 0.1
    )


@settings(LAW, max_examples=15)
@given(SEEDS, st.sampled_from(["cx", "cp", "rxx", "haar"]))
def test_a_far_gate_is_its_near_one_between_swaps(xp: Any, seed: int, name: str) -> None:
    grid = GRIDS[2]
    rng = np.random.default_rng(seed)
    first, last = sorted(rng.permutation(grid.sites)[:2].tolist())
    if name == "haar":
        gate = unitary(haar(4, rng), (first, last))
    else:
        gate = Gate.of(name, (first, last), *[0.7] * STANDARD[name][1])
    there = Circuit(grid.sites, tuple(Gate.of("swap", (site, site + 1)) for site in range(last - 1, first, -1)))
    near = Circuit(grid.sites, (Gate(gate.name, (first, first + 1), gate.matrix, gate.params),))
    state = some(grid, seed, xp=xp)
    swapped = apply_circuit(state, there + near + there.inverse(), **EXACT).state  # type: ignore[arg-type]
    direct, _ = apply_gate(state, gate, **EXACT)  # type: ignore[arg-type]
    assert np.allclose(direct.to_dense(), swapped.to_dense(), atol=1e-10 * state.norm())


def test_the_operator_schmidt_form_is_the_matrix_in_the_fewest_terms() -> None:
    for name, rank in [("cx", 2), ("cz", 2), ("swap", 4), ("rzz", 2)]:
        matrix = Gate.of(name, (0, 1), *[0.7] * STANDARD[name][1]).matrix
        ours, theirs = operator_schmidt(matrix)
        assert ours.shape[2] == rank
        assert np.allclose(sum(np.kron(ours[:, :, k], theirs[k]) for k in range(rank)), matrix, atol=1e-14)
    assert operator_schmidt(np.eye(4, dtype=np.complex128))[0].shape[2] == 1


def test_quimb_agrees() -> None:
    tensor = quimb_tensor()
    grid = GRIDS[1]
    circuit = random_circuit(grid.sites, 12, 7)
    theirs = tensor.CircuitMPS(grid.sites)
    for gate in circuit.gates:
        theirs.apply_gate_raw(gate.matrix, gate.sites)
    vacuum = np.zeros((1, 2, 1), dtype=np.complex128)
    vacuum[0, 0, 0] = 1
    ours = apply_circuit(QuantumState(grid, (vacuum,) * grid.sites), circuit, **EXACT)  # type: ignore[arg-type]
    assert np.allclose(ours.state.to_dense().ravel(), theirs.psi.to_dense().ravel(), atol=1e-10)


def test_single_precision_stays_single_on_the_full_grid() -> None:
    grid = Grid()
    state = QuantumState.from_packet(grid, Packet((0.3, 0.1, -0.4), (0.2,) * 3))
    circuit = Circuit(grid.sites, (Gate.of("ry", (0,), 0.4), Gate.of("cx", (0, 10)), Gate.of("rxx", (19, 2), 0.3)))
    done = apply_circuit(state, circuit)
    assert {core.dtype for core in done.state.cores} == {np.dtype(np.complex64)}
    assert done.fidelity >= 1 - 1e-7
    back = apply_circuit(done.state, circuit.inverse())
    assert back.state.fidelity(state) >= 1 - 1e-6
    assert done.state.fidelity(state) < 0.99


def test_another_array_module_makes_the_same_and_keeps_it_there(every_xp: Any) -> None:
    grid = GRIDS[0]
    here, there = some(grid, 0), some(grid, 0, xp=every_xp)
    circuit = random_circuit(grid.sites, 12, 3)
    want, got = apply_circuit(here, circuit, max_bond=4), apply_circuit(there, circuit, max_bond=4)
    assert all(module_of(core) is every_xp for core in got.state.cores)
    assert got.fidelity == pytest.approx(want.fidelity, abs=1e-12)
    assert got.state.on(np).overlap(want.state) == pytest.approx(want.state.overlap(want.state), rel=1e-10)
    single, _ = apply_gate(there, Gate.of("h", (1,)))
    assert module_of(single.cores[1]) is every_xp


def test_the_state_that_was_given_is_as_it_was(xp: Any) -> None:
    state = some(GRIDS[0], 1, xp=xp)
    before = state.to_bytes()
    apply_gate(state, Gate.of("h", (2,)))
    apply_gate(state, Gate.of("cx", (5, 1)))
    after = apply_circuit(state, random_circuit(6, 9, 0)).state
    assert state.to_bytes() == before
    assert not any(core.flags.writeable for core in after.cores if isinstance(core, np.ndarray))


def test_bad_arguments_are_refused() -> None:
    state = some(GRIDS[0], 0)
    zero = QuantumState(GRIDS[0], tuple(np.zeros_like(core) for core in state.cores))
    cx, single = Gate.of("cx", (0, 1)), state.astype(np.complex64)
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (InvalidValue, lambda: apply_gate(state, np.eye(2))),
        (ShapeMismatch, lambda: apply_gate(state, np.eye(2), (0, 1))),
        (ShapeMismatch, lambda: apply_gate(state, np.eye(8), (0, 1, 2))),
        (NotFinite, lambda: apply_gate(state, [[math.inf, 0], [0, 1]], (0,))),
        (OutOfRange, lambda: apply_gate(state, np.eye(2), (6,))),
        (InvalidValue, lambda: apply_gate(state, np.eye(4), (1, 1))),
        (OutOfRange, lambda: apply_gate(state, cx, max_bond=0)),
        (InvalidValue, lambda: apply_gate(state, cx, max_bond=2.5)),  # type: ignore[arg-type]
        (OutOfRange, lambda: apply_gate(state, cx, min_fidelity=1.5)),
        (OutOfRange, lambda: apply_gate(zero, cx)),
        (OutOfRange, lambda: apply_gate(state, np.zeros((4, 4)), (0, 5))),
        (InvalidValue, lambda: apply_circuit(state, Circuit(5))),
        (InvalidValue, lambda: apply_circuit(state, cx)),  # type: ignore[arg-type]
        (NotFinite, lambda: apply_circuit(state, Circuit(6), min_fidelity=math.nan)),
        (OutOfRange, lambda: apply_circuit(zero, Circuit(6, (cx,)))),
        (OutOfRange, lambda: apply_circuit(zero, Circuit(6, (Gate.of("h", (0,)),)))),
        (InvalidValue, lambda: apply_gate("ψ", cx)),  # type: ignore[arg-type]
        (InvalidValue, lambda: apply_circuit("ψ", Circuit(6))),  # type: ignore[arg-type]
        # Beyond what single precision holds, and beyond the square of what double precision does.
        (NotFinite, lambda: apply_gate(single, 1e39 * np.eye(2), (0,))),
        (NotFinite, lambda: apply_gate(single, 1e39 * np.eye(4), (0, 1))),
        (NotFinite, lambda: apply_gate(single, 1e39 * np.eye(4), (5, 2))),
        (NotFinite, lambda: apply_gate(state, 1e200 * np.eye(4), (0, 1))),
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
