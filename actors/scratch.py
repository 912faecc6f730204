"""Folders for files on their way through a process: all of them in one of its own, which goes with it.

That one is locked as long as the process lives. Where it was killed, the next process of this user that needs a folder
on this machine finds it free and removes it: on a disk that several share, no machine sees the locks of another.
systemd-tmpfiles leaves alone what is locked so.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import socket
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

PREFIX = f"qmem-scratch-{socket.gethostname()}@"
NEW_S = 60.0
"""A folder in which something was made so lately is left: it may be locked the next moment."""
_making = threading.Lock()
_own: list[Path] = []
"""This process's folder, once it has one."""


def scratch(prefix: str) -> Path:
    """A new folder that only this user can get at. Whoever asks for it removes it. Raises: OSError."""
    with _making:
        if not _own or not _own[0].is_dir():
            _sweep(Path(tempfile.gettempdir()))
            _own[:] = [_locked()]
        return Path(tempfile.mkdtemp(prefix=prefix, dir=_own[0]))


def _locked() -> Path:
    """A folder that is locked until the process ends: nothing closes the descriptor, and no child has it."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with suppress(OSError):  # where folders cannot be locked, nobody takes any for one that was left
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    atexit.register(_empty, folder)
    return folder


def _empty(folder: Path) -> None:
    with suppress(OSError):  # a thread may be at work in it: then the next process removes it
        folder.rmdir()


def _sweep(within: Path) -> None:
    """Remove what processes of this user have left that are gone."""
    for folder in within.glob(f"{PREFIX}*"):
        with suppress(OSError):  # somebody else's, locked, or gone just now
            found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _remove_if_left(folder, found)
            finally:
                os.close(found)


def _remove_if_left(folder: Path, found: int) -> None:
    about = os.fstat(found)
    if about.st_uid == os.geteuid() and about.st_mtime < time.time() - NEW_S:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
