"""A state taken apart into rows of text and arrays of numbers, and put together again after checking everything.

Owns the version and the checksum that all forms share. Knows no form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from quantum_memory.checks import bounded, plain, visible, whole
from quantum_memory.errors import CorruptRecord, InvalidInput, InvalidValue, ShapeMismatch
from quantum_memory.memory.portable.state import AgentState, MoodTensors
from quantum_memory.memory.portable.web import Edge, Node
from quantum_memory.memory.quantum import Grid, QuantumState
from quantum_memory.types import PAD, Floats, Memory, Place, Relation, Skill, Vector

FORMAT = "qmem-state"
VERSION = 1
CHECKSUM_BYTES = 16
EDGE_KINDS = ("mentions", "follows", "together")
SAME_MOMENTS = 1e-9
"""How far a mean or a covariance may be from that of the cores: over rounding, under those of the finest grid."""
MOST_TRIES = 2**62
DTYPES = ("|u1", "<i8", "<f4", "<f8", "<c8", "<c16")
Arrays = Mapping[str, NDArray[Any]]


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may not hold a field that nobody knows."""


class MemoryRow(_Row, frozen=True):
    id: str
    text: str
    at: datetime
    kind: str
    speaker: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = {}
    revised_at: datetime | None = None


class SkillRow(_Row, frozen=True):
    name: str
    steps: tuple[str, ...]
    when: str
    successes: int
    failures: int
    at: datetime | None = None
    optional: tuple[int, ...] | msgspec.UnsetType = msgspec.UNSET
    sources: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    version: int | msgspec.UnsetType = msgspec.UNSET
    embedding: bytes | msgspec.UnsetType = msgspec.UNSET


class RelationRow(_Row, frozen=True):
    subject: str
    predicate: str
    object: str
    weight: float
    at: datetime | None = None
    memory: str | None = None


class EndedRow(RelationRow, frozen=True, kw_only=True):
    until: datetime


class NodeRow(_Row, frozen=True):
    type: str
    key: str
    kind: str
    label: str
    weight: int


class Texts(_Row, frozen=True):
    """All of a state but its arrays. What is unset is not written, so that older states keep their checksums."""

    agent: str
    branch: str
    place: Place
    memories: tuple[MemoryRow, ...]
    skills: tuple[SkillRow, ...]
    relations: tuple[RelationRow, ...]
    nodes: tuple[NodeRow, ...]
    working: tuple[str, ...]
    bits: tuple[int, int, int]
    at: datetime | None = None
    ended: tuple[EndedRow, ...] | msgspec.UnsetType = msgspec.UNSET
    names: tuple[tuple[str, str], ...] | msgspec.UnsetType = msgspec.UNSET


class Sheet(NamedTuple):
    """A state in two halves.

    Arrays, n being the number of memories and m that of edges: ``embeddings`` (n, d), ``pads`` (n, 3), ``confidences``
    and ``importances`` (n,); ``edges`` (m, 2), ``edge_weights`` and ``edge_kinds`` (m,); ``mood_mean`` (3,),
    ``mood_covariance`` (3, 3), and ``mood_core_00`` and so on.
    """

    texts: Texts
    arrays: Arrays

    def checksum(self) -> bytes:
        """Of everything in it, the same whatever form it has."""
        hasher = blake3(msgspec.msgpack.encode((FORMAT, VERSION, self.texts)))
        for name in sorted(self.arrays):
            array = self.arrays[name]
            hasher.update(msgspec.msgpack.encode((name, array.dtype.str, array.shape)))
            hasher.update(np.ascontiguousarray(array).tobytes())
        return hasher.digest(CHECKSUM_BYTES)


