"""Which term stands in which skill how often: an inverted index that states share, and BM25 over it. Knows no skill.

A skill is a small number here, and a term's entry a run of bytes, three int32 for each skill: its number, how often the
term stands in it, and how many terms it has in all. So a new skill appends twelve bytes to each of its terms, and a
question is answered by arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rpds import HashTrieMap

from quantum_memory.types import Floats

Postings: TypeAlias = "HashTrieMap[str, bytes]"
_K1, _B = 0.9, 0.4
_ENTRY = np.dtype("<i4")


class Scores(NamedTuple):
    """How the words of skills match a question.

    Attributes:
        bm25: (size,) by number; 0 for a skill that shares no term with it.
        most: what no skill can exceed: a skill that said every term of the question over and over again.
    """

    bm25: Floats
    most: float


def entered(postings: Postings, number: int, counts: Mapping[str, int]) -> Postings:
    """The index with a skill in it that has each of these terms so often."""
    length = sum(counts.values())
    for term, count in counts.items():
        entry = np.array((number, count, length), _ENTRY).tobytes()
        postings = postings.insert(term, postings.get(term, b"") + entry)
    return postings


def removed(postings: Postings, number: int, terms: Iterable[str]) -> Postings:
    """The index without a skill that had just these terms."""
    for term in terms:
        entries = _entries(postings[term])
        left = entries[entries[:, 0] != number].tobytes()
        postings = postings.insert(term, left) if left else postings.remove(term)
    return postings


def bm25(postings: Postings, terms: Iterable[str], skills: int, length: int, size: int) -> Scores:
    """BM25 with k1 0.9 and b 0.4 (Robertson and Zaragoza, 2009) of every skill.

    Args:
        postings: the index.
        terms: of the question; one that comes twice counts once.
        skills: how many skills there are.
        length: how many terms all of them have together.
        size: more than any skill's number.
    """
    scores, most = np.zeros(size), 0.0
    for term in dict.fromkeys(terms):
        entries = _entries(postings.get(term, b""))
        weight = math.log1p((skills - len(entries) + 0.5) / (len(entries) + 0.5))
        most += weight * (_K1 + 1.0)
        if len(entries):
            numbers, times, lengths = entries.T
            scores[numbers] += (
                weight * times * (_K1 + 1.0) / (times + _K1 * (1.0 - _B + _B * lengths * (skills / length)))
            )
    return Scores(scores, most)


def _entries(data: bytes) -> NDArray[np.int32]:
    """(n, 3) numbers, counts and lengths."""
    return np.frombuffer(data, _ENTRY).reshape(-1, 3)
