"""Who may come in from outside, as values that check themselves: what can be written of it, and what can be read.

Knows no secret: of a key it has the salted hash, which is never shown. What roles and channels there are is not its
business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from quantum_memory.checks import utc, visible, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.vault.fields import identifier, storable

MAX_LISTED = 64
"""Patterns of agents and projects, and channels, that a key may have."""
MAX_LISTED_CHARS = 256
MAX_TOLD_CHARS = 512
HASH_BYTES = range(16, 65)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as the catalog has it.

    Attributes:
        id: the part of it that everybody may know.
        tenant: whose agents it opens.
        name: what people call it.
        role: what it may do with them.
        agents: patterns of the agents that it opens.
        channels: what may be subscribed to with it.
        salt, hash: what a secret is compared with.
        created: since when there is such a key.
        expires: from when on it opens nothing; ``None`` for never.
        revoked: since when it opens nothing because somebody said so.
        clearance: the highest tier of the library that it opens; ``None`` for that of the role.
        projects: patterns of the projects that it opens; ``None`` for what follows from the agents.
    """

    id: str
    tenant: str
    name: str
    role: str
    agents: tuple[str, ...]
    channels: tuple[str, ...]
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    clearance: str | None = None
    projects: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Denial:
    """Something that a caller from outside was denied; see ``NoteDenial``. ``number`` rises from one to the next."""

    number: int
    at: datetime
    action: str
    reason: str
    tenant: str | None
    who: str | None
    address: str | None
    agent: str | None
    request: str | None


@dataclass(frozen=True, slots=True)
class MakeKey:
    """Make a key, or find the very same one. ``op_id`` is for the audit alone: the key's own id makes a retry safe."""

    id: str
    tenant: str
    name: str
    role: str
    agents: tuple[str, ...]
    channels: tuple[str, ...]
    salt: bytes = field(repr=False)
    hash: bytes = field(repr=False)
    expires: datetime | None
    op_id: str
    clearance: str | None = None
    projects: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("id", "tenant", "name", "role", "op_id"):
            identifier(name, getattr(self, name))
        if self.clearance is not None:
            identifier("clearance", self.clearance)
        for name in ("agents", "channels", "projects"):
            listed: tuple[str, ...] = getattr(self, name) or ()
            if len(listed) > MAX_LISTED:
                raise InvalidValue(name, f"{len(listed)} of them", f"at most {MAX_LISTED}")
            for one in listed:
                storable(name, within(name, visible(name, one), MAX_LISTED_CHARS))
        for name in ("salt", "hash"):
            if len(getattr(self, name)) not in HASH_BYTES:
                raise InvalidValue(name, "bytes of another length", f"{HASH_BYTES[0]} to {HASH_BYTES[-1]} bytes")
        if self.expires is not None:
            object.__setattr__(self, "expires", utc("expires", self.expires))


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """A key opens nothing from now on. Harmless if it was revoked before.

    With a ``tenant``, a key of another one is as if it were not there.
    """

    id: str
    tenant: str | None
    op_id: str

    def __post_init__(self) -> None:
        identifier("id", self.id)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class NoteDenial:
    """Something was denied. The oldest go where there are too many.

    Attributes:
        id: unlike any other denial's.
        at: when.
        action: what was wanted.
        reason: why it was denied.
        tenant, who: of the caller, where he was known.
        address: where he was.
        agent: which agent he asked for, as he called it.
        request: the id of his request.
    """

    id: str
    at: datetime
    action: str
    reason: str
    tenant: str | None = None
    who: str | None = None
    address: str | None = None
    agent: str | None = None
    request: str | None = None

    def __post_init__(self) -> None:
        identifier("id", self.id)
        object.__setattr__(self, "at", utc("at", self.at))
        for name in ("action", "reason", "tenant", "who", "address", "agent", "request"):
            told = getattr(self, name)
            if told is not None:
                storable(name, within(name, visible(name, told), MAX_TOLD_CHARS))


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """An idempotency key of a session names this request. A repeat is known by its digest."""

    session: str
    key: str
    digest: str

    def __post_init__(self) -> None:
        for name in ("session", "key", "digest"):
            identifier(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class FreeRequest:
    """An idempotency key names no request any more: the one that it named changed nothing.

    Harmless if it names another one, or none.
    """

    session: str
    key: str
    digest: str

    def __post_init__(self) -> None:
        for name in ("session", "key", "digest"):
            identifier(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class UseToken:
    """A token that is good for one use was used.

    Attributes:
        id: the token's.
        use: unlike any other use's, so that the same write again is no second use.
        expires: from when on the token would be refused anyway.
    """

    id: str
    use: str
    expires: datetime

    def __post_init__(self) -> None:
        identifier("id", self.id)
        identifier("use", self.use)
        object.__setattr__(self, "expires", utc("expires", self.expires))


Admission = MakeKey | RevokeKey | NoteDenial | NoteRequest | FreeRequest | UseToken
