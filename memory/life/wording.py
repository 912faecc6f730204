"""What the words of a memory say for comparing it with others: features, numbers and negations. Finds no meaning."""

from __future__ import annotations

import re
from itertools import pairwise

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_DENIED = "no not never none nobody nothing neither nor nowhere cannot without hardly"
_DENIED_ELSEWHERE = "nicht kein keine nie niemals ne pas jamais nunca jamás non mai"
_NEGATIONS = frozenset(f"{_DENIED} {_DENIED_ELSEWHERE}".split())
_COUNTED = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: str(number) for number, word in enumerate(_COUNTED.split())}


def words(text: str) -> list[str]:
    """The words of a text in order, in lower case and with straight apostrophes."""
    return [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]


def features(text: str) -> frozenset[str]:
    """The words of a text and its neighbouring pairs, so that order counts."""
    said = words(text)
    return frozenset((*said, *(f"{one} {other}" for one, other in pairwise(said))))


def pins(text: str) -> frozenset[str]:
    """What may not differ between texts that say the same: numbers, and whether anything is negated.

    >>> sorted(pins("I don't have two cats")), sorted(pins("I have 2 cats"))
    (['#2', 'not'], ['#2'])
    """
    said = words(text)
    found = {f"#{_NUMBERS.get(word, word)}" for word in said if word in _NUMBERS or any(map(str.isdigit, word))}
    if any(word in _NEGATIONS or word.endswith("n't") for word in said):
        found.add("not")
    return frozenset(found)


def asks(text: str) -> bool:
    """Whether a text ends as a question."""
    return text.rstrip().rstrip("\"'\u201d\u2019)").endswith(("?", "\uff1f"))
