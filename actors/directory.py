"""Where the actors of a cluster are: by name, so that nobody's handle has to be kept alive for a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from itertools import count, repeat
from typing import Any
from uuid import uuid4

import ray

from quantum_memory.actors.layouts import as_layout, known_layout
from quantum_memory.actors.operations import Call, Told
from quantum_memory.actors.pace import Pace
from quantum_memory.actors.ray_metrics import ray_metrics
from quantum_memory.errors import ActorUnavailable, Busy
from quantum_memory.policies.placement import Layout
from quantum_memory.telemetry.catalog import BACKPRESSURE

ACTOR_NAMES = {
    "agents": "QuantumMemoryAgent",
    "emotion": "EmotionActor",
    "quantum": "QuantumStateActor",
    "episodic": "EpisodicMemoryActor",
    "graph": "SemanticGraphActor",
    "vault": "VaultActor",
}
"""The Ray name of each pool's actors, without their number."""


def session_of(op_id: str) -> str:
    """The session that an operation belongs to; empty if it names none."""
    return op_id.rpartition(".")[0]


def actor_name(pool: str, member: int) -> str:
    """The Ray name of one member of a pool."""
    return f"{ACTOR_NAMES[pool]}-{member}"


def number_of(pool: str, name: str) -> int | None:
    """Which member of a pool has a Ray name; ``None`` if none has."""
    kind, _, number = name.rpartition("-")
    return int(number) if kind == ACTOR_NAMES[pool] and number.isdecimal() else None


class Directory:
    """Finds actors by name when they are first needed, in whatever process it is unpickled.

    Args:
        namespace: the cluster's Ray namespace.
        layout: how many members each pool has, or had when this was made; sizes alone never change.
        deadline_s: how long a call to an actor may take.
        per_text_s: how much longer it may take for each text that it brings.
        session: whose operations these are; the vault knows who that is. Empty where nobody said.
        spans: where spans of calls go, as ``TelemetrySettings.spans``; none where nobody wants any.
        metrics: whether calls that are refused are counted.
        pending: how many calls of one process may wait for a member of each pool, as Ray was told.
    """

    def __init__(
        self,
        namespace: str,
        layout: Layout | Mapping[str, int],
        deadline_s: float,
        per_text_s: float,
        session: str = "",
        spans: str | None = None,
        metrics: bool = False,
        pending: Mapping[str, int] | None = None,
    ) -> None:
        self.namespace, self.session = namespace, session
        self._known = known_layout(namespace, as_layout(layout))
        self.deadline_s, self.per_text_s = deadline_s, per_text_s
        self._spans, self._metrics = spans, metrics
        self._pending = dict(pending or {})
        self._paces: dict[str, Pace] = {}
        self._found: dict[str, Any] = {}
        self._names: Iterator[str] | None = None

    def __reduce__(self) -> tuple[type[Directory], tuple[Any, ...]]:
        told = self.namespace, self.layout, self.deadline_s, self.per_text_s, self.session, self._spans, self._metrics
        return Directory, (*told, self._pending)

    @property
    def layout(self) -> Layout:
        """How many members each pool has, as far as this process was told."""
        return self._known.layout

    @property
    def sizes(self) -> Mapping[str, int]:
        """The same by pool."""
        return self._known.layout.sizes

    def learn(self, layout: Layout) -> None:
        """Take in what somebody told of it, if that is newer."""
        self._known.learn(layout)

    def renew(self) -> Layout:
        """Ask the vault for the sizes now. Raises: Unavailable; what the vault raises."""
        self._known.learn(self.call("vault", 0, "layout", ()).result())
        return self.layout

    def lose(self, pool: str, number: int) -> None:
        """A member was ended: look for it anew if it is needed again."""
        self._found.pop(actor_name(pool, number), None)

    def owner(self, key: str) -> int:
        """The orchestrator that owns a key, for a call that is sent now. See ``layouts``."""
        return self._known.leased(self._ask_layout).member("agents", key)

    def _ask_layout(self) -> Future[Layout]:
        asked: Future[Layout] = self.call("vault", 0, "layout", ()).send().future()
        return asked

    def under(self, session: str) -> Directory:
        """The same actors, asked on behalf of another session."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), session=session)
        return other

    def repeatable(self, op: str) -> Directory:
        """The same actors, for what is to be done once however often it is asked for under this name.

        Its first operation has that name in the session, the next one is the second of it, and so on.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), _names=map("{}-{}".format, repeat(op), count(1)))
        return other

    @property
    def repeats(self) -> bool:
        """Whether what is asked for may have been done before, under the same name."""
        return self._names is not None

    def new_op(self) -> str:
        """An id for one operation of this session, unlike any other: with it a repeated call is done once."""
        name = uuid4().hex if self._names is None else next(self._names)
        return f"{self.session}.{name}" if self.session else name

    def call(
        self,
        pool: str,
        number: int,
        method: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        texts: int = 0,
        deadline_s: float | None = None,
    ) -> Call[Any]:
        """A call to one member of a pool, which brings so many texts, or has a deadline of its own.

        Raises: ActorUnavailable if the cluster is not there.
        """
        name = actor_name(pool, number)
        lost = partial(self._found.pop, name, None)
        if deadline_s is None:
            deadline_s = self.deadline_s + texts * self.per_text_s
        pace = self._paces.setdefault(name, Pace())
        told = Told(f"{pool}.{method}", self._spans, partial(self._refused, pool, pace), pace.answered)
        return Call(self.member(pool, number), method, args, deadline_s, kwargs, lost, told)

    def _refused(self, pool: str, pace: Pace) -> Busy:
        if self._metrics:
            ray_metrics().add(BACKPRESSURE, 1, pool)
        pending = self._pending.get(pool, 0)
        return Busy(pool, pending, pace.until(pending))

    def ask_owner(
        self, key: str, method: str, *args: object, texts: int = 0, deadline_s: float | None = None
    ) -> Call[Any]:
        """A call to the orchestrator that owns a key. Raises: ActorUnavailable."""
        return self.call("agents", self.owner(key), method, args, texts=texts, deadline_s=deadline_s)

    def member(self, pool: str, number: int) -> Any:
        """One member of a pool. Raises: ActorUnavailable if the cluster is not there or this process has left it."""
        name = actor_name(pool, number)
        if not ray.is_initialized():
            raise ActorUnavailable(name, "this process is connected to no Ray cluster (was the memory closed?)")
        if name not in self._found:
            try:
                self._found[name] = ray.get_actor(name, namespace=self.namespace)
            except ValueError:
                raise ActorUnavailable(name, f"not found in the namespace {self.namespace!r}") from None
        return self._found[name]
