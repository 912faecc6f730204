"""Logs as lines of JSON or of text. Owns what a line may tell: never a memory's text, a password or a key.

A message is plain as its author wrote it; what it is filled with may not be. So of the values that fill it numbers and
names stay as they are, long quotations go, and an error tells itself only where it is one of ours: its first line, of
bad input only where it was bad; of an error of others its type. Of a traceback the places stay, and no value.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from quantum_memory.errors import InvalidInput, QuantumMemoryError, RelationNotFound, SkillNotFound
from quantum_memory.telemetry.carried import AGENT, CARRIED, OPERATION_ID, REQUEST_ID, TRACEPARENT

LOGGER = "quantum_memory"
MAX_CHARS = 400
"""Of one value that fills a message."""
_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/\s@]*@", re.IGNORECASE)
_SECRET = re.compile(
    r"(?P<name>(?:authorization|password|passwd|secret|token|api[_-]?key|key)[\"']?\s*[:=]\s*)(?:bearer\s+)?[^\s,;&]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<name>bearer\s+)[^\s,;]+", re.IGNORECASE)
_QUOTED = re.compile(r"(['\"])[^\n]{65,}\1")
_HIDDEN = "***"
_TOLD = frozenset({AGENT, OPERATION_ID, REQUEST_ID})
"""Of what is carried, what a line tells as it is."""
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Lines(logging.Formatter):
    """Lines of text: when, how bad, where, what.

    Args:
        about: what is the same in every line, as ``{"pool": "episodic"}``.
    """

    def __init__(self, about: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self._about = dict(about or {})

    def format(self, record: logging.LogRecord) -> str:
        """One line, and below it the places of a traceback."""
        told = self.told(record)
        head = f"{told.pop('time')} {told.pop('level')} {told.pop('logger')}: {told.pop('message')}"
        stack = told.pop("stack", [])
        rest = " ".join(f"{name}={value}" for name, value in told.items())
        return "\n    ".join([f"{head} [{rest}]" if rest else head, *stack])

    def told(self, record: logging.LogRecord) -> dict[str, Any]:
        """What a record may tell, by name; see ``docs/operations.md``."""
        carried = CARRIED.get() or {}
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
            **self._about,
            "pid": record.process,
        }
        told |= {name: value for name, value in carried.items() if name in _TOLD}
        ids = carried.get(TRACEPARENT, "").split("-")
        if len(ids) == 4:
            told |= {"trace_id": ids[1], "span_id": ids[2]}
        extra = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        told |= {name: safe(value) for name, value in extra.items()}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            told |= {"error": safe(error), "stack": _places(error)}
        return told


class JsonLines(Lines):
    """The same as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, of ASCII."""
        return json.dumps(self.told(record), ensure_ascii=True, allow_nan=False, default=str)


def to_stderr(form: str, level: str, about: Mapping[str, str]) -> None:
    """Have all that this package logs in this process written to stderr: ``form`` is "json" or "text".

    A second call takes the place of the first. Loggers of others are left alone.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(about) if form == "json" else Lines(about))
    logger = logging.getLogger(LOGGER)
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def safe(value: object) -> str | float | None:
    """A value as a log may hold it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else str(value)
    if isinstance(value, InvalidInput):  # holds what was given
        return f"{type(value).__name__}({getattr(value, 'name', None) or getattr(value, 'field', '')})"
    if isinstance(value, RelationNotFound | SkillNotFound):  # holds what was remembered
        return type(value).__name__
    if isinstance(value, BaseException) and not isinstance(value, QuantumMemoryError):
        number = getattr(value, "errno", None)  # the rest of an error of others may hold statements and their values
        return type(value).__name__ if number is None else f"{type(value).__name__}({number})"
    told = str(value)
    return hidden(told.partition("\n")[0] if isinstance(value, QuantumMemoryError) else told)


def hidden(text: str) -> str:
    """A text on one line, cut where it is long, without long quotations and what looks like a password or a key."""
    text = _PASSWORD.sub(rf"\g<scheme>{_HIDDEN}@", text)
    text = _SECRET.sub(rf"\g<name>{_HIDDEN}", text)
    text = _BEARER.sub(rf"\g<name>{_HIDDEN}", text)
    text = " ".join(_QUOTED.sub(f"'{_HIDDEN}'", text).split())
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"


def _message(record: logging.LogRecord) -> str:
    arguments = record.args
    if not arguments:
        return hidden(str(record.msg))
    filled: Any = (
        {name: safe(value) for name, value in arguments.items()}
        if isinstance(arguments, Mapping)
        else tuple(safe(value) for value in arguments)
    )
    try:
        return hidden(str(record.msg) % filled)
    except (TypeError, ValueError):  # a bad message must not end who logs it
        return hidden(str(record.msg))


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
