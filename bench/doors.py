"""Doors with a real server, camera, broker and panel: what is left after kills, and how soon a panel has the card.

    python -m bench.doors kills [--each 10]          # 10 random kills each of process, camera and broker under load
    python -m bench.doors latency [--liveness]       # large enough face in front of the camera to the card at the panel
    python -m bench.doors actuator                   # decision to the card at libosdp's panel alone

It needs clips of `python -m bench.video draw` in --cache; `kills` needs Mosquitto and Debian's GStreamer, the others
libosdp. `latency` wants a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import aiomqtt
import av
import cv2
import numpy as np
from bench.doors_parts import (
    PLACE,
    Broker,
    Opened,
    Relay,
    RtspCamera,
    Server,
    add_door,
    enrol,
    joined,
    wait,
)
from bench.video_scenes import FPS, SIZE, drawn
from bench.video_world import Planned, people, plan

KEY: Final = "00112233445566778899aabbccddeeff"
TOPIC: Final = "bench/open"
_OPENED: Final = ("told", "done", "failed")
"""States of a decision whose actuator may have been told."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kills", "latency", "actuator"])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mien-video")
    parser.add_argument("--each", type=int, default=10, help="kills of each kind")
    parser.add_argument("--minutes", type=float, default=60.0, help="check after so many minutes, whatever was killed")
    parser.add_argument("--approaches", type=int, default=40, help="people who walk up")
    parser.add_argument("--liveness", action="store_true", help="the rule asks for liveness")
    parser.add_argument("--seed", type=int, default=15)
    given = parser.parse_args()
    {"kills": kills, "latency": latency, "actuator": actuator}[given.part](given)


def walk_ups(cache: Path, most: int) -> tuple[list[Planned], list[tuple[str, Path]]]:
    """The clips in which somebody walks up, and the photo by which each of those people is enrolled."""
    first = {person.name: person.photos[0] for person in people(cache)}
    clips = [clip for clip in plan(cache) if clip.kind == "approach" and (cache / f"{clip.name}.mp4").exists()][:most]
    return clips, [(clip.people[0], first[clip.people[0]]) for clip in clips]


class Listener:
    """Takes down every message of the broker, through its outages.

    Args:
        port: of the broker.
    """

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[float, str, bytes]] = []
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stop.set()
        self._thread.join(5)

    async def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                async with aiomqtt.Client("127.0.0.1", self._port) as client:
                    await client.subscribe("#", qos=1)
                    async for message in client.messages:
                        payload = message.payload if isinstance(message.payload, bytes) else b""
                        self.messages.append((time.time(), str(message.topic), payload))
                        if self._stop.is_set():
                            return
            except aiomqtt.MqttError:
                await asyncio.sleep(0.02)


def kills(given: argparse.Namespace) -> None:
    """Kill process, camera and broker at random moments while people walk up to two doors; then check the record."""
    chance = random.Random(given.seed)
    clips, staff = walk_ups(given.cache, given.approaches)
    order = [what for what in ("process", "camera", "broker") for _ in range(given.each)]
    chance.shuffle(order)
    with tempfile.TemporaryDirectory() as name, Relay().running() as relay:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        camera = RtspCamera(joined([given.cache / f"{clip.name}.mp4" for clip in clips], folder / "people.mp4"))
        broker = Broker(folder)
        server = Server(
            data,
            mqtt_url=f"mqtt://127.0.0.1:{broker.port}",
            relay_allow_private="true",
        )
        parts: dict[str, Any] = {"process": server, "camera": camera, "broker": broker}
        listener = None
        try:
            broker.start()
            listener = Listener(broker.port)
            camera.start()
            server.start()
            enrol(server, staff)
            settings = {"facePx": 48, "quality": "low", "holdOffSeconds": 0}
            with server.control() as client:
                first = add_door(client, "Relay", {"kind": "relay", "url": relay.url}, **settings)
                second = add_door(client, "Topic", {"kind": "mqtt", "topic": TOPIC}, **settings)
                for door in (first, second):
                    body = {"name": f"At {door[:8]}", "source": camera.url, "door": door, "groups": [PLACE]}
                    client.post("/cameras", json=body).raise_for_status()
            ends = time.monotonic() + 60 * given.minutes
            killed = []
            for number, what in enumerate(order, 1):
                if time.monotonic() > ends:
                    break
                before = len(relay.opened)
                wait(lambda before=before: len(relay.opened) > before, f"an opening before kill {number}")
                time.sleep(chance.random() * 2.0)
                parts[what].kill()
                killed.append(what)
                time.sleep(chance.random() * 2.0)
                parts[what].start()
                print(f"kill {number}: {what}; {len(relay.opened)} openings at the relay so far", flush=True)
            before = len(relay.opened)
            wait(lambda: len(relay.opened) > before, "an opening after the last kill")
            camera.kill()
            time.sleep(8)  # longer than any decision counts
            with server.control() as client:
                events = list(all_events(client))
            newest = max(event["number"] for event in events if event["kind"] == "decision")
            wait(lambda: newest in {n for n, _ in published(listener.messages)}, "the last decision at the broker", 60)
            check(events, relay.opened, listener.messages, killed)
        finally:
            for part in (server, camera, broker):
                part.kill()
            if listener is not None:
                listener.stop()


