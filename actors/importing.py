"""Bringing what a file holds into agents: several batches in flight, nothing twice, and bad entries by their place.

Owns the pace and the count of an import; what is in a file is ``memory.exchange``'s. Keeps no record of how far it
came: the agents know what they have.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from quantum_memory.actors.operations import Call
from quantum_memory.checks import MAX_NAME_CHARS
from quantum_memory.errors import AgentNotFound, InvalidValue, UnreadableEntry, UnreadableFile, UnreadableLine
from quantum_memory.memory.exchange import registry
from quantum_memory.memory.exchange.entries import Entry, Reading, Unreadable
from quantum_memory.memory.exchange.registry import Format
from quantum_memory.memory.exchange.sources import Source, of_path
from quantum_memory.types import AgentName, Place, Utterance

if TYPE_CHECKING:
    from ray import ObjectRef

    from quantum_memory.actors.handle import AgentHandle

BATCH = 128
IN_FLIGHT = 4
"""Batches that are on their way at once: while one is journalled the next are perceived."""
LISTED = 1000
"""Bad entries that a report lists; all are counted."""
CONVERSATION = "{conversation}"


@dataclass(frozen=True)
class Bounds:
    """What a cluster can remember: characters of a text, length of an embedding, utterances in a call."""

    text_chars: int
    dim: int
    batch: int


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or in a dry run what it would do.

    Attributes:
        source, form: where from, in which format.
        read: entries that could be read; ``added`` of them were new, ``known`` were there, or had been forgotten.
        skipped: entries that could not be read; ``bad`` are the first 1,000 of them, with place and reason.
        agents: how many memories each agent got.
        seconds: how long it took.
        done: whether it came to the end; told to ``progress`` on the way.
        position, total: bytes of the source that were read, and that there are.
    """

    source: str
    form: Format
    read: int = 0
    added: int = 0
    known: int = 0
    skipped: int = 0
    bad: tuple[Unreadable, ...] = ()
    agents: Mapping[AgentName, int] = field(default_factory=dict)
    seconds: float = 0.0
    done: bool = False
    position: int = 0
    total: int = 0


@dataclass(frozen=True)
class ImportJob:
    """What is to be imported and how; see ``AgentHandle.import_file``."""

    path: str
    form: Format | None
    reading: Reading
    skip_bad: bool
    dry_run: bool
    check: bool
    progress: Callable[[ImportReport], object] | None = None

    def into(
        self, source: Source, agent: AgentName, find: Callable[[AgentName], AgentHandle], bounds: Bounds
    ) -> ImportReport:
        """Import a source. See ``Importer``."""
        return Importer(self, source, agent, find, bounds).run()


