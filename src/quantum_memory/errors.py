"""Every error this package raises, as one tree grouped by what a handler would do.

    QuantumMemoryError
    ├── InvalidInput    (also ValueError)    fix the arguments
    ├── NotFound        (also LookupError)   ask for something else
    ├── Conflict                             reload and retry, or decide
    ├── Denied                               say who you are, or ask for permission
    ├── Unavailable                          wait and retry, or install what is missing
    ├── StorageFailure                       stop; a person must look
    ├── InternalError                        a bug: the log tells of it
    └── SomeFailed                           look at what each of many agents came to

Errors cross Ray by pickle, which replays ``args``: every constructor takes positional arguments, hands all of
them to ``super().__init__`` and builds its message in ``__str__``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Shape = tuple[int | str, ...]


class QuantumMemoryError(Exception):
    """The root: ``except QuantumMemoryError`` catches whatever this package raises on purpose."""


class InvalidInput(QuantumMemoryError, ValueError):
    """The arguments are wrong. Raised before anything is changed."""


class NotFound(QuantumMemoryError, LookupError):
    """What was asked for does not exist."""


class Conflict(QuantumMemoryError):
    """Somebody else was there first, or two wishes exclude each other."""


class Denied(QuantumMemoryError):
    """Whoever asks may not: nobody knows who it is, or what he is allowed does not reach so far."""


class Unavailable(QuantumMemoryError):
    """Not now: a part is away, late or not installed."""


class StorageFailure(QuantumMemoryError):
    """What is on disk cannot be read or written as it should be."""


class InternalError(QuantumMemoryError):
    """A question met a fault that nobody foresaw. Those that were asked together with it are answered."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what}: a fault that nobody foresaw, and the log tells where: {self.reason}"


class SomeFailed(QuantumMemoryError):
    """A call over many agents failed for some of them. What the others came to is here; what they wrote is kept.

    Attributes:
        what: the operation.
        done: what the call would have given, for those for whom it worked.
        failed: the error of each of the others.
        op: of a write: the same call for those that failed, with this ``op``, is safe also where nobody knows whether
            it was done (Unavailable): nothing is done twice.
    """

    def __init__(
        self, what: str, done: Mapping[Any, Any], failed: Mapping[Any, QuantumMemoryError], op: str | None = None
    ) -> None:
        super().__init__(what, done, failed, op)
        self.what, self.done, self.failed, self.op = what, done, failed, op

    def __str__(self) -> str:
        first = next((f"; {key!r}: {error}" for key, error in self.failed.items()), "")
        return f"{self.what}: {len(self.failed)} of {len(self.failed) + len(self.done)} agents failed{first}"


class EmptyText(InvalidInput):
    """A text has nothing but white space in it."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(field, value)
        self.field, self.value = field, value

    def __str__(self) -> str:
        return f"{self.field}: expected at least 1 visible character, got {self.value!r}"


class TooLong(InvalidInput):
    """A text or a batch is over its limit."""

    def __init__(self, field: str, length: int, limit: int, unit: str) -> None:
        super().__init__(field, length, limit, unit)
        self.field, self.length, self.limit, self.unit = field, length, limit, unit

    def __str__(self) -> str:
        return f"{self.field}: {self.length} {self.unit}, the limit is {self.limit}"


class ShapeMismatch(InvalidInput):
    """An array has the wrong shape."""

    def __init__(self, name: str, want: Shape, got: Shape) -> None:
        super().__init__(name, want, got)
        self.name, self.want, self.got = name, want, got

    def __str__(self) -> str:
        return f"{self.name}: expected shape {self.want}, got {self.got}"


class NotFinite(InvalidInput):
    """A number is NaN or infinite, or a vector holds such a number or has length zero."""

    def __init__(self, name: str, value: float, where: str = "") -> None:
        super().__init__(name, value, where)
        self.name, self.value, self.where = name, value, where

    def __str__(self) -> str:
        place = f" at {self.where}" if self.where else ""
        return f"{self.name}: expected a finite number{place}, got {self.value}"


class OutOfRange(InvalidInput):
    """A number lies outside its bounds."""

    def __init__(self, name: str, value: float, low: float, high: float) -> None:
        super().__init__(name, value, low, high)
        self.name, self.value, self.low, self.high = name, value, low, high

    def __str__(self) -> str:
        return f"{self.name}: {self.value} is outside [{self.low}, {self.high}]"


class InvalidValue(InvalidInput):
    """A value is of the wrong kind or form; ``want`` says what was expected."""

    def __init__(self, name: str, value: str, want: str) -> None:
        super().__init__(name, value, want)
        self.name, self.value, self.want = name, value, want

    def __str__(self) -> str:
        return f"{self.name}: expected {self.want}, got {self.value}"


class ZeroMass(InvalidInput, ZeroDivisionError):
    """Weights over nodes add up to zero; networkx raises ZeroDivisionError for the same mistake."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name}: expected a positive sum, got 0"


