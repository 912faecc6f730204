"""Placement groups: room for the members of one number in every pool, on one node or on several, all or none.

Lineages are hashed alike in every pool, so where pools are of one size the members of one number work for the same
agents. Owns the groups' names, by which any driver finds them. The vault is in none: it stays where its folder is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

import ray
from ray._raylet import PlacementGroupID
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from quantum_memory.errors import NoRoom
from quantum_memory.settings import PoolSettings, Settings

logger = logging.getLogger(__name__)
PREFIX = "quantum_memory"
OVER = "REMOVED"
POLL_S = 0.05


class Groups:
    """The placement groups of one cluster.

    Args:
        settings: the cluster's.
        namespace: of its actors.
        detached: whether they outlive this driver.
    """

    def __init__(self, settings: Settings, namespace: str, detached: bool) -> None:
        self._settings, self._namespace, self._detached = settings, namespace, detached
        self._made: list[PlacementGroup] = []

    def reserve(self, number: int, sizes: Mapping[str, int]) -> None:
        """Have room for the members of a number, if the settings ask for that and there is none yet.

        Raises: NoRoom if it cannot be had in time.
        """
        wanted = self._settings.placement_groups
        if wanted == "off" or number in found(self._namespace):
            return
        bundles = {name: bundle for name in sorted(sizes) if sizes[name] > number and (bundle := self._bundle(name))}
        if not bundles:
            return
        name = f"{PREFIX}:{self._namespace}:{number}:{','.join(bundles)}"
        lifetime = "detached" if self._detached else None
        made = placement_group(list(bundles.values()), wanted.upper(), name, lifetime)
        self._made.append(made)
        seconds = self._settings.timeouts.connect_s
        if not made.wait(seconds):
            remove_placement_group(made)
            shares = ", ".join(f"{pool}: {shown(bundle)}" for pool, bundle in bundles.items())
            raise NoRoom(f"the placement group of members {number}", f"{wanted} of {shares}", seconds)

    def place(self, pool: str, number: int) -> PlacementGroupSchedulingStrategy | None:
        """Where a member belongs; ``None`` for anywhere, also for one that came when its group was full."""
        if self._settings.placement_groups == "off":
            return None
        group, pools = found(self._namespace).get(number, (None, ()))
        if group is None or pool not in pools:
            return None
        return PlacementGroupSchedulingStrategy(group, pools.index(pool))

    def undo(self) -> None:
        """Remove the groups that were made here."""
        for group in self._made:
            remove_placement_group(group)

    def _bundle(self, pool: str) -> dict[str, float]:
        return resources(getattr(self._settings.pools, pool))


def resources(pool: PoolSettings) -> dict[str, float]:
    """What a member of a pool asks of Ray; nothing where it asks for nothing."""
    asked = {"CPU": pool.num_cpus, "GPU": pool.num_gpus}
    return {name: amount for name, amount in asked.items() if amount}


def shown(asked: Mapping[str, float]) -> str:
    """Resources for messages."""
    return " and ".join(f"{amount:g} {name}" for name, amount in asked.items()) or "nothing"


def found(namespace: str) -> dict[int, tuple[PlacementGroup, tuple[str, ...]]]:
    """The groups of a cluster by number, each with the pools of its bundles in their order."""
    groups: dict[int, tuple[PlacementGroup, tuple[str, ...]]] = {}
    for id_, row in sorted(_table().items()):
        prefix, _, told = row["name"].rpartition(f":{namespace}:")
        if prefix != PREFIX or row["state"] == OVER:
            continue
        number, _, pools = told.partition(":")
        group = PlacementGroup(PlacementGroupID(bytes.fromhex(id_)))
        groups.setdefault(int(number), (group, tuple(pools.split(","))))
    return groups


def remove(namespace: str, keep: Collection[int] = (), deadline_s: float = 10.0) -> None:
    """Give the room of all groups of a cluster back but those of some numbers, and see that it is back."""
    ids = {number: group for number, (group, _) in found(namespace).items() if number not in keep}
    for group in ids.values():
        remove_placement_group(group)
    until = time.monotonic() + deadline_s
    while ids and time.monotonic() < until and set(ids) & set(found(namespace)):
        time.sleep(POLL_S)


def _table() -> dict[str, Any]:
    table: dict[str, Any] = placement_group_table() if ray.is_initialized() else {}
    return table
