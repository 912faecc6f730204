"""Commands that open a door to the memory for whoever does not use Ray: mcp, serve."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from quantum_memory.cluster.cli_session import Session, command

app = typer.Typer()


@command(app)
def serve(
    session: Session,
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Where to listen; other machines reach 0.0.0.0.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Where to listen.")] = 8000,
) -> None:
    """Serve the memory over HTTP, WebSocket and MCP, until it is interrupted. Make a key with ``qmem keys create``."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what began is ended, also before it waits
    with session.memory() as memory:
        from quantum_memory.cluster.connect import NAMESPACE, asked_for
        from quantum_memory.cluster.service.listening import Address
        from quantum_memory.cluster.serving import Serving

        _, asked = asked_for(session.options.storage, session.options.config)
        settings = memory.settings.model_copy(update={"service": asked.service})
        with Serving(settings, session.options.namespace or NAMESPACE, host, port) as serving:
            url = f"http://{Address(host, port)}"
            session.show({"url": url}, lambda: f"Serving at {url}; Ctrl-C ends it.")
            serving.wait()


@command(app)
def mcp(
    session: Session,
    *,
    tenant: Annotated[str, typer.Option("--tenant", metavar="NAME", help="Whose agents.")] = "default",
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What may be done: reader, writer or admin.")
    ] = "writer",
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="PATTERN", help="Only agents with such names, as in 'team-*'. Repeatable."),
    ] = None,
) -> None:
    """Serve the memory as tools of the Model Context Protocol, on stdin and stdout, to the program that started this.

    Whoever starts it has the user's own rights: no key is asked for. It ends when stdin does.
    """
    from quantum_memory.cluster.service.principals import Principal, role_named

    who = Principal(f"mcp:{_user()}", tenant, role_named(role), tuple(agent or ("*",)))
    with session.memory() as memory:
        from quantum_memory.cluster.service.stdio import serve

        serve(memory, who, session.stdout)


def _user() -> str:
    from quantum_memory.cluster.whoami import whoami

    return whoami()
