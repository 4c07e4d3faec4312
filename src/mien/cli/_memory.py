"""How the C library keeps memory for the threads of the server."""

from __future__ import annotations

import ctypes
import os
import sys

_M_ARENA_MAX = -8  # malloc.h of glibc


def limit_arenas() -> bool:
    """Make threads share heaps: one per core instead of eight.

    glibc gives nearly every thread a heap of its own, and each keeps what its busiest moment needed: with all networks
    in use a fifth of the memory. Must be called before threads start. `MALLOC_ARENA_MAX` takes precedence.

    Returns:
        Whether the C library took it; others than glibc have nothing to take.
    """
    if "MALLOC_ARENA_MAX" in os.environ or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, max(2, len(os.sched_getaffinity(0)))) == 1
