"""Train the PAD head on EmoBank over a frozen encoder, and measure it.

    python training/train_pad_head.py --data emobank.csv --out memory/affect/weights

reads a CSV with the columns split, V, A, D and text, ratings from 1 to 5 (https://github.com/JULIELab/EmoBank). It
trains on the train split, chooses the epoch and fits the deviations on texts of it kept aside, and reports on the dev
split. A run takes nothing from dev; but the defaults of the recipe were settled after runs whose figures on dev had
been seen, so these may be slightly better than on texts that nobody has looked at. No test split is read. It writes
``pad_head.safetensors`` and ``metrics.json`` into the folder given.

Every text is learned in two forms, plain and said by somebody, whose name is drawn from ``SPEAKERS``. Dev is measured
in both as well, with names from ``STRANGERS``, which are not learned.

Each network is a multilayer perceptron on the means of all hidden layers. The loss of a mean is its squared error; the
loss of a variance is the Gaussian negative log-likelihood of that error, and does not reach the mean (Seitzer et al.,
2022, with beta = 1), because the plain likelihood gives up on texts that are hard to rate.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.head import AXES, LOG_VARIANCE, PadHead, load, save

AXIS_NAMES = ("pleasure", "arousal", "dominance")
SPEAKERS = (
    *("Alice", "Bob", "Maria", "John", "Wei", "Fatima", "Olga", "Hassan", "Priya", "Carlos", "Yuki", "Kofi", "Ingrid"),
    *("Pierre", "Sofia", "Mehmet", "Emma", "Liam", "Nia", "Dmitri", "Chloe", "Arjun", "Zanele", "Giovanni", "Sarah"),
    *("Michael", "Leila", "Björn", "Amara", "Tom", "Mrs. Lee", "Dr. Patel", "Speaker 1", "user", "assistant", "system"),
    *("agent", "customer", "doctor", "teacher"),
)
STRANGERS = (
    *("Ilka", "Caroline", "Melanie", "Joanna", "Nate", "Ahmed", "Xin", "Tomasz", "Grace", "Daniel", "narrator"),
    *("support", "bot", "student"),
)


@dataclass(frozen=True)
class Recipe:
    """What can be chosen. The defaults made the weights in the package."""

    networks: int = 5
    units: int = 160
    input_dropout: float = 0.6
    hidden_dropout: float = 0.4
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    epochs: int = 25
    batch: int = 64
    kept_aside: float = 0.1
    seed: int = 0


class Split(NamedTuple):
    """Texts of one split and their ratings, (n, 3) in [-1, 1]."""

    texts: list[str]
    ratings: Tensor


class Sample(NamedTuple):
    """Features (n, layers, width) and ratings (n, 3)."""

    features: Tensor
    ratings: Tensor


def read(path: Path) -> dict[str, Split]:
    """The splits of an EmoBank file; a rating x from 1 to 5 becomes (x - 3) / 2."""
    texts: dict[str, list[str]] = {}
    ratings: dict[str, list[list[float]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            texts.setdefault(row["split"], []).append(row["text"])
            ratings.setdefault(row["split"], []).append([(float(row[axis]) - 3.0) / 2.0 for axis in "VAD"])
    return {name: Split(texts[name], torch.tensor(ratings[name])) for name in texts}


def forms(encoder: Encoder, split: Split, names: Sequence[str], seed: int) -> tuple[Sample, Sample]:
    """The texts plain, and each said by somebody whose name is drawn at random."""
    drawn = random.Random(seed).choices(names, k=len(split.texts))  # noqa: S311 - nothing secret hangs on it
    # Out of inference mode, in which the encoder made them, or no gradient could be taken over them.
    plain, said = (encoder.read(split.texts, by).layers.cpu().clone() for by in (None, drawn))
    return Sample(plain, split.ratings), Sample(said, split.ratings)


def correlation(left: Tensor, right: Tensor) -> Tensor:
    """Pearson's r of each column, (3,)."""
    left, right = left - left.mean(0), right - right.mean(0)
    r: Tensor = (left * right).sum(0) / (left.norm(dim=0) * right.norm(dim=0)).clamp_min(1e-12)
    return r


def network(features: int, recipe: Recipe) -> nn.Sequential:
    return nn.Sequential(
        nn.Dropout(recipe.input_dropout),
        nn.Linear(features, recipe.units),
        nn.GELU(),
        nn.Dropout(recipe.hidden_dropout),
        nn.Linear(recipe.units, 2 * AXES),
    )


def loss(named: Tensor, wanted: Tensor) -> Tensor:
    """Squared error of the means, plus the likelihood of that error, as it stands, under the variances."""
    mean, log_variance = named[:, :AXES], named[:, AXES:].clamp(*LOG_VARIANCE)
    squared = (mean - wanted) ** 2
    likelihood = 0.5 * (log_variance + squared.detach() * torch.exp(-log_variance))
    total: Tensor = squared.mean() + likelihood.mean()
    return total


