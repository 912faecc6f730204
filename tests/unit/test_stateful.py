"""Anything in any order, against the plain model: on SQLite, and in memory."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.vault import utc_now
from quantum_memory.memory.vault.collect import collect
from quantum_memory.memory.vault.keeper import Keeper
from quantum_memory.testing.machine import MemoryMachine
from tests.unit.front import Front

if TYPE_CHECKING:
    from quantum_memory.memory.vault.vault import Vault

SMALL = {"seal_events": 3, "segment_events": 12, "snapshot_events": 4, "keeper_s": 3600.0, "grace_s": 0.0}
OFTEN = settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a step takes 20 ms: shrinking would take half an hour
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


class Trial(Front):
    """The whole orchestration in this process; what else the background does, it does when it is told."""

    @property
    def subject(self) -> Vault:
        return self.vault._vault

    def tidy(self) -> None:
        vault = self.subject
        assert vault.blocks is not None
        Keeper(vault.database, vault.blocks, utc_now, seal_events=3, segment_events=12).settle()
        vault.index.catch_up()
        collect(vault, utc_now, 0.0)


class InAFolder(Trial):
    """A crash leaves the files as they are at that moment, write-ahead log and all."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="stateful-"))
        self.crashes = 0
        super().__init__(self.folder / "vault 0", vault=SMALL)

    def crash(self) -> None:
        before, self.crashes = self.folder / f"vault {self.crashes}", self.crashes + 1
        after = self.folder / f"vault {self.crashes}"
        shutil.copytree(before, after)
        self._stop()
        shutil.rmtree(before)
        self.settings = self.settings.model_copy(update={"storage": str(after)})
        self._start()

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder)


class InMemory(Trial):
    """A crash takes every view and the orchestrator; the vault is all there is."""

    def __init__(self) -> None:
        super().__init__("memory://", vault=SMALL)

    def crash(self) -> None:
        self.wait(self.host.close())
        parts = local_parts(self.settings, Journal(LocalVault(self.vault), lambda _: True), self.vault)
        self.host = self.wait(self._made(parts))


class OnSqlite(MemoryMachine):
    def opened(self) -> InAFolder:
        return InAFolder()


class WithoutADisk(MemoryMachine):
    def opened(self) -> InMemory:
        return InMemory()


TestOnSqlite = pytest.mark.slow(OnSqlite.TestCase)
TestOnSqlite.settings = OFTEN
TestWithoutADisk = pytest.mark.slow(WithoutADisk.TestCase)
TestWithoutADisk.settings = OFTEN
