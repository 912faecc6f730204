"""Commands of what an agent lives through, knows and feels: remember, recall, mood, perceive, picture, forget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster import cli_percepts as percepts
from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_session import Session, command, moment, place
from quantum_memory.types import Utterance

app = typer.Typer()

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="A name, or name@branch.", show_default=False)]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="PLACE", help="At a place in its history: a checkpoint, a branch, a time or :EVENT."
    ),
]
Kind = Annotated[str | None, typer.Option("--kind", help="Its kind.")]
Speaker = Annotated[str | None, typer.Option("--speaker", help="Who said it.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")]


@command(app)
def remember(
    session: Session,
    agent: Agent,
    *,
    texts: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help="Each one memory: quote it. '-' reads one from every line of stdin."),
    ],
    speaker: Speaker = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="When, in ISO 8601; now when left out.")
    ] = None,
    kind: Kind = None,
    in_session: Annotated[str | None, typer.Option("--session", help="The conversation that it belongs to.")] = None,
    tags: Tags = None,
    importance: Annotated[float | None, typer.Option("--importance", help="How much it matters, in [0, 1].")] = None,
) -> None:
    """Remember something; an agent that is new is made."""
    fields: dict[str, Any] = {"kind": kind} if kind is not None else {}
    fields |= {"speaker": speaker, "at": moment(at), "session": in_session, "importance": importance}
    spoken = [line for text in texts for line in (_lines_of_stdin() if text == "-" else [text])]
    if not spoken:
        raise typer.BadParameter("there is no text on stdin")
    utterances = [Utterance(text, tags=tuple(tags or ()), **fields) for text in spoken]
    with session.agent(agent, create=True) as handle:
        ids = handle.remember(utterances)
    session.show({"agent": agent, "ids": ids}, lambda: tables.lines(*ids))


def _lines_of_stdin() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


@command(app)
def recall(
    session: Session,
    agent: Agent,
    *,
    query: Annotated[str, typer.Argument(help="What about.")],
    k: Annotated[int, typer.Option("-k", min=0, help="How many at most.")] = 10,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only at or after this time.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only before this time.")] = None,
    as_of: AsOf = None,
    kind: Kind = None,
    speaker: Speaker = None,
    tags: Tags = None,
) -> None:
    """What the agent remembers about something, best first, with the parts of each score."""
    start, end = moment(since), moment(until)
    with session.agent(agent) as handle:
        where = place(handle, as_of)
        hits = handle.recall(
            query, k, since=start, until=end, as_of=where, kind=kind, speaker=speaker, tags=tuple(tags or ())
        )
    session.show(tables.hits_data(hits), lambda: tables.hits_table(hits))
    if hits.missing:
        session.note(f"found without: {', '.join(hits.missing)}")


@command(app, "warm-up")
def warm_up(
    session: Session,
    agents: Annotated[list[str], typer.Argument(metavar="AGENT...", help="Names, or name@branch.")],
) -> None:
    """Have agents at hand before somebody asks them: of use with --address, where the memory goes on running."""
    with session.memory() as memory:
        handles = {session.find(memory, agent): agent for agent in agents}
        loaded = {handles[handle]: count for handle, count in memory.warm_up(handles).items()}
    session.show(loaded, lambda: tables.lines(*(f"{agent}: {count} views loaded" for agent, count in loaded.items())))


@command(app)
def mood(session: Session, agent: Agent, as_of: AsOf = None) -> None:
    """How the agent feels: pleasure, arousal, dominance, and the emotions likeliest to be named."""
    with session.agent(agent) as handle:
        felt = handle.mood(place(handle, as_of))
    session.show(tables.mood_data(felt), lambda: tables.mood_table(felt))


@command(app)
def perceive(
    session: Session,
    texts: Annotated[
        list[str],
        typer.Argument(metavar="TEXT...", help="What is read: quote it. '-' reads one from every line of stdin."),
    ],
    speaker: Speaker = None,
) -> None:
    """What is felt in texts: pleasure, arousal, dominance and how sure that is. Nothing is remembered."""
    read = [line for text in texts for line in (_lines_of_stdin() if text == "-" else [text])]
    with session.memory() as memory:
        seen = memory.perceive(read, [speaker] * len(read))
    session.show(percepts.percepts_data(read, seen), lambda: percepts.percepts_table(read, seen))


@command(app)
def picture(
    session: Session,
    agent: Agent,
    *,
    kind: Annotated[
        Literal["time", "space", "radar", "compare"],
        typer.Option("--kind", help="Over time, in the PAD space, named emotions, or two branches side by side."),
    ],
    output: Annotated[Path, typer.Option("--output", metavar="FILE.png", help="Written anew.")],
    branch: Annotated[str | None, typer.Option("--branch", help="Its branch, as AGENT@BRANCH names it too.")] = None,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="Another branch, or AGENT@BRANCH; for compare, and for radar repeatable."),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=100_000, help="How many of the last memories.")] = 2_000,
    as_of: AsOf = None,
) -> None:
    """Draw what the agent feels, as a PNG file."""
    from quantum_memory.cluster import affect_scenes

    wanted = affect_scenes.Wanted(kind, against=tuple(against or ()), last=last)
    problem = wanted.problem(at_a_place=as_of is not None)
    if problem is not None or (branch is not None and "@" in agent):
        raise typer.BadParameter(problem or "give the branch once: as AGENT@BRANCH or by --branch")
    with session.memory() as memory:
        handle = session.find(memory, agent if branch is None else f"{agent}@{branch}")
        others = [session.find(memory, one if "@" in one else f"{handle.name}@{one}") for one in wanted.against]
        written = affect_scenes.drawn(wanted, handle, others, place(handle, as_of), output)
    session.show({"agent": agent, "kind": kind, "output": str(written)}, lambda: tables.lines(str(written)))


@command(app)
def forget(
    session: Session,
    agent: Agent,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of memories, as recall shows them.")],
) -> None:
    """Never find these memories again on this branch."""
    with session.agent(agent) as handle:
        count = handle.forget(ids)
    session.show({"agent": agent, "forgotten": count}, lambda: tables.lines(f"{count} forgotten"))


@command(app)
def learn(
    session: Session,
    agent: Agent,
    name: Annotated[str, typer.Argument(help="The skill's name.")],
    steps: Annotated[list[str], typer.Argument(metavar="STEP...", help="What to do, step by step: quote each.")],
    when: Annotated[str, typer.Option("--when", help="In which situation.")] = "",
) -> None:
    """Learn a skill, or rewrite one; an agent that is new is made."""
    with session.agent(agent, create=True) as handle:
        skill = handle.learn(name, steps, when)
    session.show(tables.data(skill), lambda: tables.skills_table([skill]))


@command(app, "learn-from")
def learn_from(
    session: Session,
    agent: Agent,
    *,
    name: Annotated[str, typer.Argument(help="The skill's name.")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="One attempt's memories, in order.")] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Instead of ids: all attempts with this tag.")] = None,
    succeeded: Annotated[
        bool | None,
        typer.Option("--succeeded/--failed", help="How it ended; as the memories say when left out, else well."),
    ] = None,
    when: Annotated[str | None, typer.Option("--when", help="In which situation.")] = None,
    preview: Annotated[bool, typer.Option("--preview", help="Only show what the skill would be.")] = False,
) -> None:
    """Learn a skill from what the agent did, or revise it."""
    if bool(ids) == (tag is not None):
        raise typer.BadParameter("give either ids or --tag")
    with session.agent(agent) as handle:
        skill = handle.learn_from(tag or ids or [], name=name, succeeded=succeeded, when=when, preview=preview)
    session.show(tables.data(skill), lambda: tables.skills_table([skill]))


@command(app)
def skills(
    session: Session,
    agent: Agent,
    situation: Annotated[str | None, typer.Argument(help="Only what fits this situation, best first.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 10,
    as_of: AsOf = None,
) -> None:
    """The skills of the agent."""
    with session.agent(agent) as handle:
        found = handle.skills(situation, k, as_of=place(handle, as_of))
    session.show(tables.data(found), lambda: tables.skills_table(found))


@command(app)
def agents(session: Session) -> None:
    """Every agent of the vault."""
    with session.memory() as memory:
        names = memory.agents()
    session.show(names, lambda: tables.lines(*names) if names else Text("no agents yet"))


@command(app)
def concepts(
    session: Session,
    agent: Agent,
    k: Annotated[int, typer.Option("-k", min=1, help="How many at most.")] = 20,
    as_of: AsOf = None,
) -> None:
    """What the agent's memories are about: concepts by quantum PageRank."""
    with session.agent(agent) as handle:
        ranked = handle.concepts(k, as_of=place(handle, as_of))

    def picture() -> Table:
        table = Table("concept", "rank")
        for concept, rank in ranked:
            table.add_row(tables.called(concept.label), f"{rank:.4f}")
        return table

    session.show([{"concept": one.label, "kind": one.kind, "rank": float(rank)} for one, rank in ranked], picture)
