"""The agent as its users see it: every operation by name, on one branch of its history.

A handle holds a name and a way to the actor, no memory; it can be pickled, sent to tasks and thrown away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, get_args
from uuid import uuid4

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.operations import Call, operation
from quantum_memory.actors.requests import (
    MergeRequest,
    RememberRequest,
    Tip,
    Where,
    filters_of,
    place_of,
    positive,
    recall_request,
    texts_of,
    utterances,
)
from quantum_memory.checks import bounded, named, visible
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.policies.merge import MergeRule
from quantum_memory.types import (
    PARTS,
    Branch,
    Commit,
    Diff,
    Hit,
    LogEntry,
    Memory,
    MemoryId,
    MergeReport,
    Mood,
    Part,
    Place,
    Skill,
    Utterance,
    Vector,
)

if TYPE_CHECKING:
    import networkx as nx

PlaceLike: TypeAlias = "Place | Commit | AgentHandle | str | datetime | None"


class AgentHandle:
    """One agent, on one branch. Get one from ``MemoryCluster.agent``, ``fork`` or ``clone``.

    Every operation waits for its answer when called, and gives a ``ray.ObjectRef`` when called through ``.remote``.
    Operations that were begun and not waited for may overtake each other, as on any asynchronous Ray actor; what one
    call brings stays together and in order.
    A place in history may be given as a ``Commit``, another handle (its branch as it stands), a ``Place``, a commit's
    id or message, a branch's name, or a time.

    Raises, from every operation: InvalidInput before anything is sent or changed; AgentNotFound, PlaceNotFound and
    their kin (NotFound); Conflict; Unavailable; StorageFailure.
    """

    def __init__(self, branch: Branch, directory: Directory) -> None:
        self._branch, self._directory = branch, directory

    @property
    def name(self) -> str:
        """The agent's name."""
        return self._branch.agent

    @property
    def branch(self) -> str:
        """The name of the branch that this handle is on."""
        return self._branch.name

    @property
    def info(self) -> Branch:
        """The branch's identity and where it left its parent."""
        return self._branch

    def __repr__(self) -> str:
        return f"<AgentHandle {self.name}@{self.branch}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AgentHandle) and self._branch.id == other._branch.id

    def __hash__(self) -> int:
        return hash(self._branch.id)

    def __reduce__(self) -> tuple[type[AgentHandle], tuple[Branch, Directory]]:
        return AgentHandle, (self._branch, self._directory)

    def _ask(self, method: str, *args: object, texts: int = 0) -> Call[Any]:
        return self._directory.ask_owner(self._branch.lineage, method, *args, texts=texts)

    # What the agent lives through

    @operation
    def remember(self, what: str | Utterance | Sequence[str | Utterance], /, **fields: Any) -> Call[list[MemoryId]]:
        """Remember a text, an ``Utterance`` or several, in this order and all or none; returns their ids.

        Args:
            what: what was said or seen.
            fields: further fields of ``Utterance`` (``speaker=``, ``at=``, ...), where ``what`` is a single text.

        Acknowledged means on disk. An utterance whose id the branch knows already is skipped, so a repeated call adds
        nothing; an id that was forgotten stays forgotten.
        """
        given = utterances(what, fields)
        return self._ask("remember_one", RememberRequest(self._branch, given, uuid4().hex), texts=len(given))

    @operation
    def forget(self, ids: MemoryId | Iterable[MemoryId]) -> Call[int]:
        """Never find these memories again on this branch; returns how many there were. Forks made before keep theirs.

        Raises: MemoryNotFound, and then forgets none.
        """
        return self._ask("forget", self._branch, texts_of("id", ids), uuid4().hex)

    @operation
    def learn(self, name: str, steps: Iterable[str], when: str = "") -> Call[Skill]:
        """Learn a skill, or rewrite one; the counts of one with the same name go on."""
        if isinstance(steps, str):
            raise InvalidValue("steps", repr(steps), "a collection of texts")
        taken = Skill(visible("name", name), texts_of("step", steps), visible("when", when) if when else "")
        return self._ask("learn", self._branch, taken, uuid4().hex)

    @operation
    def practise(self, skill: str, *, succeeded: bool) -> Call[Skill]:
        """Note that a skill was used, and whether that went well. Raises: SkillNotFound."""
        return self._ask("practise", self._branch, visible("skill", skill), bool(succeeded), uuid4().hex)

    # What it knows and feels

    @operation
    def recall(
        self,
        query: str | Vector | Sequence[float],
        k: int = 10,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: PlaceLike = None,
        kind: str | None = None,
        speaker: str | None = None,
        tags: str | Iterable[str] = (),
    ) -> Call[list[Hit]]:
        """What the agent remembers about this, best first, each with the parts of its score.

        Args:
            query: a text, or a vector of the embedding's length.
            k: how many at most; 0 gives none.
            since: only memories at or after this time.
            until: only memories before this time.
            as_of: what it would have recalled at that place in its history.
            kind: only memories of this kind.
            speaker: only what this speaker said.
            tags: only memories that carry all of these.
        """
        filters = filters_of(since, until, kind, speaker, tags)
        return self._ask("recall_one", recall_request(self._branch, query, k, filters, _place(as_of)))

    @operation
    def mood(self, as_of: PlaceLike = None) -> Call[Mood]:
        """How the agent feels: PAD mean and spread, named emotions, entropy and fidelity."""
        return self._ask("mood", self._branch, _place(as_of))

    @operation
    def mood_history(self, limit: int = 100) -> Call[list[tuple[LogEntry, Mood]]]:
        """The mood after each of the last ``limit`` events, oldest first."""
        return self._ask("mood_history", self._branch, positive("limit", limit))

    @operation
    def marginals(self, as_of: PlaceLike = None) -> Call[Mapping[str, tuple[Vector, Vector]]]:
        """The probability of pleasure, arousal and dominance: for each axis the grid's points and their weights."""
        return self._ask("marginals", self._branch, _place(as_of))

    @operation
    def memories(self, as_of: PlaceLike = None) -> Call[list[Memory]]:
        """Every memory of the branch, in the order in which they were added."""
        return self._ask("memories", self._branch, _place(as_of))

    @operation
    def working(self, as_of: PlaceLike = None) -> Call[list[Memory]]:
        """What is before the inner eye: the latest memories, oldest first."""
        return self._ask("working", self._branch, _place(as_of))

    @operation
    def skills(self, query: str | None = None, k: int = 10) -> Call[list[Skill]]:
        """The skills that fit a situation, best first; without a query all of them, by name."""
        asked = None if query is None else visible("query", query)
        return self._ask("skills", self._branch, asked, positive("k", k))

    @operation
    def concepts(self, top: int = 20) -> Call[list[tuple[Concept, float]]]:
        """What the agent's memories are about: concepts by quantum PageRank over its semantic graph."""
        return self._ask("concepts", self._branch, positive("top", top))

    @operation
    def graph(self, as_of: PlaceLike = None) -> Call[nx.Graph]:
        """The semantic graph as a networkx graph: memories and concepts, with weights."""
        return self._ask("graph", self._branch, _place(as_of))

    # Its history

    @operation
    def checkpoint(self, message: str = "checkpoint") -> Call[Commit]:
        """Name the place where the branch stands, to come back to it."""
        return self._ask("checkpoint", self._branch, visible("message", message), uuid4().hex)

    @operation
    def fork(self, name: str, at: PlaceLike = None) -> Call[AgentHandle]:
        """A branch of this agent that begins here (or at a place) and can be merged back. Nothing is copied."""
        return self._ask("fork", self._branch, named("branch", name), _place(at), uuid4().hex)

    @operation
    def clone(self, name: str, at: PlaceLike = None) -> Call[AgentHandle]:
        """An agent of its own that shares this one's past. Nothing is copied."""
        return self._ask("clone", self._branch, named("agent", name), _place(at), uuid4().hex)

    @operation
    def rollback(self, to: PlaceLike, parts: Iterable[Part] | None = None) -> Call[Place]:
        """Be again as at an earlier place, whole or in some parts. Roll back to before to undo it.

        Args:
            to: a place in this branch's own past.
            parts: any of "memories", "graph", "mood", "working", "skills"; all when left out.

        Returns: the place where the branch stands now.
        """
        asked = PARTS if parts is None else texts_of("part", parts)
        unknown = [part for part in asked if part not in PARTS]
        if unknown or not asked:
            raise InvalidValue("parts", repr(unknown or parts), f"some of {', '.join(PARTS)}")
        wanted = tuple(part for part in PARTS if part in asked)
        return self._ask("rollback", self._branch, _place(to), wanted, uuid4().hex)

    @operation
    def merge(
        self,
        other: AgentHandle,
        *,
        at: PlaceLike = None,
        policy: MergeRule = "ours",
        mood_weight: float = 0.5,
    ) -> Call[MergeReport]:
        """Take over what another branch has learned since both were one.

        Args:
            other: the branch to take from; it is not changed.
            at: take from an earlier place of it.
            policy: who wins where both changed a skill: "ours", "theirs" or "newest". What is lost is in the report.
            mood_weight: the share of the other's mood in the superposition, in [0, 1]; 0 leaves this mood as it is, and
                what was felt there until now is not offered again.
        """
        if not isinstance(other, AgentHandle):
            raise InvalidValue("other", type(other).__name__, "an AgentHandle")
        if policy not in get_args(MergeRule):
            raise InvalidValue("policy", repr(policy), f"one of {', '.join(get_args(MergeRule))}")
        weight = bounded("mood_weight", mood_weight, 0.0, 1.0)
        request = MergeRequest(self._branch, other._branch, _place(at), policy, weight, uuid4().hex)
        return self._ask("merge", request)

    @operation
    def log(self, limit: int = 50) -> Call[list[LogEntry]]:
        """The last events of the branch and of those it came from, newest first."""
        return self._ask("log", self._branch, positive("limit", limit))

    @operation
    def diff(self, left: PlaceLike, right: PlaceLike = None) -> Call[Diff]:
        """What one place has and another has not; ``right`` is where this branch stands when left out."""
        return self._ask("diff", self._branch, _place(left), _place(right))

    @operation
    def branches(self) -> Call[list[AgentHandle]]:
        """Every branch of this agent, oldest first."""
        return self._ask("branches", self._branch)

    @operation
    def commits(self) -> Call[list[Commit]]:
        """Every checkpoint of this agent, oldest first."""
        return self._ask("commits", self._branch)


def _place(where: PlaceLike) -> Where:
    return Tip(where.info.id) if isinstance(where, AgentHandle) else place_of(where)
