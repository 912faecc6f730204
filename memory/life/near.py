"""Pairs of texts that share most of their words, found in time linear in their number. Decides nothing about them.

MinHash signatures in bands (Broder, 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3):
texts that agree in one band are looked at, and only those whose words really overlap are pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.errors import ShapeMismatch

HASHES, ROWS = 96, 3
"""Bands of three: two texts of Jaccard 0.6 agree in one of 32 with probability 0.9996, two of 0.2 with 0.23."""
_PRIME = (1 << 31) - 1
_SEED = 7
CROWD = 64
"""Of more texts than this in one band only neighbours by number are looked at: they are mostly the same text."""


class Pair(NamedTuple):
    """Two texts by number, the earlier first, and the Jaccard index of their words."""

    one: int
    other: int
    words: float


def pairs(texts: Sequence[frozenset[str]], least: float, sorts: Sequence[int] | None = None) -> list[Pair]:
    """The pairs of texts, each a set of words, of which at least this share of all their words is in both.

    Where each text is of a sort, two of different sorts are no pair. The same texts give the same pairs. A text
    without words is like no other. A pair at ``least`` 0.6 is missed one time in 2,500, one of 0.8 practically never.

    Raises: InvalidValue, NotFinite, OutOfRange for ``least`` outside of [0.5, 1]; ShapeMismatch.
    """
    bounded("least", least, 0.5, 1.0)
    if sorts is not None and len(sorts) != len(texts):
        raise ShapeMismatch("sorts", (len(texts),), (len(sorts),))
    found = []
    for one, other in sorted(_candidates(texts, sorts or [0] * len(texts))):
        words = jaccard(texts[one], texts[other])
        if words >= least:
            found.append(Pair(one, other, words))
    return found


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of all words of two texts that is in both; 0 if there is none."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def _candidates(texts: Sequence[frozenset[str]], sorts: Sequence[int]) -> set[tuple[int, int]]:
    numbers = [number for number, text in enumerate(texts) if text]
    if not numbers:
        return set()
    signatures = _signatures([texts[number] for number in numbers])
    apart = np.array([sorts[number] for number in numbers], np.int64)
    found: set[tuple[int, int]] = set()
    for band in range(0, HASHES, ROWS):
        rows = np.column_stack([apart, signatures[:, band : band + ROWS]])
        keys = rows.view([("", np.int64)] * (ROWS + 1)).ravel()
        for group in _groups(keys):
            members = [numbers[index] for index in group]
            found.update(_within(members))
    return found


def _within(members: Sequence[int]) -> Iterator[tuple[int, int]]:
    if len(members) > CROWD:
        yield from pairwise(members)
        return
    for index, one in enumerate(members):
        for other in members[index + 1 :]:
            yield one, other


def _groups(keys: NDArray[np.void]) -> Iterator[list[int]]:
    """The numbers of equal keys, of each key that stands more than once, rising."""
    order = np.argsort(keys, kind="stable")
    same = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], same[1:] != same[:-1]]))
    for start, end in pairwise([*starts.tolist(), len(keys)]):
        if end - start > 1:
            yield order[start:end].tolist()


def _signatures(texts: Sequence[frozenset[str]]) -> NDArray[np.int64]:
    """(n, HASHES) least values of each hash over the words of each text, none of which is empty."""
    codes = {word: _code(word) for text in texts for word in text}
    flat = np.array([codes[word] for text in texts for word in text], np.int64)
    starts = np.cumsum([0, *(len(text) for text in texts)][:-1])
    chance = np.random.default_rng(_SEED)
    factors = chance.integers(1, _PRIME, HASHES, np.int64)
    offsets = chance.integers(0, _PRIME, HASHES, np.int64)
    signatures = np.empty((len(texts), HASHES), np.int64)
    for index, (factor, offset) in enumerate(zip(factors.tolist(), offsets.tolist(), strict=True)):
        signatures[:, index] = np.minimum.reduceat((flat * factor + offset) % _PRIME, starts)
    return signatures


def _code(word: str) -> int:
    """A number below 2**31 - 1 for a word, the same in every process; its products stay below 2**62."""
    return int.from_bytes(blake3(word.encode()).digest(4), "little") % _PRIME
