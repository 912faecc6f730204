"""SemanticGraphActor: what the memories of many branches are about, and the walks over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import ray

from quantum_memory.actors.views import ViewHost
from quantum_memory.memory.merging import Change, Since, Under, Version
from quantum_memory.memory.portable.web import Web, web_of
from quantum_memory.memory.semantic import relations as told
from quantum_memory.memory.semantic import spread as walks
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import Expected, GraphFold, GraphState, Missed, missed, to_networkx
from quantum_memory.memory.semantic.snapshot import GraphCodec
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.settings import Settings
from quantum_memory.types import MemoryId, Place, Relation, RelationKey

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
        super().__init__(settings, history)
        self._wanted = settings.recall
        self._fold = GraphFold()
        self._graphs = self._timeline(self._fold, GraphCodec())

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The graphs."""
        return (self._graphs,)

    def spread(self, asked: Sequence[Seeds]) -> list[dict[MemoryId, float]]:
        """For each question the memories that a walk from its seeds finds, and how much, in [0, 1]."""
        return [
            walks.spread(
                self._at(one.place),
                one.query,
                one.memories,
                max_nodes=self._wanted.walk_nodes,
                method=self._wanted.walk,
            )
            for one in asked
        ]

    def concepts(self, asked: Sequence[tuple[Place, int]]) -> list[list[tuple[Concept, float]]]:
        """The leading concepts at each place, by quantum PageRank."""
        return [list(walks.concepts(self._at(place), top)) for place, top in asked]

    def graph(self, places: Sequence[Place]) -> list[nx.Graph]:
        """The graph at each place, for networkx."""
        return [to_networkx(self._at(place)) for place in places]

    def webs(self, places: Sequence[Place]) -> list[Web]:
        """The graph at each place as rows, to be written down."""
        return [web_of(self._graphs.at(place)) for place in places]

    def relations(self, asked: Sequence[tuple[Place, str | None]]) -> list[tuple[Relation, ...]]:
        """The relations at each place that have something of this name at either end, or all; sorted by key."""
        return [self._at(place).relations.about(name) for place, name in asked]

    def changes(self, asked: Sequence[Since]) -> list[tuple[Change[Relation], ...]]:
        """What became of relations between two places, by key."""
        return [
            told.changes(None if one.base is None else self._at(one.base).relations, self._at(one.place).relations)
            for one in asked
        ]

    def versions(self, asked: Sequence[Under]) -> list[dict[RelationKey, Version[Relation]]]:
        """What is known at each place of the relations under some keys; those never heard of are left out."""
        return [told.versions(self._at(one.place).relations, one.keys) for one in asked]

    def missed(self, asked: Sequence[tuple[Place, Expected]]) -> list[Missed]:
        """Where the graph at each place would not be as the memories are."""
        return [missed(self._at(place), expected) for place, expected in asked]

    def _at(self, place: Place) -> GraphState:
        """The graph at a place, with nothing pending."""
        return self._fold.settled(self._graphs.at(place))


SemanticGraphActor = ray.remote(max_restarts=-1, max_task_retries=-1)(SemanticGraphHost)
