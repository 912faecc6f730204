"""Archives of version 1, written from a vault of schema 1 row for row, with none of the code of today."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
from blake3 import blake3

LATER = {"revised_at", "revised", "relations", "unrelated", "forgotten_at", "unrelated_at"}
"""Fields of events that version 1 did not know."""
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE agents (name TEXT PRIMARY KEY, root TEXT NOT NULL UNIQUE);
CREATE TABLE branches (ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, name TEXT NOT NULL,
    lineage TEXT NOT NULL, kind TEXT NOT NULL, parent TEXT, fork_seq BIGINT NOT NULL, created_at BIGINT NOT NULL,
    op_id TEXT, UNIQUE (agent, name));
CREATE TABLE journal (branch TEXT NOT NULL, seq BIGINT NOT NULL, at BIGINT NOT NULL, kind TEXT NOT NULL,
    agent TEXT NOT NULL, op_id TEXT NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (branch, seq));
CREATE TABLE merges (branch TEXT NOT NULL, seq BIGINT NOT NULL, source_branch TEXT NOT NULL, source_seq BIGINT NOT NULL,
    base_branch TEXT, base_seq BIGINT, PRIMARY KEY (branch, seq));
CREATE TABLE commits (ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, branch TEXT NOT NULL,
    seq BIGINT NOT NULL, message TEXT NOT NULL, at BIGINT NOT NULL, op_id TEXT NOT NULL);
"""


def first_vault() -> sqlite3.Connection:
    """The empty tables of schema 1."""
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    connection.executescript(TABLES)
    return connection


def insert(connection: sqlite3.Connection, table: str, **row: Any) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def write(connection: sqlite3.Connection, agent: str, path: Path, version: int = 1) -> None:
    """The archive of an agent all of whose branches are its own."""
    branches = [dict(row) for row in connection.execute("SELECT * FROM branches ORDER BY ordinal")]
    numbers = {row["id"]: number for number, row in enumerate(branches)}
    entries = [dict(row) for row in connection.execute("SELECT * FROM journal ORDER BY branch, seq")]
    entries.sort(key=lambda row: (numbers[row["branch"]], row["seq"]))
    heads = {row["branch"]: row["seq"] for row in entries}
    (pin,) = connection.execute("SELECT value FROM meta WHERE key = 'embedding'").fetchone()
    root = next(row["id"] for row in branches if row["kind"] == "root")
    vectors: list[np.ndarray[Any, Any]] = []
    events = [_event(row["payload"], vectors) for row in entries]
    commits = [dict(row) for row in connection.execute("SELECT * FROM commits ORDER BY ordinal")]
    merges = [dict(row) for row in connection.execute("SELECT * FROM merges ORDER BY branch, seq")]
    with h5py.File(path, "w", userblock_size=512) as file:
        about = {"format": "qmem-archive", "version": version, "agent": agent, "root": root, "embedding": pin}
        file.create_dataset("about", data=np.frombuffer(json.dumps(about).encode(), np.uint8))
        _text(file, "agents/name", [agent])
        for name in ("id", "name", "kind"):
            _text(file, f"branches/{name}", [row[name] for row in branches])
        _text(file, "branches/op_id", [row["op_id"] for row in branches], optional=True)
        _ints(file, "branches/agent", [0] * len(branches))
        _ints(file, "branches/parent", [numbers.get(row["parent"], -1) for row in branches])
        _ints(file, "branches/head", [heads.get(row["id"], row["fork_seq"]) for row in branches])
        for name in ("fork_seq", "created_at"):
            _ints(file, f"branches/{name}", [row[name] for row in branches])
        _ints(file, "journal/branch", [numbers[row["branch"]] for row in entries])
        for name in ("seq", "at"):
            _ints(file, f"journal/{name}", [row[name] for row in entries])
        for name in ("kind", "op_id"):
            _text(file, f"journal/{name}", [row[name] for row in entries])
        _text(file, "journal/event", events)
        _ints(file, "merges/branch", [numbers[row["branch"]] for row in merges])
        for name in ("seq", "source_seq"):
            _ints(file, f"merges/{name}", [row[name] for row in merges])
        _ints(file, "merges/base_seq", [row["base_seq"] for row in merges], optional=True)
        _text(file, "merges/source_branch", [row["source_branch"] for row in merges])
        _text(file, "merges/base_branch", [row["base_branch"] for row in merges], optional=True)
        for name in ("id", "message", "op_id"):
            _text(file, f"commits/{name}", [row[name] for row in commits])
        _ints(file, "commits/agent", [0] * len(commits))
        _ints(file, "commits/branch", [numbers[row["branch"]] for row in commits])
        for name in ("seq", "at"):
            _ints(file, f"commits/{name}", [row[name] for row in commits])
        group = file.create_group("embeddings")
        if vectors:
            group.create_dataset(f"000_float32_{vectors[0].size}", data=np.stack(vectors))
    seal(path, version)


def seal(path: Path, version: int) -> None:
    """Write the user block of an image as the documentation describes it."""
    data = path.read_bytes()
    head = b"qmem archive\r\n\x1a\n" + version.to_bytes(4, "little") + bytes(4)
    head += (len(data) - 512).to_bytes(8, "little") + blake3(data[512:]).digest()
    head = head.ljust(480, b"\x00")
    path.write_bytes(head + blake3(head).digest() + data[512:])


def _event(record: bytes, vectors: list[np.ndarray[Any, Any]]) -> bytes:
    """The body of a record of the journal, its vectors taken out, and without fields that came later."""
    return msgspec.msgpack.encode(_older(msgspec.msgpack.decode(record[9:]), vectors))


def _older(value: Any, vectors: list[np.ndarray[Any, Any]]) -> Any:
    if isinstance(value, list):
        return [_older(one, vectors) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: one for name, one in value.items() if name not in LATER}
    if kept.get("type") == "forgotten":
        kept.pop("at", None)
    if kept.get("type") == "merged":
        kept.pop("parts", None)
    if "embedding" in kept:
        vectors.append(np.frombuffer(kept["embedding"], "<f4"))
        return kept | {"embedding": [0, len(vectors) - 1]}
    return {name: _older(one, vectors) for name, one in kept.items()}


def _text(file: h5py.File, name: str, values: Sequence[Any], *, optional: bool = False) -> None:
    given = [b"" if value is None else value.encode() if isinstance(value, str) else value for value in values]
    group = file.create_group(name)
    group.create_dataset("bytes", data=np.frombuffer(b"".join(given), np.uint8))
    group.create_dataset("ends", data=np.cumsum([len(value) for value in given], dtype=np.int64))
    if optional:
        group.create_dataset("present", data=np.array([value is not None for value in values], np.uint8))


def _ints(file: h5py.File, name: str, values: Sequence[Any], *, optional: bool = False) -> None:
    file.create_dataset(name, data=np.array([value or 0 for value in values], np.int64))
    if optional:
        file.create_dataset(f"{name}_present", data=np.array([value is not None for value in values], np.uint8))
