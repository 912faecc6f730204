"""Bringing the actors up on a Ray that this process is connected to: each pool by name, found or made.

Owns names, resources and environment of the actors. Never stops what it did not start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
import ray.exceptions
from sqlalchemy import make_url

from quantum_memory.actors.agent import QuantumMemoryAgent
from quantum_memory.actors.directory import Directory, actor_name, number_of
from quantum_memory.actors.emotion import EmotionActor
from quantum_memory.actors.episodic_memory import EpisodicMemoryActor
from quantum_memory.actors.homes import Home
from quantum_memory.actors.operations import Call, wait
from quantum_memory.actors.quantum_state import QuantumStateActor
from quantum_memory.actors.semantic_graph import SemanticGraphActor
from quantum_memory.actors.vault import VaultActor
from quantum_memory.actors.views import RemoteHistory
from quantum_memory.cluster.groups import Groups
from quantum_memory.cluster.groups import remove as remove_groups
from quantum_memory.cluster.service.limits.remote import end as end_limits
from quantum_memory.errors import ActorUnavailable, InvalidSettings, QuantumMemoryError, SettingsDiffer, Unavailable
from quantum_memory.memory.freed import MALLOC
from quantum_memory.policies.placement import Layout
from quantum_memory.settings import PoolSettings, Settings

Kind = tuple[Any, tuple[object, ...]]
LAYOUT_SHARE = 0.25
"""How much of what all may take to say how they are the vault may take to say how many there are."""
INLINE_POOLS = ("agents", "vault")
CLOSING = (("agents",), ("quantum", "episodic", "graph"), ("vault",))
"""Pools in the order in which they are closed. The emotion pool does nothing in the background."""
BESIDE = 128
"""Calls that an orchestrator takes beyond ``limits.waiting``: those that it refuses, and those that always get in."""
VAULT_THREADS = 64
"""How many callers the vault serves at once; their writes share transactions."""
AT_HOME, HEAD = 0.001, "node:__internal_head__"
"""How much a vault takes of its machine's resource, and the one that is no address."""
BLAS_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
HOSTS_OF_VIEWS = ("agents", "episodic", "graph")
"""Pools that join memories, to whom ``MALLOC`` applies: it would cost models time, whose arrays live for one text."""


@dataclass(frozen=True)
class Running:
    """A cluster that answers: every actor by pool and the way to the orchestrators.

    ``pools`` are the actors that this driver found or made. If they are not ``detached`` they live as long as those
    that it made are held here.
    """

    settings: Settings
    pools: dict[str, list[Any]]
    directory: Directory
    dashboard_url: str | None
    detached: bool = True


def launch(asked: Settings, wishes: Settings, namespace: str, *, detached: bool, dashboard_url: str | None) -> Running:
    """Find or make every actor, and wait until they answer.

    The vault comes first: whoever makes it decides the settings, so two drivers that come at once agree.

    Args:
        asked: what new actors are made with.
        wishes: where the cluster runs already, what was said explicitly here must be the same.
        namespace: Ray's namespace for the actors' names.
        detached: whether the actors outlive this driver.
        dashboard_url: passed on.

    Raises: SettingsDiffer; what keeps a part from starting. Then no actor is left that was not there before.
    """
    if not detached:
        _check_room(asked)
    make = Maker(namespace, detached)
    try:
        made_with = asked.model_copy(update={"storage": absolute(asked.storage)})
        vault = make.pool("vault", [0], (VaultActor, (made_with,)), made_with)
        connect_s = asked.timeouts.connect_s
        settings: Settings = wait(vault[0].settings.remote(), "the start of the vault", connect_s)
        layout: Layout = wait(vault[0].layout.remote(), "the start of the vault", connect_s)
        settings = with_sizes(settings, layout)
        _agree(wishes, settings)
        directory = _directory(settings, layout, namespace)
        groups = make.groups = Groups(settings, namespace, detached)
        for number in range(max(layout.sizes.values())):
            groups.reserve(number, layout.sizes)
        kinds = kinds_of(settings, directory)
        pools = {"vault": vault}
        pools |= {name: make.pool(name, range(layout.sizes[name]), kind, settings) for name, kind in kinds.items()}
        for name, handles in pools.items():
            for handle in handles:
                wait(handle.status.remote(), f"the start of {name}", settings.timeouts.connect_s)
    except BaseException:
        make.undo()
        raise
    return Running(settings, pools, directory, dashboard_url, detached)


