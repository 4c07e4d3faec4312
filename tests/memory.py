"""Memory of the tests' own process: models are loaded once, and what a module freed goes back to the system.

A worker of pytest-xdist runs a hundred modules. Without this it grows to more than two gigabytes: every engine
loads its networks again, and glibc keeps what each thread's busiest moment needed.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from mien.models import ModelStore
from mien.vision.engine import FaceEngine

_WORTH_COLLECTING = 64 * 2**20
_STATM = Path("/proc/self/statm")
P = ParamSpec("P")
R = TypeVar("R")
_KEPT: list[Callable[[], None]] = []


def kept_in_module(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function whose results are kept until the module that called it ends: films, for example."""
    kept = cache(function)
    _KEPT.append(kept.cache_clear)
    return cast("Callable[P, R]", kept)


@cache
def shared_engine() -> FaceEngine:
    """Return the engine of this process, so that each network is loaded once; it keeps no state of a call."""
    return FaceEngine(ModelStore())


@cache
def ready_engine() -> FaceEngine:
    """Return the shared engine after the packs of the default set-up were fetched, where they are missing."""
    ModelStore().ensure()
    return shared_engine()


def resident_bytes() -> int:
    """Return how much memory this process has in use; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def give_back(before: int) -> None:
    """Return freed memory to the system, after a module that began with so many bytes."""
    for forget in _KEPT:
        forget()
    if resident_bytes() - before > _WORTH_COLLECTING:
        gc.collect()
    if sys.platform.startswith("linux") and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
