"""Calibration: what is told has the spread of ratings, and its intervals hold what they promise."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from quantum_memory.errors import CorruptRecord, InvalidValue
from quantum_memory.memory.affect.calibration import LEVEL, LEVEL_QUANTILE, Calibration
from quantum_memory.memory.affect.feeling import confidence
from quantum_memory.types import PAD

SEEDS = st.integers(0, 10_000)


def made(seed: int, count: int = 400) -> tuple[Tensor, Tensor, Tensor]:
    """Standardised expectations drawn to the middle, half of their variance as it is named, ratings."""
    dice = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, 3, generator=dice) * 0.6
    variance = torch.rand(count, 3, generator=dice) + 0.3
    standard = mean + 0.1 + (2.0 * variance).sqrt() * torch.randn(count, 3, generator=dice)
    return mean, variance, standard * torch.tensor([0.17, 0.12, 0.1]) + torch.tensor([-0.02, 0.03, 0.0])


def fitted(seed: int) -> Calibration:
    mean, variance, ratings = made(seed)
    return Calibration.fitted(mean, variance, ratings, ratings.mean(0), ratings.std(0))


def concordance(left: Tensor, right: Tensor) -> Tensor:
    covariance = ((left - left.mean(0)) * (right - right.mean(0))).mean(0)
    spread = left.var(0, correction=0) + right.var(0, correction=0)
    return 2.0 * covariance / (spread + (left.mean(0) - right.mean(0)) ** 2)


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_what_is_told_has_the_mean_and_the_spread_of_the_ratings(seed: int) -> None:
    mean, variance, ratings = made(seed)
    told, _ = fitted(seed).told(mean, variance)
    assert torch.allclose(told.mean(0), ratings.mean(0), atol=1e-5)
    assert torch.allclose(told.std(0), ratings.std(0), rtol=1e-4)


@given(SEEDS)
@settings(deadline=None, max_examples=25)
def test_stretching_agrees_better_with_people_and_its_concordance_is_the_correlation(seed: int) -> None:
    calibration = fitted(seed)
    mean, variance, ratings = made(seed)
    told, _ = calibration.told(mean, variance)
    expected, _ = calibration.expected(mean, variance)
    r = torch.stack([torch.corrcoef(torch.stack([told[:, axis], ratings[:, axis]]))[0, 1] for axis in range(3)])
    assert torch.allclose(concordance(told, ratings), r, atol=1e-4)
    assert (concordance(told, ratings) > concordance(expected, ratings)).all()


def test_the_interval_holds_eight_in_ten_of_ratings_that_it_was_not_fitted_to() -> None:
    held, count = torch.zeros(3), 0
    for seed in range(40):
        calibration = fitted(seed)
        mean, variance, ratings = made(seed + 1000)
        told, deviation = calibration.told(mean, variance)
        held += ((told - ratings).abs() <= LEVEL_QUANTILE * deviation).sum(0)
        count += len(mean)
    # 40 fits on 400 texts: the standard error of each share is below 0.01.
    assert held.tolist() == [pytest.approx(LEVEL * count, rel=0.025)] * 3


@given(SEEDS)
@settings(deadline=None, max_examples=15)
def test_feelings_are_what_is_told_within_the_cube_and_as_sure_as_what_is_expected(seed: int) -> None:
    calibration = fitted(seed)
    mean, variance, _ = made(seed, 20)
    told, deviation = calibration.told(mean, variance)
    expected, sigma = calibration.expected(mean, variance)
    for index, feeling in enumerate(calibration.feelings(mean, variance)):
        pad = (feeling.pad.pleasure, feeling.pad.arousal, feeling.pad.dominance)
        assert pad == pytest.approx(told[index].clamp(-1.0, 1.0).tolist(), abs=1e-6)
        assert feeling.spread == pytest.approx(deviation[index].tolist(), rel=1e-5)
        sure = confidence(PAD(*expected[index].clamp(-1, 1).tolist()), sigma[index].tolist())
        assert feeling.confidence == pytest.approx(sure, abs=1e-5)


def test_the_more_is_stretched_the_wider_the_interval() -> None:
    calibration = replace(Calibration.none(), stretch=torch.full((3,), 2.0))
    mean = torch.tensor([[0.0, 0.5, 3.0]])
    _, deviation = calibration.told(mean, torch.ones(1, 3))
    assert deviation[0].tolist() == pytest.approx([1.0, math.sqrt(1.25), math.sqrt(10.0)])


def test_expectations_far_outside_come_out_as_feelings_all_the_same() -> None:
    (feeling,) = Calibration.none().feelings(torch.tensor([[1e9, -1e9, 0.0]]), torch.full((1, 3), 1e-12))
    assert feeling.pad == PAD(1.0, -1.0, 0.0)


def test_expectations_that_never_differ_are_refused() -> None:
    ratings = torch.randn(10, 3)
    with pytest.raises(InvalidValue, match="the same for all texts"):
        Calibration.fitted(torch.zeros(10, 3), torch.ones(10, 3), ratings, ratings.mean(0), ratings.std(0))


def test_it_comes_back_from_its_tensors_and_another_shape_is_refused() -> None:
    calibration = fitted(0)
    back = Calibration.of(calibration.tensors(), Path("weights"))
    assert all(torch.equal(getattr(back, name), getattr(calibration, name)) for name in Calibration.NAMES)
    with pytest.raises(CorruptRecord, match=r"weights.*center has the shape \(2,\), expected \(3,\)"):
        Calibration.of(calibration.tensors() | {"center": torch.zeros(2)}, Path("weights"))
