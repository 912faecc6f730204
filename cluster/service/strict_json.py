"""JSON as the door takes it: finite numbers, each key once, no deeper than a limit. Knows no request."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from quantum_memory.cluster.service.refusals import Refusal

_MARKS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
"""Strings, the last of which may have no end, and brackets: possessive, so that no text takes more than one pass."""
_OPENING, _CLOSING = b"[{", b"]}"


def parsed(raw: bytes, depth: int) -> Any:
    """The value of a JSON text.

    Raises: Refusal (400) for what is no JSON, holds NaN, infinity or numbers beyond any float, has a key twice in one
        object, or is nested deeper than ``depth``.
    """
    _shallow(raw, depth)
    try:
        text = raw.decode("utf-8")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise malformed(f"byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise malformed(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:  # a whole number with thousands of digits
        raise malformed("a number in it is too long") from None


def malformed(reason: str) -> Refusal:
    """The body is no JSON that is taken."""
    return Refusal(400, "malformed-body", f"the body is not JSON as it is taken here: {reason}")


def _shallow(text: bytes, depth: int) -> None:
    """Raises: Refusal for what opens more brackets than it may."""
    if text.count(b"[") + text.count(b"{") <= depth:
        return
    open_now = 0
    for mark in _MARKS.finditer(text):
        first = mark[0]
        if first in _OPENING:
            open_now += 1
            if open_now > depth:
                raise malformed(f"it is nested deeper than {depth} levels")
        elif first in _CLOSING:
            open_now -= 1


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise malformed(f"the key {twice[:64]!r} stands twice in one object")
    return made


def _no_number(name: str) -> NoReturn:
    raise malformed(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise malformed("a number in it is beyond any float")
    return number
