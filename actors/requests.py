"""What the driver asks of the orchestrator, as values: checked on the driver's side before they travel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from blake3 import blake3

from quantum_memory.actors.parcels import Packed, packed, unpacked
from quantum_memory.checks import bounded, utc, vector, visible, whole, within
from quantum_memory.errors import InvalidValue, ShapeMismatch, TooLong
from quantum_memory.memory.affect.mixed import Mixture, point
from quantum_memory.memory.events import Component
from quantum_memory.memory.prompting.material import MAX_NEIGHBOURS
from quantum_memory.policies.merge import MergePolicy, MergePolicyLike
from quantum_memory.settings import Settings
from quantum_memory.types import (
    PAD,
    Branch,
    BranchId,
    Commit,
    Filters,
    MemoryId,
    Near,
    Place,
    Relation,
    RelationKey,
    Tag,
    Utterance,
    Vector,
)

MAX_COUNT = 2**31 - 1
LEAST_DEADLINE_S, MOST_DEADLINE_S = 0.001, 7 * 86_400.0


class Tip(NamedTuple):
    """A branch as it stands when the request arrives."""

    branch: BranchId


Where = Place | Tip | str | datetime | None
"""A place in history: itself, a branch's tip, a commit's or branch's name, a time, or ``None`` for the tip of the
branch that is asked.
"""


@dataclass(frozen=True, slots=True)
class RememberRequest:
    """Utterances for one branch. The operation id makes a repeated request harmless.

    What has not begun to be written ``deadline_s`` after the request arrived is given up.
    """

    branch: Branch
    utterances: tuple[Utterance, ...]
    op_id: str
    deadline_s: float | None = None

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return remember_request, (self.branch, packed(self.utterances), self.op_id, self.deadline_s)


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """A question to one branch, by text or by vector.

    ``neighbours`` is how many memories each hit brings per side, ``exact`` whether every memory is looked at, ``over``
    as in ``Query``. The answer is due ``deadline_s`` after the question arrives, or when any is by the settings.
    """

    branch: Branch
    query: str | Vector
    k: int
    filters: Filters
    as_of: Where
    neighbours: int = 0
    exact: bool = False
    deadline_s: float | None = None
    over: float = 0.0


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """Take over into ``branch`` what ``source`` has and it has not.

    Attributes:
        mood_weight: the share of the other mood where the policy lets moods superpose.
        only, matching: chosen memories, by id and by a question of which recall finds ``k``; all of them, and all
            else, if neither is given.
    """

    branch: Branch
    source: Branch
    at: Where
    policy: MergePolicyLike | MergePolicy
    mood_weight: float
    op_id: str
    only: tuple[MemoryId, ...] | None = None
    matching: str | Vector | None = None
    k: int = 20


@dataclass(frozen=True, slots=True)
class ReviseRequest:
    """Give a memory these fields instead of those it has."""

    branch: Branch
    memory: MemoryId
    fields: Mapping[str, Any]
    op_id: str


@dataclass(frozen=True, slots=True)
class FeelRequest:
    """Let a branch feel something that is no memory.

    ``parts`` are those of a mixed feeling, and ``pad`` is their mean; there are none where it is one feeling.
    """

    branch: Branch
    pad: PAD
    intensity: float
    cause: str
    op_id: str
    parts: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class RelateRequest:
    """Let a branch know of a relation; one without a time holds from when it is written.

    ``replaces`` are relations that end when this one begins.
    """

    branch: Branch
    relation: Relation
    op_id: str
    replaces: tuple[RelationKey, ...] = ()


def remember_request(
    branch: Branch, utterances: Packed | tuple[Utterance, ...], op_id: str, deadline_s: float | None = None
) -> RememberRequest:
    """The request as it was before it travelled."""
    return RememberRequest(branch, unpacked(utterances), op_id, deadline_s)


def memory_id(op_id: str, number: int) -> MemoryId:
    """The id of the n-th memory of an operation: the same when the operation is repeated."""
    return blake3(f"{op_id}:{number}".encode()).hexdigest(length=10)


def revision(fields: Mapping[str, Any]) -> dict[str, Any]:
    """New values for some of a memory's fields, checked as an utterance's are. Raises: InvalidInput."""
    if not fields:
        raise InvalidValue("revise", "nothing", "a new value for at least one field")
    for name in ("text", "at", "kind", "importance"):
        if name in fields and fields[name] is None:
            raise InvalidValue(name, "None", "a value")
    given = dict(fields)
    if "tags" in given:
        given["tags"] = texts_of("tags", given["tags"])
    checked = Utterance(**{"text": "-", **given})
    return {name: getattr(checked, name) for name in given}


def feeling(what: object) -> PAD:
    """A feeling by its name or as it is. Raises: InvalidValue."""
    return point(what)


def felt(what: object) -> tuple[PAD, tuple[Component, ...]]:
    """A feeling, or a mixed one, as a point and the parts that it is the mean of, if any.

    Raises: InvalidValue; NotFinite, OutOfRange, TooLong as ``Mixture.of``.
    """
    mixed = Mixture.of(what) if isinstance(what, Mapping) else what
    if not isinstance(mixed, Mixture):
        return feeling(mixed), ()
    return mixed.pad, mixed.parts if len(mixed.parts) > 1 else ()


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
    """Let through what a cluster with these settings can remember.

    Raises: TooLong, ShapeMismatch; InvalidValue for an image where no model reads any.
    """
    limits, dim = settings.limits, settings.perception.dim
    if len(given) > limits.batch:
        raise TooLong("remember", len(given), limits.batch, "utterances")
    for one in given:
        within("text", one.text, limits.text_chars)
        if one.embedding is not None and one.embedding.shape != (dim,):
            raise ShapeMismatch("embedding", (dim,), one.embedding.shape)
        if one.image is not None:
            _check_image(one.image, settings)
    together = sum(len(one.image) for one in given if one.image is not None)
    if together > limits.batch_image_bytes:
        raise TooLong("images", together, limits.batch_image_bytes, "bytes together")


def _check_image(image: bytes, settings: Settings) -> None:
    """Raises: TooLong; InvalidValue if nothing reads images."""
    if settings.perception.image.model is None:
        raise InvalidValue("image", "an image", "none, because perception.image.model names no model that reads images")
    if len(image) > settings.limits.image_bytes:
        raise TooLong("image", len(image), settings.limits.image_bytes, "bytes")


def texts_of(name: str, given: object) -> tuple[str, ...]:
    """One text or several, as checked texts. Raises: InvalidInput."""
    if isinstance(given, str):
        return (visible(name, given),)
    if not isinstance(given, Iterable):
        raise InvalidValue(name, type(given).__name__, "a text or several")
    return tuple(visible(name, one) for one in given)


def filters_of(
    since: datetime | None,
    until: datetime | None,
    kind: str | None,
    speaker: str | None,
    tags: str | Iterable[str],
    near: tuple[PAD, float] | None = None,
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
        near=None if near is None else _near(near),
    )


def _near(near: object) -> Near:
    """Raises: InvalidInput."""
    if not isinstance(near, tuple) or len(near) != 2:
        raise InvalidValue("near", repr(near), "a PAD and how far from it")
    return Near(*near)


def query_of(query: object) -> str | Vector:
    """A question by text or by vector, checked. Raises: InvalidInput."""
    return visible("query", query) if isinstance(query, str) else vector("query", query)


def recall_request(
    branch: Branch,
    query: object,
    k: object,
    filters: Filters,
    as_of: Where,
    *,
    neighbours: object = 0,
    exact: bool = False,
    deadline_s: object = None,
) -> RecallRequest:
    """A checked question. Raises: InvalidInput."""
    beside, due_s = whole("neighbours", neighbours, 0, MAX_NEIGHBOURS), deadline_of(deadline_s)
    return RecallRequest(
        branch, query_of(query), whole("k", k, 0, math.inf), filters, as_of, beside, exact=exact, deadline_s=due_s
    )


def check_question(query: str | Vector, k: int, settings: Settings) -> None:
    """Let through what a cluster with these settings can be asked. Raises: TooLong, ShapeMismatch."""
    limits, dim = settings.limits, settings.perception.dim
    if k > limits.recalled:
        raise TooLong("k", k, limits.recalled, "memories")
    if isinstance(query, str):
        within("query", query, limits.text_chars)
    elif query.shape != (dim,):
        raise ShapeMismatch("query", (dim,), query.shape)


def place_of(where: object) -> Where:
    """A place in history in the form that travels. Raises: InvalidValue."""
    if isinstance(where, Commit | Tag):
        return where.place
    if isinstance(where, Place):
        return where
    if where is None:
        return None
    if isinstance(where, datetime):
        return utc("place", where)
    if isinstance(where, str):
        return visible("place", where)
    raise InvalidValue("place", type(where).__name__, "a commit, a tag, a handle, a Place, a name or a time")


def deadline_of(seconds: object) -> float | None:
    """How long an answer may take, if somebody says so. Raises: InvalidValue, NotFinite, OutOfRange."""
    if seconds is None or isinstance(seconds, int | float):
        return None if seconds is None else bounded("deadline_s", seconds, LEAST_DEADLINE_S, MOST_DEADLINE_S)
    raise InvalidValue("deadline_s", repr(seconds), "seconds")


def positive(name: str, value: object) -> int:
    """A whole number of at least 1. Raises: InvalidValue, OutOfRange."""
    return whole(name, value, 1, MAX_COUNT)
