"""Which skills fit a task: by what they mean, by their words, and a little by how often they went well.

The score is a sum of parts that each hit names: ``relevance``, ``lexical`` and ``success``. Runs no model.
"""

from __future__ import annotations

import heapq
from dataclasses import fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantum_memory.memory.skills.state import SkillsState
from quantum_memory.memory.skills.words import Scores, bm25
from quantum_memory.types import Floats, MemoryId, Skill, SkillHit, Vector

RELEVANCE, LEXICAL, SUCCESS = 1.0, 0.3, 0.1
"""What each part weighs: cosine, share of the question's words, and expected success, each in [0, 1]."""
LEAST_COSINE = 0.2
"""A skill that shares no word with the question is a hit only from this cosine on."""
_FIELDS = tuple(one.name for one in fields(Skill))


class Fit(NamedTuple):
    """A skill that fits, its score, and the parts that add up to it."""

    skill: Skill
    score: float
    why: dict[str, float]


def ranked(state: SkillsState, text: str | None, meaning: Vector | None, top: int) -> tuple[Fit, ...]:
    """The ``top`` skills that fit best, best first, then by name.

    Args:
        state: the skills.
        text: a question, for its words; ``None`` to go by its meaning alone.
        meaning: (d,) embedding of the question, of unit length; ``None`` to go by words alone. Skills that have no
            embedding, or one of another length, are found by their words.
        top: how many at most.

    A skill is found if it shares a word with the text or its cosine is at least ``LEAST_COSINE``.
    """
    size = len(state.codes)
    words, cosines = _words(state, text or "", size), np.zeros(size)
    if meaning is not None:
        cosines = state.meanings.laid_out(state.by_name, state.codes, meaning.size).cosines(meaning, size)
    relevance = RELEVANCE * np.clip(cosines, 0.0, 1.0)
    lexical = LEXICAL * words.bm25 / (words.most or 1.0)
    numbers = _promising(relevance + lexical, np.flatnonzero((words.bm25 > 0.0) | (cosines >= LEAST_COSINE)), top)
    names, partial = state.codes.words(), (relevance + lexical).tolist()
    scored = ((-(partial[number] + _success(state, names[number])), names[number], number) for number in numbers)
    return tuple(
        _fit(state.by_name[name], float(relevance[number]), float(lexical[number]))
        for _, name, number in heapq.nsmallest(max(top, 0), scored)
    )


def _promising(partial: Floats, numbers: NDArray[np.int64], top: int) -> list[int]:
    """Those of the numbers that may be among the best once their successes count, which add ``SUCCESS`` at most."""
    if 0 < top < len(numbers):
        scores = partial[numbers]
        numbers = numbers[scores >= np.partition(scores, -top)[-top] - SUCCESS]
    found: list[int] = numbers.tolist()
    return found


def _success(state: SkillsState, name: str) -> float:
    skill = state.by_name[name]
    return SUCCESS * expected(skill.successes, skill.failures)


def _fit(skill: Skill, relevance: float, lexical: float) -> Fit:
    why = {
        "relevance": relevance,
        "lexical": lexical,
        "success": SUCCESS * expected(skill.successes, skill.failures),
    }
    return Fit(skill, sum(why.values()), why)


def expected(successes: int, failures: int) -> float:
    """How likely the next try goes well, in (0, 1): the mean of the Beta posterior from a uniform prior.

    Laplace's rule of succession: one half for a skill that was never tried.
    """
    return (successes + 1.0) / (successes + failures + 2.0)


def find(state: SkillsState, text: str, top: int) -> tuple[tuple[Skill, float], ...]:
    """The skills that fit a text best by the words of their name, occasion and steps, with their BM25; best first."""
    scores, names = _words(state, text, len(state.codes)).bm25, state.codes.words()
    found = ((state.by_name[names[number]], float(scores[number])) for number in np.flatnonzero(scores).tolist())
    return tuple(heapq.nsmallest(max(top, 0), found, key=lambda one: (-one[1], one[0].name)))


def _words(state: SkillsState, text: str, size: int) -> Scores:
    return bm25(state.postings, state.analyzer.terms(text), len(state), state.length, size)


def hit_of(fit: Fit, gone: tuple[MemoryId, ...] = ()) -> SkillHit:
    """A skill as it is shown to whoever asked, with those of its sources that are not there any more."""
    told = {name: getattr(fit.skill, name) for name in _FIELDS}
    return SkillHit(**told, score=fit.score, why=fit.why, gone=gone)