def with_sizes(settings: Settings, layout: Layout) -> Settings:
    """The settings with the sizes that pools have now."""
    pools = {
        name: getattr(settings.pools, name).model_copy(update={"size": size}) for name, size in layout.sizes.items()
    }
    return settings.model_copy(update={"pools": settings.pools.model_copy(update=pools)})


def _check_room(settings: Settings) -> None:
    """Refuse pools that this Ray can never hold: their actors would wait for ever. A cluster elsewhere may yet grow.

    Raises: InvalidSettings.
    """
    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    pools = [(name, pool) for name, pool in settings.pools if settings.placement == "actors" or name in INLINE_POOLS]
    problems = []
    for resource, field in (("CPU", "num_cpus"), ("GPU", "num_gpus")):
        wanted = {name: pool.size * getattr(pool, field) for name, pool in pools}
        if sum(wanted.values()) > there.get(resource, 0.0):
            share = ", ".join(f"pools.{name}: {amount:g}" for name, amount in wanted.items() if amount)
            problems.append(f"{field}: the pools want more than the {there.get(resource, 0.0):g} of this Ray ({share})")
    if problems:
        raise InvalidSettings("settings", problems)


def _directory(settings: Settings, layout: Layout, namespace: str) -> Directory:
    told, times = settings.telemetry, settings.timeouts
    most = {name: pool.max_pending_calls for name, pool in settings.pools}
    return Directory(
        namespace, layout, times.call_s, times.per_text_s, spans=told.spans, metrics=told.metrics, pending=most
    )


def kinds_of(settings: Settings, directory: Directory) -> dict[str, Kind]:
    """What the members of each pool are, but the vault's: the class, and what it is made of."""
    history = RemoteHistory(directory)
    kinds: dict[str, Kind] = {}
    if settings.placement == "actors":
        kinds = {
            "emotion": (EmotionActor, (settings,)),
            "quantum": (QuantumStateActor, (settings, history)),
            "episodic": (EpisodicMemoryActor, (settings, history)),
            "graph": (SemanticGraphActor, (settings, history)),
        }
    return kinds | {"agents": (QuantumMemoryAgent, (settings, directory))}


def _agree(asked: Settings, running: Settings) -> None:
    """Let through a wish that a running cluster fulfils. What was not said explicitly is no wish.

    Raises: SettingsDiffer, with the dotted name.
    """
    wishes = asked.model_dump(exclude_unset=True)
    for where in ("ray", "timeouts", "service"):  # of no concern to actors that run
        wishes.pop(where, None)
    if "storage" in wishes:
        wishes["storage"] = absolute(wishes["storage"])
    _same("", wishes, running.model_dump())


def _same(where: str, wishes: Mapping[str, Any], running: Mapping[str, Any]) -> None:
    for name, wish in wishes.items():
        if isinstance(wish, Mapping):
            _same(f"{where}{name}.", wish, running[name])
        elif wish != running[name]:
            raise SettingsDiffer(f"{where}{name}", shown(running[name]), shown(wish))


def absolute(storage: str) -> str:
    """A folder, or the file of an SQLite URL, as an absolute path, so that it means the same everywhere."""
    scheme, found, rest = storage.partition(":///")
    if found and scheme.startswith("sqlite"):
        return f"{scheme}:///{Path(rest).expanduser().resolve()}"
    return storage if "://" in storage else str(Path(storage).expanduser().resolve())


