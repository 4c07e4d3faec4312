"""Latency from an RTSP camera's stream over a real server to the card at libosdp's panel (`bench.doors latency`).

People walk up one after the other in one stream that GStreamer sends at the pace of the clips. The time starts when the
first picture is sent in which the face is as wide as the door requires (by the ground truth), and ends when the panel
has the card of that person. Encoding in a camera and the network between are not included; H.264's decoding is.
"""

from __future__ import annotations

import argparse
import os
import pty
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from bench.doors_parts import PLACE, RtspCamera, Server, add_door, enrol, joined, wait, walk_ups
from bench.video_scenes import FPS, SIZE, drawn, write

from mien.doors.actuators.cards import card_bytes
from mien.doors.roster_types import BadgeNumber
from mien.doors.types import DoorSpec

KEY: Final = "00112233445566778899aabbccddeeff"
_BETWEEN_S: Final = 2.6
"""Seconds of an empty room between two people, so that the track of the first one ends."""
_FACILITY: Final = 1
FACE_PX: Final = DoorSpec().face_px
"""The default face size that a door requires."""


@contextmanager
def panel() -> Iterator[tuple[Any, str]]:
    """Yield libosdp's control panel, and the serial port for the reader."""
    import osdp  # noqa: PLC0415  from the extra mien[video]

    from mien.doors.actuators.osdp import Serial, channel  # noqa: PLC0415  needs libosdp

    panel_end, reader_end = pty.openpty()
    os.set_blocking(panel_end, False)
    info = osdp.PDInfo(0, channel(osdp, Serial(panel_end)), scbk=bytes.fromhex(KEY))
    made = osdp.ControlPanel([info], log_level=osdp.LogLevel.Critical)
    made.start()
    try:
        yield made, os.ttyname(reader_end)
    finally:
        made.teardown()
        os.close(panel_end)
        os.close(reader_end)


