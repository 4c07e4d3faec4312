from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MOST_MEGABYTES = 500
"""What decoding any file may add to the process, at its peak."""

# Runs in its own process: only so is the peak its own. Prints the count of each outcome and the peak.
RUN = """
import collections
from pathlib import Path
from mien.vision.decode import MAX_BYTES, MIN_BYTES, decode
from mien.vision.errors import ImageError
from tests.hostile import hostile_inputs

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024

def clear_peak():
    Path("/proc/self/clear_refs").write_text("5")

outcomes, worst, names = collections.Counter(), (0, ""), set()
for name, data in hostile_inputs():
    assert name not in names
    names.add(name)
    clear_peak()
    before = peak()
    try:
        photo = decode(data)
    except ImageError as error:
        outcomes[type(error).__name__] += 1
        assert str(error), name
    else:
        outcomes["Photo"] += 1
        assert MIN_BYTES <= len(data) <= MAX_BYTES, name
        assert photo.pixels.ndim == 3 and photo.pixels.shape[2] == 3, name
        assert max(photo.width, photo.height) <= photo.scale * max(photo.pixels.shape), name
        del photo
    worst = max(worst, (peak() - before, name))
print(*(f"{name}={count}" for name, count in sorted(outcomes.items())))
print(*worst)
print(len(names))
"""


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs /proc/self/clear_refs (Linux)")
def test_every_hostile_file_gives_a_photo_or_an_image_error_in_bounded_memory() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    outcomes, worst, names = run.stdout.splitlines()
    assert int(names) >= 2_000
    counts = {name: int(count) for name, count in (item.split("=") for item in outcomes.split())}
    assert set(counts) == {"Photo", "UnreadableImageError", "ImageTooSmallError", "ImageTooLargeError"}
    assert counts["Photo"] > 500
    assert counts["UnreadableImageError"] > 1_000
    assert int(worst.split()[0]) <= MOST_MEGABYTES, worst
