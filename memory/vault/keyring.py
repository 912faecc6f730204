"""Reads who may come in from outside, and what was denied. Writes nothing; ``judge_admission`` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.admission import ApiKey, Denial
from quantum_memory.memory.vault.catalog import findable, from_us

_K, _D, _R = schema.api_keys.c, schema.denials.c, schema.requests.c
_KEYS = sa.select(
    _K.id,
    _K.tenant,
    _K.name,
    _K.role,
    _K.agents,
    _K.channels,
    _K.salt,
    _K.hash,
    _K.created_at,
    _K.expires_at,
    _K.revoked_at,
    _K.clearance,
    _K.projects,
)
_DENIALS = (
    sa.select(_D.ordinal, _D.at, _D.action, _D.reason, _D.tenant, _D.who, _D.address, _D.agent, _D.request)
    .where(_D.ordinal < sa.bindparam("before"))
    .order_by(_D.ordinal.desc())
    .limit(sa.bindparam("count"))
)


def api_key(connection: sa.Connection, id_: str) -> ApiKey | None:
    """The key of this id, whether it opens anything or not."""
    if not findable(id_):
        return None
    row = connection.execute(_KEYS.where(_K.id == id_)).one_or_none()
    return None if row is None else key_of(row)


def api_keys(connection: sa.Connection, tenant: str | None) -> list[ApiKey]:
    """Every key, or every key of a tenant, in the order in which they were made."""
    wanted = _KEYS if tenant is None else _KEYS.where(_K.tenant == tenant)
    return [key_of(row) for row in connection.execute(wanted.order_by(_K.position))]


def denials(connection: sa.Connection, tenant: str | None, limit: int, before: int) -> list[Denial]:
    """What was denied lately, or to callers of a tenant, newest first."""
    wanted = _DENIALS if tenant is None else _DENIALS.where(_D.tenant == tenant)
    rows = connection.execute(wanted, {"before": before, "count": limit})
    return [Denial(number, from_us(at), *told) for number, at, *told in rows]


def request(connection: sa.Connection, session: str, key: str) -> str | None:
    """What an idempotency key of a session names: the digest of a request; nothing if it names none."""
    if not (findable(session) and findable(key)):
        return None
    wanted = sa.select(_R.digest).where(_R.session == session, _R.key == key)
    return connection.execute(wanted).scalar_one_or_none() or None


def key_rows(connection: sa.Connection) -> Sequence[Sequence[Any]]:
    """Every key as it lies in the catalog, its id first."""
    return connection.execute(_KEYS.order_by(_K.position)).all()


def key_of(row: Sequence[Any]) -> ApiKey:
    """The key of a row. Raises: ValueError, TypeError, OverflowError for one that is damaged."""
    id_, tenant, name, role, agents, channels, salt, hash_, created, expires, revoked, clearance, projects = row
    return ApiKey(
        id=id_,
        tenant=tenant,
        name=name,
        role=role,
        agents=tuple(json.loads(agents)),
        channels=tuple(json.loads(channels)),
        salt=bytes(salt),
        hash=bytes(hash_),
        created=from_us(created),
        expires=None if expires is None else from_us(expires),
        revoked=None if revoked is None else from_us(revoked),
        clearance=clearance,
        projects=None if projects is None else tuple(json.loads(projects)),
    )
