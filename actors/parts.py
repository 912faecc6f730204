"""The parts that an orchestrator works with, and where they live: pools of actors, or right here."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.emotion import EmotionHost
from quantum_memory.actors.episodic_memory import EpisodicMemoryHost
from quantum_memory.actors.journal import Journal
from quantum_memory.actors.ports import LocalPort, PoolPort, Port, RemoteVault
from quantum_memory.actors.quantum_state import QuantumStateHost
from quantum_memory.actors.semantic_graph import SemanticGraphHost
from quantum_memory.actors.tenure import Tenure
from quantum_memory.actors.views import RemoteHistory
from quantum_memory.actors.wishes import OpenWishes
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.timeline import History
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics


@dataclass(frozen=True)
class Parts:
    """A way to every part."""

    journal: Journal
    emotion: Port[EmotionHost]
    quantum: Port[QuantumStateHost]
    episodic: Port[EpisodicMemoryHost]
    graph: Port[SemanticGraphHost]

    @property
    def views(self) -> tuple[Port[Any], ...]:
        """The ways to everything that is folded from the journal."""
        return self.episodic, self.graph, self.quantum


def connect_parts(settings: Settings, directory: Directory, member: int, metrics: Metrics = SILENT) -> Parts:
    """Ways to the actors where there are some, and hosts made here where the placement is inline.

    ``member`` is the number of the orchestrator that they are for, ``metrics`` where hosts made here measure.
    """
    vault, views = RemoteVault(directory), settings.views
    tenure = Tenure(vault, directory, member)
    # Not when it is first asked: by then it may have been replaced, and would displace whoever replaced it.
    with suppress(QuantumMemoryError):
        tenure.begun(directory.call("vault", 0, "enlist", (member, tenure.process)).send())
    journal = Journal(vault, tenure.owns, tenure, views.idle_s, metrics, OpenWishes(settings.vault.grace_s))
    if settings.placement == "inline":
        return local_parts(settings, journal, RemoteHistory(directory), metrics)
    return Parts(
        journal,
        PoolPort(directory, "emotion"),
        PoolPort(directory, "quantum"),
        PoolPort(directory, "episodic"),
        PoolPort(directory, "graph"),
    )


def local_parts(settings: Settings, journal: Journal, history: History, metrics: Metrics = SILENT) -> Parts:
    """Hosts made in this process, each in a thread of its own."""
    return Parts(
        journal,
        LocalPort(EmotionHost(settings, metrics), "emotion"),
        LocalPort(QuantumStateHost(settings, history, metrics), "quantum"),
        LocalPort(EpisodicMemoryHost(settings, history, metrics), "episodic"),
        LocalPort(SemanticGraphHost(settings, history, metrics), "graph"),
    )
