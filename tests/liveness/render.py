"""Clips that answer a challenge, made from one photo: a person who is there, and attacks.

Everything comes from a seed. A clip is what a camera would give: frames at uneven times, exposed while the screen
changes its colour, through a camera that follows the brightness, with noise, as JPEG.

    frames = render(Kind.LIVE, head, challenge, seed=1)
    write_y4m(Path("clip.y4m"), frames, 12)   # for Chromium's --use-file-for-fake-video-capture

As a tool, for tests in a browser: `python -m tests.liveness.render PHOTO NONCE_HEX MODE KIND OUTPUT.y4m`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.liveness.attacks import Card, screen_texture
from tests.liveness.heads import Head, Pose

from mien.liveness.challenge import Challenge, HeadTurn, TurnDirection
from mien.liveness.types import TimedFrame
from mien.vision.types import Float32, Pixels


class Kind(StrEnum):
    """What a clip shows."""

    LIVE = "live"
    LIVE_STILL = "live, does not turn"
    PRINT = "flat photo, turned"
    PRINT_STILL = "flat photo, held still"
    PRINT_SHAKEN = "flat photo, shaken"
    BENT_60 = "photo bent by 60 degrees, turned"
    BENT_120 = "photo bent by 120 degrees, turned"
    CUT_OUT_EYES = "photo with a person's eyes, turned"
    SCREEN_STILL = "photo on a screen, turned"
    REPLAY = "replay of another attempt on a screen"
    REPLAY_RIGHT_TURNS = "replay on a screen, with the right turns"
    REPLAY_DIM = "replay on a dim screen, with the right turns"
    TABLET = "replay on a tablet at an angle, with the right turns"
    INJECTED = "injected video of another attempt"
    INJECTED_RIGHT_TURNS = "injected video, with the right turns"
    INJECTED_UNLIT = "injected video without flashes, with the right turns"
    SWAP = "another person after the flashes"


FLAT = (Kind.PRINT, Kind.PRINT_STILL, Kind.PRINT_SHAKEN, Kind.CUT_OUT_EYES, Kind.SCREEN_STILL)
"""Attacks that show a face on a plane."""

REPLAYS = (Kind.REPLAY, Kind.REPLAY_RIGHT_TURNS, Kind.REPLAY_DIM, Kind.TABLET)
"""Attacks that show a recording on a screen."""

ATTACKS = tuple(kind for kind in Kind if kind not in {Kind.LIVE, Kind.LIVE_STILL})


@dataclass(frozen=True, slots=True)
class Camera:
    """How a scene becomes frames.

    Attributes:
        fps: frames a second.
        jitter_ms: standard deviation of the time between two frames.
        latency_ms: from a change of the screen until a frame shows it.
        exposure_ms: during which a frame gathers light.
        noise: standard deviation, in levels of 255.
        adapts: share of a change of brightness that automatic exposure takes back in half a second.
        quality: of the JPEGs.
    """

    fps: float = 12.0
    jitter_ms: float = 6.0
    latency_ms: float = 90.0
    exposure_ms: float = 30.0
    noise: float = 1.5
    adapts: float = 0.4
    quality: int = 85

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Camera:
        """One of the cameras that people have."""
        return cls(
            fps=float(rng.uniform(10, 16)),
            jitter_ms=float(rng.uniform(1, 12)),
            latency_ms=float(rng.uniform(40, 180)),
            exposure_ms=float(rng.uniform(10, 45)),
            noise=float(rng.uniform(0.8, 3)),
            adapts=float(rng.uniform(0, 0.7)),
            quality=int(rng.integers(75, 93)),
        )


_LINEAR = (((np.arange(256) / 255) ** 2.2).astype(np.float32) * np.float32(0.8)).astype(np.float32)
"""Of each level the light that it stands for, as a share of the most that the camera can take."""
_ENCODED = ((np.arange(4096) / 4095) ** (1 / 2.2) * 255).astype(np.float32)

Script = Callable[[float], Pose]
Scene = Callable[[float], tuple[Pixels, Float32, float]]
"""At a time: BGR uint8 (h, w, 3), the share (h, w) of the screen's light that falls on each pixel as on a face beside
the camera, and how much of it a pane of glass sends straight back (in shares of white)."""


def render(
    kind: Kind,
    head: Head,
    challenge: Challenge,
    *,
    seed: int = 0,
    camera: Camera | None = None,
    reflection: float = 0.15,
    other: Head | None = None,
) -> list[TimedFrame]:
    """Make a clip that answers a challenge, or pretends to.

    Args:
        kind: what it shows.
        head: who is shown.
        challenge: what the screen of the attempt does, and asks for.
        seed: everything random comes from it.
        camera: the attempt's; drawn when None.
        reflection: light that a white screen adds to the face, as a share of what falls on it anyway: 0.04 in a bright
            room, 0.3 in a dim one (a phone of 400 cd/m² at 30 cm gives about 40 lux, rooms have 100 to 1000).
        other: who comes after the flashes in `SWAP`.
    """
    rng = np.random.default_rng(seed)
    camera = camera or Camera.drawn(rng)
    lit_by = challenge
    if kind in {Kind.INJECTED, Kind.INJECTED_RIGHT_TURNS, Kind.INJECTED_UNLIT}:
        lit_by = recorded = _another(challenge, rng, same_turns=kind is not Kind.INJECTED)
        scene = live_scene(head, performing(recorded, rng))
        reflection = 0.0 if kind is Kind.INJECTED_UNLIT else reflection
    elif kind in REPLAYS:
        scene = _replay_scene(kind, head, challenge, rng, reflection)
    elif kind in {Kind.LIVE, Kind.LIVE_STILL, Kind.SWAP}:
        answered = replace(challenge, turns=()) if kind is Kind.LIVE_STILL else challenge
        scene = live_scene(head, performing(answered, rng))
        if kind is Kind.SWAP:
            scene = _swapped(scene, live_scene(other or head, performing(challenge, rng)), challenge.frontal_ms - 300)
    else:
        scene = _card_scene(kind, head, challenge, rng)
    return film(scene, lit_by, camera, reflection, rng, duration_ms=challenge.duration_ms)


def film(
    scene: Scene,
    challenge: Challenge,
    camera: Camera,
    reflection: float,
    rng: np.random.Generator,
    *,
    duration_ms: float,
) -> list[TimedFrame]:
    """Film a scene that the flashes of a challenge light up."""
    mixing = np.array([[0.86, 0.1, 0.04], [0.08, 0.84, 0.08], [0.03, 0.12, 0.85]])  # of a camera's filters
    frames: list[TimedFrame] = []
    noise: Float32 | None = None
    time, gain, usual = float(rng.uniform(0, 40)), 1.0, 0.0
    while time < duration_ms + 120:
        pixels, share, glare = scene(time)
        moments = time - camera.latency_ms - camera.exposure_ms * np.array([0.0, 0.33, 0.67, 1.0])
        light = (challenge.light(moments).mean(axis=0) @ mixing.T)[::-1].astype(np.float32)  # blue first
        added = np.column_stack([reflection * light, np.ones(3)])
        lit = np.asarray(cv2.transform(share, added), np.float32)  # far faster than numpy's broadcasting
        lit *= cv2.LUT(pixels, _LINEAR)
        if glare:
            lit = np.asarray(cv2.transform(lit, np.column_stack([np.eye(3), glare * reflection * light])), np.float32)
        bright = float(lit.mean())
        usual = usual or bright
        step = 1 - np.exp(-1000 / camera.fps / 400)
        gain += ((usual / bright) ** camera.adapts - gain) * step if frames else 0.0
        lit *= np.float32(gain * 4095)
        levels = np.clip(lit, 0, 4095, out=lit).astype(np.uint16)
        if noise is None:
            noise = rng.normal(0, camera.noise, (2, *lit.shape)).astype(np.float32)
        shown = np.take(_ENCODED, levels, out=lit, mode="clip")  # an order of magnitude faster than with a check
        shown += np.roll(noise[len(frames) % 2], int(rng.integers(lit.shape[0])), axis=0)
        image = np.clip(shown, 0, 255, out=shown).astype(np.uint8)
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, camera.quality])[1].tobytes()
        frames.append(TimedFrame(jpeg, round(time), len(frames)))
        time += max(20.0, 1000 / camera.fps + float(rng.normal(0, camera.jitter_ms)))
    return frames


def performing(challenge: Challenge, rng: np.random.Generator) -> Script:
    """A person who looks ahead, blinks, sways a little, and turns the head as asked."""
    sway = [(rng.uniform(0.4, 1.6, 3), rng.uniform(0.15, 0.6, 3), rng.uniform(0, 6.28, 3)) for _ in range(5)]
    blinks = np.cumsum(rng.uniform(900, 2800, 6))
    turns = [_performed(turn, rng) for turn in challenge.turns]
    lean = rng.normal(0, 2, 2)

    def pose(time: float) -> Pose:
        yaw, pitch, roll, right, down = (
            float((size * np.sin(2 * np.pi * rate * time / 1000 + phase)).sum()) for size, rate, phase in sway
        )
        for turn in turns:
            more_yaw, more_pitch = turn(time)
            yaw, pitch = yaw + more_yaw, pitch + more_pitch
        blink = float(np.clip(1 - np.abs(blinks - time) / 130, 0, 1).max())
        return Pose(
            yaw + lean[0],
            pitch + lean[1],
            roll * 0.6,
            right * 0.006,
            down * 0.006,
            1 + right * 0.003,
            min(1, 2 * blink),
        )

    return pose


def live_scene(head: Head, script: Script) -> Scene:
    """A head in front of the camera."""

    def scene(time: float) -> tuple[Pixels, Float32, float]:
        return *head.view(script(time)), 0.0

    return scene


def _performed(turn: HeadTurn, rng: np.random.Generator) -> Callable[[float], tuple[float, float]]:
    """One turn, as people do it: late, gradually, back when the request ends."""
    begins = turn.start_ms + rng.uniform(250, 550)
    there = begins + rng.uniform(350, 600)
    back = turn.end_ms + rng.uniform(0, 350)
    again = back + rng.uniform(300, 500)
    yaw, pitch = {
        TurnDirection.LEFT: (rng.uniform(23, 35), 0.0),
        TurnDirection.RIGHT: (-rng.uniform(23, 35), 0.0),
        TurnDirection.UP: (0.0, rng.uniform(16, 24)),
        TurnDirection.DOWN: (0.0, -rng.uniform(16, 24)),
    }[turn.direction]

    def angle(time: float) -> tuple[float, float]:
        share = float(np.clip(min((time - begins) / (there - begins), (again - time) / (again - back)), 0, 1))
        smooth = share * share * (3 - 2 * share)
        return yaw * smooth, pitch * smooth

    return angle


def _another(challenge: Challenge, rng: np.random.Generator, *, same_turns: bool) -> Challenge:
    """The challenge of another attempt; with the turns of this one if an attacker has a clip for each."""
    drawn = Challenge.draw(rng.bytes(16), challenge.mode)
    return replace(drawn, turns=challenge.turns) if same_turns else drawn


def _swapped(before: Scene, after: Scene, at_ms: float) -> Scene:
    return lambda time: before(time) if time < at_ms else after(time)


def _replay_scene(kind: Kind, head: Head, challenge: Challenge, rng: np.random.Generator, reflection: float) -> Scene:
    """A clip of another attempt, shown on a screen that is held before the camera."""
    recorded = _another(challenge, rng, same_turns=kind is not Kind.REPLAY)
    tilt = float(rng.choice((-1, 1)) * rng.uniform(15, 28)) if kind is Kind.TABLET else 0.0
    bright = float(rng.uniform(0.35, 0.5)) if kind is Kind.REPLAY_DIM else 1.0
    clip = film(
        live_scene(head, performing(recorded, rng)),
        recorded,
        Camera(fps=18, adapts=0.3, noise=1, quality=92),
        reflection,
        rng,
        duration_ms=challenge.duration_ms,
    )
    times = np.array([frame.time_ms for frame in clip])
    card = Card.held(head.pixels.shape, rng, border=0.06, border_colour=12)
    sway = performing(replace(recorded, turns=()), rng)
    phase = float(rng.uniform(0, 100))

    def scene(time: float) -> tuple[Pixels, Float32, float]:
        shown = clip[int(np.argmin(np.abs(times - time)))].image
        assert isinstance(shown, bytes)
        texture = screen_texture(decoded(shown), phase + time)
        if bright < 1:
            texture = np.asarray(texture * bright, np.uint8)
        pose = sway(time)
        image, _ = card.view(texture, replace(pose, yaw=pose.yaw * 0.7 + tilt, pitch=pose.pitch * 0.7, blink=0))
        return image, np.full(image.shape[:2], 0.04, np.float32), 0.03

    return scene


def _card_scene(kind: Kind, head: Head, challenge: Challenge, rng: np.random.Generator) -> Scene:
    """A photo that somebody holds before the camera and turns as asked."""
    still = kind in {Kind.PRINT_STILL, Kind.PRINT_SHAKEN}
    bend = {Kind.BENT_60: 60.0, Kind.BENT_120: 120.0}.get(kind, 0.0)
    on_screen = kind is Kind.SCREEN_STILL
    card = Card.held(
        head.pixels.shape, rng, bend=bend, border=0.05 if on_screen else 0.03, border_colour=12 if on_screen else 235
    )
    script = performing(replace(challenge, turns=()) if still else challenge, rng)
    harder = float(rng.uniform(1.0, 1.5))
    eyes = performing(replace(challenge, turns=()), rng)

    def scene(time: float) -> tuple[Pixels, Float32, float]:
        pose = script(time)
        texture = head.pixels
        if kind is Kind.CUT_OUT_EYES:
            texture = _with_eyes_of(head, head.view(Pose(blink=eyes(time).blink, right=pose.right * 0.2))[0])
        if on_screen:
            texture = screen_texture(texture, time)
        shake = 3.0 if kind is Kind.PRINT_SHAKEN else 1.0
        pose = replace(pose, yaw=pose.yaw * harder, pitch=pose.pitch * harder, blink=0)
        pose = replace(pose, right=pose.right * 3 * shake, down=pose.down * 3 * shake, roll=pose.roll * shake)
        image, facing = card.view(texture, pose)
        if on_screen:
            return image, np.full(image.shape[:2], 0.04, np.float32), 0.03
        return image, facing, 0.0

    return scene


def _with_eyes_of(head: Head, live: Pixels) -> Pixels:
    """The photo with holes for the eyes, behind which a person's eyes are."""
    mask = np.zeros(head.pixels.shape[:2], np.float32)
    for corner, other in ((33, 133), (362, 263)):
        middle = (head.points[corner, :2] + head.points[other, :2]) / 2
        span = float(np.linalg.norm(head.points[corner, :2] - head.points[other, :2]))
        centre, axes = (round(float(middle[0])), round(float(middle[1]))), (round(span * 0.65), round(span * 0.4))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1)
    return np.asarray(head.pixels * (1 - mask[..., None]) + live * mask[..., None], np.uint8)


