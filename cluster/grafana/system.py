"""Pools, memory and machines: whether there is room, and who is in the way."""

from __future__ import annotations

from quantum_memory.cluster.grafana.layout import Board, Panel, Query, Row
from quantum_memory.cluster.grafana.queries import mean, of, rate, ray, stat

SYSTEM = Board(
    "quantum-memory-system",
    "Quantum memory: system",
    "Pools, memory and machines: whether there is room, and who is in the way.",
    [
        Row(
            "Now",
            [
                stat(
                    "Agents awake",
                    "Branches of agents that orchestrators hold; the others wake on their next call.",
                    f"sum({of('resident_agents', pool='agents')})",
                ),
                stat(
                    "Held in memory",
                    "Resident memory of the processes of all pools.",
                    f"sum({of('resident_bytes')})",
                    "bytes",
                ),
                stat(
                    "Operations",
                    "Calls answered in a second, whatever came of them.",
                    rate(of("operations_total")),
                    "ops",
                ),
                stat(
                    "Turned away",
                    "Calls refused with Busy in a second. More than now and then: make the pool larger.",
                    rate(of("backpressure_total")),
                    "ops",
                    warn=1.0,
                ),
                stat(
                    "Fullest machine",
                    "Share of memory in use on the fullest machine. From 0.9 on agents are evicted early.",
                    f"max({ray('node_mem_used')} / {ray('node_mem_total')})",
                    "percentunit",
                    warn=0.9,
                ),
                stat(
                    "Killed for memory",
                    "Workers that Ray killed in the last hour because a machine ran out of memory.",
                    f"sum(increase({ray('memory_manager_worker_eviction_total')}[1h])) or vector(0)",
                    warn=1.0,
                ),
            ],
        ),
        Row(
            "Pools",
            [
                Panel(
                    "Agents awake by pool",
                    "Branches of which each pool holds something. It falls when idle agents are evicted.",
                    [Query(f"sum by (pool) ({of('resident_agents')})", "{{pool}}")],
                    stacked=True,
                ),
                Panel(
                    "Memory by pool",
                    "Resident memory of each pool's processes, what they share with others included.",
                    [Query(f"sum by (pool) ({of('resident_bytes')})", "{{pool}}")],
                    "bytes",
                    stacked=True,
                ),
                Panel(
                    "Evictions",
                    "idle is housekeeping. memory means that the pool is too small for those who call.",
                    [Query(rate(of("evictions_total"), "pool, why"), "{{pool}}: {{why}}")],
                    "ops",
                ),
                Panel(
                    "Turned away",
                    "Calls refused with Busy. A pool that is alone in this is the bottleneck.",
                    [Query(rate(of("backpressure_total"), "pool"), "{{pool}}")],
                    "ops",
                ),
                Panel(
                    "Requests in one go",
                    "How many requests a call or a forward pass answers, on average. It grows under load.",
                    [Query(mean("batch_size", "pool"), "{{pool}}")],
                ),
                Panel(
                    "GPU memory by pool",
                    "What the pools hold on GPUs. Ray puts no wall between actors on one GPU.",
                    [Query(f"sum by (pool) ({of('gpu_bytes')})", "{{pool}}")],
                    "bytes",
                    stacked=True,
                ),
            ],
        ),
        Row(
            "Machines",
            [
                Panel(
                    "CPU",
                    "Share in use, by machine.",
                    [Query(f"max by (instance) ({ray('node_cpu_utilization')}) / 100", "{{instance}}")],
                    "percentunit",
                ),
                Panel(
                    "Memory",
                    "Share in use, by machine. Agents are evicted early from 0.9 on.",
                    [Query(f"max by (instance) ({ray('node_mem_used')} / {ray('node_mem_total')})", "{{instance}}")],
                    "percentunit",
                    warn=0.9,
                ),
                Panel(
                    "Disk",
                    "Share in use, by machine. A vault whose disk is full takes no writes.",
                    [
                        Query(
                            f"max by (instance) ({ray('node_disk_usage')} / ({ray('node_disk_usage')} + "
                            f"{ray('node_disk_free')}))",
                            "{{instance}}",
                        )
                    ],
                    "percentunit",
                    warn=0.9,
                ),
                Panel(
                    "Actors by state",
                    "RESTARTING for longer than seconds: look into the actor's log.",
                    [Query(f"sum by (State) ({ray('actors', Source='gcs')})", "{{State}}")],
                ),
                Panel(
                    "Processes that died",
                    "Workers that went unexpectedly, and those that Ray killed for memory.",
                    [
                        Query(
                            f"sum by (Type) (increase({ray('node_manager_unexpected_worker_failure_total')}[5m]))",
                            "died: {{Type}}",
                        ),
                        Query(f"sum(increase({ray('memory_manager_worker_eviction_total')}[5m]))", "killed for memory"),
                    ],
                ),
                Panel(
                    "Processes' memory",
                    "Resident size by kind of process, as the machine counts it.",
                    [Query(f"sum by (Component) ({ray('component_rss_bytes')})", "{{Component}}")],
                    "bytes",
                ),
                Panel(
                    "GPU",
                    "Share in use, by machine and GPU.",
                    [
                        Query(
                            f"max by (instance, GpuIndex) ({ray('node_gpus_utilization')}) / 100",
                            "{{instance}} {{GpuIndex}}",
                        )
                    ],
                    "percentunit",
                ),
                Panel(
                    "GPU memory",
                    "Share in use, by machine and GPU.",
                    [
                        Query(
                            f"max by (instance, GpuIndex) ({ray('node_gram_used')} / ({ray('node_gram_used')} + "
                            f"{ray('node_gram_available')}))",
                            "{{instance}} {{GpuIndex}}",
                        )
                    ],
                    "percentunit",
                    warn=0.95,
                ),
                Panel(
                    "Object store",
                    "What Ray's shared memory holds, by place.",
                    [Query(f"sum by (Location) ({ray('object_store_memory')})", "{{Location}}")],
                    "bytes",
                    stacked=True,
                ),
            ],
        ),
    ],
)