def shown(value: object) -> str:
    """A setting for messages: the URL of a database without its password."""
    if isinstance(value, str) and "://" in value:
        return make_url(value).render_as_string(hide_password=True)
    return str(value)


class Maker:
    """Makes actors with the environment and resources that the settings ask for, and knows which were new."""

    def __init__(self, namespace: str, detached: bool) -> None:
        self._namespace, self._detached = namespace, detached
        self.groups: Groups | None = None
        self._made: list[Any] = []

    def pool(self, name: str, numbers: Iterable[int], kind: Kind, settings: Settings) -> list[Any]:
        """Members of a pool, found or made. Each orchestrator is told its number as well, the vault its cluster."""
        pool: PoolSettings = getattr(settings.pools, name)
        threads = dict.fromkeys(BLAS_VARIABLES, str(settings.blas_threads))
        malloc = MALLOC if name in HOSTS_OF_VIEWS else {}
        options: dict[str, Any] = {
            "namespace": self._namespace,
            "lifetime": "detached" if self._detached else None,
            "num_cpus": pool.num_cpus,
            "num_gpus": pool.num_gpus,
            "max_pending_calls": pool.max_pending_calls,
            "runtime_env": {"env_vars": threads | malloc | {"HF_HUB_OFFLINE": "1"}},
        }
        more: dict[str, Any] = {}
        if name == "agents":  # what is beyond the limit must get in to be refused
            options |= {"max_concurrency": settings.limits.waiting + BESIDE}
        if name == "vault":
            options |= {"max_concurrency": VAULT_THREADS, "resources": _beside_the_folder(settings)}
            more = {"cluster": uuid4().hex, "home": Home(ray.get_runtime_context().gcs_address, self._namespace)}
        members = []
        for member in numbers:
            number = (member,) if name == "agents" else ()
            place = None if self.groups is None else self.groups.place(name, member)
            where = {} if place is None else {"scheduling_strategy": place}
            named = kind[0].options(name=actor_name(name, member), **options, **where)
            members.append(
                self._found_or_made(actor_name(name, member), partial(named.remote, *kind[1], *number, **more))
            )
        return members

    def _found_or_made(self, name: str, make: Callable[[], Any]) -> Any:
        """An actor by its name. Only one that nobody else made, however many try at once, counts as made here."""
        with suppress(ValueError):
            return ray.get_actor(name, namespace=self._namespace)
        try:
            made = make()
        except ray.exceptions.ActorAlreadyExistsError:  # somebody did between the two questions
            return ray.get_actor(name, namespace=self._namespace)
        self._made.append(made)
        return made

    def undo(self) -> None:
        """End the actors that were made here, and give their room back."""
        for handle in self._made:
            ray.kill(handle)
        if self.groups is not None:
            self.groups.undo()


def _beside_the_folder(settings: Settings) -> dict[str, float]:
    """What only the machine has that connects first: Ray's resource for its address.

    A vault in a local folder belongs there, also when it is restarted: elsewhere it would find, or make, another folder
    of that name. By address and not by the node's id, so that the vault comes back when its machine does.
    """
    return {} if settings.storage.startswith("postgresql") else {here(): AT_HOME}


def here() -> str:
    """The resource that only the machine of this driver has: Ray's, for its address."""
    node_id = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    (resources,) = [node["Resources"] for node in nodes if node["NodeID"] == node_id]
    (found,) = [name for name in resources if name.startswith("node:") and name != HEAD]
    return str(found)


def members(running: Running) -> dict[str, list[Any]]:
    """Every actor by pool, of the sizes that pools have now. Raises: ActorUnavailable."""
    directory = running.directory
    sizes = {name: directory.sizes.get(name, len(handles)) for name, handles in running.pools.items()}
    return {name: [directory.member(name, number) for number in range(size)] for name, size in sizes.items()}


