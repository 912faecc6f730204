"""Whose blocks lie where: a vault puts its name beside its blocks, and knows by it whether they are there at all.

A folder that is empty because nothing is mounted there looks like one whose blocks were lost. Moves no block.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa

from quantum_memory.errors import VaultUnavailable
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.blocks import BlockStore
from quantum_memory.memory.vault.database import Database

OWNER_KEY = "blocks_owner"
PROOFS = 16
"""So many of the newest segments are looked for in a place without an owner: one is enough."""

_M, _S = schema.meta.c, schema.segments.c
_MINE = sa.select(_M.value).where(_M.key == OWNER_KEY)
_SEALED = sa.select(_S.block).where(_S.state == "live").order_by(_S.at.desc()).limit(PROOFS)


def identity(database: Database) -> str:
    """The vault's name for itself, which it makes up when it is first asked. Raises: WriteFailed, VaultUnavailable."""
    with database.read() as connection:
        owner: str | None = connection.execute(_MINE).scalar_one_or_none()
    if owner is None:
        with database.transaction() as connection:
            owner = _named(connection)
    return owner


def claim(database: Database, blocks: BlockStore) -> str:
    """See that blocks are this vault's, and make them so if they are nobody's. The vault's name for itself.

    A place without an owner is not taken by a vault that has segments of which none is there.

    Raises: InvalidValue if they are another's, VaultUnavailable if they are elsewhere, WriteFailed.
    """
    owner = identity(database)
    with database.read() as connection:
        _take(connection, blocks, owner)
    return owner


def claim_within(connection: sa.Connection, blocks: BlockStore) -> str:
    """The same in a transaction that makes a vault."""
    owner = _named(connection)
    _take(connection, blocks, owner)
    return owner


def _named(connection: sa.Connection) -> str:
    owner: str | None = connection.execute(_MINE).scalar_one_or_none()
    if owner is None:
        owner = uuid.uuid4().hex
        connection.execute(sa.insert(schema.meta), {"key": OWNER_KEY, "value": owner})
    return owner


def _take(connection: sa.Connection, blocks: BlockStore, owner: str) -> None:
    if blocks.owner() is None:
        names = connection.execute(_SEALED).scalars().all()
        if names and not _some(blocks, names):
            raise VaultUnavailable(blocks.where, _away(None))
    blocks.claim(owner)


def check_there(connection: sa.Connection, blocks: BlockStore) -> None:
    """See that the place is where this vault keeps its blocks: then a block that is missing there is lost.

    It has the vault's name, or at least some of its newest segments. A vault that never claimed a place cannot tell.

    Raises: VaultUnavailable.
    """
    mine = connection.execute(_MINE).scalar_one_or_none()
    found = blocks.owner()
    if mine is None or found == mine:
        return
    if found is not None or not _some(blocks, connection.execute(_SEALED).scalars().all()):
        raise VaultUnavailable(blocks.where, _away(found))


def _some(blocks: BlockStore, names: Sequence[str]) -> bool:
    return any(blocks.has(name) for name in names)


def _away(found: str | None) -> str:
    whose = "nothing says whose blocks are here" if found is None else f"the blocks here are another vault's ({found})"
    return f"{whose}, and this vault's are elsewhere; is the place mounted?"
