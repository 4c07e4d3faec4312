"""The plan of the laboratory's attempts (species, people, modes), each with its own seed, split by person."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from bench.liveness import SHARED, head, people
from tests.liveness.injected import tinted
from tests.liveness.render import Kind, render
from tests.liveness.videos import REAL, REPLAYED, Footage, attempt, footage

from mien.liveness.challenge import Challenge
from mien.liveness.timing import Arrivals
from mien.liveness.types import Mode, TimedFrame

PEOPLE: Final = {"calibration": 5, "evaluation": 8}
"""Number of people whose photos are used for each part's attacks; the parts share no people."""
_FILMED: Final = {"calibration": 4, "evaluation": 10}
"""Attempts per mode that are cut from the only film of a person, which both parts share."""
_DELAY_MS: Final = 120.0


@dataclass(frozen=True)
class Clip:
    """An attempt as the judge receives it."""

    challenge: Challenge
    frames: list[TimedFrame]
    arrivals: Arrivals


@dataclass(frozen=True)
class Planned:
    """An attempt of the laboratory.

    Attributes:
        name: name of the attempt.
        category: "presentation", "injection" or "person".
        species: the kind of attack.
        person: the person in the photo or film.
        mode: mode of the session.
        make: creates the clip.
    """

    name: str
    category: str
    species: str
    person: str
    mode: Mode
    make: Callable[[], Clip]


_PRESENTED: Final[dict[str, dict[Mode, tuple[Kind, ...]]]] = {
    "printed photo": {
        Mode.PASSIVE: (Kind.PRINT_STILL, Kind.PRINT_SHAKEN),
        Mode.PASSIVE_ACTIVE: (Kind.PRINT, Kind.PRINT_SHAKEN),
    },
    "printed photo, eyes cut out": dict.fromkeys(Mode, (Kind.CUT_OUT_EYES,)),
    "printed photo, bent": dict.fromkeys(Mode, (Kind.BENT_60, Kind.BENT_120)),
    "photo on a screen": dict.fromkeys(Mode, (Kind.SCREEN_STILL,)),
    "replay on a bright screen": dict.fromkeys(Mode, (Kind.REPLAY_RIGHT_TURNS,)),
    "replay on a dim screen": dict.fromkeys(Mode, (Kind.REPLAY_DIM,)),
    "replay on a tablet at an angle": dict.fromkeys(Mode, (Kind.TABLET,)),
}


def planned(part: str) -> Iterator[Planned]:
    """Yield the attempts of a part."""
    photos = people(part, PEOPLE[part])
    for mode in Mode:
        for number, (person, photo) in enumerate(photos):
            yield from _of_photo(mode, number, person, photo)
        for number in range(_FILMED[part]):
            yield _filmed("person", "filmed person", mode, part, number)
        for number in range(_FILMED[part] // 2):
            yield _filmed("presentation", "filmed replay on a screen", mode, part, number)
            yield _filmed("injection", "recording tinted to the flashes", mode, part, number)


def _of_photo(mode: Mode, number: int, person: str, photo: Path) -> Iterator[Planned]:
    def name(species: str) -> str:
        return f"{mode}/{species}/{person}"

    for index, (species, kinds) in enumerate(_PRESENTED.items()):
        kind = kinds[mode][number % len(kinds[mode])]
        if (number + index) % 2 and number > 3:  # half of the later people: rendering each takes long
            continue

        def presented(kind: Kind = kind, key: str = name(species)) -> Clip:
            return _rendered(kind, photo, mode, key)

        yield Planned(name(species), "presentation", species, person, mode, presented)
    for again in range(2):
        species = "rendering from one photo"

        def injected(key: str = f"{name(species)}/{again}") -> Clip:
            return _rendered(Kind.LIVE, photo, mode, key)

        yield Planned(f"{name(species)}/{again}", "injection", species, person, mode, injected)
    species = "frames assembled and sent late"
    yield Planned(name(species), "injection", species, person, mode, lambda: _late(photo, mode, name(species), number))
    other = "another face on a tinted recording"
    yield Planned(name(other), "injection", other, person, mode, lambda: _swapped(photo, mode, name(other)))


def _filmed(category: str, species: str, mode: Mode, part: str, number: int) -> Planned:
    key = f"{mode}/{species}/{part}/{number}"

    def make() -> Clip:
        challenge, rng = _drawn(key, mode)
        lit = float(np.exp(rng.uniform(np.log(0.04), np.log(0.3))))
        if category == "injection":
            return in_time(challenge, tinted(_film("real"), challenge, _seed(key)))
        if category == "presentation":
            return in_time(challenge, attempt(_film("screen-replay"), challenge, challenge, reflection=lit * 0.1))
        return in_time(challenge, attempt(_film("real"), challenge, challenge, reflection=lit, seed=_seed(key)))

    return Planned(key, category, species, "the filmed person", mode, make)


def _rendered(kind: Kind, photo: Path, mode: Mode, key: str) -> Clip:
    challenge, rng = _drawn(key, mode)
    lit = float(np.exp(rng.uniform(np.log(0.04), np.log(0.3))))
    return in_time(challenge, render(kind, head(photo), challenge, seed=_seed(key), reflection=lit))


def _late(photo: Path, mode: Mode, key: str, number: int) -> Clip:
    """Create the frames of a program that renders after it knows the challenge: all late, or all at once at the end."""
    clip = _rendered(Kind.LIVE, photo, mode, key)
    taken = [float(frame.time_ms) for frame in clip.frames]
    if number % 2:
        came = [taken[-1] + 900.0 + 4 * index for index in range(len(taken))]
    else:
        late = float(np.random.default_rng(_seed(key)).uniform(2500, 9000))
        came = [time + late for time in taken]
    return replace(clip, arrivals=Arrivals(tuple(came), _DELAY_MS))


def _swapped(photo: Path, mode: Mode, key: str) -> Clip:
    challenge, _ = _drawn(key, mode)
    return in_time(challenge, tinted(_film("real"), challenge, _seed(key), head(photo)))


def in_time(challenge: Challenge, frames: list[TimedFrame]) -> Clip:
    """Return a clip whose frames arrive like a camera's over a good network."""
    return Clip(challenge, frames, Arrivals(tuple(frame.time_ms + _DELAY_MS for frame in frames), _DELAY_MS))


def _drawn(key: str, mode: Mode) -> tuple[Challenge, np.random.Generator]:
    rng = np.random.default_rng(_seed(key))
    return Challenge.draw(rng.bytes(16), mode), rng


def _seed(key: str) -> int:
    return zlib.crc32(key.encode())


@cache
def _film(name: str) -> Footage:
    return footage(SHARED / "pad" / "clips" / f"{name}.mp4", *(REAL if name == "real" else REPLAYED))
