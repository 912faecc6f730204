"""Whether what was acknowledged is on the disk, and how far everything else is behind it."""

from __future__ import annotations

from quantum_memory.cluster.grafana.layout import Board, Panel, Query, Row
from quantum_memory.cluster.grafana.queries import buckets, mean, of, quantile, quantiles, rate, ray, share, stat

DURABILITY = Board(
    "quantum-memory-durability",
    "Quantum memory: durability",
    "Whether what was acknowledged is on the disk, and how far everything else is behind it.",
    [
        Row(
            "Now",
            [
                stat("Events", "Written to the journal in a second.", rate(of("journal_events_total")), "ops"),
                stat(
                    "Commit, 99th percentile",
                    "From the transaction's begin until the database has synced it.",
                    quantile(0.99, "journal_commit_seconds"),
                    "s",
                    warn=0.5,
                ),
                stat(
                    "Writes a commit",
                    "How many writes share a commit, on average. It grows under load.",
                    mean("journal_batch"),
                ),
                stat(
                    "Farthest behind",
                    "Acknowledged events that a view has not folded yet. It falls by itself when calls come.",
                    f"max({of('journal_lag_events')})",
                    warn=10000,
                ),
                stat(
                    "Snapshots lost",
                    "Not written, or found damaged, in the last day. Nothing is lost with them but time.",
                    f"sum(increase({of('snapshots_total', outcome='~failed|damaged')}[1d])) or vector(0)",
                    warn=1.0,
                ),
                stat(
                    "Operations that failed",
                    "In the last hour.",
                    f"sum(increase({of('operations_total', outcome='failed')}[1h])) or vector(0)",
                    warn=1.0,
                ),
            ],
        ),
        Row(
            "Journal",
            [
                Panel("Events", "Written in a second.", [Query(rate(of("journal_events_total")), "events")], "ops"),
                Panel(
                    "Commit",
                    "Median and tails. A slow disk shows here first.",
                    quantiles("journal_commit_seconds"),
                    "s",
                ),
                Panel(
                    "Commit, all of it",
                    "Commits by how long they took.",
                    buckets("journal_commit_seconds"),
                    "s",
                    "heatmap",
                ),
                Panel(
                    "Writes a commit", "Median and tails of how many writes share a commit.", quantiles("journal_batch")
                ),
                Panel("Commits", "In a second.", [Query(rate(of("journal_commit_seconds_count")), "commits")], "ops"),
                Panel(
                    "Failed and late",
                    "Calls that did not end well, by operation.",
                    [
                        Query(
                            rate(of("operations_total", outcome="~failed|late"), "operation, outcome"),
                            "{{operation}}: {{outcome}}",
                        )
                    ],
                    "ops",
                ),
            ],
        ),
        Row(
            "Views and snapshots",
            [
                Panel(
                    "Behind the journal",
                    "Acknowledged events that a view has not folded yet, the farthest of each.",
                    [Query(f"max by (view) ({of('journal_lag_events')})", "{{view}}")],
                    warn=10000,
                ),
                Panel(
                    "Snapshots",
                    "Views written down, or not; found again, or passed over as damaged. In a second.",
                    [Query(rate(of("snapshots_total"), "part, outcome"), "{{part}}: {{outcome}}")],
                    "ops",
                ),
                Panel(
                    "Snapshots' bytes",
                    "Written in a second.",
                    [Query(rate(of("snapshot_bytes_total")), "bytes")],
                    "Bps",
                ),
                Panel(
                    "Evictions",
                    "Agents that were let go: their next call reads snapshots and the journal.",
                    [Query(rate(of("evictions_total"), "why"), "{{why}}")],
                    "ops",
                ),
                Panel(
                    "Found ready, by cache",
                    "Of states and mapped files: what misses is read from storage.",
                    [Query(share("cache_total", "cache", {"cache": "~states|files"}, outcome="hit"), "{{cache}}")],
                    "percentunit",
                ),
                Panel(
                    "Actors that start again",
                    "Each restart replays what its snapshot does not hold.",
                    [Query(f"sum by (Name) ({ray('actors', State='RESTARTING', Source='gcs')})", "{{Name}}")],
                ),
            ],
        ),
        Row(
            "Disks",
            [
                Panel(
                    "Free",
                    "By machine. A vault whose disk is full takes no writes, and says so.",
                    [Query(f"min by (instance) ({ray('node_disk_free')})", "{{instance}}")],
                    "bytes",
                    width=12,
                ),
                Panel(
                    "Written",
                    "Bytes in a second, by machine.",
                    [Query(f"max by (instance) ({ray('node_disk_io_write_speed')})", "{{instance}}")],
                    "Bps",
                    width=12,
                ),
            ],
        ),
    ],
)
