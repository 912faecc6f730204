"""Who hosts what: rendezvous hashing of lineages over the members of a pool, and how many members each pool has.

Owns nothing but what it found before: the same key and size give the same member everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self

from blake3 import blake3

KEPT = 1 << 16
"""Keys whose members are kept."""


@lru_cache(KEPT)
def member_of(key: str, size: int) -> int:
    """The member that owns a key, by rendezvous hashing (Thaler and Ravishankar, 1998).

    When a pool grows from n to n + 1, only the keys that the new member owns move: one in n + 1. The last answers are
    kept: everybody who sends a call asks.
    """
    return max(range(size), key=lambda member: blake3(f"{member}:{key}".encode()).digest(8))


@dataclass(frozen=True, slots=True)
class Layout:
    """How many members each pool has.

    Attributes:
        sizes: by pool.
        version: rises with every change; 0 where nobody could change it.
        cluster: whose sizes these are; empty for none that could change them.
    """

    sizes: Mapping[str, int]
    version: int = 0
    cluster: str = ""

    def member(self, pool: str, key: str) -> int:
        """The member of a pool that owns a key."""
        return member_of(key, self.sizes[pool])

    def newer(self, other: Layout) -> bool:
        """Whether this says more than another one of the same cluster, or comes from another cluster."""
        return self.cluster != other.cluster or self.version > other.version

    def resized(self, pool: str, size: int) -> Self:
        """The next layout: one pool has another size."""
        return replace(self, sizes={**self.sizes, pool: size}, version=self.version + 1)
