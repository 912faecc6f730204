"""Embeddings as they stand in records of events: where they lie, and what half precision makes of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import NotFinite
from quantum_memory.types import Vector

PAUSE_EVERY = 256
_EMBEDDING = re.compile(rb"\xa9embedding(?:\xc4(.)|\xc5(..)|\xc6(....))", re.DOTALL)
"""The key of an embedding in a record and the head of the bytes after it. Whatever else looks like it is cut out and
put back just the same."""


def half(vector: Vector) -> Vector:
    """(d,) float32 whose values are the nearest ones that half precision has, so that a segment keeps two bytes each.

    Raises: NotFinite if a value is too large for half precision, or all are too small.
    """
    with np.errstate(over="ignore", under="ignore"):
        rounded = vector.astype(np.float16).astype(np.float32)
    if not np.isfinite(rounded).all():
        worst = int(np.flatnonzero(~np.isfinite(rounded))[0])
        raise NotFinite("embedding", float(rounded[worst]), f"index {worst}, in half precision")
    if vector.any() and not rounded.any():
        raise NotFinite("embedding", 0.0, "every index, in half precision: a zero vector has no direction")
    return rounded


def cuts_in(stream: bytes, starts: Sequence[int], pause: Callable[[], None]) -> tuple[list[int], int]:
    """Where embeddings lie in the payloads, and the bytes that each has: those of the commonest length."""
    found: list[tuple[int, int]] = []
    match = _EMBEDDING.search(stream)
    while match is not None:
        start, width = match.end(), int.from_bytes(match[match.lastindex or 1], "big")
        stop = start + width
        fits = width > 0 and width % 4 == 0 and stop <= starts[min(bisect_right(starts, start), len(starts) - 1)]
        if fits:
            found.append((start, width))
        match = _EMBEDDING.search(stream, stop if fits else start)
        if len(found) % PAUSE_EVERY == 0:
            pause()
    if not found:
        return [], 4
    common = Counter(width for _, width in found).most_common(1)[0][0]
    return [start for start, width in found if width == common], common


def taken_out(
    stream: bytes, cuts: Sequence[int], width: int, pause: Callable[[], None]
) -> tuple[NDArray[np.floating], bytes]:
    """The vectors, (n, d) in half precision where that changes no bit of any, and the bytes around them."""
    vectors = np.frombuffer(b"".join([stream[cut : cut + width] for cut in cuts]), "<f4").reshape(-1, width // 4)
    pause()
    edges = [0, *(cut + width for cut in cuts)]
    rest = b"".join([stream[start:stop] for start, stop in zip(edges, [*cuts, len(stream)], strict=True)])
    pause()
    halves = np.empty(vectors.shape, "<f2")
    for first in range(0, len(vectors), PAUSE_EVERY):
        part = vectors[first : first + PAUSE_EVERY]
        with np.errstate(all="ignore"):
            halves[first : first + PAUSE_EVERY] = part
        again = halves[first : first + PAUSE_EVERY].astype("<f4")
        if not (again.view("<u4") == part.view("<u4")).all():
            return vectors, rest
        pause()
    return halves, rest
