"""What a vault can be asked to write, as values that check themselves, and what it answers. Writes nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from quantum_memory.checks import MAX_ID_CHARS, named, visible, within
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.events import Event
from quantum_memory.types import AgentName, Branch, BranchId, Commit, Place

MAX_MESSAGE_CHARS = 4096
ROOT_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class CreateAgent:
    """Make an agent and its root branch, or find the one of this name. Its own retry is safe by its name."""

    name: AgentName
    branch_id: BranchId

    def __post_init__(self) -> None:
        named("agent", self.name)
        _identifier("branch_id", self.branch_id)


@dataclass(frozen=True, slots=True)
class CreateBranch:
    """Make a branch that starts at ``parent``.

    A fork belongs to the parent's agent, or to a clone that has ``parent`` in its inherited past. A clone makes
    ``agent`` too, and is its root branch.
    """

    id: BranchId
    agent: AgentName
    name: str
    kind: Literal["fork", "clone"]
    parent: Place
    op_id: str

    def __post_init__(self) -> None:
        _identifier("id", self.id)
        named("agent", self.agent)
        named("branch", self.name)
        if self.kind not in ("fork", "clone"):
            raise InvalidValue("kind", repr(self.kind), "'fork' or 'clone'")
        _sequence("parent.seq", self.parent.seq)
        _identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class Append:
    """Write an event after the event number ``expected``, which must be the branch's last."""

    branch: BranchId
    expected: int
    event: Event
    op_id: str

    def __post_init__(self) -> None:
        _sequence("expected", self.expected)
        _identifier("op_id", self.op_id)


@dataclass(frozen=True, slots=True)
class CreateCommit:
    """Name a place in a branch's journal."""

    branch: BranchId
    seq: int
    message: str
    op_id: str

    def __post_init__(self) -> None:
        _sequence("seq", self.seq)
        _storable("message", within("message", visible("message", self.message), MAX_MESSAGE_CHARS))
        _identifier("op_id", self.op_id)


Write = CreateAgent | CreateBranch | Append | CreateCommit


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write.

    Attributes:
        place: where the event went, where the branch starts, or what the commit names.
        at: when it was written.
        repeated: it had been done before, and this is the first outcome; nothing was written now.
        branch: what a CreateAgent or CreateBranch made or found.
        commit: what a CreateCommit made or found.
    """

    place: Place
    at: datetime
    repeated: bool = False
    branch: Branch | None = None
    commit: Commit | None = None


def _identifier(name: str, value: str) -> None:
    _storable(name, within(name, visible(name, value), MAX_ID_CHARS))


def _storable(name: str, value: str) -> None:
    if "\x00" in value:
        raise InvalidValue(name, repr(value), "text without NUL, which PostgreSQL cannot hold")


def _sequence(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise InvalidValue(name, repr(value), "a whole number from 0 to 2^63 - 1")
