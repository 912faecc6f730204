"""An agent out of a vault, into one file. Reads the vault's catalog at one moment; changes nothing in it.

Needs memory for the views of one or two branches (docs/benchmarks says how much a hundred thousand memories take), for
a chunk of each column, and some 100 bytes for each event and each different embedding.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, Protocol, get_args

import h5py
import numpy as np

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.archive import layout
from quantum_memory.memory.archive.columns import TableOut
from quantum_memory.memory.archive.frame import BLOCK_BYTES, replacing
from quantum_memory.memory.archive.heads import Folds, Heads, Views, one_thread
from quantum_memory.memory.archive.source import Row, Source, Stretch, gather, stamps
from quantum_memory.memory.archive.vectors import EVENTS_AT_ONCE, EventsOut, VectorsOut
from quantum_memory.memory.events import Merged
from quantum_memory.memory.timeline import History
from quantum_memory.memory.vault.database import Database
from quantum_memory.memory.vault.judge_events import marker
from quantum_memory.types import AgentName, Place

OTHER = "inherited-"
"""How agents and branches are called that are not named, with their number behind it."""
CHUNK = 256
"""Events read from the vault together."""


class Origin(History, Protocol):
    """Where an agent is exported from: a vault."""

    storage: str
    embedding: str | None

    @property
    def database(self) -> Database: ...


class Exported(NamedTuple):
    """What was written."""

    agent: AgentName
    path: Path
    nbytes: int
    branches: int
    events: int
    memories: int
    heads: int


def export_archive(
    vault: Origin,
    agent: AgentName,
    path: str | Path,
    folds: Folds,
    *,
    views: Views = "every",
    alone: bool = False,
) -> Exported:
    """Write an agent to a file, whole or not at all; a file that is there is replaced.

    The same history gives the same bytes: twice from one vault, and from another that the file was imported into.

    Args:
        vault: where the agent lives.
        agent: its name.
        path: the file.
        folds: how views follow from events.
        views: of which branches the state at the head is written beside the history.
        alone: for somebody who may see this agent and no other one: those whose past it shares, and their branches, are
            numbered and not named, their commits are left out, and who wrote is not told. The shared past is there.

    Raises: AgentNotFound, CorruptRecord, Quarantined, WriteFailed, VaultUnavailable, InvalidValue.
    """
    if views not in get_args(Views):
        raise InvalidValue("views", repr(views), f"one of {', '.join(get_args(Views))}")
    with vault.database.snapshot() as connection:
        source = gather(connection, agent, alone=alone)
    target = Path(path)
    with (
        one_thread(),
        replacing(target) as scratch,
        h5py.File(scratch, "w", libver=("v110", "v110"), userblock_size=BLOCK_BYTES) as file,
    ):
        writer = _Writer(file, vault, source, folds, alone=alone)
        counts = writer.write(views)
    return Exported(agent, target, target.stat().st_size, len(source.stretches), *counts)


class _Writer:
    def __init__(self, file: h5py.File, vault: Origin, source: Source, folds: Folds, *, alone: bool) -> None:
        self._file, self._vault, self._source, self._folds, self._alone = file, vault, source, folds, alone
        self._numbers = {one.row["id"]: number for number, one in enumerate(source.stretches)}
        names = [source.agent, *(one.row["agent"] for one in source.stretches)]
        self._agents = {name: number for number, name in enumerate(dict.fromkeys(names))}
        self._vectors = VectorsOut(file.create_group("embeddings"))

    def write(self, views: Views) -> tuple[int, int, int]:
        """How many events, memories and heads there are."""
        self._write_about()
        self._write_catalog()
        events = self._write_journal()
        heads = Heads(self._file, self._vectors, self._vault, self._folds)
        written = [one for one in self._source.stretches if self._is_shown(one, views)]
        for one in written:
            heads.add(self._numbers[one.row["id"]], Place(one.row["id"], one.head))
        heads.close()
        self._vectors.close()
        return events, heads.memories, len(written)

    def _write_about(self) -> None:
        about = {
            "format": "qmem-archive",
            "version": layout.VERSION,
            "agent": self._source.agent,
            "root": self._source.root,
            "embedding": self._vault.embedding,
            "folds": self._folds.about,
        }
        text = json.dumps(about, ensure_ascii=False, allow_nan=False, sort_keys=True)
        self._file.create_dataset("about", data=np.frombuffer(text.encode(), np.uint8))

    def _write_catalog(self) -> None:
        source = self._source
        agents = self._table("agents")
        for name in self._agents:
            agents.add(source.owner(name) if self._named(name) else f"{OTHER}{self._agents[name]}")
        agents.close()
        branches = self._table("branches")
        for one in source.stretches:
            branches.add(*self._branch(one))
        branches.close()
        commits = self._table("commits")
        for row in source.commits:
            place = self._numbers[row["branch"]], row["seq"]
            said = row["message"], row["at"], row["op_id"], source.rank(row["position"]), row["context"]
            commits.add(row["id"], self._agents[row["agent"]], *place, *said)
        commits.close()
        tags = self._table("tags")
        for row in source.tags:
            place = self._numbers[row["branch"]], row["seq"]
            tags.add(row["name"], *place, row["at"], source.rank(row["position"]))
        tags.close()
        sessions = self._table("sessions")
        for row in source.sessions:
            sessions.add(row["id"], row["who"], row["at"], source.rank(row["position"]))
        sessions.close()

    def _branch(self, one: Stretch) -> tuple[Any, ...]:
        row, source = one.row, self._source
        parent = layout.NOTHING if row["parent"] is None else self._numbers[row["parent"]]
        gone: tuple[int | None, int | None] = None, None
        if self._own(row) and row["deleted_at"] is not None:
            gone = row["deleted_at"], source.rank(row["deleted_position"])
        made = row["created_at"], row["op_id"], source.rank(row["position"])
        return (
            row["id"],
            self._agents[row["agent"]],
            row["name"] if self._named(row["agent"]) else f"{OTHER}{self._numbers[row['id']]}",
            row["kind"],
            parent,
            row["fork_seq"],
            one.head,
            *made,
            *gone,
        )

    def _write_journal(self) -> int:
        """The events of every stretch, oldest first, and which of them were merges."""
        journal, merges = self._table("journal", EVENTS_AT_ONCE), self._table("merges")
        encoder = EventsOut(self._vectors)
        for one in self._source.stretches:
            branch, number = one.row["id"], self._numbers[one.row["id"]]
            first = int(one.row["fork_seq"])
            ranks = np.searchsorted(self._source.order, self._source.positions[branch])
            for after in range(first, one.head, CHUNK):
                upto = min(after + CHUNK, one.head)
                with self._vault.database.read() as connection:
                    said = stamps(connection, branch, after, upto)
                for entry, (seq, at, kind, op_id) in zip(self._vault.entries(branch, after, upto), said, strict=True):
                    rank = int(ranks[seq - first - 1])
                    journal.add(number, seq, at, kind, op_id, rank, encoder.encode(entry.event))
                    if isinstance(entry.event, Merged):
                        row = marker(entry.place, entry.event)
                        merges.add(number, *(row[name] for name in tuple(layout.MERGES)[1:]))
        journal.close()
        merges.close()
        return len(journal)

    def _is_shown(self, one: Stretch, views: Views) -> bool:
        if views == "none" or not self._own(one.row) or one.row["deleted_at"] is not None:
            return False
        return views == "every" or one.row["id"] == self._source.root

    def _named(self, agent: AgentName) -> bool:
        return not self._alone or agent == self._source.agent

    def _own(self, row: Row) -> bool:
        return bool(row["agent"] == self._source.agent)

    def _table(self, name: str, at_once: int | None = None) -> TableOut:
        columns, group = layout.HISTORY[name], self._file.create_group(name)
        return TableOut(group, columns) if at_once is None else TableOut(group, columns, at_once)
