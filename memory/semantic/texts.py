"""Texts and ids one after another in bytes, each found by its place. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import narrow

_HEX = frozenset(b"0123456789abcdef")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd and without a pattern in its bits: 2^64 by the golden ratio."""


class Texts:
    """Texts as UTF-8. Shapes: ``starts`` (n + 1,) whole numbers; what begins there is in ``data``."""

    __slots__ = ("_at", "data", "starts")

    def __init__(self, data: bytes, starts: NDArray[Any]) -> None:
        self.data, self.starts = data, starts
        self._at = starts.data

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        """These texts."""
        starts = np.fromiter(accumulate(map(len, texts), initial=0), np.int64, len(texts) + 1)
        return cls(b"".join(texts), _narrowed(starts))

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """The texts of all of these, in order."""
        ends = np.cumsum([0, *(len(part.data) for part in parts)])
        starts = [part.starts[:-1].astype(np.int64) + end for part, end in zip(parts, ends[:-1].tolist(), strict=True)]
        return cls(b"".join(part.data for part in parts), _narrowed(np.concatenate([*starts, ends[-1:]])))

    def taken(self, places: NDArray[Any]) -> Texts:
        """The texts at these places, in this order."""
        begins = self.starts[places].astype(np.int64)
        sizes = self.starts[places + 1] - begins
        data = np.frombuffer(self.data, np.uint8)[spread(begins, sizes)].tobytes()
        return Texts(data, _narrowed(np.append(0, np.cumsum(sizes))))

    def marks(self) -> NDArray[np.uint64]:
        """(n,) a number each, equal for equal texts: their bytes as the coefficients of a polynomial, modulo 2^64."""
        starts = self.starts.astype(np.int64)
        sizes = starts[1:] - starts[:-1]
        powers = np.multiply.accumulate(np.full(int(sizes.max(initial=0)) + 1, _FACTOR))
        terms = np.frombuffer(self.data, np.uint8) * powers[np.arange(len(self.data)) - np.repeat(starts[:-1], sizes)]
        sums: NDArray[np.uint64] = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms)])
        return sums[starts[1:]] - sums[starts[:-1]]

    def same(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(k,) whether the text at a place of one is that at the place of the other; byte by byte."""
        starts, data = self.starts.astype(np.int64), np.frombuffer(self.data, np.uint8)
        sizes = starts[one + 1] - starts[one]
        equal: NDArray[np.bool_] = sizes == starts[other + 1] - starts[other]
        begins, others, sizes = starts[one][equal], starts[other][equal], sizes[equal]
        unlike = np.append(0, np.cumsum(data[spread(begins, sizes)] != data[spread(others, sizes)]))
        ends = np.cumsum(sizes)
        equal[equal] = unlike[ends] == unlike[ends - sizes]
        return equal

    def __reduce__(self) -> Any:
        return type(self), (self.data, self.starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> str:
        at = self._at
        return self.data[at[place] : at[place + 1]].decode("utf-8", "surrogatepass")

    @property
    def nbytes(self) -> int:
        return len(self.data) + int(self.starts.nbytes)

    def raws(self) -> list[bytes]:
        """All of them, as UTF-8."""
        return [self.data[start:end] for start, end in pairwise(self.starts.tolist())]

    def all(self) -> list[str]:
        """All of them."""
        return [one.decode("utf-8", "surrogatepass") for one in self.raws()]


class Ids:
    """Ids, which are mostly numbers of one length in hexadecimal digits and then kept as these numbers.

    Attributes:
        data: the numbers, one after another; empty if they are kept as texts.
        width: bytes of each number, or 0.
    """

    __slots__ = ("_texts", "data", "width")

    def __init__(self, data: bytes, width: int, texts: Texts | None = None) -> None:
        """Numbers of so many bytes each, or else texts."""
        self.data, self.width, self._texts = data, width, texts

    @classmethod
    def of(cls, ids: Sequence[bytes]) -> Ids:
        """These ids, as UTF-8."""
        width = len(ids[0]) if ids else 0
        joined = b"".join(ids)
        alike = width > 0 and not width % 2 and len(joined) == width * len(ids) and _HEX.issuperset(joined)
        if alike and all(len(one) == width for one in ids):
            return cls(bytes.fromhex(joined.decode("ascii")), width // 2)
        return cls(b"", 0, Texts.of(ids))

    @classmethod
    def joined(cls, parts: Sequence[Ids]) -> Ids:
        """The ids of all of these, in order."""
        widths = {part.width for part in parts}
        if len(widths) == 1 and 0 not in widths:
            return cls(b"".join(part.data for part in parts), widths.pop())
        return cls.of([one for part in parts for one in part.raws()])

    def taken(self, places: NDArray[Any]) -> Ids:
        """The ids at these places, in this order."""
        if self._texts is None:
            numbers = np.frombuffer(self.data, np.uint8).reshape(-1, self.width)
            return Ids(numbers[places].tobytes(), self.width)
        return Ids(b"", 0, self._texts.taken(places))

    @property
    def texts(self) -> Texts | None:
        """The ids as texts, where they are kept so."""
        return self._texts

    def __len__(self) -> int:
        return len(self.data) // self.width if self._texts is None else len(self._texts)

    def __getitem__(self, place: int) -> str:
        if self._texts is None:
            width = self.width
            return self.data[width * place : width * (place + 1)].hex()
        return self._texts[place]

    @property
    def nbytes(self) -> int:
        return len(self.data) if self._texts is None else self._texts.nbytes

    def raws(self) -> list[bytes]:
        """All of them, as UTF-8."""
        if self._texts is None:
            digits, width = self.data.hex().encode("ascii"), 2 * self.width
            return [digits[start : start + width] for start in range(0, len(digits), width)]
        return self._texts.raws()


def spread(starts: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.int64]:
    """The numbers of all entries of stretches that begin at ``starts`` and are so long."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(int(sizes.sum()))


def _narrowed(starts: NDArray[Any]) -> NDArray[Any]:
    return narrow(starts, np.uint16, np.uint32)
