"""Bonds that fit a byte budget: the laws of fitting, its memory, and the account of a host."""

from __future__ import annotations

import logging
import math
import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, linalg
from quantum_memory.memory.quantum.budget import ByteBudget, bytes_of, caps, fit

SMALL = Grid((5, 4, 4))
LEAST = SMALL.sites * 2 * 16
LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def moods(count: int, seed: int, grid: Grid = SMALL, dtype: type = np.complex128, xp: Any = np) -> QuantumState:
    rng = np.random.default_rng(seed)
    packets = [
        Packet(tuple(rng.uniform(-0.8, 0.8, 3)), tuple(rng.uniform(0.15, 0.4, 3)), tuple(rng.normal(size=3) * 3))
        for _ in range(count)
    ]
    return QuantumState.from_packets(grid, packets, list(rng.normal(size=count) + 0.3j), dtype=dtype, xp=xp)


@LAW
@given(st.integers(0, 1000), st.integers(1, 8), st.integers(LEAST, 40_000))
def test_a_fitted_state_keeps_its_budget_and_tells_the_fidelity(xp: Any, seed: int, count: int, max_bytes: int) -> None:
    state = moods(count, seed, xp=xp)
    fitted = fit(state, max_bytes=max_bytes)
    assert fitted.nbytes == fitted.state.nbytes <= max_bytes
    assert fitted.bond == fitted.state.bond
    assert fitted.fidelity == pytest.approx(fitted.state.fidelity(state), abs=1e-10)
    assert fitted.state.norm() == pytest.approx(1.0, abs=1e-12)
    free, kept = state.compress()
    assert fitted.lowered == (free.nbytes > max_bytes)
    assert fitted.warned == (free.nbytes > 0.9 * max_bytes)
    if not fitted.lowered:
        assert fitted.fidelity == kept


@LAW
@given(st.integers(0, 1000), st.integers(2, 8), st.lists(st.integers(LEAST, 40_000), min_size=2, max_size=6))
def test_more_budget_never_may_lose_more(xp: Any, seed: int, count: int, budgets: list[int]) -> None:
    state = moods(count, seed, xp=xp)
    weights = [(values / np.linalg.norm(values)) ** 2 for values in linalg.spectra(state.cores)]
    bounds = []
    for budget in sorted(budgets):
        fitted = fit(state, max_bytes=budget)
        bounds.append(sum(float(of[bond:].sum()) for of, bond in zip(weights, fitted.state.bonds, strict=True)))
        assert 1.0 - fitted.fidelity <= bounds[-1] + 1e-12
    assert all(more <= less + 1e-12 for less, more in pairwise(bounds))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_more_budget_keeps_more_where_a_mood_is_still_itself(xp: Any, seed: int) -> None:
    state = moods(6, seed, xp=xp)
    lost = [1.0 - fit(state, max_bytes=budget).fidelity for budget in range(3_000, 9_000, 500)]
    assert lost == sorted(lost, reverse=True)
    assert lost[0] > 10 * lost[-1]


@LAW
@given(st.integers(0, 1000), st.integers(LEAST, 40_000))
def test_bonds_share_one_threshold_and_no_smaller_one_fits(seed: int, max_bytes: int) -> None:
    rng = np.random.default_rng(seed)
    spectra = [np.sort(rng.exponential(size=rng.integers(1, 20)))[::-1] for _ in range(SMALL.sites - 1)]
    bonds = caps(spectra, 16, max_bytes)
    assert bytes_of(bonds, 16) <= max_bytes
    weights = [(values / np.linalg.norm(values)) ** 2 for values in spectra]
    dropped = [of[bond] for of, bond in zip(weights, bonds, strict=True) if bond < of.size]
    if not dropped:
        return
    threshold = max(dropped)
    assert all((of[1:bond] > threshold).all() for of, bond in zip(weights, bonds, strict=True))
    looser = [max(1, int((of >= threshold).sum())) for of in weights]
    assert bytes_of(looser, 16) > max_bytes


