"""The durable store: journals, branches, commits, and the one writer that keeps them in order."""

from quantum_memory.memory.vault.group import GroupCommit
from quantum_memory.memory.vault.merge_base import MergeHistory, MergeMarker, merge_base
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import Append, CreateAgent, CreateBranch, CreateCommit, Write, Written

__all__ = [
    "Append",
    "CreateAgent",
    "CreateBranch",
    "CreateCommit",
    "GroupCommit",
    "MergeHistory",
    "MergeMarker",
    "Vault",
    "Write",
    "Written",
    "merge_base",
]
