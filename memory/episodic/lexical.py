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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import bounded
from quantum_memory.types import Floats

Ints = NDArray[np.int64]
Rows = NDArray[np.int32]

POSTING = np.dtype([("term", np.int32), ("row", np.int32), ("count", np.int32)])
"""One term of one document: how often it stands there."""


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


class Matches(NamedTuple):
    """Where the terms of a query stand: (m,) index into its terms, row and term frequency; by term, then by row."""

    term: Ints
    row: Ints
    tf: Ints


@dataclass(frozen=True, slots=True)
class Postings:
    """The postings of a finished run, grouped by term.

    Shapes: ``terms`` (t,) ascending; ``starts`` (t + 1,); ``rows`` and ``counts`` (p,), rows ascending in a group.
    """

    terms: Rows
    starts: Rows
    rows: Rows
    counts: Rows

    @classmethod
    def group(cls, postings: NDArray[np.void]) -> Postings:
        """Group (p,) POSTING records that stand in order of row."""
        order = np.argsort(postings["term"], kind="stable")
        terms, starts = np.unique(postings["term"][order], return_index=True)
        return cls(
            terms=terms.astype(np.int32),
            starts=np.append(starts, len(postings)).astype(np.int32),
            rows=np.ascontiguousarray(postings["row"][order]),
            counts=np.ascontiguousarray(postings["count"][order]),
        )

    def flat(self) -> NDArray[np.void]:
        """The (p,) POSTING records again, by row and then by term."""
        out = np.empty(len(self.rows), dtype=POSTING)
        out["term"] = np.repeat(self.terms, np.diff(self.starts))
        out["row"], out["count"] = self.rows, self.counts
        return out[np.argsort(out["row"], kind="stable")]

    def match(self, terms: Ints) -> Matches:
        """Where these distinct (q,) terms stand."""
        if not len(self.terms) or not len(terms):
            return NO_MATCHES
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        found = np.flatnonzero(self.terms[at] == terms)
        first = self.starts[at[found]].astype(np.int64)
        size = self.starts[at[found] + 1] - first
        # Positions of all groups one after another: a running number, moved to where each group begins.
        which = np.arange(size.sum()) + np.repeat(first - (np.cumsum(size) - size), size)
        return Matches(np.repeat(found, size), self.rows[which].astype(np.int64), self.counts[which].astype(np.int64))


NO_MATCHES = Matches(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


def match_flat(postings: NDArray[np.void], terms: Ints) -> Matches:
    """Where these distinct (q,) terms stand among (p,) POSTING records that are not grouped yet."""
    if not len(postings) or not len(terms):
        return NO_MATCHES
    order = np.argsort(terms, kind="stable")
    at = np.minimum(np.searchsorted(terms[order], postings["term"]), len(terms) - 1)
    hit = np.flatnonzero(terms[order][at] == postings["term"])
    which = order[at[hit]]
    by_term = np.argsort(which, kind="stable")
    found = postings[hit[by_term]]
    return Matches(which[by_term], found["row"].astype(np.int64), found["count"].astype(np.int64))


def inverse_frequencies(documents: int, found_in: Ints) -> Floats:
    """(q,) weights of terms that stand in ``found_in`` of so many documents."""
    return np.asarray(np.log1p((documents - found_in + 0.5) / (found_in + 0.5)), dtype=np.float64)


def scores(matches: Matches, weights: Floats, lengths: NDArray[np.int32], mean_length: float, knobs: Bm25) -> Floats:
    """(n,) BM25 of every row of a run, 0 where no term stands.

    The terms of a row are added in the order of the query, so the sum does not depend on how a branch is cut
    into runs.
    """
    tf = matches.tf.astype(np.float64)
    relative = lengths[matches.row] / mean_length
    gain = tf * (knobs.k1 + 1.0) / (tf + knobs.k1 * (1.0 - knobs.b + knobs.b * relative))
    total = np.bincount(matches.row, weights=weights[matches.term] * gain, minlength=len(lengths))
    return np.asarray(total, dtype=np.float64)


def distinct(terms: Sequence[int]) -> Ints:
    """The known terms of a query, each once, in their order."""
    return np.array([term for term in dict.fromkeys(terms) if term >= 0], dtype=np.int64)
