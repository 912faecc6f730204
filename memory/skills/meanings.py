"""The embeddings of some skills one under another, laid out when they are first asked for. Reads no word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.words import Codes
from quantum_memory.types import Floats, Skill, Vector

MOST_CHANGES = 64
"""Embeddings that may have changed since a layout from which the next one is still made."""


class Layout(NamedTuple):
    """The n skills that have an embedding of one length, and it: (n,) their numbers, and (n, d) float32."""

    numbers: NDArray[np.int64]
    matrix: NDArray[np.float32]

    def cosines(self, meaning: Vector, size: int) -> Floats:
        """(size,) by number the cosine with another vector of unit length; 0 where there is no embedding."""
        found = np.zeros(size)
        found[self.numbers] = self.matrix @ meaning
        return found


class Meanings:
    """The layouts of the skills of one state, by the length of the embeddings.

    What is laid out once is kept. After a few changes a layout is made from the one before, which copies it; after
    many, as in a replay that nobody asks in between, from the skills.

    Args:
        before: layouts of an earlier state.
        since: what is otherwise by now, by number.
    """

    __slots__ = ("_before", "_layouts", "_since")

    def __init__(
        self, before: Mapping[int, Layout] | None = None, since: Mapping[int, Vector | None] | None = None
    ) -> None:
        self._before, self._since = before or {}, since or {}
        self._layouts: dict[int, Layout] = {}

    def changed(self, number: int, embedding: Vector | None) -> Meanings:
        """Those of a state in which this skill has another embedding."""
        if self._layouts:
            return Meanings(self._layouts, {number: embedding})
        if self._before and len(self._since) < MOST_CHANGES:
            return Meanings(self._before, {**self._since, number: embedding})
        return Meanings()

    def laid_out(self, skills: Mapping[str, Skill], codes: Codes, dim: int) -> Layout:
        """The layout of the skills with embeddings of this length; ``skills`` are always those of the same state."""
        found = self._layouts.get(dim)
        if found is None:
            before = self._before.get(dim)
            if before is None:
                found = _layout(((codes.find(name), one.embedding) for name, one in skills.items()), dim)
            else:
                found = _joined(before, _layout(self._since.items(), dim), list(self._since))
            self._layouts[dim] = found
        return found


def _layout(embeddings: Iterable[tuple[int, Vector | None]], dim: int) -> Layout:
    held = [(number, vector) for number, vector in embeddings if vector is not None and vector.size == dim]
    rows = [vector for _, vector in held]
    matrix = np.concatenate(rows).reshape(len(rows), dim) if rows else np.empty((0, dim), np.float32)
    return Layout(np.array([number for number, _ in held], np.int64), matrix)


def _joined(before: Layout, new: Layout, changed: Sequence[int]) -> Layout:
    kept = ~np.isin(before.numbers, changed)
    return Layout(
        np.concatenate([before.numbers[kept], new.numbers]), np.concatenate([before.matrix[kept], new.matrix])
    )
