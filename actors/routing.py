"""Which member of a pool hosts a lineage. Owns no state: the same key and size give the same member everywhere."""

from __future__ import annotations

from blake3 import blake3


def member_of(key: str, size: int) -> int:
    """The member that owns a key, by rendezvous hashing (Thaler and Ravishankar, 1998).

    When a pool grows from n to n + 1, only the keys that the new member owns move: one in n + 1.
    """
    return max(range(size), key=lambda member: blake3(f"{member}:{key}".encode()).digest(8))
