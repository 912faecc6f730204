"""The agent as its users see it: every operation by name, on one branch of its history.

A handle holds a name and a way to the actor, no memory; it can be pickled, sent to tasks and thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from quantum_memory.actors.allowances import brought, due_of
from quantum_memory.actors.contexts import ContextRequest, assembled
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.equations import EquationRequest
from quantum_memory.actors.importing import Bounds, ImportCall, ImportJob, ImportReport
from quantum_memory.actors.learning import Episodes, lesson_request, skill_of
from quantum_memory.actors.living import LifeRequest
from quantum_memory.actors.operations import Call, operation
from quantum_memory.actors.requests import (
    FeelRequest,
    MergeRequest,
    RelateRequest,
    RememberRequest,
    ReviseRequest,
    Tip,
    Where,
    deadline_of,
    felt,
    filters_of,
    place_of,
    positive,
    query_of,
    recall_request,
    revision,
    texts_of,
    utterances,
)
from quantum_memory.actors.transactions import Transaction, open_on, outside, standing
from quantum_memory.checks import bounded, named, new_name, no_step, utc, visible, whole, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.dynamics.equation import MAX_OTHER_CHARS
from quantum_memory.memory.exchange.entries import Dates, Reading, zone_of
from quantum_memory.memory.exchange.registry import Format
from quantum_memory.memory.exchange.sources import located
from quantum_memory.memory.library.shelves import agent_named
from quantum_memory.memory.portable import AgentState
from quantum_memory.memory.prompting.block import SECTIONS, Context, Level
from quantum_memory.memory.prompting.material import Wish
from quantum_memory.memory.semantic.bonds import MAX_DEPTH, MAX_HOPS, MAX_NEAR, MAX_SEED, MAX_WAYS
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.memory.semantic.names import unified
from quantum_memory.memory.semantic.relations import KeyLike, checked, checked_key, keys_of
from quantum_memory.policies.merge import MergePolicy, MergePolicyLike
from quantum_memory.types import (
    PAD,
    PARTS,
    AuditEntry,
    Branch,
    Commit,
    Diff,
    Hits,
    LogEntry,
    Memory,
    MemoryId,
    MergeReport,
    Mood,
    Part,
    Place,
    Relation,
    RelationKey,
    Skill,
    SkillHit,
    Tag,
    Tree,
    Utterance,
    Vector,
)

if TYPE_CHECKING:
    import networkx as nx

    from quantum_memory.memory.affect.dynamics.equation import Equation
    from quantum_memory.memory.affect.dynamics.fitting import Shape
    from quantum_memory.memory.affect.mixed import Mixture
    from quantum_memory.memory.life.provenance import Provenance
    from quantum_memory.memory.life.reports import ConsolidationReport, DuplicatesReport, TidyReport
    from quantum_memory.memory.quantum import QuantumState
    from quantum_memory.memory.semantic import SemanticGraph
    from quantum_memory.memory.semantic.bonds import Neighbour, Way

PlaceLike: TypeAlias = "Place | Commit | Tag | AgentHandle | str | datetime | None"


MAX_OP_CHARS = 64


class _Given(Enum):
    """Tells what was not given from ``None``."""

    UNSET = "unset"


Unset: TypeAlias = Literal[_Given.UNSET]
UNSET: Final = _Given.UNSET


class AgentHandle:
    """One agent, on one branch. Get one from ``MemoryCluster.agent``, ``fork`` or ``clone``.

    Every operation waits for its answer when called, and gives a ``ray.ObjectRef`` when called through ``.remote``.
    Operations that were begun and not waited for may overtake each other, as on any asynchronous Ray actor; what one
    call brings stays together and in order.
    A place in history may be given as a ``Commit``, a ``Tag``, another handle (its branch as it stands), a ``Place``, a
    commit's id or message, a tag's or a branch's name, or a time.

    Inside of ``with alice.transaction():`` every operation on any handle of that branch belongs to the transaction.

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

    def repeatable(self, op: str) -> AgentHandle:
        """The same, for what is to be done once, however often it is asked for under this name, by whichever process of
        the same session: the first operation that changes something has the name, the next one is the second of it.
        """
        return AgentHandle(self._branch, self._directory.repeatable(within("op", visible("op", op), MAX_OP_CHARS)))

    @property
    def _here(self) -> Branch:
        """The branch that operations work on: a hidden fork of it, while a transaction is open here."""
        return standing(self._branch)

    def _ask(self, method: str, *args: object) -> Call[Any]:
        texts, due_s = brought(method, args), due_of(method, args)
        return self._directory.ask_owner(self._branch.lineage, method, *args, texts=texts, deadline_s=due_s)

    # What the agent lives through

    @operation
    def remember(
        self, what: str | Utterance | Sequence[str | Utterance], /, *, deadline_s: float | None = None, **fields: Any
    ) -> Call[list[MemoryId]]:
        """Remember a text, an ``Utterance`` or several, in this order and all or none; returns their ids.

        Args:
            what: what was said or seen.
            deadline_s: how long it may take, also through ``.remote``; by default as ``timeouts`` says. What has not
                begun to be written by then is given up; what has goes on. So after DeadlineExceeded it may be on disk
                or not; told again with ids of its own, it is there once.
            fields: further fields of ``Utterance`` (``speaker=``, ``at=``, ...), where ``what`` is a single text.

        Acknowledged means on disk. An utterance whose id the branch knows already is skipped, so a repeated call adds
        nothing; an id that was forgotten stays forgotten.
        """
        given, due_s = utterances(what, fields), deadline_of(deadline_s)
        return self._ask("remember_one", RememberRequest(self._here, given, self._directory.new_op(), due_s))

    @operation
    def import_file(
        self,
        path: str | Path,
        form: Format | None = None,
        *,
        zone: str | tzinfo = UTC,
        dates: Dates = "auto",
        columns: Mapping[str, str] | None = None,
        skip_bad: bool = False,
        dry_run: bool = False,
        check: bool = True,
        progress: Callable[[ImportReport], object] | None = None,
    ) -> Call[ImportReport]:
        """Remember what a file, an archive or a folder holds: JSON lines, chat exports, other memories; see ``docs``.

        It is read as a stream, with several batches on their way. Whatever was acknowledged stays if it is cut off, and
        the same import goes on from there: what the agent knows is passed over and not perceived again.

        Args:
            path: on the machine of the caller, also through ``.remote``.
            form: its format; detected when left out.
            zone: of times that bring none, as in "Europe/Berlin".
            dates: the order of day and month in a chat of WhatsApp; found out when left out.
            columns: of a table: for fields of an utterance, the names of their columns.
            skip_bad: leave out what cannot be read, and list it in the report.
            dry_run: write nothing, and say what would be added.
            check: read all of it once before the first is written, so that a bad entry leaves nothing written.
            progress: told of the report as it grows.

        Raises: UnreadableLine, UnreadableEntry, UnreadableFile, UnsafeArchive, InvalidValue; OSError.
        """
        reading = Reading(zone_of(zone), dates, columns or {})
        job = ImportJob(str(located(path).absolute()), form, reading, skip_bad, dry_run, check, progress)
        return ImportCall(self, job)

    @operation
    def known(self, ids: MemoryId | Iterable[MemoryId], *, as_of: PlaceLike = None) -> Call[dict[MemoryId, str | None]]:
        """The texts of those of these ids that the branch knows; ``None`` for one that was forgotten."""
        return self._ask("known", self._here, texts_of("id", ids), _place(as_of))

    @operation
    def bounds(self) -> Call[Bounds]:
        """How long a text may be, how long an embedding is, and how many utterances one call may bring."""
        return self._ask("bounds")

    @operation
    def forget(self, ids: MemoryId | Iterable[MemoryId]) -> Call[int]:
        """Never find these memories again on this branch; returns how many there were. Forks made before keep theirs.

        Raises: MemoryNotFound, and then forgets none.
        """
        return self._ask("forget", self._here, texts_of("id", ids), self._directory.new_op())

    @operation
    def revise(
        self,
        memory: MemoryId,
        *,
        text: str | Unset = UNSET,
        speaker: str | Unset | None = UNSET,
        at: datetime | Unset = UNSET,
        kind: str | Unset = UNSET,
        session: str | Unset | None = UNSET,
        tags: str | Iterable[str] | Unset = UNSET,
        metadata: Mapping[str, Any] | Unset = UNSET,
        importance: float | Unset = UNSET,
    ) -> Call[Memory]:
        """Rewrite a memory: what is given takes the place of what was there. Returns it as it reads now.

        A new text is perceived anew; the mood does not change, what was felt was felt. In the order of remembering the
        memory stands where it was last revised; in working memory it stays where it is. Raises: MemoryNotFound.
        """
        given = {
            "text": text,
            "speaker": speaker,
            "at": at,
            "kind": kind,
            "session": session,
            "tags": tags,
            "metadata": metadata,
            "importance": importance,
        }
        fields = revision({name: value for name, value in given.items() if value is not UNSET})
        request = ReviseRequest(self._here, visible("id", memory), fields, self._directory.new_op())
        return self._ask("revise", request)

    @operation
    def feel(
        self, what: str | PAD | Mapping[Any, float] | Mixture, intensity: float = 1.0, cause: str = ""
    ) -> Call[Place]:
        """Feel something that is no memory; returns where the branch stands now.

        Args:
            what: a named emotion ("joy", "fear", ...: see ``memory.affect.emotions``) or a PAD; or several at once with
                weights that sum to 1, as in ``{"joy": 0.6, "fear": 0.4}``, which the mood takes up as a superposition.
            intensity: how strongly, in [0, 1]: it weighs in the mood like a memory of that importance.
            cause: why, for people who read the log.
        """
        strength = bounded("intensity", intensity, 0.0, 1.0)
        told = visible("cause", cause) if cause else ""
        pad, parts = felt(what)
        return self._ask("feel", FeelRequest(self._here, pad, strength, told, self._directory.new_op(), parts))

    @operation
    def relate(
        self,
        subject: str,
        predicate: str,
        object: str,  # noqa: A002 - the word of the domain
        weight: float = 1.0,
        memory: MemoryId | None = None,
        *,
        at: datetime | None = None,
        until: datetime | None = None,
        replaces: KeyLike | Iterable[KeyLike] = (),
    ) -> Call[Relation]:
        """Know how something stands to something, or with what new weight.

        Args:
            subject: who, for instance "Bob".
            predicate: how, for instance "works for".
            object: whom, for instance "Carol".
            weight: how strong it is, above 0.
            memory: the memory that says so; when it is forgotten, all is as if it had never said so.
            at: since when; since now when left out.
            until: when it ended, if that is known already.
            replaces: a relation that this one contradicts, or several, as ``(subject, predicate, object)``: they end
                when this one begins, and ``relations(at=...)`` still shows them as of any time before.

        Returns: the relation as it is known now. Raises: MemoryNotFound if there is no such memory; RelationNotFound
        for what is to be replaced and does not hold.
        """
        relation = checked(Relation(subject, predicate, object, weight, at, memory, until))
        request = RelateRequest(self._here, relation, self._directory.new_op(), keys_of(replaces))
        return self._ask("relate", request)

    @operation
    def unrelate(
        self,
        subject: str,
        predicate: str,
        object: str,  # noqa: A002 - the word of the domain
        *,
        at: datetime | None = None,
    ) -> Call[None]:
        """Know that a relation holds no longer, since a time or since now. Raises: RelationNotFound."""
        key = checked_key(RelationKey(subject, predicate, object))
        return self._ask("unrelate", self._here, key, self._directory.new_op(), _time("at", at))

    @operation
    def merge_entities(self, keep: str, others: str | Iterable[str]) -> Call[tuple[str, ...]]:
        """Know that other names mean the same as one; returns all the names that lead to it now, besides its own.

        What is known of any of them, now or later, is known of the one that is kept. Undone by rolling back the graph.
        """
        return self._ask("merge_entities", self._here, unified(keep, others), self._directory.new_op())

    @operation
    def extract_relations(self, last: int = 100) -> Call[int]:
        """Read the statements of those of the last memories that told no relation yet; how many relations that gave.

        With an extractor in the settings (``graph.extractor``) this goes on by itself behind every write, and is asked
        for where it could not: after a crash, for what was remembered before there was one, on a fork made too early.
        What is known already is not told again. Raises: InvalidValue if no extractor is set; Unavailable if it is away.
        """
        return self._ask("extract_relations", self._here, positive("last", last))

    @operation
    def learn(self, name: str, steps: Iterable[str], when: str = "") -> Call[Skill]:
        """Learn a skill, or rewrite one; the counts of one with the same name go on."""
        taken = skill_of(name, steps, when)
        return self._ask("learn", self._here, taken, self._directory.new_op())

    @operation
    def learn_from(
        self,
        episodes: Episodes,
        *,
        name: str,
        succeeded: bool | Sequence[bool] | None = None,
        when: str | None = None,
        preview: bool = False,
    ) -> Call[Skill]:
        """Learn a skill from what was done, or revise it: the steps that went well, in order, those that all share.

        Args:
            episodes: the ids of an attempt's memories, in order; those of several attempts; or a tag, whose memories
                are taken by ``metadata["episode"]`` or else by session. Memories of kind or tag "action", or with
                ``metadata["step"]``, are the steps, or all where none is marked; what comes before is the occasion.
            name: of the skill. Attempts that it was learned from already are passed over.
            succeeded: how each attempt ended, or all; when left out as ``metadata["succeeded"]`` says, else well.
            when: the occasion, in place of what was known or what led to the attempts.
            preview: only say what the skill would be.

        Raises: MemoryNotFound for an id that is not there; InvalidValue, TooLong.
        """
        request = lesson_request(self._here, episodes, name, succeeded, when, self._directory.new_op())
        return self._ask("learn_from", replace(request, preview=bool(preview)))

    @operation
    def practise(self, skill: str, *, succeeded: bool) -> Call[Skill]:
        """Note that a skill was used, and whether that went well. Raises: SkillNotFound."""
        return self._ask("practise", self._here, visible("skill", skill), bool(succeeded), self._directory.new_op())

    # The life of its memories

    @operation
    def reinforce(self, ids: MemoryId | Iterable[MemoryId]) -> Call[int]:
        """Note that memories were of use: they fade more slowly from now on. Returns how many they are.

        With ``life.reinforce: recalled`` what recall finds is noted by itself, behind the reads.
        Raises: MemoryNotFound, and then notes none; InvalidValue where ``life.reinforce`` is off.
        """
        return self._ask("reinforce", self._here, texts_of("id", ids), self._directory.new_op())

    @operation
    def tidy(self, *, dry_run: bool = True, most: int | None = None) -> Call[TidyReport]:
        """Forget what has faded and does not matter: see ``life.forgetting``; says what would go, and why.

        Args:
            dry_run: change nothing; with ``False`` a checkpoint is made first, to roll back to.
            most: how many memories may be left, in the place of the settings' number.
        """
        left = None if most is None else whole("most", most, 0, math.inf)
        return self._ask("tidy", LifeRequest(self._here, bool(dry_run), self._directory.new_op(), left))

    @operation
    def merge_duplicates(self, *, dry_run: bool = True) -> Call[DuplicatesReport]:
        """Merge memories that say the same in nearly the same words: one stays and knows the others.

        With ``dry_run`` nothing is changed; without it a checkpoint is made first. See ``life.duplicates``.
        """
        return self._ask("merge_duplicates", LifeRequest(self._here, bool(dry_run), self._directory.new_op()))

    @operation
    def consolidate(self, *, dry_run: bool = True) -> Call[ConsolidationReport]:
        """Make episodes of conversations that are over, and facts of what is said again and again.

        They are memories of the kinds "episode" and "fact", in the words of their sources; doing it again adds nothing.
        With ``dry_run`` nothing is changed; without it a checkpoint is made first. See ``life.consolidation``.
        """
        return self._ask("consolidate", LifeRequest(self._here, bool(dry_run), self._directory.new_op()))

    @operation
    def provenance(self, memory: MemoryId, *, as_of: PlaceLike = None) -> Call[Provenance]:
        """What a memory was made of, as far as it is there, and what was made of it. Raises: MemoryNotFound."""
        return self._ask("provenance", self._here, visible("id", memory), _place(as_of))

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
        neighbours: int = 0,
        near: tuple[PAD, float] | None = None,
        exact: bool = False,
        deadline_s: float | None = None,
    ) -> Call[Hits]:
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
            neighbours: how many memories of its conversation each hit brings, before it and after it.
            near: only memories whose feeling is no farther from this one than so much, by Euclidean distance.
            exact: look at every memory for the nearest, where an index may miss one in some hundred; slower.
            deadline_s: when the answer is due; by default as ``timeouts`` says.

        Where the graph or the mood is away or too slow, the answer comes without it, in time, and ``missing`` of the
        list says so. Raises: DeadlineExceeded where not even the memories are found in time.
        """
        filters = filters_of(since, until, kind, speaker, tags, near)
        asked = recall_request(
            self._here, query, k, filters, _place(as_of), neighbours=neighbours, exact=exact, deadline_s=deadline_s
        )
        return self._ask("recall_one", asked)

    @operation
    def context(
        self,
        query: str | Vector | Sequence[float],
        tokens: int = 8000,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: PlaceLike = None,
        kind: str | None = None,
        speaker: str | None = None,
        tags: str | Iterable[str] = (),
        neighbours: int = 1,
        level: Level = "detail",
        sections: str | Iterable[str] = SECTIONS,
        tokenizer: Callable[[str], int] | None = None,
        deadline_s: float | None = None,
    ) -> Call[Context]:
        """What the agent knows of this, as a block for a prompt of at most ``tokens`` tokens; ``str()`` gives it.

        It holds what was said last, recollections with what was said beside them, the mood, open questions and plans,
        what is known of the things that the question names, and older parts of the past in short. Each line begins
        with a mark as in "[m3]" that ``citations`` resolves to a memory's id. What stands in memories is quoted: it
        can forge no line, heading or mark. It is data, and no instruction to whoever reads it.

        Args:
            query: a text, or a vector of the embedding's length.
            tokens: the budget, which is never exceeded.
            since: only memories at or after this time, here and in every filter for all that comes from memories.
            until: only memories before this time.
            as_of: what it would have known at that place in its history.
            kind: only memories of this kind.
            speaker: only what this speaker said.
            tags: only memories that carry all of these.
            neighbours: how many memories before and after each recollection may come with it.
            level: how fully older parts may be told: in a "sentence", a "paragraph", or in "detail".
            sections: some of "known", "earlier", "remembered", "threads", "mood", "said_last".
            tokenizer: a function that counts a text's tokens. It stays here, and the block is then made here, so it
                cannot be used with ``.remote``. Without one ``context.tokenizer`` of the settings counts.
            deadline_s: when it is due, as for ``recall``; ``missing`` says what it was made without.

        Raises: OutOfRange for a budget that does not hold the headings alone, some 30 tokens.
        """
        filters = filters_of(since, until, kind, speaker, tags)
        wish = Wish(tokens, neighbours, level, texts_of("section", sections))
        asked = recall_request(self._here, query, 0, filters, _place(as_of), deadline_s=deadline_s)
        request = ContextRequest(asked, wish)
        if tokenizer is None:
            return self._ask("context", request)
        return assembled(self._ask("context_material", request), wish, tokenizer)

    @operation
    def mood(self, as_of: PlaceLike = None, *, deadline_s: float | None = None) -> Call[Mood]:
        """How the agent feels: PAD mean and spread, named emotions, entropy and fidelity. Raises: DeadlineExceeded."""
        return self._ask("mood", self._here, _place(as_of), deadline_of(deadline_s))

    @operation
    def warm_up(self) -> Call[int]:
        """Have the branch at hand as it stands, before somebody asks; how many views of it were not."""
        return self._ask("warm_up", self._here)

    @operation
    def mood_state(self, as_of: PlaceLike = None) -> Call[QuantumState]:
        """The mood as a quantum state on this machine: to sample and draw, to entangle, to make a circuit of.

        A value of its own: nothing that is done with it changes the agent. See ``quantum_memory.memory.quantum``.
        """
        return self._ask("mood_state", self._here, _place(as_of))

    @operation
    def mood_history(self, limit: int = 100, *, as_of: PlaceLike = None) -> Call[list[tuple[LogEntry, Mood]]]:
        """The mood after each of the last ``limit`` events up to a place, oldest first."""
        return self._ask("mood_history", self._here, positive("limit", limit), _place(as_of))

    @operation
    def equation(
        self,
        other: str | None = None,
        *,
        names: str | Iterable[str] = (),
        shape: Shape | None = None,
        as_of: PlaceLike = None,
    ) -> Call[Equation]:
        """How this agent's feelings go on by themselves and how somebody's move them, fitted to what it remembers.

        What the agent says, and what is remembered without a speaker, is how it feels; what the other says is how the
        other feels. An agent that never speaks is known by its mood. Nothing is kept: see ``keep_equation``.

        Args:
            other: towards whom, as a speaker is named; the agent alone if left out.
            names: what else the agent is called as a speaker.
            shape: "axes" (each for itself) or "coupled"; the better one when left out.
            as_of: at that place in history.

        Raises: InvalidValue for somebody who never speaks, and a history that is too short or never changes.
        """
        request = EquationRequest(self._here, _somebody(other), texts_of("name", names), shape)
        return self._ask("equation", request, _place(as_of))

    @operation
    def keep_equation(
        self, other: str | None = None, *, names: str | Iterable[str] = (), shape: Shape | None = None
    ) -> Call[Equation]:
        """Fit an equation to this branch and keep it, in the place of the one that was kept before.

        It becomes a memory of kind "equation", under ``Equation.id``: forks, merges, rolls back and is forgotten like
        any other. Raises: as ``equation``; AlreadyExists if another memory has that id.
        """
        request = EquationRequest(self._here, _somebody(other), texts_of("name", names), shape)
        return self._ask("keep_equation", request, self._directory.new_op())

    @operation
    def equations(self, as_of: PlaceLike = None) -> Call[list[Equation]]:
        """The equations that this branch keeps, that of the agent alone first."""
        return self._ask("equations", self._here, _place(as_of))

    @operation
    def equation_history(self, other: str | None = None, limit: int = 1000) -> Call[list[tuple[LogEntry, Equation]]]:
        """How a kept equation changed in the last ``limit`` events: each event after which it was another, and it."""
        return self._ask("equation_history", self._here, _somebody(other), positive("limit", limit))

    @operation
    def marginals(self, as_of: PlaceLike = None) -> Call[Mapping[str, tuple[Vector, Vector]]]:
        """The probability of pleasure, arousal and dominance: for each axis the grid's points and their weights."""
        return self._ask("marginals", self._here, _place(as_of))

    @operation
    def memories(self, as_of: PlaceLike = None) -> Call[list[Memory]]:
        """Every memory of the branch, in the order in which they were added."""
        return self._ask("memories", self._here, _place(as_of))

    @operation
    def page(self, begin: int, limit: int, *, as_of: PlaceLike = None) -> Call[tuple[list[Memory], int]]:
        """Some of these: ``limit`` at most from number ``begin`` on, counted from 0, and how many there are.

        It costs no more than it brings, however many there are. At a place that is said, pages stay as they are.
        """
        asked = whole("begin", begin, 0, math.inf), positive("limit", limit)
        return self._ask("page", self._here, *asked, _place(as_of))

    @operation
    def memory(self, memory: MemoryId, *, as_of: PlaceLike = None) -> Call[Memory]:
        """One memory of the branch, by its id. Raises: MemoryNotFound."""
        return self._ask("memory", self._here, visible("id", memory), _place(as_of))

    @operation
    def working(self, as_of: PlaceLike = None) -> Call[list[Memory]]:
        """What is before the inner eye: the latest memories, oldest first."""
        return self._ask("working", self._here, _place(as_of))

    @operation
    def skills(
        self, query: str | Vector | Sequence[float] | None = None, k: int = 10, *, as_of: PlaceLike = None
    ) -> Call[list[SkillHit]]:
        """The skills that fit a situation, best first, each with its score and why; without a query all, by name.

        They are found by what their name, occasion and steps mean, and by their words; what was learned before there
        were embeddings is found by its words. How often a skill went well counts a little.
        """
        asked = None if query is None else query_of(query)
        return self._ask("skills", self._here, asked, positive("k", k), _place(as_of))

    @operation
    def concepts(self, top: int = 20, *, as_of: PlaceLike = None) -> Call[list[tuple[Concept, float]]]:
        """What the agent's memories are about: concepts by quantum PageRank over its semantic graph."""
        return self._ask("concepts", self._here, positive("top", top), _place(as_of))

    @operation
    def graph(self, as_of: PlaceLike = None) -> Call[nx.Graph]:
        """The semantic graph as a networkx graph: memories and concepts, with weights."""
        return self._ask("graph", self._here, _place(as_of))

    @operation
    def relations(
        self, about: str | None = None, as_of: PlaceLike = None, *, at: datetime | None = None
    ) -> Call[list[Relation]]:
        """The relations that are known, or those with something of this name at either end.

        Args:
            about: the name, in any form.
            as_of: what was known at that place in history.
            at: those that held at this time, each with the time at which it ended, if it has.
        """
        asked = None if about is None else visible("about", about)
        return self._ask("relations", self._here, asked, _place(as_of), _time("at", at))

    @operation
    def knowledge(self, as_of: PlaceLike = None) -> Call[SemanticGraph]:
        """The semantic graph as a value of its own: to ask, to change without changing the agent, to write to a file.

        ``alice.knowledge().to_graphml()``, ``.to_node_link()`` and ``.to_cypher()`` read back to an equal graph.
        """
        return self._ask("knowledge", self._here, _place(as_of))

    @operation
    def neighbours(
        self, name: str, depth: int = 1, limit: int = 100, *, at: datetime | None = None, as_of: PlaceLike = None
    ) -> Call[list[Neighbour]]:
        """What is at most ``depth`` steps from something in the semantic graph, nearest first, and what binds it.

        There are at most ``limit``. With ``at`` only relations are followed: those that held at that time.
        """
        bounds = whole("depth", depth, 1, MAX_DEPTH), whole("limit", limit, 1, MAX_NEAR)
        return self._ask("neighbours", self._here, visible("name", name), bounds, _time("at", at), _place(as_of))

    @operation
    def paths(
        self,
        start: str,
        goal: str,
        limit: int = 5,
        *,
        longest: int = 4,
        at: datetime | None = None,
        as_of: PlaceLike = None,
    ) -> Call[list[Way]]:
        """The ways between two things in the semantic graph, shortest first, of at most ``longest`` steps.

        Of very many concepts not all are looked at: ways that are left out are no shorter than those told.
        With ``at`` only relations are followed: those that held at that time.
        """
        ends = visible("start", start), visible("goal", goal)
        bounds = whole("limit", limit, 1, MAX_WAYS), whole("longest", longest, 1, MAX_HOPS)
        return self._ask("paths", self._here, ends, bounds, _time("at", at), _place(as_of))

    @operation
    def communities(
        self, *, seed: int = 0, resolution: float = 1.0, as_of: PlaceLike = None
    ) -> Call[list[tuple[Concept, ...]]]:
        """What the agent knows of, in groups that hang together more among themselves than with others, largest first.

        The same graph and seed give the same groups; a greater resolution gives smaller ones.
        """
        drawn, fine = whole("seed", seed, 0, MAX_SEED), bounded("resolution", resolution, 0.0, math.inf)
        return self._ask("communities", self._here, drawn, fine, _place(as_of))

    @operation
    def state(self, as_of: PlaceLike = None) -> Call[AgentState]:
        """Everything of the agent at a place as one value; ``quantum_memory.memory.portable`` writes and reads it."""
        return self._ask("state", self._here, _place(as_of))

    # Its history

    @operation
    def checkpoint(self, message: str = "checkpoint") -> Call[Commit]:
        """Name the place where the branch stands, to come back to it."""
        return self._ask("checkpoint", self._here, visible("message", message), self._directory.new_op())

    @operation
    def fork(self, name: str, at: PlaceLike = None) -> Call[AgentHandle]:
        """A branch of this agent that begins here (or at a place) and can be merged back. Nothing is copied."""
        parent = outside("fork", self._branch)
        return self._ask("fork", parent, new_name("branch", name), _place(at), self._directory.new_op())

    @operation
    def clone(self, name: str, at: PlaceLike = None) -> Call[AgentHandle]:
        """An agent of its own that shares this one's past. Nothing is copied."""
        parent = outside("clone", self._branch)
        return self._ask("clone", parent, no_step("agent", agent_named(name)), _place(at), self._directory.new_op())

    @operation
    def rollback(self, to: PlaceLike, parts: Iterable[Part] | None = None) -> Call[Place]:
        """Be again as at an earlier place, whole or in some parts. Roll back to before to undo it.

        Args:
            to: a place in this branch's own past; it has to be said.
            parts: any of "memories", "graph", "mood", "working", "skills"; all when left out.

        Returns: the place where the branch stands now.
        """
        if to is None:
            raise InvalidValue("to", "None", "a place in this branch's past")
        asked = PARTS if parts is None else texts_of("part", parts)
        unknown = [part for part in asked if part not in PARTS]
        if unknown or not asked:
            raise InvalidValue("parts", repr(unknown or parts), f"some of {', '.join(PARTS)}")
        wanted = tuple(part for part in PARTS if part in asked)
        return self._ask("rollback", self._here, _place(to), wanted, self._directory.new_op())

    @operation
    def merge(
        self,
        other: AgentHandle,
        *,
        at: PlaceLike = None,
        policy: MergePolicyLike = None,
        mood_weight: float = 0.5,
        only: MemoryId | Iterable[MemoryId] | None = None,
        matching: str | Vector | None = None,
        k: int = 20,
    ) -> Call[MergeReport]:
        """Take over what another branch has learned since both were one. Merging again finds nothing new.

        What only one side changed is as that side has it, also what it forgot. What both changed differently is in the
        report, whoever wins.

        Args:
            other: the branch to take from; it is not changed.
            at: take from an earlier place of it.
            policy: who wins where both changed the same field: "union", "ours", "theirs", "newest", a function of the
                conflict, or a mapping from a part ("memories", "skills", "graph", "mood") or a field ("memories.tags")
                to one of these. When left out ours is kept, of an edit and a deletion the later one, and moods
                superpose: see ``MergePolicy``. A function answers "ours", "theirs" or a value; it runs while this
                branch waits, so it must not write to it.
            mood_weight: the share of the other's mood in the superposition, in [0, 1]. With 0, and where the policy
                keeps ours, this mood stays as it is and what was felt there is offered again another time.
            only: these memories and nothing else; a later merge still offers all the rest.
            matching: what recall on the other branch finds for this, and nothing else.
            k: how many of these.

        Raises: MemoryNotFound for an id in ``only`` that the other branch has not; InvalidValue("policy", ...) if a
            function fails or gives what its field cannot hold. Nothing is changed then.
        """
        if not isinstance(other, AgentHandle):
            raise InvalidValue("other", type(other).__name__, "an AgentHandle")
        request = MergeRequest(
            self._here,
            outside("merge", other._branch),
            _place(at),
            MergePolicy.of(policy),
            bounded("mood_weight", mood_weight, 0.0, 1.0),
            self._directory.new_op(),
            None if only is None else texts_of("id", only),
            None if matching is None else query_of(matching),
            positive("k", k),
        )
        return self._ask("merge", request)

    @operation
    def log(self, limit: int = 50, *, as_of: PlaceLike = None, about: MemoryId | None = None) -> Call[list[LogEntry]]:
        """The last events, up to a place, of the branch and of those it came from, newest first.

        Args:
            limit: how many at most.
            as_of: only those up to that place in history.
            about: only those that brought, rewrote, used or forgot this memory, and rollbacks of memories, which may
                have taken it back.
        """
        of = None if about is None else visible("id", about)
        return self._ask("log", self._here, positive("limit", limit), _place(as_of), of)

    @operation
    def diff(self, left: PlaceLike, right: PlaceLike = None) -> Call[Diff]:
        """What one place has and another has not, or otherwise; ``right`` is where this branch stands when left out."""
        return self._ask("diff", self._here, _place(left), _place(right))

    @operation
    def branches(self) -> Call[list[AgentHandle]]:
        """Every branch of this agent, oldest first."""
        return self._ask("branches", self._branch, self._directory.session)

    @operation
    def commits(self) -> Call[list[Commit]]:
        """Every checkpoint of this agent, oldest first, with what was so there: see ``Commit``."""
        return self._ask("commits", self._here)

    @operation
    def tag(self, name: str, at: PlaceLike = None, *, move: bool = False) -> Call[Tag]:
        """Give the place where the branch stands, or another, a name that any branch of the agent can use.

        Args:
            name: of the tag; where a place is wanted it may be given like a commit's message.
            at: the place; where this branch stands when left out.
            move: take the name away from the place that has it now.

        Raises: AlreadyExists if another place has the name and ``move`` is false.
        """
        op_id = self._tag_op()
        return self._ask("tag", self._here, new_name("tag", name), _place(at), bool(move), op_id)

    @operation
    def untag(self, name: str) -> Call[None]:
        """Take a tag away. Harmless if there is none of this name."""
        return self._ask("untag", self._here, named("tag", name), self._tag_op())

    @operation
    def tags(self) -> Call[list[Tag]]:
        """Every tag of this agent, by name."""
        return self._ask("tags", self._here)

    @operation
    def delete(self) -> Call[None]:
        """Delete this branch: nobody sees it any more, and this handle is of no use. Its children live on.

        What tags and children need of it is kept; the rest can be had back for ``vault.grace_s``. Raises: InvalidValue
        for an agent's first branch.
        """
        return self._ask("delete", outside("delete", self._branch), self._directory.new_op())

    @operation
    def tree(self) -> Call[Tree]:
        """How this agent's branches hang together: forks, merges, tags and checkpoints, to be drawn."""
        return self._ask("tree", self._branch)

    @operation
    def audit(self, limit: int = 100, *, before: int | None = None) -> Call[list[AuditEntry]]:
        """Who changed what of this agent, on all its branches, and when: newest first.

        With ``before`` only entries of a smaller position: that of the last one of the page before this.
        """
        last = None if before is None else whole("before", before, 0, math.inf)
        return self._ask("audit", self._branch, positive("limit", limit), last)

    def transaction(self) -> Transaction:
        """A block in which everything that is done to this branch happens together or not at all.

        ``with alice.transaction():`` or ``async with alice.transaction():``; see ``Transaction``.

        Raises, on leaving: TransactionConflict if others wrote to the branch in the meantime; nothing is kept then.
        """
        return Transaction(outside("transaction", self._branch), self._directory)

    def _tag_op(self) -> str:
        """An operation's id; a transaction that is open here is told, because tags are put when it is kept."""
        op_id, transaction = self._directory.new_op(), open_on(self._branch)
        if transaction is not None:
            transaction.tags_later(op_id)
        return op_id


def _place(where: PlaceLike) -> Where:
    return Tip(standing(where.info).id) if isinstance(where, AgentHandle) else place_of(where)


def _somebody(other: str | None) -> str | None:
    return None if other is None else within("other", visible("other", other), MAX_OTHER_CHARS)


def _time(name: str, at: datetime | None) -> datetime | None:
    return None if at is None else utc(name, at)
