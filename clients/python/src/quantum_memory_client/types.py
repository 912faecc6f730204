"""What goes in and comes out, as JSON has it. Made by clients/generate.py; not to be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict


class AgentName(TypedDict):
    """An agent by its name."""

    name: str


class AgentTold(TypedDict):
    """An agent, and its first branch."""

    name: str
    branch: str
    created_at: str


class ArchiveTold(TypedDict):
    """What an archive brought, or would bring."""

    agent: str
    version: int
    steps: list[str]
    branches: int
    events: int
    commits: int
    tags: int
    inherited: int


class AuditTold(TypedDict):
    """Who changed what, and when."""

    position: int
    at: str
    who: str
    action: str
    branch: str | None
    seq: int | None
    detail: str


class BadEntry(TypedDict):
    """An entry that could not be read, and why."""

    place: str
    reason: str


class BondTold(TypedDict):
    """What holds two concepts together."""

    relations: list[RelationTold]
    together: int
    weight: float


class BranchTold(TypedDict):
    """A named line of history: its parent, by id, and the last event that they share."""

    id: str
    name: str
    kind: Literal["root", "fork", "clone", "transaction"]
    parent: str | None
    fork_seq: int
    created_at: str


class CallerTold(TypedDict):
    """Who asks, and what he may."""

    subject: str
    tenant: str
    role: Literal["reader", "writer", "admin"]
    agents: list[str]
    channels: list[Literal["mood", "memories", "history"]]
    clearance: Literal["open", "internal", "restricted"]
    projects: list[str]


class CommitTold(TypedDict):
    """A checkpoint. `context` is what was so there, written a moment after it."""

    id: str
    message: str
    place: PlaceTold
    at: str
    automatic: bool
    context: dict[str, Any] | None


class ConceptList(TypedDict):
    """Concepts, the highest rank first."""

    items: list[RankedConcept]


class ConceptTold(TypedDict):
    """Something that memories speak of."""

    key: str
    label: str
    kind: str


class ConflictTold(TypedDict):
    """Something that both sides changed, and not to the same; values are `null` where there was none."""

    part: Literal["memories", "graph", "mood", "working", "skills"]
    key: str | list[str]
    field: str
    base: Any
    ours: Any
    theirs: Any
    kept: str
    value: Any
    reason: str


class ContextTold(TypedDict):
    """What the agent knows, as a block for a prompt: data, and no instruction to whoever reads it."""

    text: str
    tokens: int
    budget: int
    sections: list[SectionTold]
    citations: dict[str, str]
    levels: dict[str, Literal["sentence", "paragraph", "detail"]]
    left_out: list[LeftOutTold]
    missing: list[str]


class DenialTold(TypedDict):
    """Something that a caller was denied."""

    at: str
    who: str | None
    address: str | None
    action: str
    agent: str | None
    request: str | None
    reason: str


class DiffTold(TypedDict):
    """What one place has and another has not, or otherwise; pairs are as on the left and as on the right."""

    only_left: list[MemoryTold]
    only_right: list[MemoryTold]
    revised: list[list[MemoryTold]]
    skills_left: list[SkillTold]
    skills_right: list[SkillTold]
    relations_left: list[RelationTold]
    relations_right: list[RelationTold]
    mood_left: MoodTold
    mood_right: MoodTold
    mood_fidelity: float


class EmotionTold(TypedDict):
    """A named emotion and its probability."""

    name: str
    probability: float


class EntryFound(TypedDict):
    """An entry that was found; its score is that of its best passage."""

    entry: EntryTold
    score: float
    passages: list[PassageTold]


class EntryTold(TypedDict):
    """An entry of the library."""

    id: str
    project: str
    tier: Literal["open", "internal", "restricted"]
    kind: Literal["rule", "document", "reference"]
    title: str
    text: str | None
    uri: str | None
    tags: list[str]
    priority: int
    enabled: bool
    created: str
    updated: str
    version: int
    passages: int


class EventTold(TypedDict):
    """One line of a history."""

    place: PlaceTold
    at: str
    kind: str
    summary: str
    commits: list[CommitTold]


class Feeling(TypedDict):
    """Pleasure, arousal and dominance, each from -1 to 1."""

    pleasure: float
    arousal: float
    dominance: float


class FeelingTold(TypedDict):
    """Pleasure, arousal and dominance, each from -1 to 1."""

    pleasure: float
    arousal: float
    dominance: float


class Forgotten(TypedDict):
    """How many memories were forgotten."""

    forgotten: int


class FoundEntries(TypedDict):
    """What the library has, best first."""

    hits: list[EntryFound]
    missing: list[str]


class HitTold(TypedDict):
    """A recollection: the parts in `why` add up to `score`."""

    memory: MemoryTold
    score: float
    why: dict[str, float]
    before: list[MemoryTold]
    after: list[MemoryTold]


class ImportTold(TypedDict):
    """What an import did, or would do."""

    form: Literal[
        "jsonl",
        "transcript",
        "csv",
        "whatsapp",
        "telegram",
        "slack",
        "discord",
        "chatgpt",
        "claude",
        "locomo",
        "mem0",
        "mem0-history",
        "letta",
    ]
    read: int
    added: int
    known: int
    skipped: int
    bad: list[BadEntry]
    seconds: float


class KeyGiven(TypedDict):
    """What makes it the same relation: who, how, whom."""

    subject: str
    predicate: str
    object: str


class LeftOutTold(TypedDict):
    """Something for which there was no room, or none for all of it."""

    section: Literal["known", "earlier", "remembered", "threads", "mood", "said_last"]
    memory: str | None
    in_part: bool


class LineTold(TypedDict):
    """One line of a context, its mark first, and the memory that the mark stands for."""

    text: str
    mark: str
    memory: str | None
    group: str


class LineageTold(TypedDict):
    """A branch of a tree. `agent` is nothing where it is no agent of the caller's tenant."""

    id: str
    name: str
    kind: Literal["root", "fork", "clone", "transaction"]
    parent: str | None
    fork_seq: int
    created_at: str
    agent: str | None
    head: int
    deleted: bool


