"""What a text speaks of: names, dates, numbers and topics, found by form alone.

Knows no model, no network and no graph; the same text gives the same concepts in the same order. English words are
stemmed; words of other languages are taken as they stand, and scripts without spaces in pairs of characters.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import Stemmer

from quantum_memory.memory.episodic.words import STEMS_HELD
from quantum_memory.memory.semantic.tokens import MAX_WORD_CHARS, Fixed, Word, segments
from quantum_memory.memory.semantic.words import (
    FUNCTION_WORDS,
    NAME_ADJECTIVES,
    NAME_LINKS,
    PERSON_LEADS,
    STOP_WORDS,
    TITLES,
)

ConceptKind = Literal["person", "entity", "date", "number", "topic"]
KINDS: tuple[ConceptKind, ...] = get_args(ConceptKind)
"""From the most telling to the least: where a text gives a concept two kinds, the first of them counts."""
MAX_NAME_WORDS = 6
CACHED_FORMS = 4096
"""Concepts kept by form, for the words that most texts are made of; the others take no longer than a look in a dict."""
_THREAD = threading.local()


class Concept(NamedTuple):
    """Something that memories speak of.

    Attributes:
        key: the same for every form of it: stems of its words in lower case, or ``date:`` or ``number:`` and a value.
        label: the form in which it stood in the text.
        kind: what it seems to be.
    """

    key: str
    label: str
    kind: ConceptKind


def extract(text: str, speaker: str | None = None) -> tuple[Concept, ...]:
    """The concepts of a text, each once, in order of appearance, the speaker first.

    A word is taken for a name if it begins with a capital where no sentence begins, and for a person after a title
    or a word such as "friend", or if it is part of the speaker's name. A name of several words brings each of them
    as well, so that "Alice Smith" and "Alice" are joined. A text all in capitals tells nothing about names.

    >>> [concept.key for concept in extract("My friend Bob was in New York on 7 May 2023.")]
    ['friend', 'bob', 'new york', 'york', 'date:2023-05-07']
    """
    found: dict[str, Concept] = {}
    if speaker is not None and speaker.strip():
        _add(found, _speaker(speaker))
    spoken = frozenset(found)
    for words, then in segments(text):
        _add(found, _concepts(words, spoken))
        if then is not None:
            _add(found, _fixed(then))
    return tuple(found.values())


@lru_cache(maxsize=CACHED_FORMS)
def key_of(name: str) -> str:
    """The key of one thing that is named as a whole, such as an end of a relation: that of the concept it is in a text.

    Where a name mixes words with numbers or dates, no text has a concept for all of it, and these stand in its key too.

    >>> key_of("the New York"), key_of("umbrellas"), key_of("7 May 2023"), key_of("Apollo 13")
    ('new york', 'umbrella', 'date:2023-05-07', 'apollo number:13')
    """
    keys: list[str] = []
    telling = 0
    for words, then in segments(name):
        for word in words:
            if len(keys) == telling and word.base in STOP_WORDS and word.base not in NAME_ADJECTIVES:
                telling += 1
            if len(word.base) <= MAX_WORD_CHARS:
                keys.append(_stem(word.base))
        if then is not None:
            keys.append(then.key)
    return " ".join(keys[telling:] or keys) or name.strip().casefold()


def _add(found: dict[str, Concept], concepts: Iterable[Concept]) -> None:
    """Take in each concept under its key; of two kinds the more telling stays, in the place of the first."""
    for concept in concepts:
        before = found.setdefault(concept.key, concept)
        if before is not concept and KINDS.index(concept.kind) < KINDS.index(before.kind):
            found[concept.key] = concept


def _concepts(words: list[Word], spoken: frozenset[str]) -> Iterator[Concept]:
    """The names and topics among words that stand in a row."""
    index = 0
    while index < len(words):
        word = words[index]
        end = _name_end(words, index) if word.upper else index
        if end == index:
            yield from _topic(word.base)
            index += 1
            continue
        name = tuple(part.text for part in words[index:end])
        if _names_person(words, index) or (end == index + 1 and _stem(word.base) in spoken):
            yield from _name(name, "person")
        elif end > index + 1 or not word.opens or (word.text.isupper() and len(word.text) > 1):
            yield from _name(name, "entity")
        else:
            yield from _topic(word.base)
        index = end


def _name_end(words: list[Word], start: int) -> int:
    """One past the last word of the name that begins at ``start``; ``start`` itself if none does."""
    first = words[start].base
    if first in TITLES or (first in STOP_WORDS and first not in NAME_ADJECTIVES):
        return start
    end = start + 1
    for ahead in range(start + 1, min(start + MAX_NAME_WORDS, len(words))):
        word = words[ahead]
        if words[end - 1].owns or word.opens or not word.touches:
            break
        if word.upper and word.base not in FUNCTION_WORDS:
            end = ahead + 1
        elif word.base not in NAME_LINKS:
            break
    return start if end == start + 1 and first in STOP_WORDS else end


def _names_person(words: list[Word], start: int) -> bool:
    """Whether what stands before a name says that it is a person's."""
    if start == 0 or words[start].opens:
        return False
    before = words[start - 1].base
    if before in TITLES or before in PERSON_LEADS or before == "name":
        return True
    return before == "is" and start > 1 and words[start - 2].base == "name"


def _fixed(fixed: Fixed) -> tuple[Concept, ...]:
    if fixed.kind != "unspaced":
        return (Concept(fixed.key, fixed.label, fixed.kind),)
    run = fixed.label
    pairs = [run[at : at + 2] for at in range(len(run) - 1)] or [run]
    return tuple(Concept(pair, pair, "topic") for pair in dict.fromkeys(pairs))


@lru_cache(maxsize=1024)
def _speaker(speaker: str) -> tuple[Concept, ...]:
    """The concepts of a speaker's name: the whole, and each word of it."""
    words = tuple(word.text for part, _ in segments(speaker) for word in part)
    return _name(words, "person") if words else (Concept(speaker.casefold(), speaker, "person"),)


@lru_cache(maxsize=CACHED_FORMS)
def _topic(base: str) -> tuple[Concept, ...]:
    """The concept of one word in lower case; none if it is a stop word, a lone letter or no word at all."""
    if base in STOP_WORDS or not 1 < len(base) <= MAX_WORD_CHARS or not any(map(str.isalpha, base)):
        return ()
    return (Concept(_stem(base), base, "topic"),)


@lru_cache(maxsize=CACHED_FORMS)
def _name(words: tuple[str, ...], kind: ConceptKind) -> tuple[Concept, ...]:
    """The concepts of a name: the whole, and each word of it that is no stop word."""
    short = [word for word in words if len(word) <= MAX_WORD_CHARS]
    if not short:
        return ()
    whole = Concept(" ".join(_stem(word.lower()) for word in short), " ".join(short), kind)
    if len(short) == 1:
        return (whole,)
    parts = [word for word in short if word.lower() not in NAME_LINKS]
    return (whole, *(Concept(part.key, word, kind) for word in parts for part in _topic(word.lower())))


def _stem(word: str) -> str:
    """The stem of an English word in lower case. A stemmer must not be used by two threads, so each has its own."""
    if not hasattr(_THREAD, "stemmer"):
        _THREAD.stemmer = Stemmer.Stemmer("english", STEMS_HELD)
    stem: str = _THREAD.stemmer.stemWord(word)
    return stem
