"""Where a list goes on: what a page hands out for the next one, and reads back. Trusts nothing that it reads."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from quantum_memory.errors import InvalidValue, QuantumMemoryError

T = TypeVar("T")
CursorValue = str | int
MAX_NUMBER = 2**53
LONGEST = 1280
"""Characters of any cursor: a name or an id of 128 characters has 768 bytes in JSON at most, six each."""


def written(kind: str, *values: CursorValue) -> str:
    """A cursor of one kind of list: nothing that a caller is to read."""
    return base64.urlsafe_b64encode(json.dumps([kind, *values], ensure_ascii=False).encode()).decode().rstrip("=")


def read(kind: str, cursor: str, forms: Sequence[type[CursorValue]]) -> list[CursorValue]:
    """The values of a cursor. Raises: InvalidValue for what is none of this kind of list."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise _unknown(cursor) from None
    if not isinstance(found, list) or found[:1] != [kind] or [type(one) for one in found[1:]] != list(forms):
        raise _unknown(cursor)
    if any(isinstance(one, int) and not 0 <= one <= MAX_NUMBER for one in found[1:]):
        raise _unknown(cursor)
    return found[1:]


def number(kind: str, cursor: str) -> int:
    """The one number of a cursor. Raises: InvalidValue."""
    (found,) = read(kind, cursor, [int])
    return int(found)


def text(kind: str, cursor: str) -> str:
    """The one text of a cursor. Raises: InvalidValue."""
    (found,) = read(kind, cursor, [str])
    return str(found)


def after(
    kind: str, things: Sequence[T], cursor: str | None, limit: int, key: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """The page after a cursor of things in the order of their keys, and the next cursor.

    What comes or goes between two pages is missed or seen by itself, and shifts nothing else. Raises: InvalidValue.
    """
    last = None if cursor is None else text(kind, cursor)
    left = [one for one in things if last is None or key(one) > last]
    page = left[:limit]
    return page, written(kind, key(page[-1])) if len(left) > limit else None


def grown(
    kind: str, things: Sequence[T], cursor: str | None, limit: int, key: Callable[[T], str]
) -> tuple[list[T], str | None]:
    """The same for things that only ever come at the end, in the order in which they came. Raises: InvalidValue."""
    begin = 0
    if cursor is not None:
        last = text(kind, cursor)
        begin = next((number for number, one in enumerate(things, 1) if key(one) == last), -1)
        if begin < 0:
            raise _unknown(cursor)
    page = list(things[begin : begin + limit])
    return page, written(kind, key(page[-1])) if begin + limit < len(things) else None


def _unknown(cursor: str) -> QuantumMemoryError:
    return InvalidValue("cursor", repr(cursor[:64]), "`next` of a page of this list")
