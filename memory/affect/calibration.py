"""From what networks expect to what is told: the spread of real ratings, and deviations that hold what they promise.

A regression draws what it says towards the middle, the more the less it knows: its feelings are weaker than people's.
What is told is therefore stretched until it has the mean and the spread that ratings have, axis by axis, which is what
maximises the concordance with them (Lin, 1989) for a given correlation. The deviation is about what is told: it holds
both the variance that the networks name and the square of what was stretched, and is scaled so that the interval
``pad ± 1.2816 spread`` holds 80 % of ratings that were kept out of training (split conformal prediction: Papadopoulos
et al., 2002; Lei et al., 2018). The confidence asks for what is expected, before it was stretched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.memory.affect.weight_files import check_numbers
from quantum_memory.types import PAD

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = 0.8
"""Share of ratings that the interval holds on which the deviations are scaled."""
LEVEL_QUANTILE = 1.2815515655446004
"""Half the width of the central interval of that probability under a standard normal."""


@dataclass(frozen=True)
class Calibration:
    """What is done to standardised expectations and variances, axis by axis; all are (3,).

    Attributes:
        label_mean, label_scale: of the ratings, in units of PAD; expectations are in units of ``label_scale``.
        center: mean of the expectations over texts kept out of training.
        stretch: what brings their deviation to 1.
        sigma_scale: brings the mean squared error over the named variance to 1.
        interval: brings 80 % of ratings into the interval of 80 %.
    """

    label_mean: Tensor
    label_scale: Tensor
    center: Tensor
    stretch: Tensor
    sigma_scale: Tensor
    interval: Tensor

    NAMES: ClassVar[tuple[str, ...]] = ("label_mean", "label_scale", "center", "stretch", "sigma_scale", "interval")

    def tensors(self) -> dict[str, Tensor]:
        """As they are written to a file, in single precision."""
        import torch

        return {name: getattr(self, name).to("cpu", torch.float32).contiguous() for name in self.NAMES}

    @classmethod
    def none(cls) -> Calibration:
        """What changes nothing: standardised ratings are told as they are expected."""
        import torch

        return cls(torch.zeros(3), torch.ones(3), torch.zeros(3), *(torch.ones(3) for _ in range(3)))

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], path: Path) -> Calibration:
        """What ``tensors`` wrote to a file. Raises: CorruptRecord for another shape, or for what is no number."""
        for name in cls.NAMES:
            check_numbers(name, tensors[name], (3,), path)
        return cls(**{name: tensors[name] for name in cls.NAMES})

    @classmethod
    def fitted(
        cls, mean: Tensor, variance: Tensor, ratings: Tensor, label_mean: Tensor, label_scale: Tensor
    ) -> Calibration:
        """Fitted to standardised expectations and variances (n, 3) of texts that the networks have not learned.

        ``ratings`` (n, 3) are in units of PAD, ``label_mean`` and ``label_scale`` those that made them standard.

        Raises: InvalidValue for expectations that are the same for all texts on an axis, which nothing can stretch.
        """
        import torch

        if not bool((mean.std(0) > 0.0).all()):
            raise InvalidValue("expectations", "the same for all texts", "such that differ on each axis")
        wanted = (ratings - label_mean) / label_scale
        sigma_scale = ((mean - wanted) ** 2 / variance).mean(0).sqrt()
        center = mean.mean(0)
        stretch = wanted.std(0) / mean.std(0)
        bare = cls(label_mean, label_scale, center, stretch, sigma_scale, torch.ones(3))
        told, deviation = bare.told(mean, variance)
        errors = (told - ratings).abs() / deviation
        interval = errors.quantile(LEVEL, dim=0) / LEVEL_QUANTILE
        return cls(label_mean, label_scale, center, stretch, sigma_scale, interval)

    def expected(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the rating on each axis as the networks expect it, (n, 3) each, in units of PAD."""
        return (
            mean * self.label_scale + self.label_mean,
            variance.sqrt() * self.sigma_scale * self.label_scale,
        )

    def told(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """The feeling and the deviation of ratings about it, (n, 3) each, in units of PAD."""
        stretched = (mean - self.center) * self.stretch
        named = variance * self.sigma_scale**2
        deviation = (named + (stretched - mean) ** 2).sqrt() * self.interval
        return stretched * self.label_scale + self.label_mean, deviation * self.label_scale

    def feelings(self, mean: Tensor, variance: Tensor) -> list[Feeling]:
        """A feeling for each of n expectations."""
        import torch

        pads, spreads = self.told(mean, variance)
        expected, sigma = self.expected(mean, variance)
        distance = (expected / sigma).norm(dim=-1)
        sure = torch.erf(distance / (2.0 * 2.0**0.5)).clamp(0.0, 1.0)
        rows = zip(
            pads.clamp(-1.0, 1.0).tolist(),
            spreads.clamp(LEAST_SPREAD, MOST_SPREAD).tolist(),
            sure.tolist(),
            strict=True,
        )
        return [Feeling(PAD(*pad), (spread[0], spread[1], spread[2]), one) for pad, spread, one in rows]