class Cards:
    """Records every card that the panel receives, with the time (UTC, seconds).

    Args:
        panel: libosdp's control panel.
    """

    def __init__(self, panel: Any) -> None:
        self.taken: list[tuple[float, bytes]] = []
        self._panel, self._stop = panel, threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Request the end of the thread."""
        self._stop.set()
        self._thread.join(5)

    def _listen(self) -> None:
        while not self._stop.is_set():
            event = self._panel.get_event(0, 0.5)
            if event is not None and "data" in event:
                self.taken.append((time.time(), bytes(event["data"])))


@dataclass(frozen=True)
class Walk:
    """The walk of one person in the stream.

    Attributes:
        name: name of the person.
        begins: time when the video begins, in seconds of the stream.
        large: time when the face is as wide as the door requires; None if it never is.
        ends: time when the video ends.
    """

    name: str
    begins: float
    large: float | None
    ends: float


def latency(given: argparse.Namespace) -> None:
    """Measure the time from the first picture with a large enough face to the card at the panel."""
    if given.first:
        _come_first()
    clips, staff = walk_ups(given.cache, given.approaches)
    with tempfile.TemporaryDirectory() as name, panel() as (cp, port):
        folder = Path(name)
        server = Server(folder)
        camera: RtspCamera | None = None
        cards = Cards(cp)
        try:
            server.start()
            ids = enrol(server, staff)
            with server.control() as client:
                actuator = {"kind": "osdp", "port": port, "key": KEY, "baud": 115200}
                door = add_door(client, "Front", actuator, liveness=given.liveness, holdOffSeconds=0)
                holders = {}
                for number, (who, person_id) in enumerate(ids.items(), 1000):
                    badge = {"place": PLACE, "personId": person_id, "number": number, "facility": _FACILITY}
                    client.post("/door-badges", json=badge).raise_for_status()
                    holders[card_bytes(BadgeNumber(number=number, facility=_FACILITY))[1]] = who
                known = [clip for clip in clips if clip.people[0] in ids]
                path, walks = _stream(given.cache, known, FACE_PX, folder)
                camera = RtspCamera(path, folder / "times.txt")
                camera.start()
                wait(lambda: cp.is_sc_active(0), "the secure channel")
                body = {"name": "Lobby", "source": camera.url, "door": door, "groups": [PLACE]}
                client.post("/cameras", json=body).raise_for_status()
                wait(camera.sent, "the stream")
                busy = _busy(os.getpid(), server.pid, camera.pid)
                length = walks[-1].ends
                wait(lambda: _whole(camera.sent(), length), "the stream's end", 2 * length + 60)
                others = busy()
                time.sleep(2.0)
                events = client.get("/door-events", params={"limit": 500}).raise_for_status().json()["value"]
        finally:
            cards.stop()
            server.kill()
            if camera is not None:
                camera.kill()
        sent = _whole(camera.sent(), length)
    _report(given, FACE_PX, walks, sent, [(at, holders.get(data, "?")) for at, data in cards.taken], events)
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    first = ", this run before all others" if given.first else ""
    print(f"{os.cpu_count()} cores, of which other processes used {others:.2f}{first}; load averages {load}")


def _whole(sent: Sequence[tuple[float, float]], length: float) -> list[tuple[float, float]]:
    """Return the pictures of the stream if all were sent, else nothing; each new connection restarts the stream.

    Raises:
        SystemExit: the server reconnected before the end.
    """
    again = next((index for index, (one, later) in enumerate(pairwise(sent), 1) if later[0] < one[0]), None)
    first = list(sent[:again])
    if first[-1][0] >= length - 2 / FPS:
        return first
    if again is not None:
        raise SystemExit(f"the stream was opened again after {first[-1][0]:.1f} of {length:.1f} s: no result")
    return []


def _come_first() -> None:
    """Run this process, and those that it starts, with priority over all others."""
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    if os.getpid() != os.getsid(0):
        os.setsid()
    group = Path("/proc/self/autogroup")  # if it exists, Linux shares the cores among sessions first
    if group.exists():
        group.write_text("-15")


def _stream(cache: Path, clips: Sequence[Any], face_px: int, folder: Path) -> tuple[Path, list[Walk]]:
    """Join the clips to one stream with an empty room after each; the first is repeated, to load the networks."""
    room = folder / "room.mp4"
    grain = np.random.default_rng(0).normal(120, 2, (SIZE[1], SIZE[0], 3))
    write(room, [np.asarray(np.clip(grain, 0, 255), np.uint8)] * round(_BETWEEN_S * FPS), [])
    parts, walks, at = [], [], 0.0
    for clip in [clips[0], *clips]:
        path = cache / f"{clip.name}.mp4"
        truths = drawn(path, clip.scene, clip.photos)
        with av.open(str(path)) as container:
            length = container.streams.video[0].frames / FPS
        large = next((at + one.frame / FPS for one in truths if one.box[2] >= face_px), None)
        walks.append(Walk(clip.people[0], at, large, at + length + _BETWEEN_S))
        parts += [path, room]
        at = walks[-1].ends
    return joined(parts, folder / "stream.mp4"), walks


def _report(
    given: argparse.Namespace,
    face_px: int,
    walks: Sequence[Walk],
    sent: Sequence[tuple[float, float]],
    cards: Sequence[tuple[float, str]],
    events: Sequence[dict[str, Any]],
) -> None:
    """Print the times from the first large face to the decision and to the card."""
    clock = {round(media * FPS): at for media, at in sent}
    granted = [datetime.fromisoformat(one["at"]).timestamp() for one in events if one["granted"]]
    took: list[float] = []
    decided: list[float] = []
    wrong = without = early = 0
    for walk in walks[1:]:
        begins = clock[round(walk.begins * FPS)]
        ends = begins + walk.ends - walk.begins
        mine = [(at, who) for at, who in cards if begins <= at < ends]
        wrong += sum(who != walk.name for _, who in mine)
        right = [at for at, who in mine if who == walk.name]
        if not right or walk.large is None:
            without += 1
            continue
        large = clock[round(walk.large * FPS)]
        early += right[0] < large
        took.append(1000 * (right[0] - large))
        decided += [1000 * (at - large) for at in granted if begins <= at <= right[0]][-1:]
    asks = "asks for liveness" if given.liveness else "does not ask for liveness"
    print(
        f"{len(walks) - 1} walk-ups before an RTSP camera of {SIZE[0]} × {SIZE[1]} at {FPS} frames a second; the rule "
        f"{asks}: {len(took)} cards ({early} before the face was that large), {without} without one, {wrong} wrong"
    )
    for what, found in (("the decision", decided), ("the card at the panel", took)):
        if found:
            cuts = ", ".join(f"p{share} {np.percentile(found, share):.0f}" for share in (50, 90, 95, 99))
            print(f"first picture with a face of {face_px} pixels to {what}, ms: {cuts}, most {max(found):.0f}")


def _busy(*own: int) -> Any:
    """Start to measure the cores that other processes use; return a function that reads the result."""
    ticks = os.sysconf("SC_CLK_TCK")

    def used() -> tuple[float, float]:
        numbers = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        everything = sum(numbers) - numbers[3] - numbers[4]  # except idle and waiting for disks
        mine = 0
        for process in own:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            mine += int(fields[11]) + int(fields[12])
        return (everything - mine) / ticks, time.monotonic()

    begun, since = used()

    def told() -> float:
        ended, now = used()
        return (ended - begun) / (now - since)

    return told
