"""Judges what is written about callers from outside: their keys, what they were denied, what they used before."""

from __future__ import annotations

import json
from datetime import timedelta

import sqlalchemy as sa

from quantum_memory.errors import AlreadyExists, KeyNotFound, KeyReused
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.admission import (
    Admission,
    FreeRequest,
    MakeKey,
    NoteDenial,
    NoteRequest,
    RevokeKey,
    UseToken,
)
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import MICROSECOND, from_us, to_us
from quantum_memory.memory.vault.writes import Written
from quantum_memory.types import Place

MADE, REVOKED = "key_made", "key_revoked"
MOST_DENIALS = 10_000
"""How many are kept of a tenant's, and of those whom nobody knew."""
LOOKED_OVER_EVERY = 100
"""After so many denials there may be more than that: to count them costs as much as a few."""
REQUESTS_KEPT, DENIALS_KEPT = timedelta(days=1), timedelta(days=365)
NOWHERE = Place("", 0)
FREE = ""
"""The digest of a key that names no request any more."""
_K, _D, _R, _T = schema.api_keys.c, schema.denials.c, schema.requests.c, schema.tokens.c
_KEY = sa.select(_K.tenant, _K.name, _K.hash, _K.created_at, _K.revoked_at).where(_K.id == sa.bindparam("id"))
_DENIAL = sa.select(_D.at).where(_D.id == sa.bindparam("id"))
_LAST_DENIAL = sa.select(sa.func.max(_D.ordinal))
_REQUEST = sa.select(_R.digest, _R.at).where(_R.session == sa.bindparam("session"), _R.key == sa.bindparam("key"))
_TOKEN = sa.select(_T.use, _T.at).where(_T.id == sa.bindparam("id"))


def decide(batch: Batch, write: Admission) -> Written:
    """The outcome of what is written about callers. Raises: AlreadyExists, KeyNotFound, KeyReused."""
    match write:
        case MakeKey():
            return _make_key(batch, write)
        case RevokeKey():
            return _revoke_key(batch, write)
        case NoteDenial():
            return _note_denial(batch, write)
        case NoteRequest():
            return _note_request(batch, write)
        case FreeRequest():
            return _free_request(batch, write)
        case UseToken():
            return _use_token(batch, write)


def _make_key(batch: Batch, write: MakeKey) -> Written:
    found = batch.execute(_KEY, {"id": write.id}).one_or_none()
    if found is not None:
        if (found.tenant, found.name, found.hash) != (write.tenant, write.name, write.hash):
            raise AlreadyExists("key", write.id)
        return _outcome(found.created_at, repeated=True)
    detail = f"{write.id} of {write.tenant}: {write.name} ({write.role})"
    position = batch.note(MADE, detail=detail, op_id=write.op_id)
    row = {name: getattr(write, name) for name in ("id", "tenant", "name", "role", "salt", "hash")}
    row |= {name: json.dumps(getattr(write, name)) for name in ("agents", "channels")}
    row |= {"created_at": batch.now_us, "position": position}
    row |= {"clearance": write.clearance}
    row["projects"] = None if write.projects is None else json.dumps(write.projects)
    row["expires_at"] = None if write.expires is None else to_us(write.expires)
    batch.execute(sa.insert(schema.api_keys), row)
    return _outcome(batch.now_us)


def _revoke_key(batch: Batch, write: RevokeKey) -> Written:
    found = batch.execute(_KEY, {"id": write.id}).one_or_none()
    if found is None or write.tenant not in (None, found.tenant):
        raise KeyNotFound(write.id)
    if found.revoked_at is not None:
        return _outcome(found.revoked_at, repeated=True)
    position = batch.note(REVOKED, detail=f"{write.id} of {found.tenant}: {found.name}", op_id=write.op_id)
    revoked = {"revoked_at": batch.now_us, "revoked_position": position}
    batch.execute(sa.update(schema.api_keys).where(_K.id == write.id).values(**revoked))
    return _outcome(batch.now_us)


