"""What the hosts of views share: taking in events, forking, and reading history and snapshots from the vault."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.pressure import Pressure
from quantum_memory.actors.process import process
from quantum_memory.actors.residence import Residence, Rules
from quantum_memory.actors.watching import Caches, Counted, Watch
from quantum_memory.memory.clerk import Clerk
from quantum_memory.memory.events import Entry, Event, RolledBack
from quantum_memory.memory.held import Held
from quantum_memory.memory.snapshots import Saved, Snapshots, Spacing, StateCodec, one_each
from quantum_memory.memory.timeline import Fold, History, Timeline
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.settings import Settings
from quantum_memory.telemetry import SILENT, Metrics
from quantum_memory.telemetry.catalog import RESIDENT_AGENTS
from quantum_memory.types import Branch, BranchId, Part, Place

S = TypeVar("S")
BRANCHES_HELD = 100_000
CLOSING_S = 10.0
"""How long a host may go on writing down snapshots when it is closed; half of what a call may take, if that is less."""
CALM_S = 1.0
"""How long a view that is due to be written down is left alone: while much is told, it is soon due again."""
GROWTH = 0.25
"""The share of a growing view that has to be new before it is written down again."""
SOONER = 16
"""How many times sooner than ``vault.snapshot_events`` a view is first written down whose events are dear to fold."""


class Sprout(NamedTuple):
    """A new branch and the place of its parent at which it begins."""

    parent: Place
    child: BranchId


@runtime_checkable
class SnapshotKeeper(Protocol):
    """What a history can do that also keeps snapshots: VaultHost, and RemoteHistory as its voice. See ``Shelf``."""

    def snapshot_nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None: ...

    def snapshot_keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None: ...


@runtime_checkable
class FileKeeper(Protocol):
    """What a history can do that also keeps the files that snapshots share: VaultHost, RemoteHistory. See ``Files``."""

    def files_lacking(self, names: Sequence[str]) -> list[str]: ...

    def file(self, name: str) -> bytes: ...

    def put_file(self, data: bytes) -> str: ...


class RemoteHistory(History, SnapshotKeeper, FileKeeper):
    """History read from the VaultActor. It blocks, so it belongs in a host and never on an event loop."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._looking = threading.Lock()
        self._branches: Held[BranchId, Branch] = Held(BRANCHES_HELD)

    def __reduce__(self) -> tuple[type[RemoteHistory], tuple[Directory]]:
        return RemoteHistory, (self._directory,)

    def branch(self, branch: BranchId) -> Branch:
        """A branch's row, which never changes and so is kept. The clerk asks, too."""
        with self._looking:
            held = self._branches.get(branch)
        if held is None:
            held = self._ask("branch", branch)
            with self._looking:
                self._branches.put(branch, held)
        return held

    def rollbacks(self, branch: BranchId, upto: int) -> Sequence[tuple[int, RolledBack]]:
        found: Sequence[tuple[int, RolledBack]] = self._ask("rollbacks", branch, upto)
        return found

    def entries(self, branch: BranchId, after: int, upto: int) -> Sequence[Entry]:
        found: Sequence[Entry] = self._ask("entries", branch, after, upto)
        return found

    def snapshot_nearest(self, branch: BranchId, part: Part, fold: str, after: int, upto: int) -> Saved | None:
        found: Saved | None = self._ask("snapshot_nearest", branch, part, fold, after, upto)
        return found

    def snapshot_keep(self, place: Place, part: Part, fold: str, data: bytes, files: Sequence[str] = ()) -> None:
        self._ask("snapshot_keep", place, part, fold, data, files)

    def files_lacking(self, names: Sequence[str]) -> list[str]:
        found: list[str] = self._ask("files_lacking", names)
        return found

    def file(self, name: str) -> bytes:
        found: bytes = self._ask("file", name)
        return found

    def put_file(self, data: bytes) -> str:
        name: str = self._ask("put_file", data)
        return name

    def _ask(self, method: str, *args: object) -> Any:
        return self._directory.call("vault", 0, method, args).result()


