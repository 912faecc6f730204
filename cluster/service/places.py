"""Places in history as somebody writes them in a request."""

from __future__ import annotations

from datetime import datetime

from quantum_memory.actors.handle import AgentHandle
from quantum_memory.errors import InvalidValue
from quantum_memory.types import Place

MAX_SEQ = 2**53


def place(handle: AgentHandle, text: str | None) -> Place | datetime | str | None:
    """What a text means on a branch: ``:12`` is event 12 as the branch counts, else a time, or a name.

    A time has a clock in it: a bare date is a name. Nobody can name a place by a branch's id, so nobody comes to the
    branches of others. Raises: InvalidValue.
    """
    if text is None:
        return None
    if text[:1] == ":" and text[1:].isascii() and text[1:].isdigit():
        return event(handle, int(text[1:17]), text)
    if ":" not in text:
        return text
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


async def pinned(handle: AgentHandle, text: str | None) -> Place:
    """The event that a text means, or where the branch stands now: later events are behind it.

    Raises: InvalidValue; PlaceNotFound.
    """
    newest = await handle.log.begin(1, as_of=place(handle, text))
    seq = newest[0].place.seq if newest else 0
    return event(handle, seq, f":{seq}")


def event(handle: AgentHandle, seq: int, told: str) -> Place:
    """Event ``seq`` as this branch counts; its first ones are those of the branches that it came from.

    Raises: InvalidValue.
    """
    if seq > MAX_SEQ:
        raise InvalidValue("place", repr(told[:64]), "an event's number")
    return Place(handle.info.id, seq)
