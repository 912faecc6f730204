"""What was remembered, as a line that can be nothing but a quotation. Owns what a memory may look like in a block.

Whoever speaks to an agent writes its memories. In a block each of them is one line that begins with a mark the block
gave it, so a text can begin no line, and so it can forge no heading. Marks inside a text become round brackets, and
what nobody sees (controls, directions, the tag characters that smuggle ASCII) is taken away. What a text says is left
as it is: that memories are data and no instructions is for the prompt to say, and the block's first line says it too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

MAX_NAME_CHARS = 64
NOTHING = "…"
"""Stands where nothing of a text can be seen."""

_UNSEEN = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b"
    "\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(r"\s+")
_GAP = "[\\s\u200c\u200d\ufe00-\ufe0f]*"
_OPEN, _CLOSE = r"[\[［【〔⟦〚⁅]", r"[\]］】〕⟧〛⁆]"
_MARK = re.compile(rf"{_OPEN}({_GAP}(?:[mMｍＭмМ]{_GAP}\d(?:{_GAP}\d)*|[-–—−‐‑‒﹣－]){_GAP}){_CLOSE}")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def quoted(text: str) -> str:
    """The text on one line, without what cannot be seen, and without anything that reads as one of a block's marks.

    Law: it is never empty, holds no line break, and quoting it again changes nothing.
    """
    seen = _SPACES.sub(" ", _UNSEEN.sub("", text)).strip()
    return _MARK.sub(r"(\1)", seen) or NOTHING


@lru_cache(maxsize=4096)
def name(given: str) -> str:
    """A speaker's name, which cannot go on into what somebody says: no colon, and not too long."""
    plain = _SPACES.sub(" ", quoted(given).replace(":", " ").replace("：", " ")).strip() or NOTHING
    return plain if len(plain) <= MAX_NAME_CHARS else plain[: MAX_NAME_CHARS - 1].rstrip() + NOTHING


def said(text: str, speaker: str | None) -> str:
    """What somebody said, as it stands behind its mark."""
    return quoted(text) if speaker is None else f"{name(speaker)}: {quoted(text)}"


def day(at: datetime) -> str:
    """The day in UTC, as in "7 May 2023": fewer tokens than digits alone."""
    there = at.astimezone(UTC)
    return f"{there.day} {_MONTHS[there.month - 1]} {there.year}"


def days(first: datetime, last: datetime) -> str:
    """One day, or from the first to the last."""
    begin, end = day(first), day(last)
    return begin if begin == end else f"{begin} to {end}"
