"""A text cut into words, and into the dates, numbers and addresses that stand between them.

Knows forms and the closed word lists; has no opinion about what a word means.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

from quantum_memory.memory.semantic.words import (
    AMBIGUOUS_MONTHS,
    DATE_LEADS,
    MONTHS,
    NUMBER_WORDS,
    TITLES,
    WEEKDAYS,
)

MAX_WORD_CHARS = 64


class Word(NamedTuple):
    """A word and how it stands in its text.

    Attributes:
        text: as written, without a possessive or contracted ending.
        base: the same in lower case.
        upper: begins with a capital, in a text where that tells something.
        opens: begins a sentence.
        touches: nothing but a space or a hyphen parts it from the word before.
        owns: had an ending such as "'s": a name does not go on after it.
    """

    text: str
    base: str
    upper: bool
    opens: bool
    touches: bool
    owns: bool


class Fixed(NamedTuple):
    """Something whose form says what it is."""

    kind: Literal["date", "number", "entity", "unspaced"]
    key: str
    label: str


class Segment(NamedTuple):
    """Words in a row, and what stands after them; the last segment of a text has nothing there."""

    words: list[Word]
    then: Fixed | None


# Thai to Lao, Myanmar, Khmer, kana and Han are written without spaces. Vowel signs of Indic scripts, accents and
# points of Hebrew and Arabic are part of a word, although Python's \w leaves them out.
_UNSPACED = (
    "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DAY = r"(?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1[5-9]|20)[0-9]{2}"
# Each alternative is tried only where a digit or the first letter of a month stands: no form begins with anything else.
_DIGIT_FORMS = rf"""
    (?=[0-9])(?:
        (?P<iso>(?<![\w-])(?P<y0>{_YEAR})-(?P<m0>0?[1-9]|1[0-2])-(?P<d0>0?[1-9]|[12][0-9]|3[01])(?![\w-]))
      | (?P<dmy>(?<!\w)(?P<d1>{_DAY})\s(?:of\s)?(?P<m1>{_MONTH})\b\.?(?:,?\s(?P<y1>{_YEAR})\b)?)
      | (?P<clock>(?<![\w:])(?P<h>[01]?[0-9]|2[0-3])
            (?: :(?P<min>[0-5][0-9])(?:\s?(?P<half1>[ap])m\b)? | \s?(?P<half2>[ap])m\b )(?![\w:]))
      | (?P<number>(?<![\w.])(?P<value>[0-9]+(?:,[0-9]{{3}})*(?:\.[0-9]+)?)(?:st|nd|rd|th)?(?!\w)) )
  | (?=[{"".join(sorted({name[0] for name in MONTHS}))}])(?:
        (?P<mdy>\b(?P<m2>{_MONTH})\b\.?\s(?P<d2>{_DAY})\b(?:,?\s(?P<y2>{_YEAR})\b)?)
      | (?P<my>\b(?P<m3>{_MONTH})\b\.?,?\s(?P<y3>{_YEAR})\b) )
