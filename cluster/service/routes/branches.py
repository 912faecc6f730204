"""Branches: forks and clones, and going back and coming together."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import AgentPath, BranchQuery, Cursor, Limit, Page, PlaceTold
from quantum_memory.cluster.service.models_history import (
    BranchTold,
    MergeTold,
    ToFork,
    ToMerge,
    ToRollBack,
    branch_told,
    merge_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import place
from quantum_memory.cluster.service.routes.agents import AgentTold
from quantum_memory.cluster.service.tenants import inside
from quantum_memory.errors import AlreadyExists, InvalidValue, PlaceNotFound

asks = Operations("branches")
BranchPath = Annotated[str, Path(description="The branch's name.", min_length=1, max_length=128, examples=["what-if"])]


@asks("reader", "GET", "/agents/{agent}/branches", "listBranches", "The branches of an agent, oldest first.")
async def list_branches(asked: Asks, agent: AgentPath, limit: Limit = 100, cursor: Cursor = None) -> Page[BranchTold]:
    """A branch that is deleted while somebody reads the pages ends the list there: its cursor is one no more."""
    handle = await asked.agent(agent)
    found = [branch_told(one.info) for one in await handle.branches.begin()]
    page, following = cursors.grown("branches", found, cursor, min(limit, asked.limits.page), _id)
    return Page(items=page, next=following)


def _id(one: BranchTold) -> str:
    return one.id


@asks("admin", "DELETE", "/agents/{agent}/branches/{branch}", "deleteBranch", "Delete a branch.", status=204)
async def delete_branch(asked: Asks, agent: AgentPath, branch: BranchPath) -> None:
    """Its children live on; the first branch of an agent cannot be deleted."""
    if await asked.done(agent):
        return
    try:
        handle = await asked.agent(agent, branch)
        await handle.delete.begin()
    except (PlaceNotFound, AlreadyExists):
        if not await asked.done(agent):
            raise  # else this very request, sent before, was done meanwhile


@asks("writer", "POST", "/agents/{agent}/fork", "fork", "Begin a branch that can be merged back.", status=201)
async def fork(asked: Asks, agent: AgentPath, what: ToFork, branch: BranchQuery = None) -> BranchTold:
    """Nothing is copied."""
    handle = await asked.agent(agent, branch)
    return branch_told((await handle.fork.begin(what.name, place(handle, what.at))).info)


@asks("writer", "POST", "/agents/{agent}/clone", "clone", "Make an agent that shares this one's past.", status=201)
async def clone(asked: Asks, agent: AgentPath, what: ToFork, branch: BranchQuery = None) -> AgentTold:
    """Nothing is copied."""
    full = inside(asked.who.tenant, what.name)
    asked.who.require_agent(what.name, "clone")
    handle = await asked.agent(agent, branch)
    made = await handle.clone.begin(full, place(handle, what.at))
    return AgentTold(name=what.name, branch=made.branch, created_at=made.info.created_at)


@asks("writer", "POST", "/agents/{agent}/rollback", "rollback", "Be again as at an earlier place, whole or in parts.")
async def rollback(asked: Asks, agent: AgentPath, what: ToRollBack, branch: BranchQuery = None) -> PlaceTold:
    """Answers where the branch stands then. It is an event itself: roll back to before it to undo it."""
    handle = await asked.agent(agent, branch)
    return PlaceTold.model_validate(await handle.rollback.begin(place(handle, what.to), what.parts))


@asks("writer", "POST", "/agents/{agent}/merge", "merge", "Take over what another branch has learned.")
async def merge(asked: Asks, agent: AgentPath, what: ToMerge, branch: BranchQuery = None) -> MergeTold:
    """The other branch is not changed. Merging again finds nothing new."""
    if what.agent is None and what.branch is None:
        raise InvalidValue("branch", "nothing", "a branch or an agent to take from")
    handle = await asked.agent(agent, branch)
    other = await asked.agent(what.agent or agent, what.branch)
    report = await handle.merge.begin(
        other,
        at=place(other, what.at),
        policy=what.policy,
        mood_weight=what.mood_weight,
        only=what.only,
        matching=what.matched,
        k=what.k,
    )
    return merge_told(report)
