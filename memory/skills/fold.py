"""How skills follow from events: the fold of the part "skills". Looks nothing up."""

from __future__ import annotations

from dataclasses import replace

from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.events import Event, Merged, SkillLearned, SkillUsed
from quantum_memory.memory.skills.state import SkillsState, added, body, placed, put
from quantum_memory.types import Part, Skill


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
            counted = added(state, told.name, event.origin, told.successes, told.failures)
            return put(counted, continued(state.by_name.get(told.name), told))
        if isinstance(event, SkillUsed):
            skill = state.by_name.get(event.name)
            if skill is None:
                return state
            won, lost = int(event.succeeded), int(not event.succeeded)
            return put(added(state, skill.name, event.origin, won, lost), _counted(skill, won, lost))
        if isinstance(event, Merged):
            for skill in event.skills:
                state = put(state, skill)
            return placed(state, event.tries)
        return state

    def units(self, event: Event) -> int:  # noqa: ARG002 - every event back to the first one counts, so none is counted
        return 0


def continued(old: Skill | None, told: Skill) -> Skill:
    """A skill as learned now: its counts and sources on top of those that it had, and the next version of its words."""
    if old is None:
        return told
    rewritten = (body(old), old.optional) != (body(told), told.optional)
    return replace(
        _counted(told, old.successes, old.failures),
        sources=tuple(dict.fromkeys((*old.sources, *told.sources))),
        version=old.version + rewritten,
    )


def _counted(skill: Skill, won: int, lost: int) -> Skill:
    return replace(skill, successes=skill.successes + won, failures=skill.failures + lost)
