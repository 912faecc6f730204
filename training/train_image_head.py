"""Train a PAD head for images over a frozen backbone, and measure it.

    python training/train_image_head.py --images rated.csv --model FOLDER --out FOLDER

reads a CSV with the columns path, V, A and D, and split if there is one: paths of image files, from the CSV's folder
on, and ratings from -1 to 1, or as ``--scale 1 9`` says. It learns from the split train, or all rows if there is no
such column. Networks that have not learned an image say what they expect of it, fold by fold: on these expectations
the head is calibrated (``memory.affect.calibration``), and it is measured on them and on the split dev, if there is
one. It writes ``image_head.safetensors`` and ``image_metrics.json`` into the folder given; settings name the first as
``perception.image.head``.

The backbone is any model of transformers that gives tokens or maps (``memory.affect.image_reader.Backbone``), a ViT
for one. Networks and losses are those of the head for texts (``head_fitting``), on its pooled features as one layer.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import torch
from head_fitting import Lesson, Recipe, ensemble, in_folds
from measuring import measure
from rated_texts import folds
from torch import Tensor

from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.head import PadHead, load, save
from quantum_memory.memory.affect.image_reader import Backbone
from quantum_memory.memory.affect.loading import Source
from quantum_memory.memory.affect.placement import Placement

FOLDS = 5
RECIPE = Recipe(networks=5, units=64, input_dropout=0.4, hidden_dropout=0.4, epochs=60)
"""Narrower and longer than for texts: rated images come by hundreds. Chosen, not measured."""


class Sample(NamedTuple):
    """Features (n, 1, f) and ratings (n, 3)."""

    features: Tensor
    ratings: Tensor


def read(path: Path, scale: tuple[float, float]) -> dict[str, tuple[list[Path], Tensor]]:
    """Image files and ratings (n, 3) in [-1, 1], by split; all are train where no split is told."""
    files: dict[str, list[Path]] = {}
    ratings: dict[str, list[list[float]]] = {}
    low, high = scale
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            split = row.get("split") or "train"
            files.setdefault(split, []).append(path.parent / row["path"])
            ratings.setdefault(split, []).append(
                [(float(row[axis]) - low) / (high - low) * 2.0 - 1.0 for axis in "VAD"]
            )
    return {split: (files[split], torch.tensor(ratings[split])) for split in files}


def looked_at(backbone: Backbone, files: Sequence[Path], ratings: Tensor, step: int = 64) -> Sample:
    """The files through the backbone, some at a time."""
    parts = [
        backbone.features([file.read_bytes() for file in files[start : start + step]])
        for start in range(0, len(files), step)
    ]
    return Sample(torch.cat(parts).cpu()[:, None], ratings)


def train(sample: Sample, backbone: str, recipe: Recipe, seed: int) -> tuple[PadHead, dict[str, object]]:
    """The calibrated head, and how well networks read the folds that they have not learned."""
    label_mean, label_scale = sample.ratings.mean(0), sample.ratings.std(0).clamp_min(1e-6)
    wanted = (sample.ratings - label_mean) / label_scale
    lesson = Lesson([sample.features], wanted, wanted)
    mean, variance = in_folds(lesson, folds(len(wanted), FOLDS, seed), recipe, seed)
    calibration = Calibration.fitted(mean, variance, sample.ratings, label_mean, label_scale)
    head = replace(ensemble(lesson, backbone, recipe, seed), calibration=calibration)
    return head, measured(mean, variance, calibration, sample.ratings)


def measured(mean: Tensor, variance: Tensor, calibration: Calibration, ratings: Tensor) -> dict[str, object]:
    """As for texts, counted as images; None for what has no value, as a concordance where all ratings are the same."""
    found = measure(mean, variance, calibration, ratings)
    count = found.pop("texts")
    valued: dict[str, object] = json.loads(json.dumps(found), parse_constant=lambda _: None)
    return {"images": count} | valued


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="CSV with the columns path, V, A, D and maybe split")
    parser.add_argument("--model", required=True, help="the backbone: a folder, or a name on the hub that is cached")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights and the metrics")
    parser.add_argument("--scale", type=float, nargs=2, default=(-1.0, 1.0), help="the ratings that are -1 and 1")
    parser.add_argument("--device", default="auto", help="where the backbone runs: cpu, cuda or auto")
    parser.add_argument("--seed", type=int, default=0)
    for name, value in asdict(RECIPE).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    recipe = Recipe(**{name: getattr(given, name) for name in asdict(RECIPE)})
    splits = read(given.images, tuple(given.scale))
    backbone = Backbone(Source(given.model), Placement(given.device))
    head, aside = train(looked_at(backbone, *splits["train"]), backbone.fingerprint, recipe, given.seed)
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / "image_head.safetensors"
    save(head, path)
    metrics = {"recipe": asdict(recipe) | {"folds": FOLDS, "seed": given.seed}, "in_folds": aside}
    if "dev" in splits:
        written, dev = load(path), looked_at(backbone, *splits["dev"])
        metrics["dev"] = measured(*written.expectations(dev.features), written.calibration, dev.ratings)
    (given.out / "image_metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    main()
