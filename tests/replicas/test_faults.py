"""Random faults on three real replicas; `python -m bench.faults` tries more of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from bench.faults import stack
from bench.faults.__main__ import run


@pytest.mark.timeout(1800)
def test_faults_lose_nothing_that_was_acknowledged() -> None:
    if lacks := stack.missing():
        pytest.skip(f"needs {lacks}")
    report = run(Path(tempfile.mkdtemp(prefix="mien-faults-")), 6, 7, 3, at_once=3)
    assert report["violations"] == []
    assert report["clients_that_failed"] == []
    assert report["checks"]["found"] > 0
    assert report["checks"]["gone"] > 0
    assert report["failed_outside_faults"] <= max(1, report["calls_outside_faults"] // 1000)
