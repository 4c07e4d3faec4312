"""The challenge of one attempt: colours that the screen flashes, and turns of the head.

Both are drawn from the attempt's nonce, so that a recording of another attempt does not match. The screen keeps
flashing while the head turns, so every frame is bound to this attempt.

People who can be harmed by flashing light can get a challenge with turns only, one more of them, on a constant white
screen. Turns can be guessed more easily than colours, so the operator sets the best decision of such an attempt.

Flashing stays below the limits for seizures: every colour lasts at least `SHORTEST_FLASH_MS`, so a second has at most
four changes, which are two general flashes (WCAG 2.3.1 allows three), and no colour is a saturated red.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.liveness.types import Mode

SHORTEST_FLASH_MS: Final = 260
LONGEST_FLASH_MS: Final = 340
LONGEST_MS: Final = 7000
"""Maximum duration of a challenge."""

COLOURS: Final = ("#202020", "#FFFFFF", "#FF80A0", "#00FF40", "#2040FF", "#00FFFF", "#FF40FF", "#FFFF00")
"""Dark, white, pink (in place of red), green, blue, cyan, magenta, yellow: every channel is on in half of them."""

_ON: Final = np.array([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]], bool)
"""Which of red, green and blue a colour of `COLOURS` switches on."""

_PASSIVE_FLASHES: Final = 10
_FRONTAL_FLASHES: Final = 8
"""Flashes before the first turn, while the person looks ahead."""

_CALM_TURNS: Final = 3
"""Turns without flashes: 24 sequences of directions."""

_SHARE_ON: Final = (0.3, 0.7)
"""In how many of the frontal flashes each channel is on: a channel that hardly changes could be left out."""

_ALIKE: Final = 0.5
"""Largest correlation of two channels over the frontal flashes: brightness alone must not explain all three."""

_T = TypeVar("_T")


class TurnDirection(StrEnum):
    """The direction of a head turn from the person's view: their left is the right side of an unmirrored image."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


_PAIRS: Final = tuple(
    pair
    for sideways in (TurnDirection.LEFT, TurnDirection.RIGHT)
    for upright in (TurnDirection.UP, TurnDirection.DOWN)
    for pair in ((sideways, upright), (upright, sideways))
)
"""The first and the second turn: one about each axis, because a photo that is bent about one axis looks deep only when
it turns about that one."""
_PAIRS_WITH_FLASHES: Final = tuple(pair for pair in _PAIRS if TurnDirection.DOWN in pair)
"""With flashes nobody is asked to look up. A head that looks up shows hardly more than its frontal views (`novelty`),
little more than a rendering; a head that looks down shows more than twice as much. The flashes bind the video to its
attempt, so a smaller choice of turns costs little; without flashes all pairs are drawn."""


@dataclass(frozen=True, slots=True)
class Flash:
    """One colour that fills the screen.

    Attributes:
        start_ms: since the challenge began.
        duration_ms: until the next one begins.
        color: sRGB as "#RRGGBB".
    """

    start_ms: int
    duration_ms: int
    color: str

    @property
    def end_ms(self) -> int:
        """The time at which the next flash begins."""
        return self.start_ms + self.duration_ms


@dataclass(frozen=True, slots=True)
class HeadTurn:
    """One turn of the head.

    Attributes:
        direction: direction of the turn.
        start_ms: time of the instruction, since the start of the challenge.
        duration_ms: duration of the request; then the person is asked to look ahead again, or to turn elsewhere.
    """

    direction: TurnDirection
    start_ms: int
    duration_ms: int

    @property
    def end_ms(self) -> int:
        """The time at which the request is withdrawn."""
        return self.start_ms + self.duration_ms


