"""Where entries are: the shelf of a tier of a project, and what the agent is called that holds it. Asks nobody.

Each tier of a project is an agent of its own, so that who may not read a tier may not read that agent, in whichever way
he asks. Its name begins with what no name through the door may hold, and drivers make no agent of such a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from quantum_memory.checks import named
from quantum_memory.errors import InvalidValue
from quantum_memory.types import AgentName

Tier = Literal["open", "internal", "restricted"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""Each is for fewer readers than those before it."""
DEFAULT_TIER: Tier = "internal"
RESERVED = ":"
"""What names of shelves begin with, and no other agent's."""
OWN = "default"
"""The scope of drivers, where they meet the callers of the tenant of this name."""
MAX_PROJECT_CHARS = 64
_PROJECT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_PROJECT_CHARS - 1}}}")
_SCOPE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def tier_named(name: object) -> Tier:
    """The tier of this name. Raises: InvalidValue."""
    for tier in TIERS:
        if tier == name:
            return tier
    raise InvalidValue("tier", repr(name), f"one of {', '.join(TIERS)}")


def project_named(name: object) -> str:
    """The name of a project, if it is fit for one. Raises: InvalidValue."""
    if not isinstance(name, str) or _PROJECT.fullmatch(name) is None:
        want = f"1 to {MAX_PROJECT_CHARS} letters, digits, '.', '_' and '-', beginning with a letter or digit"
        raise InvalidValue("project", repr(name), want)
    return name


def up_to(clearance: Tier) -> tuple[Tier, ...]:
    """The tiers that may be read with a clearance."""
    return TIERS[: TIERS.index(clearance) + 1]


@dataclass(frozen=True, slots=True, order=True)
class Shelf:
    """The shelf of one tier of a project.

    Attributes:
        scope: whose project it is: a tenant's name, or that of drivers.
        project: its name.
        tier: who may read.

    Raises: InvalidValue.
    """

    scope: str
    project: str
    tier: Tier

    def __post_init__(self) -> None:
        if not isinstance(self.scope, str) or _SCOPE.fullmatch(self.scope) is None:
            raise InvalidValue("scope", repr(self.scope), "1 to 32 of a-z, 0-9 and '-', not beginning with '-'")
        project_named(self.project)
        tier_named(self.tier)

    @property
    def agent(self) -> AgentName:
        """The agent that holds it."""
        return f"{beginning(self.scope)}{self.project}{RESERVED}{self.tier}"


def beginning(scope: str) -> str:
    """What the names of all shelves of a scope begin with."""
    return f"{RESERVED}{scope}{RESERVED}"


def reserved(agent: AgentName) -> bool:
    """Whether a name is kept for shelves."""
    return agent.startswith(RESERVED)


def agent_named(name: object) -> AgentName:
    """The name of an agent, if it is fit for one and not kept for shelves. Raises: InvalidValue, EmptyText, TooLong."""
    agent = named("agent", name)
    if reserved(agent):
        raise InvalidValue("agent", repr(agent), f"a name that does not begin with {RESERVED!r}: those are shelves'")
    return agent


def shelf_of(agent: AgentName) -> Shelf | None:
    """The shelf that an agent holds; ``None`` if it holds none."""
    parts = agent.split(RESERVED)
    if len(parts) != 4 or parts[0]:
        return None
    try:
        return Shelf(parts[1], parts[2], tier_named(parts[3]))
    except InvalidValue:
        return None