class Importer:
    """One import.

    Args:
        job: what and how.
        source: where from.
        agent: whose memory; ``{conversation}`` in it stands for the conversation that an entry belongs to.
        find: an agent by its name, made where it is not there and this is no dry run.
        bounds: what the cluster can remember.
        since: where the agent stood before this import was begun for the first time: what it has come to know since
            counts as added, by what was cut off then. Where the agent stands now when left out.

    Attributes:
        report: how far it came.
    """

    def __init__(
        self,
        job: ImportJob,
        source: Source,
        agent: AgentName,
        find: Callable[[AgentName], AgentHandle],
        bounds: Bounds,
        since: Place | None = None,
    ) -> None:
        self._job, self._source, self._agent, self._bounds = job, source, agent, bounds
        self._find, self._since = find, since
        self._found: dict[AgentName, AgentHandle | None] = {}
        self._batch = min(BATCH, bounds.batch)
        self._waiting: dict[AgentName, list[Entry]] = {}
        self._sent: deque[tuple[int, Callable[[], object]]] = deque()
        self._begun = time.monotonic()
        self.report = ImportReport(source.name, job.form or registry.detect(source), total=source.total)

    def run(self) -> ImportReport:
        """Do it.

        Raises: UnreadableLine, UnreadableEntry for the first bad entry unless they are skipped; UnreadableFile; what
            remembering raises. What stands before it was remembered unless the check ahead found it; whatever was
            acknowledged stays, and the same import goes on from there.
        """
        for _ in self.pieces():
            pass
        return self.report

    def pieces(self) -> Iterator[int]:
        """Do it piece by piece: how many entries each has read for the first time, good and bad. Raises: as ``run``.

        Whoever does not go on leaves what was read so far remembered, or on its way to be.
        """
        ahead = self._job.check and not self._job.skip_bad and not self._job.dry_run
        if ahead:
            for number, one in enumerate(self._entries(), 1):
                _good(one)
                if number % self._batch == 0:
                    yield self._batch
        try:
            yield from (0 if ahead else self._batch for _ in self._brought())
        except (UnreadableLine, UnreadableEntry, UnreadableFile):
            self._flush()  # what stands before it
            self._settle(0)
            raise
        self._flush()
        self._settle(0)
        self._tell(done=True)

    def _brought(self) -> Iterator[None]:
        """Send what there is, batch by batch."""
        for number, one in enumerate(self._entries(), 1):
            if isinstance(one.found, Utterance):
                self._waiting.setdefault(self._name(one), []).append(one)
            else:
                self._refuse(one.found)
            if number % self._batch == 0:
                self._flush()
                yield

    def _entries(self) -> Iterator[Entry]:
        bounds = self._bounds
        return registry.read(
            self._source, self.report.form, self._job.reading, text_chars=bounds.text_chars, dim=bounds.dim
        )

    def _name(self, one: Entry) -> AgentName:
        return (
            self._agent.replace(CONVERSATION, agent_name(one.conversation))
            if CONVERSATION in self._agent
            else self._agent
        )

    def _flush(self) -> None:
        """Send what is new of what waits, when there is room for it."""
        waiting, self._waiting = self._waiting, {}
        for name, entries in waiting.items():
            handle = self._handle(name)
            fresh = entries if handle is None else self._unknown(handle, entries)
            counts = dict(self.report.agents)
            counts[name] = counts.get(name, 0) + len(fresh)
            self.report = replace(
                self.report,
                read=self.report.read + len(entries),
                added=self.report.added + len(fresh),
                agents=counts,
            )
            if fresh and handle is not None and not self._job.dry_run:
                self._settle(self._batch * (IN_FLIGHT - 1))
                self._sent.append((len(fresh), handle.remember.begun([_good(one) for one in fresh])))
        self._tell()

    def _settle(self, room: int) -> None:
        """Wait until no more than so many utterances are on their way."""
        while sum(count for count, _ in self._sent) > room:
            self._sent.popleft()[1]()

    def _handle(self, name: AgentName) -> AgentHandle | None:
        if name not in self._found:
            try:
                self._found[name] = self._find(name)
            except AgentNotFound:
                if not self._job.dry_run:
                    raise
                self._found[name] = None
        return self._found[name]

    def _unknown(self, handle: AgentHandle, entries: list[Entry]) -> list[Entry]:
        """Those that the agent does not have yet; an id that something else has makes an entry bad."""
        utterances = [_good(one) for one in entries]
        texts = handle.known([str(one.id) for one in utterances])
        fresh, known = [], []
        for one, utterance in zip(entries, utterances, strict=True):
            identity = str(utterance.id)
            if identity not in texts:
                fresh.append(one)
            elif not one.named or texts[identity] in (None, utterance.text):
                known.append(identity)  # an id made of this text is this text's, also where it was revised since
            else:
                self._refuse(one.refused(f"id: the agent has another text under {identity!r}").found)
        before = known if self._since is None or not known else handle.known(known, as_of=self._since)
        report, came = self.report, len(known) - len(before)
        self.report = replace(report, known=report.known + len(before), added=report.added + came)
        return fresh

    def _refuse(self, error: Utterance | Unreadable) -> None:
        if isinstance(error, Utterance):
            return
        if not self._job.skip_bad:
            raise error
        report = self.report
        bad = report.bad if len(report.bad) == LISTED else (*report.bad, error)
        self.report = replace(report, skipped=report.skipped + 1, bad=bad)

    def _tell(self, *, done: bool = False) -> None:
        self.report = replace(
            self.report, seconds=time.monotonic() - self._begun, done=done, position=self._source.position
        )
        if self._job.progress is not None:
            self._job.progress(self.report)


def _good(one: Entry) -> Utterance:
    """The utterance of an entry. Raises: what is wrong with it."""
    if not isinstance(one.found, Utterance):
        raise one.found
    return one.found


def agent_name(conversation: str | None) -> AgentName:
    """The name of a conversation as an agent's: what no name may hold becomes a hyphen."""
    text = "".join(char if char.isprintable() and char not in "/@" else "-" for char in conversation or "conversation")
    return text.strip()[: MAX_NAME_CHARS // 2].strip() or "conversation"


class ImportCall(Call[ImportReport]):
    """An import that has not begun: it runs where it is called, or through ``.remote`` as a task on this machine.

    Args:
        handle: the agent.
        job: what and how.
    """

    def __init__(self, handle: AgentHandle, job: ImportJob) -> None:
        self._handle, self._job = handle, job

    def result(self) -> ImportReport:
        """Import it here. Raises: see ``Importer.run``."""
        return import_into(self._handle, self._job)

    def begun(self) -> Callable[[], ImportReport]:
        return self.result

    def send(self) -> ObjectRef[ImportReport]:
        """Import it in a task beside this process, where the file is. Raises: InvalidValue with ``progress``."""
        if self._job.progress is not None:
            raise InvalidValue("progress", "a function", "none through .remote: nobody is there to be told")
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        task: Any = ray.remote(import_into).options(num_cpus=0, max_retries=0, scheduling_strategy=here)
        ref: ObjectRef[ImportReport] = task.remote(self._handle, self._job)
        return ref


def import_into(handle: AgentHandle, job: ImportJob) -> ImportReport:
    """Import a file into one agent."""
    return job.into(of_path(job.path), handle.name, lambda _: handle, handle.bounds())
