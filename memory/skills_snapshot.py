"""Skills as columns. Knows no file."""

from __future__ import annotations

import numpy as np

from quantum_memory.memory.columns import Arrays, Attributes, Columns, Dump, Reading, difference
from quantum_memory.memory.events import Tries
from quantum_memory.memory.skills import SkillsState, tries_of
from quantum_memory.memory.snapshots import fingerprint
from quantum_memory.types import Part, Skill

VERSION = 2
MOST_TRIES = 2**62


class SkillsCodec:
    """A ``StateCodec`` of the part "skills". Skills are few: their words are counted again when they are loaded."""

    part: Part = "skills"
    fingerprint = fingerprint("skills", VERSION)

    def dump(self, state: SkillsState) -> Dump:
        """The skills by name, and their tries by origin."""
        skills = state.all()
        columns = Columns()
        columns.texts("name", [skill.name for skill in skills])
        columns.texts("when", [skill.when for skill in skills])
        columns.grouped("steps", [skill.steps for skill in skills])
        columns.texts("steps", [step for skill in skills for step in skill.steps])
        tries = np.array([(skill.successes, skill.failures) for skill in skills], np.int64).reshape(-1, 2)
        columns.numbers("tries", tries, np.int64)
        columns.times("at", [skill.at for skill in skills])
        told = list(tries_of(state))
        columns.texts("origin/skill", [one.skill for one in told])
        columns.texts("origin", [one.origin for one in told])
        placed = np.array([(one.successes, one.failures) for one in told], np.int64).reshape(-1, 2)
        columns.numbers("origin/tries", placed, np.int64)
        return Dump(columns.arrays, {"skills": len(skills)})

    def load(self, arrays: Arrays, attributes: Attributes) -> SkillsState:
        """Raises: CorruptRecord."""
        read = Reading("snapshot of skills", arrays, attributes)
        count = read.count("skills")
        names, whens = read.distinct_texts("name", count), read.texts("when", count)
        steps = read.grouped("steps", read.texts("steps"), count)
        tries = read.within("tries", np.int64, (count, 2), 0, MOST_TRIES).tolist()
        skills = [
            Skill(name, tuple(how), when, successes, failures, at)
            for name, how, when, (successes, failures), at in zip(
                names, steps, whens, tries, read.optional_times("at", count), strict=True
            )
        ]
        return SkillsState.of(skills, _tries(read, names))

    def difference(self, one: SkillsState, other: SkillsState) -> str | None:
        """What differs, byte by byte."""
        return difference(self.dump(one), self.dump(other))


def _tries(read: Reading, names: list[str]) -> list[Tries]:
    """The tries by origin, each of a skill that there is."""
    skills = read.texts("origin/skill")
    origins = read.texts("origin", len(skills))
    counts = read.within("origin/tries", np.int64, (len(skills), 2), 0, MOST_TRIES).tolist()
    read.require("origin/skill", set(skills) <= set(names), "tries of a skill that there is not")
    distinct = len(set(zip(skills, origins, strict=True))) == len(skills)
    read.require("origin", distinct, "an origin stands twice for one skill")
    return [Tries(skill, origin, *tried) for skill, origin, tried in zip(skills, origins, counts, strict=True)]
