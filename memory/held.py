"""A dictionary that forgets what was used least recently, so that what is kept for speed cannot grow for ever.

Owns the account of the bytes that what is kept takes. Never makes or changes a value.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from quantum_memory.checks import whole

K = TypeVar("K")
V = TypeVar("V")
WARN_AT = 0.9
MOST_BYTES = 1 << 62


class Weighty(Protocol):
    """Something that knows how many bytes it takes."""

    @property
    def nbytes(self) -> int: ...


class Load(Generic[V]):
    """The bytes of what values hold, where several may hold one thing: each thing counts once, by identity.

    It can be over its limit, and says so; whoever holds the values lets some go. Not thread-safe.

    Args:
        limit: bytes there should be at most.
        of: the thing that a value holds, which stays the same as long as the value does.
        on_near: called with (held, limit), once, when more than ``WARN_AT`` of the limit is held for the first time.

    Raises: InvalidValue, OutOfRange.
    """

    def __init__(
        self, limit: int, of: Callable[[V], Weighty], on_near: Callable[[int, int], None] | None = None
    ) -> None:
        self.limit = whole("limit", limit, 1, MOST_BYTES)
        self._of, self._on_near = of, on_near
        self._things: dict[int, tuple[Weighty, int, int]] = {}
        self._held = 0

    @property
    def held(self) -> int:
        """Bytes of all things that are held."""
        return self._held

    @property
    def over(self) -> bool:
        """Whether that is more than the limit."""
        return self._held > self.limit

    def add(self, value: V) -> None:
        """A value is held; its thing is weighed anew."""
        thing = self._of(value)
        nbytes = thing.nbytes
        _, before, holders = self._things.get(id(thing), (thing, 0, 0))
        self._things[id(thing)] = thing, nbytes, holders + 1
        self._held += nbytes - before
        if self._on_near is not None and self._held > WARN_AT * self.limit:
            tell, self._on_near = self._on_near, None
            tell(self._held, self.limit)

    def remove(self, value: V) -> None:
        """A value that was added is held no longer."""
        thing = self._of(value)
        _, nbytes, holders = self._things.pop(id(thing))
        if holders > 1:
            self._things[id(thing)] = thing, nbytes, holders - 1
        else:
            self._held -= nbytes


class Held(Generic[K, V]):
    """At most ``most`` values by key, and of no more bytes than a load allows. Not thread-safe.

    The value that was put last is held whatever it weighs, unless ``most`` is 0.

    Attributes:
        hits, misses: how often ``get`` found something and nothing.
    """

    def __init__(self, most: int, load: Load[V] | None = None) -> None:
        self._most, self._load = most, load
        self._values: OrderedDict[K, V] = OrderedDict()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, which now counts as used, or ``None``."""
        if key not in self._values:
            self.misses += 1
            return None
        self.hits += 1
        self._values.move_to_end(key)
        return self._values[key]

    def kept(self) -> list[V]:
        """All that it holds, none of which counts as used by this."""
        return list(self._values.values())

    def oldest(self) -> Iterator[tuple[K, V]]:
        """All that it holds, those used longest ago first. Nothing may change while it is read."""
        return iter(self._values.items())

    def put(self, key: K, value: V) -> None:
        """Hold a value, weighed as it is now, and drop those that were used longest ago if there are too many."""
        if self._load is not None:
            self._load.add(value)
        self.drop(key)
        self._values[key] = value
        while len(self._values) > self._most or self._overloaded():
            self.drop(next(iter(self._values)))

    def drop(self, key: K) -> None:
        """Hold it no longer. Harmless if it is not held."""
        if key in self._values:
            value = self._values.pop(key)
            if self._load is not None:
                self._load.remove(value)

    def drop_where(self, gone: Callable[[K], bool]) -> None:
        """Hold no longer what is under keys of which this is so."""
        for key in [key for key in self._values if gone(key)]:
            self.drop(key)

    def clear(self) -> None:
        """Hold nothing any longer."""
        while self._values:
            self.drop(next(iter(self._values)))

    def _overloaded(self) -> bool:
        return self._load is not None and self._load.over and len(self._values) > 1
