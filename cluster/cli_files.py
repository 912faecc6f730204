"""Commands that bring memories in from files and out to files: import, export. The formats are ``formats``'."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from quantum_memory.cluster import cli_archive, formats
from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent
from quantum_memory.cluster.cli_session import Session, command, place
from quantum_memory.types import Utterance

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle

app = typer.Typer()

BATCH = 128


@command(app, "import")
def bring(
    session: Session,
    what: Annotated[str, typer.Argument(metavar="AGENT|ARCHIVE", help="Who remembers, or a .qms file.")],
    file: Annotated[str | None, typer.Argument(metavar="FILE", help="A file, or '-' for stdin.")] = None,
    *,
    form: Annotated[formats.Format | None, typer.Option("--format", help="Detected when left out.")] = None,
    as_name: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="What to call an archive's agent; its ids change.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Of an archive: say what would be done.")] = False,
) -> None:
    """Remember what a file holds, JSON lines or a chat transcript; or take in an archive: ``qmem import alice.qms``.

    An archive brings its agent with its whole history, into any vault that does not have it, or under another name.

    JSON lines have the fields of an utterance: text, and if you like id, speaker, at, revised_at, kind, session, tags,
    metadata, importance, pad, confidence, embedding; any other field is refused by its name.

    A transcript has turns such as "[2025-01-11 18:02] Name: text" or "Name: text", and dates as headings. Lines without
    a stamp or a name go on with the turn above them.

    A line that cannot be read stops it all with its number, and nothing is written. What brings no id gets one from its
    content and position, so importing the same file again adds nothing.
    """
    if file is None:
        if not cli_archive.is_archive(what):
            raise typer.BadParameter(f"{what!r} is no archive: name an agent and a file, or a file that ends in .qms")
        if form is not None:
            raise typer.BadParameter("--format is for JSON lines and transcripts")
        cli_archive.bring(session, Path(what), as_name, dry_run=dry_run)
        return
    if cli_archive.is_archive(file) or as_name is not None or dry_run:
        raise typer.BadParameter("an archive brings its agent with it: qmem import FILE.qms [--as NAME] [--dry-run]")
    agent = what
    source, raw = ("<stdin>", sys.stdin.buffer.read()) if file == "-" else (file, Path(file).read_bytes())
    utterances = formats.read(source, raw, form)  # before Ray is started: most mistakes show here
    with session.memory() as memory:
        running = memory.settings
        formats.read(source, raw, form, text_chars=running.limits.text_chars, dim=running.perception.dim)
        handle = session.find(memory, agent, create=True)
        added = _remember(session, handle, utterances)
    summary = {"agent": agent, "read": len(utterances), "added": added, "known": len(utterances) - added}
    text = f"{added} memories added to {agent}, {len(utterances) - added} were known already"
    session.show(summary, lambda: tables.lines(text))


def _remember(session: Session, handle: AgentHandle, utterances: list[Utterance]) -> int:
    """Write them batch by batch, with a progress bar where somebody can see it; how many were new."""
    before = len(handle.memories())
    columns = (TextColumn("remembering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with session.progress(*columns) as progress:
        task = progress.add_task("", total=len(utterances))
        for start in range(0, len(utterances), BATCH):
            batch = utterances[start : start + BATCH]
            handle.remember(batch)
            progress.advance(task, len(batch))
    return len(handle.memories()) - before


@command(app)
def export(
    session: Session,
    agent: Agent,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The same as --output.")] = None,
    *,
    form: Annotated[
        formats.Format, typer.Option("--format", help="A transcript keeps time, speaker and text, no more.")
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
    """Write a file whole or not at all."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
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
