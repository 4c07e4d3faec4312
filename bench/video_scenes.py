"""Draws clips of a camera at a door: people who walk up, turn, come in pairs, leave, and hold up photos and screens.

    python -m bench.video_scenes walk PHOTO out.mp4          # somebody walks up, stands, leaves
    python -m bench.video_scenes turn PHOTO out.mp4          # and looks left and right on the way
    python -m bench.video_scenes pair PHOTO PHOTO out.mp4    # two people who cross each other's way
    python -m bench.video_scenes print PHOTO out.mp4         # somebody holds up a printed photo
    python -m bench.video_scenes replay PHOTO out.mp4        # or a screen with a film of the person

Heads are photos with the depth of the face mesh (`tests/liveness/heads.py`): they turn, nod, blink and bob; a pinhole
camera makes them larger as they come nearer. All random values come from the seed. The clips are not realistic films:
light and hair do not change, bodies are painted, and the side of a head turned by 40 degrees is only what its photo
shows. Prints and screens have edges, glare, moiré and hands, but no ink dots.

A clip is H.264 at 10 frames a second, with the true place of each face beside it (`out.json`).
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from tests.liveness.attacks import screen_texture
from tests.liveness.heads import Head, Pose
from tests.liveness.photos import head_in_photo

from mien.vision.types import Float32, Pixels

SIZE: Final = (1280, 720)
FPS: Final = 10
HEAD: Final = (300, 400)
"""Size of the frame in which a head is drawn before it is put into the scene."""
FACE_M: Final = 0.145
"""Width of a face in metres."""
FOCAL: Final = 1300.0
"""Focal length of the camera in pixels, for a horizontal field of view of 52°."""


class Scene(StrEnum):
    """The kind of a clip."""

    WALK = "walk"
    TURN = "turn"
    PAIR = "pair"
    PRINT = "print"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a head: metres from the camera, metres to the right, metres below its axis; its pose."""

    away: float
    right: float
    down: float
    pose: Pose

    @property
    def face_px(self) -> float:
        """Width of the face in the picture."""
        return FOCAL * FACE_M / self.away


Walk = Callable[[float], Place | None]

OUTLINE: Final = np.array(
    [(-0.5, 0.75), (0.5, 0.75), (0.75, 1.1), (1.45, 1.4), (1.6, 3.2), (1.5, 9), (-1.5, 9), (-1.6, 3.2), (-1.45, 1.4),
     (-0.75, 1.1)]
)  # fmt: skip
"""Outline of a body, relative to the centre of its face, in widths of the face."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The true face in a frame: number of the person, and left, top, width, height in pixels."""

    frame: int
    person: int
    box: tuple[float, float, float, float]


def smooth(
    rng: np.random.Generator, spread: float, every_s: float = 0.8, seconds: float = 12.0
) -> Callable[[float], float]:
    """Return a random, smooth function of time."""
    knots = np.arange(0, seconds + 2 * every_s, every_s)
    values = rng.normal(0, spread, len(knots))

    def at(time: float) -> float:
        place = float(np.clip(time / every_s, 0, len(knots) - 1.001))
        index = int(place)
        share = place - index
        share = share * share * (3 - 2 * share)
        return float(values[index] * (1 - share) + values[index + 1] * share)

    return at


