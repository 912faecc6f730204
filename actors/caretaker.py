"""What keeps a vault well, as its settings say: backups, verification, repair. Owns the schedule of backups."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from quantum_memory.actors.folds import plain_folds
from quantum_memory.errors import InvalidValue, QuantumMemoryError
from quantum_memory.memory.affect.snapshot import MoodCodec
from quantum_memory.memory.episodic.segments import Segments
from quantum_memory.memory.episodic.snapshot import MemoriesCodec
from quantum_memory.memory.life.uses import UsesFold
from quantum_memory.memory.life.uses_snapshot import UsesCodec
from quantum_memory.memory.semantic.snapshot import GraphCodec
from quantum_memory.memory.skills_snapshot import SkillsCodec
from quantum_memory.memory.snapshots import Files
from quantum_memory.memory.vault.backup import Backups, Manifest
from quantum_memory.memory.vault.backup.schedule import Schedule
from quantum_memory.memory.vault.owner import identity
from quantum_memory.memory.vault.shelf import packing
from quantum_memory.memory.vault.vault import Vault
from quantum_memory.memory.vault.verify import Finding, Repair, ViewCheck, repair, verify
from quantum_memory.memory.working_snapshot import WorkingCodec
from quantum_memory.policies.retention import Retention
from quantum_memory.settings import Settings


class Verified(NamedTuple):
    """What was looked at, what was found, and what became of it."""

    looked_at: dict[str, int]
    findings: tuple[Finding, ...]
    repairs: tuple[Repair, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found, or all of it was mended."""
        return not self.findings or (bool(self.repairs) and all(one.mended for one in self.repairs))


class Caretaker:
    """Looks after one vault.

    Args:
        vault: which one; it stays its owner's to close.
        settings: where backups go and how many are kept, and how views are folded.
        now: the clock.
    """

    def __init__(self, vault: Vault, settings: Settings, now: Callable[[], datetime]) -> None:
        self._vault, self._settings, self._now = vault, settings, now
        self._schedule: Schedule | None = None

    def start(self) -> None:
        """Begin to make backups by itself, if the settings name a place for them."""
        wanted = self._settings.backups
        if wanted.to is not None:
            self._schedule = Schedule(self.backup, self._last, wanted.every_s, self._now)

    @property
    def last_error(self) -> Exception | None:
        """Why no backup could be made by itself, if the last try failed."""
        return None if self._schedule is None else self._schedule.last_error

    def status(self) -> dict[str, object]:
        """When the last backup was made in the place of the settings; ``None`` if there is none, or no place."""
        last = None
        if self._settings.backups.to is not None:
            with suppress(QuantumMemoryError):  # a place that is away has its own line, as the error of the last try
                last = self._last()
        return {"last_backup": None if last is None else last.isoformat()}

    def backup(self, to: str | None = None, full: bool = False) -> Manifest:
        """Make a backup now, and thin out the old ones there. Raises: InvalidValue without a place; see ``Backups``."""
        backups, wanted = self._place(to), self._settings.backups
        vault = self._vault
        made = backups.make(vault.database, vault.blocks, identity(vault.database), full=full)
        backups.thin_out(Retention(wanted.daily, wanted.weekly, wanted.monthly))
        vault.note("backed_up", detail=f"{made.kind} to {backups.where}, position {made.position}")
        return made

    def verify(self, mend: bool = False, spare: str | None = None) -> Verified:
        """Look at everything, and put right what can be if that is wanted.

        Args:
            mend: whether to repair.
            spare: where backups lie, for blocks that are damaged here; those of the settings when left out.
        """
        views = views_of(self._settings, self._vault.shelf)
        report = verify(self._vault, views, packing(self._settings.vault.compression))
        repairs: list[Repair] = []
        if mend and not report.sound:
            where = spare or self._settings.backups.to
            repairs = repair(self._vault, report, None if where is None else self._place(where).blocks)
        return Verified(dict(report.looked_at), tuple(report.findings), tuple(repairs))

    def close(self) -> None:
        """Let a backup under way end, and make no more."""
        if self._schedule is not None:
            self._schedule.close()

    def _place(self, to: str | None) -> Backups:
        where = to or self._settings.backups.to
        if where is None:
            raise InvalidValue("to", "nothing", "a folder or URL, or backups.to in the settings")
        return Backups(where, self._now)

    def _last(self) -> datetime | None:
        every = self._place(None).all()
        return every[-1].at if every else None


def views_of(settings: Settings, files: Files | None = None) -> list[ViewCheck]:
    """Every view as the hosts fold it and write it down under these settings, and where its files are."""
    dim, size = settings.perception.dim, settings.views.working_memories
    folds = plain_folds(settings, dim)
    return [
        ViewCheck(folds.memories, MemoriesCodec(dim, segments=None if files is None else Segments(files))),
        ViewCheck(folds.graph, GraphCodec()),
        ViewCheck(folds.mood, MoodCodec(folds.mood)),
        ViewCheck(folds.working, WorkingCodec(size)),
        ViewCheck(folds.skills, SkillsCodec()),
        ViewCheck(UsesFold(), UsesCodec()),
    ]
