"""What an agent learns of attempts at a task: the steps that they share, when to do it, and how often it went well.

What went well teaches steps; a failed attempt counts and teaches none, unless nothing else is known. Runs no model:
it says which texts it needs the meanings of. The same attempts and meanings give the same skill.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from quantum_memory.errors import TooLong
from quantum_memory.memory.episodic.words import Analyzer
from quantum_memory.memory.skills.alignment import Deed, joined
from quantum_memory.memory.skills.episodes import Attempt, steps_of
from quantum_memory.types import Skill, Vector

MAX_STEPS = 100
MAX_SOURCES = 4096
MAX_WHEN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Lesson:
    """Attempts at a task, and the skill as it was known before.

    Attributes:
        name: of the skill.
        attempts: in the order in which they were made. Those of which the skill has every step are passed over.
        old: the skill as it is known; ``None`` if it is new.
        when: the occasion, if it is given.
    """

    name: str
    attempts: tuple[Attempt, ...]
    old: Skill | None = None
    when: str | None = None

    @property
    def fresh(self) -> tuple[Attempt, ...]:
        """The attempts that the skill was not yet learned from."""
        known = set(() if self.old is None else self.old.sources)
        return tuple(one for one in self.attempts if not {action.id for action in one.actions} <= known)

    @property
    def teachers(self) -> tuple[Attempt, ...]:
        """The attempts that teach steps."""
        well = tuple(one for one in self.fresh if one.succeeded)
        return well or (self.fresh if self.old is None else ())

    @property
    def empty(self) -> bool:
        """Whether nothing is to be learned: no attempt is new, and the occasion is as it is known."""
        return self.old is not None and not self.fresh and self.when in (None, self.old.when)

    def texts(self) -> tuple[str, ...]:
        """The steps whose meanings are needed, each once; none where nothing has to be compared."""
        taught = [steps_of(one) for one in self.teachers]
        known = [] if self.old is None else [self.old.steps]
        return tuple(dict.fromkeys(step for steps in (*known, *taught) for step in steps)) if taught else ()

    def skill(self, meanings: Mapping[str, Vector]) -> Skill:
        """What is learned: the words as they are from now on, and the tries and sources that are new.

        Args:
            meanings: an embedding for each of ``texts()``.

        Raises: TooLong for more than ``MAX_STEPS`` steps or ``MAX_SOURCES`` sources in all.
        """
        analyzer = Analyzer()
        steps, optional = self._steps(meanings, analyzer)
        known = dict.fromkeys(() if self.old is None else self.old.sources)
        sources = dict.fromkeys(one for attempt in self.fresh for one in attempt.ids)
        for what, count, limit in (("steps", len(steps), MAX_STEPS), ("sources", len(known | sources), MAX_SOURCES)):
            if count > limit:
                raise TooLong(what, count, limit, what)
        counted = [one for one in self.fresh if known.keys().isdisjoint(action.id for action in one.actions)]
        return Skill(
            self.name,
            steps,
            self._when(analyzer),
            successes=sum(one.succeeded for one in counted),
            failures=sum(not one.succeeded for one in counted),
            optional=optional,
            sources=tuple(one for one in sources if one not in known),
        )

    def _steps(self, meanings: Mapping[str, Vector], analyzer: Analyzer) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """The steps from now on, and which of them are optional."""
        taught = [steps_of(one) for one in self.teachers]
        if self.old is not None and not taught:
            return self.old.steps, self.old.optional
        columns = [_deeds(steps, (), meanings, analyzer) for steps in taught]
        if self.old is not None:
            columns.insert(0, _deeds(self.old.steps, self.old.optional, meanings, analyzer))
        steps = reduce(joined, columns)
        return (
            tuple(step.text for step in steps),
            tuple(number for number, step in enumerate(steps) if step.optional),
        )

    def _when(self, analyzer: Analyzer) -> str:
        """The occasion: as given, as known, or as the opening says that has most in common with the others."""
        if self.when is not None:
            return self.when
        if self.old is not None and self.old.when:
            return self.old.when
        openings = [opening for one in self.teachers if (opening := opening_of(one))]
        terms = [frozenset(analyzer.terms(opening)) for opening in openings]
        shared = [sum(len(mine & other) / max(1, len(mine | other)) for other in terms) for mine in terms]
        return openings[shared.index(max(shared))] if openings else ""


def _deeds(
    steps: Sequence[str], optional: Sequence[int], meanings: Mapping[str, Vector], analyzer: Analyzer
) -> tuple[Deed, ...]:
    return tuple(
        Deed(step, meanings[step], frozenset(analyzer.terms(step)), number in optional)
        for number, step in enumerate(steps)
    )


def opening_of(attempt: Attempt) -> str:
    """What led to an attempt, on one line of at most ``MAX_WHEN_CHARS`` characters."""
    text = " ".join(" ".join(one.text for one in attempt.opening).split())
    return textwrap.shorten(text, MAX_WHEN_CHARS, placeholder=" …")


def told_text(skill: Skill) -> str:
    """A skill as one text, for its embedding: the name, the occasion and the steps, a line each."""
    return "\n".join(part for part in (skill.name, skill.when, *skill.steps) if part)
