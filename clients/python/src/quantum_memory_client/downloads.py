"""What is too large to be held: exports and archives that go to a file as they come.

The file is there when all of it is, and not before; an attempt that broke off leaves none.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from quantum_memory_client import _operations
from quantum_memory_client.calls import Call, read_nothing
from quantum_memory_client.methods import Operation


def save_archive(agent: str, path: Path, *, views: Literal["every", "root", "none"] | None = None) -> Call[None]:
    """``export_archive`` into a file."""
    return _saved(_operations.export_archive(agent, views=views), path)


def save_memories(
    agent: str,
    path: Path,
    *,
    branch: str | None = None,
    as_of: str | None = None,
    format: Literal["jsonl", "transcript"] | None = None,  # noqa: A002 - the door's name
    embeddings: bool | None = None,
) -> Call[None]:
    """``export_memories`` into a file."""
    call = _operations.export_memories(agent, branch=branch, as_of=as_of, format=format, embeddings=embeddings)
    return _saved(call, path)


def _saved(call: Call[Any], path: Path) -> Call[None]:
    return replace(call, read=read_nothing, into=path)


class Downloads:
    """These as methods."""

    save_archive = Operation(save_archive)
    save_memories = Operation(save_memories)