def walking(
    rng: np.random.Generator,
    *,
    turns: float = 0.0,
    side: float | None = None,
    seconds: float = 4.2,
    nearest: float = 0.95,
) -> Walk:
    """Return the walk of a person who walks up to the camera, stands, and leaves to a side in the last second.

    Args:
        rng: random generator.
        turns: degrees by which the head is turned to each side on the way.
        side: metres beside the camera's axis; random if None.
        seconds: duration of the clip.
        nearest: minimum distance from the camera, in metres.
    """
    far, near = float(rng.uniform(4.4, 5.4)), float(rng.uniform(nearest, nearest + 0.4))
    speed = float(rng.uniform(1.2, 1.7))
    beside = float(rng.uniform(-0.35, 0.35)) if side is None else side
    height = float(rng.uniform(-0.12, 0.18))
    yaw, pitch, roll, sway = smooth(rng, 7), smooth(rng, 4), smooth(rng, 3), smooth(rng, 0.03)
    tilt = float(rng.uniform(-6, 6))
    glance = float(rng.uniform(0.8, 2.2)), float(rng.choice((-1, 1)) * rng.uniform(15, 30))
    phase, blink = float(rng.uniform(0, 6)), float(rng.uniform(0, 3))
    leaves = seconds - 0.7
    direction = float(rng.choice((-1, 1)))

    def at(time: float) -> Place | None:
        away = max(near, far - speed * time)
        moving = away > near
        bob = 0.018 * np.sin(2 * np.pi * 1.9 * time + phase) * (1.0 if moving else 0.1)
        looked = glance[1] * float(np.exp(-(((time - glance[0]) / 0.25) ** 2)))
        swing = turns * float(np.sin(2 * np.pi * time / 2.4 + phase))
        right, turned = beside * (0.4 + 0.6 * away / far) + sway(time), yaw(time) + looked + swing
        if time > leaves:
            gone = time - leaves
            right += direction * 1.6 * gone * gone
            turned += direction * 55 * min(1.0, gone / 0.5)
        closed = max(0.0, 1 - abs((time + blink) % 3.1 - 1.5) / 0.09)
        pose = Pose(yaw=float(np.clip(turned, -50, 50)), pitch=pitch(time) + tilt, roll=roll(time), blink=closed)
        return Place(away, right, height + float(bob), pose)

    return at


class Figure:
    """A person in a scene: a head from a photo on a painted body.

    Args:
        head: see `tests.liveness.heads`.
        rng: draws the clothes.
    """

    def __init__(self, head: Head, rng: np.random.Generator) -> None:
        self.head = head
        self.clothes = tuple(float(one) for one in rng.uniform(25, 150, 3))
        height, width = head.depth.shape
        middle, across = head.middle, head.width
        y, x = np.mgrid[:height, :width].astype(np.float32)
        # Hair, ears and neck have soft edges, so that the photo's background blends into the scene.
        oval = ((x - middle[0]) / (0.86 * across)) ** 2 + ((y - middle[1] + 0.12 * across) / (1.12 * across)) ** 2
        neck = ((x - middle[0]) / (0.55 * across)) ** 2 + ((y - middle[1] - 0.9 * across) / (0.8 * across)) ** 2
        matte = np.clip((1.25 - np.minimum(oval, neck)) / 0.5, 0, 1)
        self.matte = np.asarray(matte * matte * (3 - 2 * matte), np.float32)

    def draw(self, scene: Pixels, place: Place) -> tuple[float, float, float, float] | None:
        """Draw the figure in a scene; return the box of its face, or None if it is outside."""
        image, _ = self.head.view(place.pose)
        scale = place.face_px / self.head.width
        x = SIZE[0] / 2 + FOCAL * place.right / place.away
        y = SIZE[1] * 0.42 + FOCAL * place.down / place.away
        self._body(scene, x, y, place.face_px)
        paste(scene, image, self.matte, self.head.middle, scale, (x, y))
        points = self.head.points[:, :2]
        tall = float(np.ptp(points[:, 1])) * scale
        box = (x - place.face_px / 2, y - tall / 2, place.face_px, tall)
        inside = box[0] >= 0 and box[1] >= 0 and box[0] + box[2] <= SIZE[0] and box[1] + box[3] <= SIZE[1]
        return box if inside else None

    def _body(self, scene: Pixels, x: float, y: float, face: float) -> None:
        corners = (OUTLINE * face + (x, y)).round().astype(np.int32)
        left, top = np.maximum(corners.min(axis=0), 0)
        right, bottom = np.minimum(corners.max(axis=0), SIZE)
        if right <= left or bottom <= top:
            return
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [corners - np.array([left, top])], 255, lineType=cv2.LINE_AA)
        part = scene[top:bottom, left:right]
        share = cv2.GaussianBlur(mask, (0, 0), max(0.6, face / 60)).astype(np.float32)[..., None] / 255
        shade = np.linspace(1.1, 0.7, right - left, dtype=np.float32)[None, :, None]
        part[:] = np.clip(part * (1 - share) + np.array(self.clothes, np.float32) * shade * share, 0, 255)