def all_events(client: Any) -> Iterator[dict[str, Any]]:
    """Yield all events, oldest first."""
    found: list[dict[str, Any]] = []
    before: int | None = None
    while True:
        page = client.get("/door-events", params={"limit": 500, **({"before": before} if before else {})})
        value = page.raise_for_status().json()["value"]
        if not value:
            break
        found += value
        before = value[-1]["number"]
    yield from sorted(found, key=lambda event: event["number"])


def published(messages: Sequence[tuple[float, str, bytes]]) -> list[tuple[int, str]]:
    """Number and topic of every event that the broker was told of, in order."""
    found = []
    for _, topic, payload in messages:
        if payload.startswith(b"{") and b'"event_type"' in payload:
            told = json.loads(payload)
            if "number" in told:
                found.append((int(told["number"]), topic))
    return found


def check(
    events: Sequence[dict[str, Any]],
    opened: Sequence[Opened],
    messages: Sequence[tuple[float, str, bytes]],
    order: Sequence[str],
) -> None:
    """Compare what moved and what was told with the record; exits with an error when they do not agree."""
    problems: list[str] = []
    numbers = [event["number"] for event in events]
    if numbers != list(range(1, len(numbers) + 1)):
        problems.append("the numbers of events have gaps or come twice")
    times = [datetime.fromisoformat(event["at"]).timestamp() for event in events]
    if times != sorted(times):
        problems.append("the times of events are not in the order of their numbers")
    granted = {event["id"]: event for event in events if event["granted"]}
    known = {event["number"] for event in events}
    moved: list[int] = []
    for one in opened:
        decision = granted.get(one.decision)
        if decision is None:
            problems.append(f"the relay opened without a decision in the database ({one.decision})")
            continue
        moved.append(decision["number"])
        late = one.at - datetime.fromisoformat(decision["at"]).timestamp()
        if not -0.05 <= late <= 3.5:
            problems.append(f"decision {decision['number']} opened {late:.1f} s after it was made")
        if decision["actuator"] not in _OPENED:
            problems.append(f"decision {decision['number']} opened and is recorded as {decision['actuator']}")
    if len(set(moved)) != len(moved):
        problems.append("a decision opened twice")
    if moved != sorted(moved):
        problems.append("decisions opened out of order")
    commands = sum(topic == TOPIC for _, topic, _ in messages)
    by_topic = [event for event in granted.values() if event["door"] == "Topic" and event["actuator"] in _OPENED]
    if commands > len(by_topic):
        problems.append(f"{commands} commands on the topic for {len(by_topic)} decisions")
    if waiting := [event["number"] for event in granted.values() if event["actuator"] == "waiting"]:
        problems.append(f"decisions still wait: {waiting}")
    told = [number for number, _ in published(messages)]
    if lost := sorted(set(told) - known):
        problems.append(f"events were told that the database lost: {lost}")
    if missing := sorted({event["number"] for event in granted.values()} - set(told)):
        problems.append(f"granted decisions were never told to the broker: {missing}")
    firsts = list(dict.fromkeys(told))
    if firsts != sorted(firsts):
        problems.append("events were told out of order")
    states: dict[str, int] = {}
    for event in granted.values():
        states[event["actuator"]] = states.get(event["actuator"], 0) + 1
    counts = ", ".join(f"{order.count(what)} of the {what}" for what in ("process", "camera", "broker"))
    print(
        f"kills: {counts}. {len(events)} events, {len(granted)} granted decisions (actuator: {states}), "
        f"{len(opened)} openings at the relay, {commands} commands on the topic, {len(told)} messages of events."
    )
    for problem in problems:
        print(f"WRONG: {problem}")
    if problems:
        raise SystemExit(1)
    print(
        "no opening without a decision in the database, none late, none twice; every decision was told; events in order"
    )


class Stage:
    """A Motion JPEG camera before which people walk up one after the other, at the clips' own pace."""

    def __init__(self) -> None:
        self.url = ""
        self._wall = _jpeg(np.full((SIZE[1], SIZE[0], 3), 120, np.uint8))
        self._frame = self._wall
        self._changed = threading.Condition()
        self._ended = False

    def show(self, frame: bytes | None) -> None:
        """Show a frame; the wall when None."""
        with self._changed:
            self._frame = frame or self._wall
            self._changed.notify_all()

    @contextmanager
    def running(self) -> Iterator[Stage]:
        """Serve the stream."""
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                try:
                    while not stage._ended:
                        with stage._changed:
                            stage._changed.wait(0.1)
                            frame = stage._frame
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame)}\r\n\r\n"
                        # The boundary behind it tells the reader at once that the frame is whole.
                        self.wfile.write(head.encode() + frame + b"\r\n")
                        self.wfile.flush()
                except OSError:
                    return

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/video.mjpg"
        yield self
        self._ended = True
        server.shutdown()
        thread.join()


