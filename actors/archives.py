"""Archives on their way between a vault's actor and a caller on another node: piece by piece, through a scratch folder.

Owns the scratch files of one vault's actor. Every call may be repeated: a piece says where it belongs.
"""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

from quantum_memory.actors.folds import plain_folds
from quantum_memory.actors.scratch import scratch
from quantum_memory.errors import InvalidValue, VaultUnavailable
from quantum_memory.memory.archive import (
    SUFFIX,
    Exported,
    Imported,
    Views,
    examine_archive,
    export_archive,
    import_archive,
)
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.settings import Settings
from quantum_memory.types import AgentName

PIECE_BYTES = 4 << 20
_TICKET = re.compile(r"[0-9a-f]{32}")


class ArchiveDesk:
    """Where archives are written and taken in, under tickets that the callers make (32 hex digits)."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._folder = settings, ""
        self._making = threading.Lock()

    def export(self, vault: Vault, agent: AgentName, ticket: str, views: Views, *, alone: bool = False) -> Exported:
        """Write an agent under a ticket. Raises: what ``export_archive`` raises."""
        folds = plain_folds(self._settings)
        return export_archive(vault, agent, self._path(ticket), folds, views=views, alone=alone)

    def piece(self, ticket: str, offset: int) -> bytes:
        """What was exported, from an offset on: at most ``PIECE_BYTES``. Raises: VaultUnavailable."""
        with self._found(ticket).open("rb") as file:
            file.seek(offset)
            return file.read(PIECE_BYTES)

    def put(self, ticket: str, offset: int, data: bytes) -> None:
        """Write a piece of what is to be imported."""
        path = self._path(ticket)
        path.touch(mode=0o600)
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def bring(
        self, vault: Vault, ticket: str, as_name: AgentName | None, *, dry_run: bool, op_id: str | None = None
    ) -> Imported:
        """Take in what was put, or say what would be. See ``import_archive``. Raises: VaultUnavailable."""
        if dry_run:
            return examine_archive(vault, self._found(ticket), as_name=as_name)
        return import_archive(vault, self._found(ticket), as_name=as_name, op_id=op_id)

    def drop(self, ticket: str) -> None:
        """Remove what is under a ticket. Harmless if there is nothing."""
        self._path(ticket).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        with self._making:
            if self._folder:
                shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""

    def _found(self, ticket: str) -> Path:
        path = self._path(ticket)
        if not path.is_file():
            raise VaultUnavailable(f"archive {ticket}", "it is not here any more: send it again")
        return path

    def _path(self, ticket: str) -> Path:
        if not _TICKET.fullmatch(ticket):
            raise InvalidValue("ticket", repr(ticket), "32 hex digits")
        with self._making:
            self._folder = self._folder or str(scratch("qmem-archives-"))
        return Path(self._folder) / f"{ticket}{SUFFIX}"
