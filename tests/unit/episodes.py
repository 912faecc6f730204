"""Made-up memories, and a plain list that remembers, forgets and searches the slow way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import Stemmer
from hypothesis import strategies as st

from quantum_memory.memory.episodic.context import Context
from quantum_memory.memory.episodic.lexical import Bm25
from quantum_memory.memory.episodic.search import Query
from quantum_memory.memory.episodic.state import Sizes
from quantum_memory.memory.episodic.words import STOP_WORDS
from quantum_memory.memory.events import Event, Forgotten, Merged, Picked, Remembered, Revised
from quantum_memory.types import NEUTRAL, PAD, Filters, Memory, Place

START = datetime(2026, 1, 1, tzinfo=UTC)
DIM = 6
WORDS = ["rain", "umbrella", "bob", "garden", "running", "the", "ran", "letters", "violin", "storm", "Kraków", "tea"]
NUMBERS = st.integers(0, 39)


def memory(number: int, text: str | None = None) -> Memory:
    """The memory of this number; always the same one, unless a text is given."""
    rng = np.random.default_rng(number)
    embedding = rng.standard_normal(DIM).astype(np.float32)
    feeling = np.random.default_rng((number, 1)).uniform(-1, 1, 3)
    tags: list[str] = rng.choice(["home", "work", "play"], rng.integers(0, 3), replace=False).tolist()
    return Memory(
        id=f"m{number}",
        text=text or " ".join(rng.choice(WORDS, rng.integers(1, 8))),
        at=START + timedelta(minutes=int(rng.integers(0, 300)), microseconds=number),
        pad=PAD.clipped(*feeling.round(2).tolist()) if number % 4 else NEUTRAL,
        confidence=0.5,
        importance=0.5,
        embedding=embedding / np.linalg.norm(embedding),
        speaker=[None, "Alice", "Bob"][number % 3],
        kind=["utterance", "fact"][int(rng.integers(0, 2))],
        session=[None, "s1", "s2"][int(rng.integers(0, 3))],
        tags=tuple(tags),
        metadata={"number": number},
    )


class Plain(NamedTuple):
    """What a state must mean: the living in order, and when each forgotten id was forgotten."""

    living: tuple[Memory, ...] = ()
    forgotten: tuple[tuple[str, datetime | None], ...] = ()

    @property
    def gone(self) -> dict[str, datetime | None]:
        return dict(self.forgotten)

    def apply(self, event: Event) -> Plain:
        if isinstance(event, Remembered):
            return self._remember(event.memories)
        if isinstance(event, Forgotten):
            return self._forget(event.ids, (event.at,) * len(event.ids))
        if isinstance(event, Revised):
            return self._revise(event.memories)
        if isinstance(event, Picked):
            return self._remember(event.memories)._revise(event.revised)
        if isinstance(event, Merged):
            taken = self._remember(event.memories)._revise(event.revised)
            return taken._forget(event.forgotten, event.forgotten_at or (None,) * len(event.forgotten))
        return self

    def _remember(self, memories: Sequence[Memory]) -> Plain:
        living = list(self.living)
        for new in memories:
            if new.id not in self.gone and new.id not in {old.id for old in living}:
                living.append(new)
        return Plain(tuple(living), self.forgotten)

    def _revise(self, memories: Sequence[Memory]) -> Plain:
        living = list(self.living)
        last = {one.id: one for one in memories}
        for new in last.values():
            if new not in living:
                living = [old for old in living if old.id != new.id] + [new]
        return Plain(tuple(living), tuple(one for one in self.forgotten if one[0] not in last))

    def _forget(self, ids: Sequence[str], times: Sequence[datetime | None]) -> Plain:
        forgotten = dict(self.forgotten)
        for one, at in zip(ids, times, strict=True):
            forgotten.setdefault(one, at)
        return Plain(tuple(m for m in self.living if m.id not in forgotten), tuple(forgotten.items()))


class Happening(NamedTuple):
    """An event, and which of the states so far it happens to: an older one means a fork."""

    at: int
    event: Event


def merged(memories: Sequence[Memory], forgotten: Sequence[str], revised: Sequence[Memory] = ()) -> Merged:
    """A merge. None forgets what it brings in a new version."""
    gone = [one for one in forgotten if one not in {memory.id for memory in revised}]
    return Merged(Place("b", 1), None, tuple(memories), tuple(gone), (), None, tuple(revised))


def revised(number: int, hour: int) -> Memory:
    """Another version of the memory of this number, from that hour."""
    rng = np.random.default_rng((number, hour))
    old = memory(number, " ".join(rng.choice(WORDS, 3)))
    return replace(old, tags=(f"h{hour}",), revised_at=START + timedelta(hours=hour))


_MEMORIES = st.lists(NUMBERS, max_size=5).map(lambda numbers: tuple(memory(n) for n in numbers))
_REVISED = st.lists(st.builds(revised, NUMBERS, st.integers(0, 5)), max_size=3).map(tuple)
_IDS = st.lists(NUMBERS, max_size=6).map(lambda numbers: tuple(f"m{n}" for n in numbers))
_TIMES = st.none() | st.integers(0, 6).map(lambda hour: START + timedelta(hours=hour, minutes=30))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Remembered, _MEMORIES),
    st.builds(Remembered, _MEMORIES),
    st.builds(Remembered, _MEMORIES),
    st.builds(Revised, _REVISED),
    st.builds(Forgotten, _IDS, _TIMES),
    st.builds(merged, _MEMORIES, _IDS, _REVISED),
    st.builds(Picked, st.just(Place("b", 1)), _MEMORIES, _REVISED),
)
# Mostly the newest state goes on; now and then an older one does.
_HAPPENING = st.builds(Happening, st.sampled_from([0, 0, 0, 0, 1, 2, 5, 9]), EVENTS)
HAPPENINGS = st.lists(_HAPPENING, max_size=5) | st.lists(_HAPPENING, min_size=10, max_size=30)
SIZES = st.sampled_from([Sizes(tail=3, sealed=12, small=3), Sizes(tail=20, sealed=40, small=2)])


def textbook_terms(text: str) -> list[str]:
    stemmer = Stemmer.Stemmer("english")
    words = re.findall(r"[^\W_]+", text.casefold())
    return [str(stemmer.stemWord(word)) for word in words if word not in STOP_WORDS]


def textbook_bm25(documents: Sequence[list[str]], query: Sequence[str], knobs: Bm25) -> list[float]:
    """BM25 of every document as the formula is written, term by term."""
    scores = [0.0] * len(documents)
    mean = sum(map(len, documents)) / max(1, len(documents))
    for term in dict.fromkeys(query):
        df = sum(term in document for document in documents)
        idf = float(np.log1p((len(documents) - df + 0.5) / (df + 0.5)))
        for index, document in enumerate(documents):
            tf = Counter(document)[term]
            if tf:
                norm = knobs.k1 * (1.0 - knobs.b + knobs.b * (len(document) / mean))
                scores[index] += idf * (tf * (knobs.k1 + 1.0) / (tf + norm))
    return scores


def passes(memory: Memory, filters: Filters) -> bool:
    return (
        (filters.since is None or memory.at >= filters.since)
        and (filters.until is None or memory.at < filters.until)
        and filters.kind in {None, memory.kind}
        and filters.speaker in {None, memory.speaker}
        and set(filters.tags) <= set(memory.tags)
        and (filters.near is None or memory.pad.distance(filters.near.pad) <= filters.near.radius)
    )


@dataclass
class SlowFind:
    """What a search must find: per id its relevance, words and neighbours."""

    parts: dict[str, tuple[float, float, float]]


def slow_search(living: Sequence[Memory], query: Query, knobs: Bm25, context: Context) -> SlowFind:
    """A search over a plain list, with loops."""
    count = len(living)
    relevance = [0.0] * count
    if query.embedding is not None:
        relevance = [float(m.embedding.astype(float) @ query.embedding.astype(float)) for m in living]
    documents = [textbook_terms(" ".join((m.speaker or "", m.text, *m.tags))) for m in living]
    words = textbook_bm25(documents, textbook_terms(query.text or ""), knobs)
    if best := max(words, default=0.0):
        words = [score / best for score in words]
    allowed = [i for i in range(count) if passes(living[i], query.filters)]
    chosen = {i for i in allowed if living[i].id in query.also}
    if query.embedding is not None:
        chosen |= set(sorted(allowed, key=lambda i: -relevance[i])[: query.limit])
    chosen |= set(sorted((i for i in allowed if words[i] > 0), key=lambda i: -words[i])[: query.limit])
    around = [_around(living, i, context) for i in range(count)]
    if context.widen:
        chosen |= {j for i in chosen for j, _ in around[i]} & set(allowed)
    share = context.lexical_share
    matching = [(relevance[i] + share * words[i]) / (1 + share) for i in range(count)]
    nearby = [sum(weight * matching[j] for j, weight in around[i]) for i in range(count)]
    return SlowFind({living[i].id: (relevance[i], words[i], nearby[i]) for i in sorted(chosen)})


def _around(living: Sequence[Memory], index: int, context: Context) -> list[tuple[int, float]]:
    steps = [context.fade**step for step in range(context.reach)]
    found = []
    for others in (range(index - 1, -1, -1), range(index + 1, len(living))):
        at = index
        same = (j for j in others if living[j].session == living[index].session)
        for step, j in zip(steps, same, strict=False):
            gap_s = abs((living[j].at - living[at].at).total_seconds())
            if living[index].session is None and gap_s > context.gap_s:
                break
            found.append((j, step / (2 * sum(steps))))
            at = j
    return found


def other(memory: Memory, text: str) -> Memory:
    """The same id with something else in it."""
    return replace(memory, text=text)
