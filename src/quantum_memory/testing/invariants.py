"""What must hold of a vault at any moment, whatever was done to it. Changes nothing."""

from __future__ import annotations

from quantum_memory.actors.caretaker import views_of
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify import verify
from quantum_memory.settings import Settings


def faults(vault: Vault, settings: Settings | None = None) -> list[str]:
    """What is wrong with a vault, in words.

    Nothing, if all of this holds:

    * every branch has its events without a gap, each whole, in the order of their times and positions,
    * sealed events read as they were written, and stretches that are sealed do not overlap,
    * whatever a branch, a commit, a tag, a merge or a snapshot refers to is there,
    * every snapshot made under these settings is what folding gives.

    Args:
        vault: one that is open.
        settings: how its views are folded; without them snapshots are only read.

    Raises: VaultUnavailable.
    """
    views = [] if settings is None else views_of(settings, vault.shelf)
    packs = None if settings is None else packing(settings.vault.compression)
    return [str(finding) for finding in verify(vault, views, packs).findings]
