"""What the driver asks of the orchestrator, as values: checked on the driver's side before they travel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from quantum_memory.checks import utc, vector, visible, within
from quantum_memory.errors import InvalidValue, OutOfRange, ShapeMismatch, TooLong
from quantum_memory.policies.merge import MergeRule
from quantum_memory.settings import Settings
from quantum_memory.types import Branch, BranchId, Commit, Filters, Place, Utterance, Vector

MAX_COUNT = 2**31 - 1


class Tip(NamedTuple):
    """A branch as it stands when the request arrives."""

    branch: BranchId


Where = Place | Tip | str | datetime | None
"""A place in history: itself, a branch's tip, a commit's or branch's name, a time, or ``None`` for the tip of the
branch that is asked.
"""


@dataclass(frozen=True, slots=True)
class RememberRequest:
    """Utterances for one branch. The operation id makes a repeated request harmless."""

    branch: Branch
    utterances: tuple[Utterance, ...]
    op_id: str


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """A question to one branch, by text or by vector."""

    branch: Branch
    query: str | Vector
    k: int
    filters: Filters
    as_of: Where


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """Take over into ``branch`` what ``source`` has and it has not; ``mood_weight`` is the share of the other mood."""

    branch: Branch
    source: Branch
    at: Where
    policy: MergeRule
    mood_weight: float
    op_id: str


def utterances(
    what: str | Utterance | Sequence[str | Utterance], fields: Mapping[str, Any] | None = None
) -> tuple[Utterance, ...]:
    """What was given to ``remember``, as checked utterances. Raises: InvalidInput."""
    if isinstance(what, str):
        try:
            return (Utterance(what, **(fields or {})),)
        except TypeError as error:
            raise InvalidValue("fields", repr(sorted(fields or {})), f"fields of Utterance ({error})") from None
    if fields:
        raise InvalidValue("fields", repr(sorted(fields)), "none beside an Utterance or a list: set them there")
    if isinstance(what, Utterance):
        return (what,)
    if not isinstance(what, Sequence):
        raise InvalidValue("remember", type(what).__name__, "a text, an Utterance or a list of either")
    taken = tuple(one if isinstance(one, Utterance) else Utterance(one) for one in what)
    ids = [one.id for one in taken if one.id is not None]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise InvalidValue("id", repr(twice), "ids that differ within one call")
    return taken


def check_utterances(given: Sequence[Utterance], settings: Settings) -> None:
    """Let through what a cluster with these settings can remember. Raises: TooLong, ShapeMismatch."""
    limits, dim = settings.limits, settings.perception.dim
    if len(given) > limits.batch:
        raise TooLong("remember", len(given), limits.batch, "utterances")
    for one in given:
        within("text", one.text, limits.text_chars)
        if one.embedding is not None and one.embedding.shape != (dim,):
            raise ShapeMismatch("embedding", (dim,), one.embedding.shape)


def texts_of(name: str, given: object) -> tuple[str, ...]:
    """One text or several, as checked texts. Raises: InvalidInput."""
    if isinstance(given, str):
        return (visible(name, given),)
    if not isinstance(given, Iterable):
        raise InvalidValue(name, type(given).__name__, "a text or several")
    return tuple(visible(name, one) for one in given)


def filters_of(
    since: datetime | None, until: datetime | None, kind: str | None, speaker: str | None, tags: str | Iterable[str]
) -> Filters:
    """Checked filters. Raises: InvalidInput."""
    for name, value in (("kind", kind), ("speaker", speaker)):
        if value is not None:
            visible(name, value)
    return Filters(
        since=None if since is None else utc("since", since),
        until=None if until is None else utc("until", until),
        kind=kind,
        speaker=speaker,
        tags=texts_of("tags", tags),
    )


def recall_request(branch: Branch, query: object, k: int, filters: Filters, as_of: Where) -> RecallRequest:
    """A checked question. Raises: InvalidInput."""
    asked = visible("query", query) if isinstance(query, str) else vector("query", query)
    return RecallRequest(branch, asked, _whole("k", k, 0, math.inf), filters, as_of)


def place_of(where: object) -> Where:
    """A place in history in the form that travels. Raises: InvalidValue."""
    if isinstance(where, Commit):
        return where.place
    if isinstance(where, Place):
        return where
    if where is None:
        return None
    if isinstance(where, datetime):
        return utc("place", where)
    if isinstance(where, str):
        return visible("place", where)
    raise InvalidValue("place", type(where).__name__, "a commit, a handle, a Place, a name or a time")


def positive(name: str, value: object) -> int:
    """A whole number of at least 1. Raises: InvalidValue, OutOfRange."""
    return _whole(name, value, 1, MAX_COUNT)


def _whole(name: str, value: object, low: int, high: float) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise InvalidValue(name, repr(value), "a whole number")
    if not low <= value <= high:
        raise OutOfRange(name, float(min(value, 2**53)), low, high)
    return int(value)
