"""How long a call to an orchestrator may take: by the texts that it brings or has read, and by what it says itself.

One account for drivers and for orchestrators that pass a call on, so that both wait equally long. Asks nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quantum_memory.actors.learning import LESSON_TEXTS
from quantum_memory.actors.watching import EACH
from quantum_memory.memory.library.passages import LEAST

MAX_READ = 10_000
"""Memories for which ``extract_relations`` waits longer; a call that ends before all are read may be repeated."""
Arguments = Sequence[Any]
_TEXTS: Mapping[str, Callable[[Arguments], int]] = {
    "remember_one": lambda args: len(args[0].utterances),
    "revise": lambda args: int("text" in args[0].fields),
    "extract_relations": lambda args: min(int(args[1]), MAX_READ),
    "put_entry": lambda args: 2 + len(args[0].content.text) // LEAST,
    "learn": lambda _: 1,
    "learn_from": lambda _: LESSON_TEXTS,
    "skills": lambda _: 1,
}
"""By method; others bring none, or a request in a batch one at least."""


def brought(method: str, args: Arguments) -> int:
    """How many texts a call brings, or has read."""
    if method.endswith(EACH):
        return sum(len(getattr(one, "utterances", ())) or 1 for one in args[0])
    count = _TEXTS.get(method)
    return 0 if count is None else count(args)


def due_of(method: str, args: Arguments) -> float | None:
    """How long a call may take by what it says; nothing where it says nothing, or not every request of a batch does."""
    if method == "mood":
        return args[2] if len(args) > 2 else None
    told = [getattr(one, "deadline_s", None) for one in (args[0] if method.endswith(EACH) else args[:1])]
    known = [one for one in told if one is not None]
    return max(known) if known and len(known) == len(told) else None
