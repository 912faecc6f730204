"""An agent's state at one place as a value: memories, skills, graph, mood, working memory, where and when.

Folds nothing and writes nothing: it is put together from views, and taken apart by ``forms``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import utc
from quantum_memory.memory.portable.web import Edge, Node, Web
from quantum_memory.memory.quantum import QuantumState
from quantum_memory.types import AgentName, Branch, Floats, Memory, MemoryId, Place, Relation, Skill, Vector


@dataclass(frozen=True, slots=True, eq=False)
class MoodTensors:
    """A mood as the cores of its matrix product state.

    Attributes:
        bits: qubits of pleasure, arousal and dominance.
        cores: one (l, 2, r) complex array per qubit; see ``QuantumState``.
        mean: (3,) expected PAD.
        covariance: (3, 3) of the PAD.
    """

    bits: tuple[int, int, int]
    cores: tuple[NDArray[Any], ...]
    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, psi: QuantumState) -> MoodTensors:
        """The tensors of a state, in this machine's memory."""
        here = psi.on(np)
        mean, covariance = here.mean_and_covariance()
        return cls(psi.grid.bits, tuple(here.cores), mean, covariance)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MoodTensors):
            return NotImplemented
        return self.bits == other.bits and _same(
            (*self.cores, self.mean, self.covariance), (*other.cores, other.mean, other.covariance)
        )

    def __hash__(self) -> int:
        return hash((self.bits, tuple(core.shape for core in self.cores)))


@dataclass(frozen=True, slots=True, eq=False)
class AgentState:
    """What an agent is at a place.

    Two are equal if every text, number and tensor is, bit for bit, embeddings included.

    Attributes:
        agent, branch: whose state, and the name of the branch.
        place: where in history.
        at: when the place was reached; ``None`` where nothing had happened yet.
        memories: in the order of remembering.
        skills: by name.
        relations, nodes, edges, ended, names: the semantic graph; see ``Web``.
        mood: with nothing pending.
        working: ids of what is before the inner eye, oldest first.
    """

    agent: AgentName
    branch: str
    place: Place
    at: datetime | None
    memories: tuple[Memory, ...]
    skills: tuple[Skill, ...]
    relations: tuple[Relation, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    mood: MoodTensors
    working: tuple[MemoryId, ...]
    ended: tuple[Relation, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AgentState):
            return NotImplemented
        plain = all(getattr(self, one.name) == getattr(other, one.name) for one in fields(self))
        return plain and _same(self._embeddings(), other._embeddings())

    def __hash__(self) -> int:
        return hash((self.agent, self.place))

    def _embeddings(self) -> list[Vector]:
        """Of memories and skills; one that is not there is empty."""
        skills = [_NONE if one.embedding is None else one.embedding for one in self.skills]
        return [*(one.embedding for one in self.memories), *skills]


_NONE: Vector = np.empty(0, np.float32)


def state_of(
    branch: Branch,
    place: Place,
    at: datetime | None,
    *,
    memories: Sequence[Memory],
    skills: Sequence[Skill],
    working: Sequence[MemoryId],
    web: Web,
    tensors: bytes,
) -> AgentState:
    """The state of an agent, put together from what its views say of one place; times in UTC.

    Args:
        branch: that the place is on.
        place: where.
        at: when the place was reached, if anything happened before it.
        memories: all of them, in the order of remembering.
        skills: all of them.
        working: ids, oldest first.
        web: ``web_of`` the graph.
        tensors: the settled mood, as ``QuantumState.to_bytes`` writes it.

    Raises: CorruptRecord for tensors that cannot be read; InvalidValue for a time that is none.
    """
    return AgentState(
        branch.agent,
        branch.name,
        place,
        _utc(at),
        tuple(_timed(memory) for memory in memories),
        tuple(replace(skill, at=_utc(skill.at)) for skill in skills),
        tuple(replace(relation, at=_utc(relation.at)) for relation in web.relations),
        web.nodes,
        web.edges,
        MoodTensors.of(QuantumState.from_bytes(tensors)),
        tuple(working),
        tuple(replace(relation, at=_utc(relation.at), until=_utc(relation.until)) for relation in web.ended),
        web.names,
    )


def _timed(memory: Memory) -> Memory:
    """The memory with its times in UTC; itself if they are."""
    if memory.at.tzinfo is UTC and (memory.revised_at is None or memory.revised_at.tzinfo is UTC):
        return memory
    return replace(memory, at=utc("at", memory.at), revised_at=_utc(memory.revised_at))


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else utc("at", at)


def _same(ours: Sequence[NDArray[Any]], theirs: Sequence[NDArray[Any]]) -> bool:
    """Whether arrays are equal in type, shape and every bit."""
    return len(ours) == len(theirs) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(ours, theirs, strict=True)
    )
