"""mem0's memories: what ``Memory.get_all`` gives, points of its Qdrant collection, or its ``history.db``.

Owns their schemas, as in mem0ai 2.2.1: ``mem0/memory/main.py`` (``_get_all_from_vector_store``: ``results`` with
``id``, ``memory``, ``created_at``, ``updated_at``, ``user_id``, ``agent_id``, ``run_id``, ``actor_id``, ``role`` and
``metadata``; a point's ``payload`` has the text under ``data``) and ``mem0/memory/storage.py`` (SQLite, table
``history``: ``memory_id``, ``old_memory``, ``new_memory``, ``event``, ``created_at``, ``updated_at``, ``is_deleted``).
Points as JSON are what Qdrant's scroll answers (``result.points``). The files of an embedded Qdrant hold pickles, which
are never read here; nor are vectors, which another model made.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from quantum_memory.errors import InvalidValue, UnreadableFile
from quantum_memory.memory.exchange.documents import walk
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, shown
from quantum_memory.memory.exchange.sources import Source

OWNERS = ("user_id", "agent_id", "run_id")
LISTS = ("item", "results.item", "memories.item", "result.points.item", "points.item")
CORE = frozenset({"id", "memory", "data", "hash", "created_at", "updated_at", "score", "text_lemmatized", "metadata"})
MAGIC = b"SQLite format 3\x00"
# The last event of each memory says what it reads now; what was deleted last is gone.
LAST_EVENTS = """
    SELECT memory_id, new_memory, created_at, updated_at, actor_id, role FROM history AS one
    WHERE rowid = (SELECT max(rowid) FROM history WHERE memory_id = one.memory_id)
      AND event != 'DELETE' AND coalesce(is_deleted, 0) = 0 AND new_memory IS NOT NULL
    ORDER BY rowid
"""


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Memories as facts, with their times; whose they are is the conversation, what else is known goes to metadata."""
    for part in source.parts:
        label = source.label(part)
        for number, (place, value) in enumerate(walk(source, part, LISTS)):
            where = f"{place.removesuffix('item').rstrip('.')}[{number}]"
            if isinstance(value, Mapping):
                yield _memory(label, where, _flat(value), reading)
            else:
                yield refused(label, where, f"expected a memory, got {type(value).__name__}")


def history(source: Source, reading: Reading) -> Iterator[Entry]:
    """What the memories of a ``history.db`` read after their last event, without those that were deleted.

    Raises: UnreadableFile if it is no such database.
    """
    if source.path is None:
        raise UnreadableFile(source.name, "a database has to be a file of its own")
    try:
        with closing(sqlite3.connect(f"{source.path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            for number, row in enumerate(database.execute(LAST_EVENTS)):
                record = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row iterates over its values
                told = record | {"id": record.pop("memory_id"), "memory": record.pop("new_memory")}
                yield _memory(source.name, f"history[{number}]", told, reading)
    except sqlite3.DatabaseError as error:
        raise UnreadableFile(source.name, f"no history of mem0: {error}") from None
    source.position = source.total


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A point of Qdrant as ``get_all`` would tell it."""
    payload = record.get("payload")
    if not isinstance(payload, Mapping):
        return dict(record)
    return {**payload, "memory": payload.get("data"), "id": record.get("id")}


def _memory(label: str, place: str, record: Mapping[str, Any], reading: Reading) -> Entry:
    try:
        at = moment("created_at", record.get("created_at"), reading.zone)
        changed = moment("updated_at", record.get("updated_at"), reading.zone)
    except InvalidValue as error:
        return refused(label, place, str(error))
    inner = record.get("metadata")
    rest = {name: value for name, value in record.items() if name not in CORE and value is not None}
    number, owner = record.get("id"), next((record[name] for name in OWNERS if record.get(name)), None)
    made = {
        "text": record.get("memory"),
        "speaker": shown(record.get("actor_id")),
        "at": at or changed,
        "revised_at": changed if changed != at and at is not None else None,
        "kind": "fact",
        "session": shown(record.get("run_id")),
        "metadata": {
            **(inner if isinstance(inner, Mapping) else {}),
            **rest,
            **({"mem0_id": number} if number else {}),
        },
    }
    return entry(label, place, made, owner, number)
