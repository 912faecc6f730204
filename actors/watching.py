"""Watching hosts at work: every call that one answers is timed, counted, followed by traces, and known to its logs.

Owns what is said of a call, wherever the host lives. Changes no argument, no answer and no error.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from time import perf_counter
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from quantum_memory.errors import Busy, Conflict, DeadlineExceeded, InvalidInput, NotFound
from quantum_memory.settings import TelemetrySettings
from quantum_memory.telemetry.carried import AGENT, CARRIED, OPERATION_ID, Carried
from quantum_memory.telemetry.catalog import BATCH_SIZE, CACHE, OPERATION_SECONDS, OPERATIONS, VIEW_SECONDS
from quantum_memory.telemetry.metrics import Metrics, Risen
from quantum_memory.telemetry.spans import spans_of
from quantum_memory.types import Branch

H = TypeVar("H")
ORCHESTRATORS = "agents"
ALL = frozenset({"*"})
SELF_AND_ONE = 2
EACH = "_each"
"""How methods are named that do an operation for several agents, with an outcome for each."""
OK = {"ok": 1}
PARAMETER = inspect.Parameter("carried", inspect.Parameter.KEYWORD_ONLY, default=None, annotation="Carried | None")
_NOTHING = nullcontext()
_WITHIN: ContextVar[bool] = ContextVar("quantum_memory_within", default=False)
"""Whether an operation is under way in this task: what it asks of its own orchestrator is part of it."""
logger = logging.getLogger(__name__)


class Watch:
    """What a host says of the calls that it answers.

    Args:
        pool: which pool the host belongs to, or would.
        settings: what is wanted.
        metrics: where measurements go.

    Attributes:
        guard: entered while a call is answered: by a host that answers one at a time, or so many and no more.
    """

    def __init__(self, pool: str, settings: TelemetrySettings, metrics: Metrics) -> None:
        self.pool, self.metrics = pool, metrics
        self.follows = settings.traces or settings.logs == "json"
        self._exporter = settings.spans
        self.guard: AbstractContextManager[object] = _NOTHING

    @contextmanager
    def following(
        self, method: str, args: Sequence[object], carried: Carried | None, at_op: int | None = None
    ) -> Iterator[None]:
        """Let spans and logs of the body know what it is done for; ``at_op`` is which argument an operation's id is."""
        carried = CARRIED.get() if carried is None else carried
        told = dict(carried or {}) | about(args, at_op)
        if self.pool == ORCHESTRATORS:
            told.setdefault(OPERATION_ID, uuid4().hex)  # what changes nothing brings none
        spans = spans_of(self._exporter)
        if spans is None:
            token = CARRIED.set(told)
            try:
                yield
            finally:
                CARRIED.reset(token)
            return
        with spans.server(f"{self.pool}.{method}", carried, _attributes(self.pool, method, told)) as headers:
            token = CARRIED.set(told | dict(headers))
            try:
                yield
            finally:
                CARRIED.reset(token)

    def answered(self, method: str, seconds: float, batch: int | None) -> None:
        """A view, perception or the vault has answered a call, or refused it."""
        self.metrics.observe(VIEW_SECONDS, seconds, self.pool, method)
        if batch is not None:
            self.metrics.observe(BATCH_SIZE, batch, self.pool)

    def operated(self, operation: str, outcomes: Mapping[str, int], seconds: float, batch: int | None) -> None:
        """An orchestrator has ended an operation, or one for each of several agents in one call."""
        for outcome, times in outcomes.items():
            self.metrics.add(OPERATIONS, times, operation, outcome)
        self.metrics.observe(OPERATION_SECONDS, seconds, operation)
        if batch is not None:
            self.metrics.observe(BATCH_SIZE, batch, self.pool)

    def complain(self, operation: str, outcome: str, error: BaseException, seconds: float) -> None:
        """Log an operation that ended as no caller can have meant it."""
        if outcome in ("failed", "late"):
            extra = {"operation": operation, "outcome": outcome, "seconds": round(seconds, 6)}
            logger.warning("an operation ended with %s", type(error).__name__, extra=extra)


class Counted(Protocol):
    """A cache that counts what it is asked for."""

    @property
    def hits(self) -> int: ...

    @property
    def misses(self) -> int: ...


class Caches:
    """What caches count, told as one counter under each name.

    Args:
        metrics: where.
        named: the caches by name; more may be put there later.
    """

    def __init__(self, metrics: Metrics, named: Mapping[str, Sequence[Counted]]) -> None:
        self._metrics, self._named = metrics, named
        self._told: dict[str, tuple[Risen, Risen]] = {}

    def look(self) -> None:
        """Tell how often something was found, and was not, since the last time."""
        for name, caches in tuple(self._named.items()):
            if name not in self._told:
                self._told[name] = Risen(self._metrics, CACHE, name, "hit"), Risen(self._metrics, CACHE, name, "miss")
            hits, misses = self._told[name]
            hits.to(sum(cache.hits for cache in tuple(caches)))
            misses.to(sum(cache.misses for cache in tuple(caches)))


def outcome_of(error: BaseException | None) -> str:
    """What became of an operation: ok, refused (the caller can do something), late, or failed."""
    if error is None:
        return "ok"
    if isinstance(error, InvalidInput | NotFound | Conflict | Busy):
        return "refused"
    # A caller who waits no longer cancels what he asked for.
    return "late" if isinstance(error, DeadlineExceeded | TimeoutError | asyncio.CancelledError) else "failed"


def outcomes_of(answers: Sequence[object]) -> dict[str, int]:
    """How many of the agents that one call was for fared how, where each has its own answer or error."""
    return dict(Counter(outcome_of(one if isinstance(one, BaseException) else None) for one in answers))


