"""Memories as columns, in the order of remembering, with their terms counted. Knows no file.

The columns do not show how a state is cut into runs or in which order it learned its terms, so equal states give equal
columns. What was forgotten leaves its id and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from rpds import HashTrieMap

from quantum_memory.memory.columns import Array, Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.episodic.lexical import POSTING
from quantum_memory.memory.episodic.runs import NOBODY, ROW, TAG, Lexicon, Run, Slice
from quantum_memory.memory.episodic.state import EpisodicState, Sizes
from quantum_memory.memory.episodic.words import Codes, rules
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import PAD, Memory, Part, Vector

VERSION = 1
WHAT = "snapshot of memories"
MOST = 2**31 - 1
_NO_VECTOR = np.empty(0, np.float32)


class Living(NamedTuple):
    """The living rows of a state: their tickets, vectors, memories without vectors, and (p,) postings by row."""

    tickets: NDArray[np.int64]
    vectors: Vector
    memories: list[Memory]
    postings: NDArray[np.void]


class MemoriesCodec:
    """A ``StateCodec`` of the part "memories".

    Args:
        dim: length of every embedding, as the fold has it.
        sizes: how long the runs of a loaded state are; the fold's.
    """

    part: Part = "memories"

    def __init__(self, dim: int | None = None, sizes: Sizes | None = None) -> None:
        self._dim, self._sizes = dim, sizes or Sizes()
        self.fingerprint = fingerprint(self.part, VERSION, dim=dim, **rules())

    def dump(self, state: EpisodicState) -> Dump:
        """Everything but the order of terms and the cut into runs. May be called while the fold goes on elsewhere."""
        living = _living(state)
        columns = Columns()
        _put_memories(columns, living)
        _put_postings(columns, living.postings, state.lexicon.terms.words())
        forgotten, picked = sorted(state.forgotten), sorted(state.picked)
        columns.texts("forgotten", forgotten)
        columns.times("forgotten/at", [state.forgotten[memory] for memory in forgotten])
        columns.texts("picked", picked)
        columns.blobs("picked/digest", [state.picked[memory] for memory in picked])
        attributes = {"memories": len(living.memories), "next_ticket": state.next_ticket, "dim": state.dim or 0}
        return Dump(columns.arrays, attributes)

    def load(self, arrays: Arrays, attributes: Attributes) -> EpisodicState:
        """Raises: CorruptRecord."""
        read = Reading(WHAT, arrays, attributes)
        count, next_ticket, dim = (read.count(name) for name in ("memories", "next_ticket", "dim"))
        read.require("dim", self._dim is None or dim == self._dim, f"{dim}, expected {self._dim}")
        read.require("memories", count <= MOST, f"{count} are more than {MOST}")
        vectors: Vector = read.numbers("vectors", np.float32, (count, dim))
        lexicon = Lexicon(terms=Codes.of(read.distinct_texts("terms")), names=Codes.of(read.distinct_texts("names")))
        rows, tags, memories = _memories(read, count, lexicon.names.words())
        rows["ticket"] = _tickets(read, count, next_ticket)
        postings = _postings(read, count, len(lexicon.terms))
        rows["terms"] = np.bincount(postings["row"], weights=postings["count"], minlength=count)
        tickets = HashTrieMap(dict(zip([memory.id for memory in memories], rows["ticket"].tolist(), strict=True)))
        read.require("id", len(tickets) == count, "an id stands twice")
        forgotten, picked = read.distinct_texts("forgotten"), read.distinct_texts("picked")
        read.require("forgotten", not any(map(tickets.__contains__, forgotten)), "an id is both living and forgotten")
        return EpisodicState(
            lexicon,
            dim or None,
            parts=self._runs(rows, tags, postings, memories, vectors),
            tickets=tickets,
            forgotten=HashTrieMap(
                dict(zip(forgotten, read.optional_times("forgotten/at", len(forgotten)), strict=True))
            ),
            picked=HashTrieMap(dict(zip(picked, read.blobs("picked/digest", len(picked)), strict=True))),
            next_ticket=next_ticket,
            live_terms=int(rows["terms"].sum()),
        )

    def difference(self, one: EpisodicState, other: EpisodicState) -> str | None:
        """What differs, byte by byte."""
        return difference(self.dump(one), self.dump(other))

    def _runs(
        self,
        rows: NDArray[np.void],
        tags: NDArray[np.void],
        postings: NDArray[np.void],
        memories: list[Memory],
        vectors: Vector,
    ) -> tuple[Slice, ...]:
        """The rows in runs that are sealed, and what is left in one that is not."""
        found = []
        for start in range(0, len(rows), self._sizes.sealed):
            end = min(start + self._sizes.sealed, len(rows))
            own = rows[start:end].copy(), _stretch(tags, start, end), _stretch(postings, start, end)
            found.append(Slice(Run(*own, tuple(memories[start:end]), vectors[start:end]), end - start))
        return tuple(found)


def _stretch(records: NDArray[np.void], start: int, end: int) -> NDArray[np.void]:
    """The records of these rows, which stand in order, counted from the first of them."""
    low, high = np.searchsorted(records["row"], (start, end))
    own: NDArray[np.void] = records[low:high].copy()
    own["row"] -= start
    return own


def _living(state: EpisodicState) -> Living:
    tickets, vectors, postings = [np.empty(0, np.int64)], [np.empty((0, state.dim or 0), np.float32)], []
    memories: list[Memory] = []
    for part in state.slices():
        rows = part.living()
        place = np.full(part.length, NOBODY, np.int32)
        place[rows] = np.arange(len(memories), len(memories) + len(rows))
        tickets.append(part.rows["ticket"][rows])
        vectors.append(part.block.vectors(rows))
        memories.extend(part.block.records[row] for row in rows.tolist())
        flat = part.block.postings(part.length)
        moved = place[flat["row"]]
        shown = flat[moved >= 0]
        shown["row"] = moved[moved >= 0]
        postings.append(shown)
    flat = np.concatenate(postings) if postings else np.empty(0, POSTING)
    return Living(np.concatenate(tickets), np.concatenate(vectors), memories, flat)


def _put_memories(columns: Columns, living: Living) -> None:
    memories = living.memories
    columns.numbers("ticket", living.tickets, np.int64)
    columns.numbers("vectors", living.vectors, np.float32)
    columns.texts("id", [memory.id for memory in memories])
    columns.texts("text", [memory.text for memory in memories])
    columns.times("at", [memory.at for memory in memories])
    columns.times("revised_at", [memory.revised_at for memory in memories])
    felt = [
        (memory.pad.pleasure, memory.pad.arousal, memory.pad.dominance, memory.confidence, memory.importance)
        for memory in memories
    ]
    columns.numbers("felt", np.array(felt, np.float64).reshape(-1, 5), np.float64)
    used: set[str | None] = set()
    for memory in memories:
        used.update((memory.kind, memory.speaker, memory.session), memory.tags)
    names = sorted(name for name in used if name is not None)
    code: dict[str | None, int] = {name: number for number, name in enumerate(names)} | {None: NOBODY}
    columns.texts("names", names)
    for name in ("kind", "speaker", "session"):
        columns.numbers(name, [code[getattr(memory, name)] for memory in memories], np.int32)
    columns.grouped("tags", [memory.tags for memory in memories])
    columns.numbers("tags", [code[tag] for memory in memories for tag in memory.tags], np.int32)
    columns.arrays["metadata"] = msgspec.msgpack.encode([memory.metadata for memory in memories], enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in metadata")


def _put_postings(columns: Columns, postings: NDArray[np.void], words: list[str]) -> None:
    """The postings with terms numbered in their own order, by row and then by term."""
    used = np.unique(postings["term"])
    ranked = sorted((words[code], place) for place, code in enumerate(used.tolist()))
    number = np.empty(len(used), np.int32)
    number[[place for _, place in ranked]] = np.arange(len(used))
    term = number[np.searchsorted(used, postings["term"])]
    order = np.lexsort((term, postings["row"]))
    columns.texts("terms", [word for word, _ in ranked])
    columns.numbers("postings/term", term[order], np.int32)
    columns.numbers("postings/row", postings["row"][order], np.int32)
    columns.numbers("postings/count", postings["count"][order], np.int32)


def _tickets(read: Reading, count: int, next_ticket: int) -> Array:
    tickets = read.within("ticket", np.int64, (count,), 0, next_ticket - 1)
    read.require("ticket", (np.diff(tickets) > 0).all(), "they do not rise")
    return tickets


def _memories(read: Reading, count: int, names: list[str]) -> tuple[NDArray[np.void], NDArray[np.void], list[Memory]]:
    """The rows, as far as memories fill them, the tags by row, and the memories without vectors."""
    rows = np.zeros(count, ROW)
    rows["at_us"] = read.numbers("at/us", np.int64, (count,))
    for name in ("kind", "speaker", "session"):
        rows[name] = read.within(name, np.int32, (count,), 0 if name == "kind" else NOBODY, len(names) - 1)
    code = read.within("tags", np.int32, (None,), 0, len(names) - 1)
    tags = list(read.grouped("tags", code.tolist(), count))
    told: list[str | None] = [*names, None]  # so that NOBODY, which is -1, finds nothing
    felt = read.within("felt", np.float64, (count, 5), -1.0, 1.0)
    read.require("felt", not count or felt[:, 3:].min() >= 0.0, "a confidence or importance under 0")
    columns = zip(
        read.texts("id", count),
        read.texts("text", count),
        read.times("at", count),
        felt.tolist(),
        rows["speaker"].tolist(),
        rows["kind"].tolist(),
        rows["session"].tolist(),
        tags,
        _metadata(read, count),
        read.optional_times("revised_at", count),
        strict=True,
    )
    memories = [_memory(told, names, *values) for values in columns]
    return rows, _tagged(tags), memories


def _memory(
    told: list[str | None],
    names: list[str],
    memory: str,
    text: str,
    at: datetime,
    felt: list[float],
    speaker: int,
    kind: int,
    session: int,
    tags: Iterable[int],
    metadata: dict[str, Any],
    revised_at: datetime | None,
) -> Memory:
    pleasure, arousal, dominance, confidence, importance = felt
    return Memory(
        memory,
        text,
        at,
        PAD(pleasure, arousal, dominance),
        confidence,
        importance,
        _NO_VECTOR,
        told[speaker],
        names[kind],
        told[session],
        tuple(names[tag] for tag in tags) if tags else (),
        metadata,
        revised_at,
    )


def _metadata(read: Reading, count: int) -> list[dict[str, Any]]:
    try:
        found = msgspec.msgpack.decode(read.data("metadata"), type=list[dict[str, Any]])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise read.fault("metadata", str(error)) from None
    read.require("metadata", len(found) == count, f"{len(found)} of {count}")
    return found


def _tagged(tags: Iterable[Iterable[int]]) -> NDArray[np.void]:
    """Each tag of each row once, by row."""
    return np.array([(row, tag) for row, own in enumerate(tags) for tag in dict.fromkeys(own)], TAG)


def _postings(read: Reading, count: int, terms: int) -> NDArray[np.void]:
    term = read.within("postings/term", np.int32, (None,), 0, terms - 1)
    postings = np.empty(len(term), POSTING)
    postings["term"] = term
    postings["row"] = read.within("postings/row", np.int32, (len(term),), 0, count - 1)
    postings["count"] = read.within("postings/count", np.int32, (len(term),), 1, MOST)
    number = postings["row"].astype(np.int64) * max(1, terms) + term
    read.require("postings", (np.diff(number) > 0).all(), "they are not by row and term")
    return postings
