"""Which agents of the cluster belong to a tenant, and what it calls them. Asks nobody.

An agent of the tenant "acme" is "acme:alice" in the cluster, where drivers see every agent. What has no tenant's name
in front belongs to the tenant "default", so that a driver and the door meet at the same agents.
"""

from __future__ import annotations

import re
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

from quantum_memory.checks import named
from quantum_memory.errors import InvalidValue, QuantumMemoryError
from quantum_memory.types import AgentName

DEFAULT = "default"
SEPARATOR = ":"
NAMING = frozenset({"branch_created", "imported"})
"""Changes of the catalog whose detail names agents as the cluster does: it is for nobody who comes through the door."""
KNOWN = 4096
"""Names of which it is remembered whose they are."""
_UPWARDS, _STEPS = frozenset({".", ".."}), re.compile(r"[/\\]")
_AFTER_SEPARATOR = chr(ord(SEPARATOR) + 1)
_LAST = chr(0x10FFFF)
"""Which no name holds: it cannot be printed."""
_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def tenant_named(name: object) -> str:
    """The name of a tenant, if it is fit for one. Raises: InvalidValue."""
    if not isinstance(name, str) or _TENANT.fullmatch(name) is None:
        raise InvalidValue("tenant", repr(name), "1 to 32 of a-z, 0-9 and '-', not beginning with '-'")
    return name


def inside(tenant: str, agent: object) -> AgentName:
    """What an agent of a tenant is called in the cluster. Raises: InvalidValue, EmptyText, TooLong."""
    own = named("agent", agent)
    if SEPARATOR in own:
        raise InvalidValue("agent", repr(own), f"a name without {SEPARATOR!r}")
    if not _UPWARDS.isdisjoint(_STEPS.split(own)):  # clients of HTTP take it for another path
        raise InvalidValue("agent", repr(own), "a name without '.' or '..' as a step of a path")
    return own if tenant == DEFAULT else named("agent", f"{tenant}{SEPARATOR}{own}")


def beyond(tenant: str, after: AgentName = "") -> tuple[AgentName, AgentName | None]:
    """The names of the cluster between which a tenant's agents after one lie, both left out; no second is no end.

    Names of the default tenant have no prefix, so those of other tenants lie between them: see ``skipped``.
    """
    if tenant == DEFAULT:
        return after, None
    return after or f"{tenant}{SEPARATOR}", f"{tenant}{_AFTER_SEPARATOR}"


def skipped(tenant: str, agent: AgentName) -> AgentName:
    """Where to go on after a name that is not the tenant's: for the default one, behind all names of whose it is."""
    owner, separator, _ = agent.partition(SEPARATOR)
    return f"{owner}{SEPARATOR}{_LAST}" if separator and tenant == DEFAULT else agent


class Owned(NamedTuple):
    """Whose an agent is, and what its tenant calls it."""

    tenant: str
    name: str


@lru_cache(maxsize=KNOWN)
def owned(agent: AgentName) -> Owned | None:
    """Whose an agent of the cluster is; nothing if a driver made it under a name that no tenant can use."""
    owner, separator, own = agent.partition(SEPARATOR)
    if not separator:
        owner, own = DEFAULT, agent
    try:
        known = inside(tenant_named(owner), own) == agent
    except QuantumMemoryError:
        return None
    return Owned(owner, own) if known else None


def outside(tenant: str, agent: AgentName) -> str | None:
    """What a tenant calls an agent of the cluster; nothing if it is not one of his."""
    found = owned(agent)
    return found.name if found is not None and found.tenant == tenant else None


@lru_cache(maxsize=KNOWN)
def belonging(tenant: str, patterns: tuple[str, ...]) -> str:
    """A regular expression of the cluster's names for a tenant's agents that one of these patterns matches."""
    beginning = "" if tenant == DEFAULT else re.escape(f"{tenant}{SEPARATOR}")
    return f"{beginning}(?=[^{SEPARATOR}]*\\Z)(?:{'|'.join(map(translate, patterns))})"
