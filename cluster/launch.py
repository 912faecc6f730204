"""Bringing the actors up: Ray on loopback if none runs, then each pool by name, found or made.

Owns names, resources and environment of the actors. Never stops what it did not start.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray._private import ray_constants  # the only switch for loopback once Ray is imported
from sqlalchemy import make_url

from quantum_memory.actors.agent import QuantumMemoryAgent
from quantum_memory.actors.directory import Directory, actor_name
from quantum_memory.actors.emotion import EmotionActor
from quantum_memory.actors.episodic_memory import EpisodicMemoryActor
from quantum_memory.actors.operations import Call, wait
from quantum_memory.actors.quantum_state import QuantumStateActor
from quantum_memory.actors.semantic_graph import SemanticGraphActor
from quantum_memory.actors.vault import VaultActor
from quantum_memory.actors.views import RemoteHistory
from quantum_memory.errors import InvalidSettings, SettingsDiffer, Unavailable
from quantum_memory.settings import PoolSettings, Settings

LOOPBACK = "127.0.0.1"
INLINE_POOLS = ("agents", "vault")
CLOSING = (("agents",), ("quantum", "episodic", "graph"), ("vault",))
"""Pools in the order in which they are closed. The emotion pool does nothing in the background."""
VAULT_THREADS = 64
"""How many callers the vault serves at once; their writes share transactions."""
BESIDE, HEAD = 0.001, "node:__internal_head__"
"""How much a vault takes of its machine's resource, and the one that is no address."""
BLAS_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True)
class Running:
    """A cluster that answers: every actor by pool and the way to the orchestrators."""

    settings: Settings
    pools: Mapping[str, Sequence[Any]]
    directory: Directory
    dashboard_url: str | None


def start_ray(settings: Settings) -> str | None:
    """Start Ray here, on loopback, with token authentication and no usage reports; the dashboard's address.

    Ray 2.60 turns token authentication on by itself for a cluster that ``ray.init`` starts, unless RAY_AUTH_MODE says
    otherwise. It reads the loopback switch when it is imported, so the constant is set beside the variable.
    """
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
    wanted = settings.ray
    context = ray.init(
        address="local",
        num_cpus=wanted.num_cpus,
        num_gpus=wanted.num_gpus,
        object_store_memory=wanted.object_store_mb * 2**20,
        include_dashboard=wanted.dashboard,
        dashboard_host=LOOPBACK,
        dashboard_port=wanted.dashboard_port,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=LOOPBACK,
    )
    return f"http://{context.dashboard_url}" if context.dashboard_url else None


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
    make = _Maker(namespace, detached)
    try:
        made_with = asked.model_copy(update={"storage": absolute(asked.storage)})
        vault = make.pool("vault", VaultActor, (made_with,), made_with)
        settings: Settings = wait(vault[0].settings.remote(), "the start of the vault", asked.timeouts.connect_s)
        _agree(wishes, settings)
        pools = {"vault": vault} | _views_and_agents(make, settings, namespace)
        for name, handles in pools.items():
            for handle in handles:
                wait(handle.status.remote(), f"the start of {name}", settings.timeouts.connect_s)
    except BaseException:
        make.undo()
        raise
    return Running(settings, pools, _directory(settings, namespace), dashboard_url)


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


def _directory(settings: Settings, namespace: str) -> Directory:
    sizes = {name: pool.size for name, pool in settings.pools}
    told, times = settings.telemetry, settings.timeouts
    return Directory(namespace, sizes, times.call_s, times.per_text_s, spans=told.spans, metrics=told.metrics)


def _views_and_agents(make: _Maker, settings: Settings, namespace: str) -> dict[str, list[Any]]:
    directory = _directory(settings, namespace)
    history = RemoteHistory(directory)
    wanted: dict[str, tuple[Any, tuple[object, ...]]] = {}
    if settings.placement == "actors":
        wanted = {
            "emotion": (EmotionActor, (settings,)),
            "quantum": (QuantumStateActor, (settings, history)),
            "episodic": (EpisodicMemoryActor, (settings, history)),
            "graph": (SemanticGraphActor, (settings, history)),
        }
    wanted["agents"] = (QuantumMemoryAgent, (settings, directory))
    return {name: make.pool(name, kind, arguments, settings) for name, (kind, arguments) in wanted.items()}


