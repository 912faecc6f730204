"""Moods: how an agent feels, how that came, and feelings that are no memories."""

from __future__ import annotations

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks, takes_long
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery, Cursor, Limit, Page, PlaceTold
from quantum_memory.cluster.service.models_asking import Felt, MoodThen, MoodTold, mood_then, mood_told
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import event, place

asks = Operations("mood")


@asks("reader", "GET", "/agents/{agent}/mood", "readMood", "How an agent feels.")
async def read_mood(asked: Asks, agent: AgentPath, branch: BranchQuery = None, as_of: AsOf = None) -> MoodTold:
    handle = await asked.agent(agent, branch)
    return mood_told(await handle.mood.begin(place(handle, as_of)))


@asks("reader", "GET", "/agents/{agent}/mood/history", "readMoodHistory", "The mood after each event, latest first.")
@takes_long
async def read_mood_history(
    asked: Asks,
    agent: AgentPath,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[MoodThen]:
    """The next page goes on before the last event of this one."""
    handle = await asked.agent(agent, branch)
    most = min(limit, asked.limits.page)
    upto = place(handle, as_of) if cursor is None else event(handle, cursors.number("moods", cursor), cursor)
    found = await handle.mood_history.begin(most, as_of=upto)
    first = found[0][0].place.seq if found else 0
    following = cursors.written("moods", first - 1) if len(found) == most and first > 1 else None
    return Page(items=[mood_then(entry, mood) for entry, mood in reversed(found)], next=following)


@asks("writer", "POST", "/agents/{agent}/feel", "feel", "Let an agent feel something that is no memory.")
async def feel(asked: Asks, agent: AgentPath, felt: Felt, branch: BranchQuery = None) -> PlaceTold:
    """Answers where the branch stands then."""
    handle: AgentHandle = await asked.agent(agent, branch)
    return PlaceTold.model_validate(await handle.feel.begin(felt.what, felt.intensity, felt.cause))
