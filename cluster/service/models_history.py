"""History as it goes over the wire: branches, checkpoints, tags, and what forks, merges and rollbacks came to."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

from quantum_memory.cluster.cli_tables import data
from quantum_memory.cluster.service.models import Given, PlaceTold, Told, Vector, When, Where
from quantum_memory.cluster.service.models_asking import MoodTold, mood_told
from quantum_memory.cluster.service.models_graph import RelationTold, SkillTold
from quantum_memory.cluster.service.models_memories import MemoryTold, memory_told
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import NAMING, outside
from quantum_memory.types import (
    AuditEntry,
    Branch,
    BranchKind,
    Commit,
    Diff,
    LogEntry,
    MergeConflict,
    MergeReport,
    Part,
    Tag,
    Tree,
)
from quantum_memory.types import Vector as Floats

Name = Annotated[str, Field(min_length=1, max_length=128)]
Rule = Literal["union", "ours", "theirs", "newest"]


class ToCheckpoint(Given):
    """What to call the place where a branch stands."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "before the move"}]})

    message: Annotated[str, Field(min_length=1, max_length=4096)] = "checkpoint"


class ToFork(Given):
    """A branch or an agent that is to begin where another stands, or stood."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "what-if", "at": "before the move"}]})

    name: Name
    at: Where | None = None


class ToTag(Given):
    """The place that a tag is to name."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": ":12", "move": True}]})

    at: Where | None = None
    move: bool = Field(False, description="Take the name away from the place that has it now.")


class ToRollBack(Given):
    """The earlier place to be at again, whole or in some parts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "before the move", "parts": ["mood"]}]})

    to: Annotated[Where, Field(min_length=1)]
    parts: Annotated[list[Part], Field(min_length=1)] | None = None


class ToMerge(Given):
    """The branch to take from, and who wins where both changed the same."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"branch": "what-if", "policy": "newest"}]})

    branch: Name | None = Field(None, description="To take from; the first one when left out.")
    agent: Name | None = Field(None, description="Whose branch; the same agent's when left out.")
    at: Where | None = Field(None, description="Take from an earlier place of it.")
    policy: Rule | dict[str, Rule] | None = Field(None, description="One for all, or one for each part or field.")
    mood_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    only: Annotated[list[str], Field(min_length=1, max_length=100_000)] | None = Field(
        None, description="These memories and nothing else."
    )
    matching: Annotated[str, Field(min_length=1)] | Vector | None = Field(
        None, description="What recall on the other branch finds for this, and nothing else."
    )
    k: Annotated[int, Field(ge=1, le=2**31 - 1)] = 20

    @property
    def matched(self) -> str | Floats | None:
        """The question as the domain has it."""
        return np.asarray(self.matching, np.float64) if isinstance(self.matching, list) else self.matching


class BranchTold(Told):
    """A named line of history: its parent, by id, and the last event that they share."""

    id: str
    name: str
    kind: BranchKind
    parent: str | None
    fork_seq: int
    created_at: When


class CommitTold(Told):
    """A checkpoint. `context` is what was so there, written a moment after it."""

    id: str
    message: str
    place: PlaceTold
    at: When
    automatic: bool
    context: dict[str, Any] | None


class TagTold(Told):
    """A name for a place."""

    name: str
    place: PlaceTold
    at: When


class EventTold(Told):
    """One line of a history."""

    place: PlaceTold
    at: When
    kind: str
    summary: str
    commits: list[CommitTold]


class DiffTold(Told):
    """What one place has and another has not, or otherwise; pairs are as on the left and as on the right."""

    only_left: list[MemoryTold]
    only_right: list[MemoryTold]
    revised: list[tuple[MemoryTold, MemoryTold]]
    skills_left: list[SkillTold]
    skills_right: list[SkillTold]
    relations_left: list[RelationTold]
    relations_right: list[RelationTold]
    mood_left: MoodTold
    mood_right: MoodTold
    mood_fidelity: float


class ConflictTold(Told):
    """Something that both sides changed, and not to the same; values are `null` where there was none."""

    part: Part
    key: str | list[str]
    field: str
    base: Any
    ours: Any
    theirs: Any
    kept: str
    value: Any
    reason: str


class MergeTold(Told):
    """What a merge did."""

    source: PlaceTold
    base: PlaceTold | None
    place: PlaceTold
    added: list[str]
    revised: list[str]
    forgotten: list[str]
    skills: list[str]
    relations: list[tuple[str, str, str]]
    unrelated: list[tuple[str, str, str]]
    mood: float
    conflicts: list[ConflictTold]


