"""How the door and the cluster behind it are: whether it serves, what is away, how far views are behind, GPUs.

Owns how long it may take to find out: whoever asks is always answered. Mends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field

from quantum_memory.actors.directory import ACTOR_NAMES
from quantum_memory.actors.process import GPU, PROCESS
from quantum_memory.cluster.nodes import Node, living_nodes
from quantum_memory.errors import ActorUnavailable, DeadlineExceeded, QuantumMemoryError
from quantum_memory.telemetry.logs import hidden, safe

DEADLINE_S = 3.0
"""How long anything may take that is asked here."""
LAG, ERROR = "_lag", "_error"
UNTOLD = frozenset({"storage"})
"""Of what the vault says, what is nobody's business at the door."""
T = TypeVar("T")
Status = Mapping[str, int] | QuantumMemoryError
Statuses = Mapping[str, Sequence[Status]]


class Cluster(Protocol):
    """What is asked of a cluster: see ``MemoryCluster``. Both may block."""

    def each_status(self, deadline_s: float) -> Statuses: ...

    def vault_status(self) -> dict[str, Any]: ...


class Serving(BaseModel):
    """Whether this replica serves."""

    status: Literal["serving", "draining"]


class Away(BaseModel):
    """A part that did not answer."""

    part: str = Field(examples=["EpisodicMemoryActor-0"])
    error: str = Field(description="The error's class.", examples=["DeadlineExceeded"])
    detail: str


class Pool(BaseModel):
    """A pool of actors. What they count is added up."""

    members: int
    answered: int
    counts: dict[str, int]


class Detailed(BaseModel):
    """All that is known of the cluster."""

    status: Literal["ok", "degraded"] = Field(description="degraded: a part is away, or something went wrong lately.")
    serving: bool
    away: list[Away]
    pools: dict[str, Pool]
    vault: dict[str, Any] | None
    lag: dict[str, int] = Field(description="Acknowledged events that a view was not heard to have folded, by view.")
    errors: dict[str, str] = Field(description="What went wrong last in the background, by where.")


class Devices(BaseModel):
    """The GPUs of one node, as Ray counts them."""

    node: str
    gpus: float
    kinds: list[str] = Field(examples=[["H100"]])


class Taken(BaseModel):
    """What one actor has taken of the GPUs that it sees, and what these have."""

    actor: str
    gpu_bytes: int
    gpu_free_bytes: int
    gpu_total_bytes: int


class Gpus(BaseModel):
    """The GPUs of the cluster."""

    status: Literal["ok", "none", "unknown"] = Field(
        description="none: no node has one, and no actor uses one. unknown: what could tell is away."
    )
    nodes: list[Devices]
    actors: list[Taken]
    away: list[Away]


class Health:
    """What a replica says of itself and of its cluster. Used on one event loop.

    Args:
        cluster: which it serves.
        nodes: those that live; it may block.
        deadline_s: how long any answer may take.
    """

    def __init__(
        self, cluster: Cluster, nodes: Callable[[], Sequence[Node]] = living_nodes, deadline_s: float = DEADLINE_S
    ) -> None:
        self.serving = True
        self._statuses = _Question("the actors", lambda: cluster.each_status(deadline_s * 0.8), deadline_s)
        self._vault = _Question("the vault", cluster.vault_status, deadline_s)
        self._nodes = _Question("the nodes", nodes, deadline_s)

    def drain(self) -> None:
        """Say from now on that this replica takes no more."""
        self.serving = False

    def brief(self) -> Serving:
        """Whether it serves. Asks nobody."""
        return Serving(status="serving" if self.serving else "draining")

    async def detailed(self) -> Detailed:
        """All that is known within the deadline."""
        statuses, vault = await asyncio.gather(self._statuses.answer(), self._vault.answer())
        away = _away(statuses)
        errors: dict[str, str] = {}
        told: dict[str, Any] | None = None
        if isinstance(vault, QuantumMemoryError):
            away.append(_gone("vault", vault))
        else:
            told = {name: value for name, value in vault.items() if name not in UNTOLD and not name.endswith(ERROR)}
            errors = {
                name.removesuffix(ERROR): hidden(str(value))
                for name, value in vault.items()
                if name.endswith(ERROR) and value is not None
            }
        return Detailed(
            status="degraded" if away or errors else "ok",
            serving=self.serving,
            away=away,
            pools={} if isinstance(statuses, QuantumMemoryError) else _pools(statuses),
            vault=told,
            lag={} if isinstance(statuses, QuantumMemoryError) else _lag(statuses),
            errors=errors,
        )

    async def gpus(self) -> Gpus:
        """The GPUs that nodes have and actors use."""
        statuses, nodes = await asyncio.gather(self._statuses.answer(), self._nodes.answer())
        away = _away(statuses)
        there: list[Devices] = []
        if isinstance(nodes, QuantumMemoryError):
            away.append(_gone("nodes", nodes))
        else:
            there = [Devices(node=one.address, gpus=one.gpus, kinds=list(one.kinds)) for one in nodes if one.gpus]
        taken = [] if isinstance(statuses, QuantumMemoryError) else _taken(statuses)
        nothing: Literal["none", "unknown"] = "unknown" if away else "none"
        return Gpus(status="ok" if there or taken else nothing, nodes=there, actors=taken, away=away)