def paste(
    scene: Pixels,
    image: Pixels,
    matte: Float32,
    middle: Float32,
    scale: float,
    to: tuple[float, float],
) -> None:
    """Draw a picture in a scene, scaled by `scale`, with its point `middle` at `to`."""
    height, width = image.shape[:2]
    shift = np.array([to[0] - middle[0] * scale, to[1] - middle[1] * scale])
    left, top = np.floor(np.maximum(shift, 0)).astype(int)
    right = int(min(SIZE[0], np.ceil(shift[0] + width * scale)))
    bottom = int(min(SIZE[1], np.ceil(shift[1] + height * scale)))
    if right <= left or bottom <= top:
        return
    if scale < 0.7:  # linear interpolation alone would skip pixels
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
        scale_x, scale_y = 1.0, 1.0
    else:
        scale_x = scale_y = scale
    move = np.array([[scale_x, 0, shift[0] - left], [0, scale_y, shift[1] - top]])
    size = (right - left, bottom - top)
    drawn = cv2.warpAffine(image, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    share = cv2.warpAffine(matte, move, size, flags=cv2.INTER_LINEAR)[..., None]
    part = scene[top:bottom, left:right]
    part[:] = np.clip(part * (1 - share) + drawn.astype(np.float32) * share, 0, 255)


class Held:
    """A print or a screen that a person holds in front of their face.

    Args:
        head: head of the shown person.
        rng: random generator.
        screen: whether it is a screen with a film instead of a print.
    """

    def __init__(self, head: Head, rng: np.random.Generator, *, screen: bool) -> None:
        self.head = head
        self.screen = screen
        self.holder = tuple(float(one) for one in rng.uniform(25, 150, 3))
        self.skin = tuple(float(one) for one in np.array([110, 140, 190]) * rng.uniform(0.5, 1.1))
        self.large = float(rng.uniform(0.75, 1.25))
        """Width of the shown face, relative to a real one."""
        self.glare = float(rng.uniform(0, 0.25))
        self.tone = rng.uniform(0.85, 1.1, 3).astype(np.float32)
        self.dim = float(rng.uniform(0.7, 1.1))
        self.film = walking(rng, side=0.0)
        self.yaw, self.pitch = smooth(rng, 9), smooth(rng, 7)

    def texture(self, time: float) -> Pixels:
        """Return the shown picture with its border."""
        if self.screen:
            shown = self.film(2.0 + time / 2)
            assert shown is not None
            picture = screen_texture(self.head.view(shown.pose)[0], time * 1000)
            border, colour = round(0.04 * HEAD[0]), 14
        else:
            picture = np.asarray(np.clip(self.head.pixels * self.tone * 0.92 + 12, 0, 255), np.uint8)
            border, colour = round(0.05 * HEAD[0]), 236
        return np.asarray(
            cv2.copyMakeBorder(picture, border, border, border, border, cv2.BORDER_CONSTANT, value=(colour,) * 3),
            np.uint8,
        )

    def draw(self, scene: Pixels, place: Place, time: float) -> tuple[float, float, float, float] | None:
        """Draw it in a scene, with the body and hands of its holder."""
        texture = self.texture(time)
        height, width = texture.shape[:2]
        face = place.face_px * self.large
        scale = face / self.head.width
        x = SIZE[0] / 2 + FOCAL * place.right / place.away
        y = SIZE[1] * 0.42 + FOCAL * place.down / place.away
        body = Figure.__new__(Figure)
        body.clothes = self.holder
        body._body(scene, x, y + 0.2 * place.face_px, place.face_px)
        yaw, pitch = np.radians(self.yaw(time)), np.radians(self.pitch(time))
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        centred = (corners - self.head.middle - (texture.shape[1] - HEAD[0]) / 2) * scale
        deep = centred[:, 0] * np.sin(yaw) + centred[:, 1] * np.sin(pitch)
        nearer = 1 / (1 + deep / (FOCAL * 0.9))
        flat = np.stack([centred[:, 0] * np.cos(yaw) * nearer, centred[:, 1] * np.cos(pitch) * nearer], axis=1)
        to = np.asarray(flat + np.array([x, y]), np.float32)
        left, top = np.floor(np.maximum(to.min(axis=0), 0)).astype(int)
        right, bottom = np.ceil(np.minimum(to.max(axis=0), SIZE)).astype(int)
        if right <= left or bottom <= top:
            return None
        size = (int(right - left), int(bottom - top))
        move = cv2.getPerspectiveTransform(corners, np.asarray(to - np.array([left, top]), np.float32))
        small = texture if scale > 0.7 else cv2.GaussianBlur(texture, (0, 0), 0.4 / scale)
        drawn = cv2.warpPerspective(small, move, size, flags=cv2.INTER_LINEAR).astype(np.float32)
        whole = np.full((height, width), 255, np.uint8)
        share = cv2.warpPerspective(whole, move, size).astype(np.float32)[..., None] / 255
        if self.glare:
            ramp = np.arange(left, right, dtype=np.float32)[None, :, None]
            drawn += 255 * self.glare * np.exp(-(((ramp - x - 0.3 * face) / SIZE[0] * 14) ** 2))
        part = scene[top:bottom, left:right]
        part[:] = np.clip(part * (1 - share) + drawn * (self.dim if self.screen else 1.0) * share, 0, 255)
        for corner in (2, 3):  # thumbs at the lower corners
            at = to[corner] + (to[1 - (corner - 2)] - to[corner]) * 0.12
            axes = (round(0.17 * place.face_px), round(0.3 * place.face_px))
            cv2.ellipse(scene, (round(float(at[0])), round(float(at[1]))), axes, 20, 0, 360, self.skin, -1, cv2.LINE_AA)
        tall = float(np.ptp(self.head.points[:, 1])) * scale
        return (x - face / 2, y - tall / 2, face, tall)


def background(rng: np.random.Generator, tint: Pixels) -> Pixels:
    """Draw a room as background: large soft areas, a door frame, edges, in the colours of a photo."""
    coarse = rng.uniform(60, 190, (5, 8, 3)).astype(np.float32)
    mean = tint.reshape(-1, 3).mean(axis=0)
    coarse = 0.5 * coarse + 0.5 * mean
    room = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(4, 9))):
        x, y = int(rng.integers(0, SIZE[0])), int(rng.integers(0, SIZE[1]))
        far = (x + int(rng.integers(20, 400)), y + int(rng.integers(20, 500)))
        shade = tuple(float(one) for one in np.clip(rng.normal(110, 50, 3), 10, 245))
        layer = room.copy()
        cv2.rectangle(layer, (x, y), far, shade, -1)
        room = 0.6 * room + 0.4 * layer
    room = cv2.GaussianBlur(room, (0, 0), float(rng.uniform(1.5, 4)))
    room += cv2.GaussianBlur(rng.normal(0, 18, (SIZE[1], SIZE[0], 1)).astype(np.float32), (0, 0), 1.2)[..., None]
    return np.asarray(np.clip(room, 0, 255), np.uint8)


