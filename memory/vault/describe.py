"""One line about an event, for a log that people read. Knows nothing but the event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from quantum_memory.memory.events import (
    Event,
    Felt,
    Forgotten,
    Merged,
    Picked,
    Related,
    Remembered,
    Revised,
    RolledBack,
    SkillLearned,
    SkillUsed,
    Unified,
    Unrelated,
    Used,
)
from quantum_memory.types import Memory, MemoryId, RelationKey

MAX_CHARS = 80


def kind_of(event: Event) -> str:
    """The event's tag, as journals and logs spell it."""
    return str(event.__struct_config__.tag)


def describe(event: Event) -> str:
    """What happened, in at most ``MAX_CHARS`` characters on one line."""
    text = " ".join(_sentence(event).split())
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 1] + "…"


def concerns(event: Event, memory: MemoryId) -> bool:
    """Whether an event brought, rewrote, used or forgot a memory, or took back memories, perhaps this one."""
    match event:
        case Remembered(memories=memories) | Revised(memories=memories):
            return any(one.id == memory for one in memories)
        case Forgotten(ids=ids) | Used(ids=ids):
            return memory in ids
        case Merged(memories=memories, revised=revised, forgotten=forgotten):
            return memory in forgotten or any(one.id == memory for one in (*memories, *revised))
        case Picked(memories=memories, revised=revised):
            return any(one.id == memory for one in (*memories, *revised))
        case RolledBack(parts=parts):
            return "memories" in parts
        case _:
            return False


def _sentence(event: Event) -> str:  # noqa: PLR0911 - one line for each kind
    match event:
        case Remembered(memories=memories) | Revised(memories=memories):
            return _texts(memories)
        case Forgotten(ids=ids) | Used(ids=ids):
            return f"{_count(len(ids), 'memory', 'memories')}: {', '.join(ids[:3])}"
        case Related(relations=relations, ended=ended):
            return _relations([relation.key for relation in relations] or [word.key for word in ended])
        case Unrelated(keys=keys):
            return _relations(keys)
        case Unified(keep=keep, names=names):
            return f"{keep[:MAX_CHARS]} is also {', '.join(names[:3])}"
        case SkillLearned(skill=skill):
            return f"{skill.name}: {_count(len(skill.steps), 'step', 'steps')}"
        case SkillUsed(name=name, succeeded=succeeded):
            return f"{name}: {'succeeded' if succeeded else 'failed'}"
        case RolledBack(to=to, parts=parts):
            return f"{', '.join(parts)} to {to.branch}@{to.seq}"
        case Felt() | Merged() | Picked():
            return _weighed(event)
        case _:
            assert_never(event)


def _weighed(event: Felt | Merged | Picked) -> str:
    match event:
        case Felt(pad=pad, cause=cause):
            felt = f"pleasure {pad.pleasure:+.2f}, arousal {pad.arousal:+.2f}, dominance {pad.dominance:+.2f}"
            return f"{cause[:MAX_CHARS]}: {felt}" if cause.strip() else felt
        case Merged():
            return _merged(event)
        case Picked(source=source, memories=memories, revised=revised):
            taken = _count(len(memories), "memory", "memories") + (f", {len(revised)} revised" if revised else "")
            return f"{source.branch}@{source.seq}: {taken}"


def _texts(memories: Sequence[Memory]) -> str:
    lead = f"{len(memories)} memories: " if len(memories) != 1 else ""
    return lead + (memories[0].text[: 2 * MAX_CHARS] if memories else "none")


def _relations(keys: Sequence[RelationKey]) -> str:
    first = " ".join(keys[0])[: 2 * MAX_CHARS] if keys else "none"
    return first if len(keys) == 1 else f"{len(keys)} relations: {first}"


def _merged(event: Merged) -> str:
    taken = [
        _count(len(event.memories), "memory", "memories"),
        f"{len(event.forgotten)} forgotten",
        _count(len(event.skills), "skill", "skills"),
    ]
    if event.revised:
        taken.append(f"{len(event.revised)} revised")
    if event.relations or event.unrelated:
        taken.append(_count(len(event.relations) + len(event.unrelated), "relation", "relations"))
    return f"{event.source.branch}@{event.source.seq}: {', '.join(taken)}{', mood' if event.mood else ''}"


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
