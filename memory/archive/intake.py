"""An archive into a vault: checked row by row, renamed where that was asked for, taken in whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from quantum_memory.checks import new_name
from quantum_memory.memory.archive.columns import length
from quantum_memory.memory.archive.read import Archive, open_archive, reading
from quantum_memory.memory.archive.rows import Intake
from quantum_memory.memory.vault import adopt
from quantum_memory.memory.vault.adopt import Adoption
from quantum_memory.memory.vault.database import Database
from quantum_memory.types import AgentName


class Imported(NamedTuple):
    """What was taken in, or would be.

    Attributes:
        agent: under which name.
        version: the archive's.
        steps: what was migrated while reading.
        inherited: agents whose past the agent shares; they are no agents of the vault.
    """

    agent: AgentName
    version: int
    steps: tuple[str, ...]
    branches: int
    events: int
    commits: int
    tags: int
    inherited: tuple[AgentName, ...]
    embedding: str | None


class Taker(Protocol):
    """Who takes an agent in: a vault."""

    storage: str
    embedding: str | None

    @property
    def database(self) -> Database: ...

    def adopt(self, adoption: Adoption, op_id: str | None = None) -> None: ...


def import_archive(
    vault: Taker, path: str | Path, *, as_name: AgentName | None = None, op_id: str | None = None
) -> Imported:
    """Take an agent in, in one transaction.

    Args:
        vault: where to.
        path: the archive.
        as_name: what to call the agent. Its branches and commits get other ids then, so that the vault may hold the
            one that the archive was made of as well. Without it they keep theirs.
        op_id: an operation of somebody's, for the audit.

    Raises: AlreadyExists if the agent, a branch or a commit is there; OtherEmbedding or ShapeMismatch if the vault's
        embeddings are others; CorruptRecord, NewerSchema, InvalidInput; WriteFailed, VaultUnavailable. Nothing is
        changed then.
    """
    with open_archive(path) as archive, reading(archive.path):
        intake = _intake(archive, as_name)
        vault.adopt(intake.adoption(), op_id)
        return _told(archive, intake)


def examine_archive(vault: Taker, path: str | Path, *, as_name: AgentName | None = None) -> Imported:
    """What ``import_archive`` would do, every row and event checked. Writes nothing. Raises: what it raises."""
    with open_archive(path) as archive, reading(archive.path):
        intake = _intake(archive, as_name)
        adoption = intake.adoption()
        with vault.database.read() as connection:
            adopt.check(connection, adoption, vault.storage, vault.embedding)
        for _ in adoption.journal:
            pass  # every event is read and checked on the way
        return _told(archive, intake)


def describe_archive(path: str | Path, *, as_name: AgentName | None = None) -> Imported:
    """What an archive brings, whatever vault there is. Raises: CorruptRecord, NewerSchema, InvalidInput."""
    with open_archive(path) as archive, reading(archive.path):
        return _told(archive, _intake(archive, as_name))


def _intake(archive: Archive, as_name: AgentName | None) -> Intake:
    agent = archive.about.agent if as_name is None else new_name("agent", as_name)
    return Intake(archive, agent, renamed=as_name is not None)


def _told(archive: Archive, intake: Intake) -> Imported:
    tables = archive.tables
    branches, events, commits, tags = (length(tables[name]) for name in ("branches", "journal", "commits", "tags"))
    return Imported(
        intake.agent,
        archive.version,
        archive.steps,
        branches,
        events,
        commits,
        tags,
        intake.owners[1:],
        archive.about.embedding,
    )
