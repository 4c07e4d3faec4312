"""Cameras: recognition, refusals, latency and cost.

    python -m bench.video draw          # draw the clips (bench/video_scenes.py) into --cache; continues a stopped run
                                        # --drawing 2: the same people on other walks
    python -m bench.video accuracy      # right names, wrong names, strangers, photos and screens held up
    python -m bench.video names         # wrong names in thousands of short walk-ups (bench/video_names.py)
    python -m bench.video latency       # from the first frame with a large enough face to the decision, on an idle core
    python -m bench.video cost          # processor time of a 720p camera relative to decoding and networks; memory
    python -m bench.video tracking      # two people who cross: with and without templates; norfair if installed

People are of LFW (../shared/faces): of each of those with two good photos the second walks up and all others are
enrolled, which is one for most; strangers have one photo. LFW's people are public figures in press photos, mostly
grown-up men of the years around 2003: the figures are not those of an operator's people. Drawn attacks are not attacks:
see bench/video_scenes.py.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from bench.attacks.report import told
from bench.video_names import names
from bench.video_scenes import FPS, Truth, drawn
from bench.video_world import Doorway, Planned, World, plan, watched, world

from mien.clock import SystemClock
from mien.doors.agreement import Agreement
from mien.doors.evidence import TrackEvidence
from mien.doors.recognition import Watcher
from mien.doors.types import DoorSpec
from mien.models import ModelStore
from mien.video.camera import Camera
from mien.video.faces import LIVENESS, FaceReader
from mien.video.frames import Frame
from mien.video.health import Health, HealthMeter
from mien.video.sampling import Rates
from mien.video.sources import open_source
from mien.video.tracks import Tracker, iou
from mien.video.zones import NOTHING_HIDDEN
from mien.vision.engine import FaceEngine
from mien.watching import PICTURE_SIDE

ASKED: Final = Agreement(liveness=0.5)
"""The requirement of a rule with liveness."""
PLAIN: Final = Agreement()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["draw", "accuracy", "names", "latency", "cost", "tracking"])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "mien-video")
    parser.add_argument("--of", default="0/1", help="only share I of N of the clips, as I/N, for several processes")
    parser.add_argument("--half", choices=["tuned", "untouched"], help="only clips of that half of the people")
    parser.add_argument("--networks", nargs="*", default=LIVENESS, help="passive networks, where they are installed")
    parser.add_argument("--kinds", nargs="+", help="only clips of these kinds: approach stranger print replay pair")
    parser.add_argument("--drawing", type=int, default=0, help="which drawing of the clips, of `draw` and `accuracy`")
    parser.add_argument(
        "--most", type=int, default=10**6, help="clips of `latency` and `cost`, and new walks of `names`, at most"
    )
    parser.add_argument("--again", action="store_true", help="watch clips again that were watched before")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    _folder(given).mkdir(parents=True, exist_ok=True)
    if given.part == "draw":
        share, count = (int(one) for one in given.of.split("/"))
        for clip in _chosen(given, plan(given.cache))[share::count]:
            seed = zlib.crc32(f"{given.drawing} {clip.name}".encode()) if given.drawing else None
            drawn(_folder(given) / f"{clip.name}.mp4", clip.scene, clip.photos, seed)
        return
    parts = {"accuracy": accuracy, "names": names, "latency": latency, "cost": cost, "tracking": tracking}
    parts[given.part](given)


def _folder(given: argparse.Namespace) -> Path:
    """The folder of the clips: another drawing shows the same people on other walks, in other rooms and light."""
    cache: Path = given.cache
    return cache / f"drawing-{given.drawing}" if given.drawing else cache


def _chosen(given: argparse.Namespace, clips: Sequence[Planned]) -> list[Planned]:
    """Return the clips of the requested half and kinds."""
    return [
        clip
        for clip in clips
        if (not given.half or clip.tuned is (given.half == "tuned")) and (not given.kinds or clip.kind in given.kinds)
    ]


def accuracy(given: argparse.Namespace) -> None:
    """Print right and wrong names and opened doors, for both halves of the people."""
    clips = [clip for clip in _chosen(given, plan(given.cache)) if (_folder(given) / f"{clip.name}.mp4").exists()]
    share, count = (int(one) for one in given.of.split("/"))
    # Results by the requested and installed networks.
    store = ModelStore()
    there = [name for name in given.networks if store.installed(name)]
    results = _folder(given) / f"accuracy-{'-'.join(there) or 'none'}.jsonl"
    if given.again:
        results.unlink(missing_ok=True)
    rows = {row["clip"]: row for row in map(json.loads, results.read_text().splitlines())} if results.exists() else {}
    with world(given.cache, networks=given.networks) as here, results.open("a") as file:
        print(f"{here.persons} persons enrolled, named from confidence {here.recogniser.least():.3f}")
        for clip in clips[share::count]:
            if clip.name not in rows:
                seen = Looks(here.faces)
                evidence = watched(replace(here, faces=seen), open_source(_folder(given) / f"{clip.name}.mp4"))
                rows[clip.name] = _row(clip, evidence, seen.looks)
                file.write(json.dumps(rows[clip.name]) + "\n")
                file.flush()
    known = [(clip, rows[clip.name]) for clip in clips if clip.name in rows]
    for title, tuned in (("Tuned on", True), ("Untouched", False)):
        if some := [row for clip, row in known if clip.tuned is tuned]:
            report(title, some)
    if not given.half:
        report("Both halves", [row for _, row in known])


class Looks(FaceReader):
    """A reader that stores every liveness value with the size of its face."""

    def __init__(self, inner: FaceReader) -> None:
        self.__dict__.update(inner.__dict__)
        self.looks: list[tuple[float, int]] = []

    def read(self, frame: Frame, detection: Any, *, liveness: bool) -> Any:
        """Read as the base class does, and store the result."""
        reading = super().read(frame, detection, liveness=liveness)
        if reading.live is not None:
            self.looks.append((round(reading.live, 4), round(reading.side)))
        return reading


HOW: Final = {
    "named": lambda evidence: not PLAIN.missing(evidence),
    "named and live": lambda evidence: not ASKED.missing(evidence),
    "door": Doorway(liveness=False).opens,
    "door asking for liveness": Doorway(liveness=True).opens,
}
"""The counted decisions: `mien watch`, with `--liveness`, and a door with its default settings."""


def _row(clip: Planned, evidence: Sequence[TrackEvidence], looks: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """Return the names in a clip by any of its evidence; an opening counts, whatever follows."""
    last = {one.track: one for one in evidence}
    return {
        "clip": clip.name,
        "kind": clip.kind,
        "scene": clip.scene.value,
        "people": clip.people,
        **{how: sorted({one.best.name for one in evidence if one.best and said(one)}) for how, said in HOW.items()},
        "tracks": len(last),
        "looks": looks,
        "liveness": [round(one.liveness, 3) for one in last.values() if one.liveness is not None],
        "confidence": [round(one.best.confidence, 3) for one in last.values() if one.best],
        "margin": [round(one.margin, 3) for one in last.values() if one.best],
        "readable": [one.readable for one in last.values()],
        "agreeing": [one.agreeing for one in last.values()],
        "quality": [one.quality for one in last.values()],
        "facePx": [one.face_px for one in last.values()],
    }


def report(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print the table of clips."""

    def of(kind: str) -> list[dict[str, Any]]:
        return [row for row in rows if row["kind"] == kind]

    approaches, strangers, pairs = of("approach"), of("stranger"), of("pair")
    attacks = [*of("print"), *of("replay")]
    print(f"\n{title}\n\n| what | " + " | ".join(HOW) + " |\n|---|" + "---|" * len(HOW))
    for name, some in (("approaches, right name", approaches), ("pairs, both right", pairs)):
        right = [sum(set(row["people"]) <= set(row[how]) for row in some) for how in HOW]
        print(f"| {name} (n = {len(some)}) | " + " | ".join(told(one, len(some)) for one in right if some) + " |")
    tracks = sum(row["tracks"] for row in rows)
    wrong = [sum(len(set(row[how]) - set(row["people"])) for row in rows) for how in HOW]
    print(f"| wrong names (n = {tracks} tracks) | " + " | ".join(told(one, tracks) for one in wrong if tracks) + " |")
    for name, some in (("strangers named", strangers), ("prints named", of("print")), ("replays named", of("replay"))):
        named = [sum(bool(row[how]) for row in some) for how in HOW]
        print(f"| {name} (n = {len(some)}) | " + " | ".join(told(one, len(some)) for one in named if some) + " |")
    for name, some in (("people", [*approaches, *strangers]), ("attacks", attacks)):
        values = sorted(value for row in some for value in row["liveness"])
        if values:
            cuts = [f"{np.quantile(values, share):.3f}" for share in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)]
            print(f"liveness of {name}, quantiles 0 5 25 50 75 95 100 %: {' '.join(cuts)}")


