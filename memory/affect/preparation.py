"""What of a text is read, and how far a reading of it can be trusted. Loads no model of feelings, and reads none.

Emoji and emoticons become words, somebody else's words are told from the speaker's, and what MiniLM cannot read is
known for what it is. A text without any of that is read as it stands, byte for byte.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import NamedTuple

from quantum_memory.memory.affect.languages import language_of
from quantum_memory.memory.affect.pictographs import in_words
from quantum_memory.memory.affect.quotes import Span, outside, parts, quoted_in
from quantum_memory.memory.affect.wordless import no_language

MOST_CHARS = 65_536
"""Of a longer text the first and the last half of so many are read: some 60 windows, seconds on a core, and no more."""
UNREADABLE = 0.1
"""Certainty of a feeling read from what is not English: ``docs/perception.md`` has the count that it comes from.

Of 144 short texts in 18 languages, MiniLM's reading was nearer to its reading of the English original than neutral is
in 48 of 100, no better than a guess, where it claimed 69 of 100. So next to nothing of its confidence is left.
"""
_CUT = "\n"
_WORD = re.compile(r"\w")


class Prepared(NamedTuple):
    """A text made ready.

    Attributes:
        text: what the models read.
        quoted: parts of ``text`` that are somebody else's words, in order and apart; never all its words.
        language: ISO 639-1 code of the speaker's own words; None where nothing can be said.
        certainty: factor in [0, 1] on the confidence of a feeling that is read from it.
        notes: what a reader of the feeling should know.
    """

    text: str
    quoted: tuple[Span, ...] = ()
    language: str | None = None
    certainty: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def own(self) -> str:
        """The text without what is quoted."""
        return outside(self.text, self.quoted) if self.quoted else self.text


def prepare(text: str, speaker: str | None = None) -> Prepared:
    """A text as it is to be read, ``speaker`` being who says it, if that is known.

    Law: the same text by the same speaker is prepared the same; what came out as ``text`` comes out as it is when it
        is prepared again, if it has no more than ``MOST_CHARS``, which names of signs can bring it over. Any text will
        do, also an empty or a broken one, and the work is bounded.
    """
    notes = []
    if len(text) > MOST_CHARS:
        notes.append(f"read without its middle: {MOST_CHARS} of {len(text)} characters")
        text = text[: MOST_CHARS // 2 - len(_CUT)] + _CUT + text[-MOST_CHARS // 2 :]
    written = _written(text, quoted_in(text, speaker))
    own = text if not written.spans else outside(text, written.spans)
    language, certainty, told = _legible(own, outside(written.text, written.quoted))
    if written.spans:
        notes.append("without quoted words")
    if written.left_out:
        notes.append(f"without {written.left_out} more emoji")
    return Prepared(written.text, written.quoted, language, certainty, (*notes, *told))


def _legible(own: str, read: str) -> tuple[str | None, float, tuple[str, ...]]:
    """Language, certainty and notes of the speaker's own words, as they were written and as they are read.

    An emoji that is younger than Python's tables is no assigned character to it, and is a word by then.
    """
    if not own.strip():
        return None, 0.0, ("nothing to read",)
    instead = no_language(read)
    if instead is not None:
        return None, UNREADABLE, (f"in no language: {instead}",)
    language = language_of(own)
    if not language.foreign:
        return language.code, 1.0, ()
    return language.code, UNREADABLE, (f"not English: {language.code}" if language.code else "not English",)


class _Written(NamedTuple):
    """A text with its signs in words, its quoted parts before and after, and how many signs were left out."""

    text: str
    spans: tuple[Span, ...]
    quoted: tuple[Span, ...]
    left_out: int


def _written(text: str, spans: tuple[Span, ...]) -> _Written:
    """Nothing counts as quoted where no word would be left.

    Quoted and own parts are written apart, so that a sign in a quotation is not the first of its kind for the speaker.
    """
    pieces = [in_words(part) for part in parts(text, spans)]
    if spans and not any(_WORD.search(piece.text) for piece in pieces[::2]):
        spans, pieces = (), [in_words(text)]
    ends = list(accumulate(len(piece.text) for piece in pieces))
    quoted = tuple(zip(ends[:-1:2], ends[1::2], strict=True))
    return _Written("".join(piece.text for piece in pieces), spans, quoted, sum(piece.left_out for piece in pieces))
