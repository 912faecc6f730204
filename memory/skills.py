"""Skills: what an agent can do, how often it went well, and which of them fits a task. Runs none of them."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from rpds import HashTrieMap

from quantum_memory.checks import visible
from quantum_memory.errors import InvalidValue, SkillNotFound
from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.events import Event, Merged, SkillLearned, SkillUsed
from quantum_memory.memory.merging import Change, Key, Trait, Version
from quantum_memory.types import Part, Skill

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


def changes(base: SkillsState | None, theirs: SkillsState) -> tuple[Change[Skill], ...]:
    """What became of skills between two states of a branch, by name; all it can if there is no base."""
    before: Mapping[str, Skill] = {} if base is None else base.by_name
    return tuple(
        Change(skill.name, before.get(skill.name), skill) for skill in theirs.all() if before.get(skill.name) != skill
    )


def versions(state: SkillsState, names: Iterable[str]) -> dict[str, Version[Skill]]:
    """What a state has under each name; what it never knew is left out."""
    return {name: state.by_name[name] for name in names if name in state.by_name}


class SkillTrait(Trait[Skill]):
    """Skills: steps and occasion are decided, tries add up. A skill is never unlearned."""

    part = "skills"
    gone = "unlearned"
    adds_up = True

    def key(self, value: Skill) -> Key:
        return value.name

    def fields(self, ours: Skill, theirs: Skill) -> tuple[str, ...]:  # noqa: ARG002 - any two are compared so
        return "steps", "when"

    def at(self, value: Skill) -> datetime | None:
        return value.at

    def put(
        self,
        bases: Sequence[Skill],
        ours: Skill,
        theirs: Skill,
        chosen: Mapping[str, Any],
        sides: Mapping[str, str],  # noqa: ARG002 - the words say it
    ) -> Skill:
        """The words chosen, with the tries of both sides; a rollback on their side never takes away from ours."""
        words = tuple(chosen[name] for name in ("when", "steps"))
        at = ours.at if words == _body(ours) else theirs.at if words == _body(theirs) else _later(ours.at, theirs.at)
        joined = replace(
            ours,
            **chosen,
            successes=ours.successes + max(0, theirs.successes - max((one.successes for one in bases), default=0)),
            failures=ours.failures + max(0, theirs.failures - max((one.failures for one in bases), default=0)),
            at=at,
        )
        return ours if joined == ours else joined

    def checked(self, name: str, value: Any) -> Any:
        if name == "when":
            return visible("when", value) if value else ""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InvalidValue("steps", repr(value), "a collection of texts")
        return tuple(visible("step", step) for step in value)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other
