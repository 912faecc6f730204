"""Alert rules and dashboards: PromQL over metrics and labels that are there, and panels that Grafana can lay out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.cluster.grafana.__main__ import main
from quantum_memory.cluster.grafana.boards import BOARDS
from quantum_memory.cluster.grafana.layout import COLUMNS, Board, Panel, Query, Row, as_json, as_tree
from quantum_memory.telemetry import catalog
from tests.unit.deployed import (
    ADDED_BY_RAY,
    DASHBOARDS,
    DATA,
    METRICS,
    PROMETHEUS,
    RULES,
    Tree,
    document,
    exported,
    rays_own,
    walk,
)

PROMTOOL = shutil.which("promtool")
UNITS = {"short", "ops", "s", "bytes", "Bps", "percentunit", "sci"}
"""Grafana's ids of units that are used; a wrong one would be shown as text."""
OUTCOMES = {
    "quantum_memory_operations_total": {"ok", "refused", "failed", "late"},
    "quantum_memory_cache_total": {"hit", "miss"},
    "quantum_memory_snapshots_total": {"written", "failed", "loaded", "damaged"},
}
POOLS = {"agents", "emotion", "quantum", "episodic", "graph", "vault"}
BY_LABEL = {
    "why": {"idle", "memory"},
    "how": {"fork", "clone", "checkpoint", "rollback", "merge"},
    "cache": {"percepts", "states", "readings", "files"},
    "pool": POOLS,
    "view": POOLS - {"agents"},
}
"""What labels say: outcomes by metric, the others wherever they are."""


# PromQL


def parsed(expr: str) -> Any:
    """The expression as a tree; Grafana's own interval stands for five minutes."""
    return promql.parse(expr.replace("$__rate_interval", "5m"))


def selectors(expr: str) -> list[Any]:
    """Every series that an expression asks for."""
    found: list[Any] = []

    def look(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        elif isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector)

    promql.walk(parsed(expr), look)
    return list({str(node): node for node in found}.values())


def grouped(expr: str) -> set[str]:
    """Every label that an expression sums or joins by."""
    found: set[str] = set()

    def look(node: Any) -> None:
        if isinstance(node, promql.AggregateExpr) and node.modifier:
            found.update(node.modifier.labels)
        if isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
            found.update(node.modifier.matching.labels)

    promql.walk(parsed(expr), look)
    return found


def troubles(expr: str) -> list[str]:
    """What is wrong with an expression: metrics, labels or values that nobody exports."""
    wrong: list[str] = []
    own, ours = rays_own(), exported()
    labels: set[str] = {"le"} if "_bucket" in expr else set()
    for node in selectors(expr):
        name = node.name
        asked = {matcher.name: matcher for matcher in node.matchers.matchers}
        if name in ours:
            metric, described = ours[name]
            there = set(described.labels) | ({"le"} if name.endswith("_bucket") else set())
            wrong += [f"{name} has no label {label}" for label in asked if label not in there | ADDED_BY_RAY]
            for label, matcher in asked.items():
                known = OUTCOMES.get(metric) if label == "outcome" else BY_LABEL.get(label)
                if known is not None:
                    wrong += [
                        f"{name}: {label} is never {value}" for value in matcher.value.split("|") if value not in known
                    ]
        elif name in own or name == "up":
            there = own.get(name, set())
            wrong += [f"{name} has no label {label}" for label in asked if label not in there | ADDED_BY_RAY]
        else:
            wrong.append(f"nobody exports {name}")
            there = set()
        labels |= there
    return wrong + [f"nothing has a label {label}" for label in grouped(expr) if label not in labels | ADDED_BY_RAY]


