"""What stands after a verb: its objects, and phrases with prepositions that belong to it. Judges no sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from quantum_memory.memory.semantic.english.lexicon import (
    ARTICLES,
    CHAINING,
    CONJUNCTIONS,
    GERUNDS,
    GIVING,
    GOING,
    GOVERNING,
    INTRANSITIVE,
    JOINING,
    LASTING,
    PARTICLES,
    PREPOSITIONS,
)
from quantum_memory.memory.semantic.english.phrases import Owners, Phrase, noun_phrase
from quantum_memory.memory.semantic.english.sentences import Token
from quantum_memory.memory.semantic.english.things import (
    LISTED,
    MAX_LISTED,
    How,
    Said,
    base_at,
    done,
    ends,
    goes_on,
    is_doing,
    listed,
    opens,
    past_adverbs,
    whole,
)
from quantum_memory.memory.semantic.english.verbals import Verbal
from quantum_memory.memory.semantic.english.verbs import FORMS, ing

FOLLOWING = 0.9
"""How much less sure a second phrase with a preposition is."""
_UNDETERMINED = frozenset(("get", "become", "stay", "look", "keep", "turn", "grow", "make", "run"))
"""Verbs after which a bare word in the singular tells how, and not what: "got sick"."""
_WITH_BARE_VERBS = frozenset(("help", "go", "come", "let", "make", "try"))
"""Verbs after which another may stand as it is: "helps run a shop"."""
_NEVER_WITH_PREPOSITIONS = frozenset(("do", "have", "make", "take", "give", "want"))
"""Verbs that mean nothing without an object, or with a particle: "did well in ..."."""
_WITH_INFINITIVES = frozenset(("want", "need", "like", "love", "hate", "prefer", "allow", "help", "get"))
"""Verbs after which a thing and "to" are what is wanted of the thing, and not the thing."""
_LEADS_TO_DOING = frozenset(("love", "like", "hate", "prefer"))
_CHAINED = frozenset(("from", "to", "at", "as", "with", "for", "by"))
"""Prepositions that belong to a verb in the second place; after others stands more about the first thing."""
_GETS = frozenset(("married", "engaged", "divorced", "hired", "promoted", "fired", "elected"))
_SAID_OF_PLACES = frozenset(("in", "at"))
_SAID_BY_BEING = frozenset(("from", "into", "about"))
_SPEAKER = frozenset(("me", "us"))


def complements(tokens: Sequence[Token], verb: Verbal, owners: Owners) -> list[Said]:
    """What a verb is said with; nothing where it does not read on as plain rules expect."""
    at = verb.stop if base_at(tokens, verb.stop) in PARTICLES else past_adverbs(tokens, verb.stop)
    if verb.passive:
        return list(_passive(tokens, at, verb, owners))
    if verb.base == "be":
        return list(_after_be(tokens, at, verb, owners))
    predicate, word = verb.predicate, base_at(tokens, at)
    if word in PARTICLES and not (word in JOINING and noun_phrase(tokens, at + 1, owners)):
        predicate, at = f"{predicate} {word}", past_adverbs(tokens, at + 1)
        word = base_at(tokens, at)
    if verb.base == "get" and word in _GETS:
        predicate, at = f"{predicate} {word}", at + 1
    elif verb.base in _LEADS_TO_DOING and word == "to":
        return list(_doing(tokens, at + 1, verb, owners))
    elif word not in PREPOSITIONS:
        return list(_direct(tokens, at, How(predicate, verb.sure), verb, owners))
    return list(_with_prepositions(tokens, at, predicate, verb, owners))


def _direct(tokens: Sequence[Token], at: int, how: How, verb: Verbal, owners: Owners) -> Iterator[Said]:
    """The object right after a verb."""
    if base_at(tokens, at) == "no":
        how, at = how._replace(denied=True), at + 1
    if base_at(tokens, at) in _SPEAKER and verb.base not in GIVING:
        yield from _to_speaker(tokens, at, how, owners)
        return
    phrase = _given(tokens, at, owners) if verb.base in GIVING else noun_phrase(tokens, at, owners)
    if phrase is None:
        return
    if is_doing(tokens, phrase):
        if verb.base in GERUNDS or verb.base == "go":
            yield from done(tokens, phrase, how, owners)
    elif verb.base not in INTRANSITIVE and whole(tokens, phrase) and not _is_no_object(tokens, phrase, verb):
        yield from listed(tokens, phrase, how, owners)


def _given(tokens: Sequence[Token], at: int, owners: Owners) -> Phrase | None:
    """What is given, past the one who gets it: "a book" of "me a book", "him a book" and "Ann a book"."""
    word = base_at(tokens, at)
    if word in _SPEAKER or (word in {"him", "her", "them", "you"} and base_at(tokens, at + 1) in ARTICLES):
        at += 1
    phrase = noun_phrase(tokens, at, owners)
    if phrase is not None and phrase.named and opens(tokens, phrase.stop):
        return noun_phrase(tokens, phrase.stop, owners)
    return phrase


def _is_no_object(tokens: Sequence[Token], phrase: Phrase, verb: Verbal) -> bool:
    """Whether the phrase tells how or what for, and not what."""
    if verb.base == "take" and phrase.head.endswith("ing") and " " in phrase.text:  # "took my kids camping"
        return True
    if verb.base in _WITH_INFINITIVES and base_at(tokens, phrase.stop) == "to":
        return True
    if phrase.owned:
        return False
    form = FORMS.get(tokens[phrase.first].base)
    if form is not None and phrase.stop == phrase.first + 1 and form.parts <= {"past", "participle"}:
        return True  # "remained connected"
    if verb.base in _WITH_BARE_VERBS and form is not None and "base" in form.parts:
        return True
    return verb.base in _UNDETERMINED and not (phrase.named or phrase.plural)


def _to_speaker(tokens: Sequence[Token], at: int, how: How, owners: Owners) -> Iterator[Said]:
    """What somebody else does to the one who speaks."""
    ends = at + 1 >= len(tokens) or tokens[at + 1].kind == "mark"
    follows = base_at(tokens, at + 1) in PREPOSITIONS or base_at(tokens, at + 1) in CONJUNCTIONS
    if owners.first is not None and owners.third is not None and (ends or follows):
        yield Said(how.predicate, owners.first, how.sure, at + 1, how.denied)


def _doing(tokens: Sequence[Token], at: int, verb: Verbal, owners: Owners) -> Iterator[Said]:
    """After "loves to": the doing that is loved."""
    form = FORMS.get(base_at(tokens, at))
    if form is None or "base" not in form.parts or form.base in {"be", "have", "get"}:
        return
    doing, after = ing(tokens[at].base), past_adverbs(tokens, at + 1)
    what = noun_phrase(tokens, after, owners)
    if what is not None and whole(tokens, what):
        yield Said(verb.predicate, f"{doing} {what.text}", verb.sure * LISTED, what.stop)
    elif what is None and _is_over(tokens, after):
        yield Said(verb.predicate, doing, verb.sure * LISTED, at + 1)


def _is_over(tokens: Sequence[Token], at: int) -> bool:
    return at >= len(tokens) or tokens[at].kind == "mark" or tokens[at].base in {"and", "but", "because"}


def _with_prepositions(
    tokens: Sequence[Token], at: int, predicate: str, verb: Verbal, owners: Owners
) -> Iterator[Said]:
    """Each "in Boston" right after a verb; more than one only for verbs of which each is said."""
    sure = verb.sure
    for _ in range(MAX_LISTED):
        preposition = base_at(tokens, at)
        if preposition not in JOINING or verb.base in _NEVER_WITH_PREPOSITIONS:
            return
        how = How(f"{predicate} {preposition}", sure)
        if base_at(tokens, at + 1) in _SPEAKER:
            yield from _to_speaker(tokens, at + 1, how, owners)
            return
        phrase = noun_phrase(tokens, at + 1, owners)
        if phrase is None or _infinitive(tokens, at, phrase, verb):
            return
        if is_doing(tokens, phrase):
            yield from done(tokens, phrase, how, owners)
            return
        if not ends(tokens, phrase):
            return
        if phrase.telling or _is_birth(verb, phrase):
            yield from listed(tokens, phrase, how, owners)
        at, sure = past_adverbs(tokens, phrase.stop), verb.sure * FOLLOWING
        if verb.base not in CHAINING or verb.passive or base_at(tokens, at) not in _CHAINED:
            return


def _is_birth(verb: Verbal, phrase: Phrase) -> bool:
    return verb.base == "bear" and phrase.head.isdigit()


def _infinitive(tokens: Sequence[Token], at: int, phrase: Phrase, verb: Verbal) -> bool:
    """Whether "to" and what follows is no place but a doing: "went to see", "wants to rest"."""
    if tokens[at].base != "to" or phrase.owned or phrase.named:
        return False
    form = FORMS.get(tokens[at + 1].base)
    doing = form is not None and "base" in form.parts and tokens[at + 1].base not in {"work", "dance"}
    return doing or verb.base not in GOING


def _passive(tokens: Sequence[Token], at: int, verb: Verbal, owners: Owners) -> Iterator[Said]:
    """By whom, where, or how something was called."""
    if verb.base not in {"name", "call"}:
        yield from _with_prepositions(tokens, at, verb.predicate, verb, owners)
        return
    phrase = noun_phrase(tokens, at, owners)
    if phrase is not None and phrase.named and goes_on(tokens, phrase.stop):
        yield Said(verb.predicate, phrase.text, verb.sure, phrase.stop)


def _after_be(tokens: Sequence[Token], at: int, verb: Verbal, owners: Owners) -> Iterator[Said]:
    """What something is, where it is from, and the states in which it is for long."""
    word, how = base_at(tokens, at), How(verb.predicate, verb.sure)
    if word in GOVERNING and base_at(tokens, at + 1) == GOVERNING[word]:
        yield from _governed(
            tokens, at + 2, how._replace(predicate=f"{how.predicate} {word} {GOVERNING[word]}"), owners
        )
    elif word in LASTING and goes_on(tokens, at + 1):
        yield Said(how.predicate, word, how.sure, at + 1)
    elif word in PREPOSITIONS:
        yield from _placed(tokens, at, how, owners)
    elif [token.base for token in tokens[at + 1 : at + 3]] == ["years", "old"]:
        yield Said(how.predicate, f"{tokens[at].text} years old", how.sure, at + 3)
    else:
        phrase = noun_phrase(tokens, at, owners)
        if phrase is not None and (phrase.owned or phrase.named) and whole(tokens, phrase):
            yield from listed(tokens, phrase, how, owners)


def _governed(tokens: Sequence[Token], at: int, how: How, owners: Owners) -> Iterator[Said]:
    """What an adjective is about: "proud of | her team", "good at | painting"."""
    phrase = noun_phrase(tokens, at, owners)
    if phrase is not None and is_doing(tokens, phrase):
        yield from done(tokens, phrase, how, owners)
    elif phrase is not None and whole(tokens, phrase):
        yield from listed(tokens, phrase, how, owners)


def _placed(tokens: Sequence[Token], at: int, how: How, owners: Owners) -> Iterator[Said]:
    """Where something is or was: by name, because "in a hurry" is no place."""
    word = tokens[at].base
    been = word == "to" and how.predicate == "has been"
    phrase = noun_phrase(tokens, at + 1, owners)
    if phrase is None or not whole(tokens, phrase):
        return
    if (
        word in _SAID_BY_BEING
        or (phrase.named and word in _SAID_OF_PLACES)
        or (been and (phrase.named or phrase.owned))
    ):
        yield from listed(tokens, phrase, how._replace(predicate=f"{how.predicate} {word}"), owners)
