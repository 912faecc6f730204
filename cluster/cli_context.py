"""The command that prints memories as a block for a prompt: context."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from quantum_memory.cluster import cli_tables as tables
from quantum_memory.cluster.cli_agents import Agent, AsOf, Kind, Speaker, Tags
from quantum_memory.cluster.cli_session import Session, command, moment, place
from quantum_memory.memory.prompting.block import SECTIONS, Context

app = typer.Typer()


@command(app)
def context(
    session: Session,
    agent: Agent,
    *,
    query: Annotated[str, typer.Argument(help="What about.")],
    tokens: Annotated[int, typer.Option("--tokens", "-n", min=1, help="How many the block may have.")] = 8000,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="Only at or after this time.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Only before this time.")] = None,
    as_of: AsOf = None,
    kind: Kind = None,
    speaker: Speaker = None,
    tags: Tags = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", min=0, help="Memories before and after each recollection.")
    ] = 1,
    level: Annotated[
        Literal["sentence", "paragraph", "detail"], typer.Option("--level", help="How fully older parts may be told.")
    ] = "detail",
    sections: Annotated[
        list[str] | None,
        typer.Option(
            "--section", help="Only this one: known, earlier, remembered, threads, mood, said_last; may be repeated."
        ),
    ] = None,
) -> None:
    """What the agent knows of something, as a block of text for a prompt, on stdout as it is.

    The last line on stderr says how many tokens it has. --json gives the citations and what was left out as well.
    """
    start, end = moment(since), moment(until)
    with session.agent(agent) as handle:
        block = handle.context(
            query,
            tokens,
            since=start,
            until=end,
            as_of=place(handle, as_of),
            kind=kind,
            speaker=speaker,
            tags=tuple(tags or ()),
            neighbours=neighbours,
            level=level,
            sections=sections or SECTIONS,
        )
    if session.options.json:
        session.show(_data(block), lambda: tables.lines(str(block)))
        return
    session.stdout.write(tables.harmless(str(block)) + "\n")
    if block.missing:
        session.note(f"made without: {', '.join(block.missing)}")
    session.note(f"{block.tokens} of {block.budget} tokens, {len(block.citations)} memories, {len(block.left_out)} out")


def _data(block: Context) -> dict[str, Any]:
    shown = {name: tables.data(getattr(block, name)) for name in ("text", "tokens", "budget", "citations", "levels")}
    return shown | {"left_out": [one._asdict() for one in block.left_out], "missing": list(block.missing)}