def draw(scene: Scene, heads: Sequence[Head], seed: int, seconds: float = 4.2) -> tuple[list[Pixels], list[Truth]]:
    """Draw a clip.

    Args:
        scene: the scene.
        heads: the people: one, or two in `PAIR`.
        seed: seed of all random values.
        seconds: duration of the clip.

    Returns:
        BGR frames, and the true faces.
    """
    rng = np.random.default_rng(seed)
    room = background(rng, heads[0].pixels)
    gain, noise, focus = float(rng.uniform(0.7, 1.1)), float(rng.uniform(1, 3)), float(rng.uniform(0.3, 0.9))
    grain = _grain(rng, noise)
    walks: list[Walk]
    if scene is Scene.PAIR:
        side = float(rng.uniform(0.35, 0.5))
        first, second = (walking(rng, side=one, seconds=seconds, nearest=1.6) for one in (-side, side))
        walks = [_crossing(first, 1, rng), _crossing(second, -1, rng)]
    else:
        walks = [walking(rng, turns=25.0 if scene is Scene.TURN else 0.0, seconds=seconds)]
    shown: list[Figure | Held]
    if scene in {Scene.PRINT, Scene.REPLAY}:
        shown = [Held(heads[0], rng, screen=scene is Scene.REPLAY)]
    else:
        shown = [Figure(head, rng) for head in heads]
    frames, truths = [], []
    for index in range(round(seconds * FPS)):
        time = index / FPS
        picture = room.copy()
        places = [(walk(time), number) for number, walk in enumerate(walks)]
        for place, number in sorted(places, key=lambda one: -(one[0].away if one[0] else 0)):
            if place is None:
                continue
            who = shown[number]
            box = who.draw(picture, place, time) if isinstance(who, Held) else who.draw(picture, place)
            if box is not None and abs(place.pose.yaw) < 45:
                truths.append(Truth(index, number, box))
        frames.append(_taken(picture, rng, gain, grain, focus))
    return frames, truths


