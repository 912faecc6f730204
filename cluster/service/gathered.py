"""Recalls in batches: those that come while others of the same lineage are on their way travel in one call after them.

Owns which of them go together, and how many may wait here. Answers nothing itself. A recall that comes alone goes at
once, and nobody waits for others to come: see ``actors.together``.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantum_memory.actors.pace import Pace
from quantum_memory.actors.patience import Deadline
from quantum_memory.actors.requests import RecallRequest, check_question
from quantum_memory.actors.together import Questions
from quantum_memory.cluster.connect import MemoryCluster
from quantum_memory.errors import Busy, QuantumMemoryError
from quantum_memory.telemetry import Metrics
from quantum_memory.telemetry.catalog import BACKPRESSURE
from quantum_memory.types import Hits

POOL = "agents"
MOST_K = 100
"""Memories that a question may ask for in company: the answers to a batch travel as one message."""


class Recalls:
    """The recalls of one replica. Used on one event loop.

    A question that takes longer than others goes by itself: for the past, for what only a look at every memory finds,
    for very many, with neighbours, or with a deadline of its own. So does each where traces or JSON logs are wanted,
    which tell of one request alone.

    Args:
        memory: the cluster.
        metrics: where refusals are counted.
    """

    def __init__(self, memory: MemoryCluster, metrics: Metrics) -> None:
        settings = memory.settings
        self._memory, self._settings, self._metrics = memory, settings, metrics
        self._most, self._pace = settings.pools.agents.max_pending_calls, Pace()
        self._apart = settings.telemetry.traces or settings.telemetry.logs == "json"
        self._questions: Questions[RecallRequest, Hits] = Questions(self._asked)

    async def recall(self, request: RecallRequest) -> Hits:
        """What ``AgentHandle.recall`` answers.

        Raises: as it does; Busy where as many wait here for one lineage as may wait for one orchestrator.
        """
        check_question(request.query, request.k, self._settings)
        lineage = request.branch.lineage
        if self._apart or request.deadline_s is not None or looks_far(request):
            alone: Hits = await self._memory.call_owner(lineage, "recall_one", request).begin()
            return alone
        if self._questions.waiting(lineage) >= self._most:
            self._metrics.add(BACKPRESSURE, 1, POOL)
            raise Busy(POOL, self._most, self._pace.until(self._most))
        times = self._settings.timeouts
        async with Deadline(times.call_s + times.per_text_s).kept("recall"):
            hits = await self._questions.ask(lineage, request)
        self._pace.answered()
        return hits

    async def _asked(self, requests: Sequence[RecallRequest]) -> list[Hits | QuantumMemoryError]:
        """What these come to, all of one lineage."""
        call = self._memory.call_owner(requests[0].branch.lineage, "recall_each", list(requests))
        found: list[Hits | QuantumMemoryError] = await call.begin()
        return found


def looks_far(request: RecallRequest) -> bool:
    """Whether a question is for the past, what a look at every memory finds, very many memories or their company."""
    return request.as_of is not None or request.exact or bool(request.neighbours) or request.k > MOST_K
