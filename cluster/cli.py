"""``qmem``, the command line: every command in one app. What a command does is elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quantum_memory.cluster import (
    cli_affect,
    cli_agents,
    cli_archive,
    cli_care,
    cli_context,
    cli_files,
    cli_history,
    cli_keys,
    cli_library,
    cli_life,
    cli_service,
    cli_vault,
)
from quantum_memory.cluster.cli_session import Address, Config, Json, Namespace, Options, Session, Storage, command

app = typer.Typer(
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    context: typer.Context,
    *,
    storage: Storage = None,
    config: Config = None,
    address: Address = None,
    namespace: Namespace = None,
    json: Json = False,
) -> None:
    """A memory for AI agents: remember, recall with reasons, feel, fork and merge.

    Without --address, and without RAY_ADDRESS in the environment, a command that works with agents starts a Ray of its
    own on this machine, which takes some seconds, and ends it again. Those of the vault alone (keys, audit, backup,
    verify) ask the cluster that holds it open, or open it themselves.
    """
    context.obj = Options(storage, config, address, namespace, json)


@command(app)
def demo(
    session: Session,
    output: Annotated[
        Path, typer.Option("--output", metavar="FOLDER", help="Removed and made anew, if a demo made it.")
    ] = Path("demo-output"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster running until Enter is pressed.")] = False,
) -> None:
    """Play a year of conversation into an agent, ask it, fork it, kill a part of it, and draw its moods."""
    from quantum_memory.cluster.demo import run

    run(session, output, keep=keep)


@command(app)
def doctor(session: Session) -> None:
    """What is installed, which devices are used, where memories are kept, and what is missing. Starts no Ray."""
    from quantum_memory.cluster import doctor as examine

    findings = examine.examine(session.options.config, session.options.storage)
    session.show(examine.data(findings), lambda: examine.table(findings))
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)


for part in (
    cli_agents.app,
    cli_affect.app,
    cli_context.app,
    cli_history.app,
    cli_life.app,
    cli_service.app,
    cli_vault.app,
    cli_care.app,
    cli_files.app,
    cli_archive.app,
):
    app.registered_commands.extend(part.registered_commands)


app.add_typer(cli_keys.app, name="keys")
app.add_typer(cli_library.app, name="library")


def main() -> None:
    """The entry point. Exit codes: 0 done, 1 refused or failed (one line on stderr says why), 2 wrong usage."""
    app(prog_name="qmem")
