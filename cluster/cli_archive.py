"""Archives and states at the command line: what ``import`` and ``export`` do with ``.qms`` files, and ``convert``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_session import FAILED, Session, command
from quantum_memory.errors import AlreadyExists, QuantumMemoryError

if TYPE_CHECKING:
    from quantum_memory.memory.archive import Folds, Imported
    from quantum_memory.memory.portable import AgentState

app = typer.Typer()

SUFFIX = ".qms"
Target = Literal["json", "msgpack", "npz", "base64", "jsonl"]
Views = Literal["every", "root", "none"]


def is_archive(path: str | Path | None) -> bool:
    """Whether a file is an archive by its name."""
    return path is not None and str(path).lower().endswith(SUFFIX)


def bring(session: Session, path: Path, as_name: str | None, *, dry_run: bool) -> None:
    """Take an archive in, or say what would be."""
    from quantum_memory.cluster.archives import door
    from quantum_memory.memory.archive.frame import verified

    verified(path)  # before anything is opened or started: most mistakes show here
    try:
        with door(session, reading=dry_run) as way, session.busy("Reading"):
            done = way.bring(path, as_name, dry_run=dry_run)
    except AlreadyExists:
        if as_name is None:
            session.note("qmem: --as NAME imports it with new ids, under another name or its own")
        raise
    said = {**done._asdict(), "file": str(path), "dry_run": dry_run}
    session.show(said, lambda: tables.lines(*_told(done, dry_run=dry_run)))


def _told(done: Imported, *, dry_run: bool) -> list[str]:
    lead = "would be imported" if dry_run else "imported"
    counts = f"{done.branches} branches, {done.events} events, {done.commits} checkpoints, {done.tags} tags"
    lines = [f"{done.agent} {lead}: {counts}; the archive has version {done.version}"]
    lines += [f"migrated while reading, {step}" for step in done.steps]
    if done.inherited:
        lines.append(f"with the past that it shares with {', '.join(done.inherited)}")
    return lines


def export(session: Session, agent: str, path: Path, views: Views) -> None:
    """Write an archive of an agent."""
    from quantum_memory.cluster.archives import door

    with door(session, there=True) as way, session.busy("Writing"):
        done = way.export(agent, path, views)
    said = {**done._asdict(), "path": str(done.path)}
    counts = f"{done.branches} branches, {done.events} events, {done.nbytes:,} bytes"
    session.show(said, lambda: tables.lines(f"{agent} in {path}: {counts}"))


class Conversion(NamedTuple):
    """What became of one file."""

    file: str
    output: str | None
    nbytes: int
    written: int
    problem: str | None


@command(app)
def convert(
    session: Session,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Archives and states in any form.")],
    *,
    to: Annotated[Target, typer.Option("--to", help="The form to write. 'jsonl' has the memories alone.")],
    into: Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Else beside each file.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over files that are there, but never over a file of this run.")
    ] = False,
) -> None:
    """Write states in another form: JSON, MessagePack, npz, base64 text or JSON lines.

    From an archive it takes the state at the head of the first branch. Each file is done on its own: one that cannot be
    read, or whose output is there already, is told of, the others are converted, and the exit code is 1. Needs no
    cluster and no vault.
    """
    from quantum_memory.actors.folds import plain_folds
    from quantum_memory.cluster.archives import settings_of

    settings = settings_of(session.options.config)
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
    done: list[Conversion] = []
    taken = {path.resolve() for path in files}
    columns = (TextColumn("converting"), BarColumn(), MofNCompleteColumn())
    with session.progress(*columns) as progress:
        for path in progress.track(files, description=""):
            output = _output(path, to, into)
            done.append(_converted(path, output, to, plain_folds(settings), taken, force=force))
    session.show([one._asdict() for one in done], lambda: _table(done))
    if any(one.problem is not None for one in done):
        raise typer.Exit(FAILED)


def _output(path: Path, to: Target, into: Path | None) -> Path:
    from quantum_memory.memory.portable import SUFFIXES

    suffix = ".jsonl" if to == "jsonl" else SUFFIXES[to]
    return (path.parent if into is None else into) / f"{path.stem}{suffix}"


def _converted(path: Path, output: Path, to: Target, folds: Folds, taken: set[Path], *, force: bool) -> Conversion:
    """Convert one file; ``taken`` has what this run reads and what it has written."""
    try:
        if output.resolve() in taken:
            return Conversion(str(path), None, 0, 0, f"{output} is a file of this run")
        if not force and (output.exists() or output.is_symlink()):
            return Conversion(str(path), None, 0, 0, f"{output} is there already; --force writes over it")
        state, nbytes = _read(path, folds)
        written = _write(output, state, to)
    except QuantumMemoryError as error:
        return Conversion(str(path), None, 0, 0, str(error))
    except OSError as error:
        return Conversion(str(path), None, 0, 0, f"{error.filename or path}: {error.strerror or error}")
    taken.add(output.resolve())
    return Conversion(str(path), str(output), nbytes, written, None)


def _read(path: Path, folds: Folds) -> tuple[AgentState, int]:
    from quantum_memory.memory.archive import state_in
    from quantum_memory.memory.portable import read_state

    if is_archive(path):
        return state_in(path, folds), path.stat().st_size
    data = path.read_bytes()
    return read_state(data, what=str(path)), len(data)


def _write(output: Path, state: AgentState, to: Target) -> int:
    from quantum_memory.cluster.formats import write_json_lines
    from quantum_memory.memory.archive.frame import replacing_bytes
    from quantum_memory.memory.portable import write_state

    if to == "jsonl":
        lines = write_json_lines(state.memories, embeddings=True)
        data = "".join(line + "\n" for line in lines).encode()
    else:
        data = write_state(state, to)
    replacing_bytes(output, [data])
    return len(data)


def _table(done: Sequence[Conversion]) -> Any:
    table = Table()
    for name in ("file", "written", "bytes", "instead of"):
        table.add_column(name, justify="right" if name in ("bytes", "instead of") else "left")
    for one in done:
        if one.problem is None:
            table.add_row(tables.words(one.file), tables.words(one.output or ""), f"{one.written:,}", f"{one.nbytes:,}")
        else:
            table.add_row(tables.words(one.file), tables.words(one.problem, "red"), "", "")
    return table
