"""Graphs as Cypher and back: the statements that build a graph in a property-graph database, and their strict reader.

Owns the dialect: one statement a line, each of which creates one node, or one edge between two nodes by their ids.
Labels and types are fixed words, and whatever comes from memories stands in quoted strings alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from quantum_memory.errors import InvalidValue, UnreadableLine

if TYPE_CHECKING:
    import networkx as nx

LABELS = {"memory": "Memory", "alias": "Alias"}
TYPES = {
    "mentions": "MENTIONS",
    "follows": "FOLLOWS",
    "together": "TOGETHER",
    "relation": "RELATES",
    "ended": "ENDED",
    "same": "SAME_AS",
}
_LABEL_OF_CONCEPT, _LABEL_OF_GRAPH = "Concept", "Graph"
_NAME = r"[a-z_]+"
_STRING = r"'(?:[^'\\\x00-\x1f\x7f\u2028\u2029\x85]|\\.)*'"
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_LITERAL = rf"(?:{_STRING}|{_NUMBER})"
_MAP = rf"\{{({_NAME}: {_LITERAL}(?:, {_NAME}: {_LITERAL})*)\}}"
_ONE = re.compile(rf"CREATE \(:({'|'.join((_LABEL_OF_GRAPH, _LABEL_OF_CONCEPT, *LABELS.values()))}) {_MAP}\);")
_TWO = re.compile(
    rf"MATCH \(a \{{id: ({_STRING})\}}\), \(b \{{id: ({_STRING})\}}\) "
    rf"CREATE \(a\)-\[:({'|'.join(TYPES.values())}) {_MAP}\]->\(b\);"
)
_PAIRS = re.compile(rf"({_NAME}): ({_LITERAL})")
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_PLAIN = {"\\": "\\", "'": "'", "n": "\n", "r": "\r", "t": "\t"}
_MUST_ESCAPE = re.compile(r"[\\'\x00-\x1f\x7f\x85\u2028\u2029]")


def write(graph: nx.MultiDiGraph) -> Iterator[str]:
    """The statements of a graph of ``exchange.drawn``, one a line, without their ends."""
    yield f"CREATE (:{_LABEL_OF_GRAPH} {_map(graph.graph)});"
    for node, own in graph.nodes(data=True):
        yield f"CREATE (:{LABELS.get(own['kind'], _LABEL_OF_CONCEPT)} {_map({'id': node, **own})});"
    for source, target, key, own in graph.edges(keys=True, data=True):
        both = f"MATCH (a {{id: {_quoted(source)}}}), (b {{id: {_quoted(target)}}})"
        yield f"{both} CREATE (a)-[:{TYPES[own['kind']]} {_map({'key': key, **own})}]->(b);"


def read(lines: Iterable[str], source: str = "cypher") -> nx.MultiDiGraph:
    """The graph of such statements; empty lines are passed over.

    Raises: UnreadableLine for the first that is none of ours.
    """
    import networkx as nx

    graph = nx.MultiDiGraph()
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            _take(graph, text)
        except InvalidValue as error:
            raise UnreadableLine(source, number, str(error)) from None
    return graph


def _take(graph: nx.MultiDiGraph, text: str) -> None:
    one, two = _ONE.fullmatch(text), _TWO.fullmatch(text)
    if one is not None:
        label, own = one.group(1), _pairs(one.group(2))
        if label == _LABEL_OF_GRAPH:
            graph.graph.update(own)
            return
        node = own.pop("id", None)
        if label != LABELS.get(str(own.get("kind")), _LABEL_OF_CONCEPT) or not isinstance(node, str) or node in graph:
            raise InvalidValue("node", repr(node), f"an id of its own, and a kind that a {label} has")
        graph.add_node(node, **own)
    elif two is not None:
        start, goal, name = _unquoted(two.group(1)), _unquoted(two.group(2)), two.group(3)
        own = _pairs(two.group(4))
        key = own.pop("key", None)
        if TYPES.get(str(own.get("kind"))) != name or not isinstance(key, str):
            raise InvalidValue("edge", name, "a key and the kind that goes with its type")
        if start not in graph or goal not in graph or graph.has_edge(start, goal, key):
            raise InvalidValue("edge", f"{start!r} to {goal!r}", "two nodes that are there, and a key of its own")
        graph.add_edge(start, goal, key=key, **own)
    else:
        raise InvalidValue("statement", repr(text[:80]), "CREATE of a node, or MATCH of two and CREATE of an edge")


def _map(own: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {_literal(value)}" for name, value in own.items()) + "}"


def _literal(value: Any) -> str:
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """A text as a Cypher string of one line."""
    return "'" + _MUST_ESCAPE.sub(_escape, text) + "'"


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    return f"\\{char}" if char in "\\'" else f"\\u{ord(char):04x}"


def _unquoted(quoted: str) -> str:
    return _ESCAPED.sub(_unescape, quoted[1:-1])


def _unescape(found: re.Match[str]) -> str:
    code, char = found.groups()
    if code is not None:
        return chr(int(code, 16))
    if char not in _PLAIN:
        raise InvalidValue("string", repr(found.group()), "an escape of \\\\, \\', \\n, \\r, \\t or \\uXXXX")
    return _PLAIN[char]


def _pairs(text: str) -> dict[str, Any]:
    own: dict[str, Any] = {}
    for name, value in _PAIRS.findall(text):
        if name in own:
            raise InvalidValue("map", name, "names that stand once")
        own[name] = _value(value)
    return own


def _value(text: str) -> str | int | float:
    if text.startswith("'"):
        return _unquoted(text)
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else float(text)
