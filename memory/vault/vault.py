"""The vault: every agent's journal, branches and commits, durable before they are acknowledged.

The only writer of its database. Folds nothing and keeps no view: timelines read from it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from quantum_memory.checks import utc
from quantum_memory.errors import CorruptRecord, QuantumMemoryError, WriteFailed
from quantum_memory.memory.vault import catalog as cat
from quantum_memory.memory.vault import embedding as pins
from quantum_memory.memory.vault.adopt import Adoption, adopt
from quantum_memory.memory.vault.batch import Batch
from quantum_memory.memory.vault.blocks import BlockStore, MemoryBlocks
from quantum_memory.memory.vault.database import IN_MEMORY, Database
from quantum_memory.memory.vault.holdings import incarnation_of, pools_of
from quantum_memory.memory.vault.judge import judge
from quantum_memory.memory.vault.judge_admission import lapse
from quantum_memory.memory.vault.judge_holdings import begin
from quantum_memory.memory.vault.migrations import migrate
from quantum_memory.memory.vault.reading import Reading
from quantum_memory.memory.vault.segments import SegmentReader
from quantum_memory.memory.vault.shelf import SnapshotShelf
from quantum_memory.memory.vault.writes import Write, Written
from quantum_memory.policies.checkpoints import CheckpointPolicy
from quantum_memory.policies.placement import Layout
from quantum_memory.types import AgentName, BranchId

logger = logging.getLogger(__name__)


class Vault(Reading):
    """Every agent's journal, branches and commits. Opened with ``Vault.open``; a context manager.

    Thread-safe: writes go one batch at a time, reads go beside them and see every write that has returned.

    Attributes:
        embedding: the model and dimension that it is tied to; ``None`` as long as no opening has given one.
        blocks: where sealed segments and snapshots lie; ``None`` if it was opened without.
        segments: what reads sealed segments, and holds them; ``None`` without blocks.
        shelf: where views are written down; ``None`` without blocks.
    """

    def __init__(
        self,
        database: Database,
        now: Callable[[], datetime],
        embedding: str | None,
        blocks: BlockStore | None = None,
        checkpoints: CheckpointPolicy | None = None,
    ) -> None:
        segments = None if blocks is None else SegmentReader(blocks)
        super().__init__(database, segments)
        self.blocks, self.segments, self._now, self._checkpoints = blocks, segments, now, checkpoints
        self.shelf = None if blocks is None else SnapshotShelf(database, blocks, now)
        self._tie(embedding)
        self._writing = threading.Lock()
        self._position: int | None = None
        self._unwritten: Layout | None = None

    def _tie(self, embedding: str | None) -> None:
        self.embedding = embedding
        self._dim = None if embedding is None else pins.dimension(embedding)

    @classmethod
    def open(
        cls,
        storage: str | Path,
        *,
        now: Callable[[], datetime],
        embedding: str | None = None,
        blocks: BlockStore | None = None,
        checkpoints: CheckpointPolicy | None = None,
        holder: str = "",
    ) -> Self:
        """Open a folder or a database URL, making what is not there yet.

        Args:
            storage: a folder, ``sqlite:///file``, ``postgresql+psycopg://user:password@host/database``, or
                ``memory://`` for a vault that is gone when it is closed.
            now: the clock that events are stamped with.
            embedding: what makes the embeddings, as in ``minilm/384``. The first one given is the vault's for good, and
                memories with vectors of another length are refused. ``None`` asks for nothing.
            blocks: where sealed segments and snapshots lie. Without it what was sealed cannot be read; a vault in
                memory has its own.
            checkpoints: when the vault makes checkpoints by itself; ``None`` for never.
            holder: what whoever is refused meanwhile can learn of who holds it; see ``holder_of``.

        Raises: StorageLocked at once if another vault holds it, OtherEmbedding, NewerSchema, CorruptRecord,
            WriteFailed, InvalidInput, MissingDependency.
        """
        asked = None if embedding is None else pins.checked(embedding)
        database = Database(storage, holder)
        try:
            with database.transaction() as connection:
                migrate(connection, database.storage)
                pinned = pins.pin(connection, database.storage, asked)
        except BaseException as error:
            database.close()
            if isinstance(error, WriteFailed) and type(error.__cause__) is sa.exc.DatabaseError:
                raise CorruptRecord(database.storage, error.reason) from error  # SQLite: not a database, or malformed
            raise
        if blocks is None and database.storage == IN_MEMORY:
            blocks = MemoryBlocks()
        return cls(database, now, pinned, blocks, checkpoints)

    def close(self) -> None:
        """Let the storage go. Every later call raises VaultUnavailable."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, batch: Sequence[Write]) -> list[Written | QuantumMemoryError]:
        """Write a batch in one transaction, durable on return; each write has its own outcome, in order.

        A refused write (StaleWriter, AlreadyExists, PlaceNotFound, InvalidInput) changes nothing and does not touch its
        neighbours. A repeated operation id has its first outcome again, whatever happened since.

        Raises: WriteFailed if the database could not take the batch: then nothing of it was kept. VaultUnavailable,
            StorageLocked.
        """
        if not batch:
            return []
        with self._batch() as made:
            return judge(made, batch)

    @contextmanager
    def maintenance(self) -> Iterator[Batch]:
        """For background work that changes what was written: garbage collection, repair.

        Statements go through the batch's ``execute``, and its ``note`` writes them into the audit, in one transaction.
        Nothing that was held before is trusted afterwards. Raises: what ``write`` raises.
        """
        with self._batch() as made:
            yield made
            self._catalog.forget()
            self._catalog.holdings.forget()
        self._catalog.forget()

    def note(
        self,
        action: str,
        agent: AgentName | None = None,
        branch: BranchId | None = None,
        seq: int | None = None,
        detail: str = "",
    ) -> None:
        """Write into the audit what was done outside of ``write``. Raises: what ``write`` raises."""
        with self._batch() as made:
            made.note(action, agent, branch, seq, detail)

    def begin(self, cluster: str, sizes: Mapping[str, int]) -> Layout:
        """A cluster works with this vault from now on, or again; how many members its pools have.

        Sizes that it changed since it began first are kept. A vault that takes no writes can still be read: then the
        sizes are those given, and cannot be changed. Raises: VaultUnavailable, CorruptRecord.
        """
        try:
            with self._batch() as made:
                begin(made, cluster, Layout(sizes))
        except WriteFailed as error:
            logger.warning("the sizes of pools were not written down: %s", error)
            self._unwritten = Layout(sizes)
        return self.layout()

    def layout(self) -> Layout:
        """How many members each pool has; no pools where no cluster ever began. Raises: what a read raises."""
        if self._unwritten is not None:
            return self._unwritten
        known = self._catalog.holdings.pools
        if known is not None:
            return known.layout
        with self.database.read() as connection:
            return pools_of(connection).layout

    def incarnation(self, number: int) -> int:
        """Which process of an orchestrator is the newest; 0 if there was none. Raises: what a read raises."""
        with self.database.read() as connection:
            return incarnation_of(connection, number)

    def lapse(self) -> int:
        """Let go of requests, tokens and denials that were noted for some time only; how many.

        Raises: what ``write`` raises.
        """
        with self._batch() as made:
            return lapse(made)

    def adopt(self, adoption: Adoption, op_id: str | None = None) -> None:
        """Take a whole agent in, all or nothing. Raises: what ``adopt.adopt`` and ``write`` raise."""
        with self.maintenance() as made:
            pinned = adopt(made, adoption, self.storage, self.embedding, op_id)
        self._tie(pinned)

    @contextmanager
    def _batch(self) -> Iterator[Batch]:
        """A batch in one transaction, durable when it is left; then readers are told what it changed."""
        with self._writing:
            try:
                with self.database.transaction() as connection:
                    if self._position is None:
                        self._position = cat.last_position(connection)
                    now_us = cat.to_us(utc("now", self._now()))
                    made = Batch(self._catalog, connection, now_us, self._position, self._dim, self._checkpoints)
                    yield made
                    made.flush()
            except BaseException:
                self._position = None
                self._catalog.forget()
                self._catalog.holdings.forget()
                raise
            self._position = made.position
            made.holdings.durable()
            self._catalog.held_branches.changed(made.known.items())
            self._catalog.held_heads.changed(made.heads.items())