"""
_SIGNED_FORMS = r"""
    (?P<link>(?:https?://|www\.)[^\s<>"]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)
  | (?P<handle>(?<!\w)[@\#]\w\w+)
"""
_UNSPACED_FORM = f"(?P<unspaced>[{_UNSPACED}]+)"
_ACRONYM_FORM = r"(?P<acronym>(?<!\w)(?:[A-Z]\.){2,})"
_DIGIT = re.compile("[0-9]")
_SIGN = re.compile("[@#]|://|www\\.", re.IGNORECASE)
_ENDS_SENTENCE = re.compile(r"[.!?…\n\r:;\"“”«»()|•*。！？]")
_ENDING = re.compile(r"(?:'(?:s|m|d|ll|re|ve)|n't|')$")
_CLOSE = frozenset((" ", "-", ""))
_SPELLED = frozenset((*NUMBER_WORDS, *MONTHS, *WEEKDAYS, *(f"{day}s" for day in WEEKDAYS)))
_LOWER_VERBS = frozenset(("may", "march", "mar"))


@lru_cache(maxsize=8)
def forms(*, digits: bool, signs: bool, ascii_only: bool) -> re.Pattern[str]:
    """What finds every form in a text that may have digits, signs such as "@", and letters beyond ASCII.

    One that looks for more than a text has finds the same in it, only later.
    """
    letter = "[0-9A-Za-z]" if ascii_only else rf"(?:[^\W_{_UNSPACED}]|[{_MARKS}])"
    word = rf"(?P<word>{letter}+(?:['’&]{letter}+)*'?)"
    some = [_DIGIT_FORMS] * digits + [_SIGNED_FORMS] * signs + [_UNSPACED_FORM] * (not ascii_only)
    return re.compile("|".join([*some, _ACRONYM_FORM, word]), re.VERBOSE | re.IGNORECASE)


def segments(text: str) -> list[Segment]:
    """The text from left to right. Compatibility forms (NFKC) and curly apostrophes are read as the plain ones."""
    plain = text.isascii()
    if not plain:
        text = unicodedata.normalize("NFKC", text).replace("’", "'")
    digits, signs = _DIGIT.search(text) is not None, _SIGN.search(text) is not None
    return cut(text, forms(digits=digits, signs=signs, ascii_only=plain))


def cut(text: str, pattern: re.Pattern[str]) -> list[Segment]:
    """The text, in its plain forms, cut by one of ``forms``."""
    cased = any(map(str.islower, text))
    found: list[Segment] = []
    words: list[Word] = []
    end, last = 0, ""
    for match in pattern.finditer(text):
        start, stop = match.span()
        gap = text[end:start]
        touches = gap in _CLOSE
        opens = end == 0 or (
            not touches and last not in TITLES and bool(gap.strip()) and _ENDS_SENTENCE.search(gap) is not None
        )
        end = stop
        form = match.lastgroup or "word"
        if form == "word":
            written = text[start:stop]
            base = written.lower()
            if "'" in base:
                base = _ENDING.sub("", base)
            stem = written[: len(base)] if len(base) < len(written) else written
            word = Word._make((stem, base, cased and written[0].isupper(), opens, touches, len(base) < len(written)))
            fixed = _spelled(word, last) if base in _SPELLED else None
            last = base
            if fixed is None:
                words.append(word)
                continue
        else:
            fixed, last = _READ[form](match), ""
        if fixed is not None:
            found.append(Segment(words, fixed))
            words = []
    found.append(Segment(words, None))
    return found


def _spelled(word: Word, last: str) -> Fixed | None:
    """Numbers, days of the week and months that are written out."""
    base = word.base
    if base in NUMBER_WORDS:
        return Fixed("number", f"number:{NUMBER_WORDS[base]}", word.text)
    if base in WEEKDAYS or base.removesuffix("s") in WEEKDAYS:
        return Fixed("date", f"date:{base.removesuffix('s')}", word.text)
    month = MONTHS.get(base)
    if month is not None and word.upper and (base not in AMBIGUOUS_MONTHS or last in DATE_LEADS):
        return Fixed("date", f"date:--{month:02}", word.text)
    return None


def _calendar(suffix: str) -> Callable[[re.Match[str]], Fixed]:
    """Reads a date from the groups y, m, d with this suffix; what is missing becomes a hyphen, as in ISO 8601."""

    def read(match: re.Match[str]) -> Fixed:
        parts = match.groupdict()
        year, month, day = (parts.get(f"{letter}{suffix}") for letter in "ymd")
        number = int(month) if month is not None and month.isdigit() else MONTHS[str(month).lower()]
        if month in _LOWER_VERBS and year is None and day is not None and day.isdigit():
            return Fixed("number", f"number:{int(day)}", day)
        end = "" if day is None else f"-{int(day.rstrip('sthndrSTHNDR')):02}"
        return Fixed("date", f"date:{year or '-'}-{number:02}{end}", match.group())

    return read


def _clock(match: re.Match[str]) -> Fixed:
    half = (match["half1"] or match["half2"] or "").lower()
    hour = int(match["h"])
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return Fixed("date", f"date:{hour:02}:{match['min'] or '00'}", match.group())


def _number(match: re.Match[str]) -> Fixed:
    value = match["value"]
    if len(value) == 4 and value[:2] in {"19", "20"} and match.group() == value:
        return Fixed("date", f"date:{value}", value)
    whole, _, part = value.replace(",", "").partition(".")
    part = part.rstrip("0")
    key = (whole.lstrip("0") or "0") + (f".{part}" if part else "")
    return Fixed("number", f"number:{key[:MAX_WORD_CHARS]}", value[:MAX_WORD_CHARS])


def _link(match: re.Match[str]) -> Fixed | None:
    label = match.group().rstrip(".,;:!?)'")
    key = re.sub(r"^(?:https?://)?(?:www\.)?", "", label.lower()).rstrip("/")
    return Fixed("entity", key[:MAX_WORD_CHARS], label) if key else None


def _handle(match: re.Match[str]) -> Fixed:
    return Fixed("entity", match.group()[1:].casefold()[:MAX_WORD_CHARS], match.group())


def _acronym(match: re.Match[str]) -> Fixed:
    return Fixed("entity", match.group().lower(), match.group())


def _unspaced(match: re.Match[str]) -> Fixed:
    return Fixed("unspaced", match.group(), match.group())


_READ: dict[str, Callable[[re.Match[str]], Fixed | None]] = {
    "iso": _calendar("0"),
    "dmy": _calendar("1"),
    "mdy": _calendar("2"),
    "my": _calendar("3"),
    "clock": _clock,
    "number": _number,
    "link": _link,
    "handle": _handle,
    "acronym": _acronym,
    "unspaced": _unspaced,
}
