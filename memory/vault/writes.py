"""What a vault can be asked to write, as values that check themselves, and what it answers. Writes nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from quantum_memory.checks import bounded, named, new_name, plain, visible, whole, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Entry, Event
from quantum_memory.memory.vault.admission import Admission
from quantum_memory.memory.vault.codec import Recorded
from quantum_memory.memory.vault.fields import identifier, sequence, storable
from quantum_memory.types import AgentName, Branch, BranchId, Commit, CommitId, Place, Tag

MAX_MESSAGE_CHARS = 4096
MAX_MEMBERS = 10_000
"""Members of a pool."""
MAX_PATIENCE_S = 86_400.0
ROOT_BRANCH = "main"
DERIVED = "door-"
"""How the ids of sessions begin that are made from who somebody is alone. Everybody can make them, so what an archive
says of them is not believed.
"""
AUTOMATIC = "auto:"
"""How the operation id of a checkpoint begins that nobody asked for; the id of what it was made beside follows."""


class Holder(NamedTuple):
    """Who writes: an orchestrator's number, which of its processes that is, and since which epoch it has the lineage.

    Epoch 0 takes the lineage up with the write that it comes with. A write that names no holder is nobody's to fence.
    """

    member: int
    incarnation: int
    epoch: int = 0

    def __str__(self) -> str:
        return f"orchestrator {self.member}, process {self.incarnation}" + (f", epoch {self.epoch}" * bool(self.epoch))


@dataclass(frozen=True, slots=True)
class CreateAgent:
    """Make an agent and its root branch, or find the one of this name. Its own retry is safe by its name.

    ``op_id`` is for the audit alone: it tells who made the agent.
    """

    name: AgentName
    branch_id: BranchId
    op_id: str | None = None

    def __post_init__(self) -> None:
        new_name("agent", self.name)
        identifier("branch_id", self.branch_id)
        if self.op_id is not None:
            identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class CreateBranch:
    """Make a branch that starts at ``parent``.

    A fork belongs to the parent's agent, or to a clone that has ``parent`` in its inherited past. A clone makes
    ``agent`` too, and is its root branch.
    """

    id: BranchId
    agent: AgentName
    name: str
    kind: Literal["fork", "clone", "transaction"]
    parent: Place
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        identifier("id", self.id)
        (new_name if self.kind == "clone" else named)("agent", self.agent)
        new_name("branch", self.name)
        if self.kind not in ("fork", "clone", "transaction"):
            raise InvalidValue("kind", repr(self.kind), "'fork', 'clone' or 'transaction'")
        sequence("parent.seq", self.parent.seq)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class Append:
    """Write an event after the event number ``expected``, which must be the branch's last.

    Who has the record of the event already gives that instead.
    """

    branch: BranchId
    expected: int
    event: Event | Recorded
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        sequence("expected", self.expected)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class CreateCommit:
    """Name a place in a branch's journal."""

    branch: BranchId
    seq: int
    message: str
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        sequence("seq", self.seq)
        storable("message", within("message", visible("message", self.message), MAX_MESSAGE_CHARS))
        identifier("op_id", self.op_id)
        if self.op_id.startswith(AUTOMATIC):
            raise InvalidValue("op_id", repr(self.op_id), f"one that does not begin with {AUTOMATIC!r}")