def _crossing(walk: Walk, direction: int, rng: np.random.Generator) -> Walk:
    """Return the same walk, but crossing to the other side halfway, in front of or behind the other person."""
    begins, behind = float(rng.uniform(1.2, 2.0)), 0.5 * max(0, direction)

    def at(time: float) -> Place | None:
        place = walk(time)
        if place is None:
            return None
        share = float(np.clip((time - begins) / 1.2, 0, 1))
        share = share * share * (3 - 2 * share)
        return Place(place.away + behind, place.right + direction * 0.85 * share, place.down, place.pose)

    return at


_GRAIN: Final = 64


def _grain(rng: np.random.Generator, noise: float) -> NDArray[np.int8]:
    """Return noise for a picture and a margin, in grains of two pixels; each frame uses another part."""
    size = (SIZE[1] // 2 + _GRAIN, SIZE[0] // 2 + _GRAIN)
    grain = np.clip(rng.standard_normal(size, np.float32) * np.float32(noise), -100, 100).astype(np.int8)
    return np.repeat(np.repeat(grain, 2, axis=0), 2, axis=1)


def _taken(picture: Pixels, rng: np.random.Generator, gain: float, grain: NDArray[np.int8], focus: float) -> Pixels:
    seen = cv2.GaussianBlur(cv2.convertScaleAbs(picture, alpha=gain), (0, 0), focus)
    x, y = (int(one) for one in rng.integers(0, 2 * _GRAIN, 2))
    part = grain[y : y + SIZE[1], x : x + SIZE[0], None]
    return np.asarray(cv2.add(seen, np.repeat(part, 3, axis=2), dtype=cv2.CV_8U), np.uint8)


def write(path: Path, frames: Sequence[Pixels], truths: Sequence[Truth], *, rate: int = FPS) -> None:
    """Write a clip as H.264 at a camera's usual 2 to 3 Mbit/s, with the truth beside it."""
    partial = path.with_suffix(".part.mp4")
    with av.open(str(partial), "w") as container:
        stream = container.add_stream(
            "libx264", rate=rate, options={"crf": "25", "preset": "ultrafast", "tune": "zerolatency"}
        )
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = 2 * rate
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")))
        container.mux(stream.encode(None))
    told = [{"frame": one.frame, "person": one.person, "box": [round(side, 1) for side in one.box]} for one in truths]
    path.with_suffix(".json").write_text(json.dumps(told))
    partial.replace(path)


def drawn(path: Path, scene: Scene, photos: Sequence[Path], seed: int | None = None) -> list[Truth]:
    """Draw a clip unless it exists, and return the true faces."""
    if not path.exists():
        key = zlib.crc32(path.stem.encode()) if seed is None else seed
        write(path, *draw(scene, [head_in_photo(photo, HEAD) for photo in photos], key))
    told = json.loads(path.with_suffix(".json").read_text())
    return [Truth(one["frame"], one["person"], tuple(one["box"])) for one in told]


def main() -> None:
    """Draw one clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Scene, choices=list(Scene))
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    heads = [head_in_photo(photo, HEAD) for photo in given.photos]
    write(given.output, *draw(given.scene, heads, given.seed))


if __name__ == "__main__":
    main()