class Virtual:
    """A clip in virtual time, as an idle core would read it: the newest frame each time, at the clip's pace.

    Each step of the analysis takes its processor time. Other work on the machine is not counted.
    """

    def __init__(self, path: Path) -> None:
        self.name, self.live, self.meter = str(path), True, HealthMeter(5.0)
        with av.open(str(path)) as container:
            self._frames = list(container.decode(video=0))
        self._now_s = 0.0
        self._since = time.process_time()

    @property
    def now_s(self) -> float:
        """The virtual time, in seconds of the clip."""
        return self._now_s + time.process_time() - self._since

    def frames(self) -> Iterator[Frame | None]:
        """Yield the newest frame each time."""
        clock, last = SystemClock(), -1
        self._since = time.process_time()
        while last + 1 < len(self._frames):
            now_s = max(self.now_s, self._frames[last + 1].time)
            while last + 1 < len(self._frames) and self._frames[last + 1].time <= now_s:
                last += 1
            self._now_s, self._since = now_s, time.process_time()
            yield Frame(self._frames[last], NOTHING_HIDDEN, clock.now(), now_s)

    def health(self) -> Health:
        """Return the health of the source."""
        return self.meter.read(self.now_s)

    def close(self) -> None:
        """Do nothing, because the clip ends by itself."""


