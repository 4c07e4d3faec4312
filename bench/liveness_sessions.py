"""Liveness sessions over HTTP: creating and reading them, single attempts and many at the same time.

    python -m bench.liveness_sessions photo.jpg [--sessions 100] [--clients 20]

Starts a real server process. The clients show a photo to the camera and answer with a still picture
(`tests/liveness_robot.py`); the measured time is from their `end` to the result, that is, waiting and evaluation. Run
it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from tests.liveness_robot import Robot, robot_for

SESSIONS = "/face/v1.2/detectLiveness-sessions"


def create(client: httpx.Client, mode: str) -> dict[str, Any]:
    """Create a session."""
    body = {"livenessOperationMode": mode, "deviceCorrelationId": str(uuid4())}
    made: dict[str, Any] = client.post(SESSIONS, json=body).raise_for_status().json()
    return made


def milliseconds(seconds: list[float]) -> str:
    """Return median and maximum as text."""
    return f"median {statistics.median(seconds) * 1000:7.1f} ms   largest {max(seconds) * 1000:7.1f} ms"


def timed(calls: int, call: Any) -> list[float]:
    """Time calls one after the other."""
    times = []
    for number in range(calls):
        start = time.perf_counter()
        call(number)
        times.append(time.perf_counter() - start)
    return times


def attempt(client: httpx.Client, robot: Robot, mode: str) -> tuple[str, float]:
    """Run an attempt; return its result, and the seconds from the client's `end` to the result."""
    told = robot.run(create(client, mode)["authToken"])
    return told.get("livenessError", "result"), robot.waited


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--clients", type=int, default=20)
    arguments = parser.parse_args()
    photo = arguments.photo.read_bytes()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0"]
        command += ["--data-dir", folder, "--ready-file", str(ready)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if server.poll() is not None:
                    raise SystemExit("the server did not start")
                time.sleep(0.05)
            told = json.loads(ready.read_text())
            headers = {"Ocp-Apim-Subscription-Key": told["key1"]}
            with httpx.Client(base_url=told["endpoint"], headers=headers, timeout=120, trust_env=False) as client:
                measure(client, photo, arguments.sessions, arguments.clients)
        finally:
            server.terminate()
            server.wait()


def measure(client: httpx.Client, photo: bytes, sessions: int, clients: int) -> None:
    """Measure on a running server and print."""
    made: list[dict[str, Any]] = []
    print("create          ", milliseconds(timed(sessions, lambda _: made.append(create(client, "Passive")))))
    print("read            ", milliseconds(timed(sessions, lambda n: client.get(f"{SESSIONS}/{made[n]['sessionId']}"))))
    picture = robot_for(client, photo).picture
    seed = 0
    for mode in ("Passive", "PassiveActive"):
        seed += 1000
        ends = [attempt(client, Robot(picture, seed=seed + number), mode)[1] for number in range(5)]
        print(f"{mode:16}", milliseconds(ends), "  one client, from end to result")
        robots = [Robot(picture, fps=8, seed=seed + 100 + number) for number in range(clients)]
        with ThreadPoolExecutor(clients) as pool:
            start = time.perf_counter()
            came = list(pool.map(lambda robot, mode=mode: attempt(client, robot, mode), robots))
            total = time.perf_counter() - start
        kinds = ", ".join(sorted({kind for kind, _ in came}))
        waits = milliseconds([wait for _, wait in came])
        print(f"{mode:16}", waits, f"  {clients} clients at once, all ended ({kinds}) after {total:.1f} s")


if __name__ == "__main__":
    main()
