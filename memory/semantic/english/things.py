"""Things that are said with a predicate: lists of them, their names, and doings. Knows no verb that governs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quantum_memory.memory.semantic.english.lexicon import (
    ADJECTIVES_IN_ING,
    ADVERBS,
    ARTICLES,
    CONJUNCTIONS,
    FIRST_POSSESSIVES,
    JOINING,
    LIGHT_DOINGS,
    NOT_ADVERBS,
    NOUNS_IN_ING,
    PARTICLES,
    PREPOSITIONS,
    SOON_OR_LATE,
    SUBORDINATORS,
    THIRD_POSSESSIVES,
    TIME_LEADS,
    TIME_WORDS,
)
from quantum_memory.memory.semantic.english.phrases import Owners, Phrase, is_done_to, is_number, noun_phrase
from quantum_memory.memory.semantic.english.sentences import Token
from quantum_memory.memory.semantic.english.verbs import FORMS

LISTED = 0.9
"""How much less sure a thing is that stands in a list, or is made of two phrases."""
ASIDE = 0.95
"""How sure it is what somebody is who is named beside it: "my friend Bob"."""
MAX_LISTED = 8
_NAMING = frozenset(("named", "called"))
_GLUE = frozenset("+/#$%*=@\\^_~<>|")
"""Marks that make one word of two where no space parts them."""
_AND = frozenset(("and", "&"))
_NO_DOINGS = NOUNS_IN_ING | ADJECTIVES_IN_ING
_GOES_ON = (
    PREPOSITIONS
    | CONJUNCTIONS
    | SUBORDINATORS
    | ADVERBS
    | TIME_LEADS
    | TIME_WORDS
    | _NAMING
    | SOON_OR_LATE
    | {"itself", "themselves", "or", "i", "we", "he", "she", "they", "you", "who", "yet"}
)


class How(NamedTuple):
    """How things are said: with which predicate, how sure that is, and whether it says "no" itself."""

    predicate: str
    sure: float
    denied: bool = False


class Said(NamedTuple):
    """A predicate with its object.

    Attributes:
        sure: how much the reading is to be trusted.
        stop: one past its last token.
        denied: it says "no" itself: "has no children".
        subject: where it is not the clause's: "Bob" in "my friend Bob", who is said to be a friend.
    """

    predicate: str
    object: str
    sure: float
    stop: int
    denied: bool = False
    subject: str = ""


def goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Whether what stands after a noun phrase lets it be a whole one."""
    if at >= len(tokens):
        return True
    if tokens[at].kind == "mark":
        return tokens[at].base != "'" and (tokens[at].start > tokens[at - 1].end or tokens[at].base not in _GLUE)
    token, base = tokens[at], tokens[at].base
    timed = (base in ARTICLES or is_number(token)) and base_at(tokens, at + 1) in TIME_WORDS
    if timed or base in _GOES_ON or (base.endswith("ly") and base not in NOT_ADVERBS):
        return True
    form = FORMS.get(base)
    if form is None or token.upper:
        return is_done_to(tokens, at)
    done_to = "participle" in form.parts and "base" not in form.parts
    return "ing" in form.parts or (done_to and base_at(tokens, at + 1) in PREPOSITIONS)


def roles(phrase: Phrase) -> Iterator[Said]:
    """That who has a name and an owner is what the text says of them: "Bob" is "Ann's friend"."""
    if phrase.role:
        yield Said("is", phrase.role, ASIDE, phrase.stop, subject=phrase.text)


def base_at(tokens: Sequence[Token], at: int) -> str:
    """The word in lower case; empty past the end, at a mark, and for a name such as "Under Armour"."""
    if at >= len(tokens) or tokens[at].kind != "word" or (tokens[at].upper and tokens[at].base in PREPOSITIONS):
        return ""
    return tokens[at].base


def past_adverbs(tokens: Sequence[Token], at: int) -> int:
    """Where something else than an adverb stands."""
    while (word := base_at(tokens, at)) and (
        word in ADVERBS or (word.endswith("ly") and word not in NOT_ADVERBS and not tokens[at].upper)
    ):
        at += 1
    return at


def listed(tokens: Sequence[Token], phrase: Phrase, how: How, owners: Owners) -> Iterator[Said]:
    """The thing, its role and its name, and what is joined to it by "and"."""
    if _shares_a_noun(tokens, phrase):
        return
    for number, one in enumerate((phrase, *_more(tokens, phrase.stop, owners))):
        yield Said(how.predicate, one.text, how.sure * (LISTED if number else 1.0), one.stop, how.denied)
        yield from roles(one)
        yield from _named(tokens, one)


