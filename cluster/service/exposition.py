"""One page of metrics for Prometheus, of what every living node exports by itself. Owns which series are on it.

Ray exports on each node what the processes there measured. Whoever can reach only the door gets them from here; whoever
can reach the nodes asks these, as Ray's service discovery says.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import httpx

from quantum_memory.cluster.nodes import Node, living_nodes

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIXES = ("ray_quantum_memory_", "ray_serve_")
"""How the names of the series begin that are on the page: this package's and Serve's."""
ANSWERED = "quantum_memory_node_answered"
NODE_S = 2.0
"""How long a node may take."""
NODES_S = 1.0
"""How long Ray may take to say which nodes live."""
NODE_BYTES, PAGE_BYTES = 16 << 20, 32 << 20
"""How much of a node is read, and how much of all is passed on."""
AT_ONCE = 16
_NAMED = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
logger = logging.getLogger(__name__)


@dataclass
class _Family:
    """A metric: what is said of it, and its samples, each once and in order."""

    head: list[str]
    samples: dict[str, None] = field(default_factory=dict)


class Exposition:
    """The page. Used on one event loop.

    Args:
        client: asks the nodes. Closing it is not this object's business.
        nodes: those that live; it may block.
        node_s: how long each may take; they are asked side by side.
        node_bytes: how much of one node is read; of one that tells more nothing is shown.
        page_bytes: how long the page may get; what comes after is left out.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        nodes: Callable[[], Sequence[Node]] = living_nodes,
        node_s: float = NODE_S,
        node_bytes: int = NODE_BYTES,
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        self._client, self._nodes, self._node_s = client, nodes, node_s
        self._node_bytes, self._page_bytes = node_bytes, page_bytes
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._known: Sequence[Node] = ()

    async def page(self) -> str:
        """All series, each metric in one piece; a node that did not answer is a series of its own, with 0."""
        nodes = [node for node in await self._living() if node.metrics_port]
        told = await asyncio.gather(*(self._told(node) for node in nodes))
        return await asyncio.to_thread(self._written, nodes, told)

    def _written(self, nodes: Sequence[Node], told: Sequence[str | None]) -> str:
        """What nodes told as one page. Goes through all of it, so it is not for an event loop."""
        families: dict[str, _Family] = {}
        for text in told:
            _gather(families, (text or "").splitlines())
        answered = _Family([f"# HELP {ANSWERED} Whether a node told its metrics.", f"# TYPE {ANSWERED} gauge"])
        for node, text in zip(nodes, told, strict=True):
            answered.samples[f'{ANSWERED}{{node="{node.address}:{node.metrics_port}"}} {int(text is not None)}'] = None
        return "".join(self._lines([answered, *families.values()]))

    async def _living(self) -> Sequence[Node]:
        """The nodes that live, or those that did when Ray last said so."""
        try:
            async with asyncio.timeout(NODES_S):
                self._known = await asyncio.to_thread(self._nodes)
        except Exception as error:  # noqa: BLE001 - Ray raises whatever it likes where its head is away
            logger.warning("nobody says which nodes live: %s", error)
        return self._known

    async def _told(self, node: Node) -> str | None:
        """What a node tells; nothing if it does not in time, or tells too much."""
        url = f"http://{node.address}:{node.metrics_port}/metrics"
        parts, length = [], 0
        try:
            async with self._turns, asyncio.timeout(self._node_s), self._client.stream("GET", url) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_bytes():
                    length += len(part)
                    if length > self._node_bytes:
                        logger.warning("%s tells more than %d bytes of metrics", node.address, self._node_bytes)
                        return None
                    parts.append(part)
        except (httpx.HTTPError, TimeoutError) as error:
            logger.warning("%s tells no metrics: %s", node.address, error)
            return None
        return b"".join(parts).decode(errors="replace")

    def _lines(self, families: Iterable[_Family]) -> Iterable[str]:
        """As many lines as the page may have; what is said of a metric comes only before a sample of it."""
        left = self._page_bytes
        for family in families:
            head = family.head
            for sample in family.samples:
                lines = "".join(f"{line}\n" for line in (*head, sample))
                left -= len(lines.encode())
                if left < 0:
                    logger.warning("metrics beyond %d bytes are left out", self._page_bytes)
                    return
                yield lines
                head = []


def _gather(families: dict[str, _Family], lines: Iterable[str]) -> None:
    """Put what a node tells to what others told: Prometheus wants each metric in one piece, and each series once."""
    name = ""
    for line in lines:
        if line.startswith(("# HELP ", "# TYPE ")):
            said = line.split(" ", 3)[2]
            if not said.startswith(PREFIXES):
                continue
            if said not in families:
                families[said] = _Family([])
                name = said
            if name == said and all(one[:6] != line[:6] for one in families[said].head):
                families[said].head.append(line)
        else:
            _add(families, line)


def _add(families: dict[str, _Family], line: str) -> None:
    """Put a sample to its metric: a histogram's have endings to their names."""
    found = _NAMED.match(line)
    if found is None or not line.startswith(PREFIXES):
        return
    whole = found[0]
    for ending in ("", "_bucket", "_sum", "_count", "_total", "_created"):
        family = families.get(whole.removesuffix(ending) if ending else whole)
        if family is not None:
            family.samples[line] = None
            return
    families[whole] = _Family([], {line: None})
