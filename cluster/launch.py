"""Bringing the actors up: Ray on loopback if none runs, then each pool by name, found or made.

Owns names, resources and environment of the actors. Never stops what it did not start.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions
from ray._private import ray_constants  # the only switch for loopback once Ray is imported

from quantum_memory.actors.agent import QuantumMemoryAgent
from quantum_memory.actors.directory import Directory, actor_name
from quantum_memory.actors.emotion import EmotionActor
from quantum_memory.actors.episodic_memory import EpisodicMemoryActor
from quantum_memory.actors.operations import wait
from quantum_memory.actors.quantum_state import QuantumStateActor
from quantum_memory.actors.semantic_graph import SemanticGraphActor
from quantum_memory.actors.vault import VaultActor
from quantum_memory.actors.views import RemoteHistory
from quantum_memory.errors import SettingsDiffer, Unavailable
from quantum_memory.settings import PoolSettings, Settings

LOOPBACK = "127.0.0.1"
VAULT_THREADS = 64
"""How many callers the vault serves at once; their writes share transactions."""
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
        num_cpus=wanted.num_cpus,
        object_store_memory=wanted.object_store_mb * 2**20,
        include_dashboard=wanted.dashboard,
        dashboard_host=LOOPBACK,
        dashboard_port=wanted.dashboard_port,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=LOOPBACK,
    )
    return f"http://{context.dashboard_url}" if context.dashboard_url else None


def launch(settings: Settings, namespace: str, *, detached: bool, dashboard_url: str | None) -> Running:
    """Find or make every actor, and wait until they answer.

    Args:
        settings: what new actors are made with; actors that run already keep theirs.
        namespace: Ray's namespace for the actors' names.
        detached: whether the actors outlive this driver.
        dashboard_url: passed on.

    Raises: SettingsDiffer if a running cluster stores elsewhere or has other pools; what an actor's start raises.
    """
    settings = _agree(settings, namespace)
    sizes = {name: pool.size for name, pool in settings.pools}
    directory = Directory(namespace, sizes, settings.timeouts.call_s)
    history = RemoteHistory(directory)
    wanted: dict[str, tuple[Any, tuple[object, ...]]] = {"vault": (VaultActor, (settings.storage,))}
    if settings.placement == "actors":
        wanted |= {
            "emotion": (EmotionActor, (settings,)),
            "quantum": (QuantumStateActor, (settings, history)),
            "episodic": (EpisodicMemoryActor, (settings, history)),
            "graph": (SemanticGraphActor, (settings, history)),
        }
    wanted["agents"] = (QuantumMemoryAgent, (settings, directory))
    make = _Maker(settings, namespace, detached)
    pools = {name: make.pool(name, kind, arguments) for name, (kind, arguments) in wanted.items()}
    for name, handles in pools.items():
        for handle in handles:
            wait(handle.status.remote(), f"the start of {name}", settings.timeouts.connect_s)
    return Running(settings, pools, directory, dashboard_url)


def _agree(settings: Settings, namespace: str) -> Settings:
    """The settings of the cluster that runs in this namespace, if one does. Raises: SettingsDiffer."""
    try:
        first: Any = ray.get_actor(actor_name("agents", 0), namespace=namespace)
    except ValueError:
        return settings
    running: Settings = wait(first.settings.remote(), "settings", settings.timeouts.connect_s)
    for name, theirs, ours in (
        ("storage", running.storage, settings.storage),
        ("placement", running.placement, settings.placement),
    ):
        if theirs != ours:
            raise SettingsDiffer(name, theirs, ours)
    return running


class _Maker:
    """Makes actors with the environment and resources that the settings ask for."""

    def __init__(self, settings: Settings, namespace: str, detached: bool) -> None:
        self._pools, self._namespace, self._detached = settings.pools, namespace, detached
        threads = str(settings.blas_threads)
        self._environment = {"env_vars": dict.fromkeys(BLAS_VARIABLES, threads) | {"HF_HUB_OFFLINE": "1"}}

    def pool(self, name: str, kind: Any, arguments: tuple[object, ...]) -> list[Any]:
        pool: PoolSettings = getattr(self._pools, name)
        options: dict[str, Any] = {
            "namespace": self._namespace,
            "lifetime": "detached" if self._detached else None,
            "get_if_exists": True,
            "num_cpus": pool.num_cpus,
            "num_gpus": pool.num_gpus,
            "max_pending_calls": pool.max_pending_calls,
            "runtime_env": self._environment,
        }
        if name == "vault":
            options["max_concurrency"] = VAULT_THREADS
        return [
            kind.options(name=actor_name(name, member), **options).remote(*arguments) for member in range(pool.size)
        ]


def process_ids(running: Running) -> dict[str, list[int]]:
    """The process of every actor, by pool. Raises: Unavailable."""
    return {
        name: [
            int(wait(handle.status.remote(), f"{name}.status", running.settings.timeouts.call_s)["pid"])
            for handle in handles
        ]
        for name, handles in running.pools.items()
    }


def close_vault(running: Running) -> None:
    """Let the vault finish what it has. It is closed for good: only for a cluster that ends now."""
    try:
        wait(running.pools["vault"][0].close.remote(), "vault.close", running.settings.timeouts.call_s)
    except Unavailable:
        return  # it is gone already, and what it acknowledged is on disk