def test_single_precision_on_the_full_grid_tells_the_exact_fidelity(xp: Any) -> None:
    state = moods(20, 1, Grid(), np.complex64, xp)
    fitted = fit(state, max_bytes=20_000)
    assert fitted.lowered
    assert fitted.warned
    assert 15_000 < fitted.nbytes <= 20_000
    assert fitted.fidelity == pytest.approx(fitted.state.fidelity(state), abs=1e-9)
    roomy = fit(state, max_bytes=10**9)
    assert not roomy.warned
    assert not roomy.lowered
    assert roomy.fidelity >= 1 - 1e-7


def test_coming_near_the_budget_is_told_before_it_is_overrun(xp: Any) -> None:
    state = moods(3, 2, xp=xp)
    nbytes = fit(state).nbytes
    near = fit(state, max_bytes=math.ceil(nbytes / 0.95))
    assert near.warned
    assert not near.lowered
    assert not fit(state, max_bytes=math.ceil(nbytes / 0.89)).warned
    assert not fit(state, max_bytes=None).warned


def test_a_product_state_fits_the_least_budget_and_less_is_refused(xp: Any) -> None:
    state = moods(4, 3, xp=xp)
    fitted = fit(state, max_bytes=LEAST)
    assert fitted.bond == 1
    assert fitted.nbytes == LEAST
    with pytest.raises(OutOfRange, match=str(LEAST)):
        fit(state, max_bytes=LEAST - 1)
    with pytest.raises(InvalidValue):
        fit(state, max_bytes=1e4)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="QuantumState"):
        fit("a state")  # type: ignore[arg-type]


def test_fitting_is_silent_and_the_account_speaks_once(caplog: pytest.LogCaptureFixture) -> None:
    state = moods(4, 5)
    with caplog.at_level(logging.DEBUG):
        results = [fit(state, max_bytes=share) for share in range(LEAST, 3 * LEAST, 100)]
    assert {(one.lowered, one.warned) for one in results} >= {(True, True)}
    assert caplog.records == []
    budget = ByteBudget(sum(one.nbytes for one in results))
    with caplog.at_level(logging.WARNING):
        for one in results:
            budget.charge(one.nbytes)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(budget.limit) in caplog.text


def test_fitting_takes_memory_by_the_bonds_that_came_in() -> None:
    state = QuantumState.random(Grid(), 48, 0, dtype=np.complex128)
    fit(state, max_bytes=100_000)
    tracemalloc.start()
    fit(state, max_bytes=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * state.nbytes


def test_an_account_never_goes_over_its_limit_and_warns_once_per_crossing() -> None:
    told: list[tuple[int, int]] = []
    budget = ByteBudget(1000, on_warning=lambda held, limit: told.append((held, limit)))
    budget.charge(900)
    assert not budget.near
    assert told == []
    budget.charge(50)
    budget.charge(50)
    assert told == [(950, 1000)]
    assert (budget.held, budget.room, budget.limit) == (1000, 0, 1000)
    with pytest.raises(OutOfRange):
        budget.charge(1)
    budget.release(500)
    assert not budget.near
    budget.charge(450)
    assert told == [(950, 1000), (950, 1000)]
    with pytest.raises(OutOfRange):
        budget.release(951)
    assert budget.held == 950


@LAW
@given(st.lists(st.integers(-600, 600), max_size=20))
def test_an_account_adds_up(moves: list[int]) -> None:
    budget, held = ByteBudget(1000), 0
    for move in moves:
        fits = 0 <= held + move <= 1000
        act = budget.charge if move >= 0 else budget.release
        if fits:
            act(abs(move))
            held += move
        else:
            with pytest.raises(OutOfRange):
                act(abs(move))
        assert budget.held == held == budget.limit - budget.room


def test_bad_accounts_are_refused() -> None:
    for wrong in (0, -5):
        with pytest.raises(OutOfRange):
            ByteBudget(wrong)
    with pytest.raises(OutOfRange):
        ByteBudget(10, warn_at=1.5)
    with pytest.raises(InvalidValue):
        ByteBudget(10, on_warning=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        ByteBudget(10).charge(1.5)  # type: ignore[arg-type]
