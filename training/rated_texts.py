"""EmoBank as the training scripts read it: texts with ratings, the parts of them that teachers label, and agreement.

The corpus: https://github.com/JULIELab/EmoBank, a CSV with the columns split, V, A, D and text, ratings from 1 to 5.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

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
"""Names that no head has learned, for measuring."""


class Split(NamedTuple):
    """Texts of one split and their ratings, (n, 3) in [-1, 1]."""

    texts: list[str]
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


def names(pool: tuple[str, ...], count: int, seed: int) -> list[str]:
    """So many names drawn at random."""
    return random.Random(seed).choices(pool, k=count)  # noqa: S311 - nothing secret hangs on it


def folds(count: int, number: int, seed: int) -> Tensor:
    """(count,) which of ``number`` folds of equal size each text is in."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    return (order.argsort() * number) // count


def correlation(left: Tensor, right: Tensor) -> Tensor:
    """Pearson's r of each column, (3,)."""
    left, right = left - left.mean(0), right - right.mean(0)
    r: Tensor = (left * right).sum(0) / (left.norm(dim=0) * right.norm(dim=0)).clamp_min(1e-12)
    return r