@pytest.mark.parametrize(
    ("expr", "trouble"),
    [
        ("sum(rate(ray_quantum_memory_operation_total[5m]))", "nobody exports ray_quantum_memory_operation_total"),
        ("quantum_memory_gpu_bytes", "nobody exports quantum_memory_gpu_bytes"),
        ("ray_quantum_memory_view_seconds", "nobody exports ray_quantum_memory_view_seconds"),
        ('ray_quantum_memory_gpu_bytes{agent="a"}', "ray_quantum_memory_gpu_bytes has no label agent"),
        ("sum by (agent) (ray_quantum_memory_gpu_bytes)", "nothing has a label agent"),
        ('ray_quantum_memory_cache_total{outcome="hits"}', "ray_quantum_memory_cache_total: outcome is never hits"),
        ("ray_node_mem_free", "nobody exports ray_node_mem_free"),
    ],
)
def test_a_wrong_name_is_noticed(expr: str, trouble: str) -> None:
    assert troubles(expr) == [trouble]


def test_the_metrics_are_those_of_the_package() -> None:
    assert {metric.name: (metric.kind, frozenset(metric.labels)) for metric in catalog.METRICS} == {
        name: (metric.kind, metric.labels) for name, metric in METRICS.items()
    }


# Alerts


def alerts() -> list[Tree]:
    return [rule for path in RULES for group in document(path)["groups"] for rule in group["rules"]]


def test_rules_have_the_form_that_prometheus_reads() -> None:
    for path in RULES:
        tree = document(path)
        assert set(tree) == {"groups"}
        names = [group["name"] for group in tree["groups"]]
        assert len(set(names)) == len(names)
        for group in tree["groups"]:
            assert set(group) == {"name", "rules"}
            for rule in group["rules"]:
                assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {
                    "alert", "expr", "for", "labels", "annotations",
                }  # fmt: skip
                assert re.fullmatch(r"[A-Z]\w+", rule["alert"])
                assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
                assert rule["labels"]["severity"] in {"warning", "critical"}
                assert set(rule["annotations"]) == {"summary", "description"}
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_a_rule_asks_for_what_is_there(rule: Tree) -> None:
    assert troubles(rule["expr"]) == []
    named = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert named <= grouped(rule["expr"]) | ({"instance"} if "up{" in rule["expr"] else set()), "a label that is gone"


def test_every_alert_is_tried() -> None:
    tried = {case["alertname"] for test in document(DATA / "alert_rules_test.yml")["tests"]
             for case in test["alert_rule_test"] if case.get("exp_alerts")}  # fmt: skip
    assert tried == {rule["alert"] for rule in alerts()}


def promtool(*arguments: str | Path) -> None:
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")


@needs_promtool
def test_promtool_accepts_the_rules_and_they_do_what_they_should() -> None:
    promtool("check", "rules", *RULES)
    promtool("test", "rules", DATA / "alert_rules_test.yml")


@needs_promtool
def test_promtool_accepts_the_configuration(tmp_path: Path) -> None:
    text = (PROMETHEUS / "prometheus.yml").read_text()
    moved = tmp_path / "prometheus.yml"
    moved.write_text(text.replace("/etc/prometheus/rules", str(PROMETHEUS / "rules")))
    promtool("check", "config", moved)


@needs_promtool
def test_promtool_accepts_what_dashboards_ask(tmp_path: Path) -> None:
    exprs = [expr.replace("$__rate_interval", "5m") for board in boards().values() for _, expr in asked(board)]
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    path = tmp_path / "asked.yml"
    path.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}))
    promtool("check", "rules", path)


# Dashboards


def boards() -> dict[str, Tree]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS}


def asked(board: Tree) -> Iterator[tuple[Tree, str]]:
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel, target["expr"]


def test_the_files_are_what_is_written(tmp_path: Path) -> None:
    main([str(tmp_path)])
    made = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}, (
        "write them anew: python -m quantum_memory.cluster.grafana"
    )
    assert set(boards()) == {"system", "operations", "mood", "durability"}