@dataclass(frozen=True, slots=True)
class Challenge:
    """The challenge of one attempt.

    Attributes:
        mode: passive challenges have no turns.
        flashes: one after the other without a gap, from 0 to the end.
        turns: in the order of the requests; they do not overlap.
    """

    mode: Mode
    flashes: tuple[Flash, ...]
    turns: tuple[HeadTurn, ...]

    @classmethod
    def draw(cls, nonce: bytes, mode: Mode | str, *, flashes: bool = True) -> Challenge:
        """Draw the challenge of an attempt.

        Args:
            nonce: at least 16 random bytes that no other attempt has; the same bytes always give the same challenge.
            mode: with head turns or without.
            flashes: whether colours may flash; without them there are turns in both modes.

        Raises:
            ValueError: if the nonce is too short, or there is no such mode.
        """
        if len(nonce) < 16:
            message = "a nonce of fewer than 16 bytes can be guessed"
            raise ValueError(message)
        mode = Mode(mode)
        if not flashes:
            return cls._calm(_Dice(b"mien liveness challenge without flashes 1 " + nonce))
        dice = _Dice(b"mien liveness challenge 1 " + mode.value.encode() + b" " + nonce)
        if mode is Mode.PASSIVE:
            return cls(mode, _timed(dice, _colours(dice, _PASSIVE_FLASHES)), ())
        frontal = _timed(dice, _colours(dice, _FRONTAL_FLASHES))
        turns: list[HeadTurn] = []
        end = frontal[-1].end_ms
        for direction in dice.choice(_PAIRS_WITH_FLASHES):
            turns.append(HeadTurn(direction, end + dice.between(100, 350), dice.between(1250, 1550)))
            end = turns[-1].end_ms
        return cls(mode, _prolonged(dice, frontal, end), tuple(turns))

    @classmethod
    def _calm(cls, dice: _Dice) -> Challenge:
        """Draw turns under a white screen."""
        directions = list(dice.choice(_PAIRS))
        while len(directions) < _CALM_TURNS:
            directions.append(dice.choice([other for other in TurnDirection if other is not directions[-1]]))
        turns: list[HeadTurn] = []
        end = dice.between(1000, 1300)
        for direction in directions:
            turns.append(HeadTurn(direction, end + dice.between(100, 300), dice.between(1250, 1500)))
            end = turns[-1].end_ms
        return cls(Mode.PASSIVE_ACTIVE, (Flash(0, end + 200, "#FFFFFF"),), tuple(turns))

    @property
    def flashing(self) -> bool:
        """Whether the challenge flashes colours."""
        return len(self.flashes) > 1

    @property
    def duration_ms(self) -> int:
        """Its duration; at most `LONGEST_MS`."""
        return self.flashes[-1].end_ms

    @property
    def frontal_ms(self) -> int:
        """The time until which the person is only asked to look ahead."""
        return self.turns[0].start_ms if self.turns else self.duration_ms

    def light(self, times_ms: ArrayLike) -> NDArray[np.float64]:
        """The screen's light at given times.

        Args:
            times_ms: (n,) since the challenge began; before it and after it the first and the last colour stay.

        Returns:
            (n, 3) red, green, blue in [0, 1], linear (not gamma-encoded).
        """
        starts = np.array([flash.start_ms for flash in self.flashes])
        index = np.searchsorted(starts, np.asarray(times_ms, np.float64), side="right") - 1
        return np.array([linear(flash.color) for flash in self.flashes])[np.clip(index, 0, None)]

    def to_json(self) -> dict[str, object]:
        """Return the message to the client; times in ms since the start of the challenge."""
        return {
            "mode": self.mode.value,
            "durationMs": self.duration_ms,
            "flashes": [
                {"startMs": flash.start_ms, "durationMs": flash.duration_ms, "color": flash.color}
                for flash in self.flashes
            ],
            "turns": [
                {"direction": turn.direction.value, "startMs": turn.start_ms, "durationMs": turn.duration_ms}
                for turn in self.turns
            ],
        }


def linear(color: str) -> NDArray[np.float64]:
    """The linear red, green and blue in [0, 1] of a colour "#RRGGBB" (IEC 61966-2-1)."""
    encoded = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.asarray(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def _colours(dice: _Dice, count: int) -> list[int]:
    """Draw numbers of `COLOURS` until each channel is on about half of the time and independent of the others."""
    while True:
        colours = [dice.below(len(COLOURS))]
        while len(colours) < count:
            colours.append(_next(dice, colours[-1]))
        on = _ON[colours].astype(np.float64)
        share = on.mean(axis=0)
        if _SHARE_ON[0] <= share.min() and share.max() <= _SHARE_ON[1]:
            alike = np.asarray(np.corrcoef(on.T))[np.triu_indices(3, 1)]
            if np.abs(alike).max() <= _ALIKE:
                return colours


def _next(dice: _Dice, colour: int) -> int:
    """Draw a colour in which at least two of the three channels differ."""
    return dice.choice([other for other in range(len(COLOURS)) if (_ON[other] ^ _ON[colour]).sum() >= 2])


def _timed(dice: _Dice, colours: Sequence[int], start: int = 0) -> tuple[Flash, ...]:
    flashes = []
    for colour in colours:
        flashes.append(Flash(start, dice.between(SHORTEST_FLASH_MS, LONGEST_FLASH_MS), COLOURS[colour]))
        start = flashes[-1].end_ms
    return tuple(flashes)


def _prolonged(dice: _Dice, flashes: tuple[Flash, ...], until_ms: int) -> tuple[Flash, ...]:
    """Add flashes until a time."""
    while flashes[-1].end_ms < until_ms:
        colour = _next(dice, COLOURS.index(flashes[-1].color))
        flashes += _timed(dice, [colour], flashes[-1].end_ms)
    return flashes


class _Dice:
    """Uniform whole numbers from a seed, the same on every machine and with every version of a library."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def below(self, limit: int) -> int:
        """Return a number in [0, limit)."""
        block = hashlib.sha256(self._seed + self._count.to_bytes(8, "big")).digest()
        self._count += 1
        return int.from_bytes(block, "big") % limit  # 256 bits: the remainder's bias is far below anything measurable

    def between(self, low: int, high: int) -> int:
        """Return a number in [low, high]."""
        return low + self.below(high - low + 1)

    def choice(self, options: Sequence[_T]) -> _T:
        """Return one of the options."""
        return options[self.below(len(options))]
