"""What is asked of the memory, how long it takes and what comes of it."""

from __future__ import annotations

from quantum_memory.cluster.grafana.layout import Board, Panel, Query, Row
from quantum_memory.cluster.grafana.queries import buckets, of, quantile, quantiles, rate, share, stat

OPERATIONS = Board(
    "quantum-memory-operations",
    "Quantum memory: operations",
    "What is asked of the memory, how long it takes and what comes of it.",
    [
        Row(
            "Now",
            [
                stat(
                    "Operations",
                    "Calls answered in a second, whatever came of them.",
                    rate(of("operations_total")),
                    "ops",
                ),
                stat(
                    "Recall, 95th percentile",
                    "Of the orchestrator's time for a recall.",
                    quantile(0.95, "operation_seconds", operation="recall"),
                    "s",
                    warn=0.5,
                ),
                stat(
                    "Remember, 95th percentile",
                    "Of the orchestrator's time for a remember, the journal's commit in it.",
                    quantile(0.95, "operation_seconds", operation="remember"),
                    "s",
                    warn=1.0,
                ),
                stat(
                    "Failed",
                    "Share of calls that failed here: not the caller's fault.",
                    share("operations_total", outcome="failed"),
                    "percentunit",
                    warn=0.01,
                ),
                stat(
                    "Late",
                    "Share of calls that were beyond their deadline, or that nobody waited for any more.",
                    share("operations_total", outcome="late"),
                    "percentunit",
                    warn=0.05,
                ),
                stat(
                    "Found ready",
                    "Share of look-ups in caches that found what they wanted.",
                    share("cache_total", outcome="hit"),
                    "percentunit",
                ),
            ],
        ),
        Row(
            "Calls",
            [
                Panel(
                    "By operation",
                    "Calls answered in a second.",
                    [Query(rate(of("operations_total"), "operation"), "{{operation}}")],
                    "ops",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "By outcome",
                    "refused: the caller's arguments. failed: ours. late: beyond the deadline.",
                    [Query(rate(of("operations_total"), "outcome"), "{{outcome}}")],
                    "ops",
                    width=12,
                ),
                Panel(
                    "Not ok, by operation",
                    "Share of each operation's calls that did not end well.",
                    [
                        Query(
                            f"{rate(of('operations_total', outcome='!ok'), 'operation, outcome')} / ignoring (outcome) "
                            f"group_left () {rate(of('operations_total'), 'operation')}",
                            "{{operation}}: {{outcome}}",
                        )
                    ],
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Turned away",
                    "Calls refused with Busy, by pool. They say when to come again.",
                    [Query(rate(of("backpressure_total"), "pool"), "{{pool}}")],
                    "ops",
                    width=12,
                ),
            ],
        ),
        Row(
            "How long they take",
            [
                Panel(
                    "95th percentile by operation",
                    "As the orchestrator sees it: from the call to the answer.",
                    [Query(quantile(0.95, "operation_seconds", by="operation"), "{{operation}}")],
                    "s",
                    width=12,
                    logarithmic=True,
                ),
                Panel("Recall", "Median and tails.", quantiles("operation_seconds", operation="recall"), "s", width=12),
                Panel(
                    "Recall, all of it",
                    "Calls by how long they took.",
                    buckets("operation_seconds", operation="recall"),
                    "s",
                    "heatmap",
                    width=12,
                ),
                Panel(
                    "Remember, all of it",
                    "Calls by how long they took.",
                    buckets("operation_seconds", operation="remember"),
                    "s",
                    "heatmap",
                    width=12,
                ),
            ],
        ),
        Row(
            "Parts",
            [
                Panel(
                    "95th percentile by view and method",
                    "Time within the part alone: no queue, no hop.",
                    [Query(quantile(0.95, "view_seconds", by="view, method"), "{{view}}.{{method}}")],
                    "s",
                    width=12,
                    logarithmic=True,
                ),
                Panel(
                    "Time spent by view",
                    "Seconds of work in a second: a view at 1 fills an actor.",
                    [Query(rate(of("view_seconds_sum"), "view"), "{{view}}")],
                    "short",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Calls by view and method",
                    "Calls of the parts in a second.",
                    [Query(rate(of("view_seconds_count"), "view, method"), "{{view}}.{{method}}")],
                    "ops",
                    width=12,
                ),
                Panel(
                    "Requests in one go",
                    "95th percentile by pool: one where nothing is batched.",
                    [Query(quantile(0.95, "batch_size", by="pool"), "{{pool}}")],
                    width=12,
                ),
                Panel(
                    "Found ready, by cache",
                    "Share of look-ups that hit. A cache that falls is too small for who calls.",
                    [Query(share("cache_total", by="cache", outcome="hit"), "{{cache}}")],
                    "percentunit",
                    width=12,
                ),
                Panel(
                    "Look-ups by cache",
                    "How often each cache is asked, and what comes of it.",
                    [Query(rate(of("cache_total"), "cache, outcome"), "{{cache}}: {{outcome}}")],
                    "ops",
                    width=12,
                ),
            ],
        ),
        Row(
            "Through the door",
            [
                Panel(
                    "Requests by route",
                    "Requests answered in a second, by the template of their route.",
                    [Query(rate(of("http_requests_total"), "route, method"), "{{method}} {{route}}")],
                    "ops",
                    stacked=True,
                    width=12,
                ),
                Panel(
                    "Requests by status",
                    "429: over a rate. 503: a part is away, or too much waits. 499: the caller was gone.",
                    [Query(rate(of("http_requests_total"), "status"), "{{status}}")],
                    "ops",
                    width=12,
                ),
                Panel(
                    "95th percentile by route",
                    "From a request to the last part of its answer.",
                    [Query(quantile(0.95, "http_request_seconds", by="route, method"), "{{method}} {{route}}")],
                    "s",
                    width=12,
                    logarithmic=True,
                ),
                Panel("All requests", "Median and tails.", quantiles("http_request_seconds"), "s", width=12),
            ],
        ),
    ],
)
