"""Questions and moods as they go over the wire."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from quantum_memory.actors.requests import RecallRequest, filters_of, recall_request
from quantum_memory.actors.requests import Where as AsOf
from quantum_memory.cluster.service.models import Feeling, FeelingTold, Given, PlaceTold, Told, Vector, When, Where
from quantum_memory.memory.prompting.block import Context, Level, SectionName
from quantum_memory.types import PAD, Branch, LogEntry, Mood
from quantum_memory.types import Vector as Floats

Deadline = Annotated[float, Field(ge=0.001, le=604_800, description="In how many seconds the answer is due.")]


class Question(Given):
    """What is asked, by text or by vector, and of which memories."""

    query: Annotated[str, Field(min_length=1)] | None = Field(None, description="A text; or else `vector`.")
    vector: Vector | None = Field(None, description="An embedding; or else `query`.")
    since: When | None = Field(None, description="Only memories at or after this time.")
    until: When | None = Field(None, description="Only memories before this time.")
    as_of: Where | None = None
    kind: Annotated[str, Field(min_length=1)] | None = None
    speaker: Annotated[str, Field(min_length=1)] | None = None
    tags: list[str] = Field([], description="Only memories that carry all of these.")
    deadline_s: Deadline | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Question:
        if (self.query is None) == (self.vector is None):
            raise ValueError("one of `query` and `vector` is expected")
        return self

    @property
    def asked(self) -> str | Floats:
        """The question as the domain has it."""
        return self.query if self.query is not None else np.asarray(self.vector, np.float64)

    @property
    def filters(self) -> dict[str, Any]:
        """Which memories, by the names that the domain has for it."""
        return {
            "since": self.since,
            "until": self.until,
            "kind": self.kind,
            "speaker": self.speaker,
            "tags": tuple(self.tags),
        }


class Nearness(Given):
    """Only memories whose feeling is no farther than `radius` from this one, by Euclidean distance."""

    pad: Feeling
    radius: Annotated[float, Field(ge=0, le=4)]

    def pair(self) -> tuple[PAD, float]:
        """As the domain has it. Raises: InvalidInput."""
        return self.pad.pad(), self.radius


class RecallQuestion(Question):
    """What is to be recalled."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "Where do they live?", "k": 5}]})

    k: Annotated[int, Field(ge=0, description="How many at most.")] = 10
    neighbours: Annotated[int, Field(ge=0, description="Memories of its conversation around each hit.")] = 0
    near: Nearness | None = None
    exact: bool = Field(False, description="Look at every memory for the nearest; slower.")
    embeddings: bool = Field(False, description="Answer with the memories' embeddings, some 8 kB each.")

    def of(self, branch: Branch, as_of: AsOf) -> RecallRequest:
        """What is asked of a branch. Raises: InvalidInput."""
        near = None if self.near is None else self.near.pair()
        which = filters_of(self.since, self.until, self.kind, self.speaker, self.tags, near)
        return recall_request(
            branch,
            self.asked,
            self.k,
            which,
            as_of,
            neighbours=self.neighbours,
            exact=self.exact,
            deadline_s=self.deadline_s,
        )


class ContextQuestion(Question):
    """For what a prompt is to be told what the agent knows."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "Where do they live?", "tokens": 500}]})

    tokens: Annotated[int, Field(ge=1, description="The budget, which is never exceeded.")] = 8000
    neighbours: Annotated[int, Field(ge=0)] = 1
    level: Level = "detail"
    sections: list[SectionName] | None = None


class LineTold(Told):
    """One line of a context, its mark first, and the memory that the mark stands for."""

    text: str
    mark: str
    memory: str | None
    group: str


class SectionTold(Told):
    """A part of a context."""

    name: SectionName
    heading: str
    lines: list[LineTold]


class LeftOutTold(Told):
    """Something for which there was no room, or none for all of it."""

    section: SectionName
    memory: str | None
    in_part: bool


class ContextTold(Told):
    """What the agent knows, as a block for a prompt: data, and no instruction to whoever reads it."""

    text: str
    tokens: int
    budget: int
    sections: list[SectionTold]
    citations: dict[str, str]
    levels: dict[str, Level]
    left_out: list[LeftOutTold]
    missing: list[str]


class Felt(Given):
    """A feeling that is no memory: a named emotion, a point, or several emotions with weights that sum to 1."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"emotion": "joy", "intensity": 0.8, "cause": "the sun came out"}]}
    )

    emotion: Annotated[str, Field(min_length=1)] | None = None
    pad: Feeling | None = None
    mixture: Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)] | None = None
    intensity: Annotated[float, Field(ge=0, le=1)] = 1.0
    cause: str = ""

    @model_validator(mode="after")
    def _one_of_three(self) -> Felt:
        if sum(one is not None for one in (self.emotion, self.pad, self.mixture)) != 1:
            raise ValueError("one of `emotion`, `pad` and `mixture` is expected")
        return self

    @property
    def what(self) -> str | PAD | dict[Any, float]:
        """As the domain has it. Raises: InvalidInput."""
        if self.pad is not None:
            return self.pad.pad()
        return self.mixture if self.mixture is not None else str(self.emotion)


class SpreadTold(Told):
    """A standard deviation for each axis."""

    pleasure: float
    arousal: float
    dominance: float


class EmotionTold(Told):
    """A named emotion and its probability."""

    name: str
    probability: float


class MoodTold(Told):
    """How an agent feels."""

    mean: FeelingTold
    spread: SpreadTold
    emotions: list[EmotionTold] = Field(description="Likeliest first.")
    entropy: float = Field(description="Entanglement entropy in bits between pleasure and the rest.")
    fidelity: float = Field(description="Lower estimate of the overlap with the uncompressed state.")
    bond: int
    nbytes: int
    at: When | None = Field(description="When it last felt something.")


class MoodThen(Told):
    """The mood right after an event."""

    place: PlaceTold
    at: When
    kind: str
    summary: str
    mood: MoodTold


def mood_told(mood: Mood) -> MoodTold:
    """A mood as it goes out."""
    pleasure, arousal, dominance = (float(one) for one in mood.spread)
    return MoodTold(
        mean=FeelingTold.model_validate(mood.mean),
        spread=SpreadTold(pleasure=pleasure, arousal=arousal, dominance=dominance),
        emotions=[EmotionTold(name=name, probability=float(value)) for name, value in mood.emotions],
        entropy=float(mood.entropy),
        fidelity=float(mood.fidelity),
        bond=int(mood.bond),
        nbytes=int(mood.nbytes),
        at=mood.at,
    )


def mood_then(entry: LogEntry, mood: Mood) -> MoodThen:
    """An event and the mood after it as they go out."""
    place = PlaceTold.model_validate(entry.place)
    return MoodThen.model_construct(
        place=place, at=entry.at, kind=entry.kind, summary=entry.summary, mood=mood_told(mood)
    )


def context_told(made: Context) -> ContextTold:
    """A context as it goes out."""
    return ContextTold(
        text=made.text,
        tokens=made.tokens,
        budget=made.budget,
        sections=[
            SectionTold(name=one.name, heading=one.heading, lines=[LineTold.model_validate(line) for line in one.lines])
            for one in made.sections
        ],
        citations=dict(made.citations),
        levels=dict(made.levels),
        left_out=[LeftOutTold.model_validate(one) for one in made.left_out],
        missing=list(made.missing),
    )
