"""What dashboards ask of Prometheus: PromQL over the metrics of quantum memory and Ray's own.

Owns how a question is put. Metrics are named as Ray exports them, with ``ray_`` before the name; every series is
narrowed down to the sessions and clusters that are chosen in the dashboard. A condition on a label is a keyword:
``outcome="failed"`` is equal, ``outcome="!ok"`` unequal, ``outcome="~failed|late"`` a regular expression.
"""

from __future__ import annotations

from collections.abc import Mapping

from quantum_memory.cluster.grafana.layout import SCOPE, Panel, Query

WINDOW = "$__rate_interval"


def of(metric: str, **conditions: str) -> str:
    """A series of quantum memory, named without its prefix."""
    return ray(f"quantum_memory_{metric}", **conditions)


def ray(metric: str, **conditions: str) -> str:
    """One of Ray's own series, named without its prefix."""
    wanted = [_condition(label, value) for label, value in conditions.items()]
    return f"ray_{metric}{{{','.join((*wanted, SCOPE))}}}"


def _condition(label: str, value: str) -> str:
    operator = {"!": "!=", "~": "=~"}.get(value[:1], "=")
    return f'{label}{operator}"{value.lstrip("!~")}"'


def rate(series: str, by: str = "") -> str:
    """Events a second, summed over all labels but those in ``by``."""
    return f"sum{_by(by)} (rate({series}[{WINDOW}]))"


def quantile(part: float, histogram: str, by: str = "", **conditions: str) -> str:
    """The value under which a part of what was observed lies, estimated within its bucket."""
    labels = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({part}, {rate(of(f'{histogram}_bucket', **conditions), labels)})"


def quantiles(histogram: str, **conditions: str) -> list[Query]:
    """Median, 95th and 99th percentile."""
    return [Query(quantile(part, histogram, **conditions), f"p{part * 100:.0f}") for part in (0.5, 0.95, 0.99)]


def buckets(histogram: str, **conditions: str) -> list[Query]:
    """Observations by bucket, for a heatmap."""
    return [Query(f"sum by (le) (increase({of(f'{histogram}_bucket', **conditions)}[{WINDOW}]))")]


def mean(histogram: str, by: str = "") -> str:
    """What was observed, on average."""
    return f"{rate(of(f'{histogram}_sum'), by)} / {rate(of(f'{histogram}_count'), by)}"


def share(counter: str, by: str = "", among: Mapping[str, str] | None = None, **conditions: str) -> str:
    """The part of a counter's events, or of those ``among`` them, for which the conditions hold, 0 to 1."""
    everything = dict(among or {})
    return f"{rate(of(counter, **everything, **conditions), by)} / {rate(of(counter, **everything), by)}"


def _by(labels: str) -> str:
    return f" by ({labels})" if labels else ""


def stat(title: str, says: str, expr: str, unit: str = "short", warn: float | None = None) -> Panel:
    """One number of now; six of them fill a line."""
    return Panel(title, says, [Query(expr)], unit, "stat", width=4, height=4, warn=warn)
