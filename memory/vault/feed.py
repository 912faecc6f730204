"""What happened after a position, in the vault's one order of changes: for whoever watches. Reads, never writes.

An event is told in plain values, without embeddings and tensors. What is on its way in a transaction is told when it is
committed, on the branch that it is committed to. A position that was told never comes to mean anything else, and
nothing is ever added before one that was told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import (
    Event,
    Felt,
    Forgotten,
    Merged,
    Picked,
    Related,
    Remembered,
    Revised,
    RolledBack,
    SkillLearned,
    SkillUsed,
    Unified,
    Unrelated,
    Used,
)
from quantum_memory.memory.vault import schema
from quantum_memory.memory.vault.adopt import HIDDEN
from quantum_memory.memory.vault.audit import BEGINNINGS
from quantum_memory.memory.vault.catalog import MAX_VALUES, Catalog, from_us, last_position
from quantum_memory.types import PAD, AgentName, BranchId, Memory

MOST = 256
"""Changes of one answer."""
MOST_BYTES = 4 << 20
"""Bytes of events of one answer, from which on it brings no further one; sealed events are not counted."""
SPAN = 16_384
"""Positions that are gone through for one answer, where not every change is asked for.

That is a scan, also for who sees nothing of it: whom a pattern means is known only from the names found there, so an
index on (agent, position) is not used for it. One that holds all that is asked spares a third of the scan's work, and
costs an entry for every change that is ever written: there is none.
"""
Row = Sequence[Any]
_A, _J, _B = schema.audit.c, schema.journal.c, schema.branches.c
_p = sa.bindparam
SELECT_NOTES = (
    sa.select(_A.position, _A.at, _A.action, _A.agent, _A.branch, _B.name, _A.seq, _A.detail)
    .outerjoin(schema.branches, _B.id == _A.branch)
    .where(_A.position > _p("after"), _A.position <= _p("upto"), _A.action.not_in(BEGINNINGS))
    .order_by(_A.position)
    .limit(_p("count"))
)
SELECT_EVENTS = (
    sa.select(_J.position, _J.at, _J.kind, _J.agent, _J.branch, _B.name, _J.seq, _J.payload)
    .join(schema.branches, _B.id == _J.branch)
    .where(_J.position > _p("after"), _J.position <= _p("upto"), _B.kind != "transaction")
    .order_by(_J.position)
    .limit(_p("count"))
)

SELECT_WHO_NOTED = (
    sa.select(_A.agent, sa.func.min(_A.position))
    .where(_A.position > _p("after"), _A.position <= _p("upto"), _A.action.in_(_p("actions", expanding=True)))
    .group_by(_A.agent)
)
SELECT_WHO_LIVED = (
    sa.select(_J.agent, sa.func.min(_J.position))
    .where(_J.position > _p("after"), _J.position <= _p("upto"), _J.kind.in_(_p("actions", expanding=True)))
    .group_by(_J.agent)
)
SELECT_WANTED_NOTES = SELECT_NOTES.where(
    _A.action.in_(_p("actions", expanding=True)), _A.agent.in_(_p("agents", expanding=True))
)
SELECT_WANTED_EVENTS = SELECT_EVENTS.where(
    _J.kind.in_(_p("actions", expanding=True)), _J.agent.in_(_p("agents", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which changes somebody asks for.

    Attributes:
        pattern: a regular expression that the whole name of an agent is to match.
        names: the agents, of those; nothing is all of them.
        actions: the kinds of changes, as an entry's ``action`` is one.

    Raises: InvalidValue for what is no regular expression.
    """

    pattern: str
    names: frozenset[AgentName] | None
    actions: frozenset[str]

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise InvalidValue("pattern", repr(self.pattern), f"a regular expression: {error}") from error

    def agent(self, name: AgentName | None) -> bool:
        """Whether an agent is one of these."""
        if name is None or (self.names is not None and name not in self.names):
            return False
        return re.fullmatch(self.pattern, name) is not None


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A change.

    Attributes:
        position: its number in the one order of changes; those of a vault rise, with gaps.
        branch: the branch's id, and ``name`` what its agent calls it; ``None`` where no branch is concerned.
        seq: the place on the branch, where there is one.
        action: an event's kind ("remembered", "felt", ...), or what was done to the catalog ("branch_created", ...).
        told: what of it, in values that JSON can hold; see ``told``. A change of the catalog has its ``detail``.
    """

    position: int
    at: datetime
    agent: AgentName | None
    branch: BranchId | None
    name: str | None
    seq: int | None
    action: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """Changes in order, and the position up to which there are no others. Where that is the last, all was told.

    One that is smaller than what was asked after is the vault's last: it was restored as it was at an earlier time, and
    what comes from now on has positions that were given before.
    """

    entries: tuple[FeedEntry, ...]
    upto: int


def feed(catalog: Catalog, connection: sa.Connection, after: int, limit: int, wanted: Wanted | None = None) -> Feed:
    """What happened after a position, at most so many changes; of those that are wanted, where that is said.

    What is damaged is told of all the same, without what it was: ``{"damaged": True}``.
    """
    last = last_position(connection)  # first: what is committed after this is of no concern, and all up to it is there
    values: dict[str, Any] = {"after": after, "upto": last, "count": limit}
    notes: Sequence[Row] = []
    events: Sequence[Row] = []
    if wanted is None:
        notes = connection.execute(SELECT_NOTES, values).all()
        events = connection.execute(SELECT_EVENTS, values).all()
    elif after < last:
        values |= _narrowed(connection, after, min(last, after + SPAN), wanted)
        last = values["upto"]
        if values["agents"]:
            notes = connection.execute(SELECT_WANTED_NOTES, values).all()
            events = connection.execute(SELECT_WANTED_EVENTS, values).all()
    some, nbytes = [], 0
    for row in sorted((*notes, *events), key=lambda row: row[0])[:limit]:
        some.append(row)
        nbytes += len(row[7]) if isinstance(row[7], bytes) else 0
        if nbytes >= MOST_BYTES:
            break
    there = {row[0] for row in events}
    read = _read(catalog, connection, [row for row in some if row[0] in there])
    whole = len(some) == len(notes) + len(events) and len(notes) < limit and len(events) < limit
    shown = [row for row in some if HIDDEN not in (row[3] or "")]
    entries = tuple(_entry(row, read[row[0]] if row[0] in there else {"detail": row[7]}) for row in shown)
    return Feed(entries, last if whole else some[-1][0])


def _narrowed(connection: sa.Connection, after: int, upto: int, wanted: Wanted) -> dict[str, Any]:
    """Whose changes after a position are wanted, and up to where those are all. Reads no event."""
    values = {"after": after, "upto": upto, "actions": sorted(wanted.actions)}
    first: dict[AgentName, int] = {}
    for query in (SELECT_WHO_NOTED, SELECT_WHO_LIVED):
        for agent, position in connection.execute(query, values):
            first[agent] = min(position, first.get(agent, position))
    own = sorted((position, agent) for agent, position in first.items() if wanted.agent(agent))
    if len(own) > MAX_VALUES:  # those that begin later come with a later answer
        values["upto"] = own[MAX_VALUES][0] - 1
    return values | {"agents": [agent for _, agent in own[:MAX_VALUES]]}


def _entry(row: Row, told_: Mapping[str, Any]) -> FeedEntry:
    position, at_us, action, agent, branch, name, seq, _ = row
    return FeedEntry(position, from_us(at_us), agent, branch, name, seq, action, told_)


def _read(catalog: Catalog, connection: sa.Connection, rows: Sequence[Row]) -> dict[int, Mapping[str, Any]]:
    """What happened in each event, by position."""
    by_branch: dict[BranchId, list[Row]] = defaultdict(list)
    for row in rows:
        by_branch[row[4]].append(row)
    found: dict[int, Mapping[str, Any]] = {}
    for branch, own in by_branch.items():
        events = catalog.records.events(connection, branch, [(row[6], row[7]) for row in own], "skip")
        for row in own:
            event = events.get(row[6])
            found[row[0]] = {"damaged": True} if event is None else told(event)
    return found


def told(event: Event) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    """An event in values that JSON can hold."""
    match event:
        case Remembered(memories=memories) | Revised(memories=memories):
            return {"memories": [told_memory(memory) for memory in memories]}
        case Forgotten(ids=ids) | Used(ids=ids):
            return {"ids": list(ids)}
        case Felt():
            return {"pad": _pad(event.pad), "intensity": event.intensity, "cause": event.cause}
        case Merged() | Picked():
            return _taken_over(event)
        case RolledBack(to=to, parts=parts):
            return {"to": {"branch": to.branch, "seq": to.seq}, "parts": list(parts)}
        case Related() | Unrelated() | Unified():
            return _known(event)
        case SkillLearned(skill=skill):
            return {"skill": skill.name}
        case SkillUsed(name=name, succeeded=succeeded):
            return {"skill": name, "succeeded": succeeded}


def _taken_over(event: Merged | Picked) -> dict[str, Any]:
    forgotten = list(event.forgotten) if isinstance(event, Merged) else []
    return {
        "source": {"branch": event.source.branch, "seq": event.source.seq},
        "memories": [told_memory(memory) for memory in event.memories],
        "revised": [told_memory(memory) for memory in event.revised],
        "forgotten": forgotten,
    }


def _known(event: Related | Unrelated | Unified) -> dict[str, Any]:
    match event:
        case Related(relations=relations):
            return {"relations": [list(relation.key) for relation in relations]}
        case Unrelated(keys=keys):
            return {"relations": [list(key) for key in keys]}
        case Unified(keep=keep, names=names):
            return {"keep": keep, "names": list(names)}


def told_memory(memory: Memory) -> dict[str, Any]:
    """A memory without its embedding."""
    return {
        "id": memory.id,
        "text": memory.text,
        "at": memory.at.isoformat(),
        "speaker": memory.speaker,
        "kind": memory.kind,
        "session": memory.session,
        "tags": list(memory.tags),
        "importance": memory.importance,
        "pad": _pad(memory.pad),
    }


def _pad(pad: PAD) -> list[float]:
    return [pad.pleasure, pad.arousal, pad.dominance]
