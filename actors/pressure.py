"""How near a process and its node are to the memory that they may take, as the kernel tells it. Frees nothing itself
but what the allocator keeps back.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from quantum_memory.actors.process import STATM, resident_bytes

HIGH, LOW = 0.9, 0.8
"""Shares of a limit: from the first on memory is short, and it is so until the second is reached."""
CGROUPS, MEMINFO, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/meminfo"), Path("/proc/self/cgroup")
UNLIMITED = 1 << 60
"""A cgroup without a limit of its own names a number of about this size, or none."""


class Pressure:
    """The share of the nearest limit that is taken.

    Args:
        limit_bytes: what this process may hold; nothing where nobody said.
        own: bytes that it holds.
        node: bytes taken on the node, and how many there are; nothing where no kernel tells.
    """

    def __init__(
        self,
        limit_bytes: int | None,
        own: Callable[[], int] | None = None,
        node: Callable[[], tuple[int, int] | None] | None = None,
    ) -> None:
        self._limit, self._own, self._node = limit_bytes, own or own_bytes, node or node_bytes

    def share(self) -> float:
        """The larger of the two shares; 0 where nothing is limited."""
        found = 0.0 if self._limit is None else self._own() / self._limit
        node = self._node()
        return found if node is None else max(found, node[0] / node[1])


def own_bytes() -> int:
    """Memory of this process that the kernel cannot take back: what is in RAM, but for files that are mapped."""
    try:
        _, resident, shared = STATM.read_text(encoding="ascii").split()[:3]
    except OSError:
        return resident_bytes()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def node_bytes() -> tuple[int, int] | None:
    """Bytes taken and to be had, of the machine or of the container, whichever is nearer to its limit.

    What the kernel can take back, such as files that it keeps at hand, does not count. Nothing without Linux.
    """
    told = [one for one in (_machine(), _container()) if one is not None]
    return max(told, key=lambda one: one[0] / one[1], default=None)


def give_back() -> None:
    """Have the allocator return what it keeps of freed memory, where it is that of glibc."""
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return found


def _machine() -> tuple[int, int] | None:
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    told = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    total = told.get("MemTotal", 0)
    return (total - told.get("MemAvailable", total), total) if total else None


def _container() -> tuple[int, int] | None:
    """Of the cgroup that this process is in, of version 2 or 1."""
    for folder, limit, usage, idle in _groups():
        try:
            most, taken = (folder / limit).read_text(encoding="ascii").strip(), int((folder / usage).read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        except (OSError, ValueError):
            continue
        if most.isdecimal() and 0 < int(most) < UNLIMITED:
            return max(0, taken - int(stat.get(idle, 0))), int(most)
    return None


@cache
def _groups() -> tuple[tuple[Path, str, str, str], ...]:
    """Where a limit may stand: the folder, and the names of limit, usage, and of what can be taken back.

    In a container the folder of its own group is often mounted as the root.
    """
    try:
        lines = [line.split(":", 2) for line in OWN_GROUPS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ()
    found = []
    for _, controllers, path in (line for line in lines if len(line) == 3):
        inside = path.lstrip("/")
        if not controllers:
            names = "memory.max", "memory.current", "inactive_file"
            found += [(folder, *names) for folder in (CGROUPS / inside, CGROUPS)]
        elif "memory" in controllers.split(","):
            names = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
            found += [(folder, *names) for folder in (CGROUPS / "memory" / inside, CGROUPS / "memory")]
    return tuple(found)