class AuditTold(Told):
    """Who changed what, and when."""

    position: int
    at: When
    who: str
    action: str
    branch: str | None
    seq: int | None
    detail: str


class LineageTold(BranchTold):
    """A branch of a tree. `agent` is nothing where it is no agent of the caller's tenant."""

    agent: str | None
    head: int
    deleted: bool


class TreeTold(Told):
    """How the branches of an agent hang together; `merges` are pairs: where it was taken over, and from where."""

    branches: list[LineageTold]
    merges: list[tuple[PlaceTold, PlaceTold]]
    commits: list[CommitTold]
    tags: list[TagTold]


def branch_told(one: Branch) -> BranchTold:
    """A branch as it goes out."""
    return BranchTold.model_validate(one)


def commit_told(one: Commit) -> CommitTold:
    """A checkpoint as it goes out."""
    return CommitTold(
        id=one.id,
        message=one.message,
        place=PlaceTold.model_validate(one.place),
        at=one.at,
        automatic=one.automatic,
        context=None if one.context is None else data(one.context),
    )


def tag_told(one: Tag) -> TagTold:
    """A tag as it goes out."""
    return TagTold.model_validate(one)


def event_told(one: LogEntry) -> EventTold:
    """A line of a history as it goes out."""
    place = PlaceTold.model_validate(one.place)
    commits = [commit_told(commit) for commit in one.commits]
    return EventTold(place=place, at=one.at, kind=one.kind, summary=one.summary, commits=commits)


def diff_told(one: Diff) -> DiffTold:
    """A difference as it goes out."""
    return DiffTold(
        only_left=[memory_told(memory) for memory in one.only_left],
        only_right=[memory_told(memory) for memory in one.only_right],
        revised=[(memory_told(left), memory_told(right)) for left, right in one.revised],
        skills_left=[SkillTold.of(skill) for skill in one.skills_left],
        skills_right=[SkillTold.of(skill) for skill in one.skills_right],
        relations_left=[RelationTold.model_validate(relation) for relation in one.relations_left],
        relations_right=[RelationTold.model_validate(relation) for relation in one.relations_right],
        mood_left=mood_told(one.mood_left),
        mood_right=mood_told(one.mood_right),
        mood_fidelity=float(one.mood_fidelity),
    )


def merge_told(one: MergeReport) -> MergeTold:
    """What a merge did as it goes out."""
    return MergeTold(
        source=PlaceTold.model_validate(one.source),
        base=None if one.base is None else PlaceTold.model_validate(one.base),
        place=PlaceTold.model_validate(one.place),
        added=list(one.added),
        revised=list(one.revised),
        forgotten=list(one.forgotten),
        skills=list(one.skills),
        relations=[(key.subject, key.predicate, key.object) for key in one.relations],
        unrelated=[(key.subject, key.predicate, key.object) for key in one.unrelated],
        mood=float(one.mood),
        conflicts=[_conflict(conflict) for conflict in one.conflicts],
    )


def _conflict(one: MergeConflict) -> ConflictTold:
    return ConflictTold(
        part=one.part,
        key=one.key if isinstance(one.key, str) else list(one.key),
        field=one.field,
        base=data(one.base),
        ours=data(one.ours),
        theirs=data(one.theirs),
        kept=one.kept,
        value=data(one.value),
        reason=one.reason,
    )


def audit_told(one: AuditEntry) -> AuditTold:
    """A line of an audit as it goes out; where its detail names other agents, without it."""
    return AuditTold.model_validate(replace(one, detail="") if one.action in NAMING else one)


def tree_told(one: Tree, who: Principal) -> TreeTold:
    """A tree as it goes out to a caller, without the names of agents that he does not see."""

    def named(agent: str) -> str | None:
        own = outside(who.tenant, agent)
        return own if own is not None and who.sees(own) else None

    return TreeTold(
        branches=[
            LineageTold(
                **branch_told(branch).model_dump(),
                agent=named(branch.agent),
                head=one.heads[branch.id],
                deleted=branch.id in one.deleted,
            )
            for branch in one.branches
        ],
        merges=[(PlaceTold.model_validate(to), PlaceTold.model_validate(source)) for to, source in one.merges],
        commits=[commit_told(commit) for commit in one.commits],
        tags=[tag_told(tag) for tag in one.tags],
    )
