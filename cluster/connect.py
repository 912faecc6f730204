"""The front door: ``connect()`` and the cluster of agents that it gives."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import ray

from quantum_memory.actors.allowances import brought, due_of
from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import MAX_OP_CHARS, AgentHandle
from quantum_memory.actors.importing import Bounds, ImportJob, ImportReport
from quantum_memory.actors.library import Library
from quantum_memory.actors.many import Many
from quantum_memory.actors.operations import Call, operation
from quantum_memory.actors.perceiving import key_of, said_of
from quantum_memory.actors.projects import Project
from quantum_memory.actors.requests import filters_of, place_of, positive
from quantum_memory.actors.vault import LONGEST_WAIT_S
from quantum_memory.checks import bounded, named, visible, whole, within
from quantum_memory.cluster.launch import (
    Running,
    absolute,
    close_vault,
    each_status,
    end_actors,
    launch,
    statuses,
    with_sizes,
)
from quantum_memory.cluster.rays import join_ray, start_ray
from quantum_memory.cluster.resizing import resize
from quantum_memory.cluster.whoami import whoami
from quantum_memory.errors import QuantumMemoryError, StorageFailure, Unavailable
from quantum_memory.memory.exchange.entries import Dates, Reading, zone_of
from quantum_memory.memory.exchange.registry import Format
from quantum_memory.memory.exchange.sources import Source, of_path
from quantum_memory.memory.library.reach import Reach
from quantum_memory.memory.library.shelves import TIERS, Tier, agent_named, reserved
from quantum_memory.memory.vault.collect import Garbage
from quantum_memory.memory.vault.feed import MOST, Feed, Wanted
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import Settings, load
from quantum_memory.types import AgentName, AuditEntry, Branch, Found, Hits, MemoryId, Mood, Percept

CONFIG_FILE = "ray_config.yaml"
NAMESPACE = "quantum_memory"
LOCAL = "local"
SESSION_CHARS = 12
logger = logging.getLogger(__name__)


def connect(
    address: str | None = None,
    storage: str | Path | None = None,
    config: str | Path | Mapping[str, Any] | Settings | None = None,
    namespace: str = NAMESPACE,
    author: str | None = None,
) -> MemoryCluster:
    """Connect to a memory, and start what is not running yet.

    Args:
        address: of a Ray cluster ("auto" is the one that the variable RAY_ADDRESS names, else this user's on this
            machine). ``None`` uses the Ray that this process is connected to, else the one that RAY_ADDRESS names, else
            it is as "local": a Ray is started here, on loopback, and ends with ``close``.
        storage: the vault's folder or database URL; by default what the settings say.
        config: a YAML file, settings, or a mapping; ``None`` reads ``ray_config.yaml`` in the working folder if it is
            there, else the defaults.
        namespace: Ray's namespace for the actors; clusters in different namespaces share nothing.
        author: who the audit says it was; by default the user, the machine and the program.

    Where the actors run already, they keep the settings that they were made with. What you ask for explicitly, through
    ``storage`` or ``config``, must be the same.

    Raises: InvalidSettings; SettingsDiffer; StorageLocked; OtherEmbedding; Unavailable.
    """
    wishes, settings = asked_for(storage, config)
    return reach(address, settings, wishes, namespace, author)


def asked_for(
    storage: str | Path | None, config: str | Path | Mapping[str, Any] | Settings | None
) -> tuple[Settings, Settings]:
    """What was said explicitly, and with that what new actors are made with: the file in the working folder counts too.

    Raises: InvalidSettings.
    """
    wishes = load(config)
    settings = load(CONFIG_FILE) if config is None and Path(CONFIG_FILE).is_file() else wishes
    if storage is None:
        return wishes, settings
    given = {"storage": absolute(str(storage))}
    return wishes.model_copy(update=given), settings.model_copy(update=given)


def reach(
    address: str | None, settings: Settings, wishes: Settings, namespace: str, author: str | None = None
) -> MemoryCluster:
    """The cluster at an address, found or started; see ``connect`` and ``asked_for``."""
    checked = named("namespace", namespace)
    session = OpenSession(uuid4().hex[:SESSION_CHARS], whoami() if author is None else visible("author", author))
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    ours = address == LOCAL and not ray.is_initialized()
    dashboard_url = None
    if ours:
        dashboard_url = start_ray(settings)
    elif not ray.is_initialized():
        try:
            join_ray(address)
        except (ConnectionError, RuntimeError) as error:
            raise Unavailable(f"no Ray cluster answers at {address!r}: {error}") from error
    try:
        running = launch(settings, wishes, checked, detached=not ours, dashboard_url=dashboard_url)
        running = replace(running, directory=open_session(running.directory, session))
    except BaseException:
        if ours:
            ray.shutdown()
        raise
    return MemoryCluster(running, owns_ray=ours)


def open_session(directory: Directory, session: OpenSession) -> Directory:
    """Tell the vault who is there; the way to the actors for what this session does.

    A vault that takes no writes can still be read: then nobody knows who it was, and a warning says so.
    """
    try:
        (answer,) = directory.call("vault", 0, "write", ([session],)).result()
        if isinstance(answer, QuantumMemoryError):
            raise answer
    except (StorageFailure, Unavailable) as error:
        logger.warning("the vault does not know who this session is: %s", error)
    return directory.under(session.id)


class MemoryCluster:
    """Every agent of one vault. A context manager: leaving it closes it."""

    def __init__(self, running: Running, *, owns_ray: bool) -> None:
        self._running, self._owns_ray = running, owns_ray
        self._many = Many(running.directory, running.settings)

    @property
    def settings(self) -> Settings:
        """What this cluster runs with; the sizes of pools as this driver heard of them last."""
        return with_sizes(self._running.settings, self._running.directory.layout)

    @property
    def dashboard_url(self) -> str | None:
        """Where Ray's dashboard is, if it was started here. It asks for the token of ``ray get-auth-token``."""
        return self._running.dashboard_url

    def on_behalf(self, session: OpenSession) -> MemoryCluster:
        """The same cluster, whose changes are another's in the audit. Closing what comes back ends nothing.

        Raises: AlreadyExists if the session is somebody else's.
        """
        running = replace(self._running, directory=open_session(self._running.directory, session))
        return MemoryCluster(running, owns_ray=False)

    def agent(self, name: AgentName, branch: str | None = None, *, create: bool = True) -> AgentHandle:
        """An agent, found or made, on its first branch or on a named one.

        Raises: AgentNotFound if it is not there and ``create`` is false or a branch is asked for; PlaceNotFound.
        """
        checked = agent_named(name)
        if branch is not None:
            on_branch: AgentHandle = self._ask(checked, "open_branch", checked, named("branch", branch), self._session)
            return self._many.handle(on_branch.info)
        return self._many.open([checked], create=create)[checked]

    def agents(self) -> list[AgentName]:
        """Every agent's name, in order, without those that hold shelves of the library."""
        names: list[AgentName] = self._ask("", "agents")
        return [name for name in names if not reserved(name)]

    def library(self, reach: Reach | None = None, op: str | None = None) -> Library:
        """Rules, documents and references: all of this driver's, or as far as somebody may reach.

        With ``op`` its first operation is done once, however often it is asked for under this name by this session.
        """
        directory = self._running.directory
        directory = directory if op is None else directory.repeatable(within("op", visible("op", op), MAX_OP_CHARS))
        return Library(directory, reach or Reach(), self._running.settings.limits.recalled)

    def project(self, name: str, clearance: Tier = TIERS[-1]) -> Project:
        """A project of the library, and of it the tiers that may be read with this clearance.

        It begins with its first entry. Raises: InvalidValue.
        """
        return self.library(Reach(clearance=clearance)).project(name)

    def open(self, names: Iterable[AgentName], *, create: bool = True) -> dict[AgentName, AgentHandle]:
        """Many agents in one call, found or made, on their first branches, by name.

        Raises: InvalidInput before any is made; SomeFailed if ``create`` is false and some are not there.
        """
        return self._many.open(names, create=create)

    @operation
    def remember(
        self, what: Mapping[Any, Any], *, op: str | None = None, deadline_s: float | None = None
    ) -> Call[dict[Any, list[MemoryId]]]:
        """Remember for many agents in as few calls as there are orchestrators; the ids by agent, in order.

        Args:
            what: by agent's name (one that is new is made) or ``AgentHandle`` (its branch) a text, an ``Utterance`` or
                several.
            op: a name for the whole, of your own. The same call with the same name is done once for each branch,
                whoever repeats it and whenever; without one, every call is another.
            deadline_s: how long each call to an orchestrator may take, as for ``AgentHandle.remember``.

        For each branch all is kept or nothing. What one branch refuses keeps no other from remembering. Very much goes
        in pieces of ``limits.batch`` utterances; through ``.remote`` all of it is sent at once.

        Raises: InvalidInput for what can be told beforehand, and then nothing is written for anybody; SomeFailed where
        some failed, with the ids of the others; where one agent alone was asked, its own error.
        """
        return self._many.remember(what, op, deadline_s)

    @operation
    def recall(
        self,
        questions: Mapping[Any, Any],
        k: int = 10,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        as_of: datetime | str | None = None,
        kind: str | None = None,
        speaker: str | None = None,
        tags: str | Iterable[str] = (),
        deadline_s: float | None = None,
    ) -> Call[dict[Any, Hits]]:
        """Ask many agents at once; the hits by agent. See ``AgentHandle.recall``.

        Args:
            questions: by agent's name or ``AgentHandle`` a text or a vector.
            k: how many hits of each.
            since: as the others below for one agent, the same for all: it happened then or later.
            until: it happened before.
            as_of: a time, or a name that each of them has.
            kind: of that kind.
            speaker: said by them.
            tags: having all of these.
            deadline_s: when each orchestrator's answer is due, with what is there by then; see ``Hits.missing``.

        Raises: InvalidInput before anybody is asked; SomeFailed where some failed, with the hits of the others; where
        one agent alone was asked, its own error (AgentNotFound, PlaceNotFound, ...).
        """
        filters = filters_of(since, until, kind, speaker, tags)
        return self._many.recall(questions, k, filters, place_of(as_of), deadline_s)

    @operation
    def mood(self, agents: Iterable[Any], *, as_of: datetime | str | None = None) -> Call[dict[Any, Mood]]:
        """The moods of many agents, given by name or ``AgentHandle``. Raises: as ``recall``."""
        return self._many.mood(agents, place_of(as_of))

    @operation
    def warm_up(self, agents: Iterable[Any]) -> Call[dict[Any, int]]:
        """Have agents, given by name or ``AgentHandle``, at hand before somebody asks; how many views of each were not.

        An agent comes by itself when it is asked; this only spares the first who asks the wait. Raises: as ``recall``.
        """
        return self._many.warm_up(agents)

    def import_file(
        self,
        path: str | Path,
        agent: AgentName,
        form: Format | None = None,
        *,
        zone: str | tzinfo = UTC,
        dates: Dates = "auto",
        columns: Mapping[str, str] | None = None,
        skip_bad: bool = False,
        dry_run: bool = False,
        check: bool = True,
        progress: Callable[[ImportReport], object] | None = None,
    ) -> ImportReport:
        """Remember what a file holds, for one agent or for as many as it has conversations.

        ``agent`` says whose memory, made where it is new; ``alice@branch`` is a branch of hers. ``{conversation}`` in
        it stands for the conversation that an entry belongs to, so that each gets an agent of its own. All else is as
        for ``AgentHandle.import_file``.

        Raises: as ``AgentHandle.import_file``; with ``dry_run`` an agent that is not there is no error.
        """
        reading = Reading(zone_of(zone), dates, columns or {})
        source = of_path(path)
        return self.import_source(
            source, agent, ImportJob(source.name, form, reading, skip_bad, dry_run, check, progress)
        )

    def import_source(self, source: Source, agent: AgentName, job: ImportJob) -> ImportReport:
        """The same for what is open already."""
        limits = self.settings.limits
        bounds = Bounds(limits.text_chars, self.settings.perception.dim, limits.batch)
        return job.into(source, agent, lambda name: self._named(name, create=not job.dry_run), bounds)

    def _named(self, spec: str, *, create: bool) -> AgentHandle:
        """The agent and branch that ``alice`` or ``alice@branch`` mean."""
        name, at, branch = spec.partition("@")
        return self.agent(name, branch if at else None, create=create and not at)

    def perceive(self, texts: Sequence[str], speakers: Sequence[str | None] | None = None) -> list[Percept]:
        """What perception makes of texts: embedding, feeling, how sure that is. Nothing is stored, no agent is asked.

        Args:
            texts: any texts, also empty ones.
            speakers: who says each, or None for nobody; a name counts in the embedding.

        Raises: InvalidValue; TooLong.
        """
        said = said_of(texts, speakers, self.settings)
        if not said:
            return []
        call = self._running.directory.ask_owner(key_of(said[0]), "perceive", said, texts=len(said))
        percepts: list[Percept] = call.result()
        return percepts

    def audit(self, agent: AgentName | None = None, limit: int = 100) -> list[AuditEntry]:
        """Who changed what in the vault, or of one agent, and when: newest first. Raises: AgentNotFound."""
        asked = None if agent is None else named("agent", agent)
        found: list[AuditEntry] = self.ask_vault("audit", asked, positive("limit", limit))
        return found

    @operation
    def position(self) -> Call[int]:
        """The position of the last change in the vault's one order of changes: see ``feed``."""
        return self.call_vault("position")

    @operation
    def feed(self, after: int, limit: int = 256, wait_s: float = 0.0, wanted: Wanted | None = None) -> Call[Feed]:
        """What happened in the vault after a position, oldest first, each change once.

        Args:
            after: the ``upto`` of the feed before this one, the ``position`` of an entry, or 0 for everything.
            limit: how many changes at most, up to 256.
            wait_s: how long to wait for the first where nothing has happened yet, up to 20 s.
            wanted: of whom, and which; all changes if nothing is given. An answer then tells of 16,384 positions at
                most, and no event of others is read for it.

        An ``upto`` that is smaller than ``after`` is the last position of a vault that was restored to an earlier time.

        Raises: InvalidInput; Unavailable.
        """
        most = whole("after", after, 0, math.inf), whole("limit", limit, 1, MOST)
        return self.call_vault("feed", *most, bounded("wait_s", wait_s, 0.0, LONGEST_WAIT_S), wanted)

    def find(
        self,
        words: str | None = None,
        *,
        agent: AgentName | None = None,
        session: str | None = None,
        emotion: str | None = None,
        speaker: str | None = None,
        kind: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> list[Found]:
        """What was ever remembered in the vault and is all of this, also where it was forgotten or rolled back since.

        Args:
            words: all of them are in the text, in any order; ``umbr*`` is any word that begins so. The best match
                comes first, else what happened last.
            agent: whose memory.
            session: the conversation that it belonged to.
            emotion: the named emotion nearest to its feeling.
            speaker: who said it.
            kind: its kind.
            since: it happened then or later.
            until: it happened before.
            limit: how many at most.

        Raises: InvalidInput.
        """
        asked = {"agent": agent, "session": session, "emotion": emotion, "speaker": speaker, "kind": kind}
        for name, value in asked.items():
            if value is not None:
                visible(name, value)
        filters = filters_of(since, until, None, None, ())
        times = {"since": filters.since, "until": filters.until}
        found: list[Found] = self.ask_vault("find", words, asked | times, positive("limit", limit))
        return found

    def vault_status(self) -> dict[str, Any]:
        """How much the vault holds, how much of it waits to be sealed, and what went wrong in the background."""
        status: dict[str, Any] = self.ask_vault("vault_status")
        return status

    def gc(self, *, dry_run: bool = False) -> Garbage:
        """Let go what no living branch and no tag reaches, once its grace is over; what went, or what would go.

        Raises: StorageFailure, Unavailable.
        """
        went: Garbage = self.ask_vault("garbage" if dry_run else "collect")
        return went

    def processes(self) -> dict[str, list[int]]:
        """The process id of every actor, by pool. Raises: Unavailable."""
        return {pool: [told["pid"] for told in each] for pool, each in self.status().items()}

    def status(self) -> dict[str, list[dict[str, int]]]:
        """What every actor says of itself, by pool: its process, the states that it holds, what it found ready.

        Where views live inside the orchestrators, theirs tell of them, each number under the view's name: for instance
        ``quantum_projector_hits``. Raises: Unavailable.
        """
        return statuses(self._running)

    def each_status(self, deadline_s: float) -> dict[str, list[dict[str, int] | QuantumMemoryError]]:
        """The same of each actor by itself, in order: what it says, or the error that it is away or late with.

        Never takes much longer than the deadline, as long as Ray itself answers, and raises nothing.
        """
        return each_status(self._running, deadline_s)

    def resize(self, pool: str, size: int) -> dict[str, int]:
        """Give a pool another number of members while it works; how many each pool has then.

        Args:
            pool: agents, emotion, quantum, episodic or graph; where views live inside the orchestrators, agents alone.
            size: from 1 on.

        Calls that are under way are answered. Of the agents only those move that the members which come or go own. It
        holds for every driver, and until the cluster is stopped; the settings say what the next one begins with.

        Raises: InvalidInput; PoolsChanged if somebody else is changing a size; NoRoom if no node has room for a new
        member, and then nothing has changed; Unavailable: the same call again finishes what was cut off.
        """
        return resize(self._running, named("pool", pool), size)

    def sizes(self) -> dict[str, int]:
        """How many members each pool has now, the vault left out. Raises: Unavailable."""
        return dict(self._running.directory.renew().sizes)

    def close(self) -> None:
        """End what ``connect`` started here. A Ray that was there before goes on, and the actors in it."""
        if self._owns_ray and ray.is_initialized():
            close_vault(self._running)
        self._leave()

    def stop(self) -> None:
        """End the actors for everybody, and a Ray that was started here. What was acknowledged is on disk."""
        end_actors(self._running)
        self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _leave(self) -> None:
        """End Ray if it was started here."""
        if self._owns_ray and ray.is_initialized():
            ray.shutdown()
        self._owns_ray = False

    @property
    def _session(self) -> str:
        return self._running.directory.session

    def op_id(self, op: str | None = None) -> str:
        """The id of an operation of this session: the first of a name, or one unlike any other."""
        directory = self._running.directory
        return (directory if op is None else directory.repeatable(op)).new_op()

    def handle(self, branch: Branch) -> AgentHandle:
        """A handle on a branch that somebody has found."""
        return self._many.handle(branch)

    def ask_vault(self, method: str, *args: object, texts: int = 0) -> Any:
        """What the vault's actor answers, for tools; it may take as long as so many texts."""
        return self.call_vault(method, *args, texts=texts).result()

    def call_vault(self, method: str, *args: object, texts: int = 0) -> Call[Any]:
        """The same question, not sent yet: ``begin`` asks it on an event loop."""
        return self._running.directory.call("vault", 0, method, args, texts=texts)

    def call_owner(self, key: str, method: str, *args: object) -> Call[Any]:
        """A question to the orchestrator that owns a key, not sent yet."""
        texts, due_s = brought(method, args), due_of(method, args)
        return self._running.directory.ask_owner(key, method, *args, texts=texts, deadline_s=due_s)

    def _ask(self, key: str, method: str, *args: object) -> Any:
        return self.call_owner(key, method, *args).result()
