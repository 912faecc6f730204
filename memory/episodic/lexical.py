"""BM25 over postings. Owns the postings of one run and the arithmetic of a score; knows no memory and no branch.

Robertson's formula, with 1 added inside the logarithm of the inverse document frequency (as Lucene does), so
that a term that most documents have weighs little instead of counting against them:

    score(d) = sum over terms t of ln(1 + (N - df + 0.5) / (df + 0.5)) * tf (k1 + 1) / (tf + k1 (1 - b + b L_d / L))

A term counts once however often the query repeats it. N, df and the mean length L are over the living documents
of the whole branch.

References:
    Robertson and Zaragoza (2009), The Probabilistic Relevance Framework: BM25 and Beyond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.memory.episodic.columnar import narrow
from quantum_memory.types import Floats

Terms = NDArray[np.uint64]
Whole = NDArray[np.integer]

POSTING = np.dtype([("term", np.uint64), ("row", np.int32), ("count", np.int32)])
"""One term of one document: the number of the term, and how often it stands there."""


@dataclass(frozen=True, slots=True)
class Bm25:
    """The two knobs of BM25.

    Attributes:
        k1: how slowly repeating a term stops to count, >= 0.
        b: how much long documents are held back, in [0, 1].

    The defaults are those of Anserini for short passages; on LoCoMo they beat 1.2 and 0.75.
    Raises: NotFinite, OutOfRange.
    """

    k1: float = 0.9
    b: float = 0.4

    def __post_init__(self) -> None:
        bounded("k1", self.k1, 0.0, 100.0)
        bounded("b", self.b, 0.0, 1.0)


class Group(NamedTuple):
    """Where one term stands: its place in the query, (m,) rows in ascending order and (m,) how often in each."""

    term: int
    rows: Whole
    counts: Whole


@dataclass(frozen=True, slots=True)
class Postings:
    """The postings of a finished run, grouped by term.

    Shapes: ``terms`` (t,) ascending; ``starts`` (t + 1,); ``rows`` and ``counts`` (p,), rows ascending in a group.
    """

    terms: Terms
    starts: Whole
    rows: Whole
    counts: Whole

    @classmethod
    def group(cls, terms: Terms, rows: Whole, counts: Whole) -> Postings:
        """Group (p,) postings. Those of one term must stand in order of row."""
        order = np.argsort(terms, kind="stable")
        grouped = terms[order]
        first = np.flatnonzero(np.append(True, grouped[1:] != grouped[:-1])) if len(grouped) else np.empty(0, np.int64)
        return cls(
            terms=grouped[first],
            starts=narrow(np.append(first, len(grouped)), np.uint32),
            rows=narrow(rows[order], np.uint16, np.int32),
            counts=narrow(counts[order], np.uint8, np.int32),
        )

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return self.terms.nbytes + self.starts.nbytes + self.rows.nbytes + self.counts.nbytes

    def each(self) -> Terms:
        """(p,) the term of each posting."""
        return np.repeat(self.terms, self.starts[1:].astype(np.int64) - self.starts[:-1])

    def match(self, terms: Terms) -> list[Group]:
        """Where these distinct (q,) terms stand; one that stands nowhere is left out."""
        if not len(self.terms) or not len(terms):
            return []
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        found = np.flatnonzero(self.terms[at] == terms)
        bounds = zip(found.tolist(), self.starts[at[found]].tolist(), self.starts[at[found] + 1].tolist(), strict=True)
        return [Group(term, self.rows[start:end], self.counts[start:end]) for term, start, end in bounds]


def match_flat(postings: NDArray[np.void], terms: Terms) -> list[Group]:
    """Where these distinct (q,) terms stand among (p,) POSTING records that are not grouped yet, by row."""
    if not len(postings) or not len(terms):
        return []
    order = np.argsort(terms, kind="stable")
    at = np.minimum(np.searchsorted(terms[order], postings["term"]), len(terms) - 1)
    hit = np.flatnonzero(terms[order][at] == postings["term"])
    which = order[at[hit]]
    by_term = np.argsort(which, kind="stable")
    found, which = postings[hit[by_term]], which[by_term]
    ends = np.flatnonzero(np.append(which[1:] != which[:-1], len(which) > 0)) + 1
    starts = [0, *ends[:-1].tolist()]
    bounds = zip(starts, ends.tolist(), strict=False)
    return [Group(int(which[start]), found["row"][start:end], found["count"][start:end]) for start, end in bounds]


def inverse_frequencies(documents: int, found_in: NDArray[np.int64]) -> Floats:
    """(q,) weights of terms that stand in ``found_in`` of so many documents."""
    return np.asarray(np.log1p((documents - found_in + 0.5) / (found_in + 0.5)), dtype=np.float64)


def scores(groups: Sequence[Group], weights: Floats, lengths: Whole, mean_length: float, knobs: Bm25) -> Floats:
    """(n,) BM25 of every row of a run, 0 where no term stands. ``lengths`` (n,) are those of the documents.

    The terms of a row are added in the order of the query, so the sum does not depend on how a branch is cut
    into runs.
    """
    total = np.zeros(len(lengths))
    if not groups:
        return total
    norm = knobs.k1 * (1.0 - knobs.b + knobs.b * (np.arange(int(lengths.max()) + 1) / mean_length))
    once = ((knobs.k1 + 1.0) / (1.0 + norm)).take(lengths)  # what a term gains a document that has it once
    for group in groups:
        rows = group.rows.astype(np.intp)
        gain = once.take(rows)
        often = np.flatnonzero(group.counts > 1)
        tf = group.counts[often].astype(np.float64)
        gain[often] = tf * (knobs.k1 + 1.0) / (tf + norm.take(lengths.take(rows[often])))
        gain *= weights[group.term]
        gain += total.take(rows)
        total[rows] = gain  # a row stands once in a group, so no sum is lost
    return total


def scores_at(
    groups: Sequence[Group], weights: Floats, rows: Whole, lengths: Whole, mean_length: float, knobs: Bm25
) -> Floats:
    """(m,) what ``scores`` has at these rows, bit for bit. ``lengths`` (m,) are those of their documents."""
    total = np.zeros(len(rows))
    norm = knobs.k1 * (1.0 - knobs.b + knobs.b * (lengths.astype(np.int64) / mean_length))
    for group in groups:
        at = np.searchsorted(group.rows, rows)
        here = np.flatnonzero(group.rows[np.minimum(at, len(group.rows) - 1)] == rows)
        tf = group.counts[at[here]].astype(np.float64)
        total[here] = tf * (knobs.k1 + 1.0) / (tf + norm[here]) * weights[group.term] + total[here]
    return total


def distinct(terms: Iterable[int]) -> Terms:
    """The terms of a query, each once, in their order."""
    return np.array(list(dict.fromkeys(terms)), dtype=np.uint64)
