"""Who may write, as rows and as values: sizes of pools, orchestrators' processes, and the epochs of lineages.

Owns what of that is held in memory, and what a batch means to change of it. Decides nothing: see ``judge_holdings``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from quantum_memory.memory.held import Held
from quantum_memory.memory.vault import schema
from quantum_memory.policies.placement import Layout

CLUSTER = "cluster"
"""The key in ``meta`` of the cluster whose sizes the vault knows."""
CLAIM = "resizing"
"""The key in ``meta`` of who is about to change a size."""
HELD_LINEAGES = 65_536
IN_ONE = 500
_L, _M, _P = schema.lineages.c, schema.members.c, schema.pools.c
_KEYS: sa.BindParameter[Any] = sa.bindparam("lineages", expanding=True)
_SELECT_LINEAGES = sa.select(_L.lineage, _L.epoch, _L.member, _L.incarnation).where(_L.lineage.in_(_KEYS))
_UPDATE_LINEAGE = (
    sa.update(schema.lineages)
    .where(_L.lineage == sa.bindparam("key"))
    .values(epoch=sa.bindparam("epoch"), member=sa.bindparam("member"), incarnation=sa.bindparam("incarnation"))
)


class Holding(NamedTuple):
    """Who took a lineage up last. Epoch 0: nobody ever did."""

    epoch: int
    member: int
    incarnation: int


class Enlisted(NamedTuple):
    """The newest process of an orchestrator."""

    incarnation: int
    process: str


class Pools(NamedTuple):
    """The sizes of pools, and until when somebody is at work on them, in microseconds since the epoch; 0 for nobody.

    ``claim`` is what he claimed it under, as long as he has not changed a size.
    """

    layout: Layout
    moving_until: int
    claim: str = ""


NOBODY = Holding(0, -1, 0)
UNKNOWN = Pools(Layout({}), 0)


@dataclass
class Holdings:
    """What is durable of it, as far as it was read. The writer alone uses it; nothing is kept where it may be wrong."""

    pools: Pools | None = None
    members: dict[int, Enlisted] | None = None
    lineages: Held[str, Holding] = field(default_factory=lambda: Held(HELD_LINEAGES))

    def forget(self) -> None:
        """Hold nothing any more."""
        self.pools = self.members = None
        self.lineages.clear()


class Changes:
    """What a batch means to change of it, and what it finds.

    Args:
        holdings: what is known to be durable.
        connection: the writer's.
    """

    def __init__(self, holdings: Holdings, connection: sa.Connection) -> None:
        self._holdings, self._connection = holdings, connection
        self._pools: Pools | None = None
        self._enlisted: dict[int, Enlisted] = {}
        self._taken: dict[str, Holding] = {}
        self._found: dict[str, Holding] = {}
        self._unwritten: dict[str, Holding] = {}

    @property
    def pools(self) -> Pools:
        """The sizes of pools now."""
        if self._pools is None:
            if self._holdings.pools is None:
                self._holdings.pools = pools_of(self._connection)
            return self._holdings.pools
        return self._pools

    def member(self, number: int) -> Enlisted | None:
        """The newest process of an orchestrator; ``None`` if there was none yet."""
        if self._holdings.members is None:
            rows = self._connection.execute(sa.select(_M.number, _M.incarnation, _M.process))
            self._holdings.members = {number: Enlisted(incarnation, process) for number, incarnation, process in rows}
        return self._enlisted.get(number) or self._holdings.members.get(number)

    def look_up(self, lineages: Iterable[str]) -> None:
        """Find who holds lineages, in few questions."""
        wanted = dict.fromkeys(lineages)
        missing = []
        for lineage in wanted:
            held = self._holdings.lineages.get(lineage)
            if held is None:
                missing.append(lineage)
            else:
                self._found[lineage] = held
        for start in range(0, len(missing), IN_ONE):
            rows = self._connection.execute(_SELECT_LINEAGES, {"lineages": missing[start : start + IN_ONE]})
            self._found.update((lineage, Holding(*row)) for lineage, *row in rows)
        for lineage in missing:
            self._found.setdefault(lineage, NOBODY)

    def holding(self, lineage: str) -> Holding:
        """Who holds a lineage."""
        if lineage not in self._taken and lineage not in self._found:
            self.look_up([lineage])
        return self._taken.get(lineage) or self._found[lineage]

    def take(self, lineage: str, holding: Holding) -> None:
        """Somebody takes a lineage up."""
        self._taken[lineage] = self._unwritten[lineage] = holding

    def enlist(self, number: int, enlisted: Enlisted) -> None:
        """A process is an orchestrator from now on."""
        row = {"number": number, "incarnation": enlisted.incarnation, "process": enlisted.process}
        self._connection.execute(sa.delete(schema.members).where(_M.number == number))
        self._connection.execute(sa.insert(schema.members), row)
        self._enlisted[number] = enlisted

    def set_pools(self, pools: Pools) -> None:
        """Pools have these sizes from now on."""
        layout = pools.layout
        self._connection.execute(sa.delete(schema.pools))
        shared = {"version": layout.version, "moving_until": pools.moving_until or None}
        rows = [{"name": name, "size": size} | shared for name, size in layout.sizes.items()]
        if rows:
            self._connection.execute(sa.insert(schema.pools), rows)
        for key, value, before in (
            (CLUSTER, layout.cluster, self.pools.layout.cluster),
            (CLAIM, pools.claim, self.pools.claim),
        ):
            if value != before:
                self._connection.execute(sa.delete(schema.meta).where(schema.meta.c.key == key))
                self._connection.execute(sa.insert(schema.meta), {"key": key, "value": value})
        self._pools = pools

    def flush(self) -> None:
        """Write down who took what up."""
        new, old = [], []
        for lineage, taken in self._unwritten.items():
            row = taken._asdict()
            if self._found.get(lineage, NOBODY).epoch:
                old.append(row | {"key": lineage})
            else:
                new.append(row | {"lineage": lineage})
                self._found[lineage] = taken  # there is a row from now on
        self._unwritten.clear()
        if new:
            self._connection.execute(sa.insert(schema.lineages), new)
        if old:
            self._connection.execute(_UPDATE_LINEAGE, old)

    def durable(self) -> None:
        """All of it was committed: it is what is held from now on."""
        if self._pools is not None:
            self._holdings.pools = self._pools
        if self._holdings.members is not None:
            self._holdings.members.update(self._enlisted)
        for lineage, holding in (self._found | self._taken).items():
            self._holdings.lineages.put(lineage, holding)


def pools_of(connection: sa.Connection) -> Pools:
    """The sizes of pools as the tables tell them; no sizes where no cluster ever opened the vault."""
    rows = connection.execute(sa.select(_P.name, _P.size, _P.version, _P.moving_until)).all()
    if not rows:
        return UNKNOWN
    meta = schema.meta.c
    told = connection.execute(sa.select(meta.key, meta.value).where(meta.key.in_((CLUSTER, CLAIM)))).all()
    found = {row.key: row.value for row in told}
    sizes: Mapping[str, int] = {row.name: row.size for row in rows}
    layout = Layout(sizes, max(row.version for row in rows), found.get(CLUSTER, ""))
    return Pools(layout, max(row.moving_until or 0 for row in rows), found.get(CLAIM, ""))


def incarnation_of(connection: sa.Connection, number: int) -> int:
    """Which process of an orchestrator is the newest; 0 if there was none."""
    found: int | None = connection.execute(sa.select(_M.incarnation).where(_M.number == number)).scalar_one_or_none()
    return found or 0
