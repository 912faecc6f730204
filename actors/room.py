"""Where a host has files at hand to be mapped: a folder of the settings, one beside the vault, or one of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from quantum_memory.memory.mapped import FileCache
from quantum_memory.memory.vault.database import located
from quantum_memory.settings import Settings

FOLDER = "cache"
_MIB = 1 << 20


class Room:
    """The place of a host's files. Owns the folder only if nobody named one and none lies beside the vault.

    Args:
        settings: the cluster's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: tempfile.TemporaryDirectory[str] | None = None

    def cache(self) -> FileCache:
        """The files there. Raises: OSError if not even a temporary folder can be made."""
        folder = folder_of(self._settings)
        if folder is None:
            if self._own is None:
                self._own = tempfile.TemporaryDirectory(prefix="quantum_memory-", ignore_cleanup_errors=True)
            folder = Path(self._own.name)
        return FileCache(folder, self._settings.views.cache_mb * _MIB)

    def close(self) -> None:
        """Remove a folder of its own; what is mapped goes on being readable."""
        if self._own is not None:
            self._own.cleanup()
            self._own = None


def folder_of(settings: Settings) -> Path | None:
    """The folder that settings name or that lies beside a local vault; nothing for other vaults."""
    if settings.views.cache is not None:
        return Path(settings.views.cache).absolute()
    _, file = located(settings.storage)
    if file is None:
        return None
    beside = file.parent / FOLDER if "://" not in settings.storage else file.with_name(f"{file.name}-{FOLDER}")
    return beside.absolute()
