"""Memories as they go over the wire: what is to be remembered, what is remembered, and what is recalled."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

import numpy as np
from pydantic import ConfigDict, Field

from quantum_memory.cluster.service.models import Feeling, FeelingTold, Given, Told, Vector, When, given
from quantum_memory.errors import InvalidValue
from quantum_memory.types import Hit, Hits, Memory, Utterance

Unit = Annotated[float, Field(ge=0, le=1)]
EXAMPLE: dict[str, Any] = {
    "text": "We moved to Lisbon in March.",
    "speaker": "Ann",
    "tags": ["home"],
    "at": "2025-03-04T09:00:00Z",
}


class Said(Given):
    """Something to be remembered. Only the text is needed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    text: Annotated[str, Field(min_length=1)]
    speaker: str | None = None
    at: When | None = Field(None, description="When it happened; now when left out.")
    kind: str | None = Field(None, description='"utterance" when left out.')
    session: str | None = Field(None, description="The conversation that it belongs to.")
    tags: list[str] = Field([])
    metadata: dict[str, Any] = Field({})
    importance: Unit | None = None
    id: str | None = Field(None, description="An id of the caller's own: what is known under it is not added again.")
    embedding: Vector | None = Field(None, description="In the place of the one that the model would make.")
    pad: Feeling | None = Field(None, description="In the place of the feeling that the model would read.")
    confidence: Unit | None = None
    revised_at: When | None = None
    image: str | None = Field(None, description="An image file in base64, read for its feeling and not kept.")

    def utterance(self) -> Utterance:
        """As the domain has it. Raises: InvalidInput."""
        fields = given(self.model_dump(exclude={"pad", "embedding", "image"}))
        if self.pad is not None:
            fields["pad"] = self.pad.pad()
        if self.embedding is not None:
            fields["embedding"] = np.asarray(self.embedding, np.float64)
        if self.image is not None:
            fields["image"] = _bytes(self.image)
        return Utterance(**fields)


class SaidMany(Given):
    """Several things to be remembered, in this order and all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"memories": [EXAMPLE, {"text": "The cat came too."}]}]})

    memories: Annotated[list[Said], Field(min_length=1, max_length=100_000)]


class Remembered(Told):
    """The ids of what was remembered, in order. It is on disk."""

    ids: list[str] = Field(examples=[["3f6c2a9d1be04c7a8e55"]])


class MemoryTold(Told):
    """One remembered thing."""

    id: str
    text: str
    at: When
    pad: FeelingTold
    confidence: float
    importance: float
    speaker: str | None
    kind: str
    session: str | None
    tags: list[str]
    metadata: dict[str, Any]
    revised_at: When | None
    embedding: list[float] | None = Field(description="Where it was asked for.")


class HitTold(Told):
    """A recollection: the parts in `why` add up to `score`."""

    memory: MemoryTold
    score: float
    why: dict[str, float]
    before: list[MemoryTold]
    after: list[MemoryTold]


class Recalled(Told):
    """Recollections, best first."""

    hits: list[HitTold]
    missing: list[str] = Field(description="Parts of memory that it was made without, away or too slow now.")


class Traced(Told):
    """A memory, and where it comes from if it was made of others."""

    memory: MemoryTold
    how: str | None
    sources: list[str] = Field(description="Ids of the memories that it was made of and that are still there.")
    gone: list[str] = Field(description="Ids of those that are not.")
    made: list[str] = Field(description="Ids of what was made of it.")


class Revision(Given):
    """New values for some fields of a memory; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "We moved to Porto in March.", "tags": ["home"]}]}
    )

    text: Annotated[str, Field(min_length=1)] | None = None
    speaker: str | None = None
    at: When | None = None
    kind: str | None = None
    session: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    importance: Unit | None = None

    def fields(self) -> dict[str, Any]:
        """Those that were given, null included: a speaker and a session may be taken away."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Forgotten(Told):
    """How many memories were forgotten."""

    forgotten: int


class ToForget(Given):
    """Memories that are to be found no more on this branch, all or none."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ids": ["3f6c2a9d1be04c7a8e55"]}]})

    ids: Annotated[list[str], Field(min_length=1, max_length=100_000)]


def memory_told(one: Memory, *, embeddings: bool = False) -> MemoryTold:
    """A memory as it goes out. Its values were checked when it was made, so they are not checked again."""
    pad = one.pad
    return MemoryTold.model_construct(
        id=one.id,
        text=one.text,
        at=one.at,
        pad=FeelingTold.model_construct(pleasure=pad.pleasure, arousal=pad.arousal, dominance=pad.dominance),
        confidence=float(one.confidence),
        importance=float(one.importance),
        speaker=one.speaker,
        kind=one.kind,
        session=one.session,
        tags=list(one.tags),
        metadata=one.metadata,
        revised_at=one.revised_at,
        embedding=one.embedding.tolist() if embeddings else None,
    )


def hits_told(hits: Hits, *, embeddings: bool = False) -> Recalled:
    """Recollections as they go out."""
    return Recalled.model_construct(hits=[_hit(hit, embeddings=embeddings) for hit in hits], missing=list(hits.missing))


def _hit(hit: Hit, *, embeddings: bool) -> HitTold:
    return HitTold.model_construct(
        memory=memory_told(hit.memory, embeddings=embeddings),
        score=float(hit.score),
        why={name: float(value) for name, value in hit.why.items()},
        before=[memory_told(one, embeddings=embeddings) for one in hit.before],
        after=[memory_told(one, embeddings=embeddings) for one in hit.after],
    )


def _bytes(image: str) -> bytes:
    try:
        return base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidValue("image", f"{len(image)} characters", "an image file in base64") from None
