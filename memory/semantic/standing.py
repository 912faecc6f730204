"""How much what texts speak of matters in a graph, by the rank of its concepts. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from quantum_memory.memory.events import Spoken
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.memory.semantic.graph import GraphState, settled
from quantum_memory.memory.semantic.pagerank import walk_ranks

STEPS = 8
"""Time steps of the walk: it is asked before writes, and the order of the leading concepts is settled by then."""
DECIMALS = 6
"""What is kept of a standing, so that it does not depend on the order in which a machine adds up."""


def standings(state: GraphState, texts: Sequence[Spoken]) -> list[float]:
    """For each text the quantum PageRank of the greatest concept it speaks of, in [0, 1], that of the greatest being 1.

    A text that speaks of nothing that is known has 0. O(edges) for all texts together.
    """
    state = settled(state)
    sealed = state.seal.sealed(state.woven)
    if not sealed.keys:
        return [0.0] * len(texts)
    ranks = walk_ranks(sealed.matrix(), steps=STEPS)
    place = {key: at for at, key in enumerate(sealed.keys)}
    best = float(ranks.max())
    found = []
    for text in texts:
        spoken = state.relations.names.concepts(extract(text.text, text.speaker))
        own = [float(ranks[place[concept.key]]) for concept in spoken if concept.key in place]
        found.append(round(max(own, default=0.0) / best, DECIMALS))
    return found
