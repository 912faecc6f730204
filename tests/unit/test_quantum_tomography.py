"""Tomography: exact probabilities give the state back, counts give it back within what their number allows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, NotFinite, OutOfRange, QuantumMemoryError, ShapeMismatch
from quantum_memory.memory.quantum import Grid
from quantum_memory.memory.quantum.channels import PAULIS
from quantum_memory.memory.quantum.density import state_fidelity, trace_distance
from quantum_memory.memory.quantum.tomography import (
    Method,
    measure_counts,
    nearest_state,
    probabilities,
    reconstruct,
    settings,
)
from tests.unit.test_quantum_channels import LAW, SEEDS, some_density, some_state, some_vector

METHODS: tuple[Method, ...] = ("linear", "projected", "mle")


def factors(name: str) -> list[list[NDArray[Any]]]:
    """The projectors of each site, outcome by outcome."""
    single = {base: [(PAULIS[0] + sign * PAULIS["IXYZ".index(base)]) / 2 for sign in (1, -1)] for base in "XYZ"}
    return [
        [single[base][bit] for base, bit in zip(name, bits, strict=True)]
        for bits in itertools.product((0, 1), repeat=len(name))
    ]


def projectors(name: str) -> list[NDArray[Any]]:
    """The dense projectors of a setting, outcome by outcome."""
    return [reduce(np.kron, row) for row in factors(name)]


def dense_likelihood(counts: dict[str, NDArray[np.int64]], rho: NDArray[Any]) -> float:
    return sum(
        float(count) * math.log(np.trace(projector @ rho).real)
        for name, row in counts.items()
        for projector, count in zip(projectors(name), row, strict=True)
        if count
    )


def exact_counts(rho: NDArray[Any], shots: float) -> dict[str, NDArray[np.int64]]:
    return {name: np.rint(row * shots).astype(np.int64) for name, row in probabilities(rho).items()}


def test_settings_are_all_products_of_three_bases() -> None:
    assert settings(1) == ("X", "Y", "Z")
    assert settings(2)[:4] == ("XX", "XY", "XZ", "YX")
    assert len(set(settings(6))) == 729


@LAW
@given(SEEDS, st.integers(1, 3))
def test_probabilities_are_those_of_the_dense_projectors(seed: int, sites: int) -> None:
    rho = some_density(1 << sites, seed)
    made = probabilities(rho)
    assert tuple(made) == settings(sites)
    for name, row in made.items():
        want = [np.trace(projector @ rho).real for projector in projectors(name)]
        assert np.allclose(row, want, atol=1e-12)


@LAW
@given(SEEDS, st.integers(1, 3), st.integers(1, 8), st.sampled_from(METHODS))
def test_exact_probabilities_give_the_state_back(seed: int, sites: int, rank: int, method: Method) -> None:
    rho = some_density(1 << sites, seed, rank)
    made = reconstruct(exact_counts(rho, 1e14), method, tolerance=1e-6)
    assert np.abs(made.rho - rho).max() < 1e-8


@pytest.mark.parametrize("sites", [4, 6])
def test_exact_probabilities_of_many_sites_give_the_state_back(sites: int) -> None:
    rho = some_density(1 << sites, 1, rank=3)
    counts = exact_counts(rho, 1e14)
    for method in METHODS:
        assert np.abs(reconstruct(counts, method).rho - rho).max() < 1e-8


@pytest.mark.parametrize("method", METHODS)
def test_the_error_falls_with_the_root_of_the_shots(method: Method) -> None:
    rho = 0.9 * some_density(4, 2) + 0.025 * np.eye(4)

    def error(shots: int) -> float:
        runs = [reconstruct(measure_counts(rho, shots, seed), method).rho - rho for seed in range(30)]
        return math.sqrt(np.mean([np.linalg.norm(run) ** 2 for run in runs]))

    few, many = error(400), error(40_000)
    assert few / many == pytest.approx(10.0, rel=0.25)


@LAW
@given(SEEDS, st.integers(1, 3), st.sampled_from([1, 10, 300]))
def test_no_state_is_likelier_than_the_gap_allows(seed: int, sites: int, shots: int) -> None:
    rho = some_density(1 << sites, seed, rank=1)
    counts = measure_counts(rho, shots, seed)
    best = reconstruct(counts)
    assert best.converged
    assert best.gap <= 1e-2
    assert best.log_likelihood == pytest.approx(dense_likelihood(counts, best.rho), rel=1e-9)
    assert np.linalg.eigvalsh(best.rho)[0] >= -1e-12
    assert np.trace(best.rho).real == pytest.approx(1.0, abs=1e-12)
    mixed = 0.999 * rho + 0.001 * np.eye(len(rho)) / len(rho)
    for rival in (mixed, some_density(1 << sites, seed + 1), 0.9 * best.rho + 0.1 * mixed):
        assert dense_likelihood(counts, rival) <= best.log_likelihood + best.gap + 1e-6
    projected = reconstruct(counts, "projected")
    assert best.log_likelihood <= projected.log_likelihood + projected.gap + 1e-6


def test_the_likeliest_state_of_one_site_is_known() -> None:
    inside = reconstruct({"X": [60, 40], "Y": [50, 50], "Z": [70, 30]}, tolerance=1e-9)
    assert np.allclose(inside.rho, (PAULIS[0] + 0.2 * PAULIS[1] + 0.4 * PAULIS[3]) / 2, atol=1e-6)
    outside = reconstruct({"X": [100, 0], "Y": [50, 50], "Z": [100, 0]}, tolerance=1e-9)
    want = (PAULIS[0] + (PAULIS[1] + PAULIS[3]) / math.sqrt(2)) / 2
    assert np.allclose(outside.rho, want, atol=1e-5)
    assert np.allclose(outside.linear, (PAULIS[0] + PAULIS[1] + PAULIS[3]) / 2, atol=1e-12)


@LAW
@given(SEEDS, st.integers(1, 3))
def test_the_nearest_state_is_nearer_than_any_other(seed: int, sites: int) -> None:
    dim = 1 << sites
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(dim, dim)) + 1j * rng.normal(size=(dim, dim))
    wild = some_density(dim, seed) + 0.3 * (noise + noise.conj().T)
    near = nearest_state(wild)
    assert np.linalg.eigvalsh(near)[0] >= -1e-12
    assert np.trace(near).real == pytest.approx(1.0, abs=1e-12)
    for other in range(20):
        rival = some_density(dim, seed + other, rank=1 + other % dim)
        for share in (1.0, 0.05):
            moved = (1 - share) * near + share * rival
            assert np.linalg.norm(wild - near) <= np.linalg.norm(wild - moved) + 1e-12
    assert np.allclose(nearest_state(near), near, atol=1e-12)


def test_the_paper_s_example_of_a_projection() -> None:
    """Smolin, Gambetta and Smith (2012), figure 1: eigenvalues 3/5, 1/2, 7/20, 1/10, -11/20."""
    values = np.linalg.eigvalsh(nearest_state(np.diag([0.6, 0.5, 0.35, 0.1, -0.55])))
    assert np.allclose(values, [0.0, 0.0, 0.2, 0.35, 0.45], atol=1e-12)


def test_the_bounds_hold_and_say_something() -> None:
    target = some_vector(4, 0)
    phi = target / np.linalg.norm(target)
    rho = 0.95 * np.outer(phi, phi.conj()) + 0.05 * np.eye(4) / 4
    truth = state_fidelity(phi, rho)
    for seed in range(40):
        made = reconstruct(measure_counts(rho, 2_000, seed), "projected", confidence=0.95)
        assert np.linalg.norm(made.linear - rho, 2) <= made.radius
        low, high = made.fidelity_bounds(3.0 * target)
        assert low <= truth <= high
        assert 0.85 < low < high <= 1.0
    wide = reconstruct(measure_counts(rho, 2_000, 0), "projected", confidence=0.999).radius
    assert made.radius < wide
    assert reconstruct(measure_counts(rho, 200_000, 0), "linear").radius == pytest.approx(made.radius / 10, rel=0.1)


@pytest.mark.parametrize("confidence", [0.5, 0.9])
@pytest.mark.parametrize(("sites", "shots"), [(1, 2), (1, 40), (2, 2), (2, 40), (3, 5)])
def test_the_truth_lies_within_the_radius_as_often_as_stated(sites: int, shots: int, confidence: float) -> None:
    """Over seeded runs, for a pure, a mixed and an unevenly measured state."""
    pure, mixed_state = some_density(1 << sites, 4, rank=1), some_density(1 << sites, 5)
    inside, errors, radius = 0, [], 0.0
    for seed in range(120):
        rho = pure if seed % 2 else mixed_state
        counts = measure_counts(rho, shots, seed)
        if seed % 3 == 0:
            counts |= {settings(sites)[0]: measure_counts(rho, 50 * shots, seed)[settings(sites)[0]]}
        made = reconstruct(counts, "linear", confidence=confidence)
        errors.append(float(np.linalg.norm(made.linear - rho, 2)))
        radius = made.radius
        inside += errors[-1] <= radius
    assert inside >= confidence * len(errors)
    assert radius < 9 * float(np.quantile(errors, confidence)), "it says something"


@LAW
@given(SEEDS, st.integers(1, 3), st.sampled_from([1, 7, 1000]), st.sampled_from([0.1, 0.95]))
def test_the_radius_is_bernstein_s_with_the_moments_of_the_sum(
    seed: int, sites: int, shots: int, confidence: float
) -> None:
    """Jump and variance by enumeration: what the radius assumes holds for any state, and is reached by products."""
    dim, count = 1 << sites, 3**sites

    def tail(rho: NDArray[Any], at: float) -> float:
        jump, second = 0.0, np.zeros((dim, dim), dtype=complex)
        for name, chances in probabilities(rho).items():
            one = [reduce(np.kron, [3 * projector - PAULIS[0] for projector in row]) for row in factors(name)]
            mean = sum(p * sample for p, sample in zip(chances, one, strict=True))
            jump = max(jump, *(np.linalg.norm(sample - mean, 2) / (count * shots) for sample in one))
            second += sum(p * sample @ sample for p, sample in zip(chances, one, strict=True)) / (count**2 * shots)
        variance = np.linalg.norm(second, 2)
        assert variance <= (1 + 1e-12) / shots
        assert jump <= (1 + 1e-12) * 2 * dim / (count * shots)
        return float(2 * dim * math.exp(-(at**2) / 2 / (variance + 2 * dim / (count * shots) * at / 3)))

    counts = {name: np.array([shots, *[0] * (dim - 1)]) for name in settings(sites)}
    radius = reconstruct(counts, "linear", confidence=confidence).radius
    assert tail(some_density(dim, seed), radius) <= 1 - confidence + 1e-9
    product = np.zeros((dim, dim))
    product[0, 0] = 1.0
    assert tail(product, radius) == pytest.approx(1 - confidence, rel=1e-9)


def test_six_sites_of_a_mood_come_back_from_counts(xp: Any) -> None:
    state, sites = some_state(3, Grid((3, 3, 3)), np.complex64, xp), (0, 1, 3, 4, 6, 7)
    rho = state.reduced(sites)
    made = reconstruct(measure_counts(state, 1_000, 5, sites))
    assert made.rho.shape == (64, 64)
    assert made.converged
    assert made.gap <= 1e-2
    assert state_fidelity(made.rho, rho) > 0.98
    swapped = state.reduced((1, 0, *sites[2:]))
    assert state_fidelity(made.rho, swapped) < 0.9, "the order of the sites matters"


def test_iterations_that_are_spent_are_admitted() -> None:
    counts = measure_counts(some_density(8, 1, rank=1), 100, 0)
    made = reconstruct(counts, max_iterations=2)
    assert not made.converged
    assert made.iterations == 2
    assert 1e-2 < made.gap < math.inf


def test_counts_come_from_the_seed_and_sum_to_the_shots() -> None:
    rho = some_density(4, 0)
    one, same, other = (measure_counts(rho, 50, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)
    assert {int(row.sum()) for row in one.values()} == {50}
    many = measure_counts(rho, 1_000_000, 3)
    for name, row in probabilities(rho).items():
        assert np.allclose(many[name] / 1e6, row, atol=5e-3)


def test_unequal_shots_weigh_by_their_number() -> None:
    rho = some_density(4, 3)
    counts = {
        name: row
        for number, name in enumerate(settings(2))
        for row in [measure_counts(rho, 10 ** (2 + number % 4), 0)[name]]
    }
    made = reconstruct(counts)
    assert made.converged
    assert made.log_likelihood == pytest.approx(dense_likelihood(counts, made.rho), rel=1e-9)
    assert trace_distance(made.rho, rho) < 0.2


def test_bad_counts_are_refused_by_name() -> None:
    good = {"X": [5, 5], "Y": [6, 4], "Z": [1, 9]}
    state, rho = some_state(), some_density(2, 0)
    bad: list[tuple[type[QuantumMemoryError], str, dict[Any, Any]]] = [
        (InvalidValue, "counts", {}),
        (InvalidValue, "none for 'Z' and 0 more", {"X": [5, 5], "Y": [6, 4]}),
        (InvalidValue, "none for 'XX' and 7 more", {"ZZ": [1, 1, 1, 1]}),
        (InvalidValue, "setting", {**good, "W": [1, 1]}),
        (InvalidValue, "setting", {**good, 3: [1, 1]}),
        (InvalidValue, "1 letters", {**good, "XX": [1, 1, 1, 1]}),
        (OutOfRange, "sites", {"X" * 7: [1] * 128}),
        (ShapeMismatch, "counts of Y", {**good, "Y": [1, 2, 3]}),
        (OutOfRange, "least count of Y", {**good, "Y": [-1, 11]}),
        (OutOfRange, "shots of Y", {**good, "Y": [0, 0]}),
        (InvalidValue, "whole numbers", {**good, "Y": [0.5, 9.5]}),
        (InvalidValue, "whole numbers", {**good, "Y": [1j, 9]}),
        (InvalidValue, "whole numbers", {**good, "Y": ["a", "b"]}),
        (NotFinite, "counts of Y", {**good, "Y": [math.nan, 1]}),
    ]
    for error, words, counts in bad:
        with pytest.raises(error, match=words):
            reconstruct(counts)
    calls: list[tuple[type[QuantumMemoryError], str, Callable[[], object]]] = [
        (InvalidValue, "method", lambda: reconstruct(good, "bayes")),  # type: ignore[arg-type]
        (OutOfRange, "tolerance", lambda: reconstruct(good, tolerance=0.0)),
        (OutOfRange, "confidence", lambda: reconstruct(good, confidence=1.0)),
        (OutOfRange, "max_iterations", lambda: reconstruct(good, max_iterations=0)),
        (ShapeMismatch, "target", lambda: reconstruct(good).fidelity_bounds([1, 0, 0, 0])),
        (OutOfRange, "target", lambda: reconstruct(good).fidelity_bounds([0, 0])),
        (OutOfRange, "shots", lambda: measure_counts(rho, 0, 0)),
        (InvalidValue, "shots", lambda: measure_counts(rho, 2.5, 0)),  # type: ignore[arg-type]
        (InvalidValue, "seed", lambda: measure_counts(rho, 10, None)),  # type: ignore[arg-type]
        (OutOfRange, "seed", lambda: measure_counts(rho, 10, -1)),
        (InvalidValue, "sites", lambda: measure_counts(state, 10, 0)),
        (InvalidValue, "sites", lambda: measure_counts(state, 10, 0, 1)),  # type: ignore[arg-type]
        (InvalidValue, "sites", lambda: measure_counts(rho, 10, 0, [0])),
        (OutOfRange, "sites", lambda: measure_counts(state, 10, 0, range(7))),
        (OutOfRange, "trace", lambda: measure_counts(np.eye(2), 10, 0)),
        (ShapeMismatch, "matrix", lambda: nearest_state(np.ones((2, 3)))),
    ]
    for error, words, call in calls:
        with pytest.raises(error, match=words):
            call()
