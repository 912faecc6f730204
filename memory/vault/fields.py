"""What fields of a write may hold, whichever database is behind: ids, texts and numbers. Each check returns nothing."""

from __future__ import annotations

from quantum_memory.checks import MAX_ID_CHARS, visible, within
from quantum_memory.errors import InvalidValue


def identifier(name: str, value: str) -> None:
    """Raises: InvalidValue, EmptyText, TooLong."""
    storable(name, within(name, visible(name, value), MAX_ID_CHARS))


def storable(name: str, value: str) -> None:
    """Raises: InvalidValue."""
    if "\x00" in value:
        raise InvalidValue(name, repr(value), "text without NUL, which PostgreSQL cannot hold")


def sequence(name: str, value: object) -> None:
    """Raises: InvalidValue."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise InvalidValue(name, repr(value), "a whole number from 0 to 2^63 - 1")
