"""The sealed runs of a process, by the names of their files: written once, shared by all states, mapped and not copied.

Owns which run stands for which name. Knows no branch and no snapshot.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence

from blake3 import blake3

from quantum_memory.errors import CorruptRecord, QuantumMemoryError
from quantum_memory.memory.episodic.dense import IndexPolicy
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.runs import Run
from quantum_memory.memory.episodic.segment import Opened, opened, pieces
from quantum_memory.memory.freed import give_back
from quantum_memory.memory.mapped import FileCache, let_go
from quantum_memory.memory.snapshots import Files


class Segments:
    """Sealed runs as files.

    Args:
        files: where they are kept for everybody.
        cache: where they lie to be mapped; without one they are read into memory.
        indexer: who indexes a run before it is written.

    As long as any state holds a run, there is one of its name in the process, whatever loads or writes it.
    Thread-safe.
    """

    def __init__(self, files: Files, cache: FileCache | None = None, indexer: Indexer | None = None) -> None:
        self._files, self._cache, self._indexer = files, cache, indexer
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._turn = threading.Lock()

    def keep(self, runs: Sequence[Run]) -> list[str]:
        """The names of runs, each of which is kept now; from here on they are mapped.

        Raises: what ``files`` raises.
        """
        written = [run for run in runs if run.name is None]
        for run in written:
            self._write(run)
        gone = set(self._files.lacking([run.name for run in runs if run.name is not None]))
        for run in runs:
            if run.name in gone:  # it was collected while no snapshot named it, or put aside
                run.name = None
                self._write(run)  # under another name if an index is written otherwise by now
        if written:
            give_back()  # columns that are in files now, and the bytes on their way there
        return [run.name or "" for run in runs]

    def run(self, name: str) -> Run:
        """The run of this name. Raises: CorruptRecord if its file cannot be had or is not one."""
        with self._turn:
            found = self._runs.get(name)
        return self._known(name, self._read(name)) if found is None else found

    def _write(self, run: Run) -> None:
        if self._indexer is not None:
            self._indexer.ensure(run)
        data = b"".join(pieces(run, self._policy))
        name = blake3(data).hexdigest()
        if self._files.lacking((name,)):
            self._files.put_file(data)
        with self._turn:
            twin = self._runs.get(name)
        if twin is None and self._cache is not None:
            twin = self._opened(name, self._cache.put(name, data)).run
        if twin is not None:
            run.become(twin)
        run.name = name
        self._known(name, run)

    def _read(self, name: str) -> Run:
        found = None if self._cache is None else self._cache.get(name)
        if found is None:
            try:
                data = self._files.file(name)
            except QuantumMemoryError as error:
                raise CorruptRecord(_what(name), f"it cannot be had: {error}") from error
            if blake3(data).hexdigest() != name:
                raise CorruptRecord(_what(name), f"its {len(data)} bytes do not have the hash of its name")
            found = memoryview(data) if self._cache is None else self._cache.put(name, data)
        run, lawful = self._opened(name, found)
        run.name = name if lawful else None  # it will have another, and another index, when it is next written down
        return run

    def _opened(self, name: str, data: memoryview) -> Opened:
        """The run in a file. It was looked at from end to end, of which a search needs little."""
        found = opened(data, _what(name), self._policy)
        let_go(data)
        return found

    def _known(self, name: str, run: Run) -> Run:
        """The run that stands for a name: this one, unless there was one before."""
        with self._turn:
            return self._runs.setdefault(name, run)

    @property
    def _policy(self) -> IndexPolicy | None:
        return None if self._indexer is None else self._indexer.policy


def _what(name: str) -> str:
    return f"segment {name}"