class _Question(Generic[T]):
    """Something that is asked in a thread, once at a time: whoever comes meanwhile gets the same answer.

    So an answer that never comes costs one thread, however often it is asked for.
    """

    def __init__(self, what: str, ask: Callable[[], T], deadline_s: float) -> None:
        self._what, self._ask, self._deadline_s = what, ask, deadline_s
        self._asking: asyncio.Task[T | QuantumMemoryError] | None = None

    async def answer(self) -> T | QuantumMemoryError:
        """What comes within the deadline, or the error that nothing does."""
        asking = self._asking
        if asking is None or asking.done():
            asking = self._asking = asyncio.create_task(self._asked())
        done, _ = await asyncio.wait({asking}, timeout=self._deadline_s)
        return asking.result() if done else DeadlineExceeded(self._what, self._deadline_s)

    async def _asked(self) -> T | QuantumMemoryError:
        try:
            return await asyncio.to_thread(self._ask)
        except QuantumMemoryError as error:
            return error
        except Exception as error:  # noqa: BLE001 - whatever Ray raises, whoever asks for health is to be answered
            return ActorUnavailable(self._what, type(error).__name__)


def _gone(part: str, error: QuantumMemoryError) -> Away:
    return Away(part=part, error=type(error).__name__, detail=str(safe(error)))


def _away(statuses: Statuses | QuantumMemoryError) -> list[Away]:
    if isinstance(statuses, QuantumMemoryError):
        return [_gone("actors", statuses)]
    return [
        _gone(f"{ACTOR_NAMES[pool]}-{number}", one)
        for pool, each in statuses.items()
        for number, one in enumerate(each)
        if isinstance(one, QuantumMemoryError)
    ]


def _heard(each: Sequence[Status]) -> list[Mapping[str, int]]:
    return [one for one in each if not isinstance(one, QuantumMemoryError)]


def _pools(statuses: Statuses) -> dict[str, Pool]:
    return {
        pool: Pool(members=len(each), answered=len(_heard(each)), counts=_counts(_heard(each)))
        for pool, each in statuses.items()
    }


def _counts(heard: Sequence[Mapping[str, int]]) -> dict[str, int]:
    left_out = {*PROCESS} - {"resident_bytes"}
    names = dict.fromkeys(name for one in heard for name in one if name not in left_out)
    return {name: sum(one.get(name, 0) for one in heard) for name in names}


def _lag(statuses: Statuses) -> dict[str, int]:
    told = _counts(_heard(statuses.get("agents", ())))
    return {name.removesuffix(LAG): value for name, value in told.items() if name.endswith(LAG)}


def _taken(statuses: Statuses) -> list[Taken]:
    return [
        Taken(actor=f"{ACTOR_NAMES[pool]}-{number}", **{name: one[name] for name in GPU})
        for pool, each in statuses.items()
        for number, one in enumerate(each)
        if not isinstance(one, QuantumMemoryError) and GPU[0] in one
    ]
