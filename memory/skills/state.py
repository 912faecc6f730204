"""The skills of a branch as a value: by name, by the words in them, and with their tries. Reads no event.

Tries are counted by the stretch of history in which they were made, which its events name as their origin. On one
stretch tries are only ever added, so of two counts of it the larger has all that the smaller has, and a merge counts
nothing twice, by whatever ways tries came. Tries without an origin are merged by what either side added to the base.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
from rpds import HashTrieMap

from quantum_memory.errors import SkillNotFound
from quantum_memory.memory.episodic.words import Analyzer, Codes
from quantum_memory.memory.events import Tries
from quantum_memory.memory.skills.meanings import Meanings
from quantum_memory.memory.skills.words import Postings, entered, removed
from quantum_memory.types import Skill

ByName: TypeAlias = "HashTrieMap[str, Skill]"
Counts: TypeAlias = tuple[int, int]
"""Successes and failures."""
Tallies: TypeAlias = "HashTrieMap[str, Counts]"
_NO_TALLIES: Tallies = HashTrieMap()


class Tried(NamedTuple):
    """A skill with those of its tries of which the origin is known, by origin; ``skill`` counts all of them."""

    skill: Skill
    tallies: Mapping[str, Counts]

    def unplaced(self) -> Counts:
        """The tries of which the origin is not known."""
        won, lost = total(self.tallies.values())
        return max(0, self.skill.successes - won), max(0, self.skill.failures - lost)


@dataclass(frozen=True, slots=True)
class SkillsState:
    """The skills of a branch by name, their tries by origin, and what follows from them: how they are found.

    ``codes`` are the numbers of names, which all states of a lineage share; ``postings`` say in which skill each term
    stands how often, and ``length`` is how many terms there are. ``meanings`` lays out the embeddings of just these
    skills; states whose embeddings are the same share it.
    """

    analyzer: Analyzer = field(default_factory=Analyzer, repr=False, compare=False)
    by_name: ByName = field(default_factory=HashTrieMap)
    tallies: HashTrieMap[str, Tallies] = field(default_factory=HashTrieMap, repr=False)
    codes: Codes = field(default_factory=Codes, repr=False, compare=False)
    postings: Postings = field(default_factory=HashTrieMap, repr=False, compare=False)
    length: int = 0
    meanings: Meanings = field(default_factory=Meanings, repr=False, compare=False)

    @classmethod
    def of(cls, skills: Iterable[Skill], tries: Iterable[Tries] = ()) -> SkillsState:
        """A state that holds just these skills, of whose tries these are known by origin."""
        state = cls()
        for skill in skills:
            state = put(state, skill)
        return placed(state, tries)

    def __len__(self) -> int:
        return len(self.by_name)

    def get(self, name: str) -> Skill:
        """The skill of this name. Raises: SkillNotFound."""
        if name not in self.by_name:
            raise SkillNotFound(name)
        return self.by_name[name]

    def tried(self, name: str) -> Tried | None:
        """The skill of this name with its tries by origin."""
        skill = self.by_name.get(name)
        return None if skill is None else Tried(skill, dict(self.tallies.get(name, _NO_TALLIES)))

    def all(self) -> tuple[Skill, ...]:
        """Every skill, by name."""
        return tuple(self.by_name[name] for name in sorted(self.by_name))


def put(state: SkillsState, skill: Skill) -> SkillsState:
    """The state with this skill under its name; terms are counted again only if the words changed."""
    old = state.by_name.get(skill.name)
    meant = same_meaning(old, skill)
    if old == skill and meant:
        return state
    meanings = state.meanings if meant else state.meanings.changed(state.codes.learn(skill.name), skill.embedding)
    changed = replace(state, by_name=state.by_name.insert(skill.name, skill), meanings=meanings)
    return changed if old is not None and body(old) == body(skill) else _counted(changed, old, skill)


def _counted(state: SkillsState, old: Skill | None, new: Skill) -> SkillsState:
    """The state with the terms of a new skill in the place of those of the old one."""
    number, counts = state.codes.learn(new.name), Counter(_terms(state.analyzer, new))
    gone = Counter() if old is None else Counter(_terms(state.analyzer, old))
    postings = entered(removed(state.postings, number, gone), number, counts)
    return replace(state, postings=postings, length=state.length - gone.total() + counts.total())


def same_meaning(one: Skill | None, other: Skill | None) -> bool:
    """Whether two skills have the same embedding, bit for bit, or none."""
    ours, theirs = (None if skill is None else skill.embedding for skill in (one, other))
    if ours is None or theirs is None:
        return ours is theirs
    return ours is theirs or np.array_equal(ours, theirs)


def body(skill: Skill) -> tuple[str, tuple[str, ...]]:
    """What a skill says beside its name: the occasion and the steps."""
    return skill.when, skill.steps


def fit_numbers(optional: Sequence[int], steps: int) -> bool:
    """Whether these are numbers of so many steps, rising."""
    return all(0 <= number < steps for number in optional) and all(a < b for a, b in pairwise(optional))


def _terms(analyzer: Analyzer, skill: Skill) -> list[str]:
    return analyzer.terms("\n".join((skill.name, skill.when, *skill.steps)))


def added(state: SkillsState, name: str, origin: str, won: int, lost: int) -> SkillsState:
    """The state with these tries beside those of the same origin, if it is known."""
    if not origin or not (won or lost):
        return state
    before = state.tallies.get(name, _NO_TALLIES).get(origin, (0, 0))
    return placed(state, [Tries(name, origin, before[0] + won, before[1] + lost)])


def placed(state: SkillsState, tries: Iterable[Tries]) -> SkillsState:
    """The state in which there were so many tries at each of these origins."""
    tallies = state.tallies
    for one in tries:
        own = tallies.get(one.skill, _NO_TALLIES).insert(one.origin, (one.successes, one.failures))
        tallies = tallies.insert(one.skill, own)
    return state if tallies is state.tallies else replace(state, tallies=tallies)


def tries_of(state: SkillsState) -> Iterator[Tries]:
    """The tries of which the origin is known, by skill and by origin."""
    for name in sorted(state.tallies):
        for origin, counts in sorted(state.tallies[name].items()):
            yield Tries(name, origin, *counts)


def total(counts: Iterable[Counts]) -> Counts:
    """All of some counts."""
    won = lost = 0
    for one in counts:
        won, lost = won + one[0], lost + one[1]
    return won, lost
