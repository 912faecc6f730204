"""Who did what: subject, predicate and object of plain English statements, by rules that leave out what they doubt.

Questions, conditions, wishes, plans, and what somebody else is said to say or think are left alone; so are subjects
that only a reader of the whole conversation could name. A text in another language gives nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from quantum_memory.memory.semantic.english.complements import complements
from quantum_memory.memory.semantic.english.lexicon import (
    CONDITIONALS,
    FIRST_PERSON,
    INTERJECTIONS,
    LIMITING,
    NOUNS_IN_ING,
    OTHER_PERSONS,
    PREPOSITIONS,
    QUESTION_OPENERS,
    REPORTING,
    STARTING,
    SUBORDINATORS,
    TIME_LEADS,
    TIME_WORDS,
    VAGUE_NAMES,
)
from quantum_memory.memory.semantic.english.phrases import Owners, Phrase, is_number, noun_phrase
from quantum_memory.memory.semantic.english.sentences import Sentence, Token, sentences
from quantum_memory.memory.semantic.english.things import Said, roles
from quantum_memory.memory.semantic.english.verbals import Tense, Verbal, verbal
from quantum_memory.memory.semantic.english.verbs import FORMS
from quantum_memory.memory.semantic.english.when import when

OF_SEVERAL = 0.9
"""How much less sure it is that the speaker did what "we" did."""
UNNAMED = 0.8
"""How much less sure a subject is that is neither a name nor has an owner."""
CARRIED = 0.9
"""How much less sure a subject is that was named in the clause before."""


class Triple(NamedTuple):
    """One statement.

    Attributes:
        subject: who or what; the speaker by name where the text says "I" or "we".
        predicate: as it is said of a third person, with its preposition: "lives in", "moved to", "is".
        object: whom or what, without articles, and with its owner by name: "Ann's sister".
        negated: the text denies it.
        tense: "present" for what goes on and for states, "past" for what happened.
        confidence: how far the rules that read it can be trusted, in (0, 1].
        start, end: where it stands in the text, in characters.
        at: when it came to be so, in UTC: the date that the clause names, or when it was said; ``None`` if unknown.
    """

    subject: str
    predicate: str
    object: str
    negated: bool
    tense: Tense
    confidence: float
    start: int
    end: int
    at: datetime | None = None


class _Subject(NamedTuple):
    texts: tuple[str, ...]
    first: bool
    plural: bool
    sure: float
    start: int
    stop: int
    roles: tuple[Said, ...] = ()


def triples(text: str, speaker: str | None = None, at: datetime | None = None) -> tuple[Triple, ...]:
    """The statements of a text, in order. "I" is the speaker; without one, statements about "I" are left out.

    >>> [one[:3] for one in triples("I moved to Boston, and my sister Eve doesn't like rain.", "Ann")]
    [('Ann', 'moved to', 'Boston'), ('Eve', 'is', "Ann's sister"), ('Eve', 'likes', 'rain')]
    """
    name = speaker.strip() if speaker else None
    found: dict[tuple[str, str, str, bool], Triple] = {}
    for sentence in sentences(text):
        if _asserts(sentence):
            for triple in _Clauses(sentence.tokens, name or None, at).read():
                found.setdefault((triple.subject, triple.predicate, triple.object, triple.negated), triple)
    return tuple(found.values())


def _asserts(sentence: Sentence) -> bool:
    """Whether a sentence may say that something is so."""
    bases = [token.base for token in sentence.tokens]
    if sentence.asks or not sentence.whole or CONDITIONALS.intersection(bases):
        return False
    opening = [base for base in bases if base not in INTERJECTIONS][:2]
    if opening[:1] in (["when"], ["where"]):
        opening = opening[1:]
    return not QUESTION_OPENERS.intersection(opening[:1])


class _Clauses:
    """The clauses of one sentence, from left to right."""

    def __init__(self, tokens: Sequence[Token], speaker: str | None, at: datetime | None) -> None:
        self._tokens, self._speaker, self._at = tokens, speaker, at
        self._carried: _Subject | None = None

    def read(self) -> Iterator[Triple]:
        """Each statement. What a subordinating word opens is passed over up to the next mark."""
        tokens, at, starts, passing = self._tokens, 0, True, False
        while at < len(tokens):
            token = tokens[at]
            if token.kind == "mark":
                starts, passing, at = True, False, at + 1
                continue
            if starts and not passing:
                found, stop = self._clause(at)
                yield from found
                if stop is None:
                    return
                if stop > at:
                    at, starts = stop, False
                    continue
            passing = passing or token.base in SUBORDINATORS
            starts = token.base in STARTING
            at += 1

    def _clause(self, at: int) -> tuple[list[Triple], int | None]:
        """The statements of the clause that begins at a token, and where it was read to; ``None`` ends the sentence."""
        tokens = self._tokens
        begun = _opened(tokens, at, Owners(self._speaker))
        subject = self._subject(begun) or self._resumed(at)
        if subject is None:
            return [], self._unread(begun, at)
        verb = verbal(tokens, subject.stop, first=subject.first, plural=subject.plural)
        self._carried = None
        if verb is None or verb.base in REPORTING:
            return [], self._unread(subject.stop, at)
        owners = Owners(self._speaker, None if subject.first else subject.texts[0], subject.plural)
        said = [*subject.roles, *complements(tokens, verb, owners)]
        if verb.negated and any(token.base in LIMITING for token in tokens[verb.stop : self._end(verb.stop)]):
            said = list(subject.roles)  # who has not seen many has seen some
        self._carried = subject if said and not verb.passive else None
        stop = max([verb.stop, *(one.stop for one in said)])
        date = when(tokens[at : self._end(stop)], self._at)
        return [self._triple(text, subject, verb, one, date) for one in said for text in _of(one, subject)], stop

    def _triple(self, text: str, subject: _Subject, verb: Verbal, said: Said, date: datetime | None) -> Triple:
        """The statement; what is said in passing, such as who "my friend Bob" is, has no tense and is never denied."""
        tokens, aside = self._tokens, bool(said.subject)
        predicate = said.predicate
        if not aside and text.endswith(_NAME) and verb.base == "be":
            text, predicate = text.removesuffix(_NAME), f"{predicate} named"
        return Triple(
            subject=text,
            predicate=predicate,
            object=said.object,
            negated=not aside and verb.negated != said.denied,
            tense="present" if aside else verb.tense,
            confidence=round(subject.sure * said.sure, 4),
            start=tokens[subject.start].start,
            end=tokens[said.stop - 1].end,
            at=date,
        )

    def _subject(self, at: int) -> _Subject | None:
        """Who or what a clause speaks of, if it can be named."""
        tokens = self._tokens
        if at >= len(tokens) or tokens[at].base in OTHER_PERSONS:
            return None
        if tokens[at].base not in FIRST_PERSON:
            return self._named(at)
        if self._speaker is None:
            return None
        return _Subject((self._speaker,), True, True, 1.0 if tokens[at].base == "i" else OF_SEVERAL, at, at + 1)

    def _named(self, at: int) -> _Subject | None:
        """A subject that has a name, an owner or an article, and another that is joined to it."""
        tokens = self._tokens
        phrase = noun_phrase(tokens, at, Owners(self._speaker), subject=True)
        if phrase is None or not phrase.telling or not (phrase.owned or phrase.named) or _counts(tokens, at):
            return None
        if not phrase.owned and _does(tokens, at, phrase):
            return None
        texts: tuple[str, ...] = (_plain(tokens, at, phrase),)
        stop, plural = phrase.stop, phrase.plural
        sure = 1.0 if phrase.named or phrase.role or "'s " in phrase.text else UNNAMED
        if stop + 1 < len(tokens) and tokens[stop].base in {"and", "&"}:
            other = self._subject(stop + 1)
            if other is not None and (other.first or phrase.named):
                texts, stop, plural, sure = (*texts, *other.texts), other.stop, True, min(sure, other.sure) * OF_SEVERAL
        return _Subject(texts, False, plural, sure, at, stop, tuple(roles(phrase)))

    def _resumed(self, at: int) -> _Subject | None:
        """The subject of the clause before, where only a verb in the past stands after "and"."""
        tokens, before = self._tokens, self._carried
        if before is None or at == 0 or at >= len(tokens) or tokens[at - 1].base not in {"and", "but", "then"}:
            return None
        form = FORMS.get(tokens[at].base)
        if form is None or "past" not in form.parts or "base" in form.parts:
            return None
        return before._replace(stop=at, sure=before.sure * CARRIED, roles=())

    def _unread(self, at: int, begun: int) -> int | None:
        """Where to read on after a clause that says nothing by itself; ``None`` if the rest is somebody's word."""
        for token in self._tokens[at : self._end(at)]:
            form = FORMS.get(token.base)
            if form is not None and form.base in REPORTING:
                return None
        return begun

    def _end(self, at: int) -> int:
        """Where the clause around a token ends: at a mark, or the end of the sentence."""
        tokens = self._tokens
        while at < len(tokens) and tokens[at].kind != "mark":
            at += 1
        return at


