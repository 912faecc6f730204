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


def gpu_memory() -> dict[str, int]:
    """What this process has taken on its GPUs, and what is free and there on all that it sees; nothing without one."""
    taken = gpu_bytes()
    if taken is None:
        return {}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        seen = [torch.cuda.mem_get_info(number) for number in range(torch.cuda.device_count())]
    else:
        seen = []
        runtime = sys.modules["cupy"].cuda.runtime
        for number in range(runtime.getDeviceCount()):
            with sys.modules["cupy"].cuda.Device(number):
                seen.append(runtime.memGetInfo())
    return dict(zip(GPU, (taken, sum(free for free, _ in seen), sum(total for _, total in seen)), strict=True))


GPU = ("gpu_bytes", "gpu_free_bytes", "gpu_total_bytes")
PROCESS = ("pid", "resident_bytes", *GPU)
"""What ``process`` may tell."""


def process() -> dict[str, int]:
    """What every actor says of itself first: of GPUs only where it has taken something of one."""
    return {"pid": os.getpid(), "resident_bytes": resident_bytes()} | gpu_memory()