def operation_of(method: str) -> str:
    """What a method of the orchestrator does: ``recall_one`` and ``recall_each`` are a ``recall``, too."""
    return method.removesuffix("_one").removesuffix(EACH)


def watched(
    pool: str, *, batches: Collection[str] = (), hidden: Collection[str] = (), always: Collection[str] = ()
) -> Callable[[type[H]], type[H]]:
    """Have every public method of a host watched. Its instances have a ``Watch`` as ``self._watch``.

    Each method then also takes ``carried``, which travels with a call: see ``telemetry.carried``.

    Args:
        pool: whose members do this.
        batches: the methods whose first argument is a batch of requests; ``ALL`` for every method that has one.
        hidden: public methods that are no calls.
        always: operations that are let in without the guard.
    """

    def decorate(host: type[H]) -> type[H]:
        for name, method in inspect.getmembers(host, inspect.isfunction):
            if not name.startswith("_") and name not in hidden:
                parameters = inspect.signature(method).parameters
                batch = name in batches or (batches is ALL and len(parameters) >= SELF_AND_ONE)
                answers = _async_answer if inspect.iscoroutinefunction(method) else _answer
                operations = functools.partial(_operation, guarded=name not in always)
                wrap = operations if pool == ORCHESTRATORS else answers
                setattr(host, name, _signed(wrap(method, batch=batch), method))
        return host

    return decorate


def _answer(method: Callable[..., Any], *, batch: bool) -> Callable[..., Any]:
    name = method.__name__

    @functools.wraps(method)
    def answer(self: Any, /, *args: Any, carried: Carried | None = None, **kwargs: Any) -> Any:
        watch: Watch = self._watch
        began_s = perf_counter()
        try:
            with watch.guard, watch.following(name, args, carried) if watch.follows else _NOTHING:
                return method(self, *args, **kwargs)
        finally:
            watch.answered(name, perf_counter() - began_s, len(args[0]) if batch and args else None)

    return answer


def _async_answer(method: Callable[..., Any], *, batch: bool) -> Callable[..., Any]:
    name = method.__name__

    @functools.wraps(method)
    async def answer(self: Any, /, *args: Any, carried: Carried | None = None, **kwargs: Any) -> Any:
        watch: Watch = self._watch
        began_s = perf_counter()
        try:
            with watch.following(name, args, carried) if watch.follows else _NOTHING:
                return await method(self, *args, **kwargs)
        finally:
            watch.answered(name, perf_counter() - began_s, len(args[0]) if batch and args else None)

    return answer


def _operation(method: Callable[..., Any], *, batch: bool, guarded: bool) -> Callable[..., Any]:
    name, several = operation_of(method.__name__), method.__name__.endswith(EACH)
    names = list(inspect.signature(method).parameters)[1:]
    at_op = names.index("op_id") if "op_id" in names else None

    @functools.wraps(method)
    async def operate(self: Any, /, *args: Any, carried: Carried | None = None, **kwargs: Any) -> Any:
        if _WITHIN.get():
            return await method(self, *args, **kwargs)
        watch: Watch = self._watch
        within = _WITHIN.set(True)
        outcomes: Mapping[str, int] = OK
        began_s = perf_counter()
        try:
            with watch.following(name, args, carried, at_op) if watch.follows else _NOTHING:
                try:
                    with watch.guard if guarded else _NOTHING:
                        answer = await method(self, *args, **kwargs)
                except BaseException as raised:
                    outcome = outcome_of(raised)
                    outcomes = {outcome: 1}
                    watch.complain(name, outcome, raised, perf_counter() - began_s)
                    raise
            if several:
                outcomes = outcomes_of(answer)
                for one in {type(error): error for error in answer if isinstance(error, BaseException)}.values():
                    watch.complain(name, outcome_of(one), one, perf_counter() - began_s)
            return answer
        finally:
            _WITHIN.reset(within)
            watch.operated(name, outcomes, perf_counter() - began_s, len(args[0]) if batch and args else None)

    return operate


def _signed(wrapped: Callable[..., Any], method: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the signature that Ray is to check calls by.

    Ray looks for it on what is wrapped, so the wrapper does not tell that as ``__wrapped__`` but as ``unwatched``.
    """
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())
    at = next((n for n, one in enumerate(parameters) if one.kind is inspect.Parameter.VAR_KEYWORD), len(parameters))
    wrapped.__dict__["unwatched"] = wrapped.__dict__.pop("__wrapped__")
    wrapped.__dict__["__signature__"] = signature.replace(parameters=[*parameters[:at], PARAMETER, *parameters[at:]])
    return wrapped


def about(args: Sequence[object], at_op: int | None = None) -> dict[str, str]:
    """Whose memory a call is about, and the id of the operation, as far as its arguments tell."""
    told: dict[str, str] = {}
    if at_op is not None and at_op < len(args):
        told[OPERATION_ID] = str(args[at_op])
    for one in args:
        branch = one if isinstance(one, Branch) else getattr(one, "branch", None)
        if isinstance(branch, Branch):
            told.setdefault(AGENT, branch.agent)
            op_id = getattr(one, "op_id", None)
            if isinstance(op_id, str):
                told[OPERATION_ID] = op_id
    return told


def _attributes(pool: str, method: str, told: Mapping[str, str]) -> dict[str, str]:
    found = {"rpc.system": "quantum_memory", "rpc.service": pool, "rpc.method": method}
    return found | {f"quantum_memory.{name}": told[name] for name in (AGENT, OPERATION_ID) if name in told}