def _agree(asked: Settings, running: Settings) -> None:
    """Let through a wish that a running cluster fulfils. What was not said explicitly is no wish.

    Raises: SettingsDiffer, with the dotted name.
    """
    wishes = asked.model_dump(exclude_unset=True)
    for where in ("ray", "timeouts"):  # of no concern to actors that run
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


class _Maker:
    """Makes actors with the environment and resources that the settings ask for, and knows which were new."""

    def __init__(self, namespace: str, detached: bool) -> None:
        self._namespace, self._detached = namespace, detached
        self._made: list[Any] = []

    def pool(self, name: str, kind: Any, arguments: tuple[object, ...], settings: Settings) -> list[Any]:
        """The actors of a pool, found or made. Each orchestrator is told its number as well."""
        pool: PoolSettings = getattr(settings.pools, name)
        threads = dict.fromkeys(BLAS_VARIABLES, str(settings.blas_threads))
        options: dict[str, Any] = {
            "namespace": self._namespace,
            "lifetime": "detached" if self._detached else None,
            "get_if_exists": True,
            "num_cpus": pool.num_cpus,
            "num_gpus": pool.num_gpus,
            "max_pending_calls": pool.max_pending_calls,
            "runtime_env": {"env_vars": threads | {"HF_HUB_OFFLINE": "1"}},
        }
        if name == "vault":
            options |= {"max_concurrency": VAULT_THREADS, "resources": _beside_the_folder(settings)}
        members = []
        for member in range(pool.size):
            there = self._exists(actor_name(name, member))
            number = (member,) if name == "agents" else ()
            handle = kind.options(name=actor_name(name, member), **options).remote(*arguments, *number)
            members.append(handle)
            if not there:
                self._made.append(handle)
        return members

    def undo(self) -> None:
        """End the actors that were made here."""
        for handle in self._made:
            ray.kill(handle)

    def _exists(self, name: str) -> bool:
        try:
            ray.get_actor(name, namespace=self._namespace)
        except ValueError:
            return False
        return True


def _beside_the_folder(settings: Settings) -> dict[str, float]:
    """What only the machine has that connects first: Ray's resource for its address.

    A vault in a local folder belongs there, also when it is restarted: elsewhere it would find, or make, another folder
    of that name. By address and not by the node's id, so that the vault comes back when its machine does.
    """
    if settings.storage.startswith("postgresql"):
        return {}
    here = ray.get_runtime_context().get_node_id()
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    (resources,) = [node["Resources"] for node in nodes if node["NodeID"] == here]
    return {name: BESIDE for name in resources if name.startswith("node:") and name != HEAD}


def statuses(running: Running) -> dict[str, list[dict[str, int]]]:
    """What every actor says of itself, by pool: its process, and what it holds and found ready. Raises: Unavailable."""
    deadline_s = running.settings.timeouts.call_s
    sent = {name: [handle.status.remote() for handle in handles] for name, handles in running.pools.items()}
    return {name: [wait(ref, f"{name}.status", deadline_s) for ref in refs] for name, refs in sent.items()}


def end_actors(running: Running) -> None:
    """End every actor of a cluster, for everybody. What was acknowledged is on disk."""
    close_vault(running)
    for handles in running.pools.values():
        for handle in handles:
            ray.kill(handle)


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
        for handle in running.pools.get(name, ()):
            with suppress(Unavailable):  # it is gone already, and what was acknowledged is on disk
                closing.append((f"{name}.close", Call[None](handle, "close", (), deadline_s).send()))
    for what, ref in closing:
        with suppress(Unavailable):  # nothing of the rest was promised to anybody
            wait(ref, what, max(0.0, until - time.monotonic()))
