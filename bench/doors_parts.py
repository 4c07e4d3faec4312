"""Parts of `bench.doors`: a real server, a relay that records requests, an RTSP camera, a broker."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import av
import httpx
from bench.video_world import Planned, people, plan

PATIENCE: Final = 240.0
GROUP: Final = "/face/v1.2/largepersongroups/staff"
PLACE: Final = "largePersonGroup/staff"


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Wait until a condition holds; return its value.

    Raises:
        TimeoutError: the condition did not hold in time.
    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)
    return found


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def walk_ups(cache: Path, most: int) -> tuple[list[Planned], list[tuple[str, Path]]]:
    """Return the clips in which people walk up, and a photo to enrol each of these people."""
    first = {person.name: person.photos[0] for person in people(cache)}
    clips = [clip for clip in plan(cache) if clip.kind == "approach" and (cache / f"{clip.name}.mp4").exists()][:most]
    return clips, [(clip.people[0], first[clip.people[0]]) for clip in clips]


class Server:
    """`mien serve --dev` in a separate process, with a data folder that outlives it.

    Args:
        folder: the data folder.
        settings: environment variables without the prefix `MIEN_`.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
        if model_dir := os.environ.get("MIEN_MODEL_DIR"):
            self._environment["MIEN_MODEL_DIR"] = model_dir
        self._environment |= {f"MIEN_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "server.log"
        self.told: dict[str, str] = {}

    def start(self) -> None:
        """Start it and wait until it responds."""
        ready = self._folder / "ready.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "mien", "serve", "--dev", "--port", "0", "--data-dir", str(self._folder)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--ready-file", str(ready)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        wait(lambda: ready.exists() or self._process is None or self._process.poll() is not None, "the server's start")
        if not ready.exists():
            raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-3000:]}")
        self.told = json.loads(ready.read_text())

    @property
    def pid(self) -> int:
        """Id of the process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill the process, as in a power failure."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def face(self) -> httpx.Client:
        """Return a client of the Face API."""
        headers = {"Ocp-Apim-Subscription-Key": self.told["key1"]}
        return httpx.Client(base_url=self.told["endpoint"], headers=headers, timeout=120, trust_env=False)

    def control(self) -> httpx.Client:
        """Return a client of the control plane."""
        headers = {"Authorization": f"Bearer {self.told['admin_token']}"}
        base = f"{self.told['management']}/mien/v1/resources/dev"
        return httpx.Client(base_url=base, headers=headers, timeout=120, trust_env=False)


def enrol(server: Server, people: Sequence[tuple[str, Path]]) -> dict[str, str]:
    """Enrol people with a photo each, train, and return their ids by name; photos with several faces are skipped."""
    ids = {}
    with server.face() as client:
        body = {"name": "Staff", "recognitionModel": "recognition_04"}
        client.put(GROUP, json=body).raise_for_status()
        for name, photo in people:
            person = client.post(f"{GROUP}/persons", json={"name": name}).raise_for_status().json()["personId"]
            added = client.post(
                f"{GROUP}/persons/{person}/persistedfaces?detectionModel=detection_03",
                content=photo.read_bytes(),
                headers={"Content-Type": "application/octet-stream"},
            )
            if added.status_code == httpx.codes.OK:
                ids[name] = person
            elif added.status_code != httpx.codes.BAD_REQUEST:
                added.raise_for_status()
        client.post(f"{GROUP}/train").raise_for_status()
        wait(lambda: client.get(f"{GROUP}/training").json()["status"] == "succeeded", "the training")
    return ids


def add_door(
    client: httpx.Client, name: str, actuator: dict[str, Any], *, liveness: bool = False, **settings: Any
) -> str:
    """Add a door that opens for all staff at any time, and return its id."""
    body = {"name": name, "actuator": actuator, **settings}
    door = client.post("/doors", json=body).raise_for_status().json()["id"]
    week = {"days": list(range(7)), "start": 0, "end": 1440}
    rule = {"name": f"Staff at {name}", "doors": [door], "groups": [PLACE], "schedule": [week], "liveness": liveness}
    client.post("/door-rules", json=rule).raise_for_status()
    return str(door)


@dataclass
class Opened:
    """An opening of a door: its time, and the decision that the request named (empty for a command on a topic)."""

    at: float
    decision: str


@dataclass
class Relay:
    """An HTTP relay that records its requests.

    Attributes:
        url: URL of the relay.
        opened: the received commands, in order.
    """

    url: str = ""
    opened: list[Opened] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Relay]:
        """Listen."""
        opened = self.opened

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                opened.append(Opened(time.time(), self.headers.get("Mien-Decision", "")))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/open"
        yield self
        server.shutdown()
        thread.join()
        server.server_close()


def joined(clips: Sequence[Path], path: Path) -> Path:
    """Concatenate clips of one encoder without encoding them again."""
    with av.open(str(path), "w") as output:
        stream, offset = None, 0
        for clip in clips:
            with av.open(str(clip)) as source:
                own = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(own)
                last = 0
                for packet in source.demux(own):
                    if packet.pts is None or packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    last = max(last, packet.pts + (packet.duration or 0))
                    packet.stream = stream
                    output.mux(packet)
                offset = last
    return path


class RtspCamera:
    """A camera that plays a clip over RTSP from its start for each connection, with Debian's GStreamer.

    Args:
        clip: H.264 in MP4.
        times: file for the time at which each picture is sent; None for none.
    """

    def __init__(self, clip: Path, times: Path | None = None) -> None:
        self._clip, self._port = clip, free_port()
        self._times = times
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """URL of the stream."""
        return f"rtsp://127.0.0.1:{self._port}/live"

    @property
    def pid(self) -> int:
        """Id of the process."""
        assert self._process is not None
        return self._process.pid

    def sent(self) -> list[tuple[float, float]]:
        """Return the sent pictures: seconds in the clip, seconds of UTC."""
        if self._times is None or not self._times.exists():
            return []
        lines = self._times.read_text().splitlines()
        return [(float(media), float(at)) for media, at in map(str.split, lines)]

    def start(self) -> None:
        """Start the camera."""
        program = Path(__file__).parents[1] / "tests" / "video" / "rtsp_server.py"
        noted = [] if self._times is None else ["--times", str(self._times)]
        command = ["/usr/bin/python3", str(program), "--clip", str(self._clip), *noted, str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == str(self._port).encode(), "the RTSP server did not start"

    def kill(self) -> None:
        """Kill the camera's process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


class Broker:
    """Mosquitto without persistence.

    Args:
        folder: folder of its configuration.
    """

    def __init__(self, folder: Path) -> None:
        found = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
        if found is None:
            raise SystemExit("needs mosquitto (Debian: apt install mosquitto)")
        self.port = free_port()
        settings = folder / "mosquitto.conf"
        settings.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._command = [found, "-c", str(settings)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        wait(listens, "the broker")

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
