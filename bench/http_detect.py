"""Measures the cost of HTTP, gateway, wire and face ids besides decoding and the networks.

    python bench/http_detect.py photo.jpg [--rounds 20] [--model detection_01]

Starts a real server process and alternates, in rounds, between the bare sum (decode + detector + embedder in this
process, one thread), the whole engine in this process, and Detect over HTTP with face ids and without. Then throughput:
four clients against loops on all cores that call only decoder and networks, or only the engine. Medians and minima in
milliseconds; run it on an idle machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import cv2

from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.settings import Settings, usable_cores
from mien.vision.decode import decode
from mien.vision.detector import YuNet
from mien.vision.embedder import Embedder
from mien.vision.engine import FaceEngine
from mien.vision.finder import FaceFinder
from mien.vision.types import OperatingPoint, Want

POINTS = {
    "detection_01": OperatingPoint.GENERAL,
    "detection_02": OperatingPoint.SENSITIVE,
    "detection_03": OperatingPoint.BEST,
}


class Client:
    """One connection to a server."""

    def __init__(self, endpoint: str, key: str, model: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(endpoint).netloc)
        self._headers = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "application/octet-stream"}
        self._path = f"/face/v1.2/detect?detectionModel={model}&recognitionModel=recognition_04&returnFaceId="

    def detect(self, image: bytes, *, face_id: bool) -> list[object]:
        """Call Detect and return its response."""
        self._connection.request("POST", self._path + str(face_id).lower(), image, self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(body.decode())
        faces: list[object] = json.loads(body)
        return faces

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()


def timed(function: Callable[[], object], repeats: int) -> list[float]:
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        found.append((time.perf_counter() - start) * 1e3)
    return found


def per_second(work: Callable[[int], object], workers: int, seconds: float) -> float:
    """Return the calls of `work(worker)` per second, with each worker calling in a loop."""
    end = time.perf_counter() + seconds

    def loop(worker: int) -> int:
        count = 0
        while time.perf_counter() < end:
            work(worker)
            count += 1
        return count

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(loop, range(workers))) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--size", default="640x480", help="the photo is fitted into this before it is sent")
    parser.add_argument("--model", default="detection_01", choices=POINTS)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10, help="length of each throughput measurement")
    chosen = parser.parse_args()

    width, height = map(int, chosen.size.split("x"))
    pixels = cv2.imread(str(chosen.photo))
    if pixels is None:
        raise SystemExit(f"{chosen.photo} is not an image")
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    fitted = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = bytes(cv2.imencode(".jpg", fitted, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])

    settings = Settings()
    store = ModelStore(settings.model_dir)
    finder = FaceFinder(YuNet(store.load("yunet").network))
    bindings = read_bindings(store, settings.data_dir, settings.bindings())
    recogniser = Embedder(store.load(bindings.recognition["recognition_04"]))

    def bare() -> None:
        photo = decode(image, working_side=1280)
        for face in finder.find(photo.pixels, POINTS[chosen.model]):
            recogniser.embed(photo.pixels, face.points)

    engine = FaceEngine(store)
    want = Want(POINTS[chosen.model], recogniser=bindings.recognition["recognition_04"])

    def whole() -> None:
        engine.analyze(image, want)

    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready.json")
        command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0"]
        command += ["--data-dir", folder, "--ready-file", str(ready)]
        environment = os.environ | {"MIEN_MODEL_DIR": str(settings.model_dir), "MIEN_LOG_LEVEL": "warning"}
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if server.poll() is not None:
                    raise SystemExit("the server did not start")
                time.sleep(0.05)
            told = json.loads(ready.read_text())
            clients = [Client(told["endpoint"], told["key1"], chosen.model) for _ in range(4)]
            measure(chosen, image, bare, whole, clients)
        finally:
            server.terminate()
            server.wait()


def measure(
    chosen: argparse.Namespace,
    image: bytes,
    bare: Callable[[], None],
    whole: Callable[[], None],
    clients: list[Client],
) -> None:
    client = clients[0]
    kinds: dict[str, Callable[[], object]] = {
        "decode + detector + embedder": bare,
        "engine in process": whole,
        "detect with face id": lambda: client.detect(image, face_id=True),
        "detect without face id": lambda: client.detect(image, face_id=False),
    }
    faces = client.detect(image, face_id=True)
    for work in kinds.values():
        timed(work, 10)
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(chosen.rounds):
        for name, work in kinds.items():
            found[name] += timed(work, 15)
    cores = usable_cores()
    print(f"{platform.machine()}, {cores} cores, load {os.getloadavg()[0]:.1f}; {len(image)} bytes, {len(faces)} faces")
    base = statistics.median(found["decode + detector + embedder"])
    for name, values in found.items():
        median = statistics.median(values)
        print(f"{name:32} p50 {median:7.2f}  min {min(values):7.2f}  × {median / base:.2f}")
    for each in clients:
        each.close()
    alone = per_second(lambda _worker: bare(), cores, chosen.seconds)
    engines = per_second(lambda _worker: whole(), cores, chosen.seconds)
    served = per_second(lambda worker: clients[worker].detect(image, face_id=True), len(clients), chosen.seconds)
    print(f"throughput: {cores} threads of decoder and networks {alone:.1f}/s, of the engine {engines:.1f}/s")
    print(f"            4 clients {served:.1f}/s, × {served / alone:.2f} of the first")


if __name__ == "__main__":
    main()
