"""Letta's agent files (``.af``): the messages of an agent and the blocks of its core memory.

Owns both schemas that Letta has written, as in letta 0.16.8: ``letta/schemas/agent_file.py`` (``agents`` with
``messages``, and ``blocks`` with ``label`` and ``value``) and before it
``letta/serialize_schemas/pydantic_agent_schema.py`` (one agent: ``core_memory`` and ``messages``). A message has
``role``, ``content``, a list of parts of which those of type "text" are words, ``created_at`` and ``tool_calls``. What
a user says may be packed as JSON with ``type`` and ``message`` (``letta/system.py``), and what the agent says may be
the argument ``message`` of a call to the tool ``send_message``. Archival memory is not in these files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.exchange.documents import walk
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, session, shown
from quantum_memory.memory.exchange.sources import Source

NAMES = ("agents.item.name", "agents.item.id", "name")
MESSAGES, BLOCKS = ("agents.item.messages.item", "messages.item"), ("blocks.item", "core_memory.item")
BLOCK_KIND = "core_memory"
SPEAK = "send_message"


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Messages of users and agents with their times, and blocks as memories of the kind ``core_memory``.

    Instructions, heartbeats, tools and what they answer are left out, and so is reasoning.
    """
    for part in source.parts:
        label, counts = source.label(part), dict.fromkeys((*MESSAGES, *BLOCKS), 0)
        agent: dict[str, Any] = {}
        for place, value in walk(source, part, (*NAMES, *counts)):
            if place in NAMES:
                agent[place] = value
                continue
            where = f"{place.removesuffix('.item').rpartition('.')[2]}[{counts[place]}]"
            counts[place] += 1
            record = value if isinstance(value, Mapping) else {}
            found = _message if place in MESSAGES else _block
            yield from found(label, where, record, agent, reading)


def _message(
    label: str, place: str, record: Mapping[str, Any], agent: Mapping[str, Any], reading: Reading
) -> Iterator[Entry]:
    role = record.get("role")
    text = _text(record)
    if role not in ("user", "assistant") or text is None or not text.strip():
        return
    try:
        at = moment("created_at", record.get("created_at"), reading.zone)
    except InvalidValue as error:
        yield refused(label, place, str(error))
        return
    name = agent.get("agents.item.name") or agent.get("name")
    speaker = shown(record.get("name")) or (shown(name) if role == "assistant" else None) or shown(role)
    made = {"text": text, "speaker": speaker, "at": at, "session": session(name, at)}
    own = record.get("id")
    # Ids such as message-0 are numbers within one file, so the time goes with them.
    yield entry(label, place, made, name, f"{agent.get('agents.item.id')} {own} {role} {at}")


def _block(
    label: str, place: str, record: Mapping[str, Any], agent: Mapping[str, Any], reading: Reading
) -> Iterator[Entry]:
    value, name = record.get("value"), record.get("label")
    if isinstance(value, str) and not value.strip():
        return
    try:
        at = moment("updated_at", record.get("updated_at") or record.get("created_at"), reading.zone)
    except InvalidValue as error:
        yield refused(label, place, str(error))
        return
    tags = (name,) if isinstance(name, str) and name.strip() else ()
    made = {"text": value, "at": at, "kind": BLOCK_KIND, "tags": tags}
    yield entry(label, place, made, agent.get("agents.item.name") or agent.get("name"), f"block {name}")


def _text(record: Mapping[str, Any]) -> str | None:
    """What was said, out of its wrapping; none where it is for machines."""
    spoken = _sent(record.get("tool_calls"))
    if spoken is not None:
        return spoken
    content = record.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [part.get("text") for part in parts if isinstance(part, Mapping) and part.get("type") == "text"]
    text = "\n".join(text for text in texts if isinstance(text, str))
    return _unpacked(text) if record.get("role") == "user" else text


def _unpacked(text: str) -> str | None:
    if not text.startswith("{"):
        return text
    try:
        packed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(packed, Mapping) or not isinstance(packed.get("type"), str) or "time" not in packed:
        return text
    message = packed.get("message")
    return message if packed["type"] == "user_message" and isinstance(message, str) else None


def _sent(calls: object) -> str | None:
    """What an agent sends by its tool for that; none if it calls no such tool."""
    said = []
    for call in calls if isinstance(calls, list) else []:
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or function.get("name") != SPEAK:
            continue
        try:
            arguments = json.loads(function.get("arguments") or "")
        except (TypeError, ValueError, RecursionError):
            continue
        message = arguments.get("message") if isinstance(arguments, Mapping) else None
        if isinstance(message, str):
            said.append(message)
    return "\n".join(said) or None
