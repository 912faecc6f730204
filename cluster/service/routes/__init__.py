"""The operations of the REST door, one module a subject."""

from __future__ import annotations

from collections.abc import Sequence

from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.routes import (
    agents,
    asking,
    branches,
    exchange,
    history,
    knowledge,
    library,
    memories,
    moods,
    remembering,
    skills,
)

SUBJECTS: Sequence[Operations] = (
    agents.asks,
    remembering.asks,
    asking.asks,
    moods.asks,
    memories.asks,
    history.asks,
    branches.asks,
    knowledge.asks,
    skills.asks,
    exchange.asks,
    library.asks,
)
"""In the order of the document."""
