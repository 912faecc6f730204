"""Noun phrases: determiners, adjectives and nouns in a row, read by closed word lists and no tagger.

Knows whose "my" and "her" is when told; resolves no other pronoun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from quantum_memory.memory.semantic.english.lexicon import (
    ADVERBS,
    ARTICLES,
    AUXILIARIES,
    CONDITIONALS,
    CONJUNCTIONS,
    FIRST_PERSON,
    FIRST_POSSESSIVES,
    HEDGES,
    KIN,
    MODALS,
    NEGATORS,
    NOT_ADVERBS,
    NOUNS_IN_ING,
    OBJECT_PRONOUNS,
    OTHER_PERSONS,
    PLURALS,
    PREPOSITIONS,
    QUANTITIES,
    SOON_OR_LATE,
    SUBORDINATORS,
    THIRD_POSSESSIVES,
    TIME_LEADS,
    TIME_WORDS,
    TITLED,
    VAGUE,
)
from quantum_memory.memory.semantic.english.sentences import Token, sentences
from quantum_memory.memory.semantic.english.verbs import FORMS
from quantum_memory.memory.semantic.words import MONTHS, NUMBER_WORDS

MAX_WORDS = 5
"""Words of one noun phrase, without its determiner, its owner and what stands after "of"."""
_CLOSED = (
    PREPOSITIONS
    | CONJUNCTIONS
    | SUBORDINATORS
    | CONDITIONALS
    | MODALS
    | ADVERBS
    | OTHER_PERSONS
    | OBJECT_PRONOUNS
    | FIRST_PERSON
    | FIRST_POSSESSIVES
    | THIRD_POSSESSIVES
    | ARTICLES
    | NEGATORS
    | HEDGES
    | AUXILIARIES
    | {"no", "few", "little", "many", "much", "less"}
)
_AFTER_DETERMINER = frozenset(("home", "few", "second", "super", "little", "past", "well", "one"))
"""Closed words that are open ones after an article or an owner: "a home"."""
_YEAR = re.compile("(?:1[5-9]|20)[0-9]{2}s?")
_DEGREES = frozenset(("bit", "lot", "little", "ton", "way"))
_PLURAL_ADJECTIVES = frozenset(("sports", "arts", "news", "games", "physics"))


class Owners(NamedTuple):
    """Whose "my" is (the speaker), and whose "her" (the subject of the clause); ``None`` where nobody knows.

    ``many``: the subject is more than one.
    """

    first: str | None = None
    third: str | None = None
    many: bool = False

    def of(self, possessive: str) -> str | None:
        """Whose a thing is after "my" or "her"; "their" is said of more than one, "his" and "its" of one."""
        if possessive in FIRST_POSSESSIVES:
            return self.first
        return self.third if (possessive == "their") == self.many else None


class Phrase(NamedTuple):
    """A noun phrase.

    Attributes:
        text: its name, without articles: "red umbrella", "Ann's sister's wedding".
        head: the last word of what it is, in lower case.
        first, stop: the tokens that it takes, from the first to one before ``stop``.
        named: begins with a capital, or is in quotes.
        plural: looks like more than one.
        owned: has an owner, or a determiner that opens it.
        role: what the named one is to its owner: "Ann's friend" of "my friend Bob"; empty for any other.
    """

    text: str
    head: str
    first: int
    stop: int
    named: bool
    plural: bool
    owned: bool
    role: str = ""

    @property
    def telling(self) -> bool:
        """Whether it names something: no time, and nothing as vague as "a lot"."""
        return not (self.head in VAGUE or self.head in TIME_WORDS or self.head in MONTHS or _YEAR.fullmatch(self.head))


def phrases(text: str, speaker: str | None = None) -> tuple[str, ...]:
    """The names of the noun phrases of two words and more in an English text, in order, each once.

    >>> phrases("I left the red umbrella at my sister's wedding.", "Ann")
    ('red umbrella', "Ann's sister's wedding")
    """
    found = (
        phrase.text
        for sentence in sentences(text)
        for phrase in _all(sentence.tokens, Owners(speaker))
        if phrase.telling and " " in phrase.text
    )
    return tuple(dict.fromkeys(found))


def _all(tokens: Sequence[Token], owners: Owners) -> Iterator[Phrase]:
    at = 0
    while at < len(tokens):
        phrase = noun_phrase(tokens, at, owners)
        if phrase is None:
            at += 1
            continue
        if phrase.owned or phrase.stop - phrase.first > 1:
            yield phrase
        at = phrase.stop


def noun_phrase(tokens: Sequence[Token], at: int, owners: Owners, *, subject: bool = False) -> Phrase | None:
    """The noun phrase that begins at a token; ``None`` if none does, or if nobody knows whose it is.

    With ``subject`` a verb is to come, and a word that may be one ends the phrase.
    """
    first, owner, owned = at, "", False
    after = _measure(tokens, at)
    if after > at:
        at, owned = after, True
    while at < len(tokens) and tokens[at].base in ARTICLES:
        at, owned = at + 1, True
    if at < len(tokens) and (tokens[at].base in FIRST_POSSESSIVES or tokens[at].base in THIRD_POSSESSIVES):
        whose = owners.of(tokens[at].base)
        if whose is None:
            return None
        at, owner, owned = at + 1, f"{whose}'{'' if whose.endswith('s') and tokens[at].base == 'their' else 's'} ", True
    if at < len(tokens) and tokens[at].kind == "quoted":
        title = tokens[at].text[1:-1].strip(" ,")
        if title.lower() in _CLOSED:
            return None
        return Phrase(owner + title, title.lower(), first, at + 1, True, False, owned) if title else None
    while True:
        stop = _run(tokens, at, subject=subject, owned=owned)
        if stop == at:
            return None
        words = tokens[at:stop]
        if words[0].base in _DEGREES and len(words) > 1:
            return None
        if not _possesses(tokens, stop):
            break
        at, owner, owned = stop + 1, f"{owner}{_joined(words)}'s ", True
    return _continued(tokens, _phrase(words, first, stop, owner, owned=owned), owners)


def _phrase(words: Sequence[Token], first: int, stop: int, owner: str, *, owned: bool) -> Phrase:
    head = words[-1].base
    role = ""
    if owner:
        kin = next((n for n, word in enumerate(words[:-1], 1) if word.base in KIN and words[n].upper), None)
        if kin is not None and all(word.upper for word in words[kin:]):
            role, words = owner + _joined(words[:kin]), words[kin:]
    plural = _plural(head) or words[0].kind == "number"
    text = _joined(words) if role else owner + _joined(words)
    return Phrase(
        text, head, first, stop, words[0].upper and not (owner and not role), plural and not role, owned, role
    )


def _continued(tokens: Sequence[Token], phrase: Phrase, owners: Owners) -> Phrase | None:
    """The phrase with what stands after its "of", or the title after it; ``None`` if that cannot be read."""
    if phrase.head in TITLED and phrase.stop < len(tokens) and tokens[phrase.stop].kind == "quoted":
        title = tokens[phrase.stop].text[1:-1].strip(" ,")
        return phrase._replace(text=title, stop=phrase.stop + 1, named=True) if title else None
    if phrase.role or phrase.stop >= len(tokens) or tokens[phrase.stop].base != "of":
        return phrase
    inner = noun_phrase(tokens, phrase.stop + 1, owners)
    if inner is None:
        return None
    return phrase._replace(text=f"{phrase.text} of {inner.text}", stop=inner.stop)


def _joined(words: Sequence[Token]) -> str:
    return " ".join(word.text for word in words)


def _measure(tokens: Sequence[Token], at: int) -> int:
    """One past a quantity such as "a lot of" that begins at a token; that token if none does."""
    for words in QUANTITIES:
        if tuple(token.base for token in tokens[at : at + len(words)]) == words:
            return at + len(words)
    return at


def _possesses(tokens: Sequence[Token], at: int) -> bool:
    """Whether an "'s" that says whose, and not "is" or "has", stands here with a thing after it."""
    if at + 1 >= len(tokens) or tokens[at].base != "'s" or tokens[at - 1].end != tokens[at].start:
        return False
    after = tokens[at + 1]
    form = FORMS.get(after.base)
    doing = form is not None and (
        "ing" in form.parts or ("base" not in form.parts and bool(form.parts & {"past", "participle"}))
    )
    return after.kind == "quoted" or (_open(after) and not (doing and after.base not in NOUNS_IN_ING))


def _run(tokens: Sequence[Token], at: int, *, subject: bool, owned: bool) -> int:
    """One past the last word of a row of adjectives and nouns that begins at a token."""
    stop = at
    while stop < len(tokens) and stop - at < MAX_WORDS:
        token = tokens[stop]
        if not (_open(token, named=not subject) or (owned and stop == at and token.base in _AFTER_DETERMINER)):
            break
        if stop > at and (_ends_subject(tokens, stop) if subject else _ends_object(tokens, stop, owned=owned)):
            break
        stop += 1
    return stop


def _open(token: Token, *, named: bool = False) -> bool:
    """Whether a token can be an adjective or a noun; where names are looked for, a preposition with a capital too."""
    if token.kind != "word":
        return token.kind == "number"
    base = token.base
    if base in _CLOSED:
        return named and token.upper and (base in PREPOSITIONS or base == "may")
    return token.upper or not base.endswith("ly") or base in NOT_ADVERBS


def _ends_subject(tokens: Sequence[Token], at: int) -> bool:
    """Whether the verb begins here: a form that can be finite, after a word that can be what does it."""
    form = FORMS.get(tokens[at].base)
    if form is None or tokens[at].upper:
        return False
    if at + 1 < len(tokens) and tokens[at + 1].base in AUXILIARIES and tokens[at + 1].base not in {"to", "me", "us"}:
        return False
    return bool(form.parts & {"third", "past"}) or ("base" in form.parts and _plural(tokens[at - 1].base))


def _ends_object(tokens: Sequence[Token], at: int, *, owned: bool) -> bool:
    """Whether what stands here is a doing rather than a noun: "a dog | named Max", "Ann | dancing"."""
    token, before = tokens[at], tokens[at - 1]
    if token.upper or token.base in SOON_OR_LATE:
        return not token.upper
    if token.base in TIME_LEADS or is_number(token):
        return at + 1 < len(tokens) and tokens[at + 1].base in TIME_WORDS
    if token.base.endswith("ing"):
        return token.base not in NOUNS_IN_ING or before.base == "time"
    form = FORMS.get(token.base)
    if form is None:
        return is_done_to(tokens, at)
    if "base" not in form.parts and form.parts & {"past", "participle"}:
        return True
    many = "base" in form.parts and _plural(before.base) and before.base not in _PLURAL_ADJECTIVES
    return many or (before.upper and not owned and bool(form.parts & {"base", "third"}))


def is_done_to(tokens: Sequence[Token], at: int) -> bool:
    """Whether a verb that no list has stands here as in "a drink | distilled in ..."."""
    base = tokens[at].base
    known = base in FORMS or tokens[at].upper or not base.endswith("ed") or len(base) < 5
    return not known and at + 1 < len(tokens) and tokens[at + 1].base in PREPOSITIONS


def is_number(token: Token) -> bool:
    """Whether a token is a number, in digits or in letters."""
    return token.kind == "number" or token.base in NUMBER_WORDS


def _plural(word: str) -> bool:
    return word in PLURALS or (word.endswith("s") and not word.endswith("ss"))
