"""Who asks through the door, and what he may do. Knows no credential and no request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from quantum_memory.checks import visible, within
from quantum_memory.cluster.service.tenants import tenant_named
from quantum_memory.errors import Forbidden, InvalidValue
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.shelves import TIERS, Tier, tier_named

Role = Literal["reader", "writer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""
Channel = Literal["mood", "memories", "history"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
"""What can be subscribed to."""
CLEARANCES: Mapping[Role, Tier] = {"reader": "open", "writer": "internal", "admin": "restricted"}
"""What who has a role may read and write in the library, unless somebody says otherwise."""
MAX_SUBJECT_CHARS = 256
MAX_PATTERNS = 64


def role_named(name: str) -> Role:
    """The role of this name. Raises: InvalidValue."""
    for role in ROLES:
        if role == name:
            return role
    raise InvalidValue("role", repr(name), f"one of {', '.join(ROLES)}")


def channel_named(name: str) -> Channel:
    """The channel of this name. Raises: InvalidValue."""
    for channel in CHANNELS:
        if channel == name:
            return channel
    raise InvalidValue("channel", repr(name), f"one of {', '.join(CHANNELS)}")


def matched(agent: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of some patterns matches an agent, by the tenant's name for it."""
    return any(fnmatchcase(agent, pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        subject: who it is, for the audit: "key:4f1c…", or what a token says of itself.
        tenant: whose agents he sees.
        role: what he may do with them.
        agents: patterns of the names of those that he sees, as ``fnmatch`` reads them, in the tenant's own names.
        channels: what he may subscribe to.
        clearance: the highest tier of the library that he may read or write; that of his role when left out.
        projects: patterns of the projects that he may use. When left out, all of them if he sees all agents; who is
            bound to some agents is bound to no projects until somebody says which.

    Raises: InvalidValue, EmptyText, TooLong.
    """

    subject: str
    tenant: str
    role: Role
    agents: tuple[str, ...] = ("*",)
    channels: tuple[Channel, ...] = CHANNELS
    clearance: Tier | None = None
    projects: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not within("subject", visible("subject", self.subject), MAX_SUBJECT_CHARS).isprintable():
            raise InvalidValue("subject", repr(self.subject), "a text without control characters")
        tenant_named(self.tenant)
        role_named(self.role)
        if not 1 <= len(self.agents) <= MAX_PATTERNS or not all(self.agents):
            raise InvalidValue("agents", repr(self.agents), f"1 to {MAX_PATTERNS} patterns of names")
        if self.clearance is None:
            object.__setattr__(self, "clearance", CLEARANCES[self.role])
        tier_named(self.clearance)
        if self.projects is None:
            object.__setattr__(self, "projects", ("*",) if "*" in self.agents else ())
        if len(self.projects or ()) > MAX_PATTERNS or not all(self.projects or ()):
            raise InvalidValue("projects", repr(self.projects), f"at most {MAX_PATTERNS} patterns of names")
        unknown = [channel for channel in self.channels if channel not in CHANNELS]
        if unknown:
            raise InvalidValue("channels", repr(unknown), f"some of {', '.join(CHANNELS)}")

    @property
    def reach(self) -> Reach:
        """How far he may reach in the library."""
        return Reach(self.tenant, self.clearance or TIERS[0], self.projects or ())

    def sees(self, agent: str) -> bool:
        """Whether an agent, by the tenant's name for it, is one of his."""
        return matched(agent, self.agents)

    def require(self, role: Role, action: str) -> None:
        """Let through who may do what takes this role. Raises: Forbidden."""
        if ROLES.index(self.role) < ROLES.index(role):
            raise Forbidden(action, f"it takes the role {role!r}, and this is a {self.role}")

    def require_agent(self, agent: str, action: str) -> None:
        """Let through who sees an agent. Raises: Forbidden, whether there is such an agent or not."""
        if not self.sees(agent):
            raise Forbidden(action, f"the agent {agent!r} is not among those that may be used")

    def require_channel(self, channel: str, action: str) -> None:
        """Let through who may subscribe to a channel. Raises: Forbidden."""
        if channel not in self.channels:
            raise Forbidden(action, f"the channel {channel!r} is not among those that may be used")
