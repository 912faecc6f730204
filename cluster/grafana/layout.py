"""The form of a Grafana dashboard: rows of panels on a grid of 24 columns, and the JSON that Grafana reads.

Owns places, ids, variables and defaults of panels. What is asked and shown is in boards.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS = 24
SCHEMA_VERSION = 41
"""Of dashboards, as Grafana 12 writes them; later ones migrate it when they load it."""
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
SCOPE = 'SessionName=~"$SessionName",ray_io_cluster=~"$Cluster"'
"""The labels by which every series is narrowed down; Ray's own dashboards have the same variables."""
Kind = Literal["timeseries", "stat", "heatmap"]


@dataclass(frozen=True)
class Query:
    """One PromQL expression, and how its series are called. ``legend`` may name labels: ``{{pool}}``."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture.

    Args:
        says: what one sees in it, and what to do where it looks wrong.
        unit: Grafana's id of a unit: s, bytes, ops, percentunit, short.
        kind: a heatmap takes one query over buckets (by ``le``).
        width, height: in columns of 24, and in rows of 30 pixels.
        warn: from which value on it is red; ``None``: never.
    """

    title: str
    says: str
    queries: Sequence[Query]
    unit: str = "short"
    kind: Kind = "timeseries"
    width: int = 8
    height: int = 8
    stacked: bool = False
    logarithmic: bool = False
    warn: float | None = None


@dataclass(frozen=True)
class Row:
    """Panels under a heading, laid from left to right and then below each other."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Board:
    """A dashboard. ``uid`` is its address in Grafana and stays as it is for good."""

    uid: str
    title: str
    says: str
    rows: Sequence[Row]
    tags: Sequence[str] = field(default=("quantum-memory",))


def as_json(board: Board) -> str:
    """The dashboard as a file of Grafana's provisioning."""
    return json.dumps(as_tree(board), indent=1, ensure_ascii=False) + "\n"


def as_tree(board: Board) -> dict[str, Any]:
    """The dashboard as Grafana's model: every panel has a number of its own and a place that no other overlaps."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in board.rows:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        panels.append(
            {
                "type": "row",
                "id": len(panels) + 1,
                "title": row.title,
                "collapsed": False,
                "gridPos": place,
                "panels": [],
            }
        )
        top += 1
        left = tallest = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                left, top, tallest = 0, top + tallest, 0
            place = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            panels.append(_panel(panel, len(panels) + 1, place))
            left, tallest = left + panel.width, max(tallest, panel.height)
        top += tallest
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.says,
        "tags": list(board.tags),
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timepicker": {},
        "timezone": "",
        "annotations": {"list": []},
        "links": [_link()],
        "templating": {"list": _variables()},
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": None if panel.logarithmic else 0}
    defaults["thresholds"] = {"mode": "absolute", "steps": [{"color": "green", "value": None}]}
    if panel.warn is not None:
        defaults["thresholds"]["steps"].append({"color": "red", "value": panel.warn})
    if panel.kind == "timeseries":
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 20 if panel.stacked else 0,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "scaleDistribution": {"type": "log", "log": 10} if panel.logarithmic else {"type": "linear"},
            "thresholdsStyle": {"mode": "off" if panel.warn is None else "line"},
        }
    return {
        "type": panel.kind,
        "id": number,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
        "targets": [_target(panel, query, index) for index, query in enumerate(panel.queries)],
    }


def _target(panel: Panel, query: Query, index: int) -> dict[str, Any]:
    now = panel.kind == "stat"
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": "{{le}}" if panel.kind == "heatmap" else query.legend,
        "format": "heatmap" if panel.kind == "heatmap" else "time_series",
        "instant": now,
        "range": not now,
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value" if panel.warn is None else "background",
            "graphMode": "none",
            "textMode": "auto",
        }
    if panel.kind == "heatmap":
        return {
            "calculate": False,
            "cellGap": 1,
            "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "scale": "exponential", "exponent": 0.5},
            "tooltip": {"mode": "single", "yHistogram": False},
            "legend": {"show": False},
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _link() -> dict[str, Any]:
    return {
        "type": "dashboards",
        "title": "Quantum memory",
        "tags": ["quantum-memory"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _variables() -> list[dict[str, Any]]:
    source = {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "current": {},
        "options": [],
        "regex": "",
    }
    return [
        source,
        _labels_of("SessionName", "Ray session", ".+"),
        _labels_of("Cluster", "Cluster", ".*", "ray_io_cluster"),
    ]


def _labels_of(name: str, title: str, everything: str, label: str | None = None) -> dict[str, Any]:
    """A variable that lists the values of a label; all of them are chosen at first."""
    query = f"label_values(ray_node_mem_total, {label or name})"
    return {
        "type": "query",
        "name": name,
        "label": title,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "Variable"},
        "allValue": everything,
        "includeAll": True,
        "multi": True,
        "refresh": 2,
        "hide": 0,
        "sort": 2,
        "current": {"text": ["All"], "value": ["$__all"]},
        "options": [],
        "regex": "",
    }
