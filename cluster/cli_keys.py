"""Commands of API keys: create, list, revoke. A key is shown once, by the command that makes it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from rich.table import Table

from quantum_memory.cluster.cli_session import Session, command

if TYPE_CHECKING:
    from quantum_memory.cluster.archives import Door
    from quantum_memory.memory.vault.admission import ApiKey, MakeKey, RevokeKey
    from quantum_memory.memory.vault.writes import OpenSession

app = typer.Typer(no_args_is_help=True, help="API keys of callers from outside.")

Tenant = Annotated[str | None, typer.Option("--tenant", metavar="NAME", help="Only keys of this tenant.")]


@command(app)
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="What people are to call it, such as 'laptop'.")],
    *,
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose agents it opens.")] = "default",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What may be done with it: reader, writer or admin.")
    ] = "reader",
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="PATTERN", help="Only agents with such names, as in 'team-*'. Repeatable."),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="Only these can be subscribed to: mood, memories, history. Repeatable."),
    ] = None,
    clearance: Annotated[
        str | None,
        typer.Option(
            "--clearance", metavar="TIER", help="What it opens of the library: up to open, internal or restricted."
        ),
    ] = None,
    project: Annotated[
        list[str] | None,
        typer.Option("--project", metavar="PATTERN", help="Only projects with such names. Repeatable."),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=36_500, help="It opens nothing after so many.")
    ] = None,
) -> None:
    """Make an API key and show it. It cannot be shown again."""
    from quantum_memory.cluster.archives import door, now
    from quantum_memory.cluster.service.access.keys import mint
    from quantum_memory.cluster.service.principals import CHANNELS, channel_named, role_named
    from quantum_memory.memory.library.shelves import tier_named

    made_at, opened = now(), _opened()
    minted = mint(
        opened.id,
        tenant,
        name,
        role_named(role),
        agent or ("*",),
        [channel_named(one) for one in channel] if channel else CHANNELS,
        None if days is None else made_at + timedelta(days=days),
        clearance=None if clearance is None else tier_named(clearance),
        projects=project,
        now=made_at,
    )
    with door(session) as way:
        _write(way, opened, minted.write)
        (key,) = (one for one in way.keys(tenant) if one.id == minted.write.id)
    if session.options.json:
        session.show({**_told(key), "key": minted.text}, lambda: "")
        return
    session.note(f"The key {key.id} of {key.tenant}, for a {key.role}. It is shown this once:")
    session.stdout.write(f"{minted.text}\n")


@command(app, "list")
def list_keys(session: Session, *, tenant: Tenant = None) -> None:
    """The API keys, oldest first, and which of them still open something."""
    from quantum_memory.cluster import cli_tables as tables
    from quantum_memory.cluster.archives import door, now

    with door(session, reading=True) as way:
        keys = way.keys(tenant)
    at = now()

    def picture() -> Table:
        table = Table("key", "tenant", "name", "role", "agents", "channels", "made", "state")
        for one in keys:
            shown = (one.id, one.tenant, one.name, one.role, ", ".join(one.agents), ", ".join(one.channels))
            if one.revoked is not None:
                state = f"revoked {tables.when(one.revoked)}"
            elif one.expires is None:
                state = "open"
            else:
                state = f"{'over since' if one.expires <= at else 'open until'} {tables.when(one.expires)}"
            table.add_row(*(tables.called(text) for text in shown), tables.when(one.created), state)
        return table

    session.show([_told(one) for one in keys], picture)


@command(app)
def revoke(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="ID", help="As 'qmem keys list' shows it.")],
    *,
    tenant: Tenant = None,
) -> None:
    """Let a key open nothing any more. Where the service runs it takes some seconds at most."""
    from quantum_memory.cluster import cli_tables as tables
    from quantum_memory.cluster.archives import door
    from quantum_memory.memory.vault.admission import RevokeKey

    opened = _opened()
    with door(session, there=True) as way:
        at, before = _write(way, opened, RevokeKey(key, tenant, f"{opened.id}.revoke"))
    answer = {"id": key, "revoked": at, "before": before}
    told = f"{key}: {'was revoked before' if before else 'revoked'}, at {at}"
    session.show(answer, lambda: tables.lines(told))


def _opened() -> OpenSession:
    """Who does it, for the audit."""
    from quantum_memory.cluster.whoami import whoami
    from quantum_memory.memory.vault.writes import OpenSession

    return OpenSession(uuid4().hex[:12], whoami())


def _write(way: Door, opened: OpenSession, write: MakeKey | RevokeKey) -> tuple[str, bool]:
    """Write it; when it was so, and whether that was before. Raises: what refused it."""
    from quantum_memory.errors import QuantumMemoryError

    for outcome in (outcomes := way.write([opened, write])):
        if isinstance(outcome, QuantumMemoryError):
            raise outcome
    done: Any = outcomes[-1]
    return done.at.isoformat(), done.repeated


def _told(key: ApiKey) -> dict[str, Any]:
    """All of a key but salt and hash."""
    told = {name: getattr(key, name) for name in ("id", "tenant", "name", "role")}
    told |= {"agents": list(key.agents), "channels": list(key.channels)}
    told |= {"clearance": key.clearance, "projects": None if key.projects is None else list(key.projects)}
    times = {"created": key.created, "expires": key.expires, "revoked": key.revoked}
    return told | {name: None if at is None else at.isoformat() for name, at in times.items()}