def test_dashboards_have_addresses_of_their_own() -> None:
    trees = list(boards().values())
    assert len({tree["uid"] for tree in trees}) == len({tree["title"] for tree in trees}) == len(trees)
    for tree in trees:
        assert re.fullmatch(r"[a-z-]{1,40}", tree["uid"]), "Grafana allows 40 characters"
        assert "id" not in tree
        assert "quantum-memory" in tree["tags"]


def overlap(panels: list[Tree]) -> list[tuple[str, str]]:
    """Panels that share a cell of the grid."""
    cells: dict[tuple[int, int], str] = {}
    found = []
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= COLUMNS
        assert min(place.values()) >= 0
        assert place["w"]
        assert place["h"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in cells:
                    found.append((cells[x, y], panel["title"]))
                cells[x, y] = panel["title"]
    return found


@pytest.mark.parametrize("name", sorted(boards()))
def test_panels_have_numbers_places_and_sources(name: str) -> None:
    board = boards()[name]
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert overlap(board["panels"]) == []
    shown = [panel for panel in board["panels"] if panel["type"] != "row"]
    titles = [(panel["type"], panel["title"]) for panel in shown]
    assert len(set(titles)) == len(titles)
    for panel in shown:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(set(references)) == len(references)
        if panel["type"] == "heatmap":
            (target,) = panel["targets"]
            assert target["format"] == "heatmap"
            assert "_bucket" in target["expr"]
    sources = [value for where, value in walk(board["panels"]) if where and where[-1] == "datasource"]
    assert sources
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    used = set(re.findall(r"\$(\w+)", " ".join(expr for _, expr in asked(board)))) - {"__rate_interval"}
    assert used == set(variables) - {"datasource"}


@pytest.mark.parametrize("name", sorted(boards()))
def test_a_dashboard_asks_for_what_is_there(name: str) -> None:
    for panel, expr in asked(boards()[name]):
        assert troubles(expr) == [], panel["title"]
        for node in selectors(expr):
            scope = {matcher.name: str(matcher.value) for matcher in node.matchers.matchers}
            assert scope["SessionName"] == "$SessionName", "a series of another cluster would be counted in"
            assert scope["ray_io_cluster"] == "$Cluster"
    for panel in boards()[name]["panels"]:
        for target in panel.get("targets", ()):
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert named <= grouped(target["expr"]) | {"le"}, panel["title"]


def test_every_metric_is_shown_and_counters_as_rates() -> None:
    shown = set()
    for board in boards().values():
        for panel, expr in asked(board):
            for node in selectors(expr):
                if node.name in exported():
                    shown.add(exported()[node.name][0])
                    if exported()[node.name][1].kind != "gauge":
                        assert re.search(rf"\b(rate|increase)\({node.name}", expr), panel["title"]
    assert shown == set(METRICS)


def test_ray_itself_is_seen_on_the_board_of_the_system() -> None:
    seen = {node.name for _, expr in asked(boards()["system"]) for node in selectors(expr)}
    assert len(seen & set(rays_own())) >= 10


PANELS = st.builds(
    Panel,
    title=st.uuids().map(str),
    says=st.just("."),
    queries=st.just([Query("up")]),
    width=st.integers(1, COLUMNS),
    height=st.integers(1, 12),
)


@given(st.lists(st.lists(PANELS, max_size=12), max_size=5))
def test_any_panels_are_laid_without_overlap_in_the_order_given(rows: list[list[Panel]]) -> None:
    tree = as_tree(Board("b", "b", "b", [Row(str(index), panels) for index, panels in enumerate(rows)]))
    assert overlap(tree["panels"]) == []
    assert [panel["title"] for panel in tree["panels"] if panel["type"] != "row"] == [
        panel.title for panels in rows for panel in panels
    ]
    places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in tree["panels"]]
    assert places == sorted(places)


def test_a_dashboard_is_the_same_whenever_it_is_written() -> None:
    for board in BOARDS.values():
        assert as_json(board) == as_json(board)
        assert json.loads(as_json(board)) == as_tree(board)
