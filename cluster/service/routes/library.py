"""The library: projects, the rules, documents and references in them, and searching all of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Header, Query, Response

from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks
from quantum_memory.cluster.service.models import Cursor, Limit, Page
from quantum_memory.cluster.service.models_library import (
    EntryChange,
    EntryPath,
    EntryTold,
    FoundEntries,
    LibraryQuestion,
    ProjectPath,
    ProjectTold,
    ToKeep,
    Version,
    entry_told,
    found_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.library.entries import Entry, Kind
from quantum_memory.memory.library.shelves import Tier

asks = Operations("library")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_LISTED = 1000
_TAG = re.compile(r'(?:W/)?"(\d{1,16})"')
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The `ETag` that was seen: the version in quotes.", examples=['"1"']),
]
Tags = Annotated[list[str], Query(description="Only entries that carry all of these.", max_length=32)]


@asks("reader", "GET", "/projects", "listProjects", "The projects that the caller may read something of, by name.")
async def list_projects(asked: Asks, limit: Limit = 100, cursor: Cursor = None) -> Page[ProjectTold]:
    """A project is there from its first entry on."""
    names = await (await asked.library()).projects.begin()
    page, following = cursors.after("projects", names, cursor, min(limit, asked.limits.page), str)
    return Page(items=[ProjectTold(name=name) for name in page], next=following)


@asks(
    "reader", "GET", "/projects/{project}/entries", "listEntries", "The entries of a project, in the order of making."
)
async def list_entries(
    asked: Asks,
    project: ProjectPath,
    kind: Annotated[Kind | None, Query(description="Only of this kind.")] = None,
    tag: Tags = [],  # noqa: B006 - FastAPI copies it
    tier: Annotated[Tier | None, Query(description="Only from this tier.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[EntryTold]:
    """Without their texts. What is added while somebody reads the pages is at their end."""
    library, most = await asked.library(), min(limit, asked.limits.page, MOST_LISTED)
    tiers = None if tier is None else [tier]
    page = await library.entries.begin(project, kind, tags=tag, tiers=tiers, limit=most, after=_after(cursor))
    following = None
    if page.after is not None:
        following = cursors.written("entries", (page.after[0] - EPOCH) // timedelta(microseconds=1), page.after[1])
    return Page(items=[entry_told(one) for one in page.entries], next=following)


def _after(cursor: str | None) -> tuple[datetime, str] | None:
    """Raises: InvalidValue."""
    if cursor is None:
        return None
    at, id_ = cursors.read("entries", cursor, [int, str])
    try:
        return EPOCH + timedelta(microseconds=int(at)), str(id_)
    except OverflowError:
        raise InvalidValue("cursor", repr(cursor[:64]), "`next` of a page of this list") from None


@asks(
    "writer", "POST", "/projects/{project}/entries", "addEntry", "Keep a rule, a document or a reference.", status=201
)
async def add_entry(asked: Asks, project: ProjectPath, what: ToKeep, answer: Response) -> EntryTold:
    """When this answers, it is on disk and can be found. It takes a clearance for its tier."""
    library = await asked.library()
    return _tagged(answer, await library.add.begin(project, what.content(), what.tier, id=what.id))


@asks("reader", "GET", "/projects/{project}/entries/{entry}", "readEntry", "One entry, with all of its text.")
async def read_entry(asked: Asks, project: ProjectPath, entry: EntryPath, answer: Response) -> EntryTold:
    """Its version is also the `ETag`."""
    return _tagged(answer, await (await asked.library()).entry.begin(project, entry))


@asks("writer", "PATCH", "/projects/{project}/entries/{entry}", "updateEntry", "Change an entry, or move it.")
async def update_entry(
    asked: Asks, project: ProjectPath, entry: EntryPath, what: EntryChange, answer: Response, match: IfMatch = None
) -> EntryTold:
    """The version that was seen has to be said. If somebody has changed it since, it is a conflict. The same request
    again changes nothing more, and finishes what was cut off.
    """
    seen = _seen(match, what.version)
    if seen is None:
        raise InvalidValue("version", "nothing", "the version that was seen, here or as If-Match")
    library = await asked.library()
    return _tagged(answer, await library.update.begin(project, entry, seen, what.changes(), tier=what.tier, to=what.to))


@asks("writer", "DELETE", "/projects/{project}/entries/{entry}", "deleteEntry", "Take an entry away.", status=204)
async def delete_entry(
    asked: Asks,
    project: ProjectPath,
    entry: EntryPath,
    version: Annotated[Version | None, Query(description="Only if it is of this version.")] = None,
    match: IfMatch = None,
) -> None:
    """It is found no more; the history of its shelf keeps it, as that of an agent keeps what was forgotten."""
    await (await asked.library()).delete.begin(project, entry, _seen(match, version))


@asks("reader", "POST", "/library/search", "searchLibrary", "What the library has on something, best first.")
async def search_library(asked: Asks, question: LibraryQuestion) -> FoundEntries:
    """Entries of all tiers that the caller may read, with what was found of them and the parts of each score."""
    library = await asked.library()
    return found_told(await library.search.begin(question.query, question.k, **question.options()))


def _tagged(answer: Response, entry: Entry) -> EntryTold:
    answer.headers["ETag"] = f'"{entry.version}"'
    return entry_told(entry)


def _seen(match: str | None, version: int | None) -> int | None:
    """The version that somebody has seen. Raises: InvalidValue."""
    if match is None:
        return version
    found = _TAG.fullmatch(match)
    if found is None or not 1 <= int(found[1]) <= 2**53:
        raise InvalidValue("If-Match", repr(match[:64]), "the ETag of an entry")
    if version not in (None, int(found[1])):
        raise InvalidValue("version", str(version), f"that of If-Match, which is {found[1]}")
    return int(found[1])
