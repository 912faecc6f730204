"""A mood while it is made: coefficients over states that are not summed yet, of which only the overlaps are known.

Owns the arithmetic of the fold's three laws in such a basis: the turn to rest, a superposition, a feeling taken up; and
what they do to an error. Holds no tensors. ``gram`` (n, n) has the overlaps of the basis, ``mix`` and ``new`` are (n,).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Complexes = NDArray[np.complex128]
AGAINST = -0.5
"""A state and its negative are one feeling: met with less than this real overlap, the sign is turned first."""
AT_REST = 1e-6
"""An angle to rest under which the great circle has no direction."""


class Turn(NamedTuple):
    """The coefficients of a turn towards rest."""

    of_mood: float
    of_rest: float


def relaxed(mix: Complexes, gram: Complexes, half_lives: float) -> tuple[Complexes, Turn]:
    """The mixture turned towards basis vector 1 on the great circle, its angle to it halved per half-life."""
    if half_lives == 0.0:
        return mix, Turn(1.0, 0.0)
    real = float((gram[1] @ mix).real)
    sign = -1.0 if real < AGAINST else 1.0
    angle = math.acos(min(1.0, sign * real))
    if angle < AT_REST:
        return mix, Turn(1.0, 0.0)
    left = angle * 2.0**-half_lives
    turn = Turn(math.sin(left) / math.sin(angle), math.sin(angle - left) / math.sin(angle))
    turned = mix * turn.of_mood
    turned[1] += sign * turn.of_rest
    return turned, turn


def superposition(gram: Complexes, first: int, weights: Sequence[float]) -> Complexes:
    """Σ √weight of the basis vectors from ``first`` on, at norm 1; each of them has norm 1."""
    new = np.zeros(len(gram), dtype=np.complex128)
    if len(weights) == 1:
        new[first] = 1.0  # it has its norm already, and no rounding is to touch it
        return new
    new[first : first + len(weights)] = np.sqrt(weights)
    return new / math.sqrt(float((new @ gram @ new).real))


def mixed(mix: Complexes, gram: Complexes, new: Complexes, share: float, away: float) -> tuple[Complexes, float]:
    """√(1-share) mixture + √share of another vector of norm 1, at norm 1; and, to first order, how far off it is if the
    mixture was off by ``away``.
    """
    real = float((new.conj() @ gram @ mix).real)
    added = mix * math.sqrt(1.0 - share) + new * math.copysign(math.sqrt(share), -1.0 if real < AGAINST else 1.0)
    norm = math.sqrt(float((added.conj() @ gram @ added).real))
    return added / norm, math.sqrt(1.0 - share) * away / norm


def chord(infidelity: float) -> float:
    """The distance of two unit vectors of that infidelity, phases aligned."""
    return math.sqrt(max(0.0, 2.0 - 2.0 * math.sqrt(max(0.0, 1.0 - infidelity))))


def infidelity(distance: float) -> float:
    """The infidelity of two unit vectors at that distance: what ``chord`` undoes."""
    return 1.0 - max(0.0, 1.0 - distance * distance / 2.0) ** 2
