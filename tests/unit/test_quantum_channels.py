"""Channels, the fidelities of states and processes, and jumps of a train of cores, against dense arithmetic."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid, Packet, QuantumState
from quantum_memory.memory.quantum.backend import module_of
from quantum_memory.memory.quantum.channels import (
    PAULIS,
    Channel,
    amplitude_damping,
    apply_to,
    average_gate_fidelity,
    bit_flip,
    dephasing,
    depolarising,
    identity,
    pauli_strings,
    process_fidelity,
)
from quantum_memory.memory.quantum.density import purity, state_fidelity, trace_distance

Matrix = NDArray[np.complex128]
SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.floats(0.0, 1.0)
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
GRID = Grid((3, 2, 2))
SINGLE = (depolarising, dephasing, bit_flip, amplitude_damping)


def some_unitary(dim: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    basis, triangle = np.linalg.qr(rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim)))
    made: Matrix = (basis * (np.diagonal(triangle) / np.abs(np.diagonal(triangle)))).astype(np.complex128)
    return made


def some_channel(sites: int, seed: int, rank: int = 3) -> Channel:
    """The first columns of a unitary on the sites and an environment."""
    dim = 1 << sites
    return Channel(some_unitary(dim * rank, seed)[:, :dim].reshape(rank, dim, dim))


def some_density(dim: int, seed: int, rank: int | None = None) -> Matrix:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dim, rank or dim)) + 1j * rng.normal(size=(dim, rank or dim))
    made: Matrix = root @ root.conj().T
    made /= np.trace(made).real
    return made


def some_vector(dim: int, seed: int) -> Matrix:
    rng = np.random.default_rng(seed)
    return rng.normal(size=dim) + 1j * rng.normal(size=dim)


def some_state(seed: int = 0, grid: Grid = GRID, dtype: Any = np.complex128, xp: Any = np) -> QuantumState:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.6, 0.6, 3)), tuple(rng.uniform(0.5, 0.8, 3)), tuple(rng.uniform(-2, 2, 3)))
        for _ in range(3)
    ]
    return QuantumState.from_packets(grid, packets, [1.0, 0.7j, -0.4], dtype=dtype, xp=xp)


def kraus_sum(channel: Channel, rho: Matrix) -> Matrix:
    made: Matrix = np.einsum("mab,bc,mdc->ad", channel.kraus, rho, channel.kraus.conj())
    return made


def lifted(matrix: Matrix, sites: tuple[int, ...], count: int) -> Matrix:
    """The matrix on those sites and 1 elsewhere, entry by entry."""
    full = np.zeros((1 << count, 1 << count), dtype=np.complex128)
    for column in range(1 << count):
        bits = [(column >> (count - 1 - site)) & 1 for site in range(count)]
        inner = int("".join(str(bits[site]) for site in sites), 2)
        for out in range(len(matrix)):
            moved = list(bits)
            for place, site in enumerate(sites):
                moved[site] = (out >> (len(sites) - 1 - place)) & 1
            full[int("".join(map(str, moved)), 2), column] += matrix[out, inner]
    return full


@LAW
@given(SEEDS, st.integers(1, 3))
def test_every_form_of_a_channel_does_what_its_kraus_operators_do(seed: int, sites: int) -> None:
    channel, rho = some_channel(sites, seed), some_density(1 << sites, seed + 1)
    want = kraus_sum(channel, rho)
    dim = channel.dim
    assert np.allclose(channel.apply(rho), want, atol=1e-12)
    assert np.allclose((channel.superoperator() @ rho.reshape(-1)).reshape(dim, dim), want, atol=1e-12)
    again = Channel.from_choi(channel.choi())
    assert np.allclose(again.apply(rho), want, atol=1e-10)
    assert len(again.kraus) == 3
    blocks = channel.choi().reshape(dim, dim, dim, dim)
    assert np.allclose(np.einsum("ij,iajb->ab", rho, blocks), want, atol=1e-12)
    paulis = pauli_strings(sites)
    before = np.einsum("mab,ba->m", paulis, rho).real
    after = np.einsum("mab,ba->m", paulis, want).real
    assert np.allclose(channel.pauli_transfer() @ before, after, atol=1e-12)


@LAW
@given(SEEDS)
def test_channels_follow_each_other_and_stand_side_by_side(seed: int) -> None:
    one, other, rho = some_channel(1, seed), some_channel(1, seed + 1), some_density(2, seed + 2)
    assert np.allclose(one.then(other).apply(rho), kraus_sum(other, kraus_sum(one, rho)), atol=1e-10)
    assert len(one.then(other).kraus) <= 4
    sigma = some_density(2, seed + 3)
    want = np.kron(kraus_sum(one, rho), kraus_sum(other, sigma))
    assert np.allclose(one.tensor(other).apply(np.kron(rho, sigma)), want, atol=1e-10)


@LAW
@given(SEEDS, st.permutations(range(4)), st.integers(1, 3))
def test_a_channel_on_some_sites_leaves_the_others(seed: int, order: list[int], sites: int) -> None:
    channel, rho, chosen = some_channel(sites, seed), some_density(16, seed), tuple(order[:sites])
    full = [lifted(operator, chosen, 4) for operator in channel.kraus]
    want = sum(operator @ rho @ operator.conj().T for operator in full)
    assert np.allclose(channel.apply(rho, chosen), want, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_standard_channels_have_their_closed_forms(share: float) -> None:
    p = share
    transfers = {
        depolarising: np.diag([1, 1 - p, 1 - p, 1 - p]),
        dephasing: np.diag([1, 1 - 2 * p, 1 - 2 * p, 1]),
        bit_flip: np.diag([1, 1, 1 - 2 * p, 1 - 2 * p]),
        amplitude_damping: np.array(
            [[1, 0, 0, 0], [0, math.sqrt(1 - p), 0, 0], [0, 0, math.sqrt(1 - p), 0], [p, 0, 0, 1 - p]]
        ),
    }
    fidelities = {
        depolarising: 1 - 3 * p / 4,
        dephasing: 1 - p,
        bit_flip: 1 - p,
        amplitude_damping: (1 + math.sqrt(1 - p)) ** 2 / 4,
    }
    for make, want in transfers.items():
        assert np.allclose(make(share).pauli_transfer(), want, atol=1e-12)
        assert process_fidelity(make(share), np.eye(2)) == pytest.approx(fidelities[make], abs=1e-12)
    many = depolarising(share, sites=2)
    rho = some_density(4, 1)
    assert np.allclose(many.apply(rho), (1 - share) * rho + share * np.eye(4) / 4, atol=1e-12)
    assert process_fidelity(many, identity(2)) == pytest.approx(1 - 15 * share / 16, abs=1e-12)


@LAW
@given(SEEDS, st.integers(1, 2))
def test_process_fidelity_is_that_of_the_choi_states(seed: int, sites: int) -> None:
    one, other = some_channel(sites, seed), some_channel(sites, seed + 1, rank=2)
    unitary = some_unitary(1 << sites, seed)
    dim = one.dim
    for target in (other, Channel.from_unitary(unitary)):
        want = state_fidelity(one.choi() / dim, target.choi() / dim)
        assert process_fidelity(one, target) == pytest.approx(want, abs=1e-8)
        assert process_fidelity(target, one) == pytest.approx(want, abs=1e-8)
    assert process_fidelity(one, one) == pytest.approx(1.0, abs=1e-8)
    assert process_fidelity(Channel.from_unitary(unitary), np.exp(0.3j) * unitary) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("sites", [1, 2])
def test_average_gate_fidelity_is_the_mean_over_haar_states(sites: int) -> None:
    dim = 1 << sites
    channel, unitary = some_channel(sites, 5, rank=2), some_unitary(dim, 6)
    rng = np.random.default_rng(7)
    inputs = rng.normal(size=(20_000, dim)) + 1j * rng.normal(size=(20_000, dim))
    inputs /= np.linalg.norm(inputs, axis=1, keepdims=True)
    aims = inputs @ unitary.T
    each = sum(np.abs(np.einsum("na,ab,nb->n", aims.conj(), operator, inputs)) ** 2 for operator in channel.kraus)
    error = float(np.std(each)) / math.sqrt(len(inputs))
    assert average_gate_fidelity(channel, unitary) == pytest.approx(float(np.mean(each)), abs=5 * error)
    assert error < 3e-3
    assert average_gate_fidelity(depolarising(0.2), PAULIS[0]) == pytest.approx(0.9, abs=1e-12)


def test_average_gate_fidelity_wants_a_unitary() -> None:
    split = Channel(np.array([math.sqrt(0.5) * PAULIS[1]] * 2))
    assert average_gate_fidelity(bit_flip(1.0), split) == pytest.approx(1.0, abs=1e-9)
    with pytest.raises(InvalidValue, match="Kraus rank 2"):
        average_gate_fidelity(bit_flip(0.5), bit_flip(0.5))


@LAW
@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_state_fidelity_agrees_on_its_fast_and_slow_paths(seed: int, sites: int, rank: int) -> None:
    dim = 1 << sites
    psi, phi = some_vector(dim, seed), some_vector(dim, seed + 1)
    pure, rho = [np.outer(v, v.conj()) / np.vdot(v, v).real for v in (psi, phi)], some_density(dim, seed, rank)
    want = abs(np.vdot(psi, phi)) ** 2 / (np.vdot(psi, psi).real * np.vdot(phi, phi).real)
    for left, right in ((psi, phi), (psi, pure[1]), (pure[0], phi), (pure[0], pure[1])):
        assert state_fidelity(left, right) == pytest.approx(want, abs=1e-9)
    assert state_fidelity(psi, rho) == pytest.approx(state_fidelity(rho, pure[0]), abs=1e-9)
    assert state_fidelity(rho, rho) == pytest.approx(1.0, abs=1e-9)


@LAW
@given(SEEDS, st.integers(1, 3))
def test_fidelity_and_trace_distance_bound_each_other_and_channels_do_not_tell_states_apart(
    seed: int, sites: int
) -> None:
    rho, sigma, channel = some_density(1 << sites, seed), some_density(1 << sites, seed + 1), some_channel(sites, seed)
    fidelity, apart = state_fidelity(rho, sigma), trace_distance(rho, sigma)
    assert fidelity == pytest.approx(state_fidelity(sigma, rho), abs=1e-10)
    assert 1 - math.sqrt(fidelity) <= apart + 1e-9, "Fuchs and van de Graaf, 1999"
    assert apart <= math.sqrt(1 - fidelity) + 1e-9
    assert trace_distance(channel.apply(rho), channel.apply(sigma)) <= apart + 1e-10
    assert state_fidelity(channel.apply(rho), channel.apply(sigma)) >= fidelity - 1e-9
    assert 1 / (1 << sites) - 1e-12 <= purity(rho) <= 1 + 1e-12


def test_classical_states_have_closed_forms() -> None:
    one, other = np.diag([0.7, 0.3]), np.diag([0.2, 0.8])
    want = (math.sqrt(0.14) + math.sqrt(0.24)) ** 2
    assert state_fidelity(one, other) == pytest.approx(want, abs=1e-12)
    assert trace_distance(one, other) == pytest.approx(0.5, abs=1e-12)
    assert purity(one) == pytest.approx(0.58, abs=1e-12)
    a, b = some_state(1), some_state(2)
    assert state_fidelity(a, b) == a.fidelity(b)


@LAW
@given(SEEDS, st.permutations(range(7)), st.integers(1, 3))
def test_a_jump_is_the_dense_kraus_operator_with_its_probability(
    xp: Any, seed: int, order: list[int], count: int
) -> None:
    state, chosen, channel = some_state(seed, xp=xp), tuple(order[:count]), some_channel(count, seed)
    before = state.to_bytes()
    branch = apply_to(state, channel, chosen, seed, min_fidelity=1.0)
    psi = state.normalised().to_dense().reshape(-1)
    moved = lifted(channel.kraus[branch.operator], chosen, 7) @ psi
    assert branch.probability == pytest.approx(float(np.vdot(moved, moved).real), abs=1e-10)
    assert branch.fidelity == pytest.approx(1.0, abs=1e-10)
    want = moved / np.linalg.norm(moved)
    assert np.allclose(branch.state.to_dense().reshape(-1), want, atol=1e-9)
    assert state.to_bytes() == before


def test_the_mean_over_jumps_is_the_channel(xp: Any) -> None:
    state, sites = some_state(3, xp=xp), (5, 1)
    channel = amplitude_damping(0.6).tensor(dephasing(0.3))
    rng = np.random.default_rng(0)
    runs = [apply_to(state, channel, sites, rng).state.reduced(sites) for _ in range(600)]
    want = channel.apply(state.reduced(sites))
    error = np.std(runs, axis=0) / math.sqrt(len(runs))
    assert (np.abs(np.mean(runs, axis=0) - want) <= 5 * error + 1e-9).all()
    assert trace_distance(want, state.reduced(sites)) > 0.1, "the channel does something"
    assert error.max() < 0.02


def test_a_jump_reports_the_fidelity_that_a_small_bond_costs(xp: Any) -> None:
    state = some_state(4, Grid((4, 3, 3)), xp=xp)
    channel = Channel.from_unitary(some_unitary(4, 0))
    whole = apply_to(state, channel, (0, 9), 0, min_fidelity=1.0)
    cut = apply_to(state, channel, (0, 9), 0, max_bond=2)
    assert cut.state.bond <= 2
    assert cut.fidelity < 0.999
    assert cut.fidelity == pytest.approx(cut.state.fidelity(whole.state), abs=1e-9)


def test_the_same_seed_jumps_the_same_way(xp: Any) -> None:
    state, channel = some_state(5, xp=xp), depolarising(0.9)
    one, other = apply_to(state, channel, [2], 11), apply_to(state, channel, [2], 11)
    assert one.state.to_bytes() == other.state.to_bytes()
    assert len({apply_to(state, channel, [2], seed).operator for seed in range(40)}) == 4


def test_jumps_on_another_array_module_are_the_same_and_stay_there(every_xp: Any) -> None:
    here, there = some_state(6), some_state(6, xp=every_xp)
    channel = some_channel(2, 6)
    got, want = apply_to(there, channel, (6, 2), 3), apply_to(here, channel, (6, 2), 3)
    assert all(module_of(core) is every_xp for core in got.state.cores)
    assert got.state.on(np).fidelity(want.state) == pytest.approx(1.0, abs=1e-12)


def test_single_precision_stays_single(xp: Any) -> None:
    branch = apply_to(some_state(7, dtype=np.complex64, xp=xp), some_channel(2, 1), (0, 4), 0)
    assert branch.state.dtype == np.complex64
    assert branch.state.norm() == pytest.approx(1.0, abs=1e-5)


def test_a_channel_cannot_be_changed_and_travels() -> None:
    given_operators = np.array([PAULIS[1]])
    channel = Channel(given_operators)
    given_operators[:] = 0
    assert np.array_equal(channel.kraus[0], PAULIS[1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(channel, "kraus", given_operators)  # noqa: B010 - mypy would refuse the plain assignment
    with pytest.raises(ValueError, match="read-only"):
        channel.kraus[0, 0, 0] = 1
    again = pickle.loads(pickle.dumps(channel))  # noqa: S301 - our own bytes
    assert np.array_equal(again.kraus, channel.kraus)
    with pytest.raises(ValueError, match="read-only"):
        again.kraus[0, 0, 0] = 1


def raw(kraus: Any) -> Channel:
    return Channel(kraus)


def test_what_cannot_be_is_refused_by_name() -> None:
    half = np.eye(2) / 2
    state = some_state()
    zero = QuantumState(GRID, tuple(np.zeros_like(core) for core in state.cores))
    calls: list[tuple[type[QuantumMemoryError], str, Callable[[], object]]] = [
        (OutOfRange, "K†K", lambda: raw(np.array([0.9 * PAULIS[0]]))),
        (OutOfRange, "K†K", lambda: Channel.from_unitary(np.ones((2, 2)))),
        (ShapeMismatch, "kraus", lambda: raw(np.ones((1, 2, 4)))),
        (ShapeMismatch, "kraus", lambda: raw(np.ones((0, 2, 2)))),
        (InvalidValue, "power of two", lambda: raw(np.eye(3)[None])),
        (OutOfRange, "sites", lambda: raw(np.eye(32)[None])),
        (NotFinite, "kraus", lambda: raw(np.full((1, 2, 2), math.nan))),
        (InvalidValue, "numbers", lambda: raw([["a"]])),
        (ShapeMismatch, "unitary", lambda: Channel.from_unitary(np.eye(2)[None])),
        (ShapeMismatch, "choi", lambda: Channel.from_choi(np.eye(8))),
        (OutOfRange, "traced", lambda: Channel.from_choi(np.eye(4))),
        (OutOfRange, "adjoint", lambda: Channel.from_choi(np.triu(np.ones((4, 4))))),
        # The transposition keeps traces and is not completely positive (Choi, 1975).
        (OutOfRange, "least eigenvalue", lambda: Channel.from_choi(np.eye(4)[[0, 2, 1, 3]])),
        (ShapeMismatch, "other channel", lambda: identity().then(identity(2))),
        (OutOfRange, "sites", lambda: identity(3).tensor(identity(2))),
        (ShapeMismatch, "target", lambda: process_fidelity(identity(), np.eye(4))),
        (OutOfRange, "probability", lambda: depolarising(1.1)),
        (OutOfRange, "probability", lambda: bit_flip(-0.1)),
        (NotFinite, "rate", lambda: amplitude_damping(math.nan)),
        (InvalidValue, "sites", lambda: depolarising(0.1, sites=1.5)),  # type: ignore[arg-type]
        (OutOfRange, "sites", lambda: identity(5)),
        (OutOfRange, "trace", lambda: identity().apply(np.eye(2))),
        (OutOfRange, "adjoint", lambda: purity(np.array([[0.5, 0.1], [0.0, 0.5]]))),
        (OutOfRange, "least eigenvalue", lambda: purity(np.diag([1.5, -0.5]))),
        (ShapeMismatch, "sigma", lambda: trace_distance(half, np.eye(4) / 4)),
        (ShapeMismatch, "other", lambda: state_fidelity([1, 0], [1, 0, 0, 0])),
        (OutOfRange, "norm", lambda: state_fidelity([0, 0], [1, 0])),
        (InvalidValue, "two of a kind", lambda: state_fidelity(state, half)),
        (ShapeMismatch, "sites", lambda: identity(2).apply(half)),
        (InvalidValue, "each once", lambda: identity(2).apply(np.eye(4) / 4, [1, 1])),
        (OutOfRange, "site", lambda: identity().apply(half, [1])),
        (OutOfRange, "site", lambda: apply_to(state, identity(), [7], 0)),
        (ShapeMismatch, "sites", lambda: apply_to(state, identity(), [1, 2], 0)),
        (InvalidValue, "whole number", lambda: apply_to(state, identity(), [1.0], 0)),  # type: ignore[list-item]
        (InvalidValue, "sites", lambda: apply_to(state, identity(), 1, 0)),  # type: ignore[arg-type]
        (InvalidValue, "sites", lambda: identity().apply(half, 0)),  # type: ignore[arg-type]
        (InvalidValue, "state", lambda: apply_to(half, identity(), [1], 0)),  # type: ignore[arg-type]
        (InvalidValue, "seed", lambda: apply_to(state, identity(), [1], None)),  # type: ignore[arg-type]
        (OutOfRange, "seed", lambda: apply_to(state, identity(), [1], -1)),
        (OutOfRange, "norm", lambda: apply_to(zero, identity(), [1], 0)),
        (OutOfRange, "max_bond", lambda: apply_to(state, identity(), [1], 0, max_bond=0)),
    ]
    for error, words, call in calls:
        with pytest.raises(error, match=words):
            call()


@LAW
@given(SHARES, st.sampled_from(SINGLE))
def test_the_standard_channels_are_channels_at_every_share(share: float, make: Callable[[float], Channel]) -> None:
    out = make(share).apply(np.diag([0.25, 0.75]))
    assert np.trace(out).real == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.eigvalsh(out)[0] >= -1e-12
