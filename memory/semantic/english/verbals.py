"""Verb groups: auxiliaries, negation, adverbs and the verb, read after a subject. Resolves no name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from quantum_memory.memory.semantic.english.lexicon import (
    ADJECTIVES_IN_ED,
    ADJECTIVES_IN_ING,
    ADVERBS,
    GOVERNING,
    HEDGES,
    LASTING,
    MODALS,
    NEGATORS,
    NOT_ADVERBS,
    PASTS_LIKE_BASES,
    STATES,
)
from quantum_memory.memory.semantic.english.sentences import Token
from quantum_memory.memory.semantic.english.verbs import FORMS, ing, participle, past, third

Tense = Literal["present", "past"]
_BE = {"am": "present", "'m": "present", "is": "present", "are": "present", "'re": "present", "'s": "present",
       "was": "past", "were": "past"}  # fmt: skip
_LENGTHS = frozenset(("for", "since"))
_DESCRIBING = ADJECTIVES_IN_ED | LASTING | GOVERNING.keys()
"""Participles after "is" that describe, and tell of nothing that was done."""


class Verbal(NamedTuple):
    """A verb group.

    Attributes:
        base: the verb.
        predicate: how it is said of a third person: "lives", "moved", "has visited", "is reading".
        tense: a perfect that lasts ("has lived here for years") is present, any other past.
        negated: the sentence denies it.
        passive: the subject has it done to it.
        sure: how much the reading is to be trusted, in [0, 1].
        stop: one past its last token.
    """

    base: str
    predicate: str
    tense: Tense
    negated: bool
    passive: bool
    sure: float
    stop: int


class _Reader:
    """Tokens that are read from left to right, with what was read on the way."""

    def __init__(self, tokens: Sequence[Token], at: int) -> None:
        self.tokens, self.at = tokens, at
        self.negated = self.hedged = False

    @property
    def base(self) -> str:
        """The word that comes next; empty at the end and at a mark."""
        if self.at >= len(self.tokens) or self.tokens[self.at].kind != "word":
            return ""
        return self.tokens[self.at].base

    def adverbs(self) -> None:
        """Pass adverbs and negations."""
        while word := self.base:
            if word in NEGATORS:
                self.negated = not self.negated
            elif word == "no" and self.then == "longer":
                self.negated, self.at = True, self.at + 1
            elif word in HEDGES:
                self.hedged = True
            elif word not in ADVERBS and (not word.endswith("ly") or word in NOT_ADVERBS or word in FORMS):
                return
            self.at += 1

    @property
    def then(self) -> str:
        """The word after the next."""
        return self.tokens[self.at + 1].base if self.at + 1 < len(self.tokens) else ""


def verbal(tokens: Sequence[Token], at: int, *, first: bool, plural: bool) -> Verbal | None:
    """The verb group at a token; ``None`` if none is there, or if it only says what may, might or will be.

    The subject is the speaker (``first``), so that any word that fits is a verb, or more than one (``plural``).
    """
    reader = _Reader(tokens, at)
    reader.adverbs()
    word = reader.base
    if not word or word in MODALS or reader.hedged:
        return None
    if word in _BE:
        found = _being(reader, "present" if _BE[word] == "present" else "past")
    elif word in {"have", "has", "had", "'ve"}:
        found = _having(reader, word)
    elif word in {"do", "does", "did"}:
        found = _doing(reader, word)
    elif word == "used":
        found = _former(reader)
    else:
        found = _finite(reader, first=first, plural=plural)
    return None if found is None or reader.hedged else found


def _made(
    reader: _Reader, base: str, predicate: str, tense: Tense, *, passive: bool = False, sure: float = 0.9
) -> Verbal:
    return Verbal(base, predicate, tense, reader.negated, passive, sure, reader.at)


def _being(reader: _Reader, tense: Tense) -> Verbal | None:
    """After a form of "be": a copula, a progressive or a passive."""
    contracted = reader.base == "'s"
    start = reader.at
    reader.at += 1
    reader.adverbs()
    word, copula = reader.base, "is" if tense == "present" else "was"
    if contracted and word in {"got", "been"}:
        reader.at = start
        return _having(reader, "has")
    if word in MODALS or word == "to":
        return None
    form = FORMS.get(word)
    if word.endswith("ing") and len(word) > 4 and word not in ADJECTIVES_IN_ING:
        return _progressive(reader, tense, copula)
    if form is None or "participle" not in form.parts or word in _DESCRIBING:
        return _made(reader, "be", copula, tense)
    if contracted:  # it may be "has" as well
        return None
    reader.at += 1
    return _made(reader, form.base, f"{copula} {word}", tense, passive=True, sure=0.8)


def _progressive(reader: _Reader, tense: Tense, copula: str) -> Verbal | None:
    word = reader.base
    form = FORMS.get(word)
    if form is None or "ing" not in form.parts or word in {"going", "being"}:
        return None
    reader.at += 1
    plain = third(form.base) if tense == "present" else past(form.base)
    return _made(reader, form.base, plain if form.base in STATES else f"{copula} {word}", tense, sure=0.85)


def _having(reader: _Reader, word: str) -> Verbal | None:
    """After a form of "have": a perfect, or the verb itself."""
    reader.at += 1
    reader.adverbs()
    after = reader.base
    tense: Tense = "past" if word == "had" else "present"
    if after == "got":
        reader.at += 1
        return None if reader.base == "to" else _made(reader, "have", "has", "present", sure=0.85)
    if after == "been":
        return _having_been(reader)
    form = FORMS.get(after)
    if form is not None and "participle" in form.parts and not (after == word == "had"):
        return _perfect(reader, word, tense)
    if word == "'ve" or after in {"to", "better"} or (form is None and after.endswith("ed")):
        return None
    return _made(reader, "have", "has" if tense == "present" else "had", tense)


def _having_been(reader: _Reader) -> Verbal | None:
    """After "have been": what goes on since, or a state; a passive is left out."""
    reader.at += 1
    reader.adverbs()
    doing = FORMS.get(reader.base)
    if doing is not None and "ing" in doing.parts and reader.base not in ADJECTIVES_IN_ING:
        reader.at += 1
        said = third(doing.base) if doing.base in STATES else f"has been {ing(doing.base)}"
        return _made(reader, doing.base, said, "present", sure=0.85)
    if doing is not None and "participle" in doing.parts and reader.base not in _DESCRIBING:
        return None
    lasts = _lasts(reader)
    return _made(reader, "be", "is" if lasts else "has been", "present" if lasts else "past", sure=0.8)


def _perfect(reader: _Reader, word: str, tense: Tense) -> Verbal:
    """After "have", a word that can be a participle; a noun is more likely where it can be a base as well."""
    after = reader.base
    form = FORMS[after]
    if "base" in form.parts and word != "'ve" and after not in PASTS_LIKE_BASES and after not in {"come", "become"}:
        return _made(reader, "have", "has" if tense == "present" else "had", tense, sure=0.7)
    reader.at += 1
    lasting = form.base in STATES and _lasts(reader)
    said = third(form.base) if lasting else f"has {participle(form.base)}"
    return _made(reader, form.base, said, "present" if lasting else "past", sure=0.85)


def _lasts(reader: _Reader) -> bool:
    """Whether the clause goes on to say for how long."""
    for token in reader.tokens[reader.at :]:
        if token.kind == "mark":
            return False
        if token.base in _LENGTHS:
            return True
    return False


def _doing(reader: _Reader, word: str) -> Verbal | None:
    """After "do": a verb that is denied or stressed, or the verb itself."""
    tense: Tense = "past" if word == "did" else "present"
    reader.at += 1
    reader.adverbs()
    form = FORMS.get(reader.base)
    if form is not None and "base" in form.parts and (reader.negated or reader.base != "work"):
        base = reader.base if "base" in form.parts else form.base
        reader.at += 1
        return _made(reader, base, third(base) if tense == "present" else past(base), tense, sure=0.85)
    if reader.negated:
        return None
    return _made(reader, "do", "does" if tense == "present" else "did", tense, sure=0.8)


def _former(reader: _Reader) -> Verbal | None:
    """After "used": what was so and is no longer, or a use."""
    reader.at += 1
    if reader.base != "to":
        return _made(reader, "use", "used", "past", sure=0.8)
    reader.at += 1
    reader.adverbs()
    word = reader.base
    form = FORMS.get(word)
    if word == "be":
        reader.at += 1
        return _made(reader, "be", "was", "past")
    if form is None or "base" not in form.parts:
        return None
    reader.at += 1
    return _made(reader, word, past(word), "past")


def _finite(reader: _Reader, *, first: bool, plural: bool) -> Verbal | None:
    """A verb by itself, in a form that goes with its subject."""
    word, then = reader.base, reader.then
    form = FORMS.get(word)
    if form is None:
        if not (first and word.endswith("ed") and len(word) > 4):
            return None
        reader.at += 1
        return _made(reader, word, word, "past", sure=0.6)
    if "past" in form.parts and ("base" not in form.parts or word in PASTS_LIKE_BASES):
        if "participle" in form.parts and not first and then == "by":
            return None  # "a ball signed by ..." is what was signed
        reader.at += 1
        return _made(reader, form.base, past(form.base), "past")
    if "base" in form.parts and (first or plural):
        base = word
    elif "third" in form.parts and not first:
        base = form.base
    else:
        return None
    reader.at += 1
    return _made(reader, base, third(base), "present")
