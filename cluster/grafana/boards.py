"""The dashboards that there are, by the names of their files."""

from __future__ import annotations

from quantum_memory.cluster.grafana.durability import DURABILITY
from quantum_memory.cluster.grafana.mood import MOOD
from quantum_memory.cluster.grafana.operations import OPERATIONS
from quantum_memory.cluster.grafana.system import SYSTEM

BOARDS = {"system": SYSTEM, "operations": OPERATIONS, "mood": MOOD, "durability": DURABILITY}
