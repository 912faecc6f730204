"""One line about an event, for a log that people read. Knows nothing but the event."""

from __future__ import annotations

from typing import assert_never

from quantum_memory.memory.events import Event, Forgotten, Merged, Remembered, RolledBack, SkillLearned, SkillUsed

MAX_CHARS = 80


def kind_of(event: Event) -> str:
    """The event's tag, as journals and logs spell it."""
    return str(event.__struct_config__.tag)


def describe(event: Event) -> str:
    """What happened, in at most ``MAX_CHARS`` characters on one line."""
    text = " ".join(_sentence(event).split())
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1] + "…"


def _sentence(event: Event) -> str:
    match event:
        case Remembered(memories=memories):
            lead = f"{len(memories)} memories: " if len(memories) != 1 else ""
            return lead + (memories[0].text[: 2 * MAX_CHARS] if memories else "none")
        case Forgotten(ids=ids):
            return f"{_count(len(ids), 'memory', 'memories')}: {', '.join(ids[:3])}"
        case SkillLearned(skill=skill):
            return f"{skill.name}: {_count(len(skill.steps), 'step', 'steps')}"
        case SkillUsed(name=name, succeeded=succeeded):
            return f"{name}: {'succeeded' if succeeded else 'failed'}"
        case RolledBack(to=to, parts=parts):
            return f"{', '.join(parts)} to {to.branch}@{to.seq}"
        case Merged():
            return _merged(event)
        case _:
            assert_never(event)


def _merged(event: Merged) -> str:
    taken = [
        _count(len(event.memories), "memory", "memories"),
        f"{len(event.forgotten)} forgotten",
        _count(len(event.skills), "skill", "skills"),
    ]
    return f"{event.source.branch}@{event.source.seq}: {', '.join(taken)}{', mood' if event.mood else ''}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
