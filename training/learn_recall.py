"""Learn the weights of recall from questions whose answers are known: python training/learn_recall.py PARTS.npz ...

    python benchmarks/locomo.py --data FILE --parts talk.npz
    python benchmarks/multihop.py --data FILE --parts hops.npz
    python training/learn_recall.py talk.npz hops.npz [--fixed recency importance mood] [--rounds 6]

Coordinate ascent over the weights of ``RecallWeights`` on the mean of recall@10, all-evidence@10 and nDCG@10, each file
counting the same; relevance stays 1, because only ratios count. All others begin at ``BEGIN`` but for those that are
fixed: the defaults were learned from these very questions, so an ascent from them would have seen every answer. It is
done once for each group of each file, a conversation or a fold of questions, without that group, which is then measured
with what was learned from all others; the figures told are these. Then once on all: those are the weights to take over,
rounded, into policies/recall.py and ray_config.yaml.

Source: Metzler and Croft (2007), Linear feature-based models for information retrieval, section 4.3.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.policies.recall import PART_NAMES, RecallWeights
from quantum_memory.types import Floats

FACTORS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.33, 2.0, 4.0)
"""What a weight is multiplied by in turn; from 0 it starts again at ``FIRST``."""
FIRST = 0.05
BEGIN = 0.5
"""Where every weight that is learned begins."""
K = 10
LEAST_GAIN = 1e-4
"""A change that gains less than this is noise, and is not made."""


@dataclass(frozen=True)
class Questions:
    """Questions with the parts of their candidates, filled up with candidates that never win.

    Shapes: ``parts`` (n, c, p); ``answers``, ``there`` (n, c); ``wanted`` (n,); ``group`` (n,).
    """

    parts: Floats
    answers: NDArray[np.bool_]
    there: NDArray[np.bool_]
    wanted: NDArray[np.int64]
    group: NDArray[Any]

    @classmethod
    def load(cls, path: Path) -> Questions:
        """A file of ``--parts``."""
        with np.load(path) as file:
            if tuple(file["names"]) != PART_NAMES:
                raise SystemExit(f"{path} has the parts {', '.join(file['names'])}: write it anew")
            values, question, answers = file["values"], file["question"], file["answers"]
            wanted, group = file["wanted"], file["group"]
        counts = np.bincount(question, minlength=len(wanted))
        column = np.arange(len(question)) - np.repeat(np.cumsum(counts) - counts, counts)
        shape = (len(wanted), int(counts.max()))
        parts, right, there = np.zeros((*shape, values.shape[1])), np.zeros(shape, bool), np.zeros(shape, bool)
        parts[question, column], right[question, column], there[question, column] = values, answers, True
        return cls(parts, right, there, wanted, group)

    def only(self, chosen: NDArray[np.bool_]) -> Questions:
        """Some of the questions."""
        return Questions(
            self.parts[chosen], self.answers[chosen], self.there[chosen], self.wanted[chosen], self.group[chosen]
        )

    def measured(self, weights: Floats) -> Floats:
        """(n, 3) recall@10, all-evidence@10 and nDCG@10 under these (p,) weights."""
        scores = np.where(self.there, self.parts @ weights, -np.inf)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        hits = np.take_along_axis(self.answers, order, axis=1).astype(np.float64)
        gains = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
        ideal = np.cumsum(gains)[np.minimum(self.wanted, len(gains)) - 1]
        return np.stack([hits.sum(1) / self.wanted, hits.sum(1) == self.wanted, hits @ gains / ideal], axis=1)


def score(files: Sequence[Questions], weights: Floats) -> float:
    """The mean of all three measures, each file counting the same."""
    return float(np.mean([questions.measured(weights).mean() for questions in files]))


def learned(files: Sequence[Questions], start: Floats, fixed: frozenset[str], rounds: int) -> Floats:
    """The weights that coordinate ascent comes to."""
    weights, best = start.copy(), score(files, start)
    for _ in range(rounds):
        before = best
        for at, name in enumerate(PART_NAMES):
            if name in fixed:
                continue
            now = weights[at] or FIRST
            for value in (now * factor for factor in FACTORS):
                tried = weights.copy()
                tried[at] = value
                found = score(files, tried)
                if found > best + LEAST_GAIN:
                    best, weights = found, tried
        if best == before:
            break
    return weights


def beginning(fixed: frozenset[str]) -> Floats:
    """The weights that an ascent begins with: none of those that are learned was chosen by any answer."""
    return np.array([getattr(RecallWeights(), name) if name in fixed else BEGIN for name in PART_NAMES])


def told(weights: Floats) -> str:
    """The weights by name."""
    return ", ".join(f"{name} {weight:.3g}" for name, weight in zip(PART_NAMES, weights.tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", type=Path, nargs="+", help="written by a benchmark's --parts")
    parser.add_argument("--fixed", nargs="*", default=["recency", "importance", "mood"], choices=PART_NAMES)
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    files, fixed = [Questions.load(path) for path in asked.parts], frozenset((*asked.fixed, "relevance"))
    defaults, start = beginning(frozenset(PART_NAMES)), beginning(fixed)
    figures = "recall@10 {:.4f}, all-evidence@10 {:.4f}, nDCG@10 {:.4f}"
    for at, (path, questions) in enumerate(zip(asked.parts, files, strict=True)):
        print(f"{path.name}, defaults: " + figures.format(*questions.measured(defaults).mean(0)))
        held_out = np.zeros((len(questions.wanted), 3))
        groups = sorted(set(questions.group.tolist()))
        if len(groups) < 2:
            raise SystemExit(f"{path} has the group {groups[0]} alone: nothing of it is left to learn from")
        for name in groups:
            own = questions.group == name
            weights = learned([*files[:at], questions.only(~own), *files[at + 1 :]], start, fixed, asked.rounds)
            held_out[own] = questions.only(own).measured(weights)
            print(f"  without {name}: {told(weights)}")
        print(f"{path.name}, learned from all others: " + figures.format(*held_out.mean(0)))
    print(f"from all: {told(learned(files, start, fixed, asked.rounds))}")


if __name__ == "__main__":
    main()
