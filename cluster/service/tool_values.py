"""What the tools of the Model Context Protocol give back: few words, as an assistant pays for each. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from quantum_memory.types import Memory, MergeConflict, Mood

DIGITS = 3
NAMED = 5
"""Named emotions that are told."""


class Agents(BaseModel):
    """Some of the agents, in the order of their names."""

    names: list[str]
    next: str | None = Field(
        description="What to give as `after` for those that follow; nothing if these are the last."
    )


class Added(BaseModel):
    """What was remembered."""

    ids: list[str] = Field(description="The ids of the memories, in the order of the texts.")


class Recollection(BaseModel):
    """A memory that was found."""

    id: str
    text: str
    at: datetime
    score: float
    speaker: str | None = None
    kind: str = "utterance"
    tags: list[str] = []
    why: dict[str, float] = Field(description="The parts that add up to the score.")


class Recollections(BaseModel):
    """What is remembered, best first."""

    memories: list[Recollection]
    missing: list[str] = Field(description="Parts of the memory that did not answer in time; ask again for these.")


class Block(BaseModel):
    """A block for a prompt."""

    text: str
    tokens: int
    citations: dict[str, str] = Field(description="The id of the memory behind each mark.")
    missing: list[str]


class Feeling(BaseModel):
    """A mood."""

    pleasure: float
    arousal: float
    dominance: float
    spread: list[float] = Field(description="The standard deviation of each.")
    emotions: dict[str, float] = Field(description="The likeliest named emotions, with their probabilities.")
    at: datetime | None = Field(description="When something was felt last.")


class Checkpointed(BaseModel):
    """A checkpoint that was made."""

    commit: str
    message: str


class Branched(BaseModel):
    """A branch that was made."""

    agent: str
    branch: str


class Moved(BaseModel):
    """Where a branch stands now."""

    branch: str
    position: int


class Merged(BaseModel):
    """What a merge took over, the first hundred of each kind; all empty if there was nothing new."""

    added: list[str]
    revised: list[str]
    forgotten: list[str]
    skills: list[str]
    conflicts: list[str] = Field(description="What both sides had changed, and whose word counts.")
    untold: int = Field(description="How many there are of all kinds beyond those that are named.")


class Forgot(BaseModel):
    """How many memories were forgotten."""

    count: int


def recollection(memory: Memory, score: float, why: Mapping[str, float]) -> Recollection:
    """A hit, with the parts of its score that are not nought."""
    parts = {name: round(part, DIGITS) for name, part in why.items() if round(part, DIGITS)}
    return Recollection(
        id=memory.id,
        text=memory.text,
        at=memory.at,
        score=round(score, DIGITS),
        speaker=memory.speaker,
        kind=memory.kind,
        tags=list(memory.tags),
        why=parts,
    )


def feeling(mood: Mood) -> Feeling:
    """A mood by its mean and its likeliest names."""
    mean = mood.mean
    pleasure, arousal, dominance = (round(one, DIGITS) for one in (mean.pleasure, mean.arousal, mean.dominance))
    return Feeling(
        pleasure=pleasure,
        arousal=arousal,
        dominance=dominance,
        spread=[round(one, DIGITS) for one in mood.spread],
        emotions={name: round(chance, DIGITS) for name, chance in mood.emotions[:NAMED]},
        at=mood.at,
    )


def conflict_told(conflict: MergeConflict) -> str:
    """One line for people."""
    field = f".{conflict.field}" if conflict.field else ""
    return f"{conflict.part} {conflict.key}{field}: {conflict.kept or 'undecided'}; {conflict.reason}"