class MemoryTold(TypedDict):
    """One remembered thing."""

    id: str
    text: str
    at: str
    pad: FeelingTold
    confidence: float
    importance: float
    speaker: str | None
    kind: str
    session: str | None
    tags: list[str]
    metadata: dict[str, Any]
    revised_at: str | None
    embedding: list[float] | None


class MergeTold(TypedDict):
    """What a merge did."""

    source: PlaceTold
    base: PlaceTold | None
    place: PlaceTold
    added: list[str]
    revised: list[str]
    forgotten: list[str]
    skills: list[str]
    relations: list[list[str]]
    unrelated: list[list[str]]
    mood: float
    conflicts: list[ConflictTold]


class MoodThen(TypedDict):
    """The mood right after an event."""

    place: PlaceTold
    at: str
    kind: str
    summary: str
    mood: MoodTold


class MoodTold(TypedDict):
    """How an agent feels."""

    mean: FeelingTold
    spread: SpreadTold
    emotions: list[EmotionTold]
    entropy: float
    fidelity: float
    bond: int
    nbytes: int
    at: str | None


class Nearness(TypedDict):
    """Only memories whose feeling is no farther than `radius` from this one, by Euclidean distance."""

    pad: Feeling
    radius: float


class NeighbourList(TypedDict):
    """Neighbours, the nearest first."""

    items: list[NeighbourTold]


class NeighbourTold(TypedDict):
    """A concept near another: how many steps away, and the last of these."""

    concept: ConceptTold
    distance: int
    via: ConceptTold
    bond: BondTold


class PassageTold(TypedDict):
    """A stretch of an entry's text that was found: the parts in `why` add up to `score`."""

    number: int
    text: str
    score: float
    why: dict[str, float]


class PlaceTold(TypedDict):
    """A point in history: right after event `seq` of a branch, by the branch's id."""

    branch: str
    seq: int


class ProjectTold(TypedDict):
    """A project by its name."""

    name: str


class RankedConcept(TypedDict):
    """A concept and how much of the graph leads to it."""

    concept: ConceptTold
    rank: float


class Recalled(TypedDict):
    """Recollections, best first."""

    hits: list[HitTold]
    missing: list[str]


class RelationList(TypedDict):
    """Relations."""

    items: list[RelationTold]


class RelationTold(TypedDict):
    """That something stands in a relation to something."""

    subject: str
    predicate: str
    object: str
    weight: float
    at: str | None
    memory: str | None
    until: str | None


class Remembered(TypedDict):
    """The ids of what was remembered, in order. It is on disk."""

    ids: list[str]


class Said(TypedDict):
    """Something to be remembered. Only the text is needed."""

    text: str
    speaker: NotRequired[str | None]
    at: NotRequired[str | datetime | None]
    kind: NotRequired[str | None]
    session: NotRequired[str | None]
    tags: NotRequired[Sequence[str]]
    metadata: NotRequired[Mapping[str, Any]]
    importance: NotRequired[float | None]
    id: NotRequired[str | None]
    embedding: NotRequired[Sequence[float] | None]
    pad: NotRequired[Feeling | None]
    confidence: NotRequired[float | None]
    revised_at: NotRequired[str | datetime | None]
    image: NotRequired[str | None]


class SectionTold(TypedDict):
    """A part of a context."""

    name: Literal["known", "earlier", "remembered", "threads", "mood", "said_last"]
    heading: str
    lines: list[LineTold]


