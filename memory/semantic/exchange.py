"""A semantic graph as a directed networkx graph of texts and numbers alone, with all that it takes to read it back.

Owns that form, which GraphML, node-link JSON and Cypher share; ``docs/formats.md`` describes it. What follows from
other attributes (weights of nodes, edges "together", ``until``) is there for those who look at it, and is not read.
What was forgotten leaves no trace in it.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rpds import HashTrieMap, List

from quantum_memory.checks import MAX_ID_CHARS, utc, visible, whole, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Word
from quantum_memory.memory.semantic.extract import KINDS, Concept
from quantum_memory.memory.semantic.graph import MAX_CONCEPTS, GraphState, settled
from quantum_memory.memory.semantic.names import Alias, Names
from quantum_memory.memory.semantic.relations import Relations, Said, checked, ends
from quantum_memory.memory.semantic.runs import Heard
from quantum_memory.memory.semantic.views import Told
from quantum_memory.memory.semantic.weave import Trace, Woven
from quantum_memory.types import MemoryId, Relation, RelationKey

if TYPE_CHECKING:
    import networkx as nx

FORMAT = "qmem-graph"
VERSION = 1
MEMORY, CONCEPT, ALIAS = "memory:", "concept:", "alias:"
MOST = 2**31 - 1
K = TypeVar("K")
Attributes = Mapping[str, Any]


def drawn(state: GraphState) -> nx.MultiDiGraph:
    """The graph, its nodes and edges in an order that depends on what is in it alone."""
    import networkx as nx

    state = settled(state)
    graph = nx.MultiDiGraph(format=FORMAT, version=VERSION)
    traces, concepts = sorted(state.memories.items()), sorted(state.concepts.told().items(), key=itemgetter(0))
    for memory, trace in traces:
        own = {} if trace.session is None else {"session": trace.session}
        graph.add_node(MEMORY + memory, kind="memory", label=memory, weight=1, **own)
    for key, known in concepts:
        concept = known.concept()
        graph.add_node(CONCEPT + key, kind=concept.kind, label=concept.label, weight=len(known))
    draw = _Edges(graph)
    _draw_memories(draw, traces, concepts)
    _draw_relations(graph, draw, state.relations)
    for key, alias in sorted(state.relations.names.aliases.items()):
        graph.add_node(ALIAS + key, kind="alias", label=alias.name, keep=alias.keep)
        _ensure(graph, alias.key, alias.keep)
        draw(ALIAS + key, CONCEPT + alias.key, "same", {})
    return graph


class _Edges:
    """Draws edges, each under a key that no other has."""

    def __init__(self, graph: nx.MultiDiGraph) -> None:
        self._graph, self._number = graph, 0

    def __call__(self, source: str, target: str, kind: str, own: Attributes) -> None:
        self._graph.add_edge(source, target, key=f"e{self._number}", kind=kind, **own)
        self._number += 1


def _draw_memories(
    draw: _Edges, traces: Sequence[tuple[MemoryId, Trace]], concepts: Sequence[tuple[str, Told]]
) -> None:
    newest = {(memory, key): at for key, known in concepts for at, memory in enumerate(known.mentions)}
    for memory, trace in traces:
        for place, (key, label, kind) in enumerate(trace.concepts):
            told = {"place": place, "label": label, "form": kind, "newest": newest[memory, key]}
            draw(MEMORY + memory, CONCEPT + key, "mentions", told)
        if trace.after is not None:
            draw(MEMORY + memory, MEMORY + trace.after, "follows", {})
    for key, known in concepts:
        for other, often in sorted(known.links.items()):
            if key < other:
                draw(CONCEPT + key, CONCEPT + other, "together", {"weight": float(often)})


def _draw_relations(graph: nx.MultiDiGraph, draw: _Edges, told: Relations) -> None:
    """Every word on a relation as an edge from its subject to its object, the oldest first."""
    newest = {(end, key): at for end in told.ends for at, key in enumerate(told.ends[end])}
    for key in sorted(told.keys()):
        source, target = (told.names.of(name) for name in (key.subject, key.object))
        _ensure(graph, source, key.subject)
        _ensure(graph, target, key.object)
        until, rows = "", []
        for word in told.words(key):
            rows.append((word, until if word.weight is not None else ""))
            if word.weight is None and word.at is not None:
                until = word.at.isoformat()
        for place, (word, ended) in enumerate(reversed(rows)):
            own: dict[str, Any] = {**key._asdict(), "word": place}
            own |= {} if word.weight is None else {"weight": float(word.weight)}
            own |= {} if word.at is None else {"at": word.at.isoformat()}
            own |= {} if word.memory is None else {"memory": word.memory}
            own |= {"until": ended} if ended else {}
            if place == len(rows) - 1 and word.weight is not None:
                own |= {"subject_newest": newest[source, key], "object_newest": newest[target, key]}
            kind = "ended" if word.weight is None else "relation"
            draw(CONCEPT + source, CONCEPT + target, kind, own)


def _ensure(graph: nx.MultiDiGraph, key: str, name: str) -> None:
    """Draw a concept of which no memory speaks."""
    if CONCEPT + key not in graph:
        graph.add_node(CONCEPT + key, kind="entity", label=name, weight=0)


def read(graph: nx.Graph) -> GraphState:
    """The state of a graph that ``drawn`` made.

    A graph of somebody else's, which does not name the format, is read as relations: its nodes are names, and its edges
    relations with their ``predicate`` (or "related to") and ``weight``, and ``at`` and ``until`` where they have them.

    Raises: InvalidValue and other InvalidInput for what cannot be read, naming node or edge.
    """
    if graph.graph.get("format") != FORMAT:
        return GraphState(relations=Relations().relate(_foreign(graph)))
    if graph.graph.get("version") != VERSION or not (graph.is_directed() and graph.is_multigraph()):
        about = f"{graph.graph.get('version')!r}, {type(graph).__name__}"
        raise InvalidValue("graph", about, f"a MultiDiGraph of version {VERSION}")
    return _Reader(graph).state()


def _foreign(graph: nx.Graph) -> Iterator[Relation]:
    for source, target, own in graph.edges(data=True):
        given = {name: own[name] for name in ("weight", "at", "until") if own.get(name) is not None}
        given |= {name: _time(name, given[name]) for name in ("at", "until") if name in given}
        yield checked(Relation(str(source), own.get("predicate", "related to"), str(target), **given))


class _Mention(NamedTuple):
    place: int
    concept: Concept
    newest: int


class _Reader:
    """Reads one graph; everything in it is looked at once, and nothing is trusted."""

    def __init__(self, graph: nx.MultiDiGraph) -> None:
        self._graph = graph
        self._sessions: dict[MemoryId, str | None] = {}
        self._aliases: dict[str, Alias] = {}
        self._mentions: dict[MemoryId, list[_Mention]] = defaultdict(list)
        self._after: dict[MemoryId, MemoryId] = {}
        self._words: dict[RelationKey, list[tuple[int, Said]]] = defaultdict(list)
        self._fronts: dict[RelationKey, tuple[int, int]] = {}

    def state(self) -> GraphState:
        for node, own in self._graph.nodes(data=True):
            self._node(node, own)
        for source, target, own in self._graph.edges(data=True):
            self._edge(source, target, own)
        names = Names(HashTrieMap(self._aliases))
        return GraphState(Woven(names=names).put_in(self._heard()), relations=self._relations(names))

    def _node(self, node: object, own: Attributes) -> None:
        name = visible("node", node)
        if name.startswith(MEMORY):
            memory, session = name.removeprefix(MEMORY), own.get("session")
            for told in (memory, *(() if session is None else (session,))):
                within("memory", visible("memory", told), MAX_ID_CHARS)
            self._sessions[memory] = session
        elif name.startswith(ALIAS):
            edges = self._graph.out_edges(node, data="kind")
            targets = [str(target) for _, target, kind in edges if kind == "same"]
            if len(targets) != 1 or not targets[0].startswith(CONCEPT):
                raise InvalidValue("alias", repr(node), "an edge 'same' to one concept")
            told = visible("alias", own.get("label")), visible("alias", own.get("keep"))
            self._aliases[name.removeprefix(ALIAS)] = Alias(targets[0].removeprefix(CONCEPT), *told)
        elif not name.startswith(CONCEPT):
            raise InvalidValue("node", repr(node), f"a name that begins with {MEMORY!r}, {CONCEPT!r} or {ALIAS!r}")

    def _edge(self, source: str, target: str, own: Attributes) -> None:
        kind = visible("kind", own.get("kind"))
        about = f"an edge {kind!r} from {source!r} to {target!r}"
        want = {"mentions": (MEMORY, CONCEPT), "follows": (MEMORY, MEMORY), "same": (ALIAS, CONCEPT)}
        want |= dict.fromkeys(("together", "relation", "ended"), (CONCEPT, CONCEPT))
        if kind not in want or not (source.startswith(want[kind][0]) and target.startswith(want[kind][1])):
            raise InvalidValue("edge", about, f"one of {', '.join(want)}, between what it is for")
        one, other = source.removeprefix(want[kind][0]), target.removeprefix(want[kind][1])
        if kind == "mentions":
            concept = Concept(other, visible("label", own.get("label")), own.get("form", ""))
            if concept.kind not in KINDS:
                raise InvalidValue("form", repr(concept.kind), f"one of {', '.join(KINDS)}")
            place, newest = (whole(name, own.get(name), 0, MOST) for name in ("place", "newest"))
            self._mentions[one].append(_Mention(place, concept, newest))
        elif kind == "follows":
            if self._after.setdefault(one, other) != other:
                raise InvalidValue("edge", about, "one memory after each")
        elif kind in ("relation", "ended"):
            self._word(kind, own)

    def _word(self, kind: str, own: Attributes) -> None:
        key = RelationKey(*(visible(name, own.get(name)) for name in RelationKey._fields))
        weight = own.get("weight", math.nan) if kind == "relation" else 1.0
        at, memory = own.get("at"), own.get("memory")
        one = checked(Relation(*key, weight, None if at is None else _time("at", at), memory))
        said = Said(one.weight if kind == "relation" else None, one.at, one.memory)
        self._words[key].append((whole("word", own.get("word"), 0, MOST), said))
        if "subject_newest" in own:
            subject, other = (whole(name, own.get(name), 0, MOST) for name in ("subject_newest", "object_newest"))
            self._fronts[key] = subject, other

    def _heard(self) -> list[Heard]:
        """The memories, in an order in which every mention stands where it stood."""
        heard = {}
        for memory in _chained(self._sessions, self._after):
            own = sorted(self._mentions.get(memory, ()))
            concepts = tuple(one.concept for one in own)
            counted = [one.place for one in own] == list(range(len(own)))
            if not counted or len({one.key for one in concepts}) != len(own) or len(own) > MAX_CONCEPTS:
                raise InvalidValue(
                    "mentions", repr(memory), f"at most {MAX_CONCEPTS} concepts, each once, in places from 0"
                )
            heard[memory] = Heard(memory, concepts, self._sessions[memory])
        listed: dict[str, list[tuple[int, MemoryId]]] = defaultdict(list)
        for memory, mentions in self._mentions.items():
            for one in mentions:
                listed[one.concept.key].append((one.newest, memory))
        orders = {}
        for key, order in listed.items():
            if key in self._aliases:
                raise InvalidValue("alias", repr(key), "a key that no memory mentions")
            orders[key] = _in_order("newest", key, order)[::-1]
        found = _remembered(heard, self._after, orders.values())
        if found is None:  # in graphs that were written earlier, a name that took up others had an order of its own
            merged = {alias.key for alias in self._aliases.values()}
            found = _remembered(heard, self._after, (own for key, own in orders.items() if key not in merged))
        if found is None:
            raise InvalidValue("newest", repr(sorted(orders)), "one order of memories for all concepts and sessions")
        return [heard[memory] for memory in found]

    def _relations(self, names: Names) -> Relations:
        if any(alias.key in self._aliases for alias in self._aliases.values()):
            raise InvalidValue("alias", repr(sorted(self._aliases)), "aliases of what is none itself")
        words = (
            Word(key, one.at, one.weight, one.memory) for key, told in self._words.items() for one in _told(key, told)
        )
        relations = Relations(names=names).say(words)
        if relations.by_key.keys() != self._fronts.keys():
            raise InvalidValue("subject_newest", str(len(self._fronts)), "one on the latest word of what holds")
        order: dict[str, list[tuple[int, RelationKey]]] = defaultdict(list)
        for key, fronts in self._fronts.items():
            for end, front in zip(ends(names, key), fronts, strict=False):
                order[end].append((front, key))
        fresh = {end: List(_in_order("subject_newest", end, own)) for end, own in order.items()}
        return Relations(
            relations.by_key, HashTrieMap(fresh), relations.said, relations.removed, relations.past, relations.names
        )


def _told(key: RelationKey, told: list[tuple[int, Said]]) -> list[Said]:
    """The words on a relation, the oldest first."""
    words = _in_order("word", " ".join(key), told)
    if words[0].weight is None:
        raise InvalidValue("word", repr(key), "a relation that holds before it ends")
    return words


def _in_order(name: str, what: str, numbered: list[tuple[int, K]]) -> list[K]:
    """What is numbered, in order. Raises: InvalidValue if the numbers do not run from 0."""
    order = sorted(numbered, key=lambda one: one[0])
    if [number for number, _ in order] != list(range(len(order))):
        raise InvalidValue(name, f"{[number for number, _ in order]} of {what!r}", "numbers from 0, each once")
    return [one for _, one in order]


def _remembered(
    memories: Iterable[MemoryId], after: Mapping[MemoryId, MemoryId], orders: Iterable[Sequence[MemoryId]]
) -> list[MemoryId] | None:
    """All memories in an order that has each of these in it, by id where that is open; ``None`` if there is none.

    After Kahn (1962).
    """
    later: dict[MemoryId, list[MemoryId]] = {memory: [] for memory in memories}
    waiting = dict.fromkeys(later, 0)
    for one, other in chain(after.items(), *map(pairwise, orders)):
        later[one].append(other)
        waiting[other] += 1
    ready = [memory for memory, count in waiting.items() if not count]
    heapq.heapify(ready)
    found: list[MemoryId] = []
    while ready:
        memory = heapq.heappop(ready)
        found.append(memory)
        for other in later[memory]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, other)
    return found if len(found) == len(waiting) else None


def _chained(sessions: Mapping[MemoryId, str | None], after: Mapping[MemoryId, MemoryId]) -> Iterable[MemoryId]:
    """The memories, those of a session one after the other. Raises: InvalidValue where they are no chain."""
    later = set(after.values())
    if len(later) != len(after) or not later | after.keys() <= sessions.keys():
        raise InvalidValue("follows", repr(sorted(later - sessions.keys())), "one memory before each, and none unknown")
    found: dict[MemoryId, None] = {}
    begun: set[str] = set()
    for memory in sorted(sessions):
        session, here = sessions[memory], memory
        if memory in later:
            continue
        if session is not None and session in begun:
            raise InvalidValue("follows", repr(session), "one chain of memories in a session")
        begun |= set() if session is None else {session}
        found[here] = None
        while here in after:
            here = after[here]
            if session is None or sessions[here] != session:
                raise InvalidValue("follows", repr(here), "memories of one session")
            found[here] = None
    if len(found) != len(sessions):
        raise InvalidValue("follows", repr(min(sessions.keys() - found.keys())), "a chain that begins somewhere")
    return found


def _time(name: str, value: object) -> datetime:
    if isinstance(value, str):
        try:
            return utc(name, datetime.fromisoformat(value))
        except ValueError:
            raise InvalidValue(name, repr(value), "a time such as '2025-01-11T18:02:00+00:00'") from None
    return utc(name, value)
