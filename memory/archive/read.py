"""An archive open for reading: every byte checked, its tables as the current version has them. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import msgspec

from quantum_memory.errors import CorruptRecord, QuantumMemoryError
from quantum_memory.memory.archive import layout
from quantum_memory.memory.archive.columns import member, table_in
from quantum_memory.memory.archive.frame import verified
from quantum_memory.memory.archive.migrate import Tables, migrated
from quantum_memory.memory.archive.vectors import EventsIn, VectorsIn

MAX_ABOUT_BYTES = 1 << 20


class About(msgspec.Struct, frozen=True):
    """What an archive says of itself.

    Attributes:
        agent: whose it is.
        root: the id of its root branch.
        embedding: the model and dimension that its vault was tied to.
        folds: the settings by which the heads were folded.
    """

    format: str
    version: int
    agent: str
    root: str
    embedding: str | None = None
    folds: dict[str, Any] = {}


class Archive:
    """An open archive. A context manager; made by ``open_archive``.

    Attributes:
        path: the file.
        version: the version that it was written in.
        steps: what was migrated while reading, in words.
        about: what it says of itself.
        tables: its history; see ``layout.HISTORY``.
        vectors, events: ways to its embeddings and to events, which refer to them.
    """

    def __init__(self, path: Path, file: h5py.File, version: int) -> None:
        self.path, self.version, self._file = path, version, file
        self.about = _about(file, version, str(path))
        known = layout.HISTORY_OF[version]
        tables: Tables = {
            name: table_in(member(file, name, h5py.Group, str(path)), columns, f"{path}: {name}")
            for name, columns in known.items()
        }
        self.tables, self.steps = migrated(tables, version)
        self.vectors = VectorsIn(member(file, "embeddings", h5py.Group, str(path)), f"{path}: embeddings")
        self.events = EventsIn(self.vectors)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_archive(path: str | Path) -> Archive:
    """Open a file after checking every byte of it.

    Raises: CorruptRecord for whatever is not as it was written, NewerSchema; OSError if it cannot be read.
    """
    where = Path(path)
    frame = verified(where)
    with reading(where):
        file = h5py.File(where, "r")
        try:
            return Archive(where, file, frame.version)
        except BaseException:
            file.close()
            raise


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say in our words what a file is that no archive is. Raises: CorruptRecord."""
    try:
        yield
    except QuantumMemoryError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise CorruptRecord(str(path), f"it does not read as an archive: {error}") from error


def _about(file: h5py.File, version: int, what: str) -> About:
    dataset = member(file, "about", h5py.Dataset, what)
    if dataset.dtype.str != "|u1" or dataset.ndim != 1 or dataset.shape[0] > MAX_ABOUT_BYTES:
        raise CorruptRecord(f"{what}: about", f"{dataset.dtype} of shape {dataset.shape}")
    try:
        about = msgspec.json.decode(dataset[:].tobytes(), type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptRecord(f"{what}: about", str(error)) from error
    if (about.format, about.version) != ("qmem-archive", version):
        raise CorruptRecord(f"{what}: about", f"{about.format!r} of version {about.version}, expected {version}")
    return about
