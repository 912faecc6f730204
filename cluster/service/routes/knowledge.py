"""What an agent knows: concepts, and relations between things."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from quantum_memory.cluster.service.door import Asks, takes_long
from quantum_memory.cluster.service.limits.meter import MEMORIES
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery, When
from quantum_memory.cluster.service.models_graph import (
    ConceptList,
    NeighbourList,
    RankedConcept,
    RelationList,
    RelationTold,
    ToRelate,
    ToUnrelate,
    WayList,
    concept_told,
    neighbour_told,
    way_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import place
from quantum_memory.memory.semantic.bonds import MAX_DEPTH, MAX_HOPS, MAX_NEAR

asks = Operations("knowledge")
MOST_WAYS = 20
"""Ways that are told of at once. Each costs as ``MEMORIES`` memories do."""
At = Annotated[
    When | None, Query(description="Those relations that held at this time.", examples=["2025-01-11T18:02:00Z"])
]
Thing = Annotated[str, Query(description="A name, in any form.", min_length=1, examples=["Ann"])]


@asks("reader", "GET", "/agents/{agent}/concepts", "listConcepts", "What an agent's memories are about.")
@takes_long
async def list_concepts(
    asked: Asks,
    agent: AgentPath,
    top: Annotated[int, Query(ge=1, le=10_000, description="How many at most.")] = 20,
    branch: BranchQuery = None,
    as_of: AsOf = None,
) -> ConceptList:
    """Concepts by quantum PageRank over its semantic graph."""
    handle = await asked.agent(agent, branch)
    found = await handle.concepts.begin(top, as_of=place(handle, as_of))
    return ConceptList(items=[RankedConcept(concept=concept_told(one), rank=float(rank)) for one, rank in found])


@asks("reader", "GET", "/agents/{agent}/relations", "listRelations", "The relations that an agent knows of.")
@takes_long
async def list_relations(
    asked: Asks,
    agent: AgentPath,
    about: Thing | None = None,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    at: At = None,
) -> RelationList:
    """All that hold, or those with something of a name at either end."""
    handle = await asked.agent(agent, branch)
    found = await handle.relations.begin(about, place(handle, as_of), at=at)
    return RelationList(items=[RelationTold.model_validate(one) for one in found])


@asks("writer", "POST", "/agents/{agent}/relations", "relate", "Know how something stands to something.")
async def relate(asked: Asks, agent: AgentPath, what: ToRelate, branch: BranchQuery = None) -> RelationTold:
    """Answers the relation as it is known then."""
    handle = await asked.agent(agent, branch)
    relation = await handle.relate.begin(
        what.subject,
        what.predicate,
        what.object,
        what.weight,
        what.memory,
        at=what.at,
        until=what.until,
        replaces=[one.key() for one in what.replaces],
    )
    return RelationTold.model_validate(relation)


@asks(
    "writer", "POST", "/agents/{agent}/relations/end", "unrelate", "Know that a relation holds no longer.", status=204
)
async def unrelate(asked: Asks, agent: AgentPath, what: ToUnrelate, branch: BranchQuery = None) -> None:
    """It is still known of any time before."""
    handle = await asked.agent(agent, branch)
    await handle.unrelate.begin(what.subject, what.predicate, what.object, at=what.at)


@asks("reader", "GET", "/agents/{agent}/neighbours", "listNeighbours", "What is near something, and what binds it.")
async def list_neighbours(
    asked: Asks,
    agent: AgentPath,
    name: Thing,
    depth: Annotated[int, Query(ge=1, le=MAX_DEPTH, description="How many steps at most.")] = 1,
    limit: Annotated[int, Query(ge=1, le=MAX_NEAR, description="How many at most.")] = 100,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    at: At = None,
) -> NeighbourList:
    """The nearest first, and of these the strongest bonds. With a time only relations are followed: those that held
    then.
    """
    await asked.pay(limit)
    async with asked.door.backend.long(asked.who):
        handle = await asked.agent(agent, branch)
        found = await handle.neighbours.begin(name, depth, limit, at=at, as_of=place(handle, as_of))
    return NeighbourList(items=[neighbour_told(one) for one in found])


@asks("reader", "GET", "/agents/{agent}/paths", "listPaths", "The ways between two things.")
async def list_paths(
    asked: Asks,
    agent: AgentPath,
    start: Thing,
    goal: Thing,
    limit: Annotated[int, Query(ge=1, le=MOST_WAYS, description="How many at most.")] = 5,
    longest: Annotated[int, Query(ge=1, le=MAX_HOPS, description="Of so many steps at most.")] = 4,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    at: At = None,
) -> WayList:
    """The shortest first. With a time only relations are followed: those that held then. Among very many concepts not
    all are looked at; ways that are left out are no shorter than those told.
    """
    await asked.pay(limit * MEMORIES)
    async with asked.door.backend.long(asked.who):
        handle = await asked.agent(agent, branch)
        found = await handle.paths.begin(start, goal, limit, longest=longest, at=at, as_of=place(handle, as_of))
    return WayList(items=[way_told(one) for one in found])
