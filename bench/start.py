"""Measures the time from the start of `mien serve --dev` to the first response, with installed models.

python bench/start.py [PHOTO [TIMES]]     detection1.jpg of the shared photos when no photo is given
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx


def once(folder: Path, photo: bytes) -> tuple[float, float]:
    """Return the seconds until the ready file, and until the first detect response."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0", "--data-dir", str(folder)]
    begin = time.perf_counter()
    with subprocess.Popen(
        [*command, "--ready-file", str(ready)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        while not ready.exists():
            if server.poll() is not None:
                raise SystemExit("the server did not start: run `mien serve --dev` to see why")
            time.sleep(0.005)
        answering = time.perf_counter() - begin
        told = json.loads(ready.read_text())
        answer = httpx.post(
            told["endpoint"] + "/face/v1.2/detect?recognitionModel=recognition_04&detectionModel=detection_03",
            content=photo,
            headers={"Ocp-Apim-Subscription-Key": told["key1"], "Content-Type": "application/octet-stream"},
            timeout=60,
            trust_env=False,
        ).raise_for_status()
        answered = time.perf_counter() - begin
        assert answer.json()
        server.send_signal(signal.SIGTERM)
    return answering, answered


def _shared_photo() -> Path:
    for parent in Path(__file__).resolve().parents:
        if (found := parent / "shared" / "faces" / "azure" / "detection1.jpg").exists():
            return found
    raise SystemExit(__doc__)


def main() -> None:
    """Print the medians, and the first start (which creates the database) separately."""
    photo = Path(sys.argv[1] if len(sys.argv) > 1 else _shared_photo()).read_bytes()
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as folder:
        print("new data folder   ready {:.2f} s   first answer {:.2f} s".format(*once(Path(folder), photo)))
        ready, answered = zip(*(once(Path(folder), photo) for _ in range(times)), strict=True)
    print(
        f"later starts      ready {statistics.median(ready):.2f} s   first answer {statistics.median(answered):.2f} s"
    )


if __name__ == "__main__":
    main()