class UnknownLabels(InvalidInput):
    """A model has labels of which nobody knows what feeling they name; ``told`` is where that can be said."""

    def __init__(self, model: str, labels: Sequence[str], told: str) -> None:
        super().__init__(model, tuple(labels), told)
        self.model, self.labels, self.told = model, tuple(labels), told

    def __str__(self) -> str:
        named = ", ".join(repr(label) for label in self.labels)
        return (
            f"{self.model}: no feeling is known for the labels {named}; say for each which named emotion or which "
            f"[pleasure, arousal, dominance] it is, in {self.told}"
        )


class InvalidSettings(InvalidInput):
    """A settings file holds an unknown key or a bad value; ``problems`` names each by its dotted path."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        super().__init__(source, tuple(problems))
        self.source, self.problems = source, tuple(problems)

    def __str__(self) -> str:
        return f"{self.source}: " + "; ".join(self.problems)


class UnreadableLine(InvalidInput):
    """A line of a file that is to be imported cannot be read."""

    def __init__(self, source: str, line: int, reason: str) -> None:
        super().__init__(source, line, reason)
        self.source, self.line, self.reason = source, line, reason

    def __str__(self) -> str:
        return f"{self.source}, line {self.line}: {self.reason}"


class UnreadableEntry(InvalidInput):
    """An entry of a document that is to be imported cannot be read; ``place`` says which, as in ``messages[17]``."""

    def __init__(self, source: str, place: str, reason: str) -> None:
        super().__init__(source, place, reason)
        self.source, self.place, self.reason = source, place, reason

    def __str__(self) -> str:
        return f"{self.source}, {self.place}: {self.reason}"


class UnreadableFile(InvalidInput):
    """A file that is to be imported is not in the form that was asked for, or ends in the middle."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source, reason)
        self.source, self.reason = source, reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


class UnsafeArchive(InvalidInput):
    """An archive or a folder holds something built to do harm, or too much. Nothing of it was read."""

    def __init__(self, source: str, member: str, reason: str) -> None:
        super().__init__(source, member, reason)
        self.source, self.member, self.reason = source, member, reason

    def __str__(self) -> str:
        return f"{self.source}: {self.member!r} {self.reason}"


class AgentNotFound(NotFound):
    """No agent has this name."""

    def __init__(self, agent: str) -> None:
        super().__init__(agent)
        self.agent = agent

    def __str__(self) -> str:
        return f"no agent is named {self.agent!r}"


class PlaceNotFound(NotFound):
    """No commit, branch or sequence number answers to this name in the agent's history."""

    def __init__(self, agent: str, place: str) -> None:
        super().__init__(agent, place)
        self.agent, self.place = agent, place

    def __str__(self) -> str:
        return f"{self.place!r} names no commit, branch or place in the history of {self.agent!r}"


class BranchDeleted(PlaceNotFound):
    """A branch that was deleted takes no more writes. What came of it, and its past, can be read."""

    def __str__(self) -> str:
        return f"the branch {self.place!r} of {self.agent!r} was deleted"


class MemoryNotFound(NotFound):
    """No memory has this id on the branch, or it was forgotten there."""

    def __init__(self, memory: str) -> None:
        super().__init__(memory)
        self.memory = memory

    def __str__(self) -> str:
        return f"no memory has the id {self.memory!r} on this branch"


class SkillNotFound(NotFound):
    """No skill has this name on the branch."""

    def __init__(self, skill: str) -> None:
        super().__init__(skill)
        self.skill = skill

    def __str__(self) -> str:
        return f"no skill is named {self.skill!r} on this branch"


class EntryNotFound(NotFound):
    """No rule, document or reference of this id is on a shelf that may be read."""

    def __init__(self, project: str, entry: str) -> None:
        super().__init__(project, entry)
        self.project, self.entry = project, entry

    def __str__(self) -> str:
        return f"no entry of the project {self.project!r} has the id {self.entry!r}"


