"""Overhead of the service over its networks: latency and throughput over HTTP, large photos, another library, memory.

    uv run python bench/speed.py                                  # latency, throughput, large photos
    uv run python bench/speed.py --peer PYTHON                    # beside face_recognition, in that interpreter
    uv run python bench/speed.py --requests 10000                 # and memory over so many requests

A real `mien serve --dev` process is started; the client is a persistent connection on a bare socket in this process.
The comparison is measured in the same run: "bare" is libjpeg-turbo's decode, YuNet on the 640×480 pixels and the
recogniser's networks on aligned crops, with nothing between them. The two alternate in blocks of 25 calls, the first 3
of each not counted: the weights of both processes do not fit into the cache together, so strict alternation would
measure the memory. In the comparison with another library the two process the set alternately, three times each; the
median of each file counts. Medians; run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import simplejpeg

from mien.models.bindings import DEFAULT_RECOGNISER
from mien.models.store import ModelStore

SHARED = next(path / "shared" for path in Path(__file__).resolve().parents if (path / "shared/faces").is_dir())
_BLOCK, _WARM, _TURNS = 25, 3, 3
DETECT = "/face/v1.2/detect?returnFaceId=true&recognitionModel=recognition_04&detectionModel=detection_01"


def photo(width: int, height: int, quality: int = 90) -> bytes:
    """Return a JPEG of one face: a portrait scaled to cover the size."""
    portrait = np.asarray(cv2.imread(str(SHARED / "faces/azure/detection1.jpg")))
    factor = max(width / portrait.shape[1], height / portrait.shape[0])
    scaled = cv2.resize(portrait, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", scaled[:height, -width:] if width < height else scaled[:height, :width],
                        [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()  # fmt: skip


class Bare:
    """The decoding and the networks of one detect call, with prepared inputs."""

    def __init__(self, image: bytes) -> None:
        """Load the networks; `image` is the input."""
        store = ModelStore()
        store.ensure()
        self.image = image
        pixels = simplejpeg.decode_jpeg(image, "BGR")
        height, width = (-(-side // 32) * 32 for side in pixels.shape[:2])
        padded = np.zeros((height, width, 3), np.float32)
        padded[: pixels.shape[0], : pixels.shape[1]] = pixels
        self.detector_input = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
        self.detector = store.load("yunet").network
        pack = store.load(DEFAULT_RECOGNISER)
        self.recognisers = []
        for part, _ in pack.parts or ((pack, 1.0),):
            convention = part.manifest.network.input
            assert convention is not None
            crop = np.full((1, 3, convention.height or 0, convention.width or 0), 127, np.float32)
            output = [part.manifest.network.output.name or part.network.outputs[0]]
            self.recognisers.append((part.network, crop, output))

    def steps(self) -> dict[str, Callable[[], object]]:
        """Return the steps by name."""
        named: dict[str, Callable[[], object]] = {
            "decode": lambda: simplejpeg.decode_jpeg(self.image, "BGR"),
            "detector": lambda: self.detector.run(self.detector_input),
        }
        for index, (network, crop, output) in enumerate(self.recognisers):
            named[f"embedder {index + 1}"] = lambda n=network, c=crop, o=output: n.run(c, outputs=o)
        return named

    def __call__(self) -> None:
        """Run all steps."""
        for step in self.steps().values():
            step()


class Client:
    """A persistent connection on a bare socket, to save processor time, because client and server share the cores."""

    def __init__(self, ready: dict[str, str]) -> None:
        """Connect to the server described by a ready file."""
        url = urlsplit(ready["endpoint"])
        self.socket = socket.create_connection((url.hostname or "", url.port or 80), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.head = (
            f"POST {DETECT} HTTP/1.1\r\nHost: {url.netloc}\r\nOcp-Apim-Subscription-Key: {ready['key1']}\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: "
        ).encode()

    def detect(self, image: bytes) -> list[dict[str, object]]:
        """Call Detect and return the faces."""
        self.socket.sendall(b"%b%d\r\n\r\n%b" % (self.head, len(image), image))
        head, end, body = b"", b"", b""
        while not end:
            head, end, body = self._more(head).partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body = self._more(body)
        assert head.startswith(b"HTTP/1.1 200"), body
        faces: list[dict[str, object]] = json.loads(body)
        return faces

    def _more(self, known: bytes) -> bytes:
        received = self.socket.recv(1 << 16)
        assert received, "the server closed the connection"
        return known + received


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Start a new `mien serve --dev`, and stop it at the end."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready.json"
        command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0", "--ready-file", str(ready)]
        process = subprocess.Popen([*command, "--data-dir", folder], stdout=subprocess.DEVNULL)
        try:
            started = time.perf_counter()
            while not ready.exists():
                assert process.poll() is None, "the server stopped"
                time.sleep(0.01)
            print(f"ready after {time.perf_counter() - started:.2f} s")
            yield json.loads(ready.read_text())
        finally:
            process.terminate()
            process.wait()


def median_ms(times: list[float]) -> float:
    """Return the median in milliseconds."""
    return statistics.median(times) * 1000


def timed(call: Callable[[], object]) -> float:
    """Return the duration of a call in seconds."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def latency(ready: dict[str, str], rounds: int) -> None:
    """Measure one client over HTTP alternately with the bare steps."""
    image = photo(640, 480)
    bare, client = Bare(image), Client(ready)
    assert len(client.detect(image)) == 1
    bare()
    parts: dict[str, list[float]] = {name: [] for name in bare.steps()}
    whole: list[float] = []
    for _ in range(max(1, rounds // _BLOCK)):
        for turn in range(_WARM + _BLOCK):
            for name, step in bare.steps().items():
                seconds = timed(step)
                if turn >= _WARM:
                    parts[name].append(seconds)
        for turn in range(_WARM + _BLOCK):
            seconds = timed(lambda: client.detect(image))
            if turn >= _WARM:
                whole.append(seconds)
    total = sum(median_ms(times) for times in parts.values())
    print("bare: " + ", ".join(f"{name} {median_ms(times):.2f}" for name, times in parts.items()), f"= {total:.2f} ms")
    print(f"HTTP: p50 {median_ms(whole):.2f} ms = {median_ms(whole) / total:.3f} × bare")


def in_threads(count: int, seconds: float, make: Callable[[], Callable[[], object]]) -> float:
    """Return the calls per second of `count` threads, each calling the function from `make` for `seconds`."""
    calls = [make() for _ in range(count)]
    done = [0] * count
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            calls[index]()
            done[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - started)


def throughput(ready: dict[str, str], seconds: float) -> None:
    """Measure four clients alternately with a loop of the networks alone on all cores."""
    image = photo(640, 480)
    bare = Bare(image)
    cores = len(os.sched_getaffinity(0))
    alone, served = [], []
    for _ in range(3):
        alone.append(in_threads(cores, seconds, lambda: bare))
        served.append(in_threads(4, seconds, lambda: partial(Client(ready).detect, image)))
    a, s = statistics.median(alone), statistics.median(served)
    print(f"throughput: networks alone {a:.1f}/s on {cores} cores, four clients {s:.1f}/s = {s / a:.3f} ×")


def large(ready: dict[str, str], rounds: int) -> None:
    """Measure large photos over HTTP."""
    client = Client(ready)
    for name, (width, height, quality) in {
        "2 megapixels": (1632, 1224, 90), "12 megapixels": (4000, 3000, 88), "24 megapixels": (6000, 4000, 80),
    }.items():  # fmt: skip
        image = photo(width, height, quality)
        times = [timed(lambda: client.detect(image)) for _ in range(rounds)]  # noqa: B023  # called at once
        print(f"{name} ({len(image) / 1e6:.1f} MB): p50 {median_ms(times):.1f} ms")


PEER = """
import json, sys, time, face_recognition as fr
for line in sys.stdin:
    start = time.perf_counter()
    image = fr.load_image_file(line.strip())
    faces = fr.face_encodings(image, fr.face_locations(image))
    print(json.dumps([time.perf_counter() - start, len(faces)]), flush=True)
"""


def peer(ready: dict[str, str], python: str) -> None:
    """Measure the same files alternately with Mien (HTTP, with embedding) and face_recognition's defaults."""
    process = subprocess.Popen(
        [python, "-W", "ignore", "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    client = Client(ready)
    small = sorted((SHARED / "faces/lfw").glob("*/*.jpg"))[::100]
    with tempfile.TemporaryDirectory() as folder:
        sets = {"250 px (LFW)": small, "1-4 megapixels": list(enlarged(Path(folder)))}
        for name, files in sets.items():
            ours: list[list[float]] = [[] for _ in files]
            theirs: list[list[float]] = [[] for _ in files]
            for _ in range(_TURNS):
                for file, times in zip([files[0], *files], [[], *theirs], strict=True):
                    process.stdin.write(f"{file}\n")
                    process.stdin.flush()
                    times.append(json.loads(process.stdout.readline())[0])
                for file, times in zip([files[0], *files], [[], *ours], strict=True):
                    image = file.read_bytes()
                    times.append(timed(lambda: client.detect(image)))  # noqa: B023  # called at once
            mine, peers = ([statistics.median(times) for times in side] for side in (ours, theirs))
            ratios = [other / own for own, other in zip(mine, peers, strict=True)]
            print(f"{name}: Mien {median_ms(mine):.1f} ms, face_recognition {median_ms(peers):.1f} ms, "
                  f"median ratio {statistics.median(ratios):.1f} ×")  # fmt: skip
    process.stdin.close()
    process.wait()


def enlarged(folder: Path) -> Iterator[Path]:
    """Yield photos of at least a megapixel: Azure's larger samples, enlarged."""
    for index, name in enumerate(["detection1", "detection2", "detection5", "detection6", "identification1",
                                  "test-image-person-group", "Family2-Lady1", "Family2-Man2"]):  # fmt: skip
        pixels = np.asarray(cv2.imread(str(SHARED / f"faces/azure/{name}.jpg")))
        wanted = (1.1, 2.0, 4.0)[index % 3] * 1e6
        factor = (wanted / (pixels.shape[0] * pixels.shape[1])) ** 0.5
        target = folder / f"{name}.jpg"
        cv2.imwrite(str(target), cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
        yield target


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def memory(ready: dict[str, str], requests: int) -> None:
    """Print the server's resident memory over many requests with different photos."""
    files = [path.read_bytes() for path in sorted((SHARED / "faces/azure").glob("*.jpg"))]
    client = Client(ready)
    for number in range(requests + 1):
        if number % max(1, requests // 10) == 0:
            print(f"after {number} requests: {resident_mb(int(ready['pid'])):.0f} MB")
        client.detect(files[number % len(files)])


def main() -> None:
    """Run the requested measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter that has face_recognition installed")
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    cpu = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cpu.split(': ')[1]}, {cores} cores, Python {platform.python_version()}, load {load:.1f}")
    with server() as ready:
        latency(ready, options.rounds)
        throughput(ready, options.seconds)
        large(ready, max(5, options.rounds // 20))
        if options.peer:
            peer(ready, options.peer)
        if options.requests:
            memory(ready, options.requests)


if __name__ == "__main__":
    main()
