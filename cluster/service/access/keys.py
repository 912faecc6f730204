"""API keys: how they are made, read and compared. Keeps no secret and asks nobody.

A key is ``qm_``, an id that everybody may know, ``_`` and a secret of 256 random bits. A secret that nobody can guess
needs no slow hash: a salted BLAKE2b of it is kept, and it is shown once.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

from quantum_memory.checks import named, utc
from quantum_memory.cluster.service.principals import CHANNELS, Channel, Principal, Role
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.library.shelves import Tier
from quantum_memory.memory.vault.admission import ApiKey, MakeKey

PREFIX = "qm_"
ID_BYTES, SECRET_BYTES, SALT_BYTES, HASH_BYTES = 8, 32, 16, 32
_KEY = re.compile(rf"{PREFIX}([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")
_PERSON = b"quantum-memory"
_DECOY = bytes(SALT_BYTES), bytes(HASH_BYTES)


class Presented(NamedTuple):
    """A key as somebody showed it. Never printed."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Presented({self.id!r})"


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key: ``text`` is to be shown once, ``write`` goes to the catalog."""

    text: str = field(repr=False)
    write: MakeKey


def mint(
    session: str,
    tenant: str,
    name: str,
    role: Role,
    agents: Iterable[str] = ("*",),
    channels: Iterable[Channel] = CHANNELS,
    expires: datetime | None = None,
    *,
    clearance: Tier | None = None,
    projects: Iterable[str] | None = None,
    now: datetime,
) -> Minted:
    """Make a key that is not in the catalog yet.

    Args:
        session: of whoever makes it, for the audit.
        tenant: whose agents it opens.
        name: what people call it.
        role: what may be done with it.
        agents: patterns of the agents that it opens.
        channels: what may be subscribed to with it.
        clearance: the highest tier of the library that it opens; that of the role when left out.
        projects: patterns of the projects that it opens; what follows from the agents when left out.
        expires: from when on it opens nothing; ``None`` for never.
        now: the time.

    Raises: InvalidInput.
    """
    id_, secret, salt = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES), secrets.token_bytes(SALT_BYTES)
    wanted = None if projects is None else tuple(projects)
    who = Principal(_subject(id_), tenant, role, tuple(agents), tuple(channels), clearance, wanted)
    if expires is not None and utc("expires", expires) <= now:
        raise InvalidValue("expires", expires.isoformat(), "a time that is not over")
    write = MakeKey(
        id=id_,
        tenant=who.tenant,
        name=named("name", name),
        role=who.role,
        agents=who.agents,
        channels=who.channels,
        salt=salt,
        hash=_hashed(secret, salt),
        expires=expires,
        op_id=f"{session}.key-{id_}",
        clearance=clearance,
        projects=wanted,
    )
    return Minted(f"{PREFIX}{id_}_{secret}", write)


def presented(text: str) -> Presented | None:
    """The key that a text is, if it is one."""
    found = _KEY.fullmatch(text)
    return None if found is None else Presented(*found.groups())


def matches(shown: Presented, key: ApiKey | None) -> bool:
    """Whether the secret is the key's. Without a key it takes as long, and it is not."""
    salt, want = _DECOY if key is None else (key.salt, key.hash)
    return hmac.compare_digest(_hashed(shown.secret, salt), want) and key is not None


def holder(key: ApiKey) -> Principal:
    """Who comes with a key. Raises: InvalidInput for what a later version wrote into it."""
    told: Any = (key.tenant, key.role, key.agents, key.channels, key.clearance, key.projects)  # checked there
    return Principal(_subject(key.id), *told)


def _subject(id_: str) -> str:
    return f"key:{id_}"


def _hashed(secret: str, salt: bytes) -> bytes:
    return blake2b(secret.encode(), digest_size=HASH_BYTES, salt=salt, person=_PERSON).digest()
