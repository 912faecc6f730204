"""Calls of many that become batches for one model: who waits for what, what is read next, what is remembered.

Owns the queue and the cache, and the sharing between callers. Reads nothing itself, knows no Ray and no thread.

Nobody waits for others to come: whatever has arrived while a batch was read is the next one. Callers take turns, so
that one text does not wait behind ten thousand of somebody else, and a batch is only as large as can be read in
``PASS_S``. A text that several wait for is read once, and one that was read before is answered at once, by its content.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import NamedTuple

from quantum_memory.checks import whole
from quantum_memory.memory.affect.perceiver import MAX_CACHE, content_key, images_of, speakers_of, texts_of
from quantum_memory.memory.held import Held
from quantum_memory.types import Percept

PASS_S = 0.1
"""How long the reading of one batch should take: nobody waits much longer than twice that for a text."""
FIRST_WORK, LEAST_WORK, MOST_WORK = 4096, 256, 1 << 22
"""How much one batch holds: at first, at least, at most."""
TEXT_WORK, IMAGE_WORK = 32, 1024
"""What a text counts beside its characters, and an image beside its text, where a character is 1."""


class Said(NamedTuple):
    """A text, who said it, if anybody did, and the bytes of an image that was shown with it."""

    text: str
    speaker: str | None = None
    image: bytes | None = None

    @property
    def work(self) -> int:
        """How long reading it takes, in characters."""
        return TEXT_WORK + len(self.text) + (0 if self.image is None else IMAGE_WORK)


class Asked:
    """One call: what it asked for, and what came of it so far.

    Attributes:
        keys: its texts by their content, in its order.
        found: what was read of them.
        missing: what it waits for.
        queue: what nobody has begun to read for it, in the order in which that is to be.
        error: what reading one of its texts raised; then nothing more of it is read.
    """

    def __init__(self, keys: Sequence[bytes], found: dict[bytes, Percept], queue: Sequence[bytes]) -> None:
        self.keys, self.found = keys, found
        self.missing, self.queue = set(queue), deque(queue)
        self.error: Exception | None = None

    @property
    def done(self) -> bool:
        """Whether there is an answer, or will be none."""
        return not self.missing

    def answer(self) -> list[Percept]:
        """A percept for each of its texts. Raises: what reading one of them raised."""
        if self.error is not None:
            raise self.error
        return [self.found[key] for key in self.keys]


class Batch(NamedTuple):
    """What is read next.

    Attributes:
        said: each by its content, short ones first.
        full: whether more was waiting.
        began_s: when it was made, by the clock of its gathering.
    """

    said: Mapping[bytes, Said]
    full: bool
    began_s: float


class Wanted(NamedTuple):
    """What is to be read, and who waits for it."""

    said: Said
    by: list[Asked]


class Gathering:
    """The calls that wait for one model. One owner calls it; it is not thread-safe.

    Args:
        cache_size: percepts that are kept, some 2 kB each; 0 keeps none.
        clock: seconds; only differences count.
        pass_s: how long the reading of one batch should take.

    Raises: InvalidValue, OutOfRange for a cache of less than none or more than ``MAX_CACHE``.
    """

    def __init__(
        self, cache_size: int = 8192, clock: Callable[[], float] = perf_counter, pass_s: float = PASS_S
    ) -> None:
        self._cache: Held[bytes, Percept] = Held(whole("cache_size", cache_size, 0, MAX_CACHE))
        self._clock, self._pass_s = clock, pass_s
        self._turns: deque[Asked] = deque()
        self._wanted: dict[bytes, Wanted] = {}
        self._work = FIRST_WORK
        self._calls = self._texts = self._hits = self._read = self._batches = 0

    @property
    def hits(self) -> int:
        """Texts that were known when they were asked for."""
        return self._hits

    @property
    def misses(self) -> int:
        """Texts that had to be read."""
        return self._texts - self._hits

    def add(self, said: Sequence[Said]) -> Asked:
        """Take up a call; it is done already if all of it was read before.

        Raises: InvalidValue for what is no text, speaker or image. Then nothing of the call is taken up.
        """
        texts = texts_of([one.text for one in said])
        speakers = speakers_of([one.speaker for one in said], len(texts))
        images = images_of([one.image for one in said], len(texts))
        keys = [content_key(*one) for one in zip(texts, speakers, images, strict=True)]
        found = {key: percept for key in dict.fromkeys(keys) if (percept := self._cache.get(key)) is not None}
        waiting = {key: one for key, one in zip(keys, said, strict=True) if key not in found}
        asked = Asked(keys, found, sorted(waiting, key=lambda key: waiting[key].work))
        for key, one in waiting.items():
            self._wanted.setdefault(key, Wanted(one, [])).by.append(asked)
        if waiting:
            self._turns.append(asked)
        self._calls += 1
        self._texts += len(keys)
        self._hits += sum(key in found for key in keys)
        return asked

    def leave(self, asked: Asked) -> None:
        """Read nothing more for a call; what others wait for too is still read. Harmless if it is done."""
        asked.queue.clear()
        for key in asked.missing:
            self._wanted[key].by.remove(asked)
            if not self._wanted[key].by:
                del self._wanted[key]
        asked.missing.clear()

    def batch(self) -> Batch | None:
        """What is to be read next; nothing if nobody waits. It must be settled before another is asked for."""
        chosen: dict[bytes, Said] = {}
        room, each = self._work, self._work / max(1, len(self._turns))
        while self._turns and room > 0:
            share = min(room, each)
            asked = self._turns.popleft()
            while asked.queue and share > 0:
                key = asked.queue.popleft()
                wanted = self._wanted.get(key)  # nobody waits for it if it was read for another call
                if wanted is not None and key not in chosen:
                    chosen[key] = wanted.said
                    share -= wanted.said.work
                    room -= wanted.said.work
            if asked.queue:
                self._turns.append(asked)
        if not chosen:
            return None
        ordered = dict(sorted(chosen.items(), key=lambda item: item[1].work))
        return Batch(ordered, bool(self._turns), self._clock())

    def settle(self, batch: Batch, results: Sequence[Percept | Exception]) -> list[Asked]:
        """Take what came of a batch, in its order; the calls that are done with it, once each."""
        done: list[Asked] = []
        for key, result in zip(batch.said, results, strict=True):
            if not isinstance(result, Exception):
                self._cache.put(key, result)
            for asked in self._wanted.pop(key, _NOBODY).by:
                asked.missing.discard(key)
                if isinstance(result, Exception):
                    asked.error = result
                    self.leave(asked)
                else:
                    asked.found[key] = result
                if asked.done:
                    done.append(asked)
        self._read += len(batch.said)
        self._batches += 1
        self._pace(batch)
        return done

    def status(self) -> dict[str, int]:
        """Counts since the start: calls and their texts, how many of those were known, batches and what they read.

        ``mean_batch`` is rounded; ``waiting`` counts texts now.
        """
        return {
            "calls": self._calls,
            "texts": self._texts,
            "cache_hits": self._hits,
            "read": self._read,
            "batches": self._batches,
            "mean_batch": round(self._read / max(1, self._batches)),
            "waiting": len(self._wanted),
        }

    def _pace(self, batch: Batch) -> None:
        """Make batches larger or smaller by how long this one took; by half or double at most, as times vary."""
        took_s = max(self._clock() - batch.began_s, 1e-9)
        factor = min(2.0, max(0.5, self._pass_s / took_s))
        if batch.full or factor < 1.0:
            self._work = int(min(MOST_WORK, max(LEAST_WORK, self._work * factor)))


_NOBODY = Wanted(Said(""), [])
