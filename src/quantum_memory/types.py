"""The words of the domain as values: what goes in, what comes out, and where in history.

Plain frozen dataclasses that check themselves. Knows no storage, no model and no Ray.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from quantum_memory.checks import MAX_ID_CHARS, bounded, no_step, plain, utc, vector, visible, within
from quantum_memory.errors import InvalidValue, ShapeMismatch

Floats = NDArray[np.float64]
Vector = NDArray[np.float32]
AgentName = str
BranchId = str
MemoryId = str
CommitId = str

Part = Literal["memories", "graph", "mood", "working", "skills"]
"""The views of a branch, each of which can be rolled back alone."""
PARTS: tuple[Part, ...] = get_args(Part)


class Place(NamedTuple):
    """A point in history: the state of ``branch`` right after its event number ``seq``."""

    branch: BranchId
    seq: int


@dataclass(frozen=True, slots=True)
class PAD:
    """Pleasure, arousal, dominance, each in [-1, 1] (Mehrabian and Russell, 1974): a vector of affect.

    ``PADVector`` is another name of it. None of its methods changes it, and each result is in bounds.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    pleasure: float
    arousal: float
    dominance: float

    def __post_init__(self) -> None:
        bounded("pleasure", self.pleasure, -1.0, 1.0)
        bounded("arousal", self.arousal, -1.0, 1.0)
        bounded("dominance", self.dominance, -1.0, 1.0)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array((self.pleasure, self.arousal, self.dominance), dtype=dtype)

    @classmethod
    def from_scale(cls, pleasure: float, arousal: float, dominance: float, low: float = 1.0, high: float = 9.0) -> PAD:
        """The point that ratings on another scale mean, its ends becoming -1 and 1.

        The default is the scale of nine points of the Self-Assessment Manikin (Bradley and Lang, 1994).

        Raises: InvalidValue, NotFinite; OutOfRange for a rating that is not in [``low``, ``high``].
        """
        least, most = bounded("low", low, -1e9, 1e9), bounded("high", high, -1e9, 1e9)
        if least >= most:
            raise InvalidValue("high", repr(high), f"more than low, which is {least}")
        rated = {"pleasure": pleasure, "arousal": arousal, "dominance": dominance}
        given = [bounded(axis, rating, least, most) for axis, rating in rated.items()]
        return cls.clipped(*((2.0 * rating - (least + most)) / (most - least) for rating in given))

    @classmethod
    def clipped(cls, pleasure: float, arousal: float, dominance: float) -> PAD:
        """The nearest point of the cube. Raises: InvalidValue; NotFinite."""
        given = {"pleasure": pleasure, "arousal": arousal, "dominance": dominance}
        farthest = sys.float_info.max
        checked = (bounded(axis, value, -farthest, farthest) for axis, value in given.items())
        return cls(*(max(-1.0, min(value, 1.0)) for value in checked))

    @classmethod
    def mean(cls, pads: Iterable[PAD], weights: Iterable[float] | None = None) -> PAD:
        """The mean of some feelings, weighted in proportion to ``weights`` (n,), which need not sum to 1.

        Raises: InvalidValue for none, for what is no PAD, and for weights that are all 0; ShapeMismatch if there are
            more or fewer weights than feelings; NotFinite, OutOfRange for a weight below 0.
        """
        points = [_a_pad("pads", pad) for pad in pads]
        if not points:
            raise InvalidValue("pads", "none", "one feeling or more")
        shares = [1.0] * len(points) if weights is None else [bounded("weights", w, 0.0, 1e300) for w in weights]
        if len(shares) != len(points):
            raise ShapeMismatch("weights", (len(points),), (len(shares),))
        largest = max(shares)
        if largest == 0.0:
            raise InvalidValue("weights", "all 0", "one above 0")
        scaled = np.array(shares) / largest  # so that neither huge nor tiny weights leave the range of a float
        return cls.clipped(*(scaled @ np.array([_axes(pad) for pad in points]) / scaled.sum()).tolist())

    def blend(self, other: PAD, share: float) -> PAD:
        """The feeling with so much of another in it: itself at share 0, the other at 1, the straight line between.

        Raises: InvalidValue, NotFinite, OutOfRange for a share that is not in [0, 1].
        """
        part, there = bounded("share", share, 0.0, 1.0), _axes(_a_pad("other", other))
        return PAD.clipped(*((1.0 - part) * one + part * two for one, two in zip(_axes(self), there, strict=True)))

    def distance(self, other: PAD) -> float:
        """Euclidean distance, from 0 to 2 √3. Raises: InvalidValue for what is no PAD."""
        return math.dist(_axes(self), _axes(_a_pad("other", other)))

    @property
    def intensity(self) -> float:
        """How strong the feeling is: its distance from neutral over that of a corner of the cube, √3; in [0, 1]."""
        return min(1.0, math.hypot(*_axes(self)) / math.sqrt(3.0))

    def normalised(self) -> PAD:
        """The feeling's direction: the point at distance 1 from neutral on the ray through it.

        Neutral has no direction, and stays as it is.
        """
        largest = max(map(abs, _axes(self)))
        if largest == 0.0:
            return self
        scaled = [value / largest for value in _axes(self)]  # squares of tiny numbers would vanish
        length = math.hypot(*scaled)
        return PAD.clipped(*(value / length for value in scaled))


