"""To which embeddings a vault is tied: the model and the dimension, written once and compared at every opening.

Knows no model. A pin is the model's name and the dimension of its vectors, as in ``minilm/384``.
"""

from __future__ import annotations

import sqlalchemy as sa

from quantum_memory.checks import visible, within
from quantum_memory.errors import CorruptRecord, InvalidValue, OtherEmbedding
from quantum_memory.memory.vault import schema

KEY = "embedding"
MAX_CHARS = 4096 + 16  # a model may be named by its folder
WANT = "a model and its dimension, as in 'minilm/384'"


def checked(embedding: str) -> str:
    """A pin that can be written. Raises: EmptyText, TooLong, InvalidValue."""
    within("embedding", visible("embedding", embedding), MAX_CHARS)
    if "\x00" in embedding or dimension(embedding) is None:
        raise InvalidValue("embedding", repr(embedding), WANT)
    return embedding


def dimension(embedding: str) -> int | None:
    """The number after the last slash; ``None`` if there is none above zero, or no name before it."""
    model, _, number = embedding.rpartition("/")
    if not model or not (number.isascii() and number.isdecimal()):
        return None
    return int(number) or None


def pin(connection: sa.Connection, storage: str, asked: str | None) -> str | None:
    """What the vault is tied to, which is what was asked for if it was not tied yet. ``None`` asks for nothing.

    Raises: OtherEmbedding, CorruptRecord.
    """
    value = schema.meta.c.value
    found = connection.execute(sa.select(value).where(schema.meta.c.key == KEY)).scalar_one_or_none()
    if found is None:
        if asked is not None:
            connection.execute(sa.insert(schema.meta), {"key": KEY, "value": asked})
        return asked
    if dimension(found) is None:
        raise CorruptRecord(f"{storage}: embedding", f"expected {WANT}, got {found!r}")
    if asked not in (None, found):
        raise OtherEmbedding(storage, found, asked)
    return str(found)