def statuses(running: Running) -> dict[str, list[dict[str, int]]]:
    """What every actor says of itself, by pool: its process, and what it holds and found ready. Raises: Unavailable."""
    if running.pools:
        running.directory.renew()
    deadline_s = running.settings.timeouts.call_s
    sent = {name: [handle.status.remote() for handle in handles] for name, handles in members(running).items()}
    return {name: [wait(ref, f"{name}.status", deadline_s) for ref in refs] for name, refs in sent.items()}


def each_status(running: Running, deadline_s: float) -> dict[str, list[dict[str, int] | QuantumMemoryError]]:
    """The same of each by itself: what it says, or why it says nothing within a deadline that is one for all."""
    until = time.monotonic() + deadline_s
    if running.pools:
        with suppress(QuantumMemoryError):  # then the sizes are those that were heard of last
            running.directory.learn(
                running.directory.call("vault", 0, "layout", (), deadline_s=deadline_s * LAYOUT_SHARE).result()
            )
    sizes = {name: running.directory.sizes.get(name, len(handles)) for name, handles in running.pools.items()}
    sent = {name: [_asked(running, name, number, deadline_s) for number in range(size)] for name, size in sizes.items()}
    return {name: [_answered(one, f"{name}.status", until) for one in each] for name, each in sent.items()}


def _asked(running: Running, pool: str, number: int, deadline_s: float) -> Any:
    try:
        return running.directory.call(pool, number, "status", (), deadline_s=deadline_s).send()
    except QuantumMemoryError as error:
        return error


def _answered(sent: Any, what: str, until: float) -> dict[str, int] | QuantumMemoryError:
    if isinstance(sent, QuantumMemoryError):
        return sent
    try:
        return wait(sent, what, max(0.0, until - time.monotonic()))  # type: ignore[no-any-return]  # Ray leaves it open
    except QuantumMemoryError as error:
        return error
    except ray.exceptions.RayTaskError as error:
        return ActorUnavailable(what, type(error.cause).__name__)


def end_actors(running: Running) -> None:
    """End every actor of a cluster, for everybody. What was acknowledged is on disk."""
    with suppress(QuantumMemoryError):  # a vault that is gone tells nothing of actors that others made
        running.directory.renew()
    close_vault(running)
    for name in running.pools:
        for handle in standing_members(running, name):
            ray.kill(handle)
    end_limits(running.directory.namespace)
    remove_groups(running.directory.namespace)


def standing_members(running: Running, pool: str, first: int = 0) -> list[Any]:
    """The members of a pool that are there from a number on, also those that it should not have any more."""
    directory, there = running.directory, {}
    for row in ray.util.list_named_actors(all_namespaces=True):
        number = number_of(pool, row["name"]) if row["namespace"] == directory.namespace else None
        if number is not None and number >= first:
            with suppress(ActorUnavailable):  # it ended just now
                there[number] = directory.member(pool, number)
    return [there[number] for number in sorted(there)]


def close_vault(running: Running) -> None:
    """Let the vault finish what it has. It is closed for good: only for a cluster that ends now.

    What the orchestrators and then the views do in the background ends before it, because they do it in the vault.
    """
    for pools in CLOSING:
        _close(running, pools)


def _close(running: Running, pools: Sequence[str]) -> None:
    """Close every actor of some pools at once, and wait for them as long as one call may take."""
    deadline_s = running.settings.timeouts.call_s
    until = time.monotonic() + deadline_s
    closing = []
    for name in pools:
        for handle in standing_members(running, name) if name in running.pools else ():
            with suppress(Unavailable):  # it is gone already, and what was acknowledged is on disk
                closing.append((f"{name}.close", Call[None](handle, "close", (), deadline_s).send()))
    for what, ref in closing:
        with suppress(Unavailable):  # nothing of the rest was promised to anybody
            wait(ref, what, max(0.0, until - time.monotonic()))
