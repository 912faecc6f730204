"""Commands that keep a vault well: backup, backups, restore, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_session import FAILED, Session, command, moment

if TYPE_CHECKING:
    from quantum_memory.actors.caretaker import Verified
    from quantum_memory.memory.vault.backup import Manifest

app = typer.Typer()

Place = Annotated[str, typer.Argument(metavar="FOLDER|URL", help="Where the backups lie.")]


@command(app)
def backup(
    session: Session,
    to: Annotated[
        str | None, typer.Argument(metavar="[FOLDER|URL]", help="Where to; backups.to of the settings when left out.")
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Read every segment again and compare it with its copy.")
    ] = False,
) -> None:
    """Copy the vault while it goes on, read the copy back, and thin out old backups there."""
    from quantum_memory.cluster.archives import door

    with door(session, there=True) as way, session.busy("Copying"):
        made: Manifest = way.care("backup", to, full)
    blocks, nbytes = made.copied
    lead = f"{made.name}: {made.kind}, up to position {made.position}"
    session.show(_told(made), lambda: tables.lines(f"{lead}, {blocks} new blocks of {nbytes / 1e6:.1f} MB"))


@command(app)
def backups(session: Session, where: Place) -> None:
    """The backups in a place, oldest first, each checked whole."""
    from quantum_memory.cluster.archives import now
    from quantum_memory.errors import BackupNotFound
    from quantum_memory.memory.vault.backup import Backups

    place = Backups(where, now)
    with session.busy("Reading"):
        every, unreadable = [(one, place.check(one)) for one in place.all()], place.unreadable()
    for fault in unreadable:
        typer.echo(tables.one_line(f"qmem: {fault}"), err=True)
    if not every and not unreadable:
        raise BackupNotFound(where, "any moment")
    told = [{**_told(one), "faults": faults} for one, faults in every]

    def picture() -> Table:
        table = Table("made", "kind", "position", "segments", "state")
        for one, faults in every:
            state = "whole" if not faults else f"{len(faults)} blocks damaged"
            table.add_row(tables.when(one.at), one.kind, str(one.position), str(len(one.blocks)), state)
        return table

    session.show(told, picture)
    if unreadable or any(faults for _, faults in every):
        raise typer.Exit(FAILED)


@command(app)
def restore(
    session: Session,
    where: Place,
    into: Annotated[str, typer.Argument(metavar="FOLDER|URL", help="The new vault, where nothing is yet.")],
    *,
    position: Annotated[
        int | None, typer.Option("--position", min=0, help="Only changes up to this one, as audit numbers them.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Only changes up to this time.")] = None,
    blocks: Annotated[
        str | None, typer.Option("--blocks", metavar="FOLDER|URL", help="Where the new vault's segments are to lie.")
    ] = None,
) -> None:
    """Make a vault from a backup, as it was then or at an earlier moment. The old vault is not touched."""
    from quantum_memory.cluster.archives import now
    from quantum_memory.memory.vault.backup import Backups
    from quantum_memory.memory.vault.backup import restore as bring_back
    from quantum_memory.memory.vault.opening import blocks_of

    with session.busy("Restoring"):
        done = bring_back(Backups(where, now), into, blocks_of(into, blocks), position=position, at=moment(at))
    answer = {"into": into, "backup": done.manifest.name, "position": done.position}
    lead = f"{into}: from {done.manifest.name}, up to position {done.position}"
    session.show(
        answer | {"segments": done.blocks, "nbytes": done.nbytes},
        lambda: tables.lines(f"{lead}, {done.blocks} segments of {done.nbytes / 1e6:.1f} MB"),
    )


@command(app)
def verify(
    session: Session,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be told from the journal or had from a backup.")
    ] = False,
    spare: Annotated[
        str | None,
        typer.Option("--from", metavar="FOLDER|URL", help="Backups to take damaged segments from; else backups.to."),
    ] = None,
) -> None:
    """Look at every checksum, every reference and every snapshot. Exit code 1 if something is not whole."""
    from quantum_memory.cluster.archives import door

    with door(session, there=True) as way, session.busy("Looking"):
        found: Verified = way.care("verify", repair, spare)
    answer = {"looked_at": found.looked_at, "findings": tables.data(list(found.findings)), "sound": found.sound}
    answer["repairs"] = [{"finding": str(one.finding), "done": one.done, "mended": one.mended} for one in found.repairs]
    session.show(answer, lambda: tables.lines(*_lines(found)))
    if not found.sound:
        raise typer.Exit(FAILED)


def _told(manifest: Manifest) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = tables.data(msgspec.structs.asdict(manifest))
    shown = {name: value for name, value in told.items() if name not in ("catalog", "blocks")}
    return {"name": manifest.name, **shown, "segments": len(manifest.blocks)}


def _lines(found: Verified) -> list[str]:
    looked = ", ".join(f"{count} of kind {kind}" for kind, count in sorted(found.looked_at.items()))
    lines = [f"looked at: {looked}"]
    done = {str(one.finding): one.done for one in found.repairs}
    for finding in found.findings:
        cost = " (what was acknowledged cannot be read)" if finding.lost else ""
        lines.append(f"{finding}{cost}")
        lines.append(f"    {done.get(str(finding), f'remedy: {finding.remedy}')}")
    return [*lines, "nothing is wrong" if not found.findings else f"{len(found.findings)} findings"]
