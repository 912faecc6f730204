"""Entanglement, joint marginals and reduced density matrices against the dense state, and states made from nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, observe
from tests.unit.quantum_backends import DeviceArray, cupy_like

SMALL = Grid((4, 3, 3))
FULL = Grid()
SEEDS = st.integers(0, 1 << 32)
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def scaled(seed: int, bond: int = 6, xp: Any = np) -> QuantumState:
    """A random state of a norm that is not 1, and in no canonical form.

    What turns a bond is well conditioned: rounding it would change the state by as much as its condition otherwise.
    """
    state = QuantumState.random(SMALL, bond, seed, dtype=np.complex128)
    chance = np.random.default_rng(seed)
    turn = np.linalg.qr(chance.normal(size=(state.bonds[3],) * 2)).Q * chance.uniform(0.5, 2.0, state.bonds[3])
    cores = [*state.cores]
    cores[3] = cores[3] @ turn
    cores[4] = np.tensordot(np.linalg.inv(turn), cores[4], axes=1)
    cores[7] = cores[7] * (1.3 - 0.4j)
    return QuantumState(SMALL, tuple(xp.asarray(core) for core in cores))


def unit_tensor(state: QuantumState) -> NDArray[np.complex128]:
    dense = state.to_dense()
    return np.asarray(dense / np.linalg.norm(dense)).reshape((2,) * state.grid.sites)


@LAW
@given(SEEDS)
def test_schmidt_coefficients_and_entropies_are_those_of_the_dense_state(xp: Any, seed: int) -> None:
    state = scaled(seed, xp=xp)
    found = state.entropies()
    assert found.shape == (SMALL.sites - 1,)
    for cut in range(1, SMALL.sites):
        values = np.linalg.svd(unit_tensor(state).reshape(1 << cut, -1), compute_uv=False)
        ours = state.schmidt(cut)
        assert np.allclose(ours, values[: ours.size], atol=1e-12)
        assert np.allclose(values[ours.size :], 0.0, atol=1e-12)
        weights = values[values > 1e-15] ** 2
        want = -(weights * np.log2(weights)).sum()
        assert found[cut - 1] == pytest.approx(want, abs=1e-10)
        assert state.entropy(cut) == pytest.approx(want, abs=1e-10)


@LAW
@given(SEEDS, st.permutations([0, 1, 2]))
def test_joint_marginals_are_sums_of_the_dense_density(xp: Any, seed: int, axes: list[int]) -> None:
    state = scaled(seed, xp=xp)
    density = np.abs(unit_tensor(state).reshape(SMALL.shape)) ** 2
    axis, other, summed = axes
    want = density.sum(axis=summed)
    want = want if axis < other else want.T
    found = state.marginal_pair(axis, other)
    assert np.allclose(found, want, atol=1e-12)
    assert np.allclose(found.sum(axis=1), state.marginal(axis), atol=1e-12)


def test_joint_marginals_do_not_depend_on_the_chunks(xp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = scaled(1, xp=xp)
    want = [state.marginal_pair(*pair) for pair in ((0, 1), (0, 2), (1, 2))]
    monkeypatch.setattr(observe, "CHUNK_NUMBERS", 3 * state.bond**2)
    for pair, table in zip(((0, 1), (0, 2), (1, 2)), want, strict=True):
        assert np.allclose(state.marginal_pair(*pair), table, atol=1e-15)


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2), (2, 0)])
def test_a_packet_on_the_full_grid_has_gaussian_joint_marginals(xp: Any, pair: tuple[int, int]) -> None:
    packet = Packet((0.2, -0.1, 0.3), (0.1, 0.12, 0.08), (5.0, 0.0, -3.0))
    state = QuantumState.from_packet(FULL, packet, dtype=np.complex128, xp=xp)
    rows = []
    for axis in pair:
        row = np.exp(-(((FULL.points(axis) - packet.mean[axis]) / packet.width[axis]) ** 2) / 2)
        rows.append(row / row.sum())
    assert np.allclose(state.marginal_pair(*pair), np.outer(*rows), atol=1e-10)


@LAW
@given(SEEDS, st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True))
def test_reduced_density_matrices_are_partial_traces(xp: Any, seed: int, sites: list[int]) -> None:
    state = scaled(seed, xp=xp)
    others = [site for site in range(SMALL.sites) if site not in sites]
    matrix = unit_tensor(state).transpose([*sites, *others]).reshape(1 << len(sites), -1)
    found = state.reduced(sites)
    assert np.allclose(found, matrix @ matrix.conj().T, atol=1e-10)
    assert found.trace() == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(found).min() > -1e-12


def test_reduced_matrices_of_the_full_grid_agree_with_schmidt_weights(xp: Any) -> None:
    packets = [Packet((0.5, 0.4, 0.3), (0.1,) * 3), Packet((-0.5, -0.4, -0.3), (0.1,) * 3, (2.0, 1.0, 0.0))]
    state = QuantumState.from_packets(FULL, packets, dtype=np.complex128, xp=xp)
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(state.reduced(range(8)))[::-1], 0.0))
    coefficients = state.schmidt(8)[:2]
    assert np.allclose(values[:2], coefficients, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_the_vacuum_is_the_lowest_point(xp: Any, dtype: Any) -> None:
    vacuum = QuantumState.vacuum(FULL, dtype=dtype, xp=xp)
    assert vacuum.dtype == dtype
    assert vacuum.bond == 1
    assert np.allclose(vacuum.mean(), FULL.origin, atol=1e-12)
    assert vacuum.probability([0] * 28) == 1.0
    assert np.allclose(vacuum.entropies(), 0.0)


@LAW
@given(SEEDS, st.integers(1, 40))
def test_random_states_have_norm_one_and_the_bonds_that_fit(xp: Any, seed: int, bond: int) -> None:
    state = QuantumState.random(SMALL, bond, seed, dtype=np.complex128, xp=xp)
    assert state.norm() == pytest.approx(1.0, abs=1e-12)
    assert state.bonds == tuple(min(bond, 1 << min(cut, 10 - cut)) for cut in range(1, 10))
    assert (
        state.to_bytes()
        == QuantumState.random(SMALL, bond, np.random.default_rng(seed), dtype=np.complex128).to_bytes()
    )
    assert state.fidelity(QuantumState.random(SMALL, bond, seed + 1, dtype=np.complex128, xp=xp)) < 0.9


def test_random_states_prefer_no_point() -> None:
    rng = np.random.default_rng(0)
    tiny = Grid((2, 2, 2))
    mean = (
        sum(np.abs(QuantumState.random(tiny, 3, rng, dtype=np.complex128).to_dense()) ** 2 for _ in range(1500)) / 1500
    )
    assert np.allclose(mean, 1 / 64, rtol=0.25)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("count", "bond"), [(5, 4), (12, 1), (12, 2), (12, 3), (12, 4), (12, 8), (40, 8), (40, 32)])
def test_hard_truncation_in_single_precision_tells_the_exact_fidelity(
    xp: Any, count: int, bond: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.8, 0.8, 3)), tuple(rng.uniform(0.1, 0.35, 3)), tuple(rng.normal(size=3)))
        for _ in range(count)
    ]
    state = QuantumState.from_packets(FULL, packets, list((-1.0) ** np.arange(count)), xp=xp)
    small, kept = state.compress(bond)
    whole, cut = (QuantumState(FULL, tuple(core.astype(np.complex128) for core in of.cores)) for of in (state, small))
    explicit = abs(cut.overlap(whole)) ** 2 / (whole.overlap(whole).real * cut.overlap(cut).real)
    assert kept == pytest.approx(explicit, abs=1e-9)
    assert small.dtype == np.complex64
    assert small.bond <= bond


def test_eigenvectors_that_are_not_found_give_way_to_singular_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise np.linalg.LinAlgError("Eigenvalues did not converge")

    state = scaled(9).astype(np.complex64)
    want, kept = state.compress(3)
    monkeypatch.setattr(np.linalg, "eigh", refuse)
    got, also_kept = state.compress(3)
    assert also_kept == pytest.approx(got.fidelity(state), abs=1e-10)
    assert also_kept == pytest.approx(kept, abs=1e-7), "they differ by the rounding of the cores alone"
    assert got.fidelity(want) == pytest.approx(1.0, abs=1e-10)


def test_a_limit_for_every_cut_is_kept(xp: Any) -> None:
    state = scaled(5, xp=xp)
    limits = [1, 2, 3, 4, 5, 4, 3, 2, 1]
    small, kept = state.compress(limits, 1.0)
    assert all(bond <= limit for bond, limit in zip(small.bonds, limits, strict=True))
    assert kept == pytest.approx(small.fidelity(state), abs=1e-10)
    with pytest.raises(ShapeMismatch):
        state.compress([2, 2])
    as_array: Any = np.array(limits)
    again, also_kept = state.compress(as_array, 1.0)
    assert again.bonds == small.bonds
    assert also_kept == kept


def test_a_device_sees_what_the_host_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    device = cupy_like(gpus=1)
    monkeypatch.setitem(sys.modules, "cupy", device)
    here = scaled(2)
    there = here.on(device)
    for pair in ((0, 1), (0, 2), (1, 2)):
        assert np.allclose(there.marginal_pair(*pair), here.marginal_pair(*pair), atol=1e-12)
    assert np.allclose(there.reduced([7, 2, 4]), here.reduced([7, 2, 4]), atol=1e-12)
    assert np.allclose(there.entropies(), here.entropies(), atol=1e-10)
    assert np.allclose(there.schmidt(4), here.schmidt(4), atol=1e-12)
    single = here.astype(np.complex64)
    assert single.on(device).compress(3)[1] == pytest.approx(single.compress(3)[1], abs=1e-9)
    made = QuantumState.random(SMALL, 4, 1, xp=device)
    assert isinstance(made.cores[0], DeviceArray)
    assert made.to_bytes() == QuantumState.random(SMALL, 4, 1).to_bytes()
    assert isinstance(QuantumState.vacuum(SMALL, xp=device).cores[0], DeviceArray)


def test_what_cannot_be_observed_is_refused(xp: Any) -> None:
    state: Any = scaled(0, xp=xp)
    zero = QuantumState(SMALL, tuple(core * 0 for core in state.cores))
    calls: list[tuple[type[QuantumMemoryError], Callable[[], object]]] = [
        (OutOfRange, lambda: zero.marginal_pair(0, 1)),
        (OutOfRange, lambda: zero.reduced([0])),
        (OutOfRange, lambda: zero.schmidt(1)),
        (OutOfRange, zero.entropies),
        (InvalidValue, lambda: state.marginal_pair(1, 1)),
        (OutOfRange, lambda: state.marginal_pair(0, 3)),
        (InvalidValue, lambda: state.reduced([])),
        (InvalidValue, lambda: state.reduced([2, 2])),
        (InvalidValue, lambda: state.reduced("01")),
        (InvalidValue, lambda: state.reduced([0.5])),
        (InvalidValue, lambda: state.schmidt(1.0)),
        (InvalidValue, lambda: state.marginal("pleasure")),
        (InvalidValue, lambda: state.marginal_pair(0, None)),
        (OutOfRange, lambda: state.reduced([10])),
        (OutOfRange, lambda: state.reduced(range(9))),
        (OutOfRange, lambda: state.schmidt(10)),
        (OutOfRange, lambda: QuantumState.random(SMALL, 0, 0)),
        (InvalidValue, lambda: QuantumState.random(SMALL, 2, 0, dtype=np.float64)),
        (InvalidValue, lambda: QuantumState.random(SMALL, 2, "seed")),  # type: ignore[arg-type]
    ]
    for error, call in calls:
        with pytest.raises(error):
            call()
