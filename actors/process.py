"""A process as the system sees it: its number, the memory that it takes, and what it has taken of a GPU."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")
_PAGE = resource.getpagesize()


def resident_bytes() -> int:
    """The memory of this process that is in RAM, what it shares with others included; where no kernel tells, the most
    that it ever was.
    """
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * _PAGE
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def gpu_bytes() -> int | None:
    """What this process has taken on its GPUs through PyTorch and CuPy; ``None`` where neither uses one.

    Loads neither: what is not loaded has taken nothing.
    """
    taken: int | None = None
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_initialized():
        taken = sum(torch.cuda.memory_reserved(number) for number in range(torch.cuda.device_count()))
    cupy = sys.modules.get("cupy")
    if cupy is not None and hasattr(cupy, "cuda") and cupy.cuda.is_available():
        for number in range(cupy.cuda.runtime.getDeviceCount()):
            with cupy.cuda.Device(number):
                taken = (taken or 0) + cupy.get_default_memory_pool().total_bytes()
    return taken


PROCESS = ("pid", "resident_bytes")
"""What ``process`` tells."""


def process() -> dict[str, int]:
    """What every actor says of itself first."""
    return dict(zip(PROCESS, (os.getpid(), resident_bytes()), strict=True))