def _jpeg(pixels: Any) -> bytes:
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


@contextmanager
def panel() -> Iterator[tuple[Any, str]]:
    """Libosdp's control panel, and the port of the reader at its line."""
    import osdp  # noqa: PLC0415  of the extra mien[video]

    from mien.doors.actuators.osdp import Serial, channel  # noqa: PLC0415  needs it, too

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


def latency(given: argparse.Namespace) -> None:
    """Time from the first frame in which the face is as large as the door asks, to the card at the panel."""
    clips, staff = walk_ups(given.cache, given.approaches)
    waits, missed = [], 0
    with tempfile.TemporaryDirectory() as name, Stage().running() as stage, panel() as (cp, port):
        server = Server(Path(name))
        try:
            server.start()
            ids = enrol(server, staff)
            with server.control() as client:
                actuator = {"kind": "osdp", "port": port, "key": KEY, "baud": 115200}
                add_door(client, "Front", actuator, liveness=given.liveness, holdOffSeconds=0)
                for number, person_id in enumerate(ids.values(), 1000):
                    badge = {"place": PLACE, "personId": person_id, "number": number, "facility": 1}
                    client.post("/door-badges", json=badge).raise_for_status()
                door = client.get("/doors").json()["value"][0]
                body = {"name": "Lobby", "source": stage.url, "door": door["id"], "groups": [PLACE]}
                client.post("/cameras", json=body).raise_for_status()
                wait(lambda: cp.is_sc_active(0), "the secure channel")
                events = lambda: client.get("/door-events").json()["value"]  # noqa: E731
                wait(lambda: [one for one in events() if one["code"] == "connected"], "the camera")
            _walk_up(stage, cp, given.cache / f"{clips[0].name}.mp4", clips[0], door["facePx"])  # networks are loaded
            for clip in clips:
                took = _walk_up(stage, cp, given.cache / f"{clip.name}.mp4", clip, door["facePx"])
                if took is None:
                    missed += 1
                else:
                    waits.append(1000 * took)
        finally:
            server.kill()
    cuts = ", ".join(f"p{share} {np.percentile(waits, share):.0f}" for share in (50, 90, 95, 99)) if waits else ""
    load = os.getloadavg()[0]
    rule = "asks for liveness" if given.liveness else "does not ask for liveness"
    print(
        f"first frame with a face of {door['facePx']} pixels to the card at the panel, the rule {rule}, "
        f"{FPS} frames a second, load {load:.1f}: {len(waits)} cards, {missed} without one; ms: {cuts}, "
        f"most {max(waits, default=0):.0f}"
    )


def _walk_up(stage: Stage, cp: Any, path: Path, clip: Planned, face_px: int) -> float | None:
    """Show a clip at its pace; returns the seconds from the first large face to the card, None without one."""
    truths = drawn(path, clip.scene, clip.photos)
    first = next((truth.frame for truth in truths if truth.box[2] >= face_px), None)
    with av.open(str(path)) as container:
        frames = [_jpeg(frame.to_ndarray(format="bgr24")) for frame in container.decode(video=0)]
    while cp.get_event(0, 0) is not None:
        continue
    card: list[float] = []

    def listen() -> None:
        if cp.get_event(0, len(frames) / FPS + 3.0) is not None:
            card.append(time.monotonic())

    listening = threading.Thread(target=listen)
    listening.start()
    begun, large = time.monotonic(), 0.0
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, begun + number / FPS - time.monotonic()))
        if number == first:
            large = time.monotonic()
        stage.show(frame)
    stage.show(None)
    listening.join()
    time.sleep(2.0)  # the track ends
    return card[0] - large if card and first is not None else None


def actuator(given: argparse.Namespace) -> None:
    """Time from a decision, committed by SQLite, to the card at the panel, without a camera."""
    from tests.doors.test_osdp import event  # noqa: PLC0415  needs libosdp

    from mien.doors.actuators.config import OsdpActuator  # noqa: PLC0415  likewise
    from mien.doors.actuators.osdp import OsdpReader  # noqa: PLC0415  likewise
    from mien.doors.types import BadgeNumber  # noqa: PLC0415  likewise
    from mien.storage.claims import elapsed  # noqa: PLC0415  likewise

    took = []
    with panel() as (cp, port):
        reader = OsdpReader(OsdpActuator(port=port, key=KEY, baud=115200), lambda _: BadgeNumber(number=1, facility=1))
        try:
            wait(lambda: cp.is_sc_active(0) and reader.online, "the secure channel")
            for _ in range(given.approaches):
                begun = time.monotonic()
                reader.open(event(), elapsed() + 5)
                assert cp.get_event(0, 5) is not None
                took.append(1000 * (time.monotonic() - begun))
                time.sleep(random.random() * 0.1)
        finally:
            reader.close()
    cuts = ", ".join(f"p{share} {np.percentile(took, share):.0f}" for share in (50, 90, 95, 99))
    print(f"card handed over to the card at the panel, ms, n = {len(took)}, load {os.getloadavg()[0]:.1f}: {cuts}")


if __name__ == "__main__":
    main()