def taken_apart(state: AgentState) -> Sheet:
    """The sheet of a state.

    Raises: InvalidValue if its embeddings differ in length, and for a mood that does not lie on the PAD cube itself;
        what ``QuantumState`` raises for cores that make none.
    """
    memories, mood = state.memories, state.mood
    _on_the_pad_cube(mood.bits, mood.cores, mood.mean, mood.covariance)
    dims = {memory.embedding.size for memory in memories} or {0}
    if len(dims) > 1:
        raise InvalidValue("embeddings", f"lengths {sorted(dims)}", "embeddings of one length")
    texts = Texts(
        state.agent,
        state.branch,
        state.place,
        tuple(
            MemoryRow(
                one.id, one.text, one.at, one.kind, one.speaker, one.session, one.tags, one.metadata, one.revised_at
            )
            for one in memories
        ),
        tuple(map(_skill_row, state.skills)),
        tuple(RelationRow(*one.key, one.weight, one.at, one.memory) for one in state.relations),
        tuple(NodeRow(*node) for node in state.nodes),
        state.working,
        mood.bits,
        state.at,
        tuple(map(_ended_row, state.ended)) or msgspec.UNSET,
        state.names or msgspec.UNSET,
    )
    embeddings = [memory.embedding for memory in memories]
    arrays = {
        "embeddings": np.array(embeddings, "<f4").reshape(len(memories), dims.pop()),
        "pads": np.array([np.asarray(memory.pad) for memory in memories], "<f8").reshape(-1, 3),
        "confidences": np.array([memory.confidence for memory in memories], "<f8"),
        "importances": np.array([memory.importance for memory in memories], "<f8"),
        "edges": np.array([(edge.source, edge.target) for edge in state.edges], "<i8").reshape(-1, 2),
        "edge_weights": np.array([edge.weight for edge in state.edges], "<i8"),
        "edge_kinds": np.array([EDGE_KINDS.index(edge.kind) for edge in state.edges], "|u1"),
        "mood_mean": np.asarray(mood.mean, "<f8"),
        "mood_covariance": np.asarray(mood.covariance, "<f8"),
    }
    return Sheet(texts, arrays | {_core(site): core for site, core in enumerate(mood.cores)})


def put_together(sheet: Sheet, checksum: bytes, what: str) -> AgentState:
    """The state of a sheet, every part of it checked. Raises: CorruptRecord."""
    if sheet.checksum() != checksum:
        raise CorruptRecord(what, "its checksum does not match")
    try:
        return _checked(sheet)
    except (InvalidInput, IndexError, ValueError, OverflowError) as error:
        raise CorruptRecord(what, str(error)) from error


def _checked(sheet: Sheet) -> AgentState:
    texts, arrays = sheet
    memories, edges = len(texts.memories), len(arrays.get("edge_kinds", ()))
    grid = Grid(texts.bits)
    names = {
        "embeddings": (memories, None),
        "pads": (memories, 3),
        "confidences": (memories,),
        "importances": (memories,),
        "edges": (edges, 2),
        "edge_weights": (edges,),
        "edge_kinds": (edges,),
        "mood_mean": (3,),
        "mood_covariance": (3, 3),
    }
    kinds = dict.fromkeys(names, "<f8") | {
        "embeddings": "<f4",
        "edges": "<i8",
        "edge_weights": "<i8",
        "edge_kinds": "|u1",
    }
    cores = {_core(site): None for site in range(grid.sites)}
    if set(arrays) != set(names) | set(cores):
        raise InvalidValue("arrays", ", ".join(sorted(arrays)), ", ".join(sorted({*names, *cores})))
    for name, shape in names.items():
        found = arrays[name]
        fits = found.ndim == len(shape) and all(a in (None, b) for a, b in zip(shape, found.shape, strict=True))
        if not fits or found.dtype.str != kinds[name]:
            raise InvalidValue(name, f"{found.dtype} of shape {found.shape}", f"{kinds[name]} of shape {shape}")
        if not np.isfinite(found).all():
            raise InvalidValue(name, "NaN or infinity", "finite numbers")
    psi = _on_the_pad_cube(
        texts.bits, tuple(arrays[name] for name in cores), arrays["mood_mean"], arrays["mood_covariance"]
    )
    return AgentState(
        texts.agent,
        texts.branch,
        texts.place,
        _in_utc(texts.at),
        tuple(_memory(row, number, arrays) for number, row in enumerate(texts.memories)),
        tuple(map(_skill, texts.skills)),
        tuple(
            Relation(one.subject, one.predicate, one.object, one.weight, _in_utc(one.at), one.memory)
            for one in texts.relations
        ),
        tuple(Node(one.type, one.key, one.kind, one.label, one.weight) for one in texts.nodes),
        _edges(arrays, len(texts.nodes)),
        MoodTensors(texts.bits, tuple(psi.cores), arrays["mood_mean"], arrays["mood_covariance"]),
        texts.working,
        tuple(map(_ended, texts.ended or ())),
        texts.names or (),
    )


