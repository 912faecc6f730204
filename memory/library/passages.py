"""Texts in passages that a model of meanings can read whole. Owns where a text is cut; the cuts lose nothing.

A passage ends where a paragraph ends, else where a sentence does, else between two words, and only in a word that is
longer than a passage inside of it.
"""

from __future__ import annotations

import re

WINDOW = 800
"""What a passage weighs at most, without the white space after it: some 200 word pieces, where the packaged encoder
reads 256. A letter of the Latin alphabet weighs 1, of other alphabets 2, a character of Chinese and its kin 4."""
LEAST = WINDOW // 4
"""A paragraph or sentence that would leave a passage lighter than this does not end it."""
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"(?:[.!?…][\"')\]»”’]*\s+|[。！？]\s*|\n\s*)")
_SPACE = re.compile(r"\s+")
_ALPHABETS, _SIGNS = 0x250, 0x2E80


def passages(text: str) -> list[str]:
    """The text in pieces which, joined, are the text again. Each has something to be seen in it, if the text has."""
    found, start = [], 0
    while start < len(text):
        end = _end(text, start)
        found.append(text[start:end])
        start = end
    return found


def _end(text: str, start: int) -> int:
    """Where the passage that begins at ``start`` ends: behind its white space, and never before something visible."""
    first = _SPACE.match(text, start)
    begin = start if first is None else first.end()
    most = _reach(text, begin)
    if _behind_space(text, most) >= len(text):
        return len(text)
    behind = _behind_space(text, most)
    for cut in (_PARAGRAPH, _SENTENCE, _SPACE):
        least = begin + 1 if cut is _SPACE else _reach(text, begin, LEAST)
        ends = [one.end() for one in cut.finditer(text, begin, behind) if least <= one.start() <= most]
        if ends:
            return ends[-1]
    return most


def _reach(text: str, begin: int, window: int = WINDOW) -> int:
    """Up to where a passage may go that begins here: one character at least."""
    weight, at = 0, begin
    while at < len(text):
        code = ord(text[at])
        weight += 1 if code < _ALPHABETS else 2 if code < _SIGNS else 4
        if weight > window:
            return max(at, begin + 1)
        at += 1
    return at


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
