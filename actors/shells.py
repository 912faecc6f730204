"""How a plain host becomes a Ray actor: the name that it has on the dashboard, where it measures and how it logs.

Owns nothing that a host does. Every actor restarts without limit, and its calls are made again; ``again`` tells a host
that it takes over from one that died.
"""

from __future__ import annotations

import gc
from typing import Any

import ray

from quantum_memory.actors.ray_metrics import ray_metrics, watch_process
from quantum_memory.memory import compiled
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.logs import to_stderr

YOUNG, OLDER, OLD = 20_000, 20, 20
"""How often garbage in cycles is looked for. With Python's own 700, 10 and 10 that took a tenth of the time of a fold:
very many small objects are made, nearly all of them free of cycles.
"""
RECALLING = frozenset({"episodic", "graph"})
"""Pools that answer questions, for which machine code is made as they start; inline the agents do."""


def actor(name: str, pool: str, host: type) -> Any:
    """The actor class of a host, whose first argument is the settings and which takes ``metrics``.

    Args:
        name: of the class on the dashboard, in ``ray list actors`` and before each method there.
        pool: what the members of its pool are called in metrics and logs.
        host: the class.
    """

    class Shell(host):  # type: ignore[misc]  # made of whatever host is given
        def __init__(self, settings: Settings, *args: object, **more: object) -> None:
            wanted = settings.telemetry
            to_stderr(wanted.logs, wanted.level, {"pool": pool, "actor": _own_name(name)})
            gc.set_threshold(YOUNG, OLDER, OLD)
            self.again = ray.get_runtime_context().was_current_actor_reconstructed
            metrics: Metrics = ray_metrics() if wanted.metrics else SILENT
            watch_process(metrics, pool)
            if pool in RECALLING or (pool == "agents" and settings.placement == "inline"):
                compiled.begin()
            super().__init__(settings, *args, metrics=metrics, **more)

        def __repr__(self) -> str:
            return name

    Shell.__name__ = Shell.__qualname__ = name
    Shell.__module__, Shell.__doc__ = host.__module__, host.__doc__
    return ray.remote(max_restarts=-1, max_task_retries=-1)(Shell)


def _own_name(name: str) -> str:
    """The Ray name of the actor that runs here, as in ``VaultActor-0``; its class where it has none."""
    return ray.get_runtime_context().get_actor_name() or name
