"""Several readings of one moment made one: text and image weighed by how sure each is. Reads neither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.feeling import LEAST_SPREAD, MOST_SPREAD, Feeling
from quantum_memory.types import PAD


def fuse(feelings: Sequence[Feeling]) -> Feeling:
    """The feelings as one, each axis weighed by the inverse of its variance.

    Raises: InvalidValue if there is none.
    """
    if not feelings:
        raise InvalidValue("feelings", "none", "one feeling or more")
    points = np.array([np.asarray(one.pad) for one in feelings], dtype=np.float64)
    weights = np.array([one.spread for one in feelings], dtype=np.float64) ** -2
    pleasure, arousal, dominance = ((weights * points).sum(axis=0) / weights.sum(axis=0)).tolist()
    spread = np.clip(weights.sum(axis=0) ** -0.5, LEAST_SPREAD, MOST_SPREAD).tolist()
    return Feeling.of(PAD(pleasure, arousal, dominance), (spread[0], spread[1], spread[2]))