def runs(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries of each branch that follow right after each other, in order."""
    found: list[list[Entry]] = []
    last: dict[BranchId, list[Entry]] = {}
    for entry in entries:
        run = last.get(entry.place.branch)
        if run is None or run[-1].place.seq + 1 != entry.place.seq:
            run = last[entry.place.branch] = []
            found.append(run)
        run.append(entry)
    return found


class VaultShelf:
    """The shelf of whoever keeps the snapshots of a history; a ``Shelf``."""

    def __init__(self, keeper: SnapshotKeeper) -> None:
        self.nearest, self.keep = keeper.snapshot_nearest, keeper.snapshot_keep


class VaultFiles:
    """The files of whoever keeps those of a history; ``Files``."""

    def __init__(self, keeper: FileKeeper) -> None:
        self.lacking, self.file, self.put_file = keeper.files_lacking, keeper.file, keeper.put_file


def keeps_snapshots(settings: Settings) -> bool:
    """Whether views are to be written down, and there are blocks to do it in: see ``VaultSettings``."""
    vault = settings.vault
    has_blocks = vault.blocks is not None or not settings.storage.startswith("postgresql")
    return vault.snapshot_events > 0 and has_blocks


def rules(settings: Settings, pool: str) -> Rules:
    """When the hosts of a pool put branches away. Where views live in the orchestrators, theirs is the process."""
    limit_mb = getattr(settings.pools, "agents" if settings.placement == "inline" else pool).memory_mb
    return Rules(settings.views.idle_s, Pressure(None if limit_mb is None else limit_mb << 20))


class ViewHost(ABC):
    """The views of one kind, of many branches. The base of three hosts; owns their timelines and their clerk.

    Args:
        settings: the cluster's.
        history: where events are read, and snapshots where it keeps any.
        metrics: where measurements go.

    Attributes:
        pool: what its pool is called.
    """

    pool: ClassVar[str]

    def __init__(self, settings: Settings, history: History, metrics: Metrics = SILENT) -> None:
        self._settings, self._history = settings, history
        self._metrics, self._watch = metrics, Watch(self.pool, settings.telemetry, metrics)
        self._clerk = Clerk(f"{type(self).__name__}-snapshots", calm_s=CALM_S)
        self.residence = Residence(self.pool, rules(settings, self.pool), self._clerk, self._forget, metrics)
        self._watch.guard = self.residence.lock
        self._caches: dict[str, list[Counted]] = {"states": []}
        metrics.watch(Caches(metrics, self._caches).look)
        metrics.watch(self._tell_residents)

    def _timeline(
        self,
        fold: Fold[S],
        codec: StateCodec[S],
        most: int | None = None,
        weigh: Callable[[Event], int] = one_each,
    ) -> Timeline[S]:
        """The timeline of a view, which writes its states down where the settings say so.

        Events of a weight of ``most`` lie between two snapshots of a view that is not written whole each time. One that
        tells is dear to fold again, too, and is written sooner. A view of limited reach weighs events by its ``units``:
        what is written before it is put away is then never farther back than that, and it comes back as it was.
        """
        settings, history = self._settings, self._history
        snapshots: Snapshots[S] | None = None
        if keeps_snapshots(settings) and isinstance(history, SnapshotKeeper):
            every = settings.vault.snapshot_events
            every = every if most is None else max(1, every // SOONER)
            spacing = Spacing(every, 0.0 if fold.reach is not None else GROWTH, most)
            pack = packing(settings.vault.compression)
            snapshots = Snapshots(codec, VaultShelf(history), pack, self._clerk, spacing, weigh, self._metrics)
        residents = self.residence.residents
        timeline = Timeline(fold, history, settings.views.resident_states, snapshots, residents=residents)
        self.residence.furnish(timeline)
        self.residence.watch()
        self._caches["states"].append(timeline)
        return timeline

    def _residents(self) -> int:
        """Of how many branches something is held."""
        return len(self.residence.residents)

    def _tell_residents(self) -> None:
        self._metrics.set(RESIDENT_AGENTS, self._residents(), self.pool)

    def _forget(self, branches: Collection[BranchId]) -> None:  # noqa: B027 (most keep nothing else)
        """Keep nothing else of branches that were put away."""

    @abstractmethod
    def timelines(self) -> Sequence[Timeline[Any]]:
        """The timelines of this kind. Raises: what making them raises, when they are first asked for."""

    def apply(self, entries: Sequence[Entry]) -> list[None]:
        """Take in events that the vault has; what is missed here is read from the vault when it is needed."""
        for run in runs(entries):
            for timeline in self.timelines():
                timeline.push_all(run)
        return [None] * len(entries)

    def fork(self, sprouts: Sequence[Sprout]) -> list[None]:
        """Let branches begin where their parents stand: nothing is copied."""
        for sprout in sprouts:
            for timeline in self.timelines():
                timeline.fork(sprout.parent, sprout.child)
        return [None] * len(sprouts)

    def pin(self, places: Sequence[Place]) -> list[None]:
        """Keep the states at these places at hand: somebody means to come back."""
        for place in places:
            for timeline in self.timelines():
                timeline.pin(place)
        return [None] * len(places)

    def warm(self, places: Sequence[Place]) -> list[int]:
        """Have what is so at each place at hand before somebody asks; how many views of each were not."""
        return [self._warm(place) for place in places]

    def _warm(self, place: Place) -> int:
        loaded = 0
        for timeline in self.timelines():
            loaded += timeline.held(place) is None
            timeline.at(place)
        return loaded

    def whole(self, asked: Sequence[tuple[Part, Place]]) -> list[None]:
        """See that nothing is missing from views by which somebody means to decide what is to be written.

        Raises: CorruptRecord naming what cannot be read.
        """
        for part, place in asked:
            for timeline in self.timelines():
                if timeline.part == part:
                    timeline.whole(place)
        return [None] * len(asked)

    def status(self) -> dict[str, int]:
        """The process, the states held and the snapshots written, once the views are ready.

        Raises: what making them raises.
        """
        states = sum(len(timeline) for timeline in self.timelines())
        return {
            **process(),
            "branches": self._residents(),
            "states": states,
            **{f"put_away_{why}": count for why, count in self.residence.put_away.items()},
            "snapshots": self._clerk.done,
            "snapshots_failed": self._clerk.failed,
        }

    def close(self) -> None:
        """Finish the snapshots that are to be written down, as many as there is time for, and write no more.

        Before the vault is closed that takes them. Nothing is lost with one that is dropped.
        """
        self.residence.close()
        self._clerk.close(min(CLOSING_S, self._settings.timeouts.call_s / 2))
