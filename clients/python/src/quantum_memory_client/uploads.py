"""A stream of memories, cut into segments that are each sent until they are there. Owns no connection.

A segment is no more than the server remembers at once, so its answer is short and comes when all of it was read. Every
memory gets an id, its own or one made of what it says and of all before it: a segment that is sent again, or the whole
stream, adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from quantum_memory_client import _operations
from quantum_memory_client.calls import Call, encoded
from quantum_memory_client.errors import ClientError, of_problem
from quantum_memory_client.types import Said

LINES: Final = 128
BYTES: Final = 1 << 20
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Uploaded:
    """How far a stream came.

    Attributes:
        line: the last line that was sent, from 1.
        remembered: memories that are on disk.
        refused: lines that were not remembered.
        errors: what was wrong with those of the last segment, by line; the first thousand of a segment.
    """

    line: int
    remembered: int
    refused: int
    errors: Mapping[int, ClientError]


class Upload:
    """One stream of memories for one agent.

    Args:
        agent: whose.
        branch: its first one when left out.
        create: whether to make the agent if there is none.
    """

    def __init__(self, agent: str, branch: str | None = None, *, create: bool = False) -> None:
        self._agent, self._branch, self._create = agent, branch, create
        self._waiting: list[bytes] = []
        self._nbytes = 0
        self._before = b""
        self._done = Uploaded(0, 0, 0, {})

    def add(self, said: Said) -> Iterator[Call[list[dict[str, Any]]]]:
        """Take one memory; a segment to be sent, if it is full. Raises: TypeError, ValueError for what is no JSON."""
        self._before = blake2b(self._before + encoded(said), digest_size=ID_BYTES).digest()
        line = encoded({**said, "id": said.get("id") or self._before.hex()}) + b"\n"
        if self._nbytes + len(line) > BYTES:
            yield from self.rest()
        self._waiting.append(line)
        self._nbytes += len(line)
        if len(self._waiting) == LINES:
            yield from self.rest()

    def rest(self) -> Iterator[Call[list[dict[str, Any]]]]:
        """What is left to be sent, if anything is."""
        if self._waiting:
            content = b"".join(self._waiting)
            self._waiting, self._nbytes = [], 0
            yield _operations.remember_stream(self._agent, content, branch=self._branch, create=self._create or None)

    def took(self, call: Call[Any], answer: list[dict[str, Any]]) -> Uploaded:
        """Count what the answer to a segment says."""
        before, last = self._done, answer[-1]
        refused = [one for one in answer if one["event"] == "refused"]
        self._done = Uploaded(
            before.line + call.content.count(b"\n") if isinstance(call.content, bytes) else before.line,
            before.remembered + int(last["remembered"]),
            before.refused + int(last["refused"]),
            {before.line + int(one["line"]): of_problem(one["problem"]) for one in refused},
        )
        return self._done