def _note_denial(batch: Batch, write: NoteDenial) -> Written:
    found = batch.execute(_DENIAL, {"id": write.id}).one_or_none()
    if found is not None:
        return _outcome(found.at, repeated=True)
    ordinal = (batch.execute(_LAST_DENIAL).scalar_one() or 0) + 1
    told = ("id", "action", "reason", "tenant", "who", "address", "agent", "request")
    row = {name: getattr(write, name) for name in told}
    row |= {"ordinal": ordinal, "at": to_us(write.at), "position": batch.next()}
    batch.execute(sa.insert(schema.denials), row)
    if ordinal % LOOKED_OVER_EVERY == 0:
        _let_go(batch, ordinal)
    return _outcome(row["at"])


def _let_go(batch: Batch, ordinal: int) -> None:
    """Keep the last denials of everybody who was denied something since this was done before.

    Each tenant has a bound of its own, and so have those whom nobody knew: they wash nothing of a tenant's away. Of a
    tenant's the oldest of the caller go who has most: none washes another's away.
    """
    lately = sa.select(_D.tenant).where(_D.ordinal > ordinal - LOOKED_OVER_EVERY).distinct()
    for tenant in batch.execute(lately).scalars().all():
        theirs, last = sa.select(_D.ordinal).where(_D.tenant == tenant), _D.ordinal.desc()
        if batch.execute(theirs.order_by(last).offset(MOST_DENIALS).limit(1)).first() is not None:
            nth = sa.func.row_number().over(partition_by=_D.who, order_by=last)
            over = theirs.order_by(nth, last).offset(MOST_DENIALS)
            batch.execute(sa.delete(schema.denials).where(_D.ordinal.in_(over)))


def _note_request(batch: Batch, write: NoteRequest) -> Written:
    found = batch.execute(_REQUEST, {"session": write.session, "key": write.key}).one_or_none()
    if found is not None and found.digest != FREE:
        if found.digest != write.digest:
            raise KeyReused(write.key)
        return _outcome(found.at, repeated=True)
    told = {"digest": write.digest, "at": batch.now_us, "position": batch.next()}
    if found is None:
        batch.execute(sa.insert(schema.requests), {"session": write.session, "key": write.key} | told)
    else:
        batch.execute(sa.update(schema.requests).where(*_named_by(write)).values(**told))
    return _outcome(batch.now_us)


def _free_request(batch: Batch, write: FreeRequest) -> Written:
    told = {"digest": FREE, "position": batch.next()}
    batch.execute(sa.update(schema.requests).where(*_named_by(write), _R.digest == write.digest).values(**told))
    return _outcome(batch.now_us)


def _named_by(write: NoteRequest | FreeRequest) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _R.session == write.session, _R.key == write.key


def _use_token(batch: Batch, write: UseToken) -> Written:
    found = batch.execute(_TOKEN, {"id": write.id}).one_or_none()
    if found is not None:
        if found.use != write.use:
            raise AlreadyExists("token", write.id)
        return _outcome(found.at, repeated=True)
    row = {"id": write.id, "use": write.use, "at": batch.now_us, "expires_at": to_us(write.expires)}
    batch.execute(sa.insert(schema.tokens), row | {"position": batch.next()})
    return _outcome(batch.now_us)


def lapse(batch: Batch) -> int:
    """Let go of requests older than a day, of used tokens that nobody would take any more, and of denials older than a
    year; how many went.

    The newest of each stays, so that no position is ever given twice.
    """
    went = 0
    for table, over in (
        (schema.requests, _R.at < batch.now_us - REQUESTS_KEPT // MICROSECOND),
        (schema.tokens, _T.expires_at < batch.now_us),
        (schema.denials, _D.at < batch.now_us - DENIALS_KEPT // MICROSECOND),
    ):
        newest = batch.execute(sa.select(sa.func.max(table.c.position))).scalar_one()
        if newest is not None:
            went += batch.execute(sa.delete(table).where(over, table.c.position < newest)).rowcount
    return went


def _outcome(at_us: int, *, repeated: bool = False) -> Written:
    return Written(NOWHERE, from_us(at_us), repeated=repeated)
