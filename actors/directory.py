"""Where the actors of a cluster are: by name, so that nobody's handle has to be kept alive for a restart."""

from __future__ import annotations

from typing import Any

import ray

from quantum_memory.actors.routing import member_of
from quantum_memory.errors import ActorUnavailable

ACTOR_NAMES = {
    "agents": "QuantumMemoryAgent",
    "emotion": "EmotionActor",
    "quantum": "QuantumStateActor",
    "episodic": "EpisodicMemoryActor",
    "graph": "SemanticGraphActor",
    "vault": "VaultActor",
}
"""The Ray name of each pool's actors, without their number."""


def actor_name(pool: str, member: int) -> str:
    """The Ray name of one member of a pool."""
    return f"{ACTOR_NAMES[pool]}-{member}"


class Directory:
    """Finds actors by name when they are first needed, in whatever process it is unpickled.

    Args:
        namespace: the cluster's Ray namespace.
        sizes: how many members each pool has.
        deadline_s: how long a call to an actor may take.
    """

    def __init__(self, namespace: str, sizes: dict[str, int], deadline_s: float) -> None:
        self.namespace, self.sizes, self.deadline_s = namespace, sizes, deadline_s
        self._found: dict[str, Any] = {}

    def __reduce__(self) -> tuple[type[Directory], tuple[str, dict[str, int], float]]:
        return Directory, (self.namespace, self.sizes, self.deadline_s)

    def pool(self, pool: str) -> list[Any]:
        """Every member of a pool, in order. Raises: ActorUnavailable."""
        return [self.member(pool, number) for number in range(self.sizes[pool])]

    def owner(self, pool: str, key: str) -> Any:
        """The member of a pool that owns a key. Raises: ActorUnavailable."""
        return self.member(pool, member_of(key, self.sizes[pool]))

    def member(self, pool: str, number: int) -> Any:
        """One member of a pool. Raises: ActorUnavailable if the cluster is not there."""
        name = actor_name(pool, number)
        if name not in self._found:
            try:
                self._found[name] = ray.get_actor(name, namespace=self.namespace)
            except ValueError:
                raise ActorUnavailable(name, f"not found in the namespace {self.namespace!r}") from None
        return self._found[name]
