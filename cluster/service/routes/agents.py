"""Agents: which there are, and making one; who asks, and who was denied something."""

from __future__ import annotations

from fastapi import Response
from pydantic import Field

from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import AgentPath, Cursor, Limit, Page, Told, When
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.principals import Channel, Role
from quantum_memory.errors import AgentNotFound
from quantum_memory.memory.library.shelves import Tier

asks = Operations("agents")


class AgentName(Told):
    """An agent by its name."""

    name: str = Field(examples=["alice"])


class AgentTold(Told):
    """An agent, and its first branch."""

    name: str = Field(examples=["alice"])
    branch: str = Field(examples=["main"])
    created_at: When


class CallerTold(Told):
    """Who asks, and what he may."""

    subject: str = Field(description="Who it is, as the audit says.", examples=["key:0f3a9b27c1d84e65"])
    tenant: str
    role: Role
    agents: list[str] = Field(description="Patterns of the names of the agents that he sees.")
    channels: list[Channel] = Field(description="What he may subscribe to on the stream.")
    clearance: Tier = Field(description="The highest tier of the library that he may read.")
    projects: list[str] = Field(description="Patterns of the names of the projects that he reaches.")


@asks("reader", "GET", "/caller", "readCaller", "Who asks, and what he may.")
async def read_caller(asked: Asks) -> CallerTold:
    """A client can see by it what would be refused, and not offer that."""
    return CallerTold.model_validate(asked.who)


class DenialTold(Told):
    """Something that a caller was denied."""

    at: When
    who: str | None
    address: str | None
    action: str = Field(examples=["remember"])
    agent: str | None = Field(description="As the caller named it.")
    request: str | None = Field(description="The id of the request.")
    reason: str


@asks("admin", "GET", "/denials", "listDenials", "What callers of the tenant were denied lately, newest first.")
async def list_denials(asked: Asks, limit: Limit = 100, cursor: Cursor = None) -> Page[DenialTold]:
    """About agents that the caller sees, and about none if he sees all. A page may hold fewer than were asked for."""
    most, before = min(limit, asked.limits.page), None if cursor is None else cursors.number("denials", cursor)
    found = await asked.door.backend.denials(asked.who, most + 1, before)
    page = found[:most]
    following = cursors.written("denials", page[-1].number) if len(found) > most else None
    told = [one for one in page if "*" in asked.who.agents or (one.agent is not None and asked.who.sees(one.agent))]
    return Page(items=[DenialTold.model_validate(one) for one in told], next=following)


@asks("reader", "GET", "/agents", "listAgents", "The agents that the caller sees, by name.")
async def list_agents(asked: Asks, limit: Limit = 100, cursor: Cursor = None) -> Page[AgentName]:
    """An agent that is made while somebody reads the pages may be on one of them or not; no other is missed for it."""
    most, last = min(limit, asked.limits.page), None if cursor is None else cursors.text("agents", cursor)
    names = await asked.door.backend.agents_page(asked.who, last, most + 1)
    following = cursors.written("agents", names[most - 1]) if len(names) > most else None
    return Page(items=[AgentName(name=name) for name in names[:most]], next=following)


@asks(
    "writer",
    "PUT",
    "/agents/{agent}",
    "makeAgent",
    "Make an agent, or find that it is there.",
    answers={201: {"model": AgentTold, "description": "It was made."}},
)
async def make_agent(asked: Asks, agent: AgentPath, answer: Response) -> AgentTold:
    """Making it again changes nothing."""
    try:
        handle = await asked.agent(agent)
        answer.status_code = 201 if await asked.done(agent) else 200
    except AgentNotFound:
        handle = await asked.agent(agent, create=True)
        answer.status_code = 201
    return AgentTold(name=agent, branch=handle.branch, created_at=handle.info.created_at)


@asks("reader", "GET", "/agents/{agent}", "readAgent", "One agent.")
async def read_agent(asked: Asks, agent: AgentPath) -> AgentTold:
    handle = await asked.agent(agent)
    return AgentTold(name=agent, branch=handle.branch, created_at=handle.info.created_at)
