"""The memories, concepts and sessions of a graph as mappings. They look things up when asked, and keep nothing.

Owns what is known of a concept as a value. Who goes through all memories or sessions does so by ``items``, and through
all concepts by ``told``, which read the columns once; two mappings are equal if they say the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import ItemsView, Iterator, Mapping, Sequence, ValuesView
from itertools import islice

from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.weave import Spot, Trace, Woven, close, commonest
from quantum_memory.types import MemoryId


class Known:
    """A concept as the memories of a branch know it. Two are equal if they say the same."""

    __slots__ = ("_count", "_spots", "_woven", "key")

    def __init__(self, woven: Woven, key: str, spots: Sequence[Spot], count: int) -> None:
        self._woven, self.key, self._spots, self._count = woven, key, spots, count

    def __len__(self) -> int:
        """How many memories mention it."""
        return self._count

    def newest(self, most: int | None = None) -> Iterator[MemoryId]:
        """The memories that mention it, newest first."""
        return map(self._woven.id, islice(self._woven.newest(self._spots), most))

    @property
    def mentions(self) -> list[MemoryId]:
        """All of them."""
        return list(self.newest())

    @property
    def links(self) -> dict[str, int]:
        """Keys of the concepts beside it, and in how many memories they stand close together."""
        return self._woven.links(self.key, self._spots) or {}

    def links_within(self, most: int) -> dict[str, int] | None:
        """The same, or ``None`` if they are more than so many."""
        return self._woven.links(self.key, self._spots, most)

    @property
    def forms(self) -> dict[Concept, int]:
        """The forms in which it stood, and in how many memories each."""
        return dict(self._woven.forms(self.key, self._spots))

    def concept(self) -> Concept:
        """Its commonest form of the most telling kind that a quarter of its memories give it."""
        return commonest(self.forms.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Known | Told):
            return NotImplemented
        return _said(self) == _said(other)

    __hash__ = None  # type: ignore[assignment]  # it is compared by what it says


class Told:
    """The same, as it was found in passing when all memories were read.

    Attributes:
        forms: the forms in which it stood, and in how many memories each.
        mentions: the memories that speak of it, newest first.
        links: keys of the concepts beside it, and in how many memories they stand close together.
    """

    __slots__ = ("forms", "links", "mentions")

    def __init__(self) -> None:
        self.forms: Counter[Concept] = Counter()
        self.mentions: list[MemoryId] = []
        self.links: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self.mentions)

    def concept(self) -> Concept:
        """As that of ``Known``."""
        return commonest(self.forms.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Known | Told):
            return NotImplemented
        return _said(self) == _said(other)

    __hash__ = None  # type: ignore[assignment]  # it is compared by what it says


def _said(known: Known | Told) -> tuple[object, ...]:
    return dict(known.forms), known.mentions, dict(known.links)


class Traces(Mapping[MemoryId, Trace]):
    """What each memory put in, in the order of remembering."""

    __slots__ = ("_woven",)

    def __init__(self, woven: Woven) -> None:
        self._woven = woven

    def __len__(self) -> int:
        return self._woven.count

    def __contains__(self, memory: object) -> bool:
        return isinstance(memory, str) and self._woven.find(memory) >= 0

    def __getitem__(self, memory: MemoryId) -> Trace:
        at = self._woven.find(memory)
        if at < 0:
            raise KeyError(memory)
        return self._woven.trace(at)

    def __iter__(self) -> Iterator[MemoryId]:
        for part in self._woven.slices:
            ids = part.run.ids
            for row in part.living().tolist():
                yield ids[row]

    def items(self) -> ItemsView[MemoryId, Trace]:
        found: dict[MemoryId, Trace] = {}
        last: dict[str, MemoryId] = {}
        for memory, concepts, session in self._woven.heard():
            before = None if session is None else last.get(session)
            found[memory] = Trace(concepts, session, before, None)
            if before is not None:
                found[before] = found[before]._replace(after=memory)
            if session is not None:
                last[session] = memory
        return found.items()

    def values(self) -> ValuesView[Trace]:
        return dict(self.items()).values()


class Concepts(Mapping[str, Known]):
    """The concepts by key."""

    __slots__ = ("_woven",)

    def __init__(self, woven: Woven) -> None:
        self._woven = woven

    def __len__(self) -> int:
        return self._woven.count_concepts()

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        parts = self._woven.slices
        return any(parts[part].count(place) for part, place in self._woven.spots(key))

    def __getitem__(self, key: str) -> Known:
        spots = self._woven.spots(key)
        count = self._woven.mentions(spots) if spots else 0
        if not count:
            raise KeyError(key)
        return Known(self._woven, key, spots, count)

    def __iter__(self) -> Iterator[str]:
        return iter(self._woven.all_keys())

    def told(self) -> dict[str, Told]:
        """What is known of every concept, found by going through all memories once."""
        found: dict[str, Told] = {}
        for memory, concepts, _ in self._woven.heard():
            keys = [concept.key for concept in concepts]
            for concept in concepts:
                told = found.get(concept.key)
                if told is None:
                    told = found[concept.key] = Told()
                told.forms[concept] += 1
                told.mentions.append(memory)
                told.links.update(close(keys, concept.key))
        for told in found.values():
            told.mentions.reverse()
        return found

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Concepts):
            return NotImplemented
        return self.told() == other.told()

    __hash__ = None  # type: ignore[assignment]  # it is compared by what it says


class Last(Mapping[str, MemoryId]):
    """The last memory of each session."""

    __slots__ = ("_woven",)

    def __init__(self, woven: Woven) -> None:
        self._woven = woven

    def __len__(self) -> int:
        return len(self._woven.all_sessions())

    def __getitem__(self, session: str) -> MemoryId:
        at = self._woven.last(session)
        if at < 0:
            raise KeyError(session)
        return self._woven.id(at)

    def __iter__(self) -> Iterator[str]:
        return iter(self._woven.all_sessions())

    def items(self) -> ItemsView[str, MemoryId]:
        return self._woven.all_sessions().items()
