"""What holds concepts together, as answers: neighbours, ways, and how far one may ask. Looks nothing up."""

from __future__ import annotations

import math
from typing import NamedTuple

from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.types import Relation

MAX_DEPTH = 16
MAX_HOPS = 8
MAX_NEAR = 1000
MAX_WAYS = 1000
MAX_SEED = 2**32 - 1
LOOK, MAX_STEPS = 60, 300_000
"""What looking a concept up costs in steps from one to another, and the steps that one search for ways may make."""


class Bond(NamedTuple):
    """What holds two concepts together: their relations by key, and in how many memories they stand close together."""

    relations: tuple[Relation, ...]
    together: int

    @property
    def weight(self) -> float:
        """How strong it is in all."""
        if not self.relations:  # as most bonds of a common concept
            return float(self.together)
        return self.together + math.fsum(relation.weight for relation in self.relations)


class Neighbour(NamedTuple):
    """A concept near another: how many steps away, and the last of these: from where and by what bond."""

    concept: Concept
    distance: int
    via: Concept
    bond: Bond


class Way(NamedTuple):
    """A way between two concepts: those on it, both ends included, and the bonds between each and the next."""

    concepts: tuple[Concept, ...]
    bonds: tuple[Bond, ...]
