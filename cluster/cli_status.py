"""What ``qmem status`` draws: a line for each actor, then the vault, then all that the actors count. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from quantum_memory.cluster import cli_tables as tables

Statuses = Mapping[str, Sequence[Mapping[str, int]]]
VIEWS = ("episodic", "graph", "quantum")
OWN = ("pid", "resident_bytes", "gpu_bytes", "gpu_free_bytes", "gpu_total_bytes")
MIB = 1 << 20


def status_tables(vault: Mapping[str, Any], actors: Statuses) -> RenderableType:
    """What the vault and every actor say of themselves."""
    return Group(_pools(actors), _vault(vault), _counts(actors))


def lag_of(pool: str, actors: Statuses) -> int | None:
    """Acknowledged events that the views of a pool were not heard to have folded; ``None`` for a pool without views.

    Orchestrators know it. Where views live inside them, it is theirs.
    """
    told = [each.get(f"{view}_lag", 0) for each in actors.get("agents", ()) for view in VIEWS if view == pool]
    if pool == "agents" and not any(view in actors for view in VIEWS):
        told = [each.get(f"{view}_lag", 0) for each in actors["agents"] for view in VIEWS]
    return sum(told) if told else None


def _pools(actors: Statuses) -> Table:
    from quantum_memory.actors.directory import actor_name  # with Ray, which a mere --help can do without

    table = Table("actor", "process", "memory", "agents", "states", "lag", title="pools", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for pool, members in actors.items():
        lag = lag_of(pool, actors)
        for number, told in enumerate(members):
            held = told.get("agents", told.get("branches"))
            states = told.get("states", _summed(told, "_states"))
            table.add_row(
                actor_name(pool, number),
                str(told["pid"]),
                f"{told['resident_bytes'] / MIB:,.0f} MiB",
                "" if held is None else f"{held:,}",
                "" if states is None else f"{states:,}",
                "" if lag is None or number else f"{lag:,}",
            )
    return table


def _summed(told: Mapping[str, int], ending: str) -> int | None:
    found = [value for name, value in told.items() if name.endswith(ending)]
    return sum(found) if found else None


def _vault(told: Mapping[str, Any]) -> Table:
    table = Table("what", "", show_header=False, title="vault", title_justify="left")
    for name, value in told.items():
        table.add_row(name.replace("_", " "), tables.words("none" if value is None else str(value)))
    return table


def _counts(actors: Statuses) -> Table:
    """The rest, each number of a pool's members together."""
    table = Table("what", "", show_header=False, title="counts", title_justify="left")
    for pool, each in actors.items():
        for name in [name for name in each[0] if name not in OWN]:
            table.add_row(f"{pool}: {name.replace('_', ' ')}", f"{sum(one[name] for one in each):,}")
    return table
