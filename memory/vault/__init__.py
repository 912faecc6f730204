"""The durable store: journals, branches, commits, and the one writer that keeps them in order."""

from quantum_memory.memory.vault.group import GroupCommit
from quantum_memory.memory.vault.merge_base import MergeHistory, MergeMarker, merge_base
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import (
    Annotate,
    Append,
    CommitTransaction,
    CreateAgent,
    CreateBranch,
    CreateCommit,
    DeleteBranch,
    DropTag,
    OpenSession,
    PutTag,
    Write,
    Written,
)

__all__ = [
    "Annotate",
    "Append",
    "CommitTransaction",
    "CreateAgent",
    "CreateBranch",
    "CreateCommit",
    "DeleteBranch",
    "DropTag",
    "GroupCommit",
    "MergeHistory",
    "MergeMarker",
    "OpenSession",
    "PutTag",
    "Vault",
    "Write",
    "Written",
    "merge_base",
]
