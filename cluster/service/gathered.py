"""Recalls that come to a replica while others of the same lineage are on their way, and then travel in one call.

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
from quantum_memory.types import Hits

POOL = "agents"


class Recalls:
    """The recalls of one replica. Used on one event loop.

    Between actors most of what a recall costs a replica and an orchestrator is the call, not what it brings: two cores
    answered a third more of them a second in batches.

    A question that takes longer than others goes by itself: for the past, for what only a look at every memory finds,
    with neighbours, or with a deadline of its own. So does each where traces or JSON logs are wanted, which tell of one
    request alone.

    Args:
        memory: the cluster.
    """

    def __init__(self, memory: MemoryCluster) -> None:
        settings = memory.settings
        self._memory, self._settings = memory, settings
        self._most, self._pace = settings.pools.agents.max_pending_calls, Pace()
        self._apart = settings.telemetry.traces or settings.telemetry.logs == "json"
        self._questions: Questions[RecallRequest, Hits] = Questions(self._asked)
        self._waiting = 0

    async def recall(self, request: RecallRequest) -> Hits:
        """What ``AgentHandle.recall`` answers.

        Raises: as it does; Busy where as many wait here as may wait for one orchestrator.
        """
        check_question(request.query, request.k, self._settings)
        if self._apart or _takes_long(request):
            alone: Hits = await self._memory.call_owner(request.branch.lineage, "recall_one", request).begin()
            return alone
        if self._waiting >= self._most:
            raise Busy(POOL, self._most, self._pace.until(self._waiting))
        times = self._settings.timeouts
        self._waiting += 1
        try:
            async with Deadline(times.call_s + times.per_text_s).kept("recall"):
                return await self._questions.ask(request.branch.lineage, request)
        finally:
            self._waiting -= 1
            self._pace.answered()

    async def _asked(self, requests: Sequence[RecallRequest]) -> list[Hits | QuantumMemoryError]:
        """What these come to, all of one lineage."""
        call = self._memory.call_owner(requests[0].branch.lineage, "recall_each", list(requests))
        found: list[Hits | QuantumMemoryError] = await call.begin()
        return found


def _takes_long(request: RecallRequest) -> bool:
    """Whether others should not wait for the answer to this one."""
    return bool(request.neighbours) or request.exact or request.as_of is not None or request.deadline_s is not None
