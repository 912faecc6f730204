"""What assistants let their users take along: ``conversations.json`` of ChatGPT and of Claude, or the zip around it.

Owns both schemas. Neither company documents them. ChatGPT's is described in github.com/mitkury/chatgpt-export-parser
(docs/chatgpt-data-export-format.md): a list of conversations with ``title``, ``current_node`` and ``mapping``, a tree
of nodes of which each has ``parent`` and a ``message`` with ``author.role``, ``create_time`` and ``content.parts``.
Claude's in github.com/Sinity/polylogue (docs/providers/claude-ai.md): ``uuid``, ``name`` and ``chat_messages`` in their
order, with ``uuid``, ``sender`` ("human" or "assistant"), ``created_at``, ``text`` and the blocks of ``content``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.exchange.documents import elements
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, session, shown
from quantum_memory.memory.exchange.sources import Part, Source

FILES = re.compile(r"conversations([-_]\d+)?\.json")
"""Large exports come in numbered pieces."""
NAME_CHARS = 100
ID_CHARS = 8


def chatgpt(source: Source, reading: Reading) -> Iterator[Entry]:
    """What the user and the assistant said, along the branch of each conversation that was shown last.

    Tools, instructions of the system and what is hidden are left out, and of pictures all but the words beside them.
    """
    for label, place, talk in _conversations(source):
        mapping = talk.get("mapping")
        if not isinstance(mapping, Mapping):
            yield refused(label, place, "mapping: expected an object")
            continue
        number = str(talk.get("conversation_id") or talk.get("id") or "")
        for message in _branch(mapping, talk.get("current_node")):
            text = _gpt_text(message)
            if text.strip():
                author, at = _of(message, "author"), message.get("create_time")
                key = f"{number} {message.get('id')}" if message.get("id") else None
                speaker = shown(author.get("name")) or shown(author.get("role"))
                yield _said(label, place, text, speaker, at, _named(talk.get("title"), number), key, reading)


def claude(source: Source, reading: Reading) -> Iterator[Entry]:
    """What the human and the assistant said; tools and attachments are left out."""
    for label, place, talk in _conversations(source):
        messages = talk.get("chat_messages")
        if not isinstance(messages, list):
            yield refused(label, place, "chat_messages: expected a list")
            continue
        number = str(talk.get("uuid") or "")
        for index, message in enumerate(messages):
            where = f"{place}.chat_messages[{index}]"
            if not isinstance(message, Mapping):
                yield refused(label, where, f"expected a message, got {type(message).__name__}")
                continue
            text = _claude_text(message)
            if text.strip():
                key = f"{number} {message.get('uuid')}" if message.get("uuid") else None
                speaker = shown(message.get("sender"))
                title = _named(talk.get("name"), number)
                yield _said(label, where, text, speaker, message.get("created_at"), title, key, reading)


def _conversations(source: Source) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Every conversation of the files called ``conversations.json``, or of the one file that is given."""
    for part in _files(source):
        label = source.label(part)
        for number, value in enumerate(elements(source, part)):
            yield label, f"[{number}]", value if isinstance(value, Mapping) else {}


def _files(source: Source) -> Iterable[Part]:
    return [part for part in source.parts if not source.packed or FILES.fullmatch(PurePosixPath(part.name).name)]


def _branch(mapping: Mapping[str, Any], current: object) -> list[Mapping[str, Any]]:
    """The messages from the root to the node that was shown last; all in the order of time where none is named."""
    found: list[Mapping[str, Any]] = []
    passed = set()
    node = mapping.get(current) if isinstance(current, str) else None
    if node is None:
        every = [_of(node, "message") for node in mapping.values() if isinstance(node, Mapping)]
        return sorted(filter(_spoken, every), key=lambda one: _number(one.get("create_time")))
    while isinstance(node, Mapping) and id(node) not in passed:
        passed.add(id(node))
        message = _of(node, "message")
        if _spoken(message):
            found.append(message)
        parent = node.get("parent")
        node = mapping.get(parent) if isinstance(parent, str) else None
    return found[::-1]


def _spoken(message: Mapping[str, Any]) -> bool:
    hidden = _of(message, "metadata").get("is_visually_hidden_from_conversation")
    return not hidden and _of(message, "author").get("role") in ("user", "assistant")


def _gpt_text(message: Mapping[str, Any]) -> str:
    content = _of(message, "content")
    parts = content.get("parts")
    if content.get("content_type") not in ("text", "multimodal_text") or not isinstance(parts, list):
        return ""
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _claude_text(message: Mapping[str, Any]) -> str:
    blocks = message.get("content")
    texts = [
        block["text"]
        for block in (blocks if isinstance(blocks, list) else [])
        if isinstance(block, Mapping) and block.get("type") == "text" and isinstance(block.get("text"), str)
    ]
    whole = message.get("text")
    return "\n".join(texts) if texts else whole if isinstance(whole, str) else ""


def _said(
    label: str,
    place: str,
    text: str,
    speaker: str | None,
    at: object,
    conversation: str,
    key: str | None,
    reading: Reading,
) -> Entry:
    try:
        when = moment("time", at, reading.zone)
    except InvalidValue as error:
        return refused(label, place, str(error))
    made = {"text": text, "speaker": speaker, "at": when, "session": session(conversation)}
    return entry(label, place, made, conversation, key)


def _named(title: object, number: str) -> str:
    """A conversation's title with the beginning of its number, because titles come twice."""
    text = title.strip()[:NAME_CHARS] if isinstance(title, str) else ""
    return f"{text} {number[:ID_CHARS]}".strip() or "conversation"


def _of(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
