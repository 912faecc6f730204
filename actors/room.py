"""Where a host has files at hand to be mapped: a folder of the settings, one beside the vault, or a temporary one."""

from __future__ import annotations

import logging
import os
import stat
import tempfile
from pathlib import Path

from quantum_memory.memory.mapped import FileCache
from quantum_memory.memory.vault.database import IN_MEMORY, located
from quantum_memory.settings import Settings

FOLDER = "cache"
LEAST_S = 86_400.0
"""A file that nobody loads is at hand for ``vault.grace_s``, as in the vault, and no less than this."""
_MIB = 1 << 20
logger = logging.getLogger(__name__)


class Room:
    """The place of a host's files.

    For a vault that is elsewhere it is a temporary folder that all hosts of one user on a node share, so what a host
    leaves behind that was killed is used and bounded by the next. For a vault in memory, or where somebody else has
    that folder, it is one of the host's own, which goes with it.

    Args:
        settings: the cluster's.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: tempfile.TemporaryDirectory[str] | None = None

    def cache(self) -> FileCache | None:
        """The files there; nothing if not even a temporary folder can be made. Then they are read into memory."""
        try:
            folder = folder_of(self._settings) or self._temporary()
        except OSError as error:
            logger.warning("no folder can be had for files, so they are held in memory: %s", error)
            return None
        unused_s = max(LEAST_S, self._settings.vault.grace_s)
        return FileCache(folder, self._settings.views.cache_mb * _MIB, unused_s)

    def close(self) -> None:
        """Remove a folder of its own; what is mapped goes on being readable."""
        if self._own is not None:
            self._own.cleanup()
            self._own = None

    def _temporary(self) -> Path:
        shared = None if self._settings.storage == IN_MEMORY else shared_folder(Path(tempfile.gettempdir()))
        if shared is not None:
            return shared
        if self._own is None:
            self._own = tempfile.TemporaryDirectory(prefix="quantum_memory-", ignore_cleanup_errors=True)
        return Path(self._own.name)


def folder_of(settings: Settings) -> Path | None:
    """The folder that settings name or that lies beside a local vault; nothing for other vaults."""
    if settings.views.cache is not None:
        return Path(settings.views.cache).absolute()
    _, file = located(settings.storage)
    if file is None:
        return None
    beside = file.parent / FOLDER if "://" not in settings.storage else file.with_name(f"{file.name}-{FOLDER}")
    return beside.absolute()


def shared_folder(within: Path) -> Path | None:
    """The folder of this user in one that everybody may write to; nothing if somebody else has it or can get at it.

    Raises: OSError where it cannot be made.
    """
    folder = within.absolute() / f"quantum_memory-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077:
        return folder
    logger.warning("%s is not this user's alone, so it is not used", folder)
    return None
