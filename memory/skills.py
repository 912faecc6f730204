"""Skills: what an agent can do, how often it went well, and which of them fits a task. Runs none of them.

Tries are counted by the stretch of history in which they were made, which its events name as their origin. On one
stretch tries are only ever added, so of two counts of it the larger has all that the smaller has, and a merge counts
nothing twice, by whatever ways tries came. Tries without an origin are merged by what either side added to the base.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from rpds import HashTrieMap

from quantum_memory.checks import visible
from quantum_memory.errors import InvalidValue, SkillNotFound
from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.events import Event, Merged, SkillLearned, SkillUsed, Tries
from quantum_memory.memory.merging import Change, Key, Trait, Version
from quantum_memory.types import Part, Skill

ByName: TypeAlias = "HashTrieMap[str, Skill]"
Postings: TypeAlias = "HashTrieMap[str, HashTrieMap[str, int]]"
Counts: TypeAlias = tuple[int, int]
"""Successes and failures."""
Tallies: TypeAlias = "HashTrieMap[str, Counts]"
_K1, _B = 0.9, 0.4


class Tried(NamedTuple):
    """A skill with those of its tries of which the origin is known, by origin; ``skill`` counts all of them."""

    skill: Skill
    tallies: Mapping[str, Counts]

    def unplaced(self) -> Counts:
        """The tries of which the origin is not known."""
        won, lost = _sum(self.tallies.values())
        return max(0, self.skill.successes - won), max(0, self.skill.failures - lost)


@dataclass(frozen=True, slots=True)
class SkillsState:
    """The skills of a branch by name, their tries by origin, and in which of them each term stands how often."""

    analyzer: Analyzer = field(default_factory=Analyzer, repr=False, compare=False)
    by_name: ByName = field(default_factory=HashTrieMap)
    postings: Postings = field(default_factory=HashTrieMap, repr=False)
    lengths: HashTrieMap[str, int] = field(default_factory=HashTrieMap, repr=False)
    total_length: int = 0
    tallies: HashTrieMap[str, Tallies] = field(default_factory=HashTrieMap, repr=False)

    @classmethod
    def of(cls, skills: Iterable[Skill], tries: Iterable[Tries] = ()) -> SkillsState:
        """A state that holds just these skills, of whose tries these are known by origin."""
        state = cls()
        for skill in skills:
            state = _put(state, skill)
        return _placed(state, tries)

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
            told = event.skill
            return _put(_added(state, told.name, event.origin, told.successes, told.failures), _continued(state, told))
        if isinstance(event, SkillUsed):
            skill = state.by_name.get(event.name)
            if skill is None:
                return state
            won, lost = int(event.succeeded), int(not event.succeeded)
            return _put(_added(state, skill.name, event.origin, won, lost), _counted(skill, won, lost))
        if isinstance(event, Merged):
            for skill in event.skills:
                state = _put(state, skill)
            return _placed(state, event.tries)
        return state

    def units(self, event: Event) -> int:  # noqa: ARG002 - every event back to the first one counts, so none is counted
        return 0


def _continued(state: SkillsState, skill: Skill) -> Skill:
    """The skill as learned now, with its counts on top of those it had."""
    old = state.by_name.get(skill.name)
    if old is None:
        return skill
    return _counted(skill, old.successes, old.failures)


def _counted(skill: Skill, won: int, lost: int) -> Skill:
    return replace(skill, successes=skill.successes + won, failures=skill.failures + lost)


def _added(state: SkillsState, name: str, origin: str, won: int, lost: int) -> SkillsState:
    """The state with these tries beside those of the same origin, if it is known."""
    if not origin or not (won or lost):
        return state
    before = state.tallies.get(name, _NO_TALLIES).get(origin, (0, 0))
    return _placed(state, [Tries(name, origin, before[0] + won, before[1] + lost)])


def _placed(state: SkillsState, tries: Iterable[Tries]) -> SkillsState:
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


def news(here: Mapping[str, Version[Tried]], taken: Iterable[Tried]) -> tuple[Tries, ...]:
    """Of skills that are taken over, the tries by origin that are not counted so here."""
    found = []
    for one in taken:
        known = here.get(one.skill.name)
        counted = known.tallies if isinstance(known, Tried) else {}
        found += [
            Tries(one.skill.name, origin, *counts)
            for origin, counts in sorted(one.tallies.items())
            if counted.get(origin) != counts
        ]
    return tuple(found)


_NO_TALLIES: Tallies = HashTrieMap()


def _sum(counts: Iterable[Counts]) -> Counts:
    won = lost = 0
    for one in counts:
        won, lost = won + one[0], lost + one[1]
    return won, lost


def _joined(one: Mapping[str, Counts], other: Mapping[str, Counts]) -> dict[str, Counts]:
    """Both counts of every stretch in one: of two of the same stretch the one that has more has the other's too."""
    joined = dict(one)
    for origin, (won, lost) in other.items():
        old = joined.get(origin, (0, 0))
        joined[origin] = max(old[0], won), max(old[1], lost)
    return joined


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


def changes(base: SkillsState | None, theirs: SkillsState) -> tuple[Change[Tried], ...]:
    """What became of skills between two states of a branch, by name; all it can if there is no base."""
    base = base or SkillsState()
    pairs = ((name, base.tried(name), theirs.tried(name)) for name in sorted(theirs.by_name))
    return tuple(Change(name, before, now) for name, before, now in pairs if before != now)


def versions(state: SkillsState, names: Iterable[str]) -> dict[str, Version[Tried]]:
    """What a state has under each name; what it never knew is left out."""
    found = {name: state.tried(name) for name in names}
    return {name: tried for name, tried in found.items() if tried is not None}


class SkillTrait(Trait[Tried]):
    """Skills: steps and occasion are decided, tries add up. A skill is never unlearned."""

    part = "skills"
    gone = "unlearned"
    adds_up = True

    def key(self, value: Tried) -> Key:
        return value.skill.name

    def fields(self, ours: Tried, theirs: Tried) -> tuple[str, ...]:  # noqa: ARG002 - any two are compared so
        return "steps", "when"

    def at(self, value: Tried) -> datetime | None:
        return value.skill.at

    def read(self, value: Tried, name: str) -> Any:
        return getattr(value.skill, name)

    def put(
        self,
        bases: Sequence[Tried],
        ours: Tried,
        theirs: Tried,
        chosen: Mapping[str, Any],
        sides: Mapping[str, str],  # noqa: ARG002 - the words say it
    ) -> Tried:
        """The words chosen, with the tries of both sides; a rollback on their side never takes away from ours."""
        mine, other = ours.skill, theirs.skill
        words = tuple(chosen[name] for name in ("when", "steps"))
        at = mine.at if words == _body(mine) else other.at if words == _body(other) else _later(mine.at, other.at)
        tallies = _joined(ours.tallies, theirs.tallies)
        placed, before = _sum(tallies.values()), [one.unplaced() for one in bases]
        counts = [
            placed[kind] + ours.unplaced()[kind] + max(0, new - max((old[kind] for old in before), default=0))
            for kind, new in enumerate(theirs.unplaced())
        ]
        joined = Tried(replace(mine, **chosen, successes=counts[0], failures=counts[1], at=at), tallies)
        return ours if joined == ours else joined

    def checked(self, name: str, value: Any) -> Any:
        if name == "when":
            return visible("when", value) if value else ""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InvalidValue("steps", repr(value), "a collection of texts")
        return tuple(visible("step", step) for step in value)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other
