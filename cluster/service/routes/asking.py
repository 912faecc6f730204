"""Recall, and contexts for prompts."""

from __future__ import annotations

from quantum_memory.actors.requests import place_of
from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import AgentPath, BranchQuery
from quantum_memory.cluster.service.models_asking import ContextQuestion, ContextTold, RecallQuestion, context_told
from quantum_memory.cluster.service.models_memories import Recalled, hits_told
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import place
from quantum_memory.memory.prompting.block import SECTIONS

asks = Operations("recall")


@asks("reader", "POST", "/agents/{agent}/recall", "recall", "What an agent remembers about something, best first.")
async def recall(asked: Asks, agent: AgentPath, question: RecallQuestion, branch: BranchQuery = None) -> Recalled:
    """Each hit says what its score is made of. Where a part of memory is away, the answer comes without it."""
    handle = await asked.agent(agent, branch)
    request = question.of(handle.info, place_of(place(handle, question.as_of)))
    hits = await asked.door.backend.recall(asked.who, request)
    return hits_told(hits, embeddings=question.embeddings)


@asks("reader", "POST", "/agents/{agent}/context", "context", "What an agent knows of something, as part of a prompt.")
async def context(asked: Asks, agent: AgentPath, question: ContextQuestion, branch: BranchQuery = None) -> ContextTold:
    """What memories say is quoted: it is data, and no instruction to whoever reads it."""
    async with asked.door.backend.long(asked.who, question.deadline_s) as left_s:
        handle = await asked.agent(agent, branch)
        made = await handle.context.begin(
            question.asked,
            question.tokens,
            as_of=place(handle, question.as_of),
            neighbours=question.neighbours,
            level=question.level,
            sections=SECTIONS if question.sections is None else question.sections,
            deadline_s=left_s,
            **question.filters,
        )
    return context_told(made)
