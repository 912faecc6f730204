"""Tables with a header: CSV (RFC 4180), also with semicolons or tabs between the columns.

Owns which column becomes which field. Quoted fields may hold line ends.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quantum_memory.errors import InvalidInput, InvalidValue, UnreadableFile, UnreadableLine
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment
from quantum_memory.memory.exchange.sources import MAX_LINE_BYTES, Part, Source

FIELDS = ("text", "speaker", "at", "session", "kind", "id", "tags", "importance")
USUAL: Mapping[str, Sequence[str]] = {
    "text": ("text", "message", "content", "body", "utterance"),
    "speaker": ("speaker", "author", "sender", "from", "user", "name"),
    "at": ("at", "date", "time", "datetime", "timestamp", "created_at"),
    "session": ("session", "conversation", "channel", "thread"),
    "kind": ("kind",),
    "id": ("id",),
    "tags": ("tags",),
    "importance": ("importance",),
}
"""Names of columns that are taken for a field where nobody says which, in this order, in any case."""
DELIMITERS = ",;\t|"


class _Lines(Iterator[str]):
    """Lines with their ends for ``csv``; a bad one is raised, and the next call goes on after it."""

    def __init__(self, source: Source, part: Part) -> None:
        self._lines = source.lines(part)
        self.number = 0

    def __next__(self) -> str:
        self.number, line = next(self._lines)
        if isinstance(line, UnreadableLine):
            raise line
        return line + "\n"


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Rows, each with the number of the line that it ends in. Columns without a field become metadata.

    Tags are separated by semicolons or commas; ``at`` is ISO 8601 or seconds since the epoch.

    Raises: UnreadableFile without a column for the text, or where a column that was named is not there.
    """
    for part in source.parts:
        yield from _read_part(source, part, reading)


def _read_part(source: Source, part: Part, reading: Reading) -> Iterator[Entry]:
    label, before = source.label(part), source.position
    first = next((line for _, line in source.lines(part) if isinstance(line, str) and line.strip()), "")
    source.position = before
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _Lines(source, part)
    rows = csv.reader(lines, delimiter=max(DELIMITERS, key=first.count), strict=True)
    header: list[str] | None = None
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except (UnreadableLine, csv.Error) as error:
            told = error if isinstance(error, UnreadableLine) else None
            told = told or UnreadableLine(label, lines.number, f"not CSV: {error}")
            if header is None:
                raise UnreadableFile(label, f"its header cannot be read: line {told.line}: {told.reason}") from None
            yield Entry(label, f"line {told.line}", told)
            continue
        if header is None and any(cell.strip() for cell in row):
            header = [name.strip() for name in row]
            columns = chosen(label, header, reading.columns)
        elif header is not None and any(cell.strip() for cell in row):
            yield _row(label, lines.number, header, row, columns, reading)


def chosen(label: str, header: Sequence[str], asked: Mapping[str, str]) -> dict[str, str]:
    """The column of each field that has one. Raises: UnreadableFile, InvalidValue."""
    unknown = [name for name in asked if name not in FIELDS]
    if unknown:
        raise InvalidValue("columns", repr(unknown[0]), f"fields: {', '.join(FIELDS)}")
    missing = [column for column in asked.values() if column not in header]
    if missing:
        raise UnreadableFile(label, f"it has no column {missing[0]!r}, only {', '.join(map(repr, header))}")
    found = dict(asked)
    for name in FIELDS:
        usual = next((column for one in USUAL[name] for column in header if column.lower() == one), None)
        if name not in found and usual is not None and usual not in found.values():
            found[name] = usual
    if "text" not in found:
        raise UnreadableFile(label, f"no column is the text: say which of {', '.join(map(repr, header))}")
    return found


def _row(
    label: str, line: int, header: Sequence[str], row: Sequence[str], columns: Mapping[str, str], reading: Reading
) -> Entry:
    place = f"line {line}"
    if len(row) != len(header):
        return Entry(label, place, UnreadableLine(label, line, f"{len(row)} cells, the header has {len(header)}"))
    cells = dict(zip(header, row, strict=True))
    made: dict[str, Any] = {name: cells[column] for name, column in columns.items() if cells[column].strip()}
    taken = set(columns.values())
    made["metadata"] = {name: cell for name, cell in cells.items() if name not in taken and cell}
    made.setdefault("text", "")
    try:
        made["at"] = moment("at", made.get("at"), reading.zone)
        made["importance"] = _number(made.get("importance"))
    except InvalidInput as error:
        return Entry(label, place, UnreadableLine(label, line, str(error)))
    if "tags" in made:
        made["tags"] = tuple(tag.strip() for tag in made["tags"].replace(";", ",").split(",") if tag.strip())
    return entry(label, place, made)


def _number(cell: str | None) -> float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        raise InvalidValue("importance", repr(cell), "a number") from None
