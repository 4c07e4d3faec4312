"""The heaps that threads get from the C library."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys

import pytest

from mien.cli._memory import without_collector

SCRIPT = """
import ctypes, os, sys, threading
from mien.cli._memory import limit_arenas
print(limit_arenas(), flush=True)
together = threading.Barrier(12)
def use():
    together.wait()
    kept = [bytes(5000) for _ in range(100)]
    together.wait()
threads = [threading.Thread(target=use) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
c = ctypes.CDLL(None)
c.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(c.fdopen(1, b"w"))
c.malloc_info(0, out)
c.fflush(out)
"""


def heaps(**environment: str) -> tuple[bool, int]:
    """Whether the limit was set, and how many heaps twelve threads then have."""
    inherited = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=inherited | environment, check=True, capture_output=True, text=True
    ).stdout
    return told.startswith("True"), len(re.findall("<heap nr=", told))


@pytest.mark.skipif(
    not hasattr(os, "confstr") or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="glibc"
)
def test_threads_share_a_heap_a_core_unless_the_operator_says_otherwise() -> None:
    limited, count = heaps()
    assert limited
    assert 1 < count <= max(2, len(os.sched_getaffinity(0)))
    assert heaps(MALLOC_ARENA_MAX="5") == (False, 5)


def test_the_collector_rests_while_modules_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gc.isenabled()
    with pytest.raises(ImportError), without_collector():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()
    frozen = gc.get_freeze_count()
    monkeypatch.delitem(sys.modules, "this", raising=False)
    with without_collector():
        monkeypatch.setitem(sys.modules, "this", gc)
    assert gc.get_freeze_count() > frozen
    gc.disable()
    try:
        with without_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
