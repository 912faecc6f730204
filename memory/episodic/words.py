"""Texts as the stems that lexical search counts, and words as numbers. Knows no memory and no score.

English is stemmed by Snowball's Porter2; the stop words follow Snowball's English list, which goes with that
stemmer and, on LoCoMo, beat the shorter list of Lucene and the longer one of scikit-learn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import Stemmer

MAX_TERM_CHARS = 64
STEMS_HELD = 1024
"""Words whose stems a stemmer keeps. Ten times as many save no time."""
NUMBERS_HELD = 4096
"""Words whose numbers are kept: those that most texts are made of. Another takes a microsecond."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
# Chinese and Japanese write no spaces: each sign is a term of its own, or a whole sentence would be one word.
_TERM = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:'[^\W_{_CJK}]+)?")

_PLAIN_TERM = re.compile(r"[0-9a-z]+(?:'[0-9a-z]+)?")
"""What ``_TERM`` finds in ASCII in lower case."""

# Long runs of signs, among which marks may be. Putting marks in order takes time with the square of their number.
_SIGNS = re.compile(r"[^\w\s\x00-\x7f]{31,}")
MOST_MARKS = 30
"""So many marks on one letter are read, as many as in the Stream-Safe Text Format of Unicode's Annex 15."""

STOP_WORDS = frozenset(
    """
    i me my myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers
    herself it its itself they them their theirs themselves what which who whom this that these those am is are
    was were be been being have has had having do does did doing would should could ought i'm you're he's she's
    it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll she'll we'll
    they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't wouldn't shan't shouldn't
    can't cannot couldn't mustn't let's that's who's what's here's there's when's where's why's how's a an the and
    but if or because as until while of at by for with about against between into through during before after
    above below to from up down in out on off over under again further then once here there when where why how all
    any both each few more most other some such no nor not only own same so than too very will can shall may might
    must upon
    """.split()  # noqa: SIM905 - a list with a quoted word each would fill two pages
)


def rules() -> dict[str, str]:
    """Whatever decides which terms a text is made into: where any of it differs, terms are not comparable."""
    return {
        "term": _TERM.pattern,
        "longest": str(MAX_TERM_CHARS),
        "marks": str(MOST_MARKS),
        "stop_words": " ".join(sorted(STOP_WORDS)),
        "stemmer": Stemmer.version(),
        "unicode": unicodedata.unidata_version,
    }


@lru_cache(NUMBERS_HELD)
def number(word: str) -> int:
    """64 bits that stand for a word, the same everywhere: the first ones of its BLAKE2b.

    Among a million words two share a number with a probability of 3e-8. Terms that do would be taken for one.
    """
    return id_number(word)


def id_number(name: str) -> int:
    """The same, for what is not likely to be asked again."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Analyzer:
    """Makes a text into its terms: folded case, no stop words, stems.

    Not for two threads at once unless both hold the interpreter's lock, as Python code does.
    """

    def __init__(self, stop_words: frozenset[str] = STOP_WORDS) -> None:
        self._stop_words = stop_words
        self._stemmer = Stemmer.Stemmer("english", STEMS_HELD)

    def terms(self, text: str) -> list[str]:
        """The terms in the order of the text, repeated ones too."""
        found = _PLAIN_TERM.findall(text.lower()) if text.isascii() else _TERM.findall(_folded(text))
        kept = [word[:MAX_TERM_CHARS] for word in found if word not in self._stop_words]
        stems: list[str] = self._stemmer.stemWords(kept)
        return stems


def _folded(text: str) -> str:
    """The text in its compatibility form, without case and with plain apostrophes. Of ASCII that is the lower case."""
    return unicodedata.normalize("NFKC", _SIGNS.sub(_few_marks, text)).replace("\u2019", "'").casefold()


def _few_marks(signs: re.Match[str]) -> str:
    """The signs, of which no more than ``MOST_MARKS`` in a row are marks."""
    kept, row = [], 0
    for sign in signs.group():
        row = row + 1 if unicodedata.combining(sign) else 0
        if row <= MOST_MARKS:
            kept.append(sign)
    return "".join(kept)


class Codes:
    """Small numbers for strings, given out in the order of first sight. It only ever grows.

    A number never changes its meaning, so that what was written with it can still be read.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    @classmethod
    def of(cls, words: Iterable[str]) -> Codes:
        """Distinct words with the numbers 0, 1, 2, ..."""
        codes = cls()
        codes._codes = {word: code for code, word in enumerate(words)}
        return codes

    def __len__(self) -> int:
        return len(self._codes)

    def words(self) -> list[str]:
        """Every word, each at its number. Another thread may go on learning."""
        return list(self._codes)

    def learn(self, word: str) -> int:
        """The number of a word, a new one if it was never seen."""
        return self._codes.setdefault(word, len(self._codes))

    def find(self, word: str) -> int:
        """The number of a word, or -1 if it was never seen."""
        return self._codes.get(word, -1)
