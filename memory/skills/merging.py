"""How skills of two branches are compared and put together; a ``Trait`` of ``memory.merging``. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from quantum_memory.checks import visible
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Tries
from quantum_memory.memory.merging import Change, Key, Trait, Version
from quantum_memory.memory.skills.state import Counts, SkillsState, Tried, body, same_meaning, total
from quantum_memory.types import MemoryId, Skill


def changes(base: SkillsState | None, theirs: SkillsState) -> tuple[Change[Tried], ...]:
    """What became of skills between two states of a branch, by name; all it can if there is no base."""
    base = base or SkillsState()
    pairs = ((name, base.tried(name), theirs.tried(name)) for name in sorted(theirs.by_name))
    return tuple(Change(name, before, now) for name, before, now in pairs if before != now)


def versions(state: SkillsState, names: Iterable[str]) -> dict[str, Version[Tried]]:
    """What a state has under each name; what it never knew is left out."""
    found = {name: state.tried(name) for name in names}
    return {name: tried for name, tried in found.items() if tried is not None}


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


class SkillTrait(Trait[Tried]):
    """Skills: steps and occasion are decided, tries and sources add up. A skill is never unlearned.

    What hangs on the words goes with them: which steps are optional, and the embedding. There is no embedding where
    the words come from both sides, or from a function; whoever merges may have them read anew.
    """

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
        tallies = _joined(ours.tallies, theirs.tallies)
        before, (won, lost) = [one.unplaced() for one in bases], total(tallies.values())
        counts = [
            placed + ours.unplaced()[kind] + max(0, new - max((old[kind] for old in before), default=0))
            for kind, (placed, new) in enumerate(zip((won, lost), theirs.unplaced(), strict=True))
        ]
        skill = replace(_worded(ours.skill, theirs.skill, chosen), successes=counts[0], failures=counts[1])
        joined = Tried(skill, tallies)
        return ours if joined == ours and same_meaning(skill, ours.skill) else joined

    def checked(self, name: str, value: Any) -> Any:
        if name == "when":
            return visible("when", value) if value else ""
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise InvalidValue("steps", repr(value), "a collection of texts")
        return tuple(visible("step", step) for step in value)


def _worded(mine: Skill, other: Skill, chosen: Mapping[str, Any]) -> Skill:
    """Our skill with the words chosen, and all that hangs on them."""
    words = chosen["when"], chosen["steps"]
    whose = [one for one in (mine, other) if body(one) == words]
    same_steps = [one for one in (mine, other) if one.steps == chosen["steps"]]
    version = max(mine.version, other.version)
    return replace(
        mine,
        **chosen,
        at=whose[0].at if whose else _later(mine.at, other.at),
        optional=tuple(sorted({step for one in same_steps for step in one.optional})),
        sources=_all(mine.sources, other.sources),
        version=version if whose else version + 1,
        embedding=next((one.embedding for one in whose if one.embedding is not None), None),
    )


def _all(mine: tuple[MemoryId, ...], other: tuple[MemoryId, ...]) -> tuple[MemoryId, ...]:
    """The ids of both sides; theirs as they are if none of ours is missing there, so that both sides come to agree."""
    return other if set(mine) <= set(other) else tuple(dict.fromkeys((*mine, *other)))


def _joined(one: Mapping[str, Counts], other: Mapping[str, Counts]) -> dict[str, Counts]:
    """Both counts of every stretch in one: of two of the same stretch the one that has more has the other's too."""
    joined = dict(one)
    for origin, (won, lost) in other.items():
        old = joined.get(origin, (0, 0))
        joined[origin] = max(old[0], won), max(old[1], lost)
    return joined


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one is not None and other is not None else one or other
