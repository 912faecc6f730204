"""Memories as columns, in the order of remembering, with their terms counted; sealed runs by the names of their files.

Without files the columns do not show how a state is cut into runs, so equal states give equal columns. What was
forgotten leaves its id and nothing else there; in a sealed run it is a bit, and goes with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import msgspec
import numpy as np
from rpds import HashTrieMap

from quantum_memory.errors import InvalidInput
from quantum_memory.memory.columns import Array, Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.episodic.chunk import Lexicon
from quantum_memory.memory.episodic.columnar import Blobs, Ints, narrow, spelled
from quantum_memory.memory.episodic.dense import load as load_index
from quantum_memory.memory.episodic.indexing import Indexer
from quantum_memory.memory.episodic.lexical import Postings
from quantum_memory.memory.episodic.naming import (
    A_FILE,
    DIGEST_BYTES,
    any_living,
    check_order,
    put_files,
    run_of,
    slices_of,
)
from quantum_memory.memory.episodic.records import DECODER, Records, id_numbers
from quantum_memory.memory.episodic.rows import LINKS, NOBODY, Column, Rows
from quantum_memory.memory.episodic.runs import Run, Slice, tabled
from quantum_memory.memory.episodic.segments import Segments
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.episodic.tables import TAG, Table, cut
from quantum_memory.memory.episodic.words import rules
from quantum_memory.memory.snapshots import FILES, fingerprint, named
from quantum_memory.types import Part

VERSION = 5
WHAT = "snapshot of memories"
MOST = 2**31 - 1
BESIDE = ("zone_us", "revised", "metadata")
"""Columns that are there only if some memory needs them."""
INDEX = "index/"
PLACES, LAW = f"{INDEX}rows", f"{INDEX}law"
_CONTINUES, _TOP_BITS = 0x80, 0xC0
"""What the top two bits of a byte are that goes on with a character in UTF-8."""


class MemoriesCodec:
    """A ``StateCodec`` of the part "memories".

    Args:
        dim: length of every embedding, as the fold has it.
        sizes: how long the runs of a loaded state are; the fold's.
        indexer: who indexes runs that were written down without an index; the fold's.
        segments: where sealed runs are files; without it all is written as columns, and what names files is refused.

    Indexes are written down with their runs, and come back with them unless another policy is in force by then. They
    say nothing that the vectors do not. Without an indexer there are none.
    """

    part: Part = "memories"

    def __init__(
        self,
        dim: int | None = None,
        sizes: Sizes | None = None,
        indexer: Indexer | None = None,
        segments: Segments | None = None,
    ) -> None:
        self._dim, self._sizes, self._indexer, self._segments = dim, sizes or Sizes(), indexer, segments
        self.fingerprint = fingerprint(self.part, VERSION, dim=dim, sealed=self._sizes.sealed, **rules())

    def dump(self, state: EpisodicState) -> Dump:
        """Sealed runs by name, where they are files, and the rest in columns without a cut.

        May be called while the fold goes on elsewhere. Raises: what ``segments`` raises.
        """
        return self._dumped(state, self._segments)

    def _dumped(self, state: EpisodicState, segments: Segments | None) -> Dump:
        slices, columns = state.slices(), Columns()
        sealed = [part for part in slices if segments is not None and self._is_sealed(part)]
        rest = [part for part in slices if not any(part is one for one in sealed)]
        if segments is not None and sealed:
            put_files(columns, slices, sealed, segments.keep([run_of(part) for part in sealed]))
        table = tabled(rest)
        if table is not None:
            _put(columns, table)
            if not sealed:
                self._put_indexes(columns, rest)
        forgotten, picked = sorted(state.forgotten), sorted(state.picked)
        columns.texts("forgotten", forgotten)
        columns.times("forgotten/at", [state.forgotten[memory] for memory in forgotten])
        columns.texts("picked", picked)
        columns.blobs("picked/digest", [state.picked[memory] for memory in picked])
        count = 0 if table is None else len(table)
        beside = [] if table is None else [name for name in BESIDE if getattr(table.records, name) is not None]
        attributes = {"memories": count, "next_ticket": state.next_ticket, "dim": state.dim or 0, "beside": beside}
        return Dump(columns.arrays, attributes)

    def load(self, arrays: Arrays, attributes: Attributes) -> EpisodicState:
        """Raises: CorruptRecord."""
        read = Reading(WHAT, arrays, attributes)
        count, next_ticket, dim = (read.count(name) for name in ("memories", "next_ticket", "dim"))
        read.require("dim", self._dim is None or dim == self._dim, f"{dim}, expected {self._dim}")
        read.require("dim", dim or not count, f"0, and there are {count} memories")
        read.require("memories", count <= MOST, f"{count} are more than {MOST}")
        beside = read.attribute("beside", list)
        read.require("beside", beside == [name for name in BESIDE if name in beside], f"{beside} are no columns")
        read.require("memories", count or not read.has("vectors"), "0, and there are vectors")
        table = _table(read, count, next_ticket, dim, frozenset(beside)) if count else None
        parts = tuple(self._parts(read, table, dim))
        check_order(read, parts, next_ticket)
        forgotten, picked = read.distinct_texts("forgotten"), read.distinct_texts("picked")
        read.require("forgotten", not any_living(parts, forgotten), "an id is both living and forgotten")
        if self._indexer is not None:
            self._indexer.see(parts)
        return EpisodicState(
            Lexicon(),
            dim or None,
            parts=parts,
            forgotten=HashTrieMap(
                dict(zip(forgotten, read.optional_times("forgotten/at", len(forgotten)), strict=True))
            ),
            picked=HashTrieMap(dict(zip(picked, read.blobs("picked/digest", len(picked)), strict=True))),
            next_ticket=next_ticket,
            live_terms=sum(int(part.lengths[part.living()].sum()) for part in parts),
        )

    def size(self, state: EpisodicState) -> int:
        """How many memories it has, and how many it knows to be forgotten or picked."""
        return len(state) + len(state.forgotten) + len(state.picked)

    def difference(self, one: EpisodicState, other: EpisodicState) -> str | None:
        """What differs, byte by byte; neither indexes count nor what lies in files."""
        return difference(*(_unindexed(self._dumped(state, None)) for state in (one, other)))

    def _is_sealed(self, part: Slice) -> bool:
        return isinstance(part.block, Run) and len(part.block) == part.length >= self._sizes.sealed

    def _put_indexes(self, columns: Columns, slices: Sequence[Slice]) -> None:
        """The indexes of runs of which nothing was forgotten, where those stand, and what they were built by."""
        if self._indexer is None:
            return
        places: list[tuple[int, int]] = []
        start = 0
        for part in slices:
            end = start + part.length - part.dead_count
            if isinstance(part.block, Run) and not part.dead_count and part.block.index.kind != "flat":
                pieces = part.block.index.dump(vectors=False)
                columns.arrays[f"{INDEX}{len(places)}"] = np.frombuffer(b"".join(pieces), np.uint8)
                places.append((start, end))
            start = end
        columns.numbers(PLACES, np.array(places, np.int64).reshape(-1, 2), np.int64)
        columns.texts(LAW, [self._indexer.policy.law])

    def _parts(self, read: Reading, table: Table | None, dim: int) -> Iterator[Slice]:
        """The slices: sealed runs from files, and between them the rows of the table."""
        count = 0 if table is None else len(table)
        if not read.has(FILES):
            yield from () if table is None else self._runs(read, table)
            return
        names = named({FILES: read.numbers(FILES, np.uint8, (None, DIGEST_BYTES))})
        order = read.within("cut", np.int64, (None,), A_FILE, count).tolist()
        fits = order.count(A_FILE) == len(names) and sum(rows for rows in order if rows > 0) == count and 0 not in order
        read.require("cut", fits, f"it does not cut up {count} rows and {len(names)} files")
        if self._segments is None:
            raise read.fault(FILES, "it names files, and there is no place for them here")
        sealed = iter(slices_of(read, [self._segments.run(name) for name in names], dim))
        starts = np.cumsum([0, *(rows for rows in order if rows > 0)])[:-1].tolist()
        rest = iter(() if table is None else [Slice(Run(own), len(own)) for own in cut(table, starts)])
        for rows in order:
            yield next(sealed if rows == A_FILE else rest)

    def _runs(self, read: Reading, table: Table) -> tuple[Slice, ...]:
        """The rows in runs: those that have an index as they were, the others sealed as far as there are enough."""
        indexes = self._indexes(read, len(table))
        starts: list[int] = []
        at = 0
        for begin, end in (*indexes, (len(table), len(table))):
            pieces = max(1, (begin - at) // self._sizes.sealed)
            starts += [at + (begin - at) * piece // pieces for piece in range(pieces) if begin > at]
            starts += [begin] if end > begin else []
            at = end
        found = []
        for start, own in zip(starts, cut(table, starts), strict=True):
            held, index = indexes.get((start, start + len(own))), None
            if held is not None and self._indexer is not None:
                try:
                    index = load_index(held, own.vectors, self._indexer.policy)
                except InvalidInput as error:
                    raise read.fault(PLACES, str(error)) from None
            found.append(Slice(Run(own, index), len(own)))
        return tuple(found)

    def _indexes(self, read: Reading, count: int) -> dict[tuple[int, int], Array]:
        """The indexes that may be used, by the first row of each and the one behind its last."""
        if self._indexer is None or not read.has(PLACES) or read.texts(LAW, 1) != [self._indexer.policy.law]:
            return {}
        places = read.within(PLACES, np.int64, (None, 2), 0, count)
        read.require(PLACES, (np.diff(places.reshape(-1)) >= 0).all(), "they do not ascend")
        read.require(PLACES, (places[:, 0] < places[:, 1]).all(), "one holds no row")
        names = [f"{INDEX}{number}" for number in range(len(places))]
        held = [read.numbers(name, np.uint8, (None,)) for name in names]
        return {(begin, end): index for (begin, end), index in zip(places.tolist(), held, strict=True)}


def _unindexed(dump: Dump) -> Dump:
    return dump._replace(arrays={name: array for name, array in dump.arrays.items() if not name.startswith(INDEX)})


def _put(columns: Columns, table: Table) -> None:
    rows, records, postings = table.rows, table.records, table.postings
    columns.numbers("vectors", table.vectors, np.float32)
    for name, dtype in (("ticket", np.int64), ("at_us", np.int64)):
        columns.numbers(name, rows[name], dtype)
    columns.numbers("news", rows["news"], np.float32)
    columns.texts("names", table.names)
    for name in ("kind", "speaker", "session"):
        columns.numbers(name, rows[name], np.int32)
    columns.numbers("tags/row", table.tags["row"], np.int32)
    columns.numbers("tags/tag", table.tags["tag"], np.int32)
    _put_blobs(columns, "id", spelled(records.ids))
    _put_blobs(columns, "text", records.texts)
    columns.numbers("felt", records.felt(slice(None)), np.float64)
    if records.zone_us is not None:
        columns.numbers("zone_us", records.zone_us, np.int64)
    if records.revised is not None:
        columns.numbers("revised", records.revised, np.int64)
    if records.metadata is not None:
        _put_blobs(columns, "metadata", records.metadata)
    columns.numbers("postings/term", postings.terms, np.uint64)
    columns.numbers("postings/start", postings.starts, np.int64)
    columns.numbers("postings/row", postings.rows, np.int32)
    columns.numbers("postings/count", postings.counts, np.int32)


def _put_blobs(columns: Columns, name: str, blobs: Blobs) -> None:
    columns.arrays[f"{name}/bytes"] = blobs.data.tobytes()
    columns.numbers(f"{name}/starts", blobs.starts, np.int64)


def _table(read: Reading, count: int, next_ticket: int, dim: int, beside: frozenset[str]) -> Table:
    names = read.distinct_texts("names")
    read.require("names", sorted(names) == names, "they do not ascend")
    rows: dict[str, Column] = {link: np.full(count, -1, np.int32) for link in LINKS}
    rows["ticket"] = read.within("ticket", np.int64, (count,), 0, next_ticket - 1)
    read.require("ticket", (np.diff(rows["ticket"]) > 0).all(), "they do not rise")
    rows["at_us"] = read.numbers("at_us", np.int64, (count,))
    rows["news"] = read.within("news", np.float32, (count,), 0.0, 1.0)
    for name in ("kind", "speaker", "session"):
        rows[name] = read.within(name, np.int32, (count,), 0 if name == "kind" else NOBODY, len(names) - 1)
    marks = read.within("tags/row", np.int32, (None,), 0, count - 1)
    read.require("tags", (np.diff(marks) >= 0).all(), "they are not by row")
    tags = np.empty(len(marks), TAG)
    tags["row"], tags["tag"] = marks, read.within("tags/tag", np.int32, (len(marks),), 0, len(names) - 1)
    postings = _postings(read, count)
    lengths = np.bincount(postings.rows, weights=postings.counts, minlength=count)
    rows["terms"] = lengths.astype(np.int64)
    vectors = read.numbers("vectors", np.float32, (count, dim))
    table = Table(Rows.of(rows), tags, tuple(names), _records(read, count, beside), postings, vectors)
    _check_times(read, table)
    return table


def _records(read: Reading, count: int, beside: frozenset[str]) -> Records:
    felt = read.within("felt", np.float64, (count, 5), -1.0, 1.0)
    read.require("felt", felt[:, 3:].min() >= 0.0, "a confidence or importance under 0")
    ids = _blobs(read, "id", count)
    metadata = _blobs(read, "metadata", count) if "metadata" in beside else None
    records = Records.made(
        ids,
        _blobs(read, "text", count),
        felt,
        read.numbers("zone_us", np.int64, (count,)) if "zone_us" in beside else None,
        read.numbers("revised", np.int64, (count, 2)) if "revised" in beside else None,
        metadata,
        id_numbers(ids),
    )
    read.require("id", not records.has_twins(), "an id stands twice")
    if metadata is not None:
        _check_metadata(read, metadata)
    return records


def _blobs(read: Reading, name: str, count: int) -> Blobs:
    """Texts, or bytes; texts are seen to be such."""
    data = np.frombuffer(read.data(f"{name}/bytes"), np.uint8)
    starts = read.numbers(f"{name}/starts", np.int64, (count + 1,))
    whole = starts[0] == 0 and starts[-1] == len(data) and (np.diff(starts) >= 0).all()
    read.require(name, whole, f"its starts do not cut up {len(data)} bytes")
    if name != "metadata":
        read.each(name, str, [data.data], "utf-8")
        within = starts[:-1][starts[:-1] < len(data)]
        read.require(name, not (data[within] & _TOP_BITS == _CONTINUES).any(), "it is cut within a character")
    return Blobs(data, narrow(starts, np.uint32))


def _check_metadata(read: Reading, metadata: Blobs) -> None:
    try:
        for one in metadata.raw(np.arange(len(metadata))):
            DECODER.decode(one)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise read.fault("metadata", str(error)) from None


def _check_times(read: Reading, table: Table) -> None:
    """See that every time is one that a clock can show."""
    every, us = np.arange(len(table)), table.rows["at_us"]
    # In one zone all is well if the first and the last are.
    some = every if table.records.zone_us is not None else np.array([us.argmin(), us.argmax()])
    for name, times in (("at_us", lambda: table.records.ats(some, us[some])), ("revised", _revisions(table, every))):
        try:
            times()
        except (OverflowError, ValueError) as error:
            raise read.fault(name, str(error)) from None


def _revisions(table: Table, rows: Ints) -> Callable[[], list[datetime | None]]:
    return lambda: table.records.revisions(rows)


def _postings(read: Reading, count: int) -> Postings:
    terms = read.numbers("postings/term", np.uint64, (None,))
    starts = read.numbers("postings/start", np.int64, (len(terms) + 1,))
    rows = read.within("postings/row", np.int32, (None,), 0, count - 1)
    counts = read.within("postings/count", np.int32, (len(rows),), 1, MOST)
    cut_up = starts[0] == 0 and starts[-1] == len(rows) and (np.diff(starts) > 0).all()
    read.require("postings", cut_up and (terms[1:] > terms[:-1]).all(), "they are not by term")
    ascends = np.diff(rows) > 0
    ascends[starts[1:-1] - 1] = True  # from one term to the next
    read.require("postings", ascends.all(), "they are not by term and row")
    return Postings(
        terms, narrow(starts, np.uint32), narrow(rows, np.uint16, np.int32), narrow(counts, np.uint8, np.int32)
    )
