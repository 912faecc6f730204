"""The living nodes of the Ray that this process is connected to: where each exports its metrics, and its GPUs."""

from __future__ import annotations

from typing import Any, NamedTuple

import ray

ACCELERATOR = "accelerator_type:"
"""How Ray names the resource of a node that has GPUs of a kind."""


class Node(NamedTuple):
    """One of them.

    Attributes:
        address: of the machine.
        metrics_port: where it exports metrics for Prometheus; 0 for nowhere.
        gpus: how many Ray counts there.
        kinds: of accelerators, as Ray names them.
    """

    address: str
    metrics_port: int
    gpus: float = 0.0
    kinds: tuple[str, ...] = ()


def living_nodes() -> list[Node]:
    """All of them, in the order of their addresses; none where this process is connected to no Ray. It may block."""
    if not ray.is_initialized():
        return []
    told: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    return sorted(_node(one) for one in told if one["Alive"])


def _node(told: dict[str, Any]) -> Node:
    resources: dict[str, float] = told.get("Resources", {})
    kinds = sorted(name.removeprefix(ACCELERATOR) for name in resources if name.startswith(ACCELERATOR))
    port = max(int(told.get("MetricsExportPort") or 0), 0)
    return Node(told["NodeManagerAddress"], port, float(resources.get("GPU", 0.0)), tuple(kinds))
