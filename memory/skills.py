"""Skills: what an agent can do, how often it went well, and which of them fits a task. Runs none of them."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from rpds import HashTrieMap

from quantum_memory.errors import SkillNotFound
from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.events import Event, Merged, SkillLearned, SkillUsed
from quantum_memory.policies.merge import MergeRule, winner
from quantum_memory.types import MergeConflict, Part, Skill

ByName: TypeAlias = "HashTrieMap[str, Skill]"
Postings: TypeAlias = "HashTrieMap[str, HashTrieMap[str, int]]"
_K1, _B = 0.9, 0.4


@dataclass(frozen=True, slots=True)
class SkillsState:
    """The skills of a branch by name, and in which of them each term stands how often."""

    analyzer: Analyzer = field(default_factory=Analyzer, repr=False, compare=False)
    by_name: ByName = field(default_factory=HashTrieMap)
    postings: Postings = field(default_factory=HashTrieMap, repr=False)
    lengths: HashTrieMap[str, int] = field(default_factory=HashTrieMap, repr=False)
    total_length: int = 0

    @classmethod
    def of(cls, skills: Iterable[Skill]) -> SkillsState:
        """A state that holds just these skills."""
        state = cls()
        for skill in skills:
            state = _put(state, skill)
        return state

    def __len__(self) -> int:
        return len(self.by_name)

    def get(self, name: str) -> Skill:
        """The skill of this name. Raises: SkillNotFound."""
        if name not in self.by_name:
            raise SkillNotFound(name)
        return self.by_name[name]

    def all(self) -> tuple[Skill, ...]:
        """Every skill, by name."""
        return tuple(self.by_name[name] for name in sorted(self.by_name))


class SkillsFold:
    """The fold of the part "skills". A skill that was used but never learned is passed over."""

    part: Part = "skills"
    reach: int | None = None

    def __init__(self) -> None:
        self._analyzer = Analyzer()

    def empty(self) -> SkillsState:
        return SkillsState(self._analyzer)

    def apply(self, state: SkillsState, event: Event) -> SkillsState:
        if isinstance(event, SkillLearned):
            return _put(state, _continued(state, event.skill))
        if isinstance(event, SkillUsed):
            skill = state.by_name.get(event.name)
            return state if skill is None else _put(state, _used(skill, event.succeeded))
        if isinstance(event, Merged):
            for skill in event.skills:
                state = _put(state, skill)
        return state

    def units(self, event: Event) -> int:  # noqa: ARG002 - every event back to the first one counts, so none is counted
        return 0


def _continued(state: SkillsState, skill: Skill) -> Skill:
    """The skill as learned now, with its counts on top of those it had."""
    old = state.by_name.get(skill.name)
    if old is None:
        return skill
    return replace(skill, successes=old.successes + skill.successes, failures=old.failures + skill.failures)


def _used(skill: Skill, succeeded: bool) -> Skill:
    return replace(skill, successes=skill.successes + succeeded, failures=skill.failures + (not succeeded))


def _put(state: SkillsState, skill: Skill) -> SkillsState:
    """The state with this skill under its name; terms are counted again only if the words changed."""
    old = state.by_name.get(skill.name)
    if old == skill:
        return state
    by_name = state.by_name.insert(skill.name, skill)
    if old is not None and _body(old) == _body(skill):
        return replace(state, by_name=by_name)
    postings = state.postings
    for term in () if old is None else Counter(_terms(state.analyzer, old)):
        left = postings[term].remove(skill.name)
        postings = postings.insert(term, left) if len(left) else postings.remove(term)
    counts = Counter(_terms(state.analyzer, skill))
    for term, count in counts.items():
        postings = postings.insert(term, postings.get(term, HashTrieMap()).insert(skill.name, count))
    total = state.total_length - state.lengths.get(skill.name, 0) + counts.total()
    lengths = state.lengths.insert(skill.name, counts.total())
    return replace(state, by_name=by_name, postings=postings, lengths=lengths, total_length=total)


def _body(skill: Skill) -> tuple[str, tuple[str, ...]]:
    return skill.when, skill.steps


def _terms(analyzer: Analyzer, skill: Skill) -> list[str]:
    return analyzer.terms("\n".join((skill.name, skill.when, *skill.steps)))


def find(state: SkillsState, text: str, top: int) -> tuple[tuple[Skill, float], ...]:
    """The skills that fit a text best by the words of their name, occasion and steps, with their BM25; best first."""
    scores: dict[str, float] = {}
    for term in dict.fromkeys(state.analyzer.terms(text)):
        found = state.postings.get(term)
        if found is None:
            continue
        weight = math.log1p((len(state) - len(found) + 0.5) / (len(found) + 0.5))
        for name, count in found.items():
            relative = state.lengths[name] * len(state) / state.total_length
            gain = weight * count * (_K1 + 1.0) / (count + _K1 * (1.0 - _B + _B * relative))
            scores[name] = scores.get(name, 0.0) + gain
    best = heapq.nsmallest(max(top, 0), scores, key=lambda name: (-scores[name], name))
    return tuple((state.by_name[name], scores[name]) for name in best)


class SkillsVerdict(NamedTuple):
    """The skills as they are to be after a merge, where they differ from ours, and what both sides had changed."""

    skills: tuple[Skill, ...]
    conflicts: tuple[MergeConflict, ...]


def judge_skills(
    ours: SkillsState, base: SkillsState | None, theirs: SkillsState, rule: MergeRule = "newest"
) -> SkillsVerdict:
    """Join two sides' skills from their common base.

    Tries add up: theirs since the base come on top of ours. Steps changed on one side only are taken from there;
    changed on both sides and not to the same, the rule decides and the conflict is reported either way.

    Raises: InvalidValue for a rule that does not exist.
    """
    skills, conflicts = [], []
    for other in theirs.all():
        mine = ours.by_name.get(other.name)
        old = None if base is None else base.by_name.get(other.name)
        if other == old:
            continue
        if mine is None:
            skills.append(other)
            continue
        side = winner(rule, mine.at, other.at)
        if old is not None and _body(other) in {_body(old), _body(mine)}:
            side = "ours"
        elif old is not None and _body(mine) == _body(old):
            side = "theirs"
        elif _body(mine) != _body(other):
            reason = f"both sides changed this skill; the rule {rule!r} kept {side}"
            conflicts.append(MergeConflict("skills", other.name, reason, _shown(mine), _shown(other)))
        joined = _tries(mine if side == "ours" else other, mine, old, other)
        if joined != mine:
            skills.append(joined)
    return SkillsVerdict(tuple(skills), tuple(conflicts))


def _tries(kept: Skill, mine: Skill, old: Skill | None, other: Skill) -> Skill:
    """``kept`` with the tries of both sides; a rollback on their side never takes away from ours."""
    successes = mine.successes + max(0, other.successes - (old.successes if old else 0))
    failures = mine.failures + max(0, other.failures - (old.failures if old else 0))
    return replace(kept, successes=successes, failures=failures)


def _shown(skill: Skill) -> str:
    return f"when {skill.when or 'unsaid'}: {'; '.join(skill.steps)}"
