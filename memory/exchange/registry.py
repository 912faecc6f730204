"""Every format that can be read: its name, its reader, and how a file tells which it is.

Owns the choice. Reads of a file what is needed for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal, get_args

from quantum_memory.errors import InvalidValue, UnreadableFile
from quantum_memory.memory.exchange import (
    assistants,
    discord,
    documents,
    json_lines,
    letta,
    locomo,
    mem0,
    slack,
    table,
    telegram,
    transcript,
    whatsapp,
)
from quantum_memory.memory.exchange.entries import Entry, Reading, identified
from quantum_memory.memory.exchange.sources import Part, Source

Format = Literal[
    "jsonl",
    "transcript",
    "csv",
    "whatsapp",
    "telegram",
    "slack",
    "discord",
    "chatgpt",
    "claude",
    "locomo",
    "mem0",
    "mem0-history",
    "letta",
]
FORMATS: tuple[Format, ...] = get_args(Format)
READERS: Mapping[Format, Callable[[Source, Reading], Iterator[Entry]]] = {
    "jsonl": json_lines.read,
    "transcript": transcript.read,
    "csv": table.read,
    "whatsapp": whatsapp.read,
    "telegram": telegram.read,
    "slack": slack.read,
    "discord": discord.read,
    "chatgpt": assistants.chatgpt,
    "claude": assistants.claude,
    "locomo": locomo.read,
    "mem0": mem0.read,
    "mem0-history": mem0.history,
    "letta": letta.read,
}
LINE_SUFFIXES, TABLE_SUFFIXES = (".jsonl", ".ndjson", ".json"), (".csv", ".tsv")
IN_LISTS: tuple[tuple[frozenset[str], Format], ...] = (
    (frozenset({"mapping"}), "chatgpt"),
    (frozenset({"chat_messages"}), "claude"),
    (frozenset({"qa"}), "locomo"),
    (frozenset({"conversation"}), "locomo"),
    (frozenset({"id", "memory"}), "mem0"),
    (frozenset({"id", "payload"}), "mem0"),
    (frozenset({"type", "ts"}), "slack"),
)
AT_THE_ROOT: tuple[tuple[frozenset[str], Format], ...] = (
    (frozenset({"guild", "channel"}), "discord"),
    (frozenset({"agents"}), "letta"),
    (frozenset({"agent_type"}), "letta"),
    (frozenset({"core_memory"}), "letta"),
    (frozenset({"results"}), "mem0"),
    (frozenset({"result"}), "mem0"),
    (frozenset({"points"}), "mem0"),
    (frozenset({"memories"}), "mem0"),
    (frozenset({"chats"}), "telegram"),
    (frozenset({"type", "id", "messages"}), "telegram"),
    (frozenset({"mapping"}), "chatgpt"),
    (frozenset({"chat_messages"}), "claude"),
    (frozenset({"qa"}), "locomo"),
    (frozenset({"conversation"}), "locomo"),
)
"""Which keys of the first element, or of the document, tell a format; the first that are all there wins."""


def read(
    source: Source,
    form: Format | None = None,
    reading: Reading | None = None,
    *,
    text_chars: int | None = None,
    dim: int | None = None,
) -> Iterator[Entry]:
    """What a source holds, entry by entry in its order, each with an id or with what is wrong with it.

    Args:
        source: where from; it is rewound.
        form: its format; detected when left out.
        reading: zones, dates and columns.
        text_chars: how long a text may be.
        dim: how long an embedding has to be; as long as the first when left out.

    Raises: InvalidValue for a format that is none; UnreadableFile where the rest cannot be read at all; OSError.
    """
    if form is not None and form not in FORMATS:
        raise InvalidValue("format", repr(form), " or ".join(FORMATS))
    known = form or detect(source)
    source.rewind()
    return identified(READERS[known](source, reading or Reading()), known, text_chars, dim)


def detect(source: Source) -> Format:
    """The format of a source, by its content and where that tells nothing by its name.

    Raises: UnreadableFile for an archive or a folder with nothing in it that is known.
    """
    try:
        return _packed(source) if source.packed else _single(source, source.parts[0])
    finally:
        source.rewind()


def _packed(source: Source) -> Format:
    names = [PurePosixPath(part.name) for part in source.parts]
    if any(slack.DAY.search(name.name) and name.parent.name for name in names):
        return "slack"
    for part, name in zip(source.parts, names, strict=True):
        if assistants.FILES.fullmatch(name.name) or name.name == "result.json":
            return _single(source, part)
    if any(part.name.lower().endswith(".txt") and whatsapp.begins(source, part) for part in source.parts):
        return "whatsapp"
    if not source.parts:
        raise UnreadableFile(source.name, "nothing in it is of a format that can be read")
    found = {_single(source, part) for part in source.parts}
    if len(found) > 1:
        raise UnreadableFile(source.name, f"it holds several formats: {', '.join(sorted(found))}; say which")
    return found.pop()


def _single(source: Source, part: Part) -> Format:
    with source.open(part) as stream:
        head = stream.peek(64)[:4096]
    if head.startswith(mem0.MAGIC):
        return "mem0-history"
    name, first = part.name.lower(), head.lstrip()[:1]
    if first in (b"{", b"["):
        found = _document(source, part, listed=first == b"[")
        if found is not None:
            return found
    if first == b"{" or name.endswith(LINE_SUFFIXES):
        return "jsonl"
    if name.endswith(TABLE_SUFFIXES):
        return "csv"
    return "whatsapp" if whatsapp.begins(source, part) else "transcript"


def _document(source: Source, part: Part, *, listed: bool) -> Format | None:
    """The format that the keys of a JSON document tell."""
    seen: set[str] = set()
    signatures = IN_LISTS if listed else AT_THE_ROOT
    for key in documents.keys(source, part, ("item",) if listed else ()):
        seen.add(key)
        for needed, form in signatures:
            if needed <= seen:
                return form
    return None
