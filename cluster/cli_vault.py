"""Commands of the vault and its cluster as a whole: find, audit, status, resize, gc."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from quantum_memory.checks import named
from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Kind, Speaker
from quantum_memory.cluster.cli_session import Session, command, moment
from quantum_memory.cluster.cli_status import status_tables

app = typer.Typer()

Limit = Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")]


@command(app)
def find(
    session: Session,
    words: Annotated[
        str | None, typer.Argument(help="All of them are in the text; umbr* is any word that begins so.")
    ] = None,
    *,
    agent: Annotated[str | None, typer.Option("--agent", help="Only what this agent remembered.")] = None,
    in_session: Annotated[str | None, typer.Option("--session", help="Only of this conversation.")] = None,
    emotion: Annotated[str | None, typer.Option("--emotion", help="Only what felt like this, as in joy.")] = None,
    speaker: Speaker = None,
    kind: Kind = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only at or after this time.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only before this time.")] = None,
    limit: Limit = 50,
) -> None:
    """Search everything that was ever remembered, by words and by columns, also what was forgotten since."""
    start, end = moment(since), moment(until)
    with session.memory() as memory:
        found = memory.find(
            words,
            agent=agent,
            session=in_session,
            emotion=emotion,
            speaker=speaker,
            kind=kind,
            since=start,
            until=end,
            limit=limit,
        )
    session.show(tables.data(found), lambda: tables.found_table(found))


@command(app)
def audit(
    session: Session,
    agent: Annotated[str | None, typer.Argument(metavar="[AGENT]", help="Only what was done to this agent.")] = None,
    limit: Limit = 100,
    *,
    denied: Annotated[
        bool, typer.Option("--denied", help="What callers from outside were denied, instead of changes.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="NAME", help="Only what this tenant's callers were denied.")
    ] = None,
) -> None:
    """Who changed what, and when, or who was denied what: newest first."""
    from quantum_memory.cluster.archives import door

    if denied and agent is not None:
        raise typer.BadParameter("what was denied is told of a tenant, with --tenant", param_hint="AGENT")
    if tenant is not None and not denied:
        raise typer.BadParameter("it goes with --denied", param_hint="--tenant")
    with door(session, reading=True) as way:
        if denied:
            denials = way.denials(tenant, limit)
            session.show(tables.data(denials), lambda: tables.denials_table(denials))
        else:
            entries = way.audit(None if agent is None else named("agent", agent), limit)
            session.show(tables.data(entries), lambda: tables.audit_table(entries))


@command(app)
def status(session: Session) -> None:
    """The pools, their agents, memory and lag; what the vault holds; what went wrong in the background."""
    with session.memory() as memory:
        told, actors = memory.vault_status(), memory.status()
    session.show(told | {"actors": actors}, lambda: status_tables(told, actors))


@command(app)
def resize(
    session: Session,
    pool: Annotated[str, typer.Argument(help="agents, emotion, quantum, episodic or graph.")],
    size: Annotated[int, typer.Argument(min=1, help="How many members it is to have.")],
) -> None:
    """Give a pool of a running cluster more members, or fewer, while it works. Needs --address."""
    if session.options.address is None and "RAY_ADDRESS" not in os.environ:
        raise typer.BadParameter("a cluster that runs is needed: say which with --address", param_hint="--address")
    with session.memory() as memory, session.busy("Resizing"):
        sizes = memory.resize(pool, size)
    session.show(sizes, lambda: tables.lines(*(f"{name}: {count}" for name, count in sizes.items())))


@command(app)
def gc(
    session: Session,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Let go what no living branch and no tag reaches any more, once its grace is over."""
    with session.memory() as memory:
        went = memory.gc(dry_run=dry_run)
    answer: dict[str, Any] = {"dry_run": dry_run, "branches": went.branches, "events": went.events}
    answer |= {"blocks": len(went.blocks), "nbytes": went.nbytes, "trims": [trim._asdict() for trim in went.trims]}
    lead = "would go: " if dry_run else "gone: "
    session.show(answer, lambda: tables.lines(f"{lead}{went}"))
