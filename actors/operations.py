"""One definition, two ways to call it: ``handle.recall(...)`` waits for the answer, ``handle.recall.remote(...)`` gives
an ObjectRef. Owns the waiting and the translation of Ray's errors into the domain's at the caller's door.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar, overload

import ray
import ray.exceptions

from quantum_memory.actors.pace import UNKNOWN_S
from quantum_memory.errors import ActorUnavailable, Busy, DeadlineExceeded, QuantumMemoryError
from quantum_memory.telemetry.carried import CARRIED, Carried, with_carried
from quantum_memory.telemetry.spans import ended, headers, spans_of

if TYPE_CHECKING:
    from ray import ObjectRef

P = ParamSpec("P")
R = TypeVar("R")
Owner = TypeVar("Owner")


def _too_many() -> Busy:
    return Busy("actor", 0, UNKNOWN_S)


class Told(NamedTuple):
    """What is told of a call: its span, by name and place, where there is none on its way already; a refusal, of which
    the error is made; and that an answer came.
    """

    name: str = ""
    spans: str | None = None
    refused: Callable[[], Busy] = _too_many
    answered: Callable[[], object] = lambda: None


UNTOLD = Told()


class Call(Generic[R]):
    """A checked request that has not been sent yet.

    Args:
        member, method, args, kwargs: what is to be called.
        deadline_s: how long the answer may take.
        lost: called when the actor turns out to be gone for good, so that nobody asks it again.
        told: what is told of it.
    """

    def __init__(
        self,
        member: Any,
        method: str,
        args: tuple[Any, ...],
        deadline_s: float,
        kwargs: Mapping[str, Any] | None = None,
        lost: Callable[[], object] = lambda: None,
        told: Told = UNTOLD,
    ) -> None:
        self._member, self._method, self._deadline_s = member, method, deadline_s
        self._args, self._kwargs, self._lost, self._told = args, kwargs or {}, lost, told

    def send(self) -> ObjectRef[R]:
        """Send it, and let Ray hold the answer."""
        with self._following() as carried:
            return self._send(carried)

    @contextmanager
    def _following(self) -> Iterator[Carried | None]:
        """What is to travel with the call: what the work here was called with, or else a span of its own around it."""
        carried, spans = CARRIED.get(), None
        if carried is None:
            spans = spans_of(self._told.spans)
        if spans is None:
            yield carried
            return
        span = spans.client(self._told.name)
        with ended(span):
            yield headers(span) or None

    def _send(self, carried: Carried | None) -> ObjectRef[R]:
        kwargs = with_carried(self._kwargs, carried)
        try:
            ref: ObjectRef[R] = getattr(self._member, self._method).remote(*self._args, **kwargs)
        except ray.exceptions.PendingCallsLimitExceeded:
            raise self._told.refused() from None
        except ray.exceptions.RayActorError as error:
            self._lost()
            raise ActorUnavailable(self._method, str(error).splitlines()[0]) from None
        return ref

    def begun(self) -> Callable[[], R]:
        """Send it now; calling what comes back waits for the answer, as ``result`` does."""
        return partial(self._wait, self.send())

    def result(self) -> R:
        """Send it and wait. Raises: the domain's errors; ActorUnavailable; DeadlineExceeded."""
        with self._following() as carried:
            return self._wait(self._send(carried))

    def _wait(self, ref: ObjectRef[R]) -> R:
        answer = wait(ref, self._method, self._deadline_s, self._lost)
        self._told.answered()
        return answer

    def __await__(self) -> Generator[Any, None, R]:
        """The same on an event loop."""
        return self.begin().__await__()

    def begin(self) -> Awaitable[R]:
        """Send it now; awaiting what comes back gives the answer, or raises as ``result`` does."""
        return self._answer(self.send())

    async def _answer(self, ref: ObjectRef[R]) -> R:
        with domain_errors(self._method, self._deadline_s, self._lost):
            answer: R = await asyncio.wait_for(ref, self._deadline_s)
        self._told.answered()
        return answer


def wait(ref: ObjectRef[R], what: str, deadline_s: float, lost: Callable[[], object] = lambda: None) -> R:
    """The answer behind a reference, with Ray's errors turned into the domain's."""
    with domain_errors(what, deadline_s, lost):
        return ray.get(ref, timeout=deadline_s)


@contextmanager
def domain_errors(what: str, deadline_s: float, lost: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Raise what the actor raised, as it raised it, and the domain's error where Ray itself failed."""
    try:
        yield
    except (ray.exceptions.GetTimeoutError, TimeoutError):
        raise DeadlineExceeded(what, deadline_s) from None
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, QuantumMemoryError) else error from None
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayActorError):
            lost()
        raise ActorUnavailable(what, str(error).splitlines()[0]) from None


class Operation(Generic[P, R]):
    """An operation bound to its handle."""

    def __init__(self, build: Callable[P, Call[R]]) -> None:
        self._build = build
        update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Do it and wait for the answer."""
        return self._build(*args, **kwargs).result()

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """The checked request, for whoever does it together with others. Bad arguments raise here."""
        return self._build(*args, **kwargs)

    def begun(self, *args: P.args, **kwargs: P.kwargs) -> Callable[[], R]:
        """Begin it; calling what comes back waits, and raises as a call does. Bad arguments raise here."""
        return self._build(*args, **kwargs).begun()

    def begin(self, *args: P.args, **kwargs: P.kwargs) -> Awaitable[R]:
        """Begin it on an event loop; awaiting what comes back raises as a call does. Bad arguments raise here."""
        return self._build(*args, **kwargs).begin()

    def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRef[R]:
        """Begin it; the answer is behind the reference, for ``ray.get`` or ``await``. Bad arguments raise here."""
        return self._build(*args, **kwargs).send()


class operation(Generic[Owner, P, R]):  # noqa: N801  (reads as the decorator it is)
    """Turn a method that builds a ``Call`` into an ``Operation``."""

    def __init__(self, build: Callable[Concatenate[Owner, P], Call[R]]) -> None:
        self._build = build
        self.__doc__ = build.__doc__
        update_wrapper(self, build)  # type: ignore[arg-type]  # a descriptor is wrapped as a function would be

    @overload
    def __get__(self, owner: None, kind: type[Owner]) -> operation[Owner, P, R]: ...

    @overload
    def __get__(self, owner: Owner, kind: type[Owner]) -> Operation[P, R]: ...

    def __get__(self, owner: Owner | None, kind: type[Owner]) -> operation[Owner, P, R] | Operation[P, R]:
        if owner is None:
            return self
        return Operation(self._build.__get__(owner, kind))
