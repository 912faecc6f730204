"""A text cut into sentences of tokens that know where they stand. Has no opinion about what a sentence says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from quantum_memory.memory.semantic.tokens import MAX_WORD_CHARS
from quantum_memory.memory.semantic.words import TITLES

MAX_TOKENS = 80
"""A longer run without an end is no sentence that plain rules read."""


class Token(NamedTuple):
    """A word, a number, something in quotes, or a mark.

    Attributes:
        text: as written; contracted words are parted: "don't" is "do" and "n't", "Anna's" is "Anna" and "'s".
        base: the same in lower case, apostrophes plain.
        start, end: where it stands in the text, in characters.
        kind: "mark" for all that is no word, no number and no quotation.
    """

    text: str
    base: str
    start: int
    end: int
    kind: Literal["word", "number", "quoted", "mark"]

    @property
    def upper(self) -> bool:
        """Whether it begins with a capital."""
        return self.text[0].isupper()


class Sentence(NamedTuple):
    """Tokens from one end of a sentence to the next, without the marks that end it.

    Attributes:
        asks: it ends with a question mark.
        whole: it has no quotation that is too long to be a title, and is not cut short.
    """

    tokens: tuple[Token, ...]
    asks: bool
    whole: bool


_FORMS = re.compile(
    r"""
      (?P<quoted>"[^"\n]{1,60}"|“[^“”\n]{1,60}”)
    | (?P<acronym>(?:[A-Z]\.){2,}|(?:[A-Z]\.)+[A-Z](?![^\W_]))
    | (?P<number>[0-9]+(?:[.,:/][0-9]+)*[^\W\d_]{0,2}(?![^\W_]))
    | (?P<word>[^\W\d_]+(?:['’&/-][^\W_]+)*\+?)
    | (?P<end>[.!?…;]+|[\n\r]+|:(?=\s))
    | (?P<mark>\S)
    """,
    re.VERBOSE,
)
_CONTRACTED = re.compile(r"(n['’]t|['’](?:s|m|d|re|ve|ll|S|M|D|RE|VE|LL))$", re.IGNORECASE)
_WHOLE_BASES = {"ca": "can", "wo": "will", "sha": "shall"}


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text, from left to right; those without a word are left out."""
    tokens: list[Token] = []
    whole = True
    for match in _FORMS.finditer(text):
        form = match.lastgroup
        if form == "end" and not _abbreviates(tokens, match):
            yield from _sentence(tokens, "?" in match.group(), whole)
            tokens, whole = [], True
        elif form == "mark" and match.group() in '"“”«»':
            whole = False
        elif form == "word":
            tokens.extend(_parted(match))
        elif form != "end":
            kind: Literal["word", "number", "quoted", "mark"] = "mark"
            if form == "quoted":
                kind = "quoted"
            elif form == "number":
                kind = "number"
            elif form == "acronym":
                kind = "word"
            tokens.append(Token(match.group(), match.group().lower(), match.start(), match.end(), kind))
    yield from _sentence(tokens, asks=False, whole=whole)


def _sentence(tokens: list[Token], asks: bool, whole: bool) -> Iterator[Sentence]:
    if any(token.kind == "word" for token in tokens):
        yield Sentence(tuple(tokens), asks, whole and len(tokens) <= MAX_TOKENS)


def _abbreviates(tokens: list[Token], match: re.Match[str]) -> bool:
    """Whether a full stop belongs to a title such as "Dr." before a name."""
    return match.group() == "." and bool(tokens) and tokens[-1].end == match.start() and tokens[-1].base in TITLES


def _parted(match: re.Match[str]) -> Iterator[Token]:
    """The word, and apart from it what is contracted into it."""
    text, start = match.group(), match.start()
    if len(text) > MAX_WORD_CHARS:
        yield Token(text[:1], "", start, match.end(), "mark")  # a blob, which nothing reads on across
        return
    contracted = _CONTRACTED.search(text)
    cut = len(text) if contracted is None or contracted.start() == 0 else contracted.start()
    base = text[:cut].lower().replace("’", "'")
    yield Token(text[:cut], _WHOLE_BASES.get(base, base) if cut < len(text) else base, start, start + cut, "word")
    if cut < len(text):
        end = text[cut:]
        yield Token(end, end.lower().replace("’", "'"), start + cut, match.end(), "word")