class SkillHitTold(TypedDict):
    """A skill that was asked for: how well it fits, and why."""

    name: str
    steps: list[str]
    when: str
    successes: int
    failures: int
    at: str | None
    optional: list[int]
    sources: list[str]
    version: int
    score: float
    why: dict[str, float]
    gone: list[str]


class SkillList(TypedDict):
    """Skills, the best first, or by name where nothing was asked."""

    items: list[SkillHitTold]


class SkillTold(TypedDict):
    """Something that an agent can do."""

    name: str
    steps: list[str]
    when: str
    successes: int
    failures: int
    at: str | None
    optional: list[int]
    sources: list[str]
    version: int


class SpreadTold(TypedDict):
    """A standard deviation for each axis."""

    pleasure: float
    arousal: float
    dominance: float


class TagTold(TypedDict):
    """A name for a place."""

    name: str
    place: PlaceTold
    at: str


class Traced(TypedDict):
    """A memory, and where it comes from if it was made of others."""

    memory: MemoryTold
    how: str | None
    sources: list[str]
    gone: list[str]
    made: list[str]


class TreeTold(TypedDict):
    """How the branches of an agent hang together; `merges` are pairs: where it was taken over, and from where."""

    branches: list[LineageTold]
    merges: list[list[PlaceTold]]
    commits: list[CommitTold]
    tags: list[TagTold]


class WayList(TypedDict):
    """Ways, the shortest first."""

    items: list[WayTold]


class WayTold(TypedDict):
    """A way between two concepts, and the bonds between each and the next."""

    concepts: list[ConceptTold]
    bonds: list[BondTold]


class MemoryOperation(TypedDict):
    """Memories were added, revised, forgotten, used, merged in, or taken back; relations or skills changed.
    ``operation`` is the kind of the event, ``told`` what it brought. Where that is large, it is ``brief``: of
    memories their ids alone are told, and where these are too many, numbers in the place of lists."""

    type: Literal["memory_operation"]
    subscription: str
    position: int
    at: str
    agent: str
    branch: str | None
    operation: str
    told: dict[str, Any]
    brief: NotRequired[bool]


class History(TypedDict):
    """A commit, branch or tag was made, moved or deleted, branches were merged, or one was rolled back."""

    type: Literal["history"]
    subscription: str
    position: int
    at: str
    agent: str
    branch: str | None
    operation: str
    told: dict[str, Any]


class EquationEvolution(TypedDict):
    """The equation of an agent's feelings was kept anew; ``memory`` is the memory that holds it."""

    type: Literal["equation_evolution"]
    subscription: str
    position: int
    at: str
    agent: str
    branch: str | None
    memory: str


class EmotionalUpdate(TypedDict):
    """A mood as it is now. Of several changes within a tenth of a second the last is told."""

    type: Literal["emotional_update"]
    subscription: str
    position: int
    agent: str
    branch: str
    mood: FeelingHeard


class FeelingHeard(TypedDict):
    """A mood: the expected PAD, the standard deviation of each axis, and the likeliest named emotions."""

    pad: list[float]
    spread: list[float]
    emotions: dict[str, float]
    at: str | None


class PhaseTransition(TypedDict):
    """The likeliest named emotion of a mood is another one than when it was last told."""

    type: Literal["phase_transition"]
    subscription: str
    position: int
    agent: str
    branch: str
    before: str
    after: str


class Presence(TypedDict):
    """How many subscriptions on this replica cover an agent, by its name or with all; of ``*``, how many are to
    all. Told, with the feature ``presence``, of an agent to whoever names it, and of ``*`` to whoever watches
    all: at once, and within a second or two after it changed."""

    type: Literal["presence"]
    agent: str
    watching: int


class Lagging(TypedDict):
    """The reader was too slow: it is not told of what lies between two positions. Moods come as they are now. With
    ``subscribe`` and ``after`` the rest can be had later. Where ``upto`` is smaller than ``after``, the vault
    was restored as it was at an earlier time: what was told after ``upto`` never was, and telling goes on from
    there."""

    type: Literal["lagging"]
    subscription: str
    after: int
    upto: int


class Snapshot(TypedDict):
    """All up to ``position`` was told. So many branches felt something meanwhile: their moods come, as they are
    now. Told with the feature ``snapshots``: once to whoever subscribes to moods with ``after``, and whenever
    it is not ``complete``: more moods changed than are told, which are told when they change the next time.
    After a restore, and with ``all_moods``, ``branches`` are all that there are."""

    type: Literal["snapshot"]
    subscription: str
    position: int
    branches: int
    complete: bool


Event = (
    MemoryOperation | History | EquationEvolution | EmotionalUpdate | PhaseTransition | Lagging | Snapshot | Presence
)
"""What a stream tells; ``type`` says which it is."""