@dataclass(frozen=True, slots=True)
class CommitTransaction:
    """Move what a transaction branch holds to its parent, all of it, and delete that branch.

    The parent must stand where the transaction began. Places on the transaction branch become places on the parent:
    their numbers are the same. ``tags`` are put and dropped with it, in this order and as if they were writes of their
    own; if one is refused, so is the whole.
    """

    branch: BranchId
    op_id: str
    tags: tuple[PutTag | DropTag, ...] = ()
    by: Holder | None = None

    def __post_init__(self) -> None:
        identifier("branch", self.branch)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class DeleteBranch:
    """Nobody is to see this branch any more; its children live on. A root cannot be deleted."""

    branch: BranchId
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        identifier("branch", self.branch)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class PutTag:
    """Give a place of an agent's history a name, or move the name if ``move`` says so."""

    agent: AgentName
    name: str
    place: Place
    move: bool
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        named("agent", self.agent)
        new_name("tag", self.name)
        sequence("place.seq", self.place.seq)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class DropTag:
    """Take a tag away. Harmless if there is none of this name."""

    agent: AgentName
    name: str
    op_id: str
    by: Holder | None = None

    def __post_init__(self) -> None:
        named("agent", self.agent)
        named("tag", self.name)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Who is behind operations whose ids begin with ``id`` and a dot. ``who`` is for people: a user, a program."""

    id: str
    who: str

    def __post_init__(self) -> None:
        identifier("id", self.id)
        if "." in self.id:
            raise InvalidValue("id", repr(self.id), "a session id without a dot")
        storable("who", within("who", visible("who", self.who), MAX_MESSAGE_CHARS))


@dataclass(frozen=True, slots=True)
class Annotate:
    """What was so at a commit (mood, fidelity, sizes), as plain values. Written after it; a repeat replaces it."""

    commit: CommitId
    context: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "context", plain("context", self.context))


@dataclass(frozen=True, slots=True)
class Enlist:
    """A process is orchestrator ``number`` from now on, and whichever was it before writes no more.

    ``process`` is unlike any other process's: a repeat has its first outcome.
    """

    number: int
    process: str

    def __post_init__(self) -> None:
        sequence("number", self.number)
        identifier("process", self.process)


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody is about to change the size of a pool, and makes members first: nobody else may change one meanwhile.

    Args:
        version: of the sizes that he saw; they must not have changed since.
        patience_s: for so long it is his, unless he says the same again or ``Settle`` says that he is done.
        op_id: by which a ``Resize`` and a ``Settle`` say that they are his.
    """

    pool: str
    version: int
    patience_s: float
    op_id: str

    def __post_init__(self) -> None:
        named("pool", self.pool)
        sequence("version", self.version)
        bounded("patience_s", self.patience_s, 0.0, MAX_PATIENCE_S)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class Resize:
    """A pool is to have another size from now on.

    Args:
        version: of the sizes that this follows; they must not have changed since.
        patience_s: for so long nobody else may change a size, unless ``Settle`` says that it is done.
        claim: what it was claimed under; refused if that has lapsed and somebody else claimed after it.
    """

    pool: str
    size: int
    version: int
    patience_s: float
    op_id: str
    claim: str = ""

    def __post_init__(self) -> None:
        named("pool", self.pool)
        whole("size", self.size, 1, MAX_MEMBERS)
        sequence("version", self.version)
        bounded("patience_s", self.patience_s, 0.0, MAX_PATIENCE_S)
        identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class Settle:
    """The change of size that made this version is done, or one that was claimed and made none is given up.

    Harmless if another one has begun since.
    """

    version: int
    claim: str = ""

    def __post_init__(self) -> None:
        sequence("version", self.version)


Write = (
    CreateAgent
    | CreateBranch
    | Append
    | CreateCommit
    | CommitTransaction
    | DeleteBranch
    | PutTag
    | DropTag
    | OpenSession
    | Annotate
    | Enlist
    | Claim
    | Resize
    | Settle
    | Admission
)

Owned = CreateBranch | Append | CreateCommit | CommitTransaction | DeleteBranch | PutTag | DropTag
"""Writes that only whoever holds their lineage may do."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write.

    Attributes:
        place: where the event went, where the branch starts, or what the commit names.
        at: when it was written.
        repeated: it had been done before, and this is the first outcome; nothing was written now.
        branch: what a CreateAgent or CreateBranch made or found.
        commit: what a CreateCommit made or found, or the automatic checkpoint that was made beside an Append.
        entries: what a CommitTransaction moved, in order, at their new places.
        tag: what a PutTag made or found.
        epoch: since which the holder has the lineage; of an Enlist the incarnation, of a Claim or a Resize the version.
    """

    place: Place
    at: datetime
    repeated: bool = False
    branch: Branch | None = None
    commit: Commit | None = None
    entries: tuple[Entry, ...] = ()
    tag: Tag | None = None
    epoch: int | None = None
