"""A text in sentences, and the sentences of a long text that fit a question best. Knows no memory and no block.

Sentences are cut by form: marks that end one, and line breaks. A cut too many costs little here, because sentences are
only chosen among; what is shown is always the text's own words.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.semantic.words import TITLES

_END = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”]*)\s*|\s*[\n\r\x0b\x0c\x85\u2028\u2029]+\s*")
_LAST_WORD = re.compile(r"(?:^|\s)\(?([^\W\d_]+(?:\.[^\W\d_]+)*)\.$")
_SHORT = TITLES | {"vs", "etc", "no", "st", "approx", "e.g", "i.e", "a.m", "p.m", "fig", "dept", "inc", "ltd", "co"}
LAST_CHARS = 64
"""In which an abbreviation ends; to look at more of what a sentence has so far took seconds where it is all of them."""
GAP = " … "
_THREAD = threading.local()


def sentences(text: str) -> list[str]:
    """The sentences of a text, none empty, in order; a text without any end is one.

    Law: nothing but white space lies between them.
    """
    found, begin = [], 0
    for end in _END.finditer(text):
        piece = text[begin : end.end()].strip()
        if not piece or _goes_on(piece):
            continue
        found.append(piece)
        begin = end.end()
    rest = text[begin:].strip()
    return [*found, rest] if rest else found


def _goes_on(piece: str) -> bool:
    """Whether the full stop at its end is that of an abbreviation or an initial."""
    last = _LAST_WORD.search(piece[-LAST_CHARS:])
    return last is not None and ((len(last[1]) == 1 and last[1] != "I") or last[1].lower() in _SHORT)


def stems(text: str) -> list[str]:
    """The stems of a text's words without stop words, in order, as lexical search has them."""
    analyzer: Analyzer | None = getattr(_THREAD, "analyzer", None)
    if analyzer is None:
        analyzer = _THREAD.analyzer = Analyzer()
    return analyzer.terms(text)


def best(pieces: Sequence[str], wanted: frozenset[str], most: int) -> list[int]:
    """Indices of at most ``most`` sentences: those that share most stems with what is wanted, then the earliest."""
    shared = [len(wanted.intersection(stems(piece))) if wanted else 0 for piece in pieces]
    return sorted(range(len(pieces)), key=lambda index: (-shared[index], index))[:most]


def excerpt(pieces: Sequence[str], order: Sequence[int], chars: int) -> str:
    """The sentences that come first in ``order`` and have room, as they follow in the text, gaps shown.

    At most ``chars`` characters and what shows the gaps; one sentence at least, cut at a word if it is longer.
    """
    taken: list[int] = []
    left = chars
    for index in order:
        if len(pieces[index]) <= left:
            taken.append(index)
            left -= len(pieces[index]) + 1
    if not taken:
        return shortened(pieces[order[0]], chars)
    parts: list[str] = []
    before = -1
    for index in sorted(taken):
        parts.append((GAP if index > before + 1 and parts else " " if parts else "") + pieces[index])
        before = index
    return ("… " if min(taken) > 0 else "") + "".join(parts) + (" …" if max(taken) < len(pieces) - 1 else "")


def shortened(text: str, chars: int) -> str:
    """The beginning of a text, to the last word that has room; it shows that more followed."""
    if len(text) <= chars:
        return text
    cut = text[: max(1, chars - 2)]
    whole_words = cut.rsplit(None, 1)[0] if " " in cut.strip() else cut
    return whole_words.rstrip() + " …"
