"""What a branch would forget by a policy, with the age of each memory and what is left of it. Forgets nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import numpy as np

from quantum_memory.memory.life.reports import Fading
from quantum_memory.memory.life.uses import Practice, UsesState, practice
from quantum_memory.policies.decay import Decay
from quantum_memory.policies.forgetting import ForgettingPolicy, standings
from quantum_memory.types import Floats, Memory


def retention(memories: list[Memory], used: Practice, decay: Decay, now: datetime) -> tuple[Floats, Floats]:
    """The ages of m memories in seconds (m,), and what is left of them (m,)."""
    now_s = now.timestamp()
    ages = np.array([max(0.0, now_s - one.at.timestamp()) for one in memories])
    left = decay.retention(ages, [one.kind for one in memories], used.counts.astype(np.float64), now_s - used.last_s)
    return ages, left


def fading(
    memories: Iterable[Memory], uses: UsesState, decay: Decay, policy: ForgettingPolicy, now: datetime
) -> tuple[tuple[Fading, ...], int]:
    """The memories that go, in the order in which they came, and how many stay."""
    every = list(memories)
    used = practice(uses, [one.id for one in every])
    ages, left = retention(every, used, decay, now)
    rows = [(one.id, one.kind, one.tags, one.importance) for one in every]
    reasons = policy.goes(standings(rows, ages, left))
    gone = tuple(
        Fading(one.id, one.text, one.kind, one.at, float(kept), one.importance, int(count), reasons[one.id])
        for one, kept, count in zip(every, left, used.counts, strict=True)
        if one.id in reasons
    )
    return gone, len(every) - len(gone)
