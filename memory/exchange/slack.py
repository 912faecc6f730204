"""Slack's workspace exports: the zip or the unpacked folder, or one day's file of it.

Owns its layout, as documented at slack.com/help/articles/220556107 (How to read Slack data exports): ``users.json``,
``channels.json`` and the like, and for every conversation a folder with one file a day, ``general/2025-01-11.json``, a
list of messages with ``type``, ``subtype``, ``user``, ``text`` and ``ts``, which is seconds since the epoch and tells a
message apart within its conversation. In texts ``<@U012>`` is a member, ``<https://…|label>`` a link, and only ``&``,
``<`` and ``>`` are escaped (docs.slack.dev/messaging/formatting-message-text).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.exchange.documents import elements
from quantum_memory.memory.exchange.entries import Entry, Reading, entry, moment, refused, session, shown
from quantum_memory.memory.exchange.sources import Source

DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json$")
USERS = ("users.json", "org_users.json")
SPOKEN = (None, "bot_message", "file_comment", "file_share", "me_message", "reply_broadcast", "thread_broadcast")
"""Subtypes that somebody said. The others tell who joined, what was renamed, and the like."""
_TOKEN = re.compile(r"<([^<>]+)>")


def read(source: Source, reading: Reading) -> Iterator[Entry]:
    """Messages with their time, who wrote them under their own name, and the channel as conversation."""
    days = [part for part in source.parts if DAY.search(part.name) or not source.packed]
    users = _users(source)
    for part in days:
        channel = PurePosixPath(part.name).parent.name or None
        label = source.label(part)
        for number, value in enumerate(elements(source, part)):
            yield from _message(label, f"[{number}]", value, channel, users, reading)


def _users(source: Source) -> dict[str, str]:
    """Names by the ids of members: the one they chose to be shown, else their real one."""
    names: dict[str, str] = {}
    for part in source.parts:
        if PurePosixPath(part.name).name not in USERS:
            continue
        for user in elements(source, part):
            if not isinstance(user, Mapping) or not isinstance(user.get("id"), str):
                continue
            inner = user.get("profile")
            profile = inner if isinstance(inner, Mapping) else {}
            given = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
            names[user["id"]] = next((name for one in given if (name := shown(one))), user["id"])
    return names


def _message(
    label: str, place: str, value: object, channel: str | None, users: Mapping[str, str], reading: Reading
) -> Iterator[Entry]:
    if not isinstance(value, Mapping):
        yield refused(label, place, f"expected a message, got {type(value).__name__}")
        return
    text = value.get("text")
    if value.get("type", "message") != "message" or value.get("subtype") not in SPOKEN or text in ("", None):
        return
    try:
        at = moment("ts", value.get("ts"), reading.zone)
    except InvalidValue as error:
        yield refused(label, place, str(error))
        return
    thread = value.get("thread_ts")
    made: dict[str, Any] = {
        "text": plain(text, users) if isinstance(text, str) else text,
        "speaker": _speaker(value, users),
        "at": at,
        "session": session(channel, at),
        "metadata": {} if thread in (None, value.get("ts")) else {"slack_thread": thread},
    }
    key = None if value.get("ts") is None else f"{channel} {value['ts']} {value.get('user')}"
    yield entry(label, place, made, channel, key)


def _speaker(message: Mapping[str, Any], users: Mapping[str, str]) -> str | None:
    user = message.get("user")
    profile = message.get("user_profile")
    own = profile.get("display_name") or profile.get("real_name") if isinstance(profile, Mapping) else None
    known = users.get(user) if isinstance(user, str) else None
    return shown(known) or shown(own) or shown(message.get("username")) or shown(user)


def plain(text: str, users: Mapping[str, str]) -> str:
    """The text with members by their names, links by their labels, and nothing escaped."""

    def spelled(found: re.Match[str]) -> str:
        target, _, label = found.group(1).partition("|")
        if target[:1] == "@":
            return f"@{users.get(target[1:], label or target[1:])}"
        if target.startswith(("#", "!")):
            return f"{'#' if target[0] == '#' else '@'}{label or target[1:]}"
        return label or target

    unfolded = _TOKEN.sub(spelled, text)
    return unfolded.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
