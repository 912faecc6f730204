"""Fitting the PAD head: small networks on the means of an encoder's layers, on their own and in folds.

The loss of a mean is its squared error against what is taught; the loss of a variance is the Gaussian negative
log-likelihood of its error against the rating itself, and does not reach the mean (Seitzer et al., 2022, with beta =
1), because the plain likelihood gives up on texts that are hard to rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.head import AXES, LOG_VARIANCE, PadHead


@dataclass(frozen=True)
class Recipe:
    """What can be chosen about the head. The defaults made the weights in the package."""

    networks: int = 8
    units: int = 160
    input_dropout: float = 0.6
    hidden_dropout: float = 0.4
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    epochs: int = 12
    batch: int = 64
    networks_in_fold: int = 2


class Lesson(NamedTuple):
    """Features (n, layers, width) in one form or more; ``taught`` and ``ratings`` (n, 3), both standardised.

    Of each form all features belong to the same n texts. A network learns its means from ``taught``.
    """

    forms: Sequence[Tensor]
    taught: Tensor
    ratings: Tensor

    def rows(self, keep: Tensor) -> Lesson:
        """The texts of some rows, in all their forms."""
        return Lesson([form[keep] for form in self.forms], self.taught[keep], self.ratings[keep])


class Standard(NamedTuple):
    """What brings features to mean 0 and deviation 1, (f,) each."""

    shift: Tensor
    scale: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Standard:
        flat = features.flatten(1)
        return cls(flat.mean(0), flat.std(0).clamp_min(1e-6))

    def __call__(self, features: Tensor) -> Tensor:
        return (features.flatten(1) - self.shift) / self.scale


def network(features: int, recipe: Recipe) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(recipe.input_dropout),
        nn.Linear(features, recipe.units),
        nn.GELU(),
        nn.Dropout(recipe.hidden_dropout),
        nn.Linear(recipe.units, 2 * AXES),
    )


def loss(named: Tensor, taught: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of the means, plus the likelihood of the ratings, about the means as they stand."""
    mean, log_variance = named[:, :AXES], named[:, AXES:].clamp(*LOG_VARIANCE)
    squared = ((mean.detach() - ratings) ** 2) * torch.exp(-log_variance)
    total: Tensor = ((mean - taught) ** 2).mean() + 0.5 * (log_variance + squared).mean()
    return total


def fit(lesson: Lesson, standard: Standard, recipe: Recipe, seed: int) -> nn.Sequential:
    """One network after its last epoch, on standardised features."""
    torch.manual_seed(seed)
    features = torch.cat([standard(form) for form in lesson.forms])
    taught, ratings = (part.repeat(len(lesson.forms), 1) for part in (lesson.taught, lesson.ratings))
    model = network(features.shape[1], recipe)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    batches = max(1, len(features) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * batches + 1
    )
    for _ in range(recipe.epochs):
        for rows in torch.randperm(len(features)).chunk(batches):
            optimizer.zero_grad()
            loss(model(features[rows]), taught[rows], ratings[rows]).backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            schedule.step()
    return model.eval()


def head_of(models: Sequence[nn.Sequential], standard: Standard, shape: torch.Size, encoder: str) -> PadHead:
    """The networks as one head for features of ``shape``, told as they expect."""
    first, last = zip(*([layer for layer in model if isinstance(layer, nn.Linear)] for model in models), strict=True)
    return PadHead(
        layers=shape[1],
        width=shape[2],
        encoder=encoder,
        shift=standard.shift,
        scale=standard.scale,
        hidden=torch.cat([layer.weight.detach().T for layer in first], dim=1),
        hidden_bias=torch.cat([layer.bias.detach() for layer in first]),
        out=torch.stack([layer.weight.detach().T for layer in last]),
        out_bias=torch.stack([layer.bias.detach() for layer in last]),
        calibration=Calibration.none(),
    )


def ensemble(lesson: Lesson, encoder: str, recipe: Recipe, seed: int) -> PadHead:
    """A head trained on all of a lesson; its calibration is still none."""
    standard = Standard.of(lesson.forms[0])
    models = []
    for number in range(recipe.networks):
        models.append(fit(lesson, standard, recipe, seed + number))
        print(f"network {number + 1} of {recipe.networks}", flush=True)
    return head_of(models, standard, lesson.forms[0].shape, encoder)


def in_folds(lesson: Lesson, fold: Tensor, recipe: Recipe, seed: int) -> tuple[Tensor, Tensor]:
    """(n, 3) mean and variance of each text in its first form, by networks that have not learned it in any form."""
    mean, variance = torch.empty_like(lesson.ratings), torch.empty_like(lesson.ratings)
    for number in sorted(set(fold.tolist())):
        out = fold == number
        learned = lesson.rows(~out)
        standard = Standard.of(learned.forms[0])
        models = [fit(learned, standard, recipe, seed + index) for index in range(recipe.networks_in_fold)]
        head = head_of(models, standard, lesson.forms[0].shape, "")
        mean[out], variance[out] = head.expectations(lesson.forms[0][out])
        print(f"head without fold {number + 1}", flush=True)
    return mean, variance
