"""What travels with a call so that its traces and logs hang together: a span's context, an agent's name, an operation.

Owns the names under which these travel, and what is carried now in this thread or task. Sends nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar

Carried = Mapping[str, str]
"""Some of: ``traceparent`` and ``tracestate`` as in W3C Trace Context (2021), ``agent``, ``operation_id``, and the
``request_id`` of a request that came through the door.
"""
TRACEPARENT, TRACESTATE = "traceparent", "tracestate"
AGENT, OPERATION_ID, REQUEST_ID = "agent", "operation_id", "request_id"

CARRIED: ContextVar[Carried | None] = ContextVar("quantum_memory_carried", default=None)
"""What the work under way was called with; nothing where it came through no door and neither traces nor JSON logs are
wanted.
"""


def with_carried(kwargs: Mapping[str, object], carried: Carried | None) -> Mapping[str, object]:
    """The keyword arguments of a call to a host, and what is to travel with it, if anything."""
    return kwargs if carried is None else {**kwargs, "carried": dict(carried)}


def shared(carried: Sequence[Carried | None]) -> Carried | None:
    """What several pieces of work that are done in one were all called with: a trace, an agent, where it is one.

    Of requests that came through the door all are told, with a space between them.
    """
    known = [dict(one) for one in carried if one is not None]
    requests = dict.fromkeys(one[REQUEST_ID] for one in known if REQUEST_ID in one)
    told = {REQUEST_ID: " ".join(requests)} if requests else {}
    if not known or len(known) < len(carried):
        return told or None
    return {name: value for name, value in known[0].items() if all(one.get(name) == value for one in known)} | told
