"""SemanticGraph: memories, what they speak of, and relations with weight, date and provenance, as one object.

A face over the persistent states of ``graph``: it owns which state is the present one. Knows no branch and no journal;
every change is one of the events that a branch's journal would hold, which ``apply`` takes as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from quantum_memory.checks import MAX_ID_CHARS, bounded, utc, visible, within
from quantum_memory.errors import InvalidValue, MemoryNotFound, RelationNotFound
from quantum_memory.memory.events import Event, Forgotten, Related, Remembered, Spoken, Word
from quantum_memory.memory.merging import MAX_WEIGHT
from quantum_memory.memory.semantic import cypher, exchange, markup
from quantum_memory.memory.semantic.around import communities, neighbours, paths
from quantum_memory.memory.semantic.bonds import Neighbour, Way
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.graph import GraphFold, GraphState
from quantum_memory.memory.semantic.names import unified
from quantum_memory.memory.semantic.relations import LEAST_WEIGHT, KeyLike, checked, key_of_like, keys_of
from quantum_memory.memory.semantic.spread import concepts
from quantum_memory.types import Memory, MemoryId, Relation, RelationKey

if TYPE_CHECKING:
    import networkx as nx


def _by_the_clock() -> datetime:
    return datetime.now(UTC)


class SemanticGraph:
    """What an agent knows of things and of how they stand to one another.

    Args:
        state: where to begin; nothing known when left out.
        now: clock; what is contradicted without a time ends when it is told. A pickled graph goes on by the system's.

    Laws: forgetting leaves what would be there had the memory never been, but for what others reinforced since; what is
    contradicted is closed with a date, and shows as of any time before it; names that were merged keep their counts and
    are seen through each other; an export reads back as an equal graph. Two graphs are equal if they know the same;
    what was forgotten is no part of it.

    Times without a zone are UTC. A relation without a time holds as of any time. One owner calls it; forks are
    independent of each other and share all that they have in common.
    """

    def __init__(self, state: GraphState | None = None, *, now: Callable[[], datetime] = _by_the_clock) -> None:
        self._now = now
        self._fold = GraphFold()
        self._state = GraphState() if state is None else state

    @property
    def state(self) -> GraphState:
        """What is known, as a value that never changes, with nothing pending."""
        return self._fold.settled(self._state)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SemanticGraph):
            return NotImplemented
        return _known(self.state) == _known(other.state)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __reduce__(self) -> tuple[type[SemanticGraph], tuple[GraphState]]:
        return SemanticGraph, (self.state,)

    def __repr__(self) -> str:
        state = self.state
        counts = f"{state.woven.count} memories, {len(state.concepts)} concepts, {len(state.relations)} relations"
        return f"<SemanticGraph of {counts}>"

    def fork(self) -> SemanticGraph:
        """A graph that knows the same and goes on by itself. Nothing is copied."""
        forked = SemanticGraph(self._state, now=self._now)
        forked._fold = self._fold  # what one of them works in, the other need not
        return forked

    def apply(self, event: Event) -> None:
        """Take up an event of a journal; one that is none of a graph's business changes nothing."""
        self._state = self._fold.apply(self._state, event)

    # What it learns

    def remember(self, *memories: Memory | Spoken) -> None:
        """Take up what memories speak of, in this order; one that reads otherwise than it is known is revised.

        Raises: InvalidInput, having taken up those before.
        """
        for one in memories:
            if isinstance(one, Memory):
                self.apply(Remembered((one,)))
            elif isinstance(one, Spoken):
                visible("text", one.text)
                for name, given in (("id", one.id), ("speaker", one.speaker), ("session", one.session)):
                    if name == "id" or given is not None:
                        within(name, visible(name, given), MAX_ID_CHARS)
                self.apply(Related((), (one,)))
            else:
                raise InvalidValue("memory", type(one).__name__, "a Memory or a Spoken")

    def forget(self, ids: MemoryId | Iterable[MemoryId]) -> int:
        """Be as if these memories had never been, with all that they alone said; returns how many there were.

        Raises: MemoryNotFound, and then forgets none.
        """
        if not isinstance(ids, Iterable):
            raise InvalidValue("ids", repr(ids), "the id of a memory, or several")
        asked = (ids,) if isinstance(ids, str) else tuple(visible("id", one) for one in ids)
        asked = tuple(dict.fromkeys(asked))
        for one in asked:
            self._require(one)
        self.apply(Forgotten(asked))
        return len(asked)

    def relate(
        self,
        subject: str,
        predicate: str,
        object: str,  # noqa: A002 - the word of the domain
        weight: float = 1.0,
        *,
        at: datetime | None = None,
        until: datetime | None = None,
        memory: MemoryId | None = None,
        replaces: KeyLike | Iterable[KeyLike] = (),
    ) -> Relation:
        """Know how something stands to something: how strongly, since when, and which memory says so.

        What ``replaces`` names ends when this begins, or now. Raises: InvalidInput, also for what would end before it
        began; MemoryNotFound; RelationNotFound for what is to be replaced and does not hold. Nothing is changed then.
        """
        relation = checked(Relation(subject, predicate, object, weight, at, memory, until))
        if memory is not None:
            self._require(memory)
        ended = tuple(self._ended(key, relation.at, memory) for key in keys_of(replaces))
        self.apply(Related((relation,), ended=ended))
        return relation

    def reinforce(
        self,
        subject: str,
        predicate: str,
        object: str,  # noqa: A002 - the word of the domain
        by: float = 1.0,
        *,
        at: datetime | None = None,
        memory: MemoryId | None = None,
    ) -> Relation:
        """Make a relation that holds stronger.

        The word says how strong the relation came to be, so forgetting who told of it before leaves that.
        Raises: RelationNotFound, and as ``relate`` does.
        """
        known = self._holding(RelationKey(subject, predicate, object))
        weight = min(MAX_WEIGHT, known.weight + bounded("by", by, LEAST_WEIGHT, MAX_WEIGHT))
        since = at if at is not None else known.at
        return self.relate(*known.key, weight, at=since, memory=memory)

    def contradict(
        self, old: KeyLike, new: KeyLike | None = None, at: datetime | None = None, memory: MemoryId | None = None
    ) -> Relation | None:
        """Know that a relation ended at a time, or now, and which one took its place, if one did.

        The old one is closed and not erased: it shows as of any time before. Raises: as ``relate`` does.
        """
        if new is not None:
            weight = new.weight if isinstance(new, Relation) else 1.0
            return self.relate(*key_of_like(new), weight, at=at, memory=memory, replaces=key_of_like(old))
        ended = self._ended(old, at, memory)
        if memory is not None:
            self._require(memory)
        self.apply(Related((), ended=(ended,)))
        return None

    def merge_entities(self, keep: str, others: str | Iterable[str]) -> tuple[str, ...]:
        """Know that other names mean the same as one; returns all the names that lead to it now, besides its own.

        What is known of any of them, now or later, is known of the one that is kept.
        """
        event = unified(keep, others)
        self.apply(event)
        return self.aliases(event.keep)

    # What it knows

    def aliases(self, name: str) -> tuple[str, ...]:
        """The other names of what a name stands for; sorted. Raises: InvalidInput."""
        visible("name", name)
        names = self.state.relations.names
        return names.told(names.of(name))

    def relations(self, about: str | None = None, as_of: datetime | None = None) -> tuple[Relation, ...]:
        """The relations that hold, or held at a time; all, or those with this name at either end; sorted.

        Raises: InvalidInput.
        """
        if about is not None:
            visible("about", about)
        return self.state.relations.about(about, None if as_of is None else utc("as_of", as_of))

    def history(self, subject: str, predicate: str, object: str) -> tuple[Relation, ...]:  # noqa: A002
        """What was said of a relation, oldest first: each with the time at which it ended, if it did."""
        return self.state.relations.history(RelationKey(subject, predicate, object))

    def as_of(self, at: datetime) -> SemanticGraph:
        """The graph with the relations as they were said to be at a time. Memories and concepts have no dates here."""
        state, then = self.state, utc("at", at)
        return SemanticGraph(GraphState(**{**_fields(state), "relations": state.relations.as_of(then)}), now=self._now)

    def concepts(self, top: int = 20) -> tuple[tuple[Concept, float], ...]:
        """The concepts that matter most by quantum PageRank, best first."""
        return concepts(self.state, top)

    def neighbours(
        self, name: str, depth: int = 1, limit: int = 100, as_of: datetime | None = None
    ) -> tuple[Neighbour, ...]:
        """What is at most so many steps from a concept; see ``around.neighbours``."""
        visible("name", name)
        return neighbours(self.state, name, depth, limit, None if as_of is None else utc("as_of", as_of))

    def paths(
        self, start: str, goal: str, limit: int = 5, longest: int = 4, as_of: datetime | None = None
    ) -> tuple[Way, ...]:
        """The shortest ways between two concepts; see ``around.paths``."""
        visible("start", start)
        visible("goal", goal)
        return paths(self.state, start, goal, limit, longest, None if as_of is None else utc("as_of", as_of))

    def communities(self, seed: int = 0, resolution: float = 1.0) -> tuple[tuple[Concept, ...], ...]:
        """The concepts in groups that hang together; see ``around.communities``."""
        return communities(self.state, seed, resolution)

    # In and out

    def to_networkx(self) -> nx.MultiDiGraph:
        """The graph as ``exchange`` draws it: a MultiDiGraph of texts and numbers that can be read back."""
        return exchange.drawn(self.state)

    @classmethod
    def from_networkx(cls, graph: nx.Graph) -> SemanticGraph:
        """The graph of ``to_networkx``, or the relations of any networkx graph. Raises: InvalidInput."""
        import networkx as nx

        if not isinstance(graph, nx.Graph):
            raise InvalidValue("graph", type(graph).__name__, "a graph of networkx")
        return cls(exchange.read(graph))

    def to_graphml(self) -> str:
        """The graph as GraphML."""
        return markup.to_graphml(self.to_networkx())

    @classmethod
    def from_graphml(cls, text: str) -> SemanticGraph:
        """The graph of a GraphML text. Raises: InvalidInput."""
        return cls.from_networkx(markup.from_graphml(text))

    def to_node_link(self) -> str:
        """The graph as node-link JSON."""
        return markup.to_node_link(self.to_networkx())

    @classmethod
    def from_node_link(cls, text: str) -> SemanticGraph:
        """The graph of node-link JSON. Raises: InvalidInput."""
        return cls.from_networkx(markup.from_node_link(text))

    def to_cypher(self) -> str:
        """The statements that build the graph in a property-graph database, one a line."""
        return "".join(f"{line}\n" for line in cypher.write(self.to_networkx()))

    @classmethod
    def from_cypher(cls, text: str) -> SemanticGraph:
        """The graph of the statements that ``to_cypher`` writes. Raises: UnreadableLine, InvalidInput."""
        if not isinstance(text, str):
            raise InvalidValue("cypher", type(text).__name__, "a text")
        return cls.from_networkx(cypher.read(text.split("\n")))

    def _require(self, memory: MemoryId) -> None:
        if memory not in self.state.memories:
            raise MemoryNotFound(memory)

    def _ended(self, given: KeyLike, at: datetime | None, memory: MemoryId | None) -> Word:
        """The word that a relation which holds ended at a time, or now. Raises: RelationNotFound, InvalidValue."""
        known, then = self._holding(given), utc("at", self._now() if at is None else at)
        if known.at is not None and then < known.at:
            raise InvalidValue("at", then.isoformat(), f"a time at or after {known.at.isoformat()}")
        return Word(known.key, then, None, memory)

    def _holding(self, given: KeyLike) -> Relation:
        key = key_of_like(given)
        known = self.state.relations.by_key.get(key)
        if known is None:
            raise RelationNotFound(*key)
        return known


def _known(state: GraphState) -> tuple[object, ...]:
    """All that is known: no tombstones, and not how names came to be merged."""
    told = state.relations
    return state.woven, told.by_key, told.past, told.said, told.ends, told.names


def _fields(state: GraphState) -> dict[str, Any]:
    return {name: getattr(state, name) for name in ("woven", "forgotten", "seal")}
