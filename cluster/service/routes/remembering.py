"""Remembering: one thing, several at once, or a stream of them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query

from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import AgentPath, BranchQuery
from quantum_memory.cluster.service.models_memories import Remembered, Said, SaidMany
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.types import Utterance

asks = Operations("remember")
Create = Annotated[bool, Query(description="Make the agent if there is none; a named branch is never made.")]
Due = Annotated[
    float | None, Query(ge=0.001, le=604_800, description="In how many seconds it has to be begun.", examples=[10])
]


@asks("writer", "POST", "/agents/{agent}/remember", "remember", "Remember one thing.")
async def remember(
    asked: Asks,
    agent: AgentPath,
    said: Said,
    branch: BranchQuery = None,
    create: Create = False,
    deadline_s: Due = None,
) -> Remembered:
    """When this answers, it is on disk."""
    handle = await asked.agent(agent, branch, create=create)
    return Remembered(ids=await handle.remember.begin(said.utterance(), deadline_s=deadline_s))


@asks("writer", "POST", "/agents/{agent}/remember/batch", "rememberMany", "Remember several things, all or none.")
async def remember_many(
    asked: Asks,
    agent: AgentPath,
    said: SaidMany,
    branch: BranchQuery = None,
    create: Create = False,
    deadline_s: Due = None,
) -> Remembered:
    """In their order. When this answers, they are on disk."""
    await asked.pay(len(said.memories))
    handle = await asked.agent(agent, branch, create=create)
    given = await asyncio.to_thread(_utterances, said)
    return Remembered(ids=await handle.remember.begin(given, deadline_s=deadline_s))


def _utterances(said: SaidMany) -> list[Utterance]:
    return [one.utterance() for one in said.memories]
