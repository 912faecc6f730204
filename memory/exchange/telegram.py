"""Telegram Desktop's machine-readable exports: ``result.json`` of one chat or of a whole account.

Owns its schema, which is documented at core.telegram.org/import-export: one chat has ``name``, ``type``, ``id`` and
``messages``; an account has such chats under ``chats.list`` and ``left_chats.list``. A message has ``id``, ``type``
("message" or "service"), ``date`` (local, without a zone), ``date_unixtime``, ``from``, ``from_id`` and ``text``, which
is a text or a list of texts and of objects that have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.exchange.documents import walk
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, session, shown
from quantum_memory.memory.exchange.sources import Source

CHATS = ("", "chats.list.item", "left_chats.list.item")


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Messages with their time, who sent them and their text. Those of the service, and photos alone, are left out."""
    wanted = [f"{chat}.{field}".lstrip(".") for chat in CHATS for field in ("name", "id", "messages.item")]
    for part in source.parts:
        if source.packed and not part.name.endswith(".json"):
            continue
        label, number = source.label(part), 0
        chat: dict[str, Any] = {}
        for place, value in walk(source, part, wanted):
            if not place.endswith("messages.item"):
                name = place.rpartition(".")[2]
                chat = {**({} if name in chat else chat), name: value}
                number = number if len(chat) > 1 else 0
                continue
            where = f"messages[{number}]" if place == "messages.item" else f"{chat.get('name')}: messages[{number}]"
            yield from _message(label, where, value, chat, reading)
            number += 1


def _message(label: str, place: str, value: object, chat: Mapping[str, Any], reading: Reading) -> Iterator[Entry]:
    message = value if isinstance(value, Mapping) else {}
    if isinstance(value, Mapping) and message.get("type", "message") != "message":
        return
    text = _text(message.get("text"))
    if text is not None and not text.strip():
        return
    conversation, number = chat.get("name") or chat.get("id"), message.get("id")
    key = None if number is None else f"{chat.get('id')} {number}"
    try:
        at = moment("date", message.get("date_unixtime") or message.get("date"), reading.zone)
    except InvalidValue as error:
        yield refused(label, place, str(error))
        return
    made = {
        "text": text,
        "speaker": shown(message.get("from")) or shown(message.get("from_id")),
        "at": at,
        "session": session(conversation, at),
        "metadata": {} if number is None else {"telegram_id": number},
    }
    yield entry(label, place, made, conversation, key)


def _text(value: object) -> str | None:
    """The text of a message; none where there is no such thing."""
    pieces = value if isinstance(value, list) else [value]
    texts = [piece.get("text") if isinstance(piece, Mapping) else piece for piece in pieces]
    written = [text for text in texts if isinstance(text, str)]
    return "".join(written) if len(written) == len(texts) else None
