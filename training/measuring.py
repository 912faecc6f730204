"""How well feelings are read: agreement with ratings, errors, and whether what is promised holds."""

from __future__ import annotations

import torch
from rated_texts import AXIS_NAMES, correlation
from torch import Tensor

from quantum_memory.memory.affect.calibration import LEVEL_QUANTILE, Calibration


def measure(mean: Tensor, variance: Tensor, calibration: Calibration, ratings: Tensor) -> dict[str, object]:
    """How well standardised expectations (n, 3) read ratings (n, 3), as they are told."""
    told = calibration.feelings(mean, variance)
    pads = torch.tensor([[one.pad.pleasure, one.pad.arousal, one.pad.dominance] for one in told])
    spreads = torch.tensor([one.spread for one in told])
    sure = torch.tensor([one.confidence for one in told])
    expected, sigma = calibration.expected(mean, variance)
    nearer = (((ratings - expected) / sigma).norm(dim=1) < (ratings / sigma).norm(dim=1)).float()
    promised = (1.0 + sure) / 2.0
    bins = [part for part in torch.argsort(sure).chunk(10) if len(part)]
    gaps = [(float(promised[part].mean()), float(nearer[part].mean())) for part in bins]
    covariance = ((pads - pads.mean(0)) * (ratings - ratings.mean(0))).mean(0)
    apart = (pads.mean(0) - ratings.mean(0)) ** 2
    concordance = 2.0 * covariance / (pads.var(0, correction=0) + ratings.var(0, correction=0) + apart)

    def by_axis(values: Tensor) -> dict[str, float]:
        return {axis: round(float(value), 4) for axis, value in zip(AXIS_NAMES, values, strict=True)}

    return {
        "texts": len(ratings),
        "pearson_r": by_axis(correlation(pads, ratings)),
        "concordance": by_axis(concordance),
        "mean_absolute_error": by_axis((pads - ratings).abs().mean(0)),
        "mean_absolute_error_expected": by_axis((expected - ratings).abs().mean(0)),
        "deviation_of_ratings": by_axis(ratings.std(0)),
        "deviation_of_readings": by_axis(pads.std(0)),
        "in_interval_of_80_percent": by_axis(((pads - ratings).abs() <= LEVEL_QUANTILE * spreads).float().mean(0)),
        "mean_confidence": round(float(sure.mean()), 4),
        "nearer_than_neutral_expected": round(float(promised.mean()), 4),
        "nearer_than_neutral": round(float(nearer.mean()), 4),
        "expected_and_found_by_tenth": [(round(said, 3), round(was, 3)) for said, was in gaps],
        "expected_calibration_error": round(sum(abs(said - was) for said, was in gaps) / len(gaps), 4),
    }
