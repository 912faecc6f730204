"""Judges who writes: a process that was replaced, or whose lineage another one has, is refused before its write is.

So whoever takes a lineage up can be sure that nothing of those before him comes late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from quantum_memory.errors import Fenced, InvalidValue, NotFound, PoolsChanged
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.catalog import from_us
from quantum_memory.memory.vault.holdings import Enlisted, Holding, Pools
from quantum_memory.memory.vault.writes import (
    Append,
    Claim,
    CommitTransaction,
    CreateBranch,
    CreateCommit,
    DeleteBranch,
    DropTag,
    Enlist,
    Holder,
    Owned,
    PutTag,
    Resize,
    Settle,
    Write,
    Written,
)
from quantum_memory.policies.placement import Layout
from quantum_memory.types import Place

ORCHESTRATORS = "agents"
"""The pool whose members write."""
NOWHERE = Place("", 0)
RESIZED = "pool_resized"
"""What the audit calls a change of size."""


class Admitted(NamedTuple):
    """A write that its holder may do, and what he holds when it is done."""

    lineage: str
    holding: Holding
    taken: bool


def look_up(batch: Batch, writes: Sequence[Write]) -> None:
    """Find who holds the lineages of many writes at once."""
    lineages = [_lineage(batch, write) for write in writes if isinstance(write, Owned) and write.by is not None]
    batch.holdings.look_up(one for one in lineages if one is not None)


def admitted(batch: Batch, write: Write) -> Admitted | None:
    """Who holds what if the write is done; ``None`` where it is nobody's. Raises: Fenced."""
    if not isinstance(write, Owned) or write.by is None:
        return None
    lineage = _lineage(batch, write)
    if lineage is None:  # what it is refused with says more
        return None
    by, known = write.by, batch.holdings
    newest, holding, layout = known.member(by.member), known.holding(lineage), known.pools.layout
    if newest is None or newest.incarnation != by.incarnation:
        last = "nobody" if newest is None else str(Holder(by.member, newest.incarnation))
        raise Fenced(lineage, str(by), last)
    if ORCHESTRATORS in layout.sizes and layout.member(ORCHESTRATORS, lineage) != by.member:
        raise Fenced(lineage, str(by), f"orchestrator {layout.member(ORCHESTRATORS, lineage)}")
    mine = (holding.member, holding.incarnation) == (by.member, by.incarnation)
    if by.epoch and (not mine or by.epoch != holding.epoch):
        raise Fenced(lineage, str(by), str(Holder(holding.member, holding.incarnation, holding.epoch)))
    return Admitted(lineage, holding if mine else Holding(holding.epoch + 1, by.member, by.incarnation), taken=not mine)


def held(batch: Batch, admitted: Admitted, outcome: Written) -> Written:
    """The outcome of a write that was done, with the epoch of whoever did it."""
    if admitted.taken:
        batch.holdings.take(admitted.lineage, admitted.holding)
    return replace(outcome, epoch=admitted.holding.epoch)


def _lineage(batch: Batch, write: Write) -> str | None:
    """The lineage that a write belongs to; ``None`` if there is no such branch."""
    try:
        match write:
            case PutTag() | DropTag():
                root = batch.root(write.agent)
                return None if root is None else root.lineage
            case CreateBranch():
                return batch.branch(write.parent.branch).lineage
            case Append() | CreateCommit() | CommitTransaction() | DeleteBranch():
                return batch.branch(write.branch).lineage
            case _:
                return None
    except NotFound:
        return None


def decide(batch: Batch, write: Enlist | Claim | Resize | Settle) -> Written:
    """The outcome of what changes who may write. Raises: PoolsChanged, InvalidValue."""
    match write:
        case Enlist():
            return _enlist(batch, write)
        case Claim():
            return _claim(batch, write)
        case Resize():
            return _resize(batch, write)
        case Settle():
            return _settle(batch, write)


def _enlist(batch: Batch, write: Enlist) -> Written:
    """A process becomes an orchestrator: those before it write no more."""
    newest, at = batch.holdings.member(write.number), from_us(batch.now_us)
    if newest is not None and newest.process == write.process:
        return Written(NOWHERE, at, repeated=True, epoch=newest.incarnation)
    incarnation = 1 if newest is None else newest.incarnation + 1
    batch.holdings.enlist(write.number, Enlisted(incarnation, write.process))
    return Written(NOWHERE, at, epoch=incarnation)


def begin(batch: Batch, cluster: str, sizes: Layout) -> None:
    """A cluster takes the vault: its sizes hold, if they are not known from an earlier opening by the same one."""
    layout = batch.holdings.pools.layout
    if layout.cluster != cluster:
        batch.holdings.set_pools(Pools(replace(sizes, version=layout.version + 1, cluster=cluster), 0))


def _claim(batch: Batch, write: Claim) -> Written:
    """Nobody else may change a size until this one has. Raises: PoolsChanged, InvalidValue."""
    layout, _, claim = batch.holdings.pools
    if claim != write.op_id:
        _nobody_at_it(batch, write.pool)
    _as_seen(batch, write.pool, write.version)
    batch.holdings.set_pools(Pools(layout, batch.now_us + round(write.patience_s * 1e6), write.op_id))
    return Written(NOWHERE, from_us(batch.now_us), epoch=layout.version)


def _nobody_at_it(batch: Batch, pool: str) -> None:
    """Raises: PoolsChanged."""
    moving_until = batch.holdings.pools.moving_until
    if moving_until > batch.now_us:
        raise PoolsChanged(pool, f"a change of size is under way, until {from_us(moving_until)} at the latest")


def _as_seen(batch: Batch, pool: str, version: int) -> None:
    """Raises: PoolsChanged if the sizes are others than those that somebody saw, InvalidValue."""
    layout = batch.holdings.pools.layout
    if pool not in layout.sizes:
        raise InvalidValue("pool", repr(pool), f"one of {sorted(layout.sizes)}")
    if layout.version != version:
        raise PoolsChanged(pool, f"the sizes have version {layout.version} now, not {version}")


def _resize(batch: Batch, write: Resize) -> Written:
    """A pool gets another size. Raises: PoolsChanged, InvalidValue."""
    layout, _, claim = batch.holdings.pools
    at = from_us(batch.now_us)
    done = batch.noted(write.op_id, None, RESIZED)
    if done is not None:  # Ray runs a call again when the vault died in it
        return Written(NOWHERE, from_us(done.at_us), repeated=True, epoch=write.version + 1)
    if not write.claim:
        _nobody_at_it(batch, write.pool)
    elif claim != write.claim:
        raise PoolsChanged(write.pool, "it took so long that somebody else began a change of size")
    _as_seen(batch, write.pool, write.version)
    until = batch.now_us + round(write.patience_s * 1e6)
    changed = layout.resized(write.pool, write.size)
    batch.holdings.set_pools(Pools(changed, until))
    detail = f"{write.pool}: {layout.sizes[write.pool]} to {write.size}"
    batch.note(RESIZED, detail=detail, op_id=write.op_id)
    return Written(NOWHERE, at, epoch=changed.version)


def _settle(batch: Batch, write: Settle) -> Written:
    """A change of size is done, or given up."""
    layout, moving_until, claim = batch.holdings.pools
    if (layout.version, claim) == (write.version, write.claim) and moving_until:
        batch.holdings.set_pools(Pools(layout, 0))
    return Written(NOWHERE, from_us(batch.now_us), epoch=layout.version)
