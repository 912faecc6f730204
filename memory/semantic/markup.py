"""Graphs as GraphML and as node-link JSON, and back: the texts around the graphs of ``exchange``."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from quantum_memory.errors import InvalidValue

if TYPE_CHECKING:
    import networkx as nx

_UNFIT = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_ESCAPED = re.compile(r"\\u([0-9a-f]{4})")


def to_graphml(graph: nx.MultiDiGraph) -> str:
    """A graph as GraphML. What XML cannot hold stands as a backslash, "u" and its code; so does the backslash."""
    import networkx as nx

    return "\n".join(nx.generate_graphml(_renamed(graph, _escaped))) + "\n"


def from_graphml(text: str) -> nx.MultiDiGraph:
    """The graph of a GraphML text.

    Raises: InvalidValue, also for a document type, which no graph needs and entities come from.
    """
    import networkx as nx

    if not isinstance(text, str):
        raise InvalidValue("graphml", type(text).__name__, "a text")
    if "<!" in text.replace("<!--", ""):
        raise InvalidValue("graphml", "<!", "no document type and no entities")
    try:
        graph = nx.parse_graphml(text, edge_key_type=str, force_multigraph=True)
    except (ParseError, nx.NetworkXError, KeyError, ValueError, TypeError, StopIteration) as error:
        raise InvalidValue("graphml", f"{type(error).__name__}: {error}", "GraphML") from None
    for name in ("node_default", "edge_default"):
        graph.graph.pop(name, None)
    return _renamed(graph, _unescaped)


def to_node_link(graph: nx.MultiDiGraph) -> str:
    """A graph as the JSON of networkx's node-link form."""
    import networkx as nx

    return json.dumps(nx.node_link_data(graph, edges="edges"), ensure_ascii=False, allow_nan=False)


def from_node_link(text: str) -> nx.Graph:
    """The graph of node-link JSON. Raises: InvalidValue."""
    import networkx as nx

    try:
        found = json.loads(text)
        graph = nx.node_link_graph(found, edges="edges")
        graph.graph = dict(graph.graph)  # it is taken as it came
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, nx.NetworkXError) as error:
        raise InvalidValue("node-link", f"{type(error).__name__}: {error}", "node-link JSON") from None
    return graph


def _renamed(graph: nx.MultiDiGraph, change: Any) -> nx.MultiDiGraph:
    """The graph with every text in it changed, names of attributes aside."""
    own = {name: _changed(value, change) for name, value in graph.graph.items()}
    renamed = type(graph)(**own)
    for node, told in graph.nodes(data=True):
        renamed.add_node(_changed(node, change), **{name: _changed(value, change) for name, value in told.items()})
    for source, target, key, told in graph.edges(keys=True, data=True):
        values = {name: _changed(value, change) for name, value in told.items()}
        values.pop("id", None)  # the reader's word for the key
        renamed.add_edge(_changed(source, change), _changed(target, change), key=key, **values)
    return renamed


def _changed(value: Any, change: Any) -> Any:
    return change(value) if isinstance(value, str) else value


def _escaped(text: str) -> str:
    return _UNFIT.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text)