class KeyNotFound(NotFound):
    """No API key has this id, as far as whoever asks can see."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"no API key has the id {self.key!r}"


class BlockMissing(NotFound):
    """No block has this name in the store."""

    def __init__(self, store: str, block: str) -> None:
        super().__init__(store, block)
        self.store, self.block = store, block

    def __str__(self) -> str:
        return f"{self.store}: it has no block {self.block}"


class RelationNotFound(NotFound):
    """No relation between these holds on the branch."""

    def __init__(self, subject: str, predicate: str, object: str) -> None:  # noqa: A002 - the word of the domain
        super().__init__(subject, predicate, object)
        self.subject, self.predicate, self.object = subject, predicate, object

    def __str__(self) -> str:
        return f"no relation {self.subject!r} {self.predicate!r} {self.object!r} holds on this branch"


class BackupNotFound(NotFound):
    """No backup reaches what is asked for."""

    def __init__(self, where: str, wanted: str) -> None:
        super().__init__(where, wanted)
        self.where, self.wanted = where, wanted

    def __str__(self) -> str:
        return f"no backup in {self.where} reaches {self.wanted}"


class AlreadyExists(Conflict):
    """The name or id is taken by something else."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} exists already and is not the same"


class VersionConflict(Conflict):
    """An entry of the library is no longer of the version that somebody wants to change: somebody else changed it."""

    def __init__(self, entry: str, expected: int, version: int) -> None:
        super().__init__(entry, expected, version)
        self.entry, self.expected, self.version = entry, expected, version

    def __str__(self) -> str:
        return f"the entry {self.entry!r} is of version {self.version}, not of version {self.expected}"


class IndexSealed(Conflict):
    """Somebody would change a dense index that is finished; another one has to be built."""

    def __init__(self, index: str, operation: str) -> None:
        super().__init__(index, operation)
        self.index, self.operation = index, operation

    def __str__(self) -> str:
        return f"{self.index}: {self.operation} is refused, a sealed index never changes"


class StaleWriter(Conflict):
    """Another writer moved the branch on in between: reload its head and try again."""

    def __init__(self, branch: str, expected: int, head: int) -> None:
        super().__init__(branch, expected, head)
        self.branch, self.expected, self.head = branch, expected, head

    def __str__(self) -> str:
        return f"branch {self.branch}: expected its head at {self.expected}, found it at {self.head}"


class Fenced(Conflict):
    """A late writer: another process has the lineage now, and nothing of this write was kept. Route anew and retry.

    Orchestrators do that by themselves; a caller sees it only where sizes of pools change faster than they can follow.
    """

    def __init__(self, lineage: str, writer: str, owner: str) -> None:
        super().__init__(lineage, writer, owner)
        self.lineage, self.writer, self.owner = lineage, writer, owner

    def __str__(self) -> str:
        return f"lineage {self.lineage}: {self.writer} writes it no more, {self.owner} does"


class PoolsChanged(Conflict):
    """Somebody else changed the size of a pool, or is at it. Look at the sizes and decide again."""

    def __init__(self, pool: str, reason: str) -> None:
        super().__init__(pool, reason)
        self.pool, self.reason = pool, reason

    def __str__(self) -> str:
        return f"the pool {self.pool!r} was not resized: {self.reason}"


class TransactionConflict(Conflict):
    """Somebody else wrote to the branch while a transaction was open. Nothing of it was kept: run it again."""

    def __init__(self, agent: str, branch: str, began: int, head: int) -> None:
        super().__init__(agent, branch, began, head)
        self.agent, self.branch, self.began, self.head = agent, branch, began, head

    def __str__(self) -> str:
        return (
            f"{self.agent}@{self.branch}: the transaction began after event {self.began}, "
            f"the branch is at {self.head} now; nothing of it was kept"
        )


class TransactionOpen(Conflict):
    """Not while a transaction on this branch is open here: the operation could not be taken back with it."""

    def __init__(self, operation: str, agent: str, branch: str) -> None:
        super().__init__(operation, agent, branch)
        self.operation, self.agent, self.branch = operation, agent, branch

    def __str__(self) -> str:
        return f"{self.operation}: not while a transaction on {self.agent}@{self.branch} is open here"


