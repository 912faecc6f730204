"""SemanticGraphActor: what the memories of many branches are about, and the walks over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from quantum_memory.actors.shells import actor
from quantum_memory.actors.views import ViewHost
from quantum_memory.actors.watching import ALL, watched
from quantum_memory.memory.events import Spoken, Unified, Word, rows_of
from quantum_memory.memory.merging import Change, Since, Under, Version
from quantum_memory.memory.portable.web import Web, web_of
from quantum_memory.memory.semantic import around, news
from quantum_memory.memory.semantic import spread as walks
from quantum_memory.memory.semantic.bonds import Neighbour, Way
from quantum_memory.memory.semantic.bridges import Bridges, bridges
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import Expected, GraphFold, GraphState, Missed, missed, to_networkx
from quantum_memory.memory.semantic.hearing import News, Reading, hear
from quantum_memory.memory.semantic.knowledge import SemanticGraph
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.snapshot import GraphCodec
from quantum_memory.memory.semantic.standing import standings
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.types import MemoryId, Place, Relation, RelationKey

if TYPE_CHECKING:
    import networkx as nx


class Seeds(NamedTuple):
    """Where associations begin: the words of a question and the memories that are promising so far.

    ``walk`` and ``bridge`` say which of the two kinds are wanted.
    """

    place: Place
    query: str
    memories: Mapping[MemoryId, float]
    walk: bool = True
    bridge: bool = True


class Associations(NamedTuple):
    """What hangs together with the seeds: by a walk from them, how much, in [0, 1]; and by names that they share."""

    walked: dict[MemoryId, float]
    bridges: Bridges


class About(NamedTuple):
    """Which place is asked for the relations of which name, or of all; with a time, for those that held then."""

    place: Place
    name: str | None = None
    at: datetime | None = None


class Near(NamedTuple):
    """Which place is asked what is near a name; see ``around.neighbours``."""

    place: Place
    name: str
    depth: int
    limit: int
    at: datetime | None


class Between(NamedTuple):
    """Which place is asked for the ways between two names; see ``around.paths``."""

    place: Place
    start: str
    goal: str
    limit: int
    longest: int
    at: datetime | None


@watched("graph", batches=ALL, hidden=("timelines",))
class SemanticGraphHost(ViewHost):
    """The semantic graphs of many branches. Everything a SemanticGraphActor does, without Ray."""

    pool = "graph"

    def __init__(self, settings: Settings, history: History, metrics: Metrics = SILENT) -> None:
        super().__init__(settings, history, metrics)
        self._wanted = settings.recall
        self._fold = GraphFold()
        self._graphs = self._timeline(self._fold, GraphCodec(), weigh=rows_of)

    def timelines(self) -> Sequence[Timeline[Any]]:
        """The graphs."""
        return (self._graphs,)

    def _warm(self, place: Place) -> int:
        """See ``ViewHost.warm``: with nothing pending."""
        loaded = super()._warm(place)
        self._at(place)
        return loaded

    def associate(self, asked: Sequence[Seeds]) -> list[Associations]:
        """For each question the memories to which its seeds lead."""
        return [self._associated(one) for one in asked]

    def _associated(self, asked: Seeds) -> Associations:
        state, wanted = self._at(asked.place), self._wanted
        walked: dict[MemoryId, float] = {}
        if asked.walk:
            walked = walks.spread(state, asked.query, asked.memories, max_nodes=wanted.walk_nodes, method=wanted.walk)
        return Associations(walked, bridges(state, asked.query, asked.memories) if asked.bridge else {})

    def concepts(self, asked: Sequence[tuple[Place, int]]) -> list[list[tuple[Concept, float]]]:
        """The leading concepts at each place, by quantum PageRank."""
        return [list(walks.concepts(self._at(place), top)) for place, top in asked]

    def graph(self, places: Sequence[Place]) -> list[nx.Graph]:
        """The graph at each place, for networkx."""
        return [to_networkx(self._at(place)) for place in places]

    def knowledge(self, places: Sequence[Place]) -> list[SemanticGraph]:
        """The graph at each place as a value of its own."""
        return [SemanticGraph(self._at(place)) for place in places]

    def webs(self, places: Sequence[Place]) -> list[Web]:
        """The graph at each place as rows, to be written down."""
        return [web_of(self._graphs.at(place)) for place in places]

    def relations(self, asked: Sequence[About]) -> list[tuple[Relation, ...]]:
        """The relations at each place that have something of this name at either end, or all; sorted by key."""
        return [self._at(one.place).relations.about(one.name, one.at) for one in asked]

    def standings(self, asked: Sequence[tuple[Place, tuple[Spoken, ...]]]) -> list[list[float]]:
        """How much what some texts speak of matters at each place, in [0, 1]."""
        return [standings(self._at(place), texts) for place, texts in asked]

    def aliases(self, asked: Sequence[tuple[Place, str]]) -> list[tuple[str, ...]]:
        """At each place the other names of what a name stands for; sorted."""
        names = [(self._at(place).relations.names, name) for place, name in asked]
        return [known.told(known.of(name)) for known, name in names]

    def neighbours(self, asked: Sequence[Near]) -> list[tuple[Neighbour, ...]]:
        """What is near a concept at each place."""
        return [around.neighbours(self._at(one.place), one.name, one.depth, one.limit, one.at) for one in asked]

    def paths(self, asked: Sequence[Between]) -> list[tuple[Way, ...]]:
        """The shortest ways between two concepts at each place."""
        return [around.paths(self._at(one.place), one.start, one.goal, one.limit, one.longest, one.at) for one in asked]

    def communities(self, asked: Sequence[tuple[Place, int, float]]) -> list[tuple[tuple[Concept, ...], ...]]:
        """The concepts at each place in groups that hang together, by seed and resolution."""
        return [around.communities(self._at(place), seed, resolution) for place, seed, resolution in asked]

    def changes(self, asked: Sequence[Since]) -> list[tuple[Change[Relation], ...]]:
        """What became of relations between two places, by key."""
        return [
            news.changes(None if one.base is None else self._at(one.base).relations, self._at(one.place).relations)
            for one in asked
        ]

    def words_since(self, asked: Sequence[Since]) -> list[tuple[Word, ...]]:
        """What was said of relations between two places, by key and of each the latest first."""
        return [
            news.words_since(None if one.base is None else self._at(one.base).relations, self._at(one.place).relations)
            for one in asked
        ]

    def unheard(self, asked: Sequence[tuple[Place, tuple[Word, ...]]]) -> list[tuple[Word, ...]]:
        """Which of some words are not known at each place."""
        return [news.unheard(self._at(place).relations, words) for place, words in asked]

    def unified_since(self, asked: Sequence[Since]) -> list[tuple[Unified, ...]]:
        """Which names came to mean one thing between two places."""
        return [
            self._at(one.place).relations.names.since(
                Names() if one.base is None else self._at(one.base).relations.names
            )
            for one in asked
        ]

    def versions(self, asked: Sequence[Under]) -> list[dict[RelationKey, Version[Relation]]]:
        """What is known at each place of the relations under some keys; those never heard of are left out."""
        return [news.versions(self._at(one.place).relations, one.keys) for one in asked]

    def silent(self, asked: Sequence[Under]) -> list[tuple[MemoryId, ...]]:
        """Which of some memories each place knows and has no word on relations from, in their order."""
        states = [(self._at(one.place), one.keys) for one in asked]
        return [tuple(one for one in ids if one in at.memories and one not in at.relations.said) for at, ids in states]

    def hear(self, asked: Sequence[tuple[Place, tuple[Reading, ...]]]) -> list[tuple[News, ...]]:
        """What each place has to be told once memories were read; nothing of those that it has lost. See ``hear``.

        Raises: CorruptRecord where a graph is not whole.
        """
        states = [(self._fold.settled(self._graphs.whole(place)), readings) for place, readings in asked]
        return [hear(at.relations, (one for one in read if one.new.memory in at.memories)) for at, read in states]

    def missed(self, asked: Sequence[tuple[Place, Expected]]) -> list[Missed]:
        """Where the graph at each place would not be as the memories are."""
        return [missed(self._at(place), expected) for place, expected in asked]

    def _at(self, place: Place) -> GraphState:
        """The graph at a place, with nothing pending."""
        return self._fold.settled(self._graphs.at(place))


SemanticGraphActor = actor("SemanticGraphActor", "graph", SemanticGraphHost)
