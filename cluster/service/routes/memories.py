"""Memories one by one: reading them, rewriting them and forgetting them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks, takes_long
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery, Cursor, Limit, Page
from quantum_memory.cluster.service.models_memories import (
    Forgotten,
    MemoryTold,
    Revision,
    ToForget,
    Traced,
    memory_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import event, pinned, place
from quantum_memory.types import Memory, Place

asks = Operations("memories")
MemoryPath = Annotated[
    str, Path(description="The memory's id.", min_length=1, max_length=128, examples=["3f6c2a9d1be04c7a8e55"])
]
Embeddings = Annotated[bool, Query(description="Answer with embeddings, some 8 kB each.")]


@asks("reader", "GET", "/agents/{agent}/memories", "listMemories", "The memories of a branch, in the order of adding.")
@takes_long
async def list_memories(
    asked: Asks,
    agent: AgentPath,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    embeddings: Embeddings = False,
    newest_first: Annotated[bool, Query(description="In the reverse order; the same for all pages.")] = False,
) -> Page[MemoryTold]:
    """All pages are of the place where the branch stood when the first was read: what is added, rewritten or forgotten
    meanwhile is in none of them, and moves nothing.
    """
    handle = await asked.agent(agent, branch)
    most = min(limit, asked.limits.page)
    if cursor is None:
        at, begin = await pinned(handle, as_of), 0
    else:
        seq, begin = (int(one) for one in cursors.read("memories", cursor, [int, int]))
        at = event(handle, seq, f":{seq}")
    if newest_first:
        found, total = await _from_the_end(handle, begin, most, at)
    else:
        found, total = await handle.page.begin(begin, most, as_of=at)
    following = cursors.written("memories", at.seq, begin + most) if begin + most < total else None
    return Page(items=[memory_told(one, embeddings=embeddings) for one in found], next=following)


async def _from_the_end(handle: AgentHandle, begin: int, most: int, at: Place) -> tuple[list[Memory], int]:
    """A page that is counted from the last memory on, and how many memories there are."""
    _, total = await handle.page.begin(0, 1, as_of=at)
    end = total - begin
    if end <= 0:
        return [], total
    start = max(0, end - most)
    found, _ = await handle.page.begin(start, end - start, as_of=at)
    return list(found)[::-1], total


@asks("reader", "GET", "/agents/{agent}/memories/{memory:path}", "readMemory", "One memory.")
async def read_memory(
    asked: Asks,
    agent: AgentPath,
    memory: MemoryPath,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    embeddings: Embeddings = False,
) -> MemoryTold:
    """By its id."""
    handle = await asked.agent(agent, branch)
    return memory_told(await handle.memory.begin(memory, as_of=place(handle, as_of)), embeddings=embeddings)


@asks("reader", "GET", "/agents/{agent}/provenance", "readProvenance", "Where a memory comes from.")
@takes_long
async def read_provenance(
    asked: Asks,
    agent: AgentPath,
    memory: Annotated[
        str, Query(description="The memory's id.", min_length=1, max_length=128, examples=["3f6c2a9d1be04c7a8e55"])
    ],
    branch: BranchQuery = None,
    as_of: AsOf = None,
) -> Traced:
    """What it was made of, where it was made of other memories, and what was made of it."""
    handle = await asked.agent(agent, branch)
    found = await handle.provenance.begin(memory, as_of=place(handle, as_of))
    return Traced(
        memory=memory_told(found.memory),
        how=found.how,
        sources=[one.id for one in found.sources],
        gone=list(found.gone),
        made=[one.id for one in found.made],
    )


@asks("writer", "PATCH", "/agents/{agent}/memories/{memory:path}", "reviseMemory", "Rewrite a memory.")
async def revise_memory(
    asked: Asks, agent: AgentPath, memory: MemoryPath, what: Revision, branch: BranchQuery = None
) -> MemoryTold:
    """What is given takes the place of what was there; a new text is perceived anew."""
    handle = await asked.agent(agent, branch)
    return memory_told(await handle.revise.begin(memory, **what.fields()))


@asks("writer", "DELETE", "/agents/{agent}/memories/{memory:path}", "forgetMemory", "Forget a memory.", status=204)
async def forget_memory(asked: Asks, agent: AgentPath, memory: MemoryPath, branch: BranchQuery = None) -> None:
    """It is found no more on this branch; forks that were made before keep theirs."""
    handle = await asked.agent(agent, branch)
    await handle.forget.begin([memory])


@asks("writer", "POST", "/agents/{agent}/forget", "forget", "Forget several memories, all or none.")
async def forget(asked: Asks, agent: AgentPath, what: ToForget, branch: BranchQuery = None) -> Forgotten:
    """They are found no more on this branch; forks that were made before keep theirs."""
    await asked.pay(len(what.ids))
    handle = await asked.agent(agent, branch)
    return Forgotten(forgotten=await handle.forget.begin(what.ids))
