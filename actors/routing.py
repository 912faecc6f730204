"""Which member of a pool hosts a lineage, for those who send calls. Owns no state: see ``policies.placement``."""

from __future__ import annotations

from quantum_memory.policies.placement import Layout, member_of

__all__ = ["Layout", "member_of"]