def decoded(jpeg: bytes) -> Pixels:
    """The pixels of a frame, BGR uint8 (h, w, 3)."""
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def resampled(frames: Sequence[TimedFrame], fps: float) -> list[Pixels]:
    """The frames that a camera with an even clock would have given, from time 0 on."""
    times = np.array([frame.time_ms for frame in frames])
    count = int(times[-1] * fps / 1000) + 1
    chosen = [frames[int(np.argmin(np.abs(times - index * 1000 / fps)))].image for index in range(count)]
    return [decoded(image) if isinstance(image, bytes) else image for image in chosen]


def write_y4m(path: Path, frames: Sequence[TimedFrame], fps: int) -> None:
    """Write an uncompressed clip for `--use-file-for-fake-video-capture`; sizes must be even."""
    images = resampled(frames, fps)
    height, width = images[0].shape[:2]
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
        for image in images:
            file.write(b"FRAME\n" + np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)).tobytes())


def write_mjpeg(path: Path, frames: Sequence[TimedFrame], fps: int) -> None:
    """Write a clip of JPEGs, one after the other, which Chromium plays at its own rate."""
    jpegs: list[NDArray[np.uint8]] = [cv2.imencode(".jpg", image)[1] for image in resampled(frames, fps)]
    path.write_bytes(b"".join(jpeg.tobytes() for jpeg in jpegs))


def main() -> None:
    """Render one clip into a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("nonce", type=bytes.fromhex)
    parser.add_argument("mode", choices=["Passive", "PassiveActive"])
    parser.add_argument("kind", choices=[kind.name.lower() for kind in Kind])
    parser.add_argument("output", type=Path)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reflection", type=float, default=0.15)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("WIDTH", "HEIGHT"))
    given = parser.parse_args()
    from tests.liveness.photos import head_in_photo  # noqa: PLC0415  # it loads networks

    head = head_in_photo(given.photo, (given.size[0], given.size[1]))
    camera = Camera(fps=given.fps, jitter_ms=0, latency_ms=60)
    frames = render(
        Kind[given.kind.upper()],
        head,
        Challenge.draw(given.nonce, given.mode),
        seed=given.seed,
        camera=camera,
        reflection=given.reflection,
    )
    write = write_mjpeg if given.output.suffix == ".mjpeg" else write_y4m
    write(given.output, frames, given.fps)


if __name__ == "__main__":
    main()
