"""Checks on what callers hand in: each returns the value made fit, or raises an error that names value and limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import EmptyText, InvalidValue, NotFinite, OutOfRange, ShapeMismatch, TooLong

MAX_NAME_CHARS = 128
MAX_ID_CHARS = 128
MAX_METADATA_DEPTH = 8


def visible(name: str, text: object) -> str:
    """The text, if it is one and something in it can be seen. Raises: InvalidValue, EmptyText."""
    if not isinstance(text, str):
        raise InvalidValue(name, type(text).__name__, "a text")
    if not text.strip():
        raise EmptyText(name, text)
    return _encodable(name, text)


def within(name: str, text: str, limit: int) -> str:
    """The text, if it is no longer than the limit in characters. Raises: TooLong."""
    if len(text) > limit:
        raise TooLong(name, len(text), limit, "characters")
    return text


def bounded(name: str, value: float, low: float, high: float) -> float:
    """The number, if it is finite and in [low, high]. Raises: InvalidValue, NotFinite, OutOfRange."""
    if type(value) is float and low <= value <= high and abs(value) < math.inf:
        return value  # what nearly everything is
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise InvalidValue(name, repr(value), "a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond any float
        raise OutOfRange(name, math.inf if value > 0 else -math.inf, low, high) from None
    if not math.isfinite(number):
        raise NotFinite(name, number)
    if not low <= number <= high:
        raise OutOfRange(name, number, low, high)
    return number


def whole(name: str, value: object, low: float, high: float) -> int:
    """The whole number, if it is one and in [low, high]. Raises: InvalidValue, OutOfRange."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidValue(name, repr(value), "a whole number")
    if not low <= value <= high:
        # A whole number beyond any float is told as the largest that a float counts by ones.
        raise OutOfRange(name, float(max(-(2**53), min(int(value), 2**53))), low, high)
    return int(value)


def distinct(name: str, values: object, count: int) -> tuple[int, ...]:
    """The whole numbers below ``count``, if there is at least one and none comes twice.

    Raises: InvalidValue, also for what is no sequence; OutOfRange.
    """
    listed = list(values) if isinstance(values, np.ndarray) and values.ndim == 1 else values
    if isinstance(listed, str | bytes) or not isinstance(listed, Sequence):
        raise InvalidValue(name, repr(values), "a sequence of whole numbers")
    chosen = tuple(whole(name, value, 0, count - 1) for value in listed)
    if not chosen or len(set(chosen)) != len(chosen):
        raise InvalidValue(name, str(chosen), "at least one, each once")
    return chosen


def vector(name: str, value: object, dim: int | None = None) -> NDArray[np.float32]:
    """A (d,) float32 of unit length made from ``value``, which is not changed.

    Raises: ShapeMismatch if it is not one-dimensional or not of length ``dim``; NotFinite if it holds NaN or
        infinity, or is all zero and so points nowhere.
    """
    try:
        given = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidValue(name, type(value).__name__, "a vector of numbers that a float can hold") from None
    if given.ndim != 1 or given.size == 0 or (dim is not None and given.size != dim):
        raise ShapeMismatch(name, (dim if dim is not None else "d",), given.shape)
    if not np.isfinite(given).all():
        worst = int(np.flatnonzero(~np.isfinite(given))[0])
        raise NotFinite(name, float(given[worst]), f"index {worst}")
    largest = float(np.abs(given).max())
    if largest == 0.0:
        raise NotFinite(name, 0.0, "every index: a zero vector has no direction")
    scaled = given / largest
    return (scaled / np.linalg.norm(scaled)).astype(np.float32)


def utc(name: str, at: object) -> datetime:
    """The time in UTC; a naive one is read as UTC already. Raises: InvalidValue."""
    if not isinstance(at, datetime):
        raise InvalidValue(name, repr(at), "a datetime")
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(name, at.isoformat(), "a time between the years 1 and 9999 in UTC") from None


def named(kind: str, name: object) -> str:
    """The name of an agent or a branch, if it is fit for one. Raises: InvalidValue, EmptyText, TooLong."""
    text = within(kind, visible(kind, name), MAX_NAME_CHARS)
    if text != text.strip() or any(char in "/@" or not char.isprintable() for char in text):
        raise InvalidValue(kind, repr(text), "a name without '/', '@', control characters or outer white space")
    return text


def no_step(kind: str, name: str) -> str:
    """The name or id, if a URL can hold it as a step of its path. Raises: InvalidValue.

    Browsers and clients take "." and ".." there for the way to another path, also where they are escaped.
    """
    if name in (".", ".."):
        raise InvalidValue(kind, repr(name), "anything but '.' and '..', which no URL can hold as a step of its path")
    return name


def new_name(kind: str, name: object) -> str:
    """The name of an agent, a branch or a tag, if one may be made that is called so.

    Raises: InvalidValue, EmptyText, TooLong.
    """
    return no_step(kind, named(kind, name))


def plain(name: str, value: object, depth: int = MAX_METADATA_DEPTH) -> Any:
    """A copy of what JSON could hold: text, numbers, truth values, None, and lists and mappings of these.

    Raises: InvalidValue, NotFinite, TooLong when nested deeper than ``depth``.
    """
    if depth < 0:
        raise TooLong(name, MAX_METADATA_DEPTH + 1, MAX_METADATA_DEPTH, "levels")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidValue(name, repr(key), "keys that are text")
            _encodable(f"{name}: a key", key)
        return {key: plain(f"{name}.{key}", inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(f"{name}[{index}]", inner, depth - 1) for index, inner in enumerate(value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotFinite(name, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**64:
            raise OutOfRange(name, value, -(2**63), 2**64 - 1)
    elif isinstance(value, str):
        _encodable(name, value)
    elif not (value is None or isinstance(value, bool)):
        raise InvalidValue(name, type(value).__name__, "text, a number, a truth value, None, a list or a mapping")
    return value


def _encodable(name: str, text: str) -> str:
    """The text, unless it holds half of a surrogate pair, which no file can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValue(name, repr(text[error.start : error.end]), "text that UTF-8 can hold") from None
    return text
