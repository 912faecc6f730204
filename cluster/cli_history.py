"""Commands of an agent's history: log, branches, checkpoint, fork, clone, merge, rollback, diff."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import typer

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent
from quantum_memory.cluster.cli_session import Session, command, place
from quantum_memory.types import PARTS, Part

app = typer.Typer()

PLACE = "A checkpoint's id or message, a branch's name, a time, or :EVENT as log shows it"
At = Annotated[str | None, typer.Option("--at", metavar="PLACE", help=f"{PLACE}; now when left out.")]


@command(app)
def log(
    session: Session,
    agent: Agent,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")] = 50,
) -> None:
    """The last events of a branch and of those it came from, newest first."""
    with session.agent(agent) as handle:
        entries = handle.log(limit)
        names = {branch.info.id: branch.branch for branch in handle.branches()}
    session.show(tables.data(entries), lambda: tables.log_table(entries, names))


@command(app)
def branches(session: Session, agent: Agent) -> None:
    """Every branch of the agent, oldest first."""
    with session.agent(agent) as handle:
        rows = [branch.info for branch in handle.branches()]
    session.show(tables.data(rows), lambda: tables.branches_table(rows))


@command(app)
def checkpoint(
    session: Session,
    agent: Agent,
    message: Annotated[str, typer.Argument(help="What to call it.")] = "",
) -> None:
    """Name the place where the branch stands, to come back to it."""
    with session.agent(agent) as handle:
        commit = handle.checkpoint(message)
    session.show(tables.data(commit), lambda: tables.lines(f"{commit.id}  {commit.message}".rstrip()))


@command(app)
def fork(
    session: Session,
    agent: Agent,
    name: Annotated[str, typer.Argument(help="The new branch.")],
    at: At = None,
) -> None:
    """A branch of the agent that can be merged back. Nothing is copied."""
    with session.agent(agent) as handle:
        branch = handle.fork(name, place(handle, at))
    spec = f"{branch.name}@{branch.branch}"
    session.show(tables.data(branch.info), lambda: tables.lines(spec))


@command(app)
def clone(
    session: Session,
    agent: Agent,
    name: Annotated[str, typer.Argument(help="The new agent.")],
    at: At = None,
) -> None:
    """An agent of its own that shares this one's past. Nothing is copied."""
    with session.agent(agent) as handle:
        twin = handle.clone(name, place(handle, at))
    session.show(tables.data(twin.info), lambda: tables.lines(twin.name))


@command(app)
def merge(
    session: Session,
    agent: Agent,
    *,
    other: Annotated[str, typer.Argument(help="A branch of the same agent, or AGENT@BRANCH of another.")],
    at: At = None,
    policy: Annotated[
        Literal["ours", "theirs", "newest"],
        typer.Option("--policy", help="Whose skill is kept where both changed one."),
    ] = "ours",
    mood_weight: Annotated[float, typer.Option("--mood-weight", help="The share of the other mood, in [0, 1].")] = 0.5,
) -> None:
    """Take over what another branch has learned since both were one."""
    with session.memory() as memory:
        ours = session.find(memory, agent)
        theirs = session.find(memory, other if "@" in other else f"{ours.name}@{other}")
        report = ours.merge(theirs, at=place(theirs, at), policy=policy, mood_weight=mood_weight)
    session.show(tables.data(report), lambda: tables.merge_table(report))


@command(app)
def rollback(
    session: Session,
    agent: Agent,
    to: Annotated[str, typer.Argument(metavar="PLACE", help=f"{PLACE}.")],
    parts: Annotated[
        list[str] | None, typer.Option("--part", help=f"Only this part: {', '.join(PARTS)}; may be repeated.")
    ] = None,
) -> None:
    """Be again as at an earlier place. A rollback is an event like any other: roll it back to undo it."""
    with session.agent(agent) as handle:
        now = handle.rollback(place(handle, to), cast("list[Part] | None", parts))
    session.show(tables.data(now), lambda: tables.lines(f"now at :{now.seq}"))


@command(app)
def diff(
    session: Session,
    agent: Agent,
    left: Annotated[str, typer.Argument(metavar="PLACE", help=f"{PLACE}.")],
    right: Annotated[
        str | None, typer.Argument(metavar="PLACE", help="Another; where the branch stands by default.")
    ] = None,
) -> None:
    """What one place in the history has and another has not."""
    with session.agent(agent) as handle:
        found = handle.diff(place(handle, left), place(handle, right))
    answer = tables.data(found) | {
        "mood_left": tables.mood_data(found.mood_left),
        "mood_right": tables.mood_data(found.mood_right),
    }
    session.show(answer, lambda: tables.diff_table(found))