_NAME = "'s name"
_NAMES_LIKE_VERBS = frozenset(("mark", "drew", "rose"))


def _does(tokens: Sequence[Token], at: int, phrase: Phrase) -> bool:
    """Whether a word in the place of a subject is no name: "Sounds good", "Bring cakes", "Overcoming fears helps"."""
    word = tokens[at].base
    if word in VAGUE_NAMES or (word.endswith("ing") and word not in NOUNS_IN_ING):
        return True
    if phrase.stop > at + 1 and tokens[at + 1].upper:
        return False
    form = FORMS.get(word)
    return form is not None and form.parts != {"ing"} and word not in _NAMES_LIKE_VERBS


def _counts(tokens: Sequence[Token], at: int) -> bool:
    """Whether it is some of many, as in "two of my favourites"."""
    return is_number(tokens[at]) and at + 1 < len(tokens) and tokens[at + 1].base == "of"


def _of(said: Said, subject: _Subject) -> tuple[str, ...]:
    return (said.subject,) if said.subject else subject.texts


def _plain(tokens: Sequence[Token], at: int, phrase: Phrase) -> str:
    """The name of a subject; the capital of a sentence's first word is no part of it unless the word is a name."""
    common = (tokens[at].base in FORMS and tokens[at].base not in _NAMES_LIKE_VERBS) or tokens[at].base in NOUNS_IN_ING
    return phrase.text[0].lower() + phrase.text[1:] if at == 0 and common and not phrase.owned else phrase.text


def _opened(tokens: Sequence[Token], at: int, owners: Owners) -> int:
    """Where the subject of a clause stands, past words and phrases of time and place before it."""
    while at < len(tokens) and tokens[at].kind == "word":
        base = tokens[at].base
        if base in INTERJECTIONS:
            at += 1
        elif base in TIME_LEADS and at + 1 < len(tokens) and tokens[at + 1].base in TIME_WORDS:
            at += 2
        elif base in PREPOSITIONS and (phrase := noun_phrase(tokens, at + 1, owners)) is not None:
            return phrase.stop if phrase.stop < len(tokens) and tokens[phrase.stop].base in FIRST_PERSON else at
        else:
            break
    return at