def _axes(pad: PAD) -> tuple[float, float, float]:
    return float(pad.pleasure), float(pad.arousal), float(pad.dominance)


def _a_pad(name: str, value: object) -> PAD:
    if not isinstance(value, PAD):
        raise InvalidValue(name, repr(value), "a PAD")
    return value


PADVector = PAD
NEUTRAL = PAD(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Percept:
    """What perception makes of a text.

    Attributes:
        embedding: (d,) float32 of unit length.
        pad: the feeling in it.
        confidence: how much to trust ``pad``, in [0, 1].
        spread: standard deviation of what people would rate, about ``pad``, per axis; ``None`` where nobody knows.
        language: ISO 639-1 code of the language it is in; ``None`` where that is not known or not asked.
        notes: what a reader of ``pad`` should know, in words of the domain, as in "not English" or "read in windows".
    """

    embedding: Vector = field(repr=False, compare=False)
    pad: PAD
    confidence: float
    spread: tuple[float, float, float] | None = None
    language: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something to be remembered. Only the text is needed.

    A naive ``at`` is read as UTC; tuples in ``metadata`` become lists. Where ``embedding`` and ``pad`` are both given,
    no model is asked. ``confidence`` says how much a given ``pad`` is to be trusted, fully if nothing is said.
    ``revised_at`` is for a memory that comes from elsewhere and was rewritten there: when that was.

    ``image`` is what is seen with the text, as the bytes of an image file (``Path(...).read_bytes()``; a path is not
    taken, because the file would have to lie where the models are). It is read for its feeling, which is fused with
    the text's, and is NOT kept: the memory has the fused feeling and no image, and a later revision of the text is
    read without it. A ``pad`` beside it is refused, because then nothing would be read from it.

    Raises: EmptyText, TooLong, NotFinite, OutOfRange, ShapeMismatch, InvalidValue.
    """

    text: str
    speaker: str | None = None
    at: datetime | None = None
    kind: str = "utterance"
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    importance: float | None = None
    id: MemoryId | None = None
    embedding: Vector | None = field(default=None, repr=False, compare=False)
    pad: PAD | None = None
    confidence: float | None = None
    revised_at: datetime | None = None
    image: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        visible("text", self.text)
        for name in ("speaker", "session", "id", "kind"):
            given = getattr(self, name)
            if given is not None:
                within(name, visible(name, given), MAX_ID_CHARS)
        no_step("id", self.id or "")
        if self.at is not None:
            object.__setattr__(self, "at", utc("at", self.at))
        if self.revised_at is not None:
            object.__setattr__(self, "revised_at", utc("revised_at", self.revised_at))
        tags: object = self.tags
        if not isinstance(tags, list | tuple):
            raise InvalidValue("tags", repr(tags), "a tuple of texts")
        object.__setattr__(self, "tags", tuple(visible("tag", tag) for tag in tags))
        if not isinstance(self.metadata, Mapping):
            raise InvalidValue("metadata", type(self.metadata).__name__, "a mapping")
        object.__setattr__(self, "metadata", plain("metadata", self.metadata))
        if self.importance is not None:
            bounded("importance", self.importance, 0.0, 1.0)
        if self.embedding is not None:
            object.__setattr__(self, "embedding", vector("embedding", self.embedding))
        if self.pad is not None and not isinstance(self.pad, PAD):
            raise InvalidValue("pad", repr(self.pad), "a PAD")
        if self.confidence is not None:
            bounded("confidence", self.confidence, 0.0, 1.0)
            if self.pad is None:
                raise InvalidValue("confidence", str(self.confidence), "a pad beside it that it speaks of")
        _check_image(self.image, self.pad)


def _check_image(image: object, pad: PAD | None) -> None:
    """Raises: InvalidValue for what is no bytes of an image file, or is nowhere needed."""
    if image is None:
        return
    if not isinstance(image, bytes) or not image:
        told = "no bytes" if isinstance(image, bytes) else type(image).__name__
        raise InvalidValue("image", told, "the bytes of an image file")
    if pad is not None:
        raise InvalidValue("image", "an image and a pad", "one of them, because a given pad is not read from an image")


@dataclass(frozen=True, slots=True)
class Memory:
    """One remembered thing.

    Attributes:
        embedding: (d,) float32 of unit length.
        confidence: how much ``pad`` is to be trusted, in [0, 1].
        importance: how much it matters, in [0, 1].
        revised_at: when it was last rewritten; ``None`` if it reads as it was first remembered.
    """

    id: MemoryId
    text: str
    at: datetime
    pad: PAD
    confidence: float
    importance: float
    embedding: Vector = field(repr=False, compare=False)
    speaker: str | None = None
    kind: str = "utterance"
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    revised_at: datetime | None = None


class RelationKey(NamedTuple):
    """What makes two relations the same: who, how, whom."""

    subject: str
    predicate: str
    object: str


@dataclass(frozen=True, slots=True)
class Relation:
    """That something stands in a relation to something: typed, weighted, dated.

    Attributes:
        weight: how strong it is, above 0.
        at: since when it is known, or when it last changed.
        memory: the memory that said so, if one did.
        until: when it ended; ``None`` while it holds.
    """

    subject: str
    predicate: str
    object: str
    weight: float = 1.0
    at: datetime | None = None
    memory: MemoryId | None = None
    until: datetime | None = None

    @property
    def key(self) -> RelationKey:
        """What makes it the same relation as another."""
        return RelationKey(self.subject, self.predicate, self.object)


@dataclass(frozen=True, slots=True)
class Skill:
    """Something the agent can do: the steps, when to use them, and how often that went well.

    Attributes:
        optional: which steps are not always done, by their numbers from 0.
        sources: ids of the memories that it was learned from, oldest first; they may be forgotten by now.
        version: 1 at first, and one more each time that its steps or its occasion changed.
        embedding: (d,) float32 of unit length, what all of it means; ``None`` if it was learned before there was one.
    """

    name: str
    steps: tuple[str, ...]
    when: str = ""
    successes: int = 0
    failures: int = 0
    at: datetime | None = None
    optional: tuple[int, ...] = ()
    sources: tuple[MemoryId, ...] = ()
    version: int = 1
    embedding: Vector | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class SkillHit(Skill):
    """A skill that was asked for: it is equal to the skill that it is.

    Attributes:
        score: how well it fits; 0 where nothing was asked about.
        why: the parts of the score by name, which add up to it: ``relevance``, ``lexical`` and ``success``.
        gone: those of its sources that are not remembered any more, forgotten or rolled back.
    """

    score: float = 0.0
    why: Mapping[str, float] = field(default_factory=dict)
    gone: tuple[MemoryId, ...] = ()

    @property
    def skill(self) -> Skill:
        """The skill alone."""
        return Skill(**{one.name: getattr(self, one.name) for one in fields(Skill)})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Skill) and self.skill == (other.skill if isinstance(other, SkillHit) else other)

    def __hash__(self) -> int:
        return hash(self.skill)


@dataclass(frozen=True, slots=True)
class Hit:
    """A recollection: the memory, its score, and why; the parts in ``why`` add up to ``score``.

    ``before`` and ``after`` are its neighbours in the conversation, in order, where they were asked for.
    """

    memory: Memory
    score: float
    why: Mapping[str, float]
    before: tuple[Memory, ...] = ()
    after: tuple[Memory, ...] = ()


class Hits(list[Hit]):
    """Recollections, best first: a list that also says what it was made without.

    Attributes:
        missing: the parts of memory that did not answer in time or are away: "graph" (the walk over it, and bridges),
            "mood". What they would have added is in no score; everything else is as ever.
    """

    __slots__ = ("missing",)

    def __init__(self, hits: Iterable[Hit] = (), missing: Iterable[str] = ()) -> None:
        super().__init__(hits)
        self.missing: tuple[str, ...] = tuple(missing)

    def __reduce__(self) -> tuple[type[Hits], tuple[list[Hit], tuple[str, ...]]]:
        return type(self), (list(self), self.missing)

    def __repr__(self) -> str:
        without = f", missing={self.missing}" if self.missing else ""
        return f"{super().__repr__()[:-1]}]{without}" if without else super().__repr__()


UNASKED_KINDS: frozenset[str] = frozenset({"equation"})
"""Kinds of memories that say what follows from others: recall leaves them out unless it is asked for their kind."""


@dataclass(frozen=True, slots=True)
class Near:
    """The feelings that are no farther than ``radius`` from ``pad``, by Euclidean distance, from 0 to 2 √3.

    Raises: InvalidValue, NotFinite, OutOfRange.
    """

    pad: PAD
    radius: float

    def __post_init__(self) -> None:
        _a_pad("near", self.pad)
        bounded("radius", self.radius, 0.0, 4.0)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which memories may be recalled. ``None`` lets everything through; a memory must have all of ``tags``.

    ``since`` is included, ``until`` is not. Without a ``kind`` all but ``UNASKED_KINDS`` come.
    """

    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    speaker: str | None = None
    tags: tuple[str, ...] = ()
    near: Near | None = None


@dataclass(frozen=True, slots=True)
class Mood:
    """An agent's emotional state, read from its quantum state.

    Attributes:
        mean: expected PAD.
        spread: standard deviation per axis (not a PAD: each in [0, 1]).
        emotions: named emotions and their probabilities, likeliest first.
        entropy: entanglement entropy in bits at the cut between pleasure and the rest.
        fidelity: lower estimate of the overlap with the uncompressed state, in [0, 1].
        bond: largest bond dimension of the matrix product state.
        nbytes: its size.
        at: time of the last feeling; ``None`` if the agent has felt nothing yet.
    """

    mean: PAD
    spread: tuple[float, float, float]
    emotions: tuple[tuple[str, float], ...]
    entropy: float
    fidelity: float
    bond: int
    nbytes: int
    at: datetime | None


BranchKind = Literal["root", "fork", "clone", "transaction"]
"""A transaction is a fork that nobody sees: its events move to its parent together, or not at all."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A named line of an agent's history: its parent, where it left it, and nothing copied.

    ``fork_seq`` is the last event shared with ``parent``; own events are numbered from ``fork_seq + 1``.
    All branches that descend from one root share its ``lineage``, which decides where their views live.
    """

    id: BranchId
    agent: AgentName
    name: str
    lineage: str
    kind: BranchKind
    parent: BranchId | None
    fork_seq: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Commit:
    """A named place in a branch's journal.

    ``context`` is what was so there, as plain values: the mood, how well it is kept, how many memories there were. It
    is written a moment after the commit; ``None`` as long as nobody has. ``automatic``: nobody asked for it.
    """

    id: CommitId
    agent: AgentName
    place: Place
    message: str
    at: datetime
    context: Mapping[str, Any] | None = field(default=None, compare=False)
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """A name for a place that its owner gave and may move. What a tag names is kept when its branch is deleted."""

    name: str
    agent: AgentName
    place: Place
    at: datetime


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, and when.

    Attributes:
        position: the number of the change in the vault's one order of changes.
        who: the session that asked for it, in words; empty if it is not known.
        action: an event's kind, or what was done to the catalog ("branch_created", "tag_moved", ...).
        seq: the place on the branch, where there is one.
        detail: one line.
    """

    position: int
    at: datetime
    who: str
    action: str
    agent: AgentName | None
    branch: BranchId | None
    seq: int | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that was once remembered, as the vault's search index has it. It may have been forgotten since.

    Attributes:
        place: where it was written.
        position: the number of that change in the vault's one order of changes.
        at: when it happened.
        emotion: the named emotion nearest to ``pad``.
    """

    agent: AgentName
    place: Place
    position: int
    id: MemoryId
    text: str
    at: datetime
    emotion: str
    pad: PAD
    importance: float
    speaker: str | None
    kind: str
    session: str | None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of an agent's history, newest first in a log."""

    place: Place
    at: datetime
    kind: str
    summary: str
    commits: tuple[Commit, ...] = ()


@dataclass(frozen=True, slots=True)
class Tree:
    """How the branches of an agent hang together: all that a picture of its history needs.

    Attributes:
        branches: the agent's own and those that they come from, deleted ones and other agents' included, oldest first.
        heads: the number of the last event of each, by branch.
        deleted: which of them nobody sees any more.
        merges: where something was taken over, and from where.
        commits: of the agent, oldest first.
        tags: of the agent, by name.
        times: when the events at these places were written, where that is known.
    """

    branches: tuple[Branch, ...]
    heads: Mapping[BranchId, int]
    deleted: frozenset[BranchId] = frozenset()
    merges: tuple[tuple[Place, Place], ...] = ()
    commits: tuple[Commit, ...] = ()
    tags: tuple[Tag, ...] = ()
    times: Mapping[Place, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two places: what is on one side only, or otherwise there, and how far apart the moods are.

    Attributes:
        only_left, only_right: memories that the other side has not.
        skills_left, skills_right: skills that the other side has not, or not like this.
        revised: memories that both have and that differ, as they are on the left and on the right.
        relations_left, relations_right: relations that the other side has not, or not like this.
    """

    only_left: tuple[Memory, ...]
    only_right: tuple[Memory, ...]
    skills_left: tuple[Skill, ...]
    skills_right: tuple[Skill, ...]
    mood_left: Mood
    mood_right: Mood
    mood_fidelity: float
    revised: tuple[tuple[Memory, Memory], ...] = ()
    relations_left: tuple[Relation, ...] = ()
    relations_right: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """Something that both sides of a merge changed, and not to the same.

    Attributes:
        part: "memories", "skills", "graph" or "mood".
        key: the memory's id, the skill's name or the relation's key; the branch's id for a mood.
        field: what of it ("text", "tags", ...). "forgotten" and "unrelated" where one side edited what the other took
            away: then the values are the whole thing and ``None``. Empty for a mood.
        base, ours, theirs: the values before and on either side; ``None`` where there was none.
        kept: "ours", "theirs", "both" where they were joined, "given" where a function gave something else; empty as
            long as nobody has decided.
        value: what it is now.
        reason: one line for people: who decided.
    """

    part: Part
    key: str | RelationKey
    field: str
    base: Any
    ours: Any
    theirs: Any
    kept: str = ""
    value: Any = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did. Empty when there was nothing new to take.

    Attributes:
        added: memories that this side did not know.
        revised: memories that read otherwise now, those included that had been forgotten here and came back.
        relations: relations that are new or changed; ``unrelated`` are those that hold no longer.
        mood: the share of the other side's mood in this one's, 0 if it was left alone.
    """

    source: Place
    base: Place | None
    added: tuple[MemoryId, ...]
    forgotten: tuple[MemoryId, ...]
    skills: tuple[str, ...]
    conflicts: tuple[MergeConflict, ...]
    place: Place
    revised: tuple[MemoryId, ...] = ()
    relations: tuple[RelationKey, ...] = ()
    unrelated: tuple[RelationKey, ...] = ()
    mood: float = 0.0
