"""Backups of a vault and their way back: copies of what never changes, and the catalog as it was at one moment."""

from quantum_memory.memory.vault.backup.backups import Backups
from quantum_memory.memory.vault.backup.manifest import Manifest
from quantum_memory.memory.vault.backup.restore import Restored, restore

__all__ = ["Backups", "Manifest", "Restored", "restore"]