class TransactionOver(Conflict):
    """What belongs to a transaction was asked for when the transaction had ended, or its pending tags were lost."""

    def __init__(self, agent: str, branch: str, reason: str) -> None:
        super().__init__(agent, branch, reason)
        self.agent, self.branch, self.reason = agent, branch, reason

    def __str__(self) -> str:
        return f"the transaction on {self.agent}@{self.branch}: {self.reason}"


class SettingsDiffer(Conflict):
    """A running cluster was started with other settings than those asked for now."""

    def __init__(self, name: str, running: str, asked: str) -> None:
        super().__init__(name, running, asked)
        self.name, self.running, self.asked = name, running, asked

    def __str__(self) -> str:
        return f"{self.name}: the running cluster has {self.running}, asked for {self.asked}"


class OtherEmbedding(Conflict):
    """The memories of a vault were embedded by another model, or with another dimension, than the one asked for."""

    def __init__(self, storage: str, found: str, asked: str) -> None:
        super().__init__(storage, found, asked)
        self.storage, self.found, self.asked = storage, found, asked

    def __str__(self) -> str:
        return f"{self.storage}: its memories were embedded by {self.found}, asked for {self.asked}"


class KeyReused(Conflict):
    """An idempotency key was sent again with another request. Nothing of this one was done."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"the idempotency key {self.key!r} was used for another request before"


class KeysNotKept(InvalidInput):
    """An idempotency key was sent to a door that keeps none: the request may be sent without it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"the idempotency key {self.key!r} cannot be kept here: send the request without one"