def _skill_row(one: Skill) -> SkillRow:
    """What is as for a skill of which nothing more is known is left unset, as older states left it out."""
    return SkillRow(
        one.name,
        one.steps,
        one.when,
        one.successes,
        one.failures,
        one.at,
        one.optional or msgspec.UNSET,
        one.sources or msgspec.UNSET,
        one.version if one.version != 1 else msgspec.UNSET,
        msgspec.UNSET if one.embedding is None else one.embedding.astype("<f4", copy=False).tobytes(),
    )


def _skill(row: SkillRow) -> Skill:
    """Raises: InvalidValue, OutOfRange, NotFinite; ValueError for bytes that are no float32 numbers."""
    numbers = row.optional or ()
    for earlier, number in pairwise((-1, *numbers)):
        whole("optional", number, earlier + 1, len(row.steps) - 1)
    return Skill(
        row.name,
        row.steps,
        row.when,
        row.successes,
        row.failures,
        _in_utc(row.at),
        numbers,
        row.sources or (),
        1 if row.version is msgspec.UNSET else whole("version", row.version, 1, MOST_TRIES),
        None if row.embedding is msgspec.UNSET else _embedding(row.embedding),
    )


def _embedding(data: bytes) -> Vector:
    embedding = np.frombuffer(data, "<f4").astype(np.float32, copy=False)
    if not embedding.size or not np.isfinite(embedding).all():
        raise InvalidValue("embedding of a skill", f"{len(data)} bytes", "finite numbers")
    return embedding


def _ended_row(one: Relation) -> EndedRow:
    if one.until is None:
        raise InvalidValue("ended", repr(one.key), "relations with the time at which they ended")
    return EndedRow(*one.key, one.weight, one.at, one.memory, until=one.until)


def _ended(row: EndedRow) -> Relation:
    at, until = _in_utc(row.at), _time(row.until)
    return Relation(row.subject, row.predicate, row.object, row.weight, at, row.memory, until)


def _on_the_pad_cube(
    bits: tuple[int, int, int], cores: tuple[NDArray[Any], ...], mean: Floats, covariance: Floats
) -> QuantumState:
    """The state of those cores, if it has that mean and covariance.

    A sheet holds the bits of a grid and no padding, which no mood has. The same cores on a padded cube have twice the
    mean and four times the second moments, and no grid has a point at 0, so they would not be told apart by the bits
    but are by the moments. Raises: InvalidValue, ShapeMismatch; what
    ``QuantumState`` raises.
    """
    psi = QuantumState(Grid(bits), cores)
    for name, found, told in zip(("mean", "covariance"), psi.mean_and_covariance(), (mean, covariance), strict=True):
        if np.shape(told) != found.shape:
            raise ShapeMismatch(f"{name} of the mood", found.shape, np.shape(told))
        off = float(np.abs(found - told).max())
        if not off <= SAME_MOMENTS:
            raise InvalidValue(f"{name} of the mood", f"{off:.3g} away from it", "that of its cores on the PAD cube")
    return psi


def _memory(row: MemoryRow, number: int, arrays: Arrays) -> Memory:
    embedding = arrays["embeddings"][number].astype(np.float32)
    embedding.flags.writeable = False
    return Memory(
        row.id,
        visible("text", row.text),
        _time(row.at),
        PAD(*arrays["pads"][number].tolist()),
        bounded("confidence", float(arrays["confidences"][number]), 0.0, 1.0),
        bounded("importance", float(arrays["importances"][number]), 0.0, 1.0),
        embedding,
        row.speaker,
        row.kind,
        row.session,
        row.tags,
        plain("metadata", row.metadata),
        _in_utc(row.revised_at),
    )


def _edges(arrays: Arrays, nodes: int) -> tuple[Edge, ...]:
    ends = arrays["edges"]
    if len(ends) and (int(ends.min()) < 0 or int(ends.max()) >= nodes):
        raise InvalidValue("edges", f"{int(ends.min())} to {int(ends.max())}", f"nodes from 0 to {nodes - 1}")
    rows = zip(ends.tolist(), arrays["edge_kinds"].tolist(), arrays["edge_weights"].tolist(), strict=True)
    return tuple(Edge(source, target, EDGE_KINDS[kind], weight) for (source, target), kind, weight in rows)


def _time(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidValue("at", at.isoformat(), "a time with a time zone")
    return at.astimezone(UTC)


def _in_utc(at: datetime | None) -> datetime | None:
    return None if at is None else _time(at)


def _core(site: int) -> str:
    return f"mood_core_{site:02d}"
