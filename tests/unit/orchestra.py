"""The whole orchestration without Ray: the real vault, hosts and orchestrator in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from quantum_memory.actors.agent import QuantumMemoryHost
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.parts import Parts, local_parts
from quantum_memory.actors.ports import LocalVault
from quantum_memory.actors.requests import RecallRequest, RememberRequest, utterances
from quantum_memory.actors.vault import VaultHost
from quantum_memory.settings import Settings, load
from quantum_memory.types import PAD, Branch, Filters, Hit, Memory, MemoryId, Utterance, Vector

R = TypeVar("R")
DIM = 16


class Orchestra:
    """One orchestrator over one vault. Every call runs on an event loop of its own making."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings: Settings = load(
            {"perception": {"model": "hashing", "dim": DIM}, "storage": str(folder), **settings}
        )
        self.runner = asyncio.Runner()
        self._start()

    def _start(self) -> None:
        self.vault = VaultHost(self.settings)
        journal = Journal(LocalVault(self.vault), lambda _: True)
        self.parts: Parts = local_parts(self.settings, journal, self.vault)
        self.host = QuantumMemoryHost(self.settings, Directory("none", {"agents": 1}, 1.0, 1.0), parts=self.parts)

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(work)

    def reopen(self) -> None:
        """Close everything and begin again from what is on disk."""
        self.vault.close()
        self._start()

    def close(self) -> None:
        self.vault.close()
        self.runner.close()

    def agent(self, name: str) -> Branch:
        return self.run(self.host.open([name], create=True))[0].info

    def fork(self, branch: Branch, name: str) -> Branch:
        return self.run(self.host.fork(branch, name, None, f"fork-{name}")).info

    def remember(self, branch: Branch, what: str | Utterance | Sequence[str | Utterance], op_id: str) -> list[MemoryId]:
        return self.run(self.host.remember_one(RememberRequest(branch, utterances(what), op_id)))

    def recall(self, branch: Branch, query: str | Vector, k: int = 10) -> list[Hit]:
        return self.run(self.host.recall_one(RecallRequest(branch, query, k, Filters(), None)))

    def memories(self, branch: Branch) -> list[Memory]:
        return self.run(self.host.memories(branch, None))


def ready(number: int, text: str | None = None, **fields: Any) -> Utterance:
    """An utterance that needs no model: its percept follows from its number."""
    chance = np.random.default_rng(number)
    embedding = chance.normal(size=DIM).astype(np.float32)
    pad = PAD(*(chance.uniform(-0.9, 0.9, 3)))
    return Utterance(text or f"thing number {number}", embedding=embedding, pad=pad, **fields)