class Unauthenticated(Denied):
    """Nobody knows who asks: no credential came, or one that is not valid (any more). It never says which part."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Forbidden(Denied):
    """It is known who asks, and he may not do this."""

    def __init__(self, action: str, reason: str) -> None:
        super().__init__(action, reason)
        self.action, self.reason = action, reason

    def __str__(self) -> str:
        return f"{self.action}: {self.reason}"


_HAD = {
    "streams": "the number of open streams",
    "requests": "the share of requests under way",
    "moods": "the number of agents whose moods are watched",
}
"""What a caller has as much of as he may, by the scope of ``RateLimited``."""


class RateLimited(Unavailable):
    """More was asked for than the caller's rate allows. Nothing of it was done.

    Attributes:
        scope: whose rate it is: "key", "connection", "global", or "address" of callers whom nobody knows; or of what
            the caller has as much as he may: "streams", "requests" under way, "moods" that are watched.
        retry_after_s: in how many seconds it may be asked again.
    """

    def __init__(self, scope: str, retry_after_s: float) -> None:
        super().__init__(scope, retry_after_s)
        self.scope, self.retry_after_s = scope, retry_after_s

    def __str__(self) -> str:
        what = _HAD.get(self.scope, f"the rate of this {self.scope}")
        return f"over {what}; ask again in {self.retry_after_s:.2g} s"


class DeadlineExceeded(Unavailable):
    """An answer did not come in time."""

    def __init__(self, operation: str, deadline_s: float) -> None:
        super().__init__(operation, deadline_s)
        self.operation, self.deadline_s = operation, deadline_s

    def __str__(self) -> str:
        return f"{self.operation}: no answer within {self.deadline_s:g} s"


class Busy(Unavailable):
    """So many calls wait already that one more was refused. Nothing of it was done: it may be made again.

    Attributes:
        pool: whose calls wait.
        pending: how many.
        retry_after_s: in how many seconds they will be answered, as far as can be told.
    """

    def __init__(self, pool: str, pending: int, retry_after_s: float) -> None:
        super().__init__(pool, pending, retry_after_s)
        self.pool, self.pending, self.retry_after_s = pool, pending, retry_after_s

    def __str__(self) -> str:
        return f"{self.pool}: {self.pending} calls wait already; try again in {self.retry_after_s:.2g} s"


class ActorUnavailable(Unavailable):
    """A Ray actor is gone, and Ray could not bring it back."""

    def __init__(self, actor: str, reason: str) -> None:
        super().__init__(actor, reason)
        self.actor, self.reason = actor, reason

    def __str__(self) -> str:
        return f"{self.actor}: {self.reason}"


class NoRoom(Unavailable):
    """No node of the cluster has room for an actor or a placement group, at least not in time."""

    def __init__(self, what: str, wanted: str, waited_s: float) -> None:
        super().__init__(what, wanted, waited_s)
        self.what, self.wanted, self.waited_s = what, wanted, waited_s

    def __str__(self) -> str:
        return f"{self.what}: no node had room for {self.wanted} within {self.waited_s:g} s"


class MissingDependency(Unavailable):
    """An optional package is not installed; ``install`` is the command that brings it."""

    def __init__(self, package: str, feature: str, install: str) -> None:
        super().__init__(package, feature, install)
        self.package, self.feature, self.install = package, feature, install

    def __str__(self) -> str:
        return f"{self.feature} needs {self.package}, which is not installed: {self.install}"


class MissingModel(Unavailable):
    """A model is not where it was looked for; ``advice`` says how it gets there."""

    def __init__(self, model: str, reason: str, advice: str) -> None:
        super().__init__(model, reason, advice)
        self.model, self.reason, self.advice = model, reason, advice

    def __str__(self) -> str:
        return f"the model {self.model!r} is not here: {self.reason}; {self.advice}"


class NoDevice(Unavailable):
    """A package that computes on GPUs is installed, and it finds none that it can use."""

    def __init__(self, package: str, advice: str = "ask for the backend 'numpy' or 'auto'") -> None:
        super().__init__(package, advice)
        self.package, self.advice = package, advice

    def __str__(self) -> str:
        return f"{self.package} is installed and finds no usable GPU: {self.advice}"


class BackendClosed(Unavailable):
    """A backend, or the library handle of one, was used after it had been closed."""

    def __init__(self, backend: str) -> None:
        super().__init__(backend)
        self.backend = backend

    def __str__(self) -> str:
        return f"the backend {self.backend!r} is closed: open another"


class DeviceMemoryExceeded(Unavailable):
    """A computation needed more device memory than its limit leaves. A smaller bond or batch needs less."""

    def __init__(self, backend: str, limit_bytes: int, reason: str) -> None:
        super().__init__(backend, limit_bytes, reason)
        self.backend, self.limit_bytes, self.reason = backend, limit_bytes, reason

    def __str__(self) -> str:
        limit = f"the limit of {self.limit_bytes} bytes" if self.limit_bytes else "the memory of the device"
        return f"{self.backend}: over {limit}, lower the bond or the batch: {self.reason}"


class EndpointFailed(Unavailable):
    """An extraction endpoint gave no answer, or none that can be used. Nothing was extracted."""

    def __init__(self, url: str, reason: str, tries: int) -> None:
        super().__init__(url, reason, tries)
        self.url, self.reason, self.tries = url, reason, tries

    def __str__(self) -> str:
        return f"{self.url}: {self.reason} (after {self.tries} {'try' if self.tries == 1 else 'tries'})"


class VaultUnavailable(Unavailable):
    """The vault is closed, or its database cannot be reached now."""

    def __init__(self, storage: str, reason: str) -> None:
        super().__init__(storage, reason)
        self.storage, self.reason = storage, reason

    def __str__(self) -> str:
        return f"{self.storage}: {self.reason}"


class StorageLocked(StorageFailure):
    """Another process holds this vault open."""

    def __init__(self, storage: str) -> None:
        super().__init__(storage)
        self.storage = storage

    def __str__(self) -> str:
        return f"{self.storage} is held open by another vault"


class CorruptRecord(StorageFailure):
    """A record on disk does not decode to what was written."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what, self.reason = what, reason

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class Quarantined(StorageFailure):
    """A stretch of history is in a block that was found damaged and put aside; the rest can be read."""

    def __init__(self, what: str, block: str) -> None:
        super().__init__(what, block)
        self.what, self.block = what, block

    def __str__(self) -> str:
        return f"{self.what}: the block {self.block} was damaged and is in quarantine"


class WriteFailed(StorageFailure):
    """The database refused a write; nothing of it was kept."""

    def __init__(self, storage: str, reason: str) -> None:
        super().__init__(storage, reason)
        self.storage, self.reason = storage, reason

    def __str__(self) -> str:
        return f"{self.storage}: {self.reason}"


class NewerSchema(StorageFailure):
    """A vault or an archive was written by a newer version of this package."""

    def __init__(self, storage: str, found: int, known: int) -> None:
        super().__init__(storage, found, known)
        self.storage, self.found, self.known = storage, found, known

    def __str__(self) -> str:
        return f"{self.storage}: its schema has version {self.found}, this package knows versions up to {self.known}"
