"""Concepts and statements as a spaCy pipeline reads them. No network: the model must be installed, or be a folder.

An option: nothing here is needed, and nothing imports spaCy before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from quantum_memory.checks import utc, visible
from quantum_memory.errors import MissingDependency
from quantum_memory.memory.semantic.english.lexicon import (
    CONDITIONALS,
    FIRST_PERSON,
    FIRST_POSSESSIVES,
    MODALS,
    OBJECT_PRONOUNS,
    OTHER_PERSONS,
    REPORTING,
    THIRD_POSSESSIVES,
)
from quantum_memory.memory.semantic.english.verbals import Tense
from quantum_memory.memory.semantic.english.verbs import FORMS, participle, past, third
from quantum_memory.memory.semantic.extract import KINDS, Concept, ConceptKind, extract, key_of
from quantum_memory.memory.semantic.triples import Triple

INSTALL = "pip install 'quantum-memory[spacy]'"
CONFIDENCE = 0.8
"""Of every statement: a parser says what it takes for likeliest, and not how likely that is."""
_LEFT_TO_RULES = frozenset(("DATE", "TIME", "CARDINAL", "ORDINAL", "PERCENT", "MONEY", "QUANTITY"))
_SUBJECTS = frozenset(("nsubj", "nsubjpass", "nsubj:pass"))
_OBJECTS = frozenset(("dobj", "obj", "attr"))
_INSIDE = frozenset(("compound", "amod", "nummod", "poss", "nmod", "quantmod", "flat", "nmod:poss"))


class SpacyExtractor:
    """An ``Extractor`` around a spaCy pipeline.

    Args:
        model: the name of an installed model such as ``en_core_web_sm``, or the folder of a pipeline.

    A pipeline with no entity recognizer gives the concepts of the rules, one with no parser gives no statements.
    English labels of dependencies are expected. Not thread-safe.

    Raises: MissingDependency if spaCy or the model is not installed; InvalidValue, EmptyText.
    """

    deterministic = False  # other versions of spaCy, of the model and of numpy read otherwise

    def __init__(self, model: str) -> None:
        try:
            import spacy
        except ImportError:
            raise MissingDependency("spacy", "SpacyExtractor", INSTALL) from None
        try:
            self._pipeline: Any = spacy.load(visible("model", model))
        except OSError:
            install = f"python -m spacy download {model}"
            raise MissingDependency(f"the model {model}", "SpacyExtractor", install) from None
        self.name = f"spacy:{model}"

    def concepts(self, text: str, speaker: str | None = None) -> tuple[Concept, ...]:
        """What the rules find, and the entities that the pipeline knows; of two kinds the more telling stays."""
        found = {concept.key: concept for concept in extract(text, speaker)}
        for span in self._pipeline(text).ents:
            if span.label_ in _LEFT_TO_RULES or not span.text.strip():
                continue
            kind: ConceptKind = "person" if span.label_ in {"PERSON", "PER"} else "entity"
            concept = Concept(key_of(span.text), span.text, kind)
            known = found.setdefault(concept.key, concept)
            if KINDS.index(kind) < KINDS.index(known.kind):
                found[concept.key] = concept
        return tuple(found.values())

    def triples(self, text: str, speaker: str | None = None, at: datetime | None = None) -> tuple[Triple, ...]:
        """The statements of main clauses; see ``triples`` for what is left out."""
        said = None if at is None else utc("at", at)
        document = self._pipeline(text)
        if not document.has_annotation("DEP"):
            return ()
        found = (triple for token in document for triple in _Clause(token, speaker, said).read())
        return tuple(dict.fromkeys(found))


class _Clause:
    """What is said with one verb, if anything is."""

    def __init__(self, verb: Any, speaker: str | None, at: datetime | None) -> None:
        self._verb, self._at = verb, at
        self._speaker = speaker.strip() or None if speaker else None

    def read(self) -> Iterator[Triple]:
        verb = self._verb
        if verb.pos_ not in {"VERB", "AUX"} or not self._asserts():
            return
        subject = next((child for child in self._main().children if child.dep_ in _SUBJECTS), None)
        name = None if subject is None else self._named(subject, None)
        if subject is None or name is None:
            return
        passive = any(child.dep_ in {"auxpass", "aux:pass"} for child in verb.children)
        predicate, tense = self._predicate(passive=passive)
        negated = any(child.dep_ == "neg" or child.lower_ in {"not", "n't", "never"} for child in verb.children)
        owner = None if subject.lower_ in FIRST_PERSON else name
        for link, thing in self._things():
            what = self._named(thing, owner)
            if what is None or what == name:
                continue
            tokens = (subject, verb, thing)
            start, end = min(one.left_edge.idx for one in tokens), max(one.idx + len(one) for one in tokens)
            said = " ".join((predicate, *link))
            yield Triple(name, said, what, negated, tense, CONFIDENCE, start, end, self._at)

    def _main(self) -> Any:
        """The verb that has the subject: this one, or the first of those that "and" joins."""
        verb = self._verb
        while verb.dep_ == "conj" and not any(child.dep_ in _SUBJECTS for child in verb.children):
            verb = verb.head
        return verb

    def _asserts(self) -> bool:
        """Whether the clause stands by itself in a sentence that says what is so."""
        verb = self._verb
        sentence = {token.lower_ for token in verb.sent}
        auxiliaries = {child.lower_ for child in verb.children if child.dep_ in {"aux", "auxpass", "aux:pass"}}
        reported = any(child.dep_ == "ccomp" for child in verb.children)
        main = verb
        while main.dep_ == "conj":
            main = main.head
        return not (
            main.dep_ != "ROOT"
            or "?" in sentence
            or CONDITIONALS & sentence
            or MODALS & auxiliaries
            or reported
            or (verb.lemma_.lower() or verb.lower_) in REPORTING
        )

    def _predicate(self, *, passive: bool) -> tuple[str, Tense]:
        verb = self._verb
        word = verb.lower_
        form = FORMS.get(word)
        base = verb.lemma_.lower() or (word if form is None else form.base)
        helpers = {child.lower_ for child in verb.children if child.dep_ in {"aux", "auxpass", "aux:pass"}}
        was = bool(helpers & {"was", "were", "did", "had"})
        gone = was or verb.tag_ == "VBD" or word in {"was", "were"}
        if passive:
            return f"{'was' if was else 'is'} {participle(base)}", "past" if was else "present"
        if helpers & {"have", "has", "'ve"}:
            return f"has {participle(base)}", "past"
        if base == "be":
            return ("was", "past") if gone else ("is", "present")
        if verb.tag_ == "VBG":
            return f"{'was' if was else 'is'} {word}", "past" if was else "present"
        return (past(base), "past") if gone else (third(base), "present")

    def _things(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Objects, and what prepositions link to the verb."""
        for child in self._verb.children:
            if child.dep_ in _OBJECTS:
                yield (), child
            elif child.dep_ in {"prep", "agent"}:
                for thing in child.children:
                    if thing.dep_ == "pobj":
                        yield (child.lower_,), thing

    def _named(self, head: Any, owner: str | None) -> str | None:
        """The name of a noun phrase, with its owner; ``None`` for what only the conversation could name."""
        word = head.lower_
        if word in FIRST_PERSON or word in {"me", "us"}:
            return self._speaker
        if word in OTHER_PERSONS or word in OBJECT_PRONOUNS or not word.strip() or head.pos_ == "PRON":
            return None
        inside = [token for token in head.subtree if token == head or _within(token, head)]
        parts: list[str] = []
        for token in inside:
            if token.lower_ in FIRST_POSSESSIVES or token.lower_ in THIRD_POSSESSIVES:
                whose = self._speaker if token.lower_ in FIRST_POSSESSIVES else owner
                if whose is None:
                    return None
                parts.append(f"{whose}'s")
            elif token.tag_ == "POS" or token.lower_ in {"'s", "’s"}:
                parts[-1:] = [parts[-1] + "'s"] if parts else []
            elif token.dep_ != "det":
                parts.append(token.text)
        return " ".join(part for part in parts if part.strip()) or None


def _within(token: Any, head: Any) -> bool:
    """Whether a word belongs to the name of a noun, and to no clause about it."""
    while token != head:
        if token.dep_ not in _INSIDE and token.dep_ not in {"case", "det"}:
            return False
        token = token.head
    return True
