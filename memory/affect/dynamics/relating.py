"""From what was remembered to an equation: whose feelings are whose, and a fit to them. Keeps nothing.

What the agent says, and what nobody is said to have said, is how the agent feels; what the other says is how the other
feels. An agent that never speaks is known by its mood.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import numpy as np

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.dynamics.equation import KIND, Equation, Source
from quantum_memory.memory.affect.dynamics.fitting import Shape, fit
from quantum_memory.memory.affect.dynamics.series import Row, Series, folded, steps
from quantum_memory.types import PAD, Memory, Mood


def equation(
    memories: Iterable[Memory],
    agent: str,
    other: str | None = None,
    *,
    names: Sequence[str] = (),
    moods: Sequence[Mood] | None = None,
    shape: Shape | None = None,
) -> Equation:
    """The equation that explains an agent's feelings best, towards somebody or alone.

    Args:
        memories: what is remembered; those that hold equations are left out.
        agent: what the agent is called in the equation.
        other: who moves it, as the memories name the speaker in any case of letters.
        names: what the agent is called as a speaker, besides ``agent``.
        moods: the agent's moods one after the other, in place of what it says.
        shape: as in ``fit``.

    Raises: InvalidValue for somebody who never speaks or is the agent, and for a history that is too short or constant.
    """
    told = [memory for memory in memories if memory.kind != KIND]
    own = {folded(name) for name in (agent, *names)}
    who = None if other is None else spelling(told, other, own)
    mine = {*own, None} if moods is None else set()
    theirs = set() if other is None else {folded(other)}
    rows = [
        Row(one.at.timestamp(), one.pad, one.confidence, agent if folded(one.speaker) in mine else one.speaker)
        for one in told
        if folded(one.speaker) in mine or folded(one.speaker) in theirs
    ]
    rows += [Row(mood.at.timestamp(), mood.mean, 1.0, agent) for mood in _last_of_each(moods or ()) if mood.at]
    series = Series.of(rows)
    taken = steps(series, series.of_whom([agent]))
    found = fit(taken, shape, moved=other is not None)
    begin_s = taken.last_s - float(taken.gap_s.sum())
    span = datetime.fromtimestamp(begin_s, UTC), datetime.fromtimestamp(taken.last_s, UTC)
    last = PAD(*np.clip(taken.last, -1.0, 1.0).tolist())
    source: Source = "speech" if moods is None else "mood"
    return Equation.of(found, agent, who, source, span, last)


def speaks(memories: Iterable[Memory], agent: str, names: Sequence[str] = ()) -> bool:
    """Whether any memory says how the agent feels."""
    own = {None, *(folded(name) for name in (agent, *names))}
    return any(memory.confidence > 0.0 and memory.kind != KIND and folded(memory.speaker) in own for memory in memories)


def spelling(memories: Iterable[Memory], other: str, own: set[str | None]) -> str:
    """How the memories mostly write a speaker's name. Raises: InvalidValue for one who never speaks or is the agent."""
    if folded(other) in own:
        raise InvalidValue("other", repr(other), "somebody else than the agent")
    speakers = Counter(memory.speaker for memory in memories if memory.speaker is not None)
    written = [name for name, _ in speakers.most_common() if folded(name) == folded(other)]
    if not written:
        known = [name for name, _ in speakers.most_common(9) if folded(name) not in own]
        raise InvalidValue("other", repr(other), f"somebody who speaks: {', '.join(known) or 'nobody does'}")
    return written[0]


def _last_of_each(moods: Iterable[Mood]) -> list[Mood]:
    """Of moods with the same time the last."""
    return list({mood.at: mood for mood in moods if mood.at is not None}.values())
