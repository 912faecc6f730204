"""The command that shows the equation of a relationship: fitted, kept, compared with another branch's, or over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent, AsOf
from quantum_memory.cluster.cli_session import Session, command, place

if TYPE_CHECKING:
    from quantum_memory.memory.affect.dynamics.equation import Equation
    from quantum_memory.types import LogEntry

app = typer.Typer()


@command(app)
def equation(
    session: Session,
    agent: Agent,
    *,
    other: Annotated[
        str | None, typer.Option("--with", metavar="NAME", help="Towards whom, by the speaker's name; else alone.")
    ] = None,
    branch: Annotated[str | None, typer.Option("--branch", help="Its branch, as AGENT@BRANCH names it too.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="BRANCH", help="How it differs from that of another branch.")
    ] = None,
    names: Annotated[
        list[str] | None, typer.Option("--as", metavar="NAME", help="What else the agent is called; repeatable.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Remember it, in the place of the one kept before.")] = False,
    history: Annotated[bool, typer.Option("--history", help="How the one that is kept has changed.")] = False,
    as_of: AsOf = None,
) -> None:
    """How the agent's feelings go on by themselves, and how somebody's move them."""
    if sum((keep, history, against is not None)) > 1 or (as_of is not None and (keep or history)):
        raise typer.BadParameter("--keep, --history and --against exclude each other, and the first two --as-of")
    if branch is not None and "@" in agent:
        raise typer.BadParameter(f"{agent} names a branch already")
    called = tuple(names or ())
    with session.memory() as memory:
        handle = session.find(memory, agent if branch is None else f"{agent}@{branch}")
        if history:
            told = handle.equation_history(other)
            session.show([_event(*one) for one in told], lambda: history_table(told))
            return
        if keep:
            found = handle.keep_equation(other, names=called)
        else:
            found = handle.equation(other, names=called, as_of=place(handle, as_of))
        base: Equation | None = None
        if against is not None:
            beside = session.find(memory, against if "@" in against else f"{handle.name}@{against}")
            base = beside.equation(other, names=called)
    if base is None:
        session.show(found.to_plain(), lambda: tables.lines(*str(found).splitlines(), "", found.sentence))
        return
    _compared(session, base, found)


def _compared(session: Session, base: Equation, found: Equation) -> None:
    from quantum_memory.memory.affect.dynamics.comparing import difference  # with scipy, which --help can do without

    parted = difference(base, found)
    told = {"from": base.to_plain(), "to": found.to_plain(), "difference": tables.data(parted)}

    def picture() -> Table:
        table = Table("", "from", "to", "z", caption=str(parted))
        for change in parted.changes:
            sides = [
                ("0" if side is None else f"{side.value:+.4g} ± {side.error:.2g}")
                for side in (change.left, change.right)
            ]
            table.add_row(change.name, *sides, f"{change.z:+.1f}")
        return table

    session.show(told, picture)


def history_table(told: list[tuple[LogEntry, Equation]]) -> Table:
    """An equation a line, with the event that made it so."""
    table = Table("event", "when", "what", "sentence")
    for entry, one in told:
        table.add_row(str(entry.place.seq), tables.when(entry.at), entry.kind, tables.words(one.sentence))
    return table


def _event(entry: LogEntry, one: Equation) -> dict[str, Any]:
    return {"entry": tables.data(entry), "equation": one.to_plain()}
