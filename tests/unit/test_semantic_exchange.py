"""Graphs out and in again: networkx, GraphML, node-link JSON and Cypher give back an equal graph, or a named error."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, InvalidValue, OutOfRange, UnreadableLine
from quantum_memory.memory.events import Event, Spoken
from quantum_memory.memory.semantic import SemanticGraph
from quantum_memory.memory.semantic.spread import spread
from quantum_memory.types import Relation
from tests.unit.test_semantic_graph import EVENTS
from tests.unit.test_semantic_knowledge import WORKS_AT_ACME, WORKS_AT_INITECH, applied, day, told

ODD = "'); MATCH (n) DETACH DELETE n; //\\' \\u0041 \"<&>\" \n\r\t\x00\x1f\x7f\x85\u2028\ufffe 友達 ]]> }) {x: 1}"
TRIPS: dict[str, Callable[[SemanticGraph], SemanticGraph]] = {
    "networkx": lambda graph: SemanticGraph.from_networkx(graph.to_networkx()),
    "graphml": lambda graph: SemanticGraph.from_graphml(graph.to_graphml()),
    "node-link": lambda graph: SemanticGraph.from_node_link(graph.to_node_link()),
    "cypher": lambda graph: SemanticGraph.from_cypher(graph.to_cypher()),
}
EVERY = pytest.mark.parametrize("trip", TRIPS.values(), ids=list(TRIPS))


def whole() -> SemanticGraph:
    """A graph with something of everything."""
    graph = told()
    graph.remember(Spoken("m8", "It rained.", "Eve", "s1"), Spoken("m9", "It snowed.", "Eve", "s1"))
    graph.relate(*WORKS_AT_ACME, 0.1, at=day(0), memory="m1")
    graph.relate(*WORKS_AT_INITECH, 1e-9, at=day(3), memory="m2", replaces=WORKS_AT_ACME)
    graph.relate("Bob", "knows", "Robert")
    graph.merge_entities("Bob", ["Robert", "Bobby"])
    return graph


@EVERY
def test_a_graph_with_something_of_everything_reads_back(trip: Callable[[SemanticGraph], SemanticGraph]) -> None:
    graph = whole()
    again = trip(graph)
    assert again == graph
    assert again.to_cypher() == graph.to_cypher()
    assert again.relations(as_of=day(1)) == graph.relations(as_of=day(1)) != ()
    assert again.history(*WORKS_AT_ACME) == graph.history(*WORKS_AT_ACME)
    assert spread(again.state, "Where is Robert?", {}) == spread(graph.state, "Where is Robert?", {})
    again.forget("m2")
    graph.forget("m2")
    assert again == graph


@EVERY
@settings(deadline=None, max_examples=40)
@given(events=st.lists(EVENTS, max_size=8))
def test_any_graph_reads_back(trip: Callable[[SemanticGraph], SemanticGraph], events: list[Event]) -> None:
    graph = applied(events)
    assert trip(graph) == graph


@EVERY
@pytest.mark.parametrize("odd", [ODD, "\\", "'", "\\u0041", "\\\\'"])
def test_no_text_gets_out_of_its_quotes(trip: Callable[[SemanticGraph], SemanticGraph], odd: str) -> None:
    graph = SemanticGraph()
    memory = odd[:100]
    graph.remember(Spoken(memory, odd, odd, odd[:100]), Spoken("m2", "Bob"))
    graph.relate(odd, odd[:100], "Bob", at=day(1), memory=memory)
    graph.merge_entities("Carol", [odd, "Zoe"])
    assert trip(graph) == graph


def test_cypher_has_one_statement_a_line_and_texts_in_quotes_alone() -> None:
    graph = SemanticGraph()
    graph.relate(ODD, "knows", "Bob")
    lines = graph.to_cypher().splitlines()
    assert len(lines) == 4
    assert lines[0] == "CREATE (:Graph {format: 'qmem-graph', version: 1});"
    assert "CREATE (:Concept {id: 'concept:bob', kind: 'entity', label: 'Bob', weight: 0});" in lines
    assert all(line.startswith(("CREATE (", "MATCH (a {id: '")) and line.endswith(");") for line in lines)
    assert lines[-1].count("[:RELATES {") == 1


def test_what_graphs_draw_is_plain_and_says_until_when() -> None:
    drawn = whole().to_networkx()
    assert {type(value) for _, own in drawn.nodes(data=True) for value in own.values()} <= {str, int}
    assert {type(value) for *_, own in drawn.edges(data=True) for value in own.values()} <= {str, int, float}
    (old,) = [own for *_, own in drawn.edges(data=True) if own.get("object") == "Acme" and own["kind"] == "relation"]
    assert (old["at"], old["until"], old["memory"]) == (day(0).isoformat(), day(3).isoformat(), "m1")
    assert drawn.nodes["alias:robert"]["label"] == "Robert"
    assert len({key for *_, key in drawn.edges(keys=True)}) == drawn.number_of_edges()


def test_the_graphs_of_others_are_read_as_relations() -> None:
    other = nx.DiGraph()
    other.add_edge("Bob", "Acme", predicate="works at", weight=2, at="2020-01-01")
    other.add_edge(1, "Bob")
    at = datetime(2020, 1, 1, tzinfo=UTC)
    wanted = (Relation("1", "related to", "Bob"), Relation("Bob", "works at", "Acme", 2.0, at))
    assert SemanticGraph.from_networkx(other).relations() == wanted
    text = json.dumps(nx.node_link_data(other, edges="edges"))
    assert SemanticGraph.from_node_link(text).relations() == wanted
    other.add_edge("Bob", "Eve", weight=-1.0)
    with pytest.raises(OutOfRange, match="weight"):
        SemanticGraph.from_networkx(other)


def edge(drawn: nx.MultiDiGraph, kind: str, place: int = 0) -> dict[str, Any]:
    found: list[dict[str, Any]] = [own for *_, own in drawn.edges(data=True) if own["kind"] == kind]
    return found[place]


DAMAGES: dict[str, Callable[[nx.MultiDiGraph], object]] = {
    "graph": lambda drawn: drawn.graph.update(version=2),
    "node": lambda drawn: drawn.add_node("someone"),
    "edge": lambda drawn: edge(drawn, "mentions").update(kind="eats"),
    "label": lambda drawn: edge(drawn, "mentions").pop("label"),
    "form": lambda drawn: edge(drawn, "mentions").update(form="animal"),
    "place": lambda drawn: edge(drawn, "mentions").update(place=-1),
    "mentions": lambda drawn: edge(drawn, "mentions").update(place=7),
    "newest": lambda drawn: edge(drawn, "mentions").update(newest=99),
    "follows": lambda drawn: drawn.nodes["memory:m9"].update(session="s2"),
    "relation.at": lambda drawn: edge(drawn, "relation").update(at="yesterday"),
    "relation.weight": lambda drawn: edge(drawn, "relation").pop("weight"),
    "word": lambda drawn: edge(drawn, "ended").update(word=5),
    "subject_newest": lambda drawn: edge(drawn, "relation", 1).update(subject_newest=9),
    "alias": lambda drawn: drawn.remove_edges_from([(*one, key) for *one, key, kind in SAME(drawn) if kind == "same"]),
    "memory": lambda drawn: drawn.add_node("memory:"),
}


def numbered(drawn: nx.MultiDiGraph, key: str, memories: list[str]) -> None:
    """Say of a concept which memories mentioned it, newest first."""
    for memory, _, own in drawn.in_edges(f"concept:{key}", data=True):
        if own["kind"] == "mentions":
            own["newest"] = memories.index(memory.removeprefix("memory:"))


def test_mentions_that_fit_no_one_order_are_of_a_merged_name_or_refused() -> None:
    graph = SemanticGraph()
    told = ["Bob likes Acme.", "Robert likes Acme.", "Bob left.", "Robert left."]
    graph.remember(*(Spoken(f"m{at}", text, session="s") for at, text in enumerate(told)))
    graph.merge_entities("Bob", ["Robert"])
    drawn = graph.to_networkx()
    # Graphs were once written so: what was heard of the name that was kept, and then what was heard of the other.
    numbered(drawn, "bob", ["m2", "m0", "m3", "m1"])
    assert SemanticGraph.from_networkx(drawn) == graph
    numbered(drawn, "acm", ["m0", "m1"])  # against the order of their session
    with pytest.raises(InvalidValue, match="one order of memories"):
        SemanticGraph.from_networkx(drawn)


def SAME(drawn: nx.MultiDiGraph) -> Any:  # noqa: N802
    return list(drawn.edges(keys=True, data="kind"))


@pytest.mark.parametrize("name", DAMAGES)
def test_what_cannot_be_read_is_refused_by_name(name: str) -> None:
    drawn = whole().to_networkx()
    DAMAGES[name](drawn)
    with pytest.raises(InvalidInput, match=name.removeprefix("relation.")):
        SemanticGraph.from_networkx(drawn)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_graph_is_refused_or_read_and_never_half(data: st.DataObject) -> None:
    """Whatever is taken away or changed, either a named error comes or a graph that writes and reads back."""
    drawn = whole().to_networkx()
    part = data.draw(st.sampled_from([*drawn.nodes.values(), *(own for *_, own in drawn.edges(data=True))]))
    name = data.draw(st.sampled_from(sorted(part)))
    part[name] = data.draw(
        st.sampled_from([None, "", "x", -1, 0, 3, 2.5, 2**40, float("nan"), "m1", "relation", ["a"]])
    )
    try:
        found = SemanticGraph.from_networkx(drawn)
    except InvalidInput:
        return
    assert SemanticGraph.from_networkx(found.to_networkx()) == found


@pytest.mark.parametrize(
    "line",
    [
        "MATCH (n) DETACH DELETE n;",
        "CREATE (:Concept {id: 'concept:x', kind: 'topic'}); MATCH (n) DELETE n;",
        "CREATE (:Concept {id: 'concept:x', kind: 'memory'});",
        "CREATE (:Memory {kind: 'memory'});",
        "CREATE (:Memory {id: 'memory:m1', id: 'memory:m2', kind: 'memory'});",
        "CREATE (:Memory {id: 'memory:\\x41', kind: 'memory'});",
        "CREATE (:Person {id: 'memory:m1', kind: 'memory'});",
        "MATCH (a {id: 'x'}), (b {id: 'y'}) CREATE (a)-[:SAME_AS {key: 'e0', kind: 'same'}]->(b);",
    ],
)
def test_no_statement_but_ours_is_read(line: str) -> None:
    lines = SemanticGraph().to_cypher() + line
    with pytest.raises(UnreadableLine, match="line 2"):
        SemanticGraph.from_cypher(lines)


@pytest.mark.parametrize(
    "text", ["", "<a", "<graphml/>", '<!DOCTYPE lolz [<!ENTITY lol "lol">]><graphml>&lol;</graphml>', "{}"]
)
def test_what_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="graphml"):
        SemanticGraph.from_graphml(text)
    with pytest.raises(InvalidValue, match="node-link"):
        SemanticGraph.from_node_link(text if text != "{}" else "[1]")
