"""How true the moods are to what was felt, what they cost, and how agents branch."""

from __future__ import annotations

from quantum_memory.cluster.grafana.layout import Board, Panel, Query, Row
from quantum_memory.cluster.grafana.queries import buckets, of, quantile, quantiles, rate, share, stat

MOOD = Board(
    "quantum-memory-mood",
    "Quantum memory: mood and quantum",
    "How true the moods are to what was felt, what they cost, and how agents branch.",
    [
        Row(
            "Now",
            [
                stat(
                    "Infidelity, 99th percentile",
                    "1 - F of a mood: what all its compressions have cost; that of one is bound by mood.min_fidelity.",
                    quantile(0.99, "mood_fidelity"),
                    "sci",
                    warn=1e-4,
                ),
                stat(
                    "Moods written down", "Compressions measured in a second.", rate(of("mood_fidelity_count")), "ops"
                ),
                stat(
                    "Moods held",
                    "Branches of agents whose mood the quantum pool holds.",
                    f"sum({of('resident_agents', pool='quantum')})",
                ),
                stat(
                    "Memory of moods",
                    "Resident memory of the quantum pool's processes.",
                    f"sum({of('resident_bytes', pool='quantum')})",
                    "bytes",
                ),
                stat(
                    "On GPUs",
                    "What the quantum and emotion pools hold there.",
                    f"sum({of('gpu_bytes', pool='~quantum|emotion')})",
                    "bytes",
                ),
                stat(
                    "Branches",
                    "Forks, clones, checkpoints, rollbacks and merges in a second.",
                    rate(of("branches_total")),
                    "ops",
                ),
            ],
        ),
        Row(
            "Truth",
            [
                Panel(
                    "Infidelity",
                    "1 - F: what compression has cost a mood so far. It rises where max_bond is too small.",
                    quantiles("mood_fidelity"),
                    "sci",
                    width=12,
                    logarithmic=True,
                    warn=1e-4,
                ),
                Panel(
                    "Infidelity, all of it",
                    "Moods by how far they are from the exact state.",
                    buckets("mood_fidelity"),
                    "sci",
                    "heatmap",
                    width=12,
                ),
            ],
        ),
        Row(
            "Cost",
            [
                Panel(
                    "Mood, 95th percentile by method",
                    "Time within the parts that read feelings and keep moods.",
                    [
                        Query(
                            quantile(0.95, "view_seconds", view="~quantum|emotion", by="view, method"),
                            "{{view}}.{{method}}",
                        )
                    ],
                    "s",
                    logarithmic=True,
                ),
                Panel(
                    "Texts in one forward pass",
                    "Of the emotion pool: small batches leave a GPU idle.",
                    buckets("batch_size", pool="emotion"),
                    "short",
                    "heatmap",
                ),
                Panel(
                    "Moods evicted",
                    "Let go and folded again when they are asked for. memory: raise mood.resident_mb.",
                    [Query(rate(of("evictions_total", pool="quantum"), "why"), "{{why}}")],
                    "ops",
                ),
                Panel(
                    "Memory of moods",
                    "Resident memory of the processes that read feelings and keep moods, by pool.",
                    [Query(f"sum by (pool) ({of('resident_bytes', pool='~quantum|emotion')})", "{{pool}}")],
                    "bytes",
                    stacked=True,
                ),
                Panel(
                    "GPU memory",
                    "By pool; the limit of one actor is mood.gpu_memory_limit_mb.",
                    [Query(f"sum by (pool) ({of('gpu_bytes')})", "{{pool}}")],
                    "bytes",
                    stacked=True,
                ),
                Panel(
                    "Feelings found ready",
                    "Share of look-ups that hit, of texts (percepts) and of moods (readings).",
                    [Query(share("cache_total", "cache", {"cache": "~percepts|readings"}, outcome="hit"), "{{cache}}")],
                    "percentunit",
                ),
            ],
        ),
        Row(
            "Branches",
            [
                Panel(
                    "Made, by kind",
                    "What agents do with their histories, in a second.",
                    [Query(rate(of("branches_total"), "how"), "{{how}}")],
                    "ops",
                    stacked=True,
                    width=24,
                ),
            ],
        ),
    ],
)
