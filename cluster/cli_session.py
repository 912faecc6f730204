"""What every command of ``qmem`` shares: its options, the way to the memory, and the way to the user.

Owns no command. Loads Ray only when a command asks for the memory, so that help and usage errors come at once.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, fields
from datetime import datetime
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, get_type_hints

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import Progress, ProgressColumn
from rich.spinner import Spinner

from quantum_memory.errors import QuantumMemoryError
from quantum_memory.types import Place

if TYPE_CHECKING:
    from quantum_memory.actors.handle import AgentHandle
    from quantum_memory.cluster.connect import MemoryCluster
    from quantum_memory.settings import Settings

CONFIG_FILE = "ray_config.yaml"
FAILED = 1
PANEL = "For every command"

Storage = Annotated[
    str | None, typer.Option("--storage", metavar="FOLDER|URL", help="Where the vault is.", rich_help_panel=PANEL)
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Settings, as in ray_config.yaml.", rich_help_panel=PANEL),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="ADDRESS",
        help="A Ray cluster that runs already; 'auto' is yours on this machine.",
        rich_help_panel=PANEL,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", metavar="NAME", help="Ray's namespace for the actors.", rich_help_panel=PANEL),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, and nothing else.", rich_help_panel=PANEL)]


@dataclass(frozen=True)
class Options:
    """The options of every command. They may stand before the command or after it, where they win."""

    storage: Storage = None
    config: Config = None
    address: Address = None
    namespace: Namespace = None
    json: Json = False

    def over(self, other: Options) -> Options:
        """These where they say something, the others where they do not."""
        return Options(*(getattr(self, one.name) or getattr(other, one.name) for one in fields(Options)))


class Session:
    """One run of one command.

    Args:
        options: what was said before and after the command.
        chatter: where Ray's own words go, which it prints to stdout; nowhere when left out.
    """

    def __init__(self, options: Options, chatter: TextIO | None = None) -> None:
        self.options, self._chatter = options, chatter
        self.stdout = sys.stdout
        self.out, self.err = Console(file=sys.stdout), Console(stderr=True)

    @contextmanager
    def memory(self, *, dashboard: bool = False) -> Iterator[MemoryCluster]:
        """The memory that the options mean, closed again at the end if it was started here.

        A Ray that is started for one command has no dashboard unless it is asked for: nobody could look at it.
        """
        with self.busy("Starting Ray" if self.options.address is None else "Connecting"):
            from quantum_memory.cluster import connect  # seconds; libraries keep the stdout that they find

            with self._hushed():
                asked = self.options
                wishes, settings = connect.asked_for(asked.storage, asked.config)
                settings = settings if dashboard else without_dashboard(settings)
                memory = connect.reach(asked.address, settings, wishes, asked.namespace or connect.NAMESPACE)
        with self._hushed(), memory:
            yield memory

    @contextmanager
    def _hushed(self) -> Iterator[None]:
        """Keep Ray's words away from the answer. They are shown if something fails that no error of ours explains."""
        words = StringIO()
        try:
            with redirect_stdout(self._chatter or words):
                yield
        except (QuantumMemoryError, OSError):
            raise
        except Exception:
            sys.stderr.write(words.getvalue())
            raise

    @contextmanager
    def agent(self, spec: str, *, create: bool = False) -> Iterator[AgentHandle]:
        """An agent on its first branch, or on that after the ``@``."""
        with self.memory() as memory:
            yield self.find(memory, spec, create=create)

    def find(self, memory: MemoryCluster, spec: str, *, create: bool = False) -> AgentHandle:
        """The agent and branch that ``alice`` or ``alice@branch`` mean."""
        name, at, branch = spec.partition("@")
        return memory.agent(name, branch if at else None, create=create and not at)

    def busy(self, what: str) -> Any:
        """A spinner on stderr, where somebody can see it; it leaves stdout alone."""
        if not self.err.is_terminal:
            return nullcontext()
        spinner = Spinner("dots", f"{what} …")
        return Live(spinner, console=self.err, transient=True, redirect_stdout=False, redirect_stderr=False)

    def show(self, value: Any, picture: Callable[[], RenderableType]) -> None:
        """The answer: as JSON if that was asked for, else drawn."""
        if self.options.json:
            ascii_only = (self.stdout.encoding or "ascii").lower().replace("-", "") != "utf8"
            self.stdout.write(json.dumps(value, ensure_ascii=ascii_only, allow_nan=False) + "\n")
        else:
            self.out.print(picture())

    def progress(self, *columns: ProgressColumn) -> Progress:
        """A progress bar on stderr, where somebody can see it; it leaves stdout alone."""
        return Progress(
            *columns,
            console=self.err,
            transient=True,
            disable=not self.err.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def note(self, text: str) -> None:
        """A word on stderr to somebody who watches."""
        from quantum_memory.cluster.cli_tables import called  # with numpy, which a mere --help can do without

        self.err.print(called(text), highlight=False)


def without_dashboard(settings: Settings) -> Settings:
    """The same settings for a Ray that nobody watches."""
    return settings.model_copy(update={"ray": settings.ray.model_copy(update={"dashboard": False})})


def command(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a function to the app as a command: it takes a ``Session`` and its own parameters.

    The command takes the options of every command as well. An error of ours becomes one line on stderr and exit code 1,
    a wrong call exit code 2.
    """

    def add(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        own = [
            one.replace(annotation=hints[one.name]) for one in list(inspect.signature(function).parameters.values())[1:]
        ]

        @wraps(function)
        def run(context: typer.Context, **given: Any) -> None:
            options = Options(*(given.pop(one.name) for one in fields(Options)))
            with reported():
                function(Session(options.over(context.obj or Options())), **given)

        shared = _shared_parameters()
        context = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        every = [context, *(one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *shared))]
        run.__dict__["__signature__"] = inspect.Signature(every)
        run.__annotations__ = {one.name: one.annotation for one in every}
        app.command(name)(run)
        return function

    return add


def _shared_parameters() -> list[inspect.Parameter]:
    hints = get_type_hints(Options, include_extras=True)
    return [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(Options)
    ]


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors that a user can do something about into a line on stderr and an exit code."""
    try:
        yield
    except QuantumMemoryError as error:
        from quantum_memory.cluster.cli_tables import one_line  # with numpy, which a mere --help can do without

        typer.echo(one_line(f"qmem: {error}"), err=True)
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise  # typer ends quietly when the reader of a pipe is gone
    except OSError as error:
        from quantum_memory.cluster.cli_tables import one_line

        typer.echo(one_line(f"qmem: {error.filename or 'the system'}: {error.strerror or error}"), err=True)
        raise typer.Exit(FAILED) from None


def moment(text: str | None) -> datetime | None:
    """A time in ISO 8601, in UTC where it has no offset. Raises: typer.BadParameter."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2025-01-11T18:02") from None


def place(handle: AgentHandle, text: str | None) -> Place | datetime | str | None:
    """A place in history as somebody types it: ``:12`` is event 12, else a time, a checkpoint or a branch's name.

    A time has a clock in it. A bare date is a name: checkpoints and branches are often called after a day.
    """
    if text is None:
        return None
    if text[:1] == ":" and text[1:].isdecimal():
        return _event(handle, int(text[1:]))
    if ":" not in text:
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _event(handle: AgentHandle, seq: int) -> Place:
    """Event ``seq`` as this branch counts: its own, or one of the branches of this agent that it came from."""
    row = handle.info
    known = {other.info.id: other.info for other in handle.branches()} if seq < row.fork_seq else {}
    while seq < row.fork_seq and row.parent in known:
        row = known[row.parent]
    return Place(row.id, seq)
