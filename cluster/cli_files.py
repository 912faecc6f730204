"""Commands that bring memories in from files and out to files: import, export. Formats are ``memory.exchange``'s."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from quantum_memory.cluster import cli_archive, formats
from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent
from quantum_memory.cluster.cli_session import Session, command, place
from quantum_memory.memory.exchange import registry, sources
from quantum_memory.memory.exchange.entries import Dates, Reading, zone_of
from quantum_memory.types import Utterance

if TYPE_CHECKING:
    from quantum_memory.actors.importing import ImportReport
    from quantum_memory.settings import Settings

app = typer.Typer()

STDIN = "<stdin>"
AUTO = "auto"
NOTED = 20
"""Bad entries that are told to people; JSON has up to a thousand."""


@command(app, "import")
def bring(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="AGENT|FILE", help="Who remembers; or a file, an archive, a folder.")],
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A file, or '-' for stdin.")] = None,
    *,
    agent: Annotated[
        str | None,
        typer.Option("--agent", metavar="NAME", help="Who remembers; '{conversation}' in it makes one of each."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help=f"auto or {', '.join(formats.FORMATS)}.")
    ] = AUTO,
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Of times without one: Europe/Berlin.")] = "UTC",
    dates: Annotated[Dates, typer.Option("--dates", help="The order of day and month in WhatsApp's dates.")] = "auto",
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="FIELD=COLUMN", help="Of a table: text=message. Repeat it.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be read, and list it.")] = False,
    as_name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="What to call an archive's agent; its ids change.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing, and say what would be done.")] = False,
) -> None:
    """Remember what a file holds: ``qmem import chat.txt --agent alice``; or take in an archive, ``alice.qms``.

    Files may be JSON lines, chat transcripts, tables, exports of WhatsApp, Telegram, Slack, Discord, ChatGPT and
    Claude, LoCoMo files, memories of mem0 and agent files of Letta; also zipped, or a folder. docs/importing.md
    describes each.

    All of it is read once before the first memory is written, so an entry that cannot be read stops it all with its
    place, and nothing is written, unless --skip-bad leaves it out.

    What is written stays if the import is cut off, and the same command goes on from there. Importing twice adds
    nothing. An archive brings its agent with its whole history.
    """
    if cli_archive.is_archive(what) and file is None and agent is None:
        if form != AUTO or zone != "UTC" or dates != "auto" or column or skip_bad:
            raise typer.BadParameter("an archive is read as it is: it takes --as and --dry-run, no other option")
        cli_archive.bring(session, Path(what), as_name, dry_run=dry_run)
        return
    if cli_archive.is_archive(file) or cli_archive.is_archive(what) or as_name is not None:
        raise typer.BadParameter("an archive brings its agent with it: qmem import FILE.qms [--as NAME] [--dry-run]")
    if (file is None) == (agent is None):
        raise typer.BadParameter("name an agent and a file: qmem import FILE --agent NAME, or qmem import NAME FILE")
    whose, path = (what, str(file)) if agent is None else (agent, what)
    reading, known = Reading(zone_of(zone), dates, _columns(column or [])), _format(form)
    with _source(path) as source:
        _bring(session, source, whose, known, reading, skip_bad=skip_bad, dry_run=dry_run)


def _bring(
    session: Session,
    source: sources.Source,
    whose: str,
    form: formats.Format | None,
    reading: Reading,
    *,
    skip_bad: bool,
    dry_run: bool,
) -> None:
    known = form or registry.detect(source)
    limits = _limits(session)
    if not skip_bad:  # before Ray is started: most mistakes show here
        with session.busy("Checking"):
            _check(source, known, reading, limits)
    with session.memory() as memory:
        from quantum_memory.actors.importing import ImportJob

        running = memory.settings
        checked = (running.limits, running.perception.dim) == (limits.limits, limits.perception.dim)
        job = ImportJob(source.name, known, reading, skip_bad, dry_run, check=not checked)
        columns = (
            TextColumn("remembering"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
        )
        with session.progress(*columns) as bar:
            task = bar.add_task("", total=max(source.total, 1), told="")

            def progress(report: ImportReport) -> None:
                rate = report.added / max(report.seconds, 1e-9)
                bar.update(task, completed=report.position, told=f"{report.added} new, {rate:.0f}/s")

            report = memory.import_source(source, whose, replace(job, progress=progress))
    _show(session, whose, report, dry_run=dry_run)


def _show(session: Session, whose: str, report: ImportReport, *, dry_run: bool) -> None:
    said: dict[str, Any] = {
        "agent": whose,
        "read": report.read,
        "added": report.added,
        "known": report.known,
        "skipped": report.skipped,
        "format": report.form,
    }
    if report.bad:
        said["bad"] = [str(one) for one in report.bad]
    if len(report.agents) > 1:
        said["agents"] = dict(report.agents)
    if dry_run:
        said["dry_run"] = True
    lead = "memories would be added" if dry_run else "memories added"
    whom = whose if len(report.agents) < 2 else f"{len(report.agents)} agents"
    lines = [f"{report.added} {lead} to {whom}, {report.known} were known already"]
    if report.skipped:
        lines.append(f"{report.skipped} could not be read and were left out")
        for one in report.bad[:NOTED]:
            typer.echo(tables.one_line(str(one)), err=True)
    session.show(said, lambda: tables.lines(*lines))


def _format(form: str) -> formats.Format | None:
    if form == AUTO:
        return None
    for known in formats.FORMATS:
        if form == known:
            return known
    raise typer.BadParameter(f"{form!r} is none of auto, {', '.join(formats.FORMATS)}")


def _columns(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for (name, sign, column), one in zip(pairs, given, strict=True):
        if not (name and sign and column):
            raise typer.BadParameter(f"{one!r} is not FIELD=COLUMN, as in text=message")
    return {name: column for name, _, column in pairs}


def _check(source: sources.Source, form: formats.Format, reading: Reading, settings: Settings) -> None:
    """Read it all once. Raises: the first thing that is wrong."""
    text_chars, dim = settings.limits.text_chars, settings.perception.dim
    for one in registry.read(source, form, reading, text_chars=text_chars, dim=dim):
        if not isinstance(one.found, Utterance):
            raise one.found


def _limits(session: Session) -> Settings:
    """What a cluster that is started here would hold to; one that runs may hold to something else."""
    from quantum_memory.cluster.cli_session import CONFIG_FILE
    from quantum_memory.settings import load

    asked = session.options.config
    return load(asked if asked is not None else CONFIG_FILE if Path(CONFIG_FILE).is_file() else None)


@contextmanager
def _source(path: str) -> Iterator[sources.Source]:
    """The file; what comes from stdin is kept until it is imported, because it is read more than once."""
    if path != "-":
        yield sources.of_path(path)
        return
    with tempfile.TemporaryDirectory(prefix="qmem-") as folder:
        kept = Path(folder) / "stdin"
        with kept.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        source = sources.of_path(kept)
        source.name = STDIN
        yield source


@command(app)
def export(
    session: Session,
    agent: Agent,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The same as --output.")] = None,
    *,
    form: Annotated[
        formats.Written, typer.Option("--format", help="A transcript keeps time, speaker and text, no more.")
    ] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here, not to stdout.")
    ] = None,
    embeddings: Annotated[bool, typer.Option("--embeddings", help="Also the embeddings, some 5 kB each.")] = False,
    as_of: Annotated[str | None, typer.Option("--as-of", metavar="PLACE", help="At a place in its history.")] = None,
    views: Annotated[
        cli_archive.Views, typer.Option("--views", help="Of an archive: of which branches the state is in it too.")
    ] = "every",
) -> None:
    """Write the memories of an agent to a file; ``import`` reads JSON lines back to the same memories.

    A file that ends in .qms becomes an archive: the agent with its whole history and all its branches.
    """
    if file is not None and output is not None:
        raise typer.BadParameter("name the file once")
    output = output or file
    if output is not None and cli_archive.is_archive(output):
        if "@" in agent or as_of is not None:
            raise typer.BadParameter("an archive holds every branch and the whole history: name the agent alone")
        cli_archive.export(session, agent, output, views)
        return
    if session.options.json and output is None and form == "transcript":
        raise typer.BadParameter("a transcript is no JSON: name a file with -o, or leave --json out")
    with session.agent(agent) as handle:
        memories = handle.memories(place(handle, as_of))
    text = (
        formats.write_transcript(memories)
        if form == "transcript"
        else formats.write_json_lines(memories, embeddings=embeddings)
    )
    if output is None:
        shown = map(tables.harmless, text) if session.stdout.isatty() else text
        session.stdout.writelines(line + "\n" for line in shown)
        return
    _replace(output, (line + "\n" for line in text))
    answer = {"agent": agent, "memories": len(memories), "file": str(output)}
    session.show(answer, lambda: tables.lines(f"{len(memories)} memories of {agent} in {output}"))


def _replace(path: Path, lines: Iterable[str]) -> None:
    """Write a file whole or not at all; what is a pipe or a device is written to."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():  # /dev/stdout or a pipe: to be written to, never to be replaced
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(lines)
        return
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=path.absolute().parent, prefix=path.name, delete=False
    ) as file:
        try:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o666 & ~_umask())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
