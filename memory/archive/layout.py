"""What an archive is made of: its tables and their columns, by version. Opens no file.

Every column is one or more plain arrays, so that any HDF5 reader finds its way: see ``columns``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["int", "int?", "float", "pad", "text", "text?", "bytes"]
"""Whole numbers (int64), numbers (float64), three of them, UTF-8 text, bytes. With a question mark it may be absent."""
Columns = Mapping[str, Kind]

SUFFIX = ".qms"
VERSION = 2
NOTHING = -1
"""What a column of references says where there is none."""

AGENTS: Columns = {"name": "text"}
BRANCHES: Columns = {
    "id": "text",
    "agent": "int",
    "name": "text",
    "kind": "text",
    "parent": "int",
    "fork_seq": "int",
    "head": "int",
    "created_at": "int",
    "op_id": "text?",
    "order": "int",
    "deleted_at": "int?",
    "deleted_order": "int?",
}
JOURNAL: Columns = {
    "branch": "int",
    "seq": "int",
    "at": "int",
    "kind": "text",
    "op_id": "text",
    "order": "int",
    "event": "bytes",
}
MERGES: Columns = {
    "branch": "int",
    "seq": "int",
    "source_branch": "text",
    "source_seq": "int",
    "base_branch": "text?",
    "base_seq": "int?",
    "parts": "text?",
}
COMMITS: Columns = {
    "id": "text",
    "agent": "int",
    "branch": "int",
    "seq": "int",
    "message": "text",
    "at": "int",
    "op_id": "text",
    "order": "int",
    "context": "text?",
}
TAGS: Columns = {"name": "text", "branch": "int", "seq": "int", "at": "int", "order": "int"}
SESSIONS: Columns = {"id": "text", "who": "text", "at": "int", "order": "int"}
MEMORIES: Columns = {
    "id": "text",
    "text": "text",
    "at": "int",
    "speaker": "text?",
    "kind": "text",
    "session": "text?",
    "tags": "text",
    "metadata": "text",
    "pad": "pad",
    "confidence": "float",
    "importance": "float",
    "embedding_set": "int",
    "embedding_row": "int",
    "revised_at": "int?",
}

HISTORY: Mapping[str, Columns] = {
    "agents": AGENTS,
    "branches": BRANCHES,
    "journal": JOURNAL,
    "merges": MERGES,
    "commits": COMMITS,
    "tags": TAGS,
    "sessions": SESSIONS,
}
"""What an import reads."""

HISTORY_OF: Mapping[int, Mapping[str, Columns]] = {
    1: {
        "agents": AGENTS,
        "branches": {
            name: kind for name, kind in BRANCHES.items() if name not in ("order", "deleted_at", "deleted_order")
        },
        "journal": {name: kind for name, kind in JOURNAL.items() if name != "order"},
        "merges": {name: kind for name, kind in MERGES.items() if name != "parts"},
        "commits": {name: kind for name, kind in COMMITS.items() if name not in ("order", "context")},
    },
    VERSION: HISTORY,
}
"""The same for every version that can be read."""

NODES: Columns = {"type": "text", "key": "text", "kind": "text", "label": "text", "weight": "int"}
EDGES: Columns = {"source": "int", "target": "int", "kind": "text", "weight": "float"}
RELATIONS: Columns = {
    "subject": "text",
    "predicate": "text",
    "object": "text",
    "weight": "float",
    "at": "int?",
    "memory": "text?",
}
SKILLS: Columns = {
    "name": "text",
    "steps": "text",
    "when": "text",
    "successes": "int",
    "failures": "int",
    "at": "int?",
    "optional": "text",
    "sources": "text",
    "version": "int",
}
HELD: Columns = {"memory": "int"}
WORKING: Columns = {"id": "text"}
"""What is written at the head of each living branch, for readers who have no vault. No import reads it."""