def latency(given: argparse.Namespace) -> None:
    """Print the time from the first frame with a large enough face to the decision, for a camera on an idle core."""
    clips = [clip for clip in _chosen(given, plan(given.cache)) if clip.kind == "approach"]
    clips = [clip for clip in clips if (given.cache / f"{clip.name}.mp4").exists()][: given.most]
    door_px = DoorSpec().face_px
    waits: dict[str, list[float]] = {}
    missed: dict[str, int] = {}
    with world(given.cache, networks=given.networks) as here:
        watched(here, open_source(given.cache / f"{clips[0].name}.mp4"))  # load the networks
        for clip in clips:
            truths = drawn(given.cache / f"{clip.name}.mp4", clip.scene, clip.photos)
            for asked in (False, True):
                source = Virtual(given.cache / f"{clip.name}.mp4")
                calibration = here.recogniser.bound.calibration
                camera = Camera("bench", source, here.faces, liveness=asked, calibration=calibration)
                decided: dict[str, float] = {}

                def on(evidence: TrackEvidence, decided: dict[str, float] = decided, source: Virtual = source) -> None:
                    for how, said in HOW.items():
                        if how not in decided and said(evidence):
                            decided[how] = source.now_s

                Watcher(camera, here.recogniser).run(on)
                for how in HOW:
                    if asked is not how.endswith(("live", "liveness")):
                        continue
                    least = door_px if how.startswith("door") else here.faces.min_face
                    first = first_large(truths, least)
                    name = f"{how}, from {least} pixels"
                    if how in decided and first is not None:
                        waits.setdefault(name, []).append(1000 * (decided[how] - first / FPS))
                    else:
                        missed[name] = missed.get(name, 0) + 1
    print(f"first frame with a face so large to the decision, ms, {FPS} frames a second, processor time only")
    for name, found in waits.items():
        cuts = ", ".join(f"p{share} {np.percentile(found, share):.0f}" for share in (50, 90, 95, 99))
        told_missed = f"{missed.get(name, 0)} without a decision"
        print(f"{name}: {len(found)} approaches, {told_missed}: {cuts}, most {max(found):.0f}")


