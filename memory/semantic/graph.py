"""The semantic graph of a branch: memories, the concepts they speak of, and how these hang together.

Owns the persistent state and the fold that makes it from events. Never talks to Ray, never reads a text twice.

Nodes are memories and concepts, kept apart by type. Edges are counted in whole numbers, so that taking a memory
away leaves exactly what would be there without it:

    memory - concept     it speaks of it, or is spoken by it: 1
    concept - concept    memories in which they stand close together: how many
    memory - memory      one follows the other in a session: 1

Beside these stand the relations that were told, each from one concept to another, with a weight of its own, and the
names that were said to mean one thing: all that is known of any of them is known of the one that is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, groupby, islice, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rpds import HashTrieSet

from quantum_memory.memory.events import (
    Event,
    Forgotten,
    Merged,
    Picked,
    Related,
    Remembered,
    Revised,
    Spoken,
    Unified,
    Unrelated,
    Word,
)
from quantum_memory.memory.gathered import gathered
from quantum_memory.memory.held import Held
from quantum_memory.memory.semantic.extract import Concept, extract
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.pending import Anew, Brought, Change, Lost, Same, Told
from quantum_memory.memory.semantic.relations import Relations, spoken
from quantum_memory.memory.semantic.runs import Heard
from quantum_memory.memory.semantic.sealed import Seal
from quantum_memory.memory.semantic.views import Concepts, Last, Traces
from quantum_memory.memory.semantic.weave import Woven
from quantum_memory.types import Memory, MemoryId, Part, Relation

if TYPE_CHECKING:
    import networkx as nx

MAX_CONCEPTS = 32
"""Concepts kept of one memory, names before topics: a long text would make every edge of it mean little."""
GROUP = 64
"""Changes worked in together: of one by one, each would make a run of its own to be joined with others."""
TOGETHER = 1024
"""Changes of one event worked in together at most: the more at once, the fewer runs are joined."""
SETTLED_KEPT = 2048
"""Settled graphs at hand for those who read again; beyond what is sealed one takes some 10 kB."""
NEAR_KEPT = 8
"""The last of them, from which one with a few changes more is made."""

K = TypeVar("K")


class Expected(NamedTuple):
    """What the memories of a branch are about to be, to be held against its graph.

    Attributes:
        coming: memories that an event brings by value, new to the memories.
        there: memories that stay as they are.
        gone: ids that are not, and stay so.
    """

    coming: tuple[Spoken, ...] = ()
    there: tuple[Spoken, ...] = ()
    gone: tuple[MemoryId, ...] = ()


class Missed(NamedTuple):
    """Where a graph is not as its branch's memories are: see ``Merged``.

    Attributes:
        heard: what it has to be told of.
        unheard: what it has and the memories have not.
        deaf: of what is gone, that of which it will take nothing up.
    """

    heard: tuple[Spoken, ...] = ()
    unheard: tuple[MemoryId, ...] = ()
    deaf: tuple[MemoryId, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphState:
    """The graph at one place in history. It never changes: branches share all that they have in common.

    The last few changes wait to be worked in together. Until then a state is what its predecessor had woven and these,
    so that a thousand forks that each learned something share one graph. What is said of memories and concepts holds
    once nothing is pending, and a settled state is the same however its changes were grouped.

    Attributes:
        woven: the memories and what they speak of, seen through the names that ``relations`` has.
        forgotten: what is not to come back on this branch.
        relations: what was told of how things stand to one another, and under which names.
        pending: fewer than ``GROUP`` changes, oldest first.
        seal: the matrix by which concepts are ranked, shared by all states that come from one.
    """

    woven: Woven = field(default_factory=Woven)
    forgotten: HashTrieSet[MemoryId] = field(default_factory=HashTrieSet)
    relations: Relations = field(default_factory=Relations)
    pending: tuple[Change, ...] = ()
    seal: Seal = field(default_factory=Seal, compare=False, repr=False)

    @property
    def memories(self) -> Traces:
        """What each memory put in, by id."""
        return Traces(self.woven)

    @property
    def concepts(self) -> Concepts:
        """The concepts by key."""
        return Concepts(self.woven)

    @property
    def last(self) -> Last:
        """The last memory of each session."""
        return Last(self.woven)


class GraphFold:
    """How the graph follows from events.

    Laws: forgetting leaves the memories, concepts, edges and relations that would be there had the memory never been
    and never said anything; a revised memory that says something else of concepts, or stands in another session, is as
    if it had been forgotten and remembered last, and keeps its word on relations; a forgotten memory has no word on
    any. Remembering what is known alike changes nothing. What is remembered though it is known otherwise, or was
    forgotten, is taken as revised: only where the memories were rolled back without the graph is it ever written.
    What a merge adds to memories does not bring back what was forgotten here; what it says was ``heard`` does.
    Names that mean one thing do so for what was known before as for what comes after.
    """

    part: Part = "graph"
    reach: int | None = None

    def __init__(self) -> None:
        self._read: deque[tuple[GraphState, GraphState]] = deque(maxlen=NEAR_KEPT)
        # By the identity of a state, which is held as well, so that no other has it meanwhile.
        self._kept: Held[int, tuple[GraphState, GraphState]] = Held(SETTLED_KEPT)

    def empty(self) -> GraphState:
        return GraphState()

    def gathered(self, events: Iterable[Event]) -> Sequence[Event]:
        """See ``Gathers``."""
        return gathered(events)

    def apply(self, state: GraphState, event: Event) -> GraphState:
        writer = _Writer(state)
        match event:
            case Remembered():
                writer.renew(event.memories)
            case Forgotten():
                writer.forget(event.ids, event.at)
            case Revised():
                writer.revise(event.memories)
            case Related():
                writer.revise(event.heard)
                writer.tell(event.ended)
                writer.tell(spoken(event.relations))
            case Unrelated():
                writer.tell(Word(key, event.at) for key in event.keys)
            case Unified():
                writer.unify(event.keep, event.names)
            case Picked():
                writer.remember(event.memories)
                writer.revise(chain(event.revised, event.heard))
            case Merged():
                writer.remember(event.memories)
                writer.revise(chain(event.revised, event.heard))
                for one in event.unified:
                    writer.unify(one.keep, one.names)
                decided = dict.fromkeys(_decided(event))
                keys = {word.key for word in decided}
                others = [word for word in event.words if word not in decided]
                writer.bring((word for word in others if word.key not in keys), over=False)
                writer.bring((word for word in others if word.key in keys), over=True)
                writer.tell(decided)
                for at, ids in _dated(event.forgotten, event.forgotten_at):
                    writer.forget(ids, at)
                for memory, at in event.unheard:
                    writer.forget((memory,), at)
            case _:
                return state
        return writer.state()

    def units(self, event: Event) -> int:  # noqa: ARG002 - a view without a reach counts nothing
        return 0

    def settled(self, state: GraphState) -> GraphState:
        """The graph with every pending change worked in. The last ones are kept, for those who read again or go on."""
        if not state.pending:
            return state
        kept = self._kept.get(id(state))
        if kept is not None:
            return kept[1]
        nearest, done = state, 0
        for read, found in self._read:
            count = len(read.pending)
            if done < count < len(state.pending) and _same_ground(read, state) and _begins(state.pending, read.pending):
                nearest, done = found, count
        whole = _worked_in(replace(nearest, pending=()), state.pending[done:])
        self._read.append((state, whole))
        self._kept.put(id(state), (state, whole))
        return whole

    def forget(self, state: GraphState) -> None:
        """Keep nothing that was made of a state."""
        self._kept.drop(id(state))


def _decided(event: Merged) -> list[Word]:
    """The words that a merge decided for, each as the other side said it where that is known."""
    said = {(word.key, word.at): word for word in reversed(event.words) if word.weight is None}
    gone = [key_at for at, keys in _dated(event.unrelated, event.unrelated_at) for key_at in zip(keys, repeat(at))]
    return [*spoken(event.relations), *(said.get(key_at, Word(*key_at)) for key_at in gone)]


def settled(state: GraphState) -> GraphState:
    """The graph with every pending change worked in; the state itself where nothing is pending."""
    return _worked_in(replace(state, pending=()), state.pending) if state.pending else state


def missed(state: GraphState, expected: Expected) -> Missed:
    """Where the settled state would not be as the memories are, once the event that brings them is in it."""
    blocked = (one for one in expected.coming if one.id in state.memories or one.id in state.forgotten)
    return Missed(
        heard=tuple(
            one
            for one in chain(expected.there, blocked)
            if _trace_of(state, one.id) != _heard(one, state.relations.names)
        ),
        unheard=tuple(one for one in expected.gone if one in state.memories),
        deaf=tuple(one for one in expected.gone if one in state.forgotten),
    )


def _trace_of(state: GraphState, memory: MemoryId) -> Heard | None:
    at, woven = state.woven.find(memory), state.woven
    return None if at < 0 else Heard(memory, woven.concepts(at), woven.session(at))


def relations(state: GraphState, about: str | None = None) -> tuple[Relation, ...]:
    """The relations that have something of this name at either end, in any form of it, or all; sorted by key."""
    return settled(state).relations.about(about)


def to_networkx(state: GraphState) -> nx.MultiGraph:
    """The graph as networkx knows it.

    Nodes are ``("memory", id)`` and ``("concept", key)`` with ``kind`` ("memory" or the concept's), ``label`` and
    ``weight``, which is the number of memories behind it. Edges have ``kind`` ("mentions", "together", "follows" or
    "relation") and ``weight``. A relation also has ``predicate`` and ``at``, and ``subject`` and ``object`` say which
    way it points; there may be several between two concepts, each under its own key. Nodes and edges come sorted, so
    equal states give equal graphs in the same order.
    """
    import networkx as nx

    state = settled(state)
    traces, told = sorted(state.memories.items()), sorted(state.concepts.told().items(), key=itemgetter(0))
    graph = nx.MultiGraph()
    for memory, _ in traces:
        graph.add_node(("memory", memory), kind="memory", label=memory, weight=1)
    for key, known in told:
        concept = known.concept()
        graph.add_node(("concept", key), kind=concept.kind, label=concept.label, weight=len(known))
    for memory, trace in traces:
        for concept in trace.concepts:
            graph.add_edge(("memory", memory), ("concept", concept.key), key="mentions", kind="mentions", weight=1)
        if trace.after is not None:
            graph.add_edge(("memory", memory), ("memory", trace.after), key="follows", kind="follows", weight=1)
    for key, known in told:
        for other, count in sorted(known.links.items()):
            if key < other:
                graph.add_edge(("concept", key), ("concept", other), key="together", kind="together", weight=count)
    for relation in state.relations.about():
        _add_relation(graph, state.relations.names, relation)
    return graph


def _add_relation(graph: nx.MultiGraph, names: Names, relation: Relation) -> None:
    """Draw a relation, and those of its ends that no memory speaks of."""
    ends = [("concept", names.of(name)) for name in (relation.subject, relation.object)]
    for end, name in zip(ends, (relation.subject, relation.object), strict=True):
        if end not in graph:
            graph.add_node(end, kind="entity", label=name, weight=0)
    graph.add_edge(
        *ends,
        key=relation.key,
        kind="relation",
        weight=relation.weight,
        predicate=relation.predicate,
        at=relation.at,
        subject=relation.subject,
        object=relation.object,
    )


class _Writer:
    """Takes up the changes of one event one after another, and works them in where enough of them are pending."""

    def __init__(self, state: GraphState) -> None:
        self._before = state
        self._base = replace(state, pending=()) if state.pending else state
        self._pending: list[Change] = []
        self._size, self._changed = 0, False
        self._recent: dict[MemoryId, Heard | None] = {}
        self._names = state.relations.names
        for change in state.pending:
            self._note(change)

    def state(self) -> GraphState:
        """The state with all that was taken up; the one to begin with if that was nothing."""
        if self._size >= GROUP:
            self._work_in()
        return replace(self._base, pending=tuple(self._pending)) if self._changed else self._before

    def remember(self, memories: Iterable[Memory]) -> None:
        for memory in memories:
            if not self._knows(memory.id) and not self._forgot(memory.id):
                self._add(_heard(memory, self._names))

    def renew(self, memories: Iterable[Memory]) -> None:
        """Remember, also what is known otherwise or was forgotten; of several with one id the first counts."""
        first: dict[MemoryId, Memory] = {}
        for memory in memories:
            first.setdefault(memory.id, memory)
        for one, memory in first.items():
            if self._knows(one) or self._forgot(one):
                self.revise((memory,))
            else:
                self._add(_heard(memory, self._names))

    def revise(self, memories: Iterable[Memory | Spoken]) -> None:
        for memory in memories:
            heard = _heard(memory, self._names)
            if not self._knows(memory.id) or self._last_heard(memory.id) != heard:
                self._add(Anew(heard))

    def forget(self, ids: Iterable[MemoryId], at: datetime | None) -> None:
        fresh = tuple(memory for memory in dict.fromkeys(ids) if not self._forgot(memory))
        if fresh:
            self._add(Lost(fresh, at))

    def tell(self, words: Iterable[Word]) -> None:
        told = self._heeded(words)
        if told:
            self._add(Told(told))

    def bring(self, words: Iterable[Word], *, over: bool) -> None:
        brought = self._heeded(words)
        if brought:
            self._add(Brought(brought, over))

    def unify(self, keep: str, names: tuple[str, ...]) -> None:
        if self._names.joined(keep, names) is not self._names:
            self._add(Same(names, keep))

    def _heeded(self, words: Iterable[Word]) -> tuple[Word, ...]:
        """The words but those of forgotten memories."""
        return tuple(word for word in words if word.memory is None or not self._forgot(word.memory))

    def _add(self, change: Change) -> None:
        self._note(change)
        self._changed = True
        if self._size >= TOGETHER:
            self._work_in()

    def _work_in(self) -> None:
        self._base = _worked_in(self._base, self._pending)
        self._pending, self._size, self._recent = [], 0, {}

    def _note(self, change: Change) -> None:
        self._pending.append(change)
        match change:
            case Heard():
                self._recent[change.memory] = change
            case Anew(heard):
                self._recent[heard.memory] = heard
            case Lost(ids):
                self._recent.update(dict.fromkeys(ids))
            case Same(names, keep):
                self._names = self._names.joined(keep, names)
        self._size += 1 if isinstance(change, Heard | Anew) else len(change[0])

    def _knows(self, memory: MemoryId) -> bool:
        if memory in self._recent:
            return self._recent[memory] is not None
        return self._base.woven.find(memory) >= 0

    def _forgot(self, memory: MemoryId) -> bool:
        if memory in self._recent:
            return self._recent[memory] is None
        return memory in self._base.forgotten

    def _last_heard(self, memory: MemoryId) -> Heard | None:
        heard = self._recent.get(memory)
        if memory not in self._recent:
            heard = _trace_of(self._base, memory)
        return heard and heard._replace(concepts=self._names.concepts(heard.concepts))


def _dated(keys: Sequence[K], times: Sequence[datetime | None]) -> Iterator[tuple[datetime | None, list[K]]]:
    """The keys in their order, those of one time together; a missing time is ``None``."""
    known = chain(times, repeat(None))
    for at, run in groupby(zip(keys, known, strict=False), key=itemgetter(1)):
        yield at, [key for key, _ in run]


def _heard(memory: Memory | Spoken, names: Names) -> Heard:
    concepts = _most_telling(extract(memory.text, memory.speaker))
    return Heard(memory.id, names.concepts(concepts), memory.session)


def _worked_in(state: GraphState, changes: Sequence[Change]) -> GraphState:
    """The state with these changes made, in order; those of one kind that follow one another are made together."""
    woven = state.woven
    forgotten, told = state.forgotten, state.relations
    for kind, run in groupby(changes, type):
        if kind is Heard:
            woven = woven.put_in([change for change in run if isinstance(change, Heard)])
        elif kind is Anew:
            # Of a memory that was revised twice the later one counts, and stands where it came.
            latest: dict[MemoryId, Heard] = {}
            for change in run:
                if isinstance(change, Anew):
                    latest.pop(change.heard.memory, None)
                    latest[change.heard.memory] = change.heard
            woven = woven.take_out(latest).put_in(list(latest.values()))
            for memory in latest:
                forgotten = forgotten.discard(memory)
        else:
            for change in run:
                if isinstance(change, Lost):
                    woven, forgotten = woven.take_out(change.ids), forgotten.update(change.ids)
                    told = told.unsay(change.ids, change.at)
                elif isinstance(change, Told):
                    told = told.say(change.words)
                elif isinstance(change, Brought):
                    told = told.bring(change.words, over=change.over)
                elif isinstance(change, Same):
                    names = told.names.joined(change.keep, change.names)
                    gone = told.names.gone(names, change.names)
                    told = told.join(names, gone)
                    woven = woven.renamed(names)
    return GraphState(woven, forgotten, told, seal=state.seal)


def _same_ground(one: GraphState, other: GraphState) -> bool:
    return one.woven is other.woven and one.forgotten is other.forgotten and one.relations is other.relations


def _begins(changes: tuple[Change, ...], first: tuple[Change, ...]) -> bool:
    return all(one is other for one, other in zip(changes, first, strict=False))


def _most_telling(concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """At most so many concepts as a memory may have, in their order in the text."""
    if len(concepts) <= MAX_CONCEPTS:
        return concepts
    ranked = sorted(range(len(concepts)), key=lambda at: (concepts[at].kind == "topic", at))
    return tuple(concepts[at] for at in sorted(islice(ranked, MAX_CONCEPTS)))
