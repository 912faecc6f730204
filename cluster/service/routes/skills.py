"""Skills: what an agent can do, learned from what it is told or from what it did."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery
from quantum_memory.cluster.service.models_graph import (
    SkillList,
    SkillTold,
    ToLearn,
    ToLearnFrom,
    ToPractise,
    skill_hit_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import place

asks = Operations("skills")


@asks("reader", "GET", "/agents/{agent}/skills", "listSkills", "The skills that fit a situation, or all.")
async def list_skills(
    asked: Asks,
    agent: AgentPath,
    query: Annotated[str | None, Query(min_length=1, description="The situation.", examples=["a guest comes"])] = None,
    k: Annotated[int, Query(ge=1, le=10_000, description="How many at most, of those that fit.")] = 10,
    branch: BranchQuery = None,
    as_of: AsOf = None,
) -> SkillList:
    """Each says how well it fits, and why."""
    handle = await asked.agent(agent, branch)
    found = await handle.skills.begin(query, k, as_of=place(handle, as_of))
    return SkillList(items=[skill_hit_told(one) for one in found])


@asks("writer", "POST", "/agents/{agent}/skills", "learn", "Learn a skill, or rewrite one.")
async def learn(asked: Asks, agent: AgentPath, what: ToLearn, branch: BranchQuery = None) -> SkillTold:
    """The counts of one with the same name go on."""
    handle = await asked.agent(agent, branch)
    return SkillTold.of(await handle.learn.begin(what.name, what.steps, what.when))


@asks("writer", "POST", "/agents/{agent}/skills/from-episodes", "learnFrom", "Learn a skill from what was done.")
async def learn_from(asked: Asks, agent: AgentPath, what: ToLearnFrom, branch: BranchQuery = None) -> SkillTold:
    """The steps that went well, in order, those that all attempts share."""
    handle = await asked.agent(agent, branch)
    learned = await handle.learn_from.begin(
        what.episodes, name=what.name, succeeded=what.succeeded, when=what.when, preview=what.preview
    )
    return SkillTold.of(learned)


@asks("writer", "POST", "/agents/{agent}/skills/practise", "practise", "Note that a skill was used, and how that went.")
async def practise(asked: Asks, agent: AgentPath, what: ToPractise, branch: BranchQuery = None) -> SkillTold:
    """Answers the skill with its counts."""
    handle = await asked.agent(agent, branch)
    return SkillTold.of(await handle.practise.begin(what.skill, succeeded=what.succeeded))
