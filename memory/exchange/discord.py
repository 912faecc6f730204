"""JSON files of DiscordChatExporter, with which people export channels; Discord's own data package has no replies.

Owns its schema, as written by github.com/Tyrrrz/DiscordChatExporter, ``Exporting/JsonMessageWriter.cs``: ``guild`` and
``channel`` with ``id`` and ``name``, and ``messages`` with ``id``, ``type``, ``timestamp`` (ISO 8601 with an offset),
``content``, ``author`` (``name``, ``nickname``) and ``attachments``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.exchange.documents import walk
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, session, shown
from quantum_memory.memory.exchange.sources import Source

SPOKEN = ("Default", "Reply", "ThreadStarterMessage")
HEADERS = ("guild.name", "channel.id", "channel.name")


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Messages with their time and who wrote them; pictures alone, joins, pins and calls are left out."""
    for part in source.parts:
        if source.packed and not part.name.endswith(".json"):
            continue
        label, number = source.label(part), 0
        about: dict[str, Any] = {}
        for place, value in walk(source, part, (*HEADERS, "messages.item")):
            if place in HEADERS:
                about[place] = value
                continue
            yield from _message(label, f"messages[{number}]", value, about, reading)
            number += 1


def _message(label: str, place: str, value: object, about: Mapping[str, Any], reading: Reading) -> Iterator[Entry]:
    if not isinstance(value, Mapping):
        yield refused(label, place, f"expected a message, got {type(value).__name__}")
        return
    text = value.get("content")
    if value.get("type", "Default") not in SPOKEN or (isinstance(text, str) and not text.strip()):
        return
    try:
        at = moment("timestamp", value.get("timestamp"), reading.zone)
    except InvalidValue as error:
        yield refused(label, place, str(error))
        return
    author = value.get("author")
    names = author if isinstance(author, Mapping) else {}
    channel, number = about.get("channel.name"), value.get("id")
    conversation = f"{about.get('guild.name')} {channel}" if about.get("guild.name") else channel
    made = {
        "text": text,
        "speaker": shown(names.get("nickname")) or shown(names.get("name")),
        "at": at,
        "session": session(channel, at),
        "metadata": {} if number is None else {"discord_id": number},
    }
    yield entry(label, place, made, conversation, None if number is None else f"{about.get('channel.id')} {number}")