def first_large(truths: Sequence[Truth], least: int) -> int | None:
    """Return the first frame with a face at least `least` pixels wide."""
    return next((one.frame for one in truths if one.box[2] >= least), None)


def cost(given: argparse.Namespace) -> None:
    """Print processor time and memory of a 720p camera at 5 analysed frames per second, over all available clips."""
    clips = [given.cache / f"{clip.name}.mp4" for clip in plan(given.cache) if clip.kind == "approach"]
    clips = [path for path in clips if path.exists()][: min(given.most, 24)]
    rates = Rates(usual=5.0, near=5.0)
    with world(given.cache, networks=given.networks) as here:
        watched(here, open_source(clips[0]), rates=rates)
        whole, alone, decoding, seconds, analysed = 0.0, 0.0, 0.0, 0.0, 0
        print(f"liveness by {', '.join(here.faces.networks) or 'no network'}; load {os.getloadavg()[0]:.1f}")
        for path in clips:
            begun = time.process_time()
            source = open_source(path)
            watched(here, source, rates=rates)
            whole += time.process_time() - begun
            counted = CountingReader(here.faces)
            watched(World(here.recogniser, counted, here.persons), open_source(path), rates=rates)
            alone += counted.spent_s
            analysed += counted.frames
            begun = time.process_time()
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "SLICE"
                for frame in container.decode(stream):
                    last = frame.time
            decoding += time.process_time() - begun
            seconds += last
        print(
            f"{len(clips)} clips, {seconds:.0f} s of 1280 × 720, {analysed / seconds:.1f} analysed frames a second: "
            f"camera {whole / seconds:.3f}, decoding {decoding / seconds:.3f}, networks {alone / seconds:.3f} "
            f"processor seconds a second; ratio {whole / (decoding + alone):.2f}; two cores carry "
            f"{2 * 0.8 * seconds / whole:.0f} such cameras at 80 % load while somebody is always there"
        )
        memory(here, clips[0])


class CountingReader(FaceReader):
    """A reader that measures the processor time of its networks and the preparation of their inputs."""

    def __init__(self, inner: FaceReader) -> None:
        self.__dict__.update(inner.__dict__)
        self.spent_s, self.frames = 0.0, 0

    def find(self, frame: Frame, zones: Any) -> Any:
        """Find as the base class does, and measure the time."""
        frame.reduced(384)
        begun = time.process_time()
        try:
            return super().find(frame, zones)
        finally:
            self.spent_s += time.process_time() - begun
            self.frames += 1

    def is_person(self, frame: Frame, detection: Any) -> bool:
        """Check as the base class does, and measure the time."""
        frame.pixels()
        begun = time.process_time()
        try:
            return super().is_person(frame, detection)
        finally:
            self.spent_s += time.process_time() - begun

    def read(self, frame: Frame, detection: Any, *, liveness: bool) -> Any:
        """Read as the base class does, and measure the time."""
        frame.pixels()
        begun = time.process_time()
        try:
            return super().read(frame, detection, liveness=liveness)
        finally:
            self.spent_s += time.process_time() - begun


def memory(here: World, path: Path) -> None:
    """Print the resident memory of eight more cameras, each with decoder, frames and tracks, in one process."""
    more = 8
    before = resident()
    held = []
    for _ in range(more):
        source = open_source(path)
        camera = Camera(
            "bench", source, here.faces, calibration=here.recogniser.bound.calibration, picture_side=PICTURE_SIDE
        )
        updates = camera.updates()
        for _ in range(25):
            next(updates, None)
        held.append((camera, updates))
    print(f"memory: {(resident() - before) / more:.1f} MB a camera, over {more} cameras beyond the first")
    del held


