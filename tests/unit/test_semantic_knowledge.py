"""SemanticGraph: the laws of contradiction, time, forgetting and merged names, and what can be asked of a graph."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import EmptyText, InvalidValue, MemoryNotFound, OutOfRange, RelationNotFound
from quantum_memory.memory import semantic
from quantum_memory.memory.events import Event, Forgotten, Spoken, Unified
from quantum_memory.memory.merging import MAX_WEIGHT
from quantum_memory.memory.semantic import SemanticGraph, around
from quantum_memory.memory.semantic.around import _Around, paths
from quantum_memory.memory.semantic.bonds import MAX_NEAR, Bond, Way
from quantum_memory.memory.semantic.extract import Concept, key_of
from quantum_memory.memory.semantic.names import Names
from quantum_memory.memory.semantic.relations import Relations
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.types import Relation, RelationKey
from tests.unit import test_semantic_graph
from tests.unit.test_semantic_graph import EVENTS, memory

START = datetime(2020, 1, 1, tzinfo=UTC)
WORKS_AT_ACME = RelationKey("Bob", "works at", "Acme")
WORKS_AT_INITECH = RelationKey("Bob", "works at", "Initech")
TEXTS = {
    "m1": "My boss Bob works at Acme.",
    "m2": "My friend Bob left Acme for Initech.",
    "m3": "My uncle Robert plays the violin with Carol.",
    "m4": "Carol lives in Berlin.",
}


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def told(*names: str) -> SemanticGraph:
    graph = SemanticGraph()
    graph.remember(*(Spoken(name, TEXTS[name]) for name in names or TEXTS))
    return graph


def applied(events: Sequence[Event]) -> SemanticGraph:
    graph = SemanticGraph()
    for event in events:
        graph.apply(event)
    return graph


def keys(relations: Sequence[Relation]) -> list[RelationKey]:
    return [relation.key for relation in relations]


# Time and contradiction


def test_what_is_contradicted_is_closed_with_a_date_and_not_erased() -> None:
    graph = told()
    graph.relate(*WORKS_AT_ACME, at=day(0), memory="m1")
    new = graph.contradict(WORKS_AT_ACME, WORKS_AT_INITECH, at=day(10), memory="m2")
    assert graph.relations() == (new,)
    assert keys(graph.relations(as_of=day(9))) == [WORKS_AT_ACME]
    assert graph.relations("Acme", as_of=day(9)) == (Relation(*WORKS_AT_ACME, 1.0, day(0), "m1", day(10)),)
    assert keys(graph.relations(as_of=day(10))) == [WORKS_AT_INITECH]
    assert graph.relations(as_of=day(-1)) == ()
    assert graph.history(*WORKS_AT_ACME) == (Relation(*WORKS_AT_ACME, 1.0, day(0), "m1", day(10)),)
    assert graph.history(*WORKS_AT_INITECH) == (new,)


def test_forgetting_who_contradicted_opens_the_old_relation_again() -> None:
    graph = told()
    graph.relate(*WORKS_AT_ACME, at=day(0), memory="m1")
    before = graph.fork()
    graph.relate(*WORKS_AT_INITECH, at=day(10), memory="m2", replaces=WORKS_AT_ACME)
    assert graph.forget("m2") == 1
    assert before.forget(["m2"]) == 1
    assert graph == before
    assert keys(graph.relations()) == [WORKS_AT_ACME]


def test_a_relation_may_end_without_another_and_begin_again() -> None:
    graph = SemanticGraph()
    graph.relate(*WORKS_AT_ACME, 2.0, at=day(0))
    assert graph.contradict(WORKS_AT_ACME, at=day(5)) is None
    assert graph.relations() == ()
    graph.relate(*WORKS_AT_ACME, 3.0, at=day(8))
    told_then = [[one.weight for one in graph.relations(as_of=day(number))] for number in (-1, 0, 4, 5, 7, 8, 99)]
    assert told_then == [[], [2.0], [2.0], [], [], [3.0], [3.0]]
    assert [one.until for one in graph.history(*WORKS_AT_ACME)] == [day(5), None]


def test_what_is_contradicted_without_a_time_ends_now_and_is_not_erased() -> None:
    graph = SemanticGraph(now=lambda: day(7))
    graph.relate(*WORKS_AT_ACME, at=day(0))
    twin = graph.fork()
    assert graph.contradict(WORKS_AT_ACME) is None
    assert twin.contradict(WORKS_AT_ACME, WORKS_AT_INITECH) is not None
    for one in (graph, twin):
        assert one.relations(as_of=day(6))[0] == Relation(*WORKS_AT_ACME, 1.0, day(0), None, day(7))
        assert WORKS_AT_ACME not in keys(one.relations(as_of=day(7)))


def test_nothing_ends_before_it_began() -> None:
    graph = SemanticGraph()
    graph.relate(*WORKS_AT_ACME, at=day(5))
    before = graph.state
    with pytest.raises(InvalidValue, match="at or after"):
        graph.contradict(WORKS_AT_ACME, at=day(4))
    with pytest.raises(InvalidValue, match="at or after"):
        graph.relate(*WORKS_AT_INITECH, at=day(4), replaces=WORKS_AT_ACME)
    assert graph.state is before


def test_what_is_over_already_can_be_told_at_once() -> None:
    graph = SemanticGraph()
    graph.relate(*WORKS_AT_ACME, at=day(0), until=day(3))
    assert graph.relations() == ()
    assert graph.relations(as_of=day(2)) == (Relation(*WORKS_AT_ACME, 1.0, day(0), None, day(3)),)
    assert graph.relations(as_of=day(3)) == ()


def test_reinforcing_adds_to_the_weight_and_keeps_the_date_and_both_supports() -> None:
    graph = told()
    graph.relate(*WORKS_AT_ACME, at=day(0), memory="m1")
    assert graph.reinforce(*WORKS_AT_ACME, 0.5, memory="m2") == Relation(*WORKS_AT_ACME, 1.5, day(0), "m2")
    assert graph.reinforce(*WORKS_AT_ACME, MAX_WEIGHT).weight == MAX_WEIGHT
    graph.forget("m1")
    assert [one.weight for one in graph.relations()] == [MAX_WEIGHT]
    graph = told()
    graph.relate(*WORKS_AT_ACME, at=day(0), memory="m1")
    graph.reinforce(*WORKS_AT_ACME, memory="m2")
    graph.forget("m2")
    assert graph.relations() == (Relation(*WORKS_AT_ACME, 1.0, day(0), "m1"),)
    graph.forget("m1")
    assert graph.relations() == graph.relations(as_of=day(5)) == ()


WORDS = st.lists(
    st.tuples(st.sampled_from(["relate", "end"]), st.integers(0, 12), st.sampled_from([1.0, 2.0, 3.0])), max_size=8
)


@given(WORDS, st.integers(-1, 13))
def test_as_of_a_time_is_what_was_told_when_nothing_later_had_been(
    words: list[tuple[str, int, float]], at: int
) -> None:
    """Told in order of time. The slow twin hears only what is no later."""
    graph, twin = SemanticGraph(), SemanticGraph()
    for kind, when, weight in sorted(words, key=lambda one: one[1]):
        for one, hears in ((graph, True), (twin, when <= at)):
            if hears and kind == "relate":
                one.relate(*WORKS_AT_ACME, weight, at=day(when))
            elif hears and one.relations():
                one.contradict(WORKS_AT_ACME, at=day(when))
    then = graph.as_of(day(at))
    assert then == twin
    now = [(one.key, one.weight, one.at) for one in twin.relations()]
    assert [(one.key, one.weight, one.at) for one in graph.relations(as_of=day(at))] == now
    ended = [one.until for one in graph.relations(as_of=day(at))]
    assert all(until is None or until > day(at) for until in ended)


# Forgetting


@settings(deadline=None, max_examples=120)
@given(st.lists(EVENTS, max_size=10), st.sets(st.integers(0, 14).map("m{}".format), min_size=1, max_size=3))
def test_forgetting_leaves_what_would_be_there_without_the_memory(events: list[Event], gone: set[str]) -> None:
    """The twin is told the same by everyone else: whatever these memories are or say is left out of each event."""
    one = applied([*events, Forgotten(tuple(sorted(gone)))])
    other = applied([Forgotten(tuple(sorted(gone))), *(without(event, gone) for event in events)])
    mine, theirs = one.state, other.state
    assert test_semantic_graph.unordered(mine) == test_semantic_graph.unordered(theirs)
    for name in ("by_key", "past", "said", "names"):
        assert getattr(mine.relations, name) == getattr(theirs.relations, name)


def without(event: Event, gone: set[str]) -> Event:
    changes = {}
    for name in ("memories", "revised", "heard"):
        if hasattr(event, name):
            changes[name] = tuple(one for one in getattr(event, name) if one.id not in gone)
    for name in ("relations", "ended", "words"):
        if hasattr(event, name):
            changes[name] = tuple(one for one in getattr(event, name) if one.memory not in gone)
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, **changes})


# Names


def test_merged_names_keep_their_counts_and_are_seen_through_each_other() -> None:
    graph = told()
    graph.relate("Robert", "owns", "a violin", memory="m3")
    counted = {name: len(graph.state.concepts[key_of(name)].mentions) for name in ("Bob", "Robert")}
    assert graph.merge_entities("Bob", "Robert") == ("Robert",)
    state = graph.state
    assert len(state.concepts["bob"].mentions) == sum(counted.values()) == 3
    assert key_of("Robert") not in state.concepts
    assert {form.label: often for form, often in state.concepts["bob"].forms.items()} == {"Bob": 2, "Robert": 1}
    assert keys(graph.relations("Bob")) == keys(graph.relations("Robert")) == [("Robert", "owns", "a violin")]
    assert graph.neighbours("Bob") == graph.neighbours("Robert's") != ()
    assert "m3" in spread(state, "What does Bob play?", {})
    assert "m1" in spread(state, "Where does Robert work?", {})
    graph.remember(Spoken("m5", "Robert sings."))
    assert len(graph.state.concepts["bob"].mentions) == 4
    assert set(graph.state.concepts["bob"].mentions) == {"m1", "m2", "m3", "m5"}


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), min_size=1)), max_size=6))
def test_the_aliases_of_a_concept_are_known_from_both_sides(joins: list[tuple[str, set[str]]]) -> None:
    names = Names()
    for keep, others in joins:
        joined = names.joined(keep, sorted(others))
        roots = {names.of(name) for name in others}
        assert names.gone(joined, others) == tuple(sorted(root for root in roots if joined.resolved(root) != root))
        names = joined
    anew = Names(names.aliases)
    assert names == anew
    assert names.groups == anew.groups
    for key in {alias.key for alias in names.aliases.values()}:
        assert names.told(key) == tuple(sorted(one.name for one in names.aliases.values() if one.key == key))


@settings(deadline=None)
@given(
    st.lists(st.permutations(["Ada", "Bob", "Carol", "Dora", "Emil"]).map(lambda names: names[:3]), max_size=4),
    st.permutations([("Ada", "Bob"), ("Carol", "Bob"), ("Carol", "Dora")]),
)
def test_what_is_known_of_joined_names_is_as_if_they_had_been_one_from_the_start(
    spoken: list[list[str]], joins: list[tuple[str, str]]
) -> None:
    memories = [Spoken(f"m{at}", f"{' and '.join(names)} sing.") for at, names in enumerate(spoken)]
    before, after = SemanticGraph(), SemanticGraph()
    for graph, first in ((before, True), (after, False)):
        if first:
            graph.remember(*memories)
        for keep, other in joins:
            graph.merge_entities(keep, other)
        if not first:
            graph.remember(*memories)
    assert before.state.memories == after.state.memories
    assert test_semantic_graph.unordered(before.state) == test_semantic_graph.unordered(after.state)


def test_names_are_joined_through_names_and_joining_again_changes_nothing() -> None:
    graph = told()
    graph.merge_entities("Robert", "Bobby")
    assert graph.merge_entities("Bob", ["Bobby"]) == ("Bobby", "Robert")
    assert graph.aliases("Robert") == ("Bobby", "Robert")
    again = graph.fork()
    again.merge_entities("Bobby", ["Robert", "Bob", "bobby"])
    assert again.state is graph.state


NAMES = st.sampled_from(["Bob", "Robert", "Carol", "Alice Smith", "umbrella"])
UNIFIED = st.builds(Unified, NAMES, st.lists(NAMES, min_size=1, max_size=2).map(tuple))


@settings(deadline=None, max_examples=80)
@given(st.lists(EVENTS, max_size=6), UNIFIED, st.lists(EVENTS, max_size=3))
def test_it_does_not_matter_when_names_are_joined(before: list[Event], names: Unified, after: list[Event]) -> None:
    one, other = applied([*before, names, *after]), applied([names, *before, *after])
    if one.state.relations.names == other.state.relations.names:
        assert test_semantic_graph.unordered(one.state) == test_semantic_graph.unordered(other.state)
        for name in ("by_key", "past", "said"):
            assert getattr(one.state.relations, name) == getattr(other.state.relations, name)
        mine, theirs = one.state.relations.ends, other.state.relations.ends
        assert {end: set(own) for end, own in mine.items()} == {end: set(own) for end, own in theirs.items()}


def test_a_fork_does_not_see_what_the_other_learns() -> None:
    graph = told()
    fork = graph.fork()
    assert fork.state is graph.state
    fork.merge_entities("Bob", "Robert")
    fork.relate("Bob", "knows", "Carol")
    assert graph.aliases("Bob") == ()
    assert graph.relations() == ()
    assert fork != graph
    assert fork.state.woven.slices[0] is graph.state.woven.slices[0]


# What can be asked


def test_neighbours_come_nearest_first_with_what_binds_them() -> None:
    graph = SemanticGraph()
    graph.remember(Spoken("m1", "Bob and Carol"))
    graph.relate("Bob", "works at", "Acme", 5.0, at=day(0))
    graph.relate("Acme", "is in", "Berlin", at=day(4))
    near = graph.neighbours("bob", 2)
    found = [(one.concept.label, one.distance, one.via.label) for one in near]
    assert found == [("Acme", 1, "bob"), ("Carol", 1, "bob"), ("Berlin", 2, "Acme")]
    assert near[0].bond == Bond((Relation("Bob", "works at", "Acme", 5.0, day(0)),), 0)
    assert near[1].bond == Bond((), 1)
    then = graph.neighbours("Bob", 2, as_of=day(1))
    assert [one.concept.label for one in then] == ["Acme"]
    assert graph.neighbours("nobody") == ()
    for depth in (0, 17):
        with pytest.raises(OutOfRange, match="depth"):
            graph.neighbours("Bob", depth)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("ABCDEFGH"), st.sampled_from("ABCDEFGH")), max_size=16), st.integers(1, 7))
def test_fewer_neighbours_are_the_first_of_all(pairs: list[tuple[str, str]], limit: int) -> None:
    graph = SemanticGraph()
    for one, other in pairs:
        graph.relate(f"Ada {one}", "leads to", f"Ada {other}")
    for depth in (1, 2, 4):
        assert graph.neighbours("Ada A", depth, limit) == graph.neighbours("Ada A", depth, MAX_NEAR)[:limit]


THEN = st.lists(
    st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE"), st.integers(0, 9), st.booleans()), max_size=14
)


@settings(deadline=None)
@given(THEN, st.sampled_from(["", "AB", "CD"]), st.integers(-1, 10))
def test_near_something_at_a_time_is_what_its_relations_then_lead_to(
    words: list[tuple[str, str, int, bool]], one_thing: str, at: int
) -> None:
    graph = SemanticGraph()
    for one, other, when, ended in words:
        key = RelationKey(f"Ada {one}", "leads to", f"Ada {other}")
        graph.relate(*key, at=day(when))
        if ended:
            graph.contradict(key, at=day(when + 3))
    if one_thing:
        graph.merge_entities(f"Ada {one_thing[0]}", f"Ada {one_thing[1]}")
    for name in "ABCDE":
        there, names = f"Ada {name}", graph.state.relations.names
        wanted: dict[str, list[Relation]] = {}
        for told in graph.relations(there, as_of=day(at)):
            ends = {names.of(told.subject), names.of(told.object)} - {names.of(there)}
            for end in ends:
                wanted.setdefault(end, []).append(told)
        found = graph.neighbours(there, as_of=day(at))
        assert {near.concept.key: list(near.bond.relations) for near in found} == wanted


def test_what_did_not_change_is_not_looked_through_for_what_was_then(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = SemanticGraph()
    for n in range(50):
        graph.relate(f"Berta{n}", "met", f"Cilla{n}", at=day(0))
    held: list[RelationKey] = []

    def counted(told: Relations, key: RelationKey, at: datetime) -> Relation | None:
        held.append(key)
        return known(told, key, at)

    known = Relations.held
    monkeypatch.setattr(Relations, "held", counted)
    assert len(graph.neighbours("Berta7", as_of=day(1))) == 1
    assert {key.subject for key in held} == {"Berta7"}


def test_no_more_concepts_are_looked_at_than_are_told_and_each_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = SemanticGraph()
    for n in range(60):
        graph.relate("Ada", "met", f"Berta{n}")
        graph.relate(f"Berta{n}", "met", f"Cilla{n}")
    looked: list[str] = []
    named: list[str] = []

    class Counting(_Around):
        def _look(self, key: str) -> dict[str, Bond]:
            looked.append(key)
            return super()._look(key)

        def _named(self, key: str) -> Concept:
            named.append(key)
            return super()._named(key)

    monkeypatch.setattr(around, "_Around", Counting)
    assert len(graph.neighbours("Ada", 8, 20)) == 20
    assert looked == ["ada"]
    assert len(named) == len(set(named)) == 21
    with pytest.raises(OutOfRange, match="limit"):
        graph.neighbours("Ada", 1, MAX_NEAR + 1)


def test_a_search_for_ways_ends_where_there_are_very_many_that_lead_nowhere() -> None:
    graph = SemanticGraph()
    for n in range(40):
        graph.relate("Hub", "knows", f"Leaf{n}")
        for other in range(n):
            graph.relate(f"Leaf{n}", "knows", f"Leaf{other}")
    graph.relate("Start", "knows", "Hub")
    graph.relate("Hub", "knows", "Goal")
    (way,) = graph.paths("Start", "Goal", 5, 8)
    assert [one.label for one in way.concepts] == ["Start", "Hub", "Goal"]


CITIES = ("Ada", "Berlin", "Carol", "Delft", "Essen", "Faro")
PAIRS = st.lists(st.tuples(st.sampled_from(CITIES), st.sampled_from(CITIES)), max_size=12)


@settings(deadline=None, max_examples=80)
@given(PAIRS, st.integers(1, 6), st.integers(1, 4))
def test_paths_are_the_shortest_simple_ones(pairs: list[tuple[str, str]], limit: int, longest: int) -> None:
    graph, twin = SemanticGraph(), nx.Graph()
    for one, other in pairs:
        graph.relate(one, "leads to", other)
        twin.add_edge(key_of(one), key_of(other))
    ways = graph.paths("Ada", "Berlin", limit, longest)
    found = [tuple(concept.key for concept in way.concepts) for way in ways]
    wanted = []
    if {key_of("Ada"), key_of("Berlin")} <= set(twin):
        wanted = sorted(
            nx.all_simple_paths(twin, key_of("Ada"), key_of("Berlin"), cutoff=longest), key=lambda p: (len(p), p)
        )
    assert found == [tuple(way) for way in wanted][:limit]
    for way in ways:
        for (here, there), bond in zip(pairwise(way.concepts), way.bonds, strict=True):
            ends = {here.key, there.key}
            assert bond.relations
            assert all({key_of(each.subject), key_of(each.object)} == ends for each in bond.relations)


def test_there_is_no_way_from_a_thing_to_itself_or_from_what_nobody_knows() -> None:
    graph = told("m1")
    assert graph.paths("Bob", "bob") == graph.paths("Bob", "Zoe") == graph.paths("Zoe", "Bob") == ()
    (way,) = graph.paths("Bob", "Acme", limit=1)
    assert isinstance(way, Way)
    assert way.bonds == (Bond((), 1),)
    assert paths(graph.state, "Bob", "Acme", at=day(0)) == ()
    with pytest.raises(OutOfRange, match="limit"):
        graph.paths("Bob", "Acme", 0)
    with pytest.raises(OutOfRange, match="longest"):
        graph.paths("Bob", "Acme", longest=9)


def test_communities_are_what_hangs_together() -> None:
    graph = SemanticGraph()
    for names in (("Ada", "Berta", "Cilla", "Dora"), ("Emil", "Franz", "Gustav")):
        for one in names:
            for other in names:
                if one < other:
                    graph.relate(one, "knows", other)
    graph.relate("Ada", "knows", "Emil", 0.1)
    found = [[concept.label for concept in group] for group in graph.communities()]
    assert [sorted(group) for group in found] == [["Ada", "Berta", "Cilla", "Dora"], ["Emil", "Franz", "Gustav"]]
    assert graph.communities() == graph.fork().communities(seed=0)
    assert [len(group) for group in graph.communities(resolution=50.0)] == [1] * 7
    assert SemanticGraph().communities() == ()
    alone = told("m4")
    assert {concept.key for group in alone.communities() for concept in group} == set(alone.state.concepts)


def test_what_cannot_be_done_is_refused_by_name_and_changes_nothing() -> None:
    graph = told()
    graph.relate(*WORKS_AT_ACME, memory="m1")
    before = graph.state
    with pytest.raises(MemoryNotFound, match="m9"):
        graph.relate(*WORKS_AT_INITECH, memory="m9")
    with pytest.raises(MemoryNotFound, match="m9"):
        graph.forget(["m1", "m9"])
    with pytest.raises(MemoryNotFound, match="m9"):
        graph.contradict(WORKS_AT_ACME, memory="m9")
    with pytest.raises(RelationNotFound, match="Initech"):
        graph.reinforce(*WORKS_AT_INITECH)
    with pytest.raises(RelationNotFound, match="Initech"):
        graph.relate("a", "b", "c", replaces=[WORKS_AT_ACME, WORKS_AT_INITECH])
    with pytest.raises(InvalidValue, match="until"):
        graph.relate("a", "b", "c", at=day(2), until=day(1))
    with pytest.raises(InvalidValue, match="relation"):
        graph.contradict(("a", "b"))  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidValue, match="names"):
        graph.merge_entities("Bob", [])
    with pytest.raises(EmptyText, match="name"):
        graph.merge_entities("Bob", " ")
    with pytest.raises(InvalidValue, match="memory"):
        graph.remember("Bob")  # type: ignore[arg-type]  # the mistake under test
    for odd in (Spoken("m9", " "), Spoken("m9", "Bob.", session="\r"), Spoken("m9", "Bob.", speaker="")):
        with pytest.raises(EmptyText):
            graph.remember(odd)
    for ask in (graph.neighbours, graph.aliases, graph.relations, graph.forget, graph.concepts):
        with pytest.raises(InvalidValue):
            ask(5.5)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidValue, match="goal"):
        graph.paths("Bob", None)  # type: ignore[arg-type]  # the mistake under test
    for read in (SemanticGraph.from_networkx, SemanticGraph.from_graphml, SemanticGraph.from_cypher):
        with pytest.raises(InvalidValue):
            read(None)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(InvalidValue, match="node-link"):
        SemanticGraph.from_node_link('{"graph": [1], "nodes": [], "edges": []}')
    assert graph.state is before
    assert graph != "a graph"
    with pytest.raises(TypeError, match="unhashable"):
        hash(graph)


def test_the_package_has_one_public_name() -> None:
    assert semantic.__all__ == ["SemanticGraph"]
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = semantic.nothing


def test_a_graph_can_be_sent() -> None:
    graph = told()
    graph.relate(*WORKS_AT_ACME, at=day(0), memory="m1")
    graph.merge_entities("Bob", "Robert")
    graph.concepts()
    data = pickle.dumps(graph)
    again = pickle.loads(data)  # noqa: S301  (made a line ago)
    assert again == graph
    assert again.concepts() == graph.concepts()
    graph.state.seal.latest = None
    assert len(pickle.dumps(graph)) == len(data), "without its matrix"


def test_a_graph_takes_up_whole_memories_too_and_says_how_much_it_knows() -> None:
    graph = SemanticGraph()
    graph.remember(memory(1, "I saw Bob.", "Eve"), memory(2, "Is Bob here?", "Eve"))
    assert repr(graph) == "<SemanticGraph of 2 memories, 2 concepts, 0 relations>"
    assert {concept.label for concept, _ in graph.concepts()} == {"Bob", "Eve"}
