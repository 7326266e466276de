"""How the C library hands memory out while a network trains."""

from __future__ import annotations

import ctypes
import platform

# Numbers of mallopt's parameters, from glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
AS_MUCH_AS_IT_TAKES = 2**30


def keep_freed_memory() -> None:
    """Let the process keep the memory that it frees, to take it again in the next step.

    A training step takes and frees the same large tensors over and over. By default glibc gives each back to the system
    and asks anew, and the system clears every page before it lends it: a fifth of the time of a step on the processor.
    Elsewhere than on glibc nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, AS_MUCH_AS_IT_TAKES)
    libc.mallopt(M_TRIM_THRESHOLD, AS_MUCH_AS_IT_TAKES)
