"""Blocks in a local folder: written under another name, synced and renamed, and the folders above synced too."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from quantum_memory.errors import VaultUnavailable, WriteFailed
from quantum_memory.memory.durable import sync_folder
from quantum_memory.memory.hashed import NAME, TEMPORARY, checked
from quantum_memory.memory.vault.blocks import OWNER, QUARANTINE, BlockInfo, BlockStore, Swept


class LocalBlocks(BlockStore):
    """Blocks in a folder, synced to the disk with the folders above them. Only their owner can read them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self.folder = folder.absolute()

    def listing(self) -> Iterator[BlockInfo]:
        for file in self._files(NAME):
            with suppress(FileNotFoundError):  # somebody else removed it just now
                found = file.stat()
                yield BlockInfo(file.name, found.st_size, found.st_mtime)

    def quarantine(self, name: str) -> None:
        checked(name)
        with self._changing, self._writing():
            aside = self.folder / QUARANTINE
            self._make(aside)
            with suppress(FileNotFoundError):
                self._path(name).rename(aside / name)
                sync_folder(aside)
                sync_folder(self._path(name).parent)

    def quarantined(self) -> list[str]:
        aside = self.folder / QUARANTINE
        return sorted(file.name for file in aside.iterdir() if NAME.fullmatch(file.name)) if aside.is_dir() else []

    def sweep(self, before_s: float) -> Swept:
        files = nbytes = 0
        with self._changing, self._writing():
            for file in self._files(re.compile(re.escape(TEMPORARY) + ".*")):
                found = file.stat()
                if found.st_mtime < before_s:
                    file.unlink()
                    files, nbytes = files + 1, nbytes + found.st_size
        return Swept(files, nbytes)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name

    def _files(self, pattern: re.Pattern[str]) -> Iterator[Path]:
        """The files of this name in the folder and in the ones that blocks are spread over."""
        if not self.folder.is_dir():
            return
        spread = (inner for inner in self.folder.iterdir() if re.fullmatch("[0-9a-f]{2}", inner.name))
        for folder in (self.folder, *spread):
            yield from (file for file in folder.iterdir() if pattern.fullmatch(file.name))

    def _look(self, name: str) -> BlockInfo | None:
        try:
            found = self._path(name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VaultUnavailable(self.where, str(error)) from error
        return BlockInfo(name, found.st_size, found.st_mtime)

    def _read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise VaultUnavailable(self.where, str(error)) from error

    def _write(self, name: str, data: bytes) -> None:
        self._place(self._path(name), data)

    def _touch(self, name: str) -> bool:
        with self._writing():
            os.utime(self._path(name))
        return True

    def _delete(self, name: str) -> None:
        with self._writing():
            self._path(name).unlink(missing_ok=True)

    def _owner(self) -> str | None:
        try:
            return (self.folder / OWNER).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise VaultUnavailable(self.where, f"its owner cannot be read: {error}") from error

    def _set_owner(self, owner: str) -> None:
        self._place(self.folder / OWNER, owner.encode())

    def _place(self, file: Path, data: bytes) -> None:
        """Write a file so that it is there whole, with its name and its folder's, or not at all."""
        with self._writing():
            self._make(self.folder)
            self._make(file.parent)
            temporary = file.with_name(f"{TEMPORARY}{os.getpid()}-{uuid.uuid4().hex}")
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as open_file:
                    open_file.write(data)
                    open_file.flush()
                    os.fsync(descriptor)
                temporary.rename(file)
            except BaseException:
                with suppress(OSError):  # the folder may be gone or read-only by now; a sweep finds what is left
                    temporary.unlink(missing_ok=True)
                raise
            sync_folder(file.parent)

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it, and see that their names outlive a power cut."""
        if folder.is_dir():
            return
        missing = [folder, *(above for above in folder.parents if not above.exists())]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in missing:
            made.chmod(0o700)
            sync_folder(made.parent)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WriteFailed(self.where, f"{error.strerror or error}: {error.filename or self.where}") from error
