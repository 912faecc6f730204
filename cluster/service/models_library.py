"""Rules, documents and references as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path
from pydantic import ConfigDict, Field

from quantum_memory.actors.library import MAX_HITS, MAX_PASSAGES, MAX_PROJECTS
from quantum_memory.cluster.service.models import Given, Told, When
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.library.entries import KINDS, MAX_PRIORITY, Content, Entry, EntryHit, EntryHits, Kind
from quantum_memory.memory.library.shelves import DEFAULT_TIER, Tier

NAME = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
ProjectPath = Annotated[str, Path(description="The project's name.", pattern=NAME, examples=["apollo"])]
EntryPath = Annotated[str, Path(description="The entry's id.", pattern=NAME, examples=["no-deploys-on-friday"])]
Name = Annotated[str, Field(pattern=NAME)]
Priority = Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)]
Version = Annotated[int, Field(ge=1, le=2**53)]
RULE: dict[str, Any] = {
    "kind": "rule",
    "title": "No deploys on Friday",
    "text": "Nobody deploys after noon on Fridays.",
    "priority": 5,
}


class ToKeep(Given):
    """A rule, a document or a reference."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**RULE, "tags": ["ops"], "tier": "open", "id": "no-deploys-on-friday"},
                {"kind": "document", "title": "Landing", "text": "The legs unfold at 200 m.", "tier": "internal"},
                {"kind": "reference", "title": "A paper", "uri": "doi:10.1000/182", "text": "What it says in short."},
            ]
        }
    )

    kind: Kind
    title: Annotated[str, Field(min_length=1, description="One line.")]
    text: str = Field("", description="What is to be kept to; all of a document; an abstract or a note.")
    uri: str | None = Field(None, description="A URL or DOI. A reference has one, a rule none.")
    tags: list[str] = Field([])
    priority: Priority = Field(0, description="Of a rule: the greater is told first.")
    enabled: bool = Field(True, description="Of a rule: whether it holds.")
    tier: Tier = Field(DEFAULT_TIER, description="Who may read it.")
    id: Name | None = Field(None, description="An id of the caller's own; the same again under it adds nothing.")

    def content(self) -> Content:
        """As the domain has it. Raises: InvalidInput."""
        fields = self.model_dump(exclude={"tier", "id", "tags"})
        return Content(**fields, tags=tuple(self.tags))


class EntryChange(Given):
    """New values for some of an entry, and where it goes; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 1, "enabled": False}]})

    version: Version | None = Field(None, description="The one that was seen, where no `If-Match` says it.")
    title: Annotated[str, Field(min_length=1)] | None = None
    text: str | None = None
    uri: str | None = None
    tags: list[str] | None = None
    priority: Priority | None = None
    enabled: bool | None = None
    tier: Tier | None = Field(None, description="Who may read it from now on.")
    to: Name | None = Field(None, description="The project that it goes to.")

    def changes(self) -> dict[str, Any]:
        """What is to be another; of a document the `uri` may be taken away. Raises: InvalidValue."""
        found = {name: getattr(self, name) for name in self.model_fields_set - {"version", "tier", "to"}}
        empty = sorted(name for name, value in found.items() if value is None and name != "uri")
        if empty:
            raise InvalidValue(empty[0], "null", "a value, or nothing at all")
        return found


class EntryTold(Told):
    """An entry of the library."""

    id: str
    project: str
    tier: Tier
    kind: Kind
    title: str
    text: str | None = Field(description="All of it; nothing in lists and searches.")
    uri: str | None
    tags: list[str]
    priority: int
    enabled: bool
    created: When
    updated: When
    version: int = Field(description="1 at first, and one more with every change.")
    passages: int = Field(description="In how many its text is searched.")


class PassageTold(Told):
    """A stretch of an entry's text that was found: the parts in `why` add up to `score`."""

    number: int = Field(description="From 0 among its passages; -1 is the title.")
    text: str
    score: float
    why: dict[str, float]


class EntryFound(Told):
    """An entry that was found; its score is that of its best passage."""

    entry: EntryTold
    score: float
    passages: list[PassageTold] = Field(description="Best first.")


class FoundEntries(Told):
    """What the library has, best first."""

    hits: list[EntryFound]
    missing: list[str] = Field(description="Parts of memory that it was made without, away or too slow now.")


class LibraryQuestion(Given):
    """What is looked for in the library."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"query": "When may I deploy?", "projects": ["apollo"]}]})

    query: Annotated[str, Field(min_length=1)]
    k: Annotated[int, Field(ge=0, le=MAX_HITS, description="How many entries at most.")] = 10
    projects: Annotated[list[Name], Field(min_length=1, max_length=MAX_PROJECTS)] | None = Field(
        None, description="Only in these; in all that the caller may use when left out."
    )
    kinds: Annotated[list[Kind], Field(min_length=1)] | None = None
    tags: list[str] = Field([], description="Only entries that carry all of these.")
    tiers: Annotated[list[Tier], Field(min_length=1)] | None = None
    passages: Annotated[int, Field(ge=1, le=MAX_PASSAGES, description="How many of each entry at most.")] = 3

    def options(self) -> Mapping[str, Any]:
        """As the domain has them."""
        return {
            "projects": self.projects,
            "kinds": KINDS if self.kinds is None else self.kinds,
            "tags": self.tags,
            "tiers": self.tiers,
            "passages": self.passages,
        }


class ProjectTold(Told):
    """A project by its name."""

    name: str = Field(examples=["apollo"])


def entry_told(one: Entry) -> EntryTold:
    """An entry as it goes out."""
    return EntryTold.model_construct(
        **{name: getattr(one, name) for name in EntryTold.model_fields if name != "tags"}, tags=list(one.tags)
    )


def found_told(hits: EntryHits) -> FoundEntries:
    """What was found as it goes out."""
    return FoundEntries.model_construct(hits=[_found(hit) for hit in hits], missing=list(hits.missing))


def _found(hit: EntryHit) -> EntryFound:
    return EntryFound.model_construct(
        entry=entry_told(hit.entry),
        score=float(hit.score),
        passages=[
            PassageTold.model_construct(
                number=one.number,
                text=one.text,
                score=float(one.score),
                why={name: float(value) for name, value in one.why.items()},
            )
            for one in hit.passages
        ],
    )
