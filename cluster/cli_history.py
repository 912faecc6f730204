"""Commands of an agent's history: log, branches, checkpoint, tag, fork, clone, delete, merge, rollback, diff."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import typer

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent, AsOf
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
    as_of: AsOf = None,
    *,
    graph: Annotated[
        bool, typer.Option("--graph", help="The agent's branches as a graph: forks, merges, checkpoints and tags.")
    ] = False,
) -> None:
    """The last events of a branch and of those it came from, newest first."""
    if graph:
        _graph(session, agent, limit)
        return
    with session.agent(agent) as handle:
        entries = handle.log(limit, as_of=place(handle, as_of))
        names = {branch.info.id: branch.branch for branch in handle.branches()}
    session.show(tables.data(entries), lambda: tables.log_table(entries, names))


def _graph(session: Session, agent: str, limit: int) -> None:
    with session.agent(agent) as handle:
        tree = handle.tree()
    session.show(tables.tree_data(tree), lambda: tables.tree_lines(tree, limit))


@command(app)
def branches(session: Session, agent: Agent) -> None:
    """Every branch of the agent, oldest first."""
    with session.agent(agent) as handle:
        tree = handle.tree()
    rows = [one for one in tree.branches if one.agent == handle.name and one.id not in tree.deleted]
    session.show(tables.data(rows), lambda: tables.branches_table(rows, tree))


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
def tag(
    session: Session,
    agent: Agent,
    name: Annotated[str | None, typer.Argument(help="The tag; without one all tags are listed.")] = None,
    at: At = None,
    *,
    move: Annotated[bool, typer.Option("--move", help="Also if another place has the name now.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Take the tag away.")] = False,
) -> None:
    """Give a place in the history a name of its own, or list the names that were given."""
    if delete and (name is None or at is not None or move):
        raise typer.BadParameter("--delete takes the name of a tag and nothing else")
    with session.agent(agent) as handle:
        if name is not None and delete:
            handle.untag(name)
        elif name is not None:
            handle.tag(name, place(handle, at), move=move)
        found = handle.tags()
        names = {branch.info.id: branch.branch for branch in handle.branches()}
    session.show(tables.data(found), lambda: tables.tags_table(found, names))


@command(app)
def delete(session: Session, agent: Agent) -> None:
    """Delete a branch, given as AGENT@BRANCH. What came of it lives on, and what tags name is kept."""
    with session.agent(agent) as handle:
        handle.delete()
    session.show({"deleted": agent}, lambda: tables.lines(f"{agent} deleted"))


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
        Literal["union", "ours", "theirs", "newest"] | None,
        typer.Option("--policy", help="Who wins where both changed the same; else ours, and moods superpose."),
    ] = None,
    mood_weight: Annotated[float, typer.Option("--mood-weight", help="The share of the other mood, in [0, 1].")] = 0.5,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only the memory with this id; repeatable.")] = None,
    matching: Annotated[str | None, typer.Option("--matching", help="Only what recall there finds for this.")] = None,
    k: Annotated[int, typer.Option("--k", help="How many memories --matching takes.")] = 20,
) -> None:
    """Take over what another branch has learned since both were one, or chosen memories of it."""
    with session.memory() as memory:
        ours = session.find(memory, agent)
        theirs = session.find(memory, other if "@" in other else f"{ours.name}@{other}")
        report = ours.merge(
            theirs,
            at=place(theirs, at),
            policy=policy,
            mood_weight=mood_weight,
            only=only or None,
            matching=matching,
            k=k,
        )
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
    """What one place in the history has and another has not: memories, revisions, relations, skills, the mood."""
    with session.agent(agent) as handle:
        found = handle.diff(place(handle, left), place(handle, right))
    answer = tables.data(found) | {
        "mood_left": tables.mood_data(found.mood_left),
        "mood_right": tables.mood_data(found.mood_right),
    }
    session.show(answer, lambda: tables.diff_table(found))