def fit(train: Sample, aside: Sample, recipe: Recipe, seed: int) -> nn.Sequential:
    """One network on standardised (n, f) features and ratings, as it was after its best epoch on the part aside."""
    torch.manual_seed(seed)
    model = network(train.features.shape[1], recipe)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    steps = max(1, len(train.ratings) // recipe.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps + 1
    )
    best, kept = -float("inf"), model.state_dict()
    for _ in range(recipe.epochs):
        model.train()
        for rows in torch.randperm(len(train.ratings)).chunk(steps):
            optimizer.zero_grad()
            loss(model(train.features[rows]), train.ratings[rows]).backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            score = float(correlation(model(aside.features)[:, :AXES], aside.ratings).mean())
        if score > best:
            best, kept = score, {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return model.eval()


def pick(samples: Sequence[Sample], rows: Tensor) -> Sample:
    """The same rows of all samples, one sample after the other."""
    return Sample(*(torch.cat([part[rows] for part in parts]) for parts in zip(*samples, strict=True)))


def ensemble(samples: Sequence[Sample], encoder: str, recipe: Recipe) -> PadHead:
    """Train the networks on forms of the same texts.

    All forms of some texts are kept aside, for choosing and for the deviations.
    """
    order = torch.randperm(len(samples[0].ratings), generator=torch.Generator().manual_seed(recipe.seed))
    cut = max(2, round(recipe.kept_aside * len(order)))
    aside, train = pick(samples, order[:cut]), pick(samples, order[cut:])
    flat = train.features.flatten(1)
    shift, scale = flat.mean(0), flat.std(0).clamp_min(1e-6)
    label_mean, label_scale = train.ratings.mean(0), train.ratings.std(0).clamp_min(1e-6)

    def standard(part: Sample) -> Sample:
        return Sample((part.features.flatten(1) - shift) / scale, (part.ratings - label_mean) / label_scale)

    models = []
    for number in range(recipe.networks):
        models.append(fit(standard(train), standard(aside), recipe, recipe.seed + number))
        print(f"network {number + 1} of {recipe.networks}", flush=True)
    first, last = zip(*([layer for layer in model if isinstance(layer, nn.Linear)] for model in models), strict=True)
    head = PadHead(
        layers=train.features.shape[1],
        width=train.features.shape[2],
        encoder=encoder,
        shift=shift,
        scale=scale,
        hidden=torch.cat([layer.weight.detach().T for layer in first], dim=1),
        hidden_bias=torch.cat([layer.bias.detach() for layer in first]),
        out=torch.stack([layer.weight.detach().T for layer in last]),
        out_bias=torch.stack([layer.bias.detach() for layer in last]),
        label_mean=label_mean,
        label_scale=label_scale,
        sigma_scale=torch.ones(AXES),
    )
    mean, sigma = head.gaussian(aside.features)
    fitted = (((mean - aside.ratings) / sigma) ** 2).mean(0).sqrt()
    return replace(head, sigma_scale=fitted)


def measure(head: PadHead, sample: Sample) -> dict[str, object]:
    """How well a head reads a sample: correlations, errors, and whether its confidence is what it says."""
    mean, sigma = head.gaussian(sample.features)
    pad, confidence = head(sample.features)
    error = (pad - sample.ratings).abs()
    nearer = (((sample.ratings - mean) / sigma).norm(dim=1) < (sample.ratings / sigma).norm(dim=1)).float()
    expected = (1.0 + confidence) / 2.0
    bins = [part for part in torch.argsort(confidence).chunk(10) if len(part)]
    gaps = [(float(expected[part].mean()), float(nearer[part].mean())) for part in bins]

    def by_axis(values: Tensor) -> dict[str, float]:
        return {axis: round(float(value), 4) for axis, value in zip(AXIS_NAMES, values, strict=True)}

    return {
        "texts": len(sample.ratings),
        "pearson_r": by_axis(correlation(pad, sample.ratings)),
        "mean_absolute_error": by_axis(error.mean(0)),
        "deviation_of_ratings": by_axis(sample.ratings.std(0)),
        "deviation_of_readings": by_axis(pad.std(0)),
        "mean_squared_z": by_axis((((mean - sample.ratings) / sigma) ** 2).mean(0)),
        "mean_confidence": round(float(confidence.mean()), 4),
        "nearer_than_neutral_expected": round(float(expected.mean()), 4),
        "nearer_than_neutral": round(float(nearer.mean()), 4),
        "expected_and_found_by_tenth": [(round(said, 3), round(was, 3)) for said, was in gaps],
        "expected_calibration_error": round(sum(abs(said - was) for said, was in gaps) / len(gaps), 4),
    }


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="EmoBank as CSV, with a train and a dev split")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the metrics")
    parser.add_argument("--model", type=Path, help="folder of the encoder; the packaged MiniLM if not given")
    parser.add_argument("--device", default="cpu", help="where the encoder runs: cpu, cuda or auto")
    for name, value in vars(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    recipe = Recipe(**{name: getattr(given, name) for name in vars(Recipe())})
    splits = read(given.data)
    encoder = Encoder(given.model or packaged_model(), given.device)
    train = forms(encoder, splits["train"], SPEAKERS, recipe.seed)
    dev = dict(zip(("dev", "dev_said"), forms(encoder, splits["dev"], STRANGERS, recipe.seed), strict=True))
    print(f"read {len(splits['train'].texts) + len(splits['dev'].texts)} texts in two forms", flush=True)
    head = ensemble(train, encoder.fingerprint, recipe)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "pad_head.safetensors"
    save(head, path)
    # Measured as it was written, in half precision.
    written = load(path)
    metrics = {"recipe": vars(recipe)} | {name: measure(written, sample) for name, sample in dev.items()}
    (given.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
