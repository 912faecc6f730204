"""Texts and ids one after another in bytes, each found by its place. Knows nothing of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.episodic.columnar import narrow

_HEX = frozenset(b"0123456789abcdef")


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
        return cls(b"".join(texts), narrow(starts, np.uint16, np.uint32))

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
    """Ids, which are mostly numbers of one length in hexadecimal digits and then kept as these numbers."""

    __slots__ = ("_data", "_texts", "_width")

    def __init__(self, ids: Sequence[bytes]) -> None:
        width = len(ids[0]) if ids else 0
        joined = b"".join(ids)
        alike = width > 0 and not width % 2 and len(joined) == width * len(ids) and _HEX.issuperset(joined)
        self._width = width // 2 if alike and all(len(one) == width for one in ids) else 0
        self._data = bytes.fromhex(joined.decode("ascii")) if self._width else b""
        self._texts = None if self._width else Texts.of(ids)

    @classmethod
    def of(cls, ids: Sequence[bytes]) -> Ids:
        """These ids, as UTF-8."""
        return cls(ids)

    def __len__(self) -> int:
        return len(self._data) // self._width if self._texts is None else len(self._texts)

    def __getitem__(self, place: int) -> str:
        if self._texts is None:
            width = self._width
            return self._data[width * place : width * (place + 1)].hex()
        return self._texts[place]

    @property
    def nbytes(self) -> int:
        return len(self._data) if self._texts is None else self._texts.nbytes

    def raws(self) -> list[bytes]:
        """All of them, as UTF-8."""
        if self._texts is None:
            digits, width = self._data.hex().encode("ascii"), 2 * self._width
            return [digits[start : start + width] for start in range(0, len(digits), width)]
        return self._texts.raws()
