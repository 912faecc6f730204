"""The operations of the REST door, one module a subject."""

from __future__ import annotations

from collections.abc import Sequence

from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.routes import agents, asking, moods, remembering

SUBJECTS: Sequence[Operations] = (
    agents.asks,
    remembering.asks,
    asking.asks,
    moods.asks,
)
"""In the order of the document."""
