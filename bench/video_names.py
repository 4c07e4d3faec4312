"""Wrong names in many tracks: short walk-ups of all photos, against a gallery (`bench.video names`).

Everybody of LFW with two good photos is enrolled with the first of them; each other good photo of theirs walks up, and
so does everybody who is not enrolled: LFW's people with one good photo, those of the attribute photos, FairFace's. No
photo walks up twice, so tracks show different pictures, if not always different people.

A walk is drawn at five frames a second, from the first face of 46 pixels on, for 2.4 s, with the tools of
`bench.video_scenes`; only the strip of the picture in which the person walks has grain, to save time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from bench.attacks.report import told
from bench.video_scenes import FOCAL, OUTLINE, SIZE, Figure, Place, background, paste, walking, write
from bench.video_world import SHARED, Doorway, people, watched, world
from tests.liveness.heads import Head
from tests.liveness.photos import head_in_photo, networks

from mien.doors.agreement import Agreement
from mien.video.sources import open_source
from mien.vision.types import OperatingPoint, Pixels

RATE: Final = 5
FRAMES: Final = 12
FIRST_PX: Final = 46.0
HEAD: Final = (240, 320)
"""Size of the frame in which a head is drawn; its face is 100 pixels wide, about as in LFW's photos."""
STRIP: Final = (352, 928)
"""Left and right of the part of the picture with grain."""
ROOMS: Final = 24
HOW: Final = ("named", "door")


@dataclass(frozen=True)
class Walker:
    """A photo that walks up.

    Attributes:
        key: key of its row.
        kind: `enrolled`, or the data set of a stranger.
        name: name of the person; "" for a stranger.
        photo: photo of the person.
    """

    key: str
    kind: str
    name: str
    photo: Path


def walkers(cache: Path) -> list[Walker]:
    """Return all walkers, ordered so that each share has some of every kind."""
    everybody = people(cache)
    found = []
    for person in everybody:
        if len(person.photos) > 1:
            found += [Walker(photo.stem, "enrolled", person.name, photo) for photo in person.photos[1:]]
        else:
            found += [Walker(photo.stem, "LFW stranger", "", photo) for photo in person.photos]
    folders = {path.name for path in (SHARED / "faces" / "lfw").iterdir()}
    more = [path for path in (SHARED / "attributes" / "lfw").glob("*.jpg") if path.stem[:-5] not in folders]
    found += [Walker(photo.stem, "LFW stranger", "", photo) for photo in more]
    faces = (SHARED / "faces" / "fairface").glob("*.jpg")
    found += [Walker(photo.stem, "FairFace stranger", "", photo) for photo in faces]
    return sorted(found, key=lambda one: zlib.crc32(one.key.encode()))


