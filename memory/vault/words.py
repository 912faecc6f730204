"""Words of texts, and the table in which each database finds them: FTS5 in SQLite, a GIN index in PostgreSQL.

What a word is, is decided here and not by the database, so that both find the same. A word is a run of letters and
digits of any script, without regard to case; nothing is stemmed and no word is too common. Knows no event.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from quantum_memory.errors import InvalidValue, TooLong
from quantum_memory.memory.vault import schema

TABLE = "remembered_words"
MAX_WORD_CHARS = 64
MAX_TEXT_BYTES = 400_000
"""Words beyond are not found: PostgreSQL holds about a megabyte of them, with their places, for one text."""
MAX_ASKED = 64
_WORD = re.compile(r"[^\W_]+")
_ASKED = re.compile(r"([^\W_]+)(\*?)")
_O = schema.remembered.c.ordinal


class Asked(NamedTuple):
    """A word that is looked for, or the beginning of one."""

    word: str
    prefix: bool


class Ranked(NamedTuple):
    """The parts of a query for words: what to join, what must hold, and by what the best come first."""

    table: sa.FromClause | None
    joined: sa.ColumnElement[bool]
    matches: sa.ColumnElement[bool]
    order: sa.ColumnElement[Any] | None


def words_of(text: str) -> list[str]:
    """The words of a text in order, as they are looked for."""
    folded = _folded(text)
    words = [word[:MAX_WORD_CHARS] for word in _WORD.findall(folded)]
    if 4 * len(folded) <= MAX_TEXT_BYTES:  # as nearly every text: UTF-8 takes no more for a character
        return words
    found: list[str] = []
    room = MAX_TEXT_BYTES
    for word in words:
        room -= len(word.encode()) + 1
        if room < 0:
            break
        found.append(word)
    return found


def asked(text: str) -> list[Asked]:
    """The words that somebody looks for, all of which must be there; one with a ``*`` after it is a beginning.

    Raises: InvalidValue if there is none, TooLong.
    """
    found = [Asked(match[1][:MAX_WORD_CHARS], bool(match[2])) for match in _ASKED.finditer(_folded(text))]
    if not found:
        raise InvalidValue("words", repr(text), "at least one word")
    if len(found) > MAX_ASKED:
        raise TooLong("words", len(found), MAX_ASKED, "words")
    return found


def is_there(connection: sa.Connection) -> bool:
    """Whether this database has the table: a SQLite without FTS5 makes none."""
    return sa.inspect(connection).has_table(TABLE)


def insert(connection: sa.Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Take in texts by ordinal."""
    if connection.dialect.name == "postgresql":
        statement = f"INSERT INTO {TABLE} (ordinal, words) VALUES (:ordinal, CAST(:words AS tsvector))"  # noqa: S608
        values = [{"ordinal": ordinal, "words": _vector(words_of(text))} for ordinal, text in rows]
    else:
        statement = f"INSERT INTO {TABLE} (rowid, words) VALUES (:ordinal, :words)"  # noqa: S608
        values = [{"ordinal": ordinal, "words": " ".join(words_of(text))} for ordinal, text in rows]
    connection.execute(sa.text(statement), values)


def erase(connection: sa.Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Forget texts by ordinal. SQLite must be told their words again: it keeps no copy of them."""
    if connection.dialect.name == "postgresql":
        gone = sa.table(TABLE, sa.column("ordinal"))
        connection.execute(sa.delete(gone).where(gone.c.ordinal.in_([ordinal for ordinal, _ in rows])))
        return
    statement = f"INSERT INTO {TABLE} ({TABLE}, rowid, words) VALUES ('delete', :ordinal, :words)"  # noqa: S608
    values = [{"ordinal": ordinal, "words": " ".join(words_of(text))} for ordinal, text in rows]
    connection.execute(sa.text(statement), values)


def clear(connection: sa.Connection) -> None:
    """Forget all texts."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"DELETE FROM {TABLE}"))  # noqa: S608
    else:
        connection.execute(sa.text(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('delete-all')"))  # noqa: S608


def ranked(connection: sa.Connection, words: Sequence[Asked]) -> Ranked:
    """How this database finds texts with all of the words. What was asked is a bound value, never a part of the SQL."""
    if not is_there(connection):
        return _without_table(words)
    if connection.dialect.name == "postgresql":
        table = sa.table(TABLE, sa.column("ordinal"), sa.column("words"))
        terms = " & ".join(f"'{word}'" + (":*" if prefix else "") for word, prefix in words)
        query: Any = sa.cast(terms, TSQUERY)
        order: sa.ColumnElement[Any] = sa.func.ts_rank(table.c.words, query, 1).desc()
        return Ranked(table, table.c.ordinal == _O, table.c.words.op("@@")(query), order)
    table = sa.table(TABLE, sa.column("rowid"))
    whole: sa.ColumnClause[Any] = sa.literal_column(TABLE)
    terms = " ".join(f'"{word}"' + (" *" if prefix else "") for word, prefix in words)
    return Ranked(table, table.c.rowid == _O, whole.op("MATCH")(terms), sa.func.bm25(whole))


def _without_table(words: Sequence[Asked]) -> Ranked:
    """Look at every text: parts of words are found too, and only ASCII regardless of case."""
    text = schema.remembered.c.text
    found = sa.and_(*(text.ilike(f"%{word}%") for word, _ in words))
    return Ranked(None, sa.true(), found, None)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _vector(words: Iterable[str]) -> str:
    """A tsvector as PostgreSQL reads it: each word in quotes, with its places. A word has no quote in it."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(words, start=1):
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(where[:256])}" for word, where in places.items())