def resident() -> float:
    """Return the resident memory of this process in MB; its maximum if the current one is not available."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def tracking(given: argparse.Namespace) -> None:
    """Print how often a track changes its person, and the tracks per person, for two people who cross."""
    clips = [clip for clip in plan(given.cache) if clip.kind == "pair"]
    clips = [clip for clip in clips if (given.cache / f"{clip.name}.mp4").exists()]
    store = ModelStore()
    reader = FaceReader(FaceEngine(store))
    calibration = reader.calibration(store)
    assert calibration is not None
    unlike, alike = calibration.similarity_at_fmr(1e-2), calibration.threshold
    print("| tracker, analysed frames a second | persons | tracks | changes of person |\n|---|---|---|---|")
    for step in (1, 2):
        counts = {"own, by geometry": [0, 0], "own, with templates": [0, 0], "norfair": [0, 0]}
        for clip in clips:
            path = given.cache / f"{clip.name}.mp4"
            truths = drawn(path, clip.scene, clip.photos)
            frames = [frame for frame in open_source(path).frames() if frame is not None][::step]
            found = [reader.find(frame, NOTHING_HIDDEN) for frame in frames]
            for name, count in counts.items():
                tracker = Tracker(unlike, alike) if "templates" in name else Tracker()
                if name == "norfair":
                    numbered = _norfair(found)
                else:
                    numbered = _own(tracker, frames, found, reader if "templates" in name else None)
                if numbered is None:
                    continue
                tracks, changes = _judged(numbered, found, truths, step)
                count[0] += tracks
                count[1] += changes
        for name, (tracks, changes) in counts.items():
            told_rate = FPS / step
            print(f"| {name}, {told_rate:g} | {2 * len(clips)} | {tracks or 'not installed'} | {changes} |")


def _own(tracker: Tracker, frames: Sequence[Frame], found: Sequence[Any], reader: FaceReader | None) -> list[list[int]]:
    numbered = []
    for frame, faces in zip(frames, found, strict=True):

        def read(detection: Any, *_: Any, frame: Frame = frame) -> Any:
            return reader.read(frame, detection, liveness=False) if reader else None

        seen = tracker.update(faces, frame.taken_at, frame.at_s, read)
        for one in seen:
            if one.reading is not None:
                one.track.add(one.reading)
        tracker.ended(frame.at_s)
        numbered.append([one.track.number for one in seen])
    return numbered


def _norfair(found: Sequence[Any]) -> list[list[int]] | None:
    try:
        import norfair  # noqa: PLC0415  only for this comparison
    except ImportError:
        return None
    tracker = norfair.Tracker(
        distance_function="iou", distance_threshold=0.9, initialization_delay=0, hit_counter_max=6
    )
    numbered = []
    for faces in found:
        boxes = [np.array([[x, y], [x + width, y + height]]) for x, y, width, height in (one.box for one in faces)]
        given = [norfair.Detection(box) for box in boxes]
        tracked = tracker.update(given)
        by_detection = {id(one.last_detection): int(one.id) for one in tracked}
        numbered.append([by_detection.get(id(one), -1) for one in given])
    return numbered


def _judged(
    numbered: Sequence[Sequence[int]], found: Sequence[Any], truths: Sequence[Truth], step: int
) -> tuple[int, int]:
    """Return the number of tracks on a true face, and how often one switches to the other person."""
    people: dict[int, int] = {}
    changes = 0
    for index, (numbers, faces) in enumerate(zip(numbered, found, strict=True)):
        here = [truth for truth in truths if truth.frame == index * step]
        for number, face in zip(numbers, faces, strict=True):
            best = max(here, key=lambda truth, face=face: iou(truth.box, face.box), default=None)
            if number < 0 or best is None or iou(best.box, face.box) < 0.3:
                continue
            if people.setdefault(number, best.person) != best.person:
                changes += 1
                people[number] = best.person
    return len(people), changes


if __name__ == "__main__":
    main()
