"""Memory that was freed, back to the system. What an allocator keeps for later is of use to nobody for long."""

from __future__ import annotations

import ctypes
import sys

MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20), "MALLOC_TRIM_THRESHOLD_": str(4 << 20)}
"""For the environment of a process that joins memories: glibc gives large arrays back as they are let go. By itself it
keeps blocks of up to 32 MiB for later once it has seen some, which comes to as much as half of the memories."""


def give_back() -> None:
    """Whole pages that glibc has free, also between what is in use. Nothing where there is another library.

    Takes milliseconds, in which other threads go on but for those that allocate. For after something large.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(ctypes.c_size_t(0))
