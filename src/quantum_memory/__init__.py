"""A memory for AI agents on Ray: it remembers, recalls with reasons, carries a mood, and forks, rolls back and merges.

Importing this loads neither Ray nor torch; a name is loaded when it is first used, so that the small libraries inside
(``quantum_memory.memory.quantum``, ``quantum_memory.memory.semantic.pagerank``) can be used alone.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle
    from quantum_memory.cluster.connect import MemoryCluster, connect
    from quantum_memory.errors import (
        Busy,
        Conflict,
        InvalidInput,
        NotFound,
        QuantumMemoryError,
        SomeFailed,
        StorageFailure,
        Unavailable,
    )
    from quantum_memory.settings import Settings
    from quantum_memory.types import (
        PAD,
        AuditEntry,
        Branch,
        Commit,
        Diff,
        Found,
        Hit,
        Hits,
        LogEntry,
        Memory,
        MergeReport,
        Mood,
        PADVector,
        Place,
        Skill,
        SkillHit,
        Tag,
        Tree,
        Utterance,
    )

__all__ = [
    "PAD",
    "AgentHandle",
    "AuditEntry",
    "Branch",
    "Busy",
    "Commit",
    "Conflict",
    "Diff",
    "Found",
    "Hit",
    "Hits",
    "InvalidInput",
    "LogEntry",
    "Memory",
    "MemoryCluster",
    "MergeReport",
    "Mood",
    "NotFound",
    "PADVector",
    "Place",
    "QuantumMemoryError",
    "Settings",
    "Skill",
    "SkillHit",
    "SomeFailed",
    "StorageFailure",
    "Tag",
    "Tree",
    "Unavailable",
    "Utterance",
    "connect",
]

_HOMES = {
    "AgentHandle": "quantum_memory.actors.handle",
    "MemoryCluster": "quantum_memory.cluster.connect",
    "connect": "quantum_memory.cluster.connect",
    "Busy": "quantum_memory.errors",
    "Conflict": "quantum_memory.errors",
    "InvalidInput": "quantum_memory.errors",
    "NotFound": "quantum_memory.errors",
    "QuantumMemoryError": "quantum_memory.errors",
    "SomeFailed": "quantum_memory.errors",
    "StorageFailure": "quantum_memory.errors",
    "Unavailable": "quantum_memory.errors",
    "Settings": "quantum_memory.settings",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home when it is first used."""
    if name == "__version__":
        return version("quantum-memory")
    if name not in __all__:
        raise AttributeError(f"module 'quantum_memory' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "quantum_memory.types")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
