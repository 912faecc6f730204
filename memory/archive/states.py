"""The state of an agent at a place, folded from a vault or from an archive. Changes neither."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from quantum_memory.memory.archive.heads import Folds, one_thread
from quantum_memory.memory.archive.intake import import_archive
from quantum_memory.memory.episodic.search import memories
from quantum_memory.memory.portable.state import AgentState, state_of
from quantum_memory.memory.portable.web import web_of
from quantum_memory.memory.timeline import History, Timeline
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.types import Place

KEPT = 2


def state_at(history: History, place: Place, folds: Folds) -> AgentState:
    """What the agent of a branch is at a place. Raises: what ``history`` raises; CorruptRecord, Quarantined."""
    with one_thread():
        return _state_at(history, place, folds)


def _state_at(history: History, place: Place, folds: Folds) -> AgentState:
    graph = Timeline(folds.graph, history, KEPT).at(place)
    mood = folds.mood.settled(Timeline(folds.mood, history, KEPT).at(place))
    return state_of(
        history.branch(place.branch),
        place,
        _reached(history, place),
        memories=tuple(memories(Timeline(folds.memories, history, KEPT).at(place))),
        skills=Timeline(folds.skills, history, KEPT).at(place).all(),
        working=[one.id for one in Timeline(folds.working, history, KEPT).at(place).recent()],
        web=web_of(graph),
        tensors=mood.state.to_bytes(),
    )


def state_in(path: str | Path, folds: Folds) -> AgentState:
    """What the agent of an archive is at the head of its root branch.

    The archive is taken into a vault in memory, which is gone afterwards. Raises: what ``import_archive`` raises.
    """
    with Vault.open("memory://", now=_now) as vault:
        root = vault.find_agent(import_archive(vault, path).agent)
        return state_at(vault, Place(root.id, vault.head(root.id)), folds)


def _reached(history: History, place: Place) -> datetime | None:
    """When a place was reached; ``None`` if nothing had happened."""
    row, seq = history.branch(place.branch), place.seq
    while seq <= row.fork_seq and row.parent is not None:
        row = history.branch(row.parent)
    found = history.entries(row.id, seq - 1, seq) if seq > row.fork_seq else ()
    return found[0].at if found else None


def _now() -> datetime:
    return datetime.now(UTC)
