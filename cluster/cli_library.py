"""Commands of the library: what projects keep, added, listed, shown, searched, edited and taken away."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_session import Session, command

if TYPE_CHECKING:
    from quantum_memory.memory.library.entries import Entry, EntryHits

app = typer.Typer(no_args_is_help=True, help="Rules, documents and references of projects.")

TierName = Literal["open", "internal", "restricted"]
KindName = Literal["rule", "document", "reference"]
Project = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's name.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As 'qmem library list' shows it.")]
Text_ = Annotated[
    str | None, typer.Option("--text", metavar="TEXT", help="The text; '-' reads it from stdin, '@FILE' from a file.")
]
Uri = Annotated[str | None, typer.Option("--uri", metavar="URI", help="A URL or DOI.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", help="May be repeated.")]
Tier = Annotated[TierName | None, typer.Option("--tier", help="Who may read it.")]
Kind = Annotated[KindName | None, typer.Option("--kind", help="Only of this kind.")]
Priority = Annotated[int | None, typer.Option("--priority", help="Of a rule: the greater is told first.")]
Enabled = Annotated[bool | None, typer.Option("--enabled/--disabled", help="Of a rule: whether it holds.")]


@command(app)
def projects(session: Session) -> None:
    """The projects of which anything was ever kept."""
    with session.memory() as memory:
        names = memory.library().projects()
    session.show(names, lambda: tables.lines(*names) if names else Text("no projects yet"))


@command(app)
def add(
    session: Session,
    project: Project,
    kind: Annotated[KindName, typer.Argument(help="rule, document or reference.")],
    title: Annotated[str, typer.Argument(help="One line.")],
    *,
    text: Text_ = None,
    uri: Uri = None,
    tags: Tags = None,
    tier: Tier = None,
    priority: Priority = None,
    enabled: Enabled = None,
    id_: Annotated[str | None, typer.Option("--id", help="An id of your own; the same again adds nothing.")] = None,
) -> None:
    """Keep something. It is on disk when this ends."""
    from quantum_memory.memory.library.entries import Content
    from quantum_memory.memory.library.shelves import DEFAULT_TIER

    rule = {"priority": priority, "enabled": enabled}
    told: dict[str, Any] = {name: value for name, value in rule.items() if value is not None}
    content = Content(kind, title, _read(text) or "", uri, tuple(tags or ()), **told)
    with session.memory() as memory:
        made = memory.library().add(project, content, tier or DEFAULT_TIER, id=id_)
    session.show(_data(made), lambda: _entries_table([made]))


@command(app, "list")
def list_entries(
    session: Session, project: Project, *, kind: Kind = None, tags: Tags = None, tier: Tier = None
) -> None:
    """The entries of a project, by when they were made."""
    found: list[Entry] = []
    with session.memory() as memory:
        library, after = memory.library(), None
        while True:
            tiers = None if tier is None else [tier]
            page = library.entries(project, kind, tags=tags or (), tiers=tiers, limit=1000, after=after)
            found += page.entries
            after = page.after
            if after is None:
                break
    session.show([_data(one) for one in found], lambda: _entries_table(found))


@command(app)
def show(session: Session, project: Project, entry: Id) -> None:
    """One entry, with all of its text on stdout as it is."""
    with session.memory() as memory:
        found = memory.library().entry(project, entry)
    if session.options.json:
        session.show(_data(found), lambda: _entries_table([found]))
        return
    session.stdout.write(tables.harmless(found.text or "") + "\n")
    session.note(f"{found.kind} {found.id}, version {found.version}, {found.tier}: {found.title}")


@command(app)
def search(
    session: Session,
    query: Annotated[str, typer.Argument(help="What about.")],
    *,
    project: Annotated[list[str] | None, typer.Option("--project", help="Only in this one; may be repeated.")] = None,
    kind: Kind = None,
    tags: Tags = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 10,
) -> None:
    """What the library has on something, best first, with the parts of each score."""
    from quantum_memory.memory.library.entries import KINDS

    with session.memory() as memory:
        asked: dict[str, Any] = {"projects": project, "kinds": KINDS if kind is None else [kind], "tags": tags or ()}
        hits = memory.library().search(query, k, **asked)
    if hits.missing:
        session.note(f"made without: {', '.join(hits.missing)}")
    session.show([_hit(one) for one in hits], lambda: _hits_table(hits))


@command(app)
def edit(
    session: Session,
    project: Project,
    entry: Id,
    version: Annotated[int, typer.Argument(min=1, help="The one that you have seen.")],
    *,
    title: Annotated[str | None, typer.Option("--title", help="One line.")] = None,
    text: Text_ = None,
    uri: Uri = None,
    tags: Tags = None,
    priority: Priority = None,
    enabled: Enabled = None,
    tier: Tier = None,
    to: Annotated[str | None, typer.Option("--to", metavar="PROJECT", help="The project that it goes to.")] = None,
) -> None:
    """Change an entry, or move it to another tier or project. What is not given stays."""
    given = {"title": title, "text": _read(text), "uri": uri, "priority": priority, "enabled": enabled}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if tags is not None:
        changes["tags"] = tuple(tags)
    with session.memory() as memory:
        made = memory.library().update(project, entry, version, changes, tier=tier, to=to)
    session.show(_data(made), lambda: _entries_table([made]))


@command(app)
def delete(
    session: Session,
    project: Project,
    entry: Id,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Only if it is of this one.")] = None,
) -> None:
    """Take an entry away. The history of its shelf keeps it."""
    with session.memory() as memory:
        memory.library().delete(project, entry, version)
    session.show({"deleted": entry}, lambda: tables.lines(f"{entry}: taken away"))


def _read(text: str | None) -> str | None:
    """A text as it was given, or what stdin or a file holds."""
    if text == "-":
        return sys.stdin.read()
    if text is not None and text.startswith("@"):
        return Path(text[1:]).read_text(encoding="utf-8")
    return text


def _data(entry: Entry) -> dict[str, Any]:
    names = ("id", "project", "tier", "kind", "title", "text", "uri", "priority", "enabled", "version", "passages")
    told = {name: getattr(entry, name) for name in names}
    return (
        told | {"tags": list(entry.tags)} | {name: getattr(entry, name).isoformat() for name in ("created", "updated")}
    )


def _hit(hit: Any) -> dict[str, Any]:
    found = [{"number": one.number, "text": one.text, "score": one.score, "why": dict(one.why)} for one in hit.passages]
    return {"entry": _data(hit.entry), "score": hit.score, "passages": found}


def _entries_table(entries: Sequence[Entry]) -> RenderableType:
    table = Table("id", "kind", "tier", "version", "title", "tags", "changed")
    for one in entries:
        state = one.title if one.enabled else f"{one.title} (does not hold)"
        told = (one.id, one.kind, one.tier, str(one.version), state, ", ".join(one.tags))
        table.add_row(*(tables.called(text) for text in told), tables.when(one.updated))
    return table if entries else Text("nothing is kept there")


def _hits_table(hits: EntryHits) -> RenderableType:
    shown: list[RenderableType] = []
    for hit in hits:
        head = f"{hit.score:.3f}  {hit.entry.project}/{hit.entry.id}  {hit.entry.kind}: {hit.entry.title}"
        parts = "  ".join(f"{name} {value:.3f}" for name, value in hit.why.items() if value)
        shown += [tables.called(head, "bold"), tables.called(f"  {parts}", "dim")]
        shown += [tables.called(f"  {' '.join(one.text.split())}") for one in hit.passages if one.number >= 0]
    return Group(*shown) if shown else Text("nothing was found")
