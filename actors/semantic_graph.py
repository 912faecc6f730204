"""SemanticGraphActor: what the memories of many branches are about, and the walks over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.semantic import spread as walks
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import GraphFold, to_networkx
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.settings import Settings
from quantum_memory.types import MemoryId, Place

if TYPE_CHECKING:
    import networkx as nx


class Seeds(NamedTuple):
    """Where a walk begins: the words of a question and the memories that are promising so far."""

    place: Place
    query: str
    memories: Mapping[MemoryId, float]


class SemanticGraphHost(ViewHost):
    """The semantic graphs of many branches. Everything a SemanticGraphActor does, without Ray."""

    def __init__(self, settings: Settings, history: History) -> None:
        self._wanted = settings.recall
        self._graphs = Timeline(GraphFold(), history, settings.views.resident_states)

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The graphs."""
        return (self._graphs,)

    def spread(self, asked: Sequence[Seeds]) -> list[dict[MemoryId, float]]:
        """For each question the memories that a walk from its seeds finds, and how much, in [0, 1]."""
        return [
            walks.spread(
                self._graphs.at(one.place),
                one.query,
                one.memories,
                max_nodes=self._wanted.walk_nodes,
                method=self._wanted.walk,
            )
            for one in asked
        ]

    def concepts(self, asked: Sequence[tuple[Place, int]]) -> list[list[tuple[Concept, float]]]:
        """The leading concepts at each place, by quantum PageRank."""
        return [list(walks.concepts(self._graphs.at(place), top)) for place, top in asked]

    def graph(self, places: Sequence[Place]) -> list[nx.Graph]:
        """The graph at each place, for networkx."""
        return [to_networkx(self._graphs.at(place)) for place in places]


SemanticGraphActor = ray.remote(max_restarts=-1, max_task_retries=-1)(SemanticGraphHost)