def names(given: argparse.Namespace) -> None:
    """Draw and watch the walks without a result, then print the wrong names."""
    everybody = walkers(given.cache)
    share, count = (int(one) for one in given.of.split("/"))
    results = given.cache / "names.jsonl"
    if given.again:
        results.unlink(missing_ok=True)
    rows = {row["key"]: row for row in map(json.loads, results.read_text().splitlines())} if results.exists() else {}
    mine = [one for one in everybody[share::count] if one.key not in rows][: given.most]
    if mine:
        with world(given.cache, alone=True) as here, results.open("a") as file, tempfile.TemporaryDirectory() as folder:
            print(f"{here.persons} persons enrolled by one photo, named from confidence {here.recogniser.least():.3f}")
            plain, door = Agreement(), Doorway(liveness=False)
            for one in mine:
                head = _head(one.photo)
                row: dict[str, Any] = {"key": one.key, "kind": one.kind, "name": one.name, "tracks": 0}
                if head is not None:
                    path = Path(folder) / "walk.mp4"
                    write(path, list(brief(head, zlib.crc32(one.key.encode()))), [], rate=RATE)
                    seen = watched(here, open_source(path), liveness=False)
                    row["tracks"] = len({evidence.track for evidence in seen if evidence.readable})
                    said = {"named": lambda evidence: not plain.missing(evidence), "door": door.opens}
                    for how in HOW:
                        row[how] = sorted({each.best.name for each in seen if each.best and said[how](each)})
                    row["confidence"] = max(
                        (round(each.best.confidence, 3) for each in seen if each.best), default=None
                    )
                rows[one.key] = row
                file.write(json.dumps(row) + "\n")
                file.flush()
    report([rows[one.key] for one in everybody if one.key in rows])


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table of all watched walks."""
    drawn = [row for row in rows if row["tracks"]]
    print(f"{len(rows)} photos, of which {len(drawn)} gave a track that could be read")
    print(
        "| tracks | n | wrong name | wrong name at a door | right name | right name at a door |\n"
        "|---|---|---|---|---|---|"
    )
    kinds = sorted({row["kind"] for row in drawn})
    for title, some in [*((kind, [row for row in drawn if row["kind"] == kind]) for kind in kinds), ("all", drawn)]:
        tracks = sum(row["tracks"] for row in some)
        wrong = [told(sum(len(set(row[how]) - {row["name"]}) for row in some), tracks) for how in HOW]
        own = [row for row in some if row["kind"] == "enrolled"]
        right = [told(sum(row["name"] in row[how] for row in own), len(own)) if own else "" for how in HOW]
        print(f"| {title} | {tracks} | " + " | ".join([*wrong, *right]) + " |")
    for row in drawn:
        if others := set(row["named"]) - {row["name"]}:
            at = " (a door opened)" if set(row["door"]) - {row["name"]} else ""
            print(f"{row['kind']} {row['key']} was taken for {', '.join(sorted(others))}{at}, {row['confidence']}")


def brief(head: Head, seed: int) -> Iterator[Pixels]:
    """Draw a short walk-up.

    Args:
        head: head of the person.
        seed: seed of all random values.
    """
    rng = np.random.default_rng(seed)
    figure = Figure(head, rng)
    walk = walking(rng, side=float(rng.uniform(-0.12, 0.12)))
    room = _room(int(rng.integers(ROOMS)))
    gain, noise, focus = float(rng.uniform(0.7, 1.1)), float(rng.uniform(1, 3)), float(rng.uniform(0.3, 0.9))
    still = cv2.convertScaleAbs(room, alpha=gain)
    grain = np.clip(_grain() * np.float32(noise), -100, 100).astype(np.int8)
    times = np.arange(0, 4.2, 0.05)
    places = [(time, place) for time in times if (place := walk(float(time))) and place.face_px >= FIRST_PX]
    begins = float(places[0][0])
    left, right = STRIP
    for index in range(FRAMES):
        place = walk(begins + index / RATE)
        assert place is not None
        scene = room.copy()
        _put(scene, figure, place)
        seen = cv2.GaussianBlur(cv2.convertScaleAbs(scene[:, left:right], alpha=gain), (0, 0), focus)
        down, across = (int(one) for one in rng.integers(0, _MARGIN, 2))
        part = grain[down : down + SIZE[1], across : across + right - left, None]
        picture = still.copy()
        picture[:, left:right] = cv2.add(seen, np.repeat(part, 3, axis=2), dtype=cv2.CV_8U)
        yield np.asarray(picture, np.uint8)


def _put(scene: Pixels, figure: Figure, place: Place) -> None:
    """Draw a head on a body of one colour."""
    image, _ = figure.head.view(place.pose)
    x = SIZE[0] / 2 + FOCAL * place.right / place.away
    y = SIZE[1] * 0.42 + FOCAL * place.down / place.away
    corners = (OUTLINE * place.face_px + (x, y)).round().astype(np.int32)
    cv2.fillPoly(scene, [corners], figure.clothes, lineType=cv2.LINE_AA)
    paste(scene, image, figure.matte, figure.head.middle, place.face_px / figure.head.width, (x, y))


_MARGIN: Final = 64


@cache
def _grain() -> Any:
    """Return noise for the strip and a margin, in grains of two pixels."""
    size = ((SIZE[1] + _MARGIN) // 2, (STRIP[1] - STRIP[0] + _MARGIN) // 2)
    coarse = np.random.default_rng(0).standard_normal(size, np.float32)
    return np.repeat(np.repeat(coarse, 2, axis=0), 2, axis=1)


@cache
def _room(number: int) -> Pixels:
    rng = np.random.default_rng(number)
    return background(rng, np.asarray(rng.uniform(60, 190, (4, 4, 3)), np.uint8))


def _head(photo: Path) -> Head | None:
    """Return the head in a photo; None if it has no face, several, a small one, or no colour."""
    pixels = np.asarray(cv2.imread(str(photo)), np.uint8)
    faces = networks()[0].find(pixels, OperatingPoint.GENERAL)
    grey = float(np.ptp(pixels.astype(np.float32), axis=2).mean()) < 4
    if len(faces) != 1 or faces[0].box[2] < 70 or grey:
        return None
    return head_in_photo(photo, HEAD)
