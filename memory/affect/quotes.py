"""Which parts of a text are somebody else's words: mail, chat and forum quotations, and transcripts. Reads no feeling.

Only what is marked as quoted by its form is told: lines that begin with ``>``, what stands below "On ... wrote:" or the
head of a forwarded mail, ``[quote]`` and ``<blockquote>``, and the lines of others in a transcript ("Bob: I hate you").
Words between inline quotation marks stay the speaker's: in stories and in talk they are how a feeling is told, and on
EmoBank leaving them out costs correlation (``docs/perception.md``). Law: parts are in order, apart, and in the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]
"""A part of a text: its first character, and the one after its last."""
_ANY_LINE = re.compile(r"[^\n]*\n?")
_QUOTE_LINE = re.compile(r"[ \t]{0,3}>(?:[ \t>\"'“‘(\[*_]|(?=[^\W\d_]|[^\x00-\x7f])|\r?$)")
"""Not ">50 %" and not ">:(", which are the speaker's own."""
_ATTRIBUTION = re.compile(r"^[ \t]*On [^\n]{6,200}(?:\n[^\n]{0,100})?\bwrote:[ \t\r]*$", re.MULTILINE)
_HEADS = re.compile(
    r"^[ \t]*(?:-{2,} ?(?:Original Message|Forwarded message) ?-{2,}|Begin forwarded message:"
    r"|From:[^\n]+\n(?:[ \t]*(?:Sent|Date|To|Cc|Subject):[^\n]*\n?){2,})",
    re.MULTILINE | re.IGNORECASE,
)
"""Below them a mail program puts the mail that is answered or passed on, as it was."""
_BLOCK_MARK = re.compile(r"\[(/?)quote(?:=[^\]\n]{0,100})?\]|<(/?)blockquote\b[^>\n]{0,200}>", re.IGNORECASE)
_TURN = re.compile(
    r"[ \t]{0,3}(?:\[[^\]\n]{4,40}\][ \t]*)?(?:<([\w.\- ]{1,30})>[ \t]+|([^\W\d_][\w.'’\- ]{0,30}?):[ \t]+)(?=\S)"
)
"""A line of a transcript: the name, perhaps after a time in brackets, then what was said."""
_LABELS = (
    "note notes ps edit update todo subject re fwd date time place when where who what why how to from cc sent title "
    "summary tldr question answer q a pro con pros cons example hint tip warning error step ingredients method total "
    "name email phone address url link source http https conclusion reason result results status price"
)
"""What stands before a colon in a list, and is no name."""
_SELF = frozenset({"me", "i", "myself"})


def quoted_in(text: str, speaker: str | None = None) -> tuple[Span, ...]:
    """The parts that are not the words of who speaks; lines of ``speaker`` in a transcript are."""
    if not _may_quote(text):
        return ()
    lines = [(line.start(), line.end()) for line in _ANY_LINE.finditer(text) if line.end() > line.start()]
    found = [*_blocks(text), *_mail(text, lines), *_others_turns(text, lines, speaker)]
    return _merged(found)


def outside(text: str, spans: tuple[Span, ...]) -> str:
    """What is left of the text without the parts, each of which leaves a new line."""
    return "\n".join(parts(text, spans)[::2])


def parts(text: str, spans: tuple[Span, ...]) -> list[str]:
    """The text cut at the edges of the spans: own, quoted, own, ..., own, of which the own ones may be empty."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return [text[begin:end] for begin, end in pairwise(edges)]


def _may_quote(text: str) -> bool:
    """Whether a closer look is worth it: no chat message of one line without a mark is."""
    return "\n" in text or text.lstrip(" \t")[:1] == ">" or _BLOCK_MARK.search(text) is not None


def _mail(text: str, lines: list[Span]) -> Iterator[Span]:
    marked = [line for line in lines if _QUOTE_LINE.match(text, *line)]
    yield from marked
    last = marked[-1][0] if marked else -1
    for told in _ATTRIBUTION.finditer(text):
        yield told.start(), told.end()
        if last <= told.start():
            yield told.end(), len(text)
    for head in _HEADS.finditer(text):
        yield head.start(), len(text)


def _blocks(text: str) -> Iterator[Span]:
    """From each outermost opening mark to its closing one; what is never closed is not quoted."""
    opened: list[int] = []
    for mark in _BLOCK_MARK.finditer(text):
        if not (mark[1] or mark[2]):
            opened.append(mark.start())
        elif opened:
            begin = opened.pop()
            if not opened:
                yield begin, mark.end()


def _others_turns(text: str, lines: list[Span], speaker: str | None) -> list[Span]:
    """Lines of others, each with those below it up to the next turn, where the text is clearly a transcript."""
    turns = [(begin, _name(turn)) for begin, end in lines if (turn := _TURN.match(text, begin, end))]
    labels = frozenset(_LABELS.split())
    turns = [(begin, name) for begin, name in turns if name not in labels]
    names = Counter(name for _, name in turns)
    mine = _SELF | ({_folded(speaker)} if speaker else set())
    clear = len(turns) > 1 and len(names) > 1 and (bool(mine & names.keys()) or max(names.values()) > 1)
    if not clear:
        return []
    ends = [begin for begin, _ in turns[1:]] + [_end_of_paragraph(text, turns[-1][0])]
    return [(begin, end) for (begin, name), end in zip(turns, ends, strict=True) if name not in mine]


def _name(turn: re.Match[str]) -> str:
    return _folded(turn[1] or turn[2])


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _end_of_paragraph(text: str, begin: int) -> int:
    blank = re.compile(r"\n[ \t\r]*\n").search(text, begin)
    return blank.end() if blank else len(text)


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    """The spans in order, those that touch made one."""
    merged: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return tuple(merged)
