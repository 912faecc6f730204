"""The way of tools to a vault: through the cluster that holds it open, or straight into it. Archives go file to vault.

Owns no command. Loads Ray only where a cluster is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import uuid4

from quantum_memory.actors.caretaker import Caretaker
from quantum_memory.actors.folds import plain_folds
from quantum_memory.actors.homes import Home
from quantum_memory.cluster.addresses import own_rays
from quantum_memory.errors import QuantumMemoryError, StorageLocked, Unavailable, VaultUnavailable
from quantum_memory.memory.archive import Exported, Imported, Views, examine_archive, export_archive, import_archive
from quantum_memory.memory.archive.frame import PIECE_BYTES, replacing_bytes
from quantum_memory.memory.vault.admission import ApiKey, Denial
from quantum_memory.memory.vault.database import holder_of, located
from quantum_memory.memory.vault.opening import blocks_of
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.settings import Settings, load
from quantum_memory.types import AgentName, AuditEntry

if TYPE_CHECKING:
    from quantum_memory.cluster.cli_session import Session
    from quantum_memory.cluster.connect import MemoryCluster

CONFIG_FILE = "ray_config.yaml"
TEXTS = 10_000
"""An archive may take as long as so many texts."""


class Door(Protocol):
    """Who takes agents out of a vault and into it, cares for it, and knows its keys and its audit."""

    def export(self, agent: AgentName, path: Path, views: Views) -> Exported:
        """See ``export_archive``."""
        ...

    def bring(self, path: Path, as_name: AgentName | None, *, dry_run: bool) -> Imported:
        """See ``import_archive`` and ``examine_archive``."""
        ...

    def care(self, method: Literal["backup", "verify"], *args: object) -> Any:
        """See ``Caretaker``."""
        ...

    def keys(self, tenant: str | None) -> list[ApiKey]:
        """See ``Vault.api_keys``."""
        ...

    def audit(self, agent: AgentName | None, limit: int) -> list[AuditEntry]:
        """See ``Vault.audit``."""
        ...

    def denials(self, tenant: str | None, limit: int) -> list[Denial]:
        """See ``Vault.denials``."""
        ...

    def write(self, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """See ``Vault.write``."""
        ...


class VaultDoor:
    """Straight into a vault that is open here."""

    def __init__(self, vault: Vault, settings: Settings) -> None:
        self._vault, self._settings = vault, settings

    def export(self, agent: AgentName, path: Path, views: Views) -> Exported:
        return export_archive(self._vault, agent, path, plain_folds(self._settings), views=views)

    def bring(self, path: Path, as_name: AgentName | None, *, dry_run: bool) -> Imported:
        return (examine_archive if dry_run else import_archive)(self._vault, path, as_name=as_name)

    def care(self, method: Literal["backup", "verify"], *args: object) -> Any:
        return getattr(Caretaker(self._vault, self._settings, now), method)(*args)

    def keys(self, tenant: str | None) -> list[ApiKey]:
        return self._vault.api_keys(tenant)

    def audit(self, agent: AgentName | None, limit: int) -> list[AuditEntry]:
        return self._vault.audit(agent, limit)

    def denials(self, tenant: str | None, limit: int) -> list[Denial]:
        return self._vault.denials(tenant, limit)

    def write(self, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        return self._vault.write(writes)


class ClusterDoor:
    """Through the actor that holds the vault open, piece by piece: it may be on another node.

    Args:
        memory: the cluster.
        op_id: what taking an agent in is called in the audit; an operation of the cluster's session when left out.
        alone: whether archives name no other agent; see ``export_archive``.
    """

    def __init__(self, memory: MemoryCluster, op_id: str | None = None, *, alone: bool = False) -> None:
        self._memory, self._op_id, self._alone = memory, op_id, alone

    def export(self, agent: AgentName, path: Path, views: Views) -> Exported:
        ticket = uuid4().hex
        try:
            done: Exported = self._ask("export_archive", agent, ticket, views, self._alone)
            replacing_bytes(path, self._pieces(ticket))
        finally:
            self._ask("drop_archive", ticket)
        return done._replace(path=path)

    def bring(self, path: Path, as_name: AgentName | None, *, dry_run: bool) -> Imported:
        ticket, offset = uuid4().hex, 0
        try:
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    self._ask("put_archive", ticket, offset, piece)
                    offset += len(piece)
            done: Imported = self._ask("import_archive", ticket, as_name, dry_run, self._op_id or self._memory.op_id())
        finally:
            self._ask("drop_archive", ticket)
        return done

    def care(self, method: Literal["backup", "verify"], *args: object) -> Any:
        return self._ask(method, *args)

    def keys(self, tenant: str | None) -> list[ApiKey]:
        found: list[ApiKey] = self._ask("api_keys", tenant)
        return found

    def audit(self, agent: AgentName | None, limit: int) -> list[AuditEntry]:
        found: list[AuditEntry] = self._ask("audit", agent, limit)
        return found

    def denials(self, tenant: str | None, limit: int) -> list[Denial]:
        found: list[Denial] = self._ask("denials", tenant, limit)
        return found

    def write(self, writes: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        outcomes: list[Written | QuantumMemoryError] = self._ask("write", list(writes))
        return outcomes

    def _pieces(self, ticket: str) -> Iterator[bytes]:
        offset = 0
        while piece := self._ask("archive_piece", ticket, offset):
            yield piece
            offset += len(piece)

    def _ask(self, method: str, *args: object) -> Any:
        return self._memory.ask_vault(method, *args, texts=TEXTS)


@contextmanager
def door(session: Session, *, reading: bool = False, there: bool = False) -> Iterator[Door]:
    """The way to the vault that the options mean.

    Where a cluster is named, it goes through that. Else straight into the vault; if a cluster holds it open, through
    that. With ``reading``, a vault that is not there is not made: nothing is in its way.
    With ``there``, it has to be there already.

    Raises: VaultUnavailable if it has to be there and is not, StorageLocked if it is held open by no cluster of this
        user that answers; what opening a vault raises.
    """
    asked = session.options
    if asked.address or os.environ.get("RAY_ADDRESS"):
        with session.memory() as memory:
            yield ClusterDoor(memory)
        return
    settings = settings_of(asked.config, asked.storage)
    try:
        vault = _opened(settings, reading=reading, there=there)
    except StorageLocked as locked:
        with _elsewhere(session, locked, settings.storage) as found:
            yield found
        return
    with vault:
        yield VaultDoor(vault, settings)


@contextmanager
def _elsewhere(session: Session, locked: StorageLocked, storage: str) -> Iterator[Door]:
    """Through the cluster that holds the vault open, where its lock says that it lives: a Ray of this user here.

    Raises: StorageLocked where nobody says so, as of a database, or it is no such Ray or does not answer;
        SettingsDiffer if the cluster that is found there holds another vault.
    """
    before, home = session.options, Home.read(holder_of(storage))
    try:
        if home is None or home.address not in own_rays():
            raise locked
        session.options = replace(before, address=home.address, namespace=home.namespace, storage=storage)
        entered = session.memory()
        memory = entered.__enter__()
    except (StorageLocked, Unavailable):
        session.note("qmem: where a cluster holds it, name that with --address")
        raise locked from None
    finally:
        session.options = before
    try:
        yield ClusterDoor(memory)
    finally:
        entered.__exit__(None, None, None)


def settings_of(config: Path | None, storage: str | None = None) -> Settings:
    """The settings that a command means, without Ray. Raises: InvalidSettings."""
    settings = load(config if config is not None else CONFIG_FILE if Path(CONFIG_FILE).is_file() else None)
    return settings if storage is None else settings.model_copy(update={"storage": storage})


def _opened(settings: Settings, *, reading: bool, there: bool) -> Vault:
    perception, storage = settings.perception, settings.storage
    pin = f"{perception.model}/{perception.dim}"
    _, file = located(storage)
    missing = file is not None and not file.is_file()
    if missing and there:
        raise VaultUnavailable(storage, "no vault is there")
    if missing and reading:
        return Vault.open("memory://", now=now, embedding=pin)
    return Vault.open(storage, now=now, embedding=pin, blocks=blocks_of(storage, settings.vault.blocks))


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)
