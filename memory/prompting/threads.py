"""What is still open in a conversation: questions that nobody answered, and plans not yet spoken of as done.

Found by rules over recent memories and the concepts that they speak of, as the semantic graph has them. Rules see
forms: they know English plans and question marks, take the next turn of somebody else for an answer, and take a later
sentence in the past tense about the same things for the deed. So a thread is a hint to look, and no finding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from quantum_memory.memory.prompting.sentences import sentences, stems
from quantum_memory.memory.semantic.extract import extract
from quantum_memory.types import Memory

LEAST_WORDS = 3
"""Words that a question needs: "Really?" asks nothing."""
SHARE = 0.5
"""Of what a question or plan speaks of, how much another sentence must speak of to be about the same."""
APART_S = 3600.0
"""Memories without a session are of one conversation if no more than this lies between them."""

_ASKS = re.compile(r"\?[\"'”’»)\]]*$")
_PHATIC = re.compile(
    r"\b(how are (you|things)|how('s| is) it going|what'?s up|you know|right|isn't it|don't you think|guess what|"
    r"how have you been|what do you think)\s*\?",
    re.IGNORECASE,
)
_PLAN = re.compile(
    r"\b(?:i|we)(?:['’]ll| will| shall|['’]m going to| am going to|['’]re going to| are going to|['’]m gonna| plan to|"
    r"['’]m planning(?: to| on)?| am planning(?: to| on)?|['’]re planning(?: to| on)?| promise(?: to| you)?| intend to|"
    r" have to| need to| must|['’]ve got to)\s+(?P<what>[^.!?;\n]+)"
    r"|\b(?:remind me to|don['’]t let me forget to|let['’]s)\s+(?P<asked>[^.!?;\n]+)",
    re.IGNORECASE,
)
_NO_PLAN = re.compile(
    r"^(?:not|never|n't|be honest|admit|say|bet|guess|see|miss|always|let you know|be (?:here|there|fine|ok|okay)|"
    r"go now|go to bed|agree|tell you what)\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:did|done|went|was|were|had|got|made|gave|took|bought|sent|finished|finally|already|came|told|saw|found|paid|"
    r"wrote|read|left|met|brought|built|began|started|won|lost|kept|held|said|\w{3,}ed)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Thread:
    """Something open: the memory that opened it, the sentence, and what kind it is."""

    kind: Literal["question", "plan"]
    memory: Memory
    sentence: str


@dataclass(frozen=True)
class _Read:
    """A memory, its sentences, those that do not ask, and the stems and concepts of these."""

    memory: Memory
    sentences: tuple[str, ...]
    told: tuple[str, ...]
    stems: tuple[frozenset[str], ...]

    @cached_property
    def concepts(self) -> frozenset[str]:
        return frozenset(concept.key for concept in extract(" ".join(self.told)))


def open_threads(memories: Sequence[Memory]) -> list[Thread]:
    """What is open in these memories, which follow one another; the newest first."""
    read = [_read(memory) for memory in memories]
    found: list[Thread] = []
    for at in range(len(read) - 1, -1, -1):
        found += reversed([*_questions(read, at), *_plans(read, at)])
    return _newest(found)


def _read(memory: Memory) -> _Read:
    every = tuple(sentences(memory.text))
    told = tuple(one for one in every if not _ASKS.search(one))
    return _Read(memory, every, told, tuple(frozenset(stems(one)) for one in told))


def _questions(read: Sequence[_Read], at: int) -> list[Thread]:
    here = read[at]
    asked = [one for one in here.sentences if _ASKS.search(one) and len(one.split()) >= LEAST_WORDS]
    asked = [one for one in asked if not _PHATIC.search(one)]
    last = next((place for place, one in enumerate(reversed(here.sentences)) if one in asked), None)
    if last is None or _replied(read, at):
        return []
    return [Thread("question", here.memory, one) for one in asked if not _answered(read, at, one)]


def _replied(read: Sequence[_Read], at: int) -> bool:
    """Whether the next turn of somebody else in the conversation says something."""
    here = read[at].memory
    for later in read[at + 1 :]:
        if not _together(here, later.memory):
            continue
        if later.memory.speaker != here.speaker:
            return any(len(one.split()) > 1 for one in later.told)
    return False


def _together(one: Memory, other: Memory) -> bool:
    if one.session is not None or other.session is not None:
        return one.session == other.session
    return abs((other.at - one.at).total_seconds()) <= APART_S


def _answered(read: Sequence[_Read], at: int, question: str) -> bool:
    """Whether anything later tells of at least half of what is asked about."""
    about = {concept.key for concept in extract(question)} - _spoken_by(read[at].memory)
    if not about:
        return False
    return any(later.told and len(about & later.concepts) >= SHARE * len(about) for later in read[at + 1 :])


def _spoken_by(memory: Memory) -> set[str]:
    return {concept.key for concept in extract("", memory.speaker)} if memory.speaker else set()


def _plans(read: Sequence[_Read], at: int) -> list[Thread]:
    here, found = read[at], []
    for sentence in here.told:
        about = _planned(sentence)
        if about and not _done(read, at, about):
            found.append(Thread("plan", here.memory, sentence))
    return found


def _planned(sentence: str) -> frozenset[str]:
    """The stems of what somebody says will be done; none if nothing is planned."""
    for plan in _PLAN.finditer(sentence):
        what = (plan["what"] or plan["asked"]).strip()
        if not _NO_PLAN.match(what):
            return frozenset(stems(what))
    return frozenset()


def _done(read: Sequence[_Read], at: int, about: frozenset[str]) -> bool:
    """Whether something later, in the past tense and no plan itself, speaks of at least half of it."""
    needed = max(1.0, SHARE * len(about))
    return any(
        len(about & spoken) >= needed and _DONE.search(sentence) is not None and not _PLAN.search(sentence)
        for later in read[at + 1 :]
        for sentence, spoken in zip(later.told, later.stems, strict=True)
    )


def _newest(threads: Sequence[Thread]) -> list[Thread]:
    """Of plans and questions that speak of the same the newest; ``threads`` have that first."""
    kept: list[tuple[Thread, frozenset[str]]] = []
    for thread in threads:
        about = (_planned(thread.sentence) if thread.kind == "plan" else None) or frozenset(stems(thread.sentence))
        same = (
            one.kind == thread.kind and about and len(about & other) >= SHARE * max(len(about), len(other))
            for one, other in kept
        )
        if not any(same):
            kept.append((thread, about))
    return [thread for thread, _ in kept]
