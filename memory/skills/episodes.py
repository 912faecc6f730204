"""Memories as attempts at a task: which of them are its steps, what led to it, and how it ended. Reads no branch.

A memory is an action if its kind is "action", or it has the tag "action" or ``metadata["step"]``; where none is
marked so, all are. What comes before the first action is the opening. ``metadata["succeeded"]`` says how it ended.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quantum_memory.errors import InvalidValue
from quantum_memory.types import Memory, MemoryId

ACTION = "action"
_MARK = re.compile(r"(?:[-*•–]|\(?\d{1,3}[.):]|step\s+\d{1,3}\s*[.:)-]?)\s+", re.IGNORECASE)
_LINK = re.compile(
    r"(?:(?:and\s+then|then|finally|lastly|after\s+that|afterwards)\b[\s,:]+|(?:next|first)\s*[,:]\s*)", re.IGNORECASE
)
"""Words that only link. "Next" and "first" may belong to what is done, as in "first aid", so these need a comma."""


class Attempt(NamedTuple):
    """One attempt at a task: at least one action, in order."""

    opening: tuple[Memory, ...]
    actions: tuple[Memory, ...]
    succeeded: bool

    @property
    def ids(self) -> tuple[MemoryId, ...]:
        """Of all its memories."""
        return tuple(one.id for one in (*self.opening, *self.actions))


def attempt_of(memories: Sequence[Memory], succeeded: bool | None = None) -> Attempt:
    """The attempt that these memories tell, in this order.

    Args:
        memories: of one episode, oldest first.
        succeeded: how it ended; when left out as the last memory says that says so, else well.

    Raises: InvalidValue for no memory, or none whose text has anything to do in it.
    """
    marked = [one for one in memories if is_action(one)]
    numbers = [one.metadata.get("step") for one in marked]
    if marked and all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        marked = [one for _, _, one in sorted(zip(numbers, range(len(marked)), marked, strict=True))]
    actions = tuple(one for one in marked or memories if step_of(one.text))
    if not actions:
        raise InvalidValue("episode", f"{len(memories)} memories without a step", "at least one step")
    first = min(index for index, one in enumerate(memories) if not marked or is_action(one))
    told = [end for one in memories if isinstance(end := one.metadata.get("succeeded"), bool)]
    ended = succeeded if succeeded is not None else (told[-1] if told else True)
    return Attempt(tuple(memories[:first]), actions, ended)


def is_action(memory: Memory) -> bool:
    """Whether a memory is marked as something that was done."""
    return memory.kind == ACTION or ACTION in memory.tags or "step" in memory.metadata


def episodes_of(memories: Iterable[Memory]) -> tuple[tuple[Memory, ...], ...]:
    """Memories by the episode that they belong to, oldest first: ``metadata["episode"]``, or else the session."""
    episodes: dict[tuple[str, object], list[Memory]] = {}
    for memory in sorted(memories, key=lambda one: one.at):
        named = memory.metadata.get("episode")
        plain = isinstance(named, str | int)
        episodes.setdefault(("episode", named) if plain else ("session", memory.session), []).append(memory)
    return tuple(map(tuple, episodes.values()))


def step_of(text: str) -> str:
    """A text as a step: one line, without the mark of a list, a word that only links it, or the last full stop."""
    step = " ".join(unicodedata.normalize("NFC", text).split())
    for leading in (_MARK, _LINK):
        found = leading.match(step)
        step = step[found.end() :] if found is not None and found.end() < len(step) else step
    return step.rstrip(" .;,")


def steps_of(attempt: Attempt) -> tuple[str, ...]:
    """Its steps in order; what is done several times in a row is told once."""
    steps: list[str] = []
    for action in attempt.actions:
        step = step_of(action.text)
        if not steps or steps[-1].casefold() != step.casefold():
            steps.append(step)
    return tuple(steps)
