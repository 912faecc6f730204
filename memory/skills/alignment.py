"""Attempts at the same task laid side by side: which steps are the same, in order, and which are not always done.

The longest common subsequence of two attempts, weighted by how alike their steps are. Libraries for sequences
(difflib, rapidfuzz) compare equal items only, and steps are alike by degrees; so the recurrence of Needleman and
Wunsch (1970) without a penalty for gaps is written out here. Reads no memory and runs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from quantum_memory.memory.skills.opposites import contrary
from quantum_memory.types import Floats, Vector

WORDS = 0.4
"""The share of words in how alike two steps are; the rest is meaning."""
SAME = 0.7
"""Steps that are at least so alike are the same step. High on purpose: two tellings of one step that are taken for two
make it optional twice, two steps that are taken for one lose one of them.
"""


@dataclass(frozen=True, slots=True)
class Deed:
    """A step of an attempt.

    Attributes:
        text: how it is told.
        meaning: (d,) embedding of unit length.
        terms: stems of its words.
        optional: whether some attempt did without it.
    """

    text: str
    meaning: Vector = field(repr=False, compare=False)
    terms: frozenset[str]
    optional: bool = False


def alike(ours: Sequence[Deed], theirs: Sequence[Deed]) -> Floats:
    """(n, m) how alike the steps of two attempts are, in [0, 1]; 1 for those told in the same words.

    The cosine of their meanings and Dice's coefficient of their words, in the proportion that ``WORDS`` says; 0 for
    those that would be the same by that and are contraries.
    """
    if not ours or not theirs:
        return np.zeros((len(ours), len(theirs)))
    cosines = np.stack([one.meaning for one in ours]) @ np.stack([one.meaning for one in theirs]).T
    dice = _dice(ours, theirs)
    tellings = {text: number for number, text in enumerate({one.text.casefold() for one in ours})}
    told = [np.array([tellings.get(one.text.casefold(), -1) for one in attempt]) for attempt in (ours, theirs)]
    same = told[0][:, None] == told[1]
    mixed = (1.0 - WORDS) * np.clip(cosines.astype(np.float64), 0.0, 1.0) + WORDS * dice
    likeness = np.where(same, 1.0, np.minimum(mixed, 1.0))
    for row, column in np.argwhere((likeness >= SAME) & ~same).tolist():
        if contrary(ours[row].text, theirs[column].text):
            likeness[row, column] = 0.0
    return likeness


def _dice(ours: Sequence[Deed], theirs: Sequence[Deed]) -> Floats:
    """(n, m) twice the words that two steps share, over the words that they have; 0 for steps without words."""
    columns = {term: column for column, term in enumerate({term for one in ours for term in one.terms})}
    has = [np.zeros((len(attempt), len(columns))) for attempt in (ours, theirs)]
    for rows, attempt in zip(has, (ours, theirs), strict=True):
        for row, one in zip(rows, attempt, strict=True):
            row[[columns[term] for term in one.terms if term in columns]] = 1.0
    sizes = [np.array([len(one.terms) for one in attempt], np.float64) for attempt in (ours, theirs)]
    return np.asarray(2.0 * (has[0] @ has[1].T) / np.maximum(sizes[0][:, None] + sizes[1], 1.0))


def aligned(likeness: Floats, least: float = SAME) -> tuple[tuple[int, int], ...]:
    """Pairs of the same step in two attempts, in order, of the largest sum of likeness.

    Args:
        likeness: (n, m), as ``alike`` gives it.
        least: from which likeness on two steps are the same.

    Law: rows and columns both rise, each pair is at least that alike, and no other such choice sums up to more. Of
    equal choices the one that pairs the later steps is taken.
    """
    rows, columns = likeness.shape
    gain = np.where(likeness >= least, likeness, 0.0).tolist()
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for row, weights in enumerate(gain):
        above, here, left = best[row], best[row + 1], 0.0
        for column, weight in enumerate(weights):
            paired, alone = above[column] + weight, above[column + 1]
            paired = max(paired, alone)
            left = here[column + 1] = max(paired, left)
    pairs = []
    row, column = rows, columns
    while row and column:
        value, weight = best[row][column], gain[row - 1][column - 1]
        if weight and value == best[row - 1][column - 1] + weight:
            row, column = row - 1, column - 1
            pairs.append((row, column))
        elif value == best[row - 1][column]:
            row -= 1
        else:
            column -= 1
    return tuple(reversed(pairs))


def joined(ours: Sequence[Deed], theirs: Sequence[Deed]) -> tuple[Deed, ...]:
    """One way to do what both attempts did: every step of either, in order, and optional where only one has it.

    A step of both keeps our words. Between two of these come ours first.
    """
    taken: list[Deed] = []
    row = column = 0
    for mine, other in (*aligned(alike(ours, theirs)), (len(ours), len(theirs))):
        taken += (replace(one, optional=True) for one in (*ours[row:mine], *theirs[column:other]))
        if mine < len(ours):
            taken.append(replace(ours[mine], optional=ours[mine].optional or theirs[other].optional))
        row, column = mine + 1, other + 1
    return tuple(taken)
