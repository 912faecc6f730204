"""The files of a deployment as the tests read them, and the metrics that may be spoken of in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "cluster" / "deploy"
GRAFANA = ROOT / "cluster" / "grafana"
IMAGES = DEPLOY / "images"
COMPOSE = DEPLOY / "compose"
KUBERAY = DEPLOY / "kuberay"
RAY_UP = DEPLOY / "ray_up"
PROMETHEUS = DEPLOY / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
DATA = ROOT / "tests" / "data"

Tree = dict[str, Any]


def documents(path: Path) -> list[Tree]:
    """Every document of a YAML file."""
    return [tree for tree in yaml.safe_load_all(path.read_text(encoding="utf-8")) if tree is not None]


def document(path: Path) -> Tree:
    """The one document of a YAML file."""
    (tree,) = documents(path)
    return tree


def yaml_files() -> list[Path]:
    """Every YAML file of the deployment."""
    return sorted(path for folder in (DEPLOY, GRAFANA) for path in folder.rglob("*.y*ml"))


def walk(tree: object, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value in a tree, with the keys that lead to it."""
    yield where, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from walk(value, (*where, str(key)))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from walk(value, (*where, str(index)))


def constraint(package: str) -> str:
    """The version of a package that is tested."""
    found = re.search(rf"^{re.escape(package)}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert found, package
    return found[1]


@dataclass(frozen=True)
class Metric:
    """A metric as it is made; Ray puts ``ray_`` before its name."""

    kind: Literal["counter", "gauge", "histogram"]
    labels: frozenset[str]


def _metric(kind: Literal["counter", "gauge", "histogram"], *labels: str) -> Metric:
    return Metric(kind, frozenset(labels))


METRICS = {
    "quantum_memory_operations_total": _metric("counter", "operation", "outcome"),
    "quantum_memory_operation_seconds": _metric("histogram", "operation"),
    "quantum_memory_view_seconds": _metric("histogram", "view", "method"),
    "quantum_memory_batch_size": _metric("histogram", "pool"),
    "quantum_memory_cache_total": _metric("counter", "cache", "outcome"),
    "quantum_memory_mood_fidelity": _metric("histogram"),
    "quantum_memory_branches_total": _metric("counter", "how"),
    "quantum_memory_journal_events_total": _metric("counter"),
    "quantum_memory_journal_commit_seconds": _metric("histogram"),
    "quantum_memory_journal_batch": _metric("histogram"),
    "quantum_memory_journal_lag_events": _metric("gauge", "view"),
    "quantum_memory_snapshots_total": _metric("counter", "part", "outcome"),
    "quantum_memory_snapshot_bytes_total": _metric("counter"),
    "quantum_memory_resident_agents": _metric("gauge", "pool"),
    "quantum_memory_resident_bytes": _metric("gauge", "pool"),
    "quantum_memory_evictions_total": _metric("counter", "pool", "why"),
    "quantum_memory_backpressure_total": _metric("counter", "pool"),
    "quantum_memory_gpu_bytes": _metric("gauge", "pool"),
    "quantum_memory_http_requests_total": _metric("counter", "route", "method", "status"),
    "quantum_memory_http_request_seconds": _metric("histogram", "route", "method"),
}
ADDED_BY_RAY = frozenset({"SessionName", "ray_io_cluster", "instance", "job", "WorkerId", "NodeAddress"})
"""Labels that every series has by the time it is in Prometheus."""


def exported() -> dict[str, tuple[str, Metric]]:
    """Every series of quantum memory in Prometheus, with the metric that it comes of."""
    series: dict[str, tuple[str, Metric]] = {}
    for name, metric in METRICS.items():
        parts = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
        series |= {f"ray_{name}{part}": (name, metric) for part in parts}
    return series


@cache
def rays_own() -> dict[str, set[str]]:
    """Ray's own series with the labels that Ray's own dashboards ask of them, read from the installed Ray."""
    spec = find_spec("ray")
    assert spec
    assert spec.origin
    folder = Path(spec.origin).parent / "dashboard" / "modules" / "metrics" / "dashboards"
    found: dict[str, set[str]] = {}
    for path in folder.glob("*_panels.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            by = {label.strip() for labels in re.findall(r"\bby ?\(([^)]*)\)", line) for label in labels.split(",")}
            for name, conditions in re.findall(r"\b((?:ray|autoscaler)_\w+)\{\{([^}]*)", line):
                found.setdefault(name, set()).update(by, re.findall(r"(\w+) ?(?:=~|!=|=|!~)", conditions))
    assert len(found) > 50
    return found
