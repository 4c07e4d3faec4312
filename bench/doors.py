"""Doors with a real server, camera, broker and panel: consistency after kills, and latency until a panel has the card.

    python -m bench.doors kills [--each 10]          # 10 random kills each of process, camera and broker under load
    python -m bench.doors latency [--liveness]       # first large face that a camera sends to the card at the panel
    python -m bench.doors actuator                   # decision to the card at libosdp's panel alone

It needs clips of `python -m bench.video draw` in --cache; `kills` needs Mosquitto and Debian's GStreamer, `latency`
GStreamer and libosdp, `actuator` libosdp. Run `latency` on an idle machine, or with `--first`, which gives its
processes priority; it reports the load of other processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiomqtt
import numpy as np
from bench.doors_latency import KEY, latency, panel
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
    walk_ups,
)

TOPIC: Final = "bench/open"
_OPENED: Final = ("told", "done", "failed")
"""States of a decision that the actuator may have received."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kills", "latency", "actuator"])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mien-video")
    parser.add_argument("--each", type=int, default=10, help="kills of each kind")
    parser.add_argument("--minutes", type=float, default=60.0, help="check after so many minutes, whatever was killed")
    parser.add_argument("--approaches", type=int, default=40, help="people who walk up")
    parser.add_argument("--liveness", action="store_true", help="the rule asks for liveness")
    parser.add_argument("--first", action="store_true", help="`latency` before all other processes (nice -15; root)")
    parser.add_argument("--seed", type=int, default=15)
    given = parser.parse_args()
    {"kills": kills, "latency": latency, "actuator": actuator}[given.part](given)


class Listener:
    """Records every message of the broker, and reconnects after its outages.

    Args:
        port: port of the broker.
    """

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[float, str, bytes]] = []
        self._port, self._stop = port, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Request the end of the thread."""
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
    """Kill process, camera and broker at random times while people walk up to two doors; then check the events."""
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
            settings: dict[str, Any] = {"facePx": 48, "quality": "low", "holdOffSeconds": 0}
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
    """Return number and topic of every event that the broker received, in order."""
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
    """Compare openings and messages with the recorded events; exit with an error if they differ."""
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


def actuator(given: argparse.Namespace) -> None:
    """Measure the time from a decision, committed by SQLite, to the card at the panel, without a camera."""
    from tests.doors.parts import granted_event as event  # noqa: PLC0415  needs libosdp

    from mien.doors.actuators.config import OsdpActuator  # noqa: PLC0415  likewise
    from mien.doors.actuators.osdp import OsdpReader  # noqa: PLC0415  likewise
    from mien.doors.roster_types import BadgeNumber  # noqa: PLC0415  likewise
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
