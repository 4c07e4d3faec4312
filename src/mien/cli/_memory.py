"""How the process manages memory: the C library's heaps, and Python's garbage collector."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def without_collector() -> Iterator[None]:
    """Pause the garbage collector while modules are imported.

    Modules create many objects and hardly any garbage. The collector would examine all of them again and again, which
    takes a fifth of the import time. What exists after an import is exempt from later collections.
    """
    enabled, before = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        if enabled:
            gc.enable()
