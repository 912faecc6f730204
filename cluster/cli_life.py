"""Commands of the life of memories: tidy, dedupe, consolidate, provenance. Each shows first, and does when told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent, AsOf
from quantum_memory.cluster.cli_session import Session, command, place

if TYPE_CHECKING:
    from quantum_memory.memory.life.provenance import Provenance
    from quantum_memory.memory.life.reports import ConsolidationReport, DuplicatesReport, Step, TidyReport
    from quantum_memory.types import Memory

app = typer.Typer()

Apply = Annotated[bool, typer.Option("--apply", help="Do it, after a checkpoint; without it nothing is changed.")]


@command(app)
def tidy(
    session: Session,
    agent: Agent,
    *,
    apply: Apply = False,
    most: Annotated[int | None, typer.Option("--most", min=0, help="How many memories may be left.")] = None,
) -> None:
    """Forget what has faded and does not matter, by life.forgetting of the settings; says why."""
    with session.agent(agent) as handle:
        report = handle.tidy(dry_run=not apply, most=most)
    session.show(tables.data(report), lambda: tidy_table(report))


@command(app)
def dedupe(session: Session, agent: Agent, *, apply: Apply = False) -> None:
    """Merge memories that say the same in nearly the same words: one stays and knows the others."""
    with session.agent(agent) as handle:
        report = handle.merge_duplicates(dry_run=not apply)
    session.show(tables.data(report), lambda: duplicates_table(report))


@command(app)
def consolidate(session: Session, agent: Agent, *, apply: Apply = False) -> None:
    """Make episodes of conversations that are over, and facts of what is said again and again."""
    with session.agent(agent) as handle:
        report = handle.consolidate(dry_run=not apply)
    session.show(tables.data(report), lambda: made_table(report))


@command(app)
def provenance(
    session: Session,
    agent: Agent,
    *,
    memory: Annotated[str, typer.Argument(metavar="ID", help="Of the memory.")],
    as_of: AsOf = None,
) -> None:
    """What a memory was made of, and what was made of it."""
    with session.agent(agent) as handle:
        found = handle.provenance(memory, as_of=place(handle, as_of))
    session.show(tables.data(found), lambda: tables.lines(*provenance_lines(found)))


def tidy_table(report: TidyReport) -> Table:
    """What goes, and why."""
    table = Table("goes", "kind", "retention", "importance", "why", caption=_verdict(report, f"{report.kept} stay"))
    for one in report.gone:
        text, why = tables.words(_short(one.text)), tables.words(one.reason)
        table.add_row(text, tables.called(one.kind), f"{one.retention:.3f}", f"{one.importance:.3f}", why)
    return table


def duplicates_table(report: DuplicatesReport) -> Table:
    """What goes into what."""
    table = Table("stays", "goes into it", "words", "cosine", caption=_verdict(report))
    for group in report.groups:
        for one in group.absorbed:
            stays, goes = tables.words(_short(group.text)), tables.words(_short(one.text))
            table.add_row(stays, goes, f"{one.words:.2f}", f"{one.cosine:.2f}")
    return table


def made_table(report: ConsolidationReport) -> Table:
    """What is made of how many."""
    table = Table("becomes", "text", "sources", "", caption=_verdict(report))
    for one in report.made:
        state = "new" if one.new else "grown"
        table.add_row(one.how, tables.words(_short(one.text)), str(len(one.sources)), state)
    return table


def provenance_lines(found: Provenance) -> list[str]:
    """A memory, what it was made of, and what was made of it, a line each."""
    how = "remembered" if found.how is None else f"made as {found.how}"
    told = [f"{_short(found.memory.text)}: {how}", *_rows("of", found.sources)]
    told += [f"  of  {one}: is not there any more" for one in found.gone]
    return [*told, *_rows("to", found.made)]


def _rows(way: str, memories: Sequence[Memory]) -> list[str]:
    return [f"  {way}  {one.id} ({one.kind}) {tables.when(one.at)}: {_short(one.text)}" for one in memories]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"


def _verdict(report: Step, told: str = "") -> str:
    done = "nothing was changed: --apply does it" if report.dry_run else "done"
    if report.checkpoint is not None:
        done = f"done; roll back to :{report.checkpoint.place.seq} to undo it"
    return f"{told}; {done}" if told else done