def _more(tokens: Sequence[Token], at: int, owners: Owners) -> list[Phrase]:
    """What is joined to the thing before: ", piano and drums". A list that no "and" ends is none."""
    found: list[Phrase] = []
    waiting: list[Phrase] = []
    for _ in range(MAX_LISTED):
        sign = tokens[at].base if at < len(tokens) else ""
        joined, after = sign in _AND, at + 1
        if sign == "," and base_at(tokens, after) == "and":
            joined, after = True, after + 1
        another = noun_phrase(tokens, after, owners) if joined or sign == "," else None
        if another is None or not _joins(tokens, after, another, doing=tokens[at - 1].base.endswith("ing")):
            break
        waiting.append(another)
        at = another.stop
        if joined:
            found.extend(waiting)
            waiting = []
    return found


def _shares_a_noun(tokens: Sequence[Token], phrase: Phrase) -> bool:
    """Whether it may be half of "a safe, easy ride" or "my food and drink bill".

    Where adjectives end and nouns begin, no plain rule can tell there.
    """
    if phrase.stop >= len(tokens):
        return False
    if not phrase.owned:
        other = (
            noun_phrase(tokens, phrase.stop + 1, Owners()) if base_at(tokens, phrase.stop) in {"and", "or"} else None
        )
        short = phrase.stop == phrase.first + 1 and not phrase.named and not phrase.plural
        return short and other is not None and not other.owned and other.stop > other.first + 1
    comma = tokens[phrase.stop].base == ","
    if not comma and base_at(tokens, phrase.stop) not in {"and", "but", "yet", "or"}:
        return False
    if comma and tokens[phrase.first].base not in {"a", "an"}:
        return False
    other = noun_phrase(tokens, phrase.stop + 1, Owners())
    return other is not None and not other.owned and not other.named and not other.plural


def _joins(tokens: Sequence[Token], at: int, phrase: Phrase, *, doing: bool) -> bool:
    """Whether a noun phrase after "and" is one more thing; a doing is so only after another."""
    form, word = FORMS.get(tokens[at].base), tokens[at].base
    if not phrase.owned and form is not None and not tokens[at].upper and not (doing and word in NOUNS_IN_ING):
        return False
    return whole(tokens, phrase)


def _named(tokens: Sequence[Token], phrase: Phrase) -> Iterator[Said]:
    """What a thing is called: "a dog named Max"."""
    if base_at(tokens, phrase.stop) in _NAMING:
        name = noun_phrase(tokens, phrase.stop + 1, Owners())
        if name is not None and name.named and not name.role and goes_on(tokens, name.stop):
            yield Said("is", phrase.text, ASIDE, name.stop, subject=name.text)


def opens(tokens: Sequence[Token], at: int) -> bool:
    """Whether an article or an owner stands here."""
    base = base_at(tokens, at)
    return base in ARTICLES or base in FIRST_POSSESSIVES or base in THIRD_POSSESSIVES


def is_doing(tokens: Sequence[Token], phrase: Phrase) -> bool:
    """Whether a phrase begins with what somebody does: "playing games"."""
    word = tokens[phrase.first].base
    form = FORMS.get(word)
    doing = "ing" in form.parts if form is not None else word.endswith("ing") and word not in _NO_DOINGS
    return not phrase.owned and not phrase.named and doing


def done(tokens: Sequence[Token], doing: Phrase, how: How, owners: Owners) -> Iterator[Said]:
    """A doing as a thing, with what it is done to: "playing guitar", "going on trips"."""
    if base_at(tokens, doing.stop) in PARTICLES or base_at(tokens, doing.stop) in SUBORDINATORS:
        return
    leads = doing.stop == doing.first + 1 and doing.head not in NOUNS_IN_ING
    onward = leads and base_at(tokens, doing.stop) in JOINING
    if onward or opens(tokens, doing.stop):
        what = noun_phrase(tokens, doing.stop + onward, owners)
        if what is None or not whole(tokens, what) or is_doing(tokens, what) or _shares_a_noun(tokens, what):
            return
        link = f" {tokens[doing.stop].base}" if onward else ""
        yield Said(how.predicate, f"{doing.text}{link} {what.text}", how.sure * LISTED, what.stop, how.denied)
    elif whole(tokens, doing) and not (leads and doing.head in LIGHT_DOINGS):
        yield from listed(tokens, doing, how, owners)


def whole(tokens: Sequence[Token], phrase: Phrase) -> bool:
    """Whether a phrase names something, and is over where it ends."""
    return phrase.telling and ends(tokens, phrase)


def ends(tokens: Sequence[Token], phrase: Phrase) -> bool:
    """Whether a phrase is over where it ends: "dog" in "a dog running", not "rope" in "rope jumping"."""
    if not goes_on(tokens, phrase.stop):
        return False
    form = FORMS.get(base_at(tokens, phrase.stop))
    if form is None or "ing" not in form.parts:
        return True
    return (phrase.owned or phrase.named) and noun_phrase(tokens, phrase.stop + 1, Owners()) is None
