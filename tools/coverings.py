"""Draws things over faces for training: masks, sunglasses, hands and other patches, caps and fringes.

Everything is drawn in the loose crop of `FaceContext` (224 × 224, eyes near (89, 100) and (135, 100), mouth near
y = 153), where the parts of every face lie at the same place. What each drawing hides is measured, not assumed.
"""

from __future__ import annotations

import cv2
import numpy as np

from mien.vision.attributes.context import LOOSE_TEMPLATE
from mien.vision.types import Float32, Pixels

Random = np.random.Generator
SIZE = 224
_EYE_LEFT, _EYE_RIGHT, _NOSE, _MOUTH_LEFT, _MOUTH_RIGHT = (tuple(map(float, point)) for point in LOOSE_TEMPLATE)
_MOUTH_Y = (_MOUTH_LEFT[1] + _MOUTH_RIGHT[1]) / 2
PARTS = {
    "forehead": (90, 60, 134, 86),
    "eye_left": (_EYE_LEFT[0] - 11, _EYE_LEFT[1] - 6, _EYE_LEFT[0] + 11, _EYE_LEFT[1] + 6),
    "eye_right": (_EYE_RIGHT[0] - 11, _EYE_RIGHT[1] - 6, _EYE_RIGHT[0] + 11, _EYE_RIGHT[1] + 6),
    "nose": (_NOSE[0] - 9, _NOSE[1] - 12, _NOSE[0] + 9, _NOSE[1] + 8),
    "mouth": (_MOUTH_LEFT[0] - 2, _MOUTH_Y - 8, _MOUTH_RIGHT[0] + 2, _MOUTH_Y + 8),
}
"""Rectangles of the parts of a face in the loose crop: left, top, right, bottom."""


def covered(alpha: Float32, part: str) -> float:
    """Share of a part's rectangle that is hidden, by opacity."""
    left, top, right, bottom = (round(value) for value in PARTS[part])
    return float(alpha[top:bottom, left:right].mean())


def texture(random: Random, other: Pixels) -> Pixels:
    """Give a 224 × 224 texture: a plain colour, cloth with a pattern, skin, or a piece of another photo."""
    kind = random.integers(5)
    if kind == 0:
        plain = np.full((SIZE, SIZE, 3), random.integers(0, 256, 3), np.float32)
    elif kind == 1:
        base = np.array([[150, 190, 230], [90, 120, 180], [50, 75, 120], [120, 150, 205]])[random.integers(4)]
        plain = np.full((SIZE, SIZE, 3), base + random.normal(0, 12, 3), np.float32)
    elif kind == 2:
        coarse = random.integers(0, 256, (int(random.integers(3, 24)),) * 2 + (3,)).astype(np.uint8)
        plain = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    elif kind == 3:
        grey = float(random.choice([15, 30, 60, 200, 240]))
        plain = np.full((SIZE, SIZE, 3), grey, np.float32) + random.normal(0, 6, 3)
    else:
        # The upper corner of another photo's loose crop: background, hair, clothes; rarely a face.
        x = int(random.choice([0, SIZE - 64]))
        plain = cv2.resize(other[:64, x : x + 64], (SIZE, SIZE)).astype(np.float32)
    shade = np.linspace(random.uniform(0.7, 1.1), random.uniform(0.6, 1.1), SIZE, dtype=np.float32)
    shaded = plain * (shade[:, None, None] if random.random() < 0.5 else shade[None, :, None])
    return np.clip(shaded + random.normal(0, random.uniform(0, 8), shaded.shape), 0, 255).astype(np.uint8)


def paint(crop: Pixels, alpha: Float32, colour: Pixels) -> Pixels:
    """Lay a texture over a crop by an opacity map, float32 (224, 224) in [0, 1]."""
    return (crop * (1 - alpha[:, :, None]) + colour * alpha[:, :, None]).astype(np.uint8)


def outline(points: list[tuple[float, float]], random: Random, *, jitter: float, soft: float = 1.0) -> Float32:
    """Fill a polygon with shaken corners and soft edges: opacity, float32 (224, 224)."""
    shaken = np.array(points) + random.normal(0, jitter, (len(points), 2))
    alpha = np.zeros((SIZE, SIZE), np.float32)
    cv2.fillPoly(alpha, [np.round(shaken * 8).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=3)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft), np.float32)


def mask(random: Random, *, nose: bool) -> Float32:
    """Outline of a face mask over mouth and chin, and over the nose or hanging below it."""
    top = random.uniform(106, 120) if nose else random.uniform(139, 144)
    side, chin = random.uniform(38, 52), random.uniform(182, 200)
    wing = top + random.uniform(2, 14)
    lower = random.uniform(162, 176)
    corners = [(112 - side, wing), (98, top + 3), (112, top), (126, top + 3), (112 + side, wing)]
    corners += [(112 + 0.85 * side, lower), (128, chin - 3), (112, chin), (96, chin - 3), (112 - 0.85 * side, lower)]
    return outline(corners, random, jitter=1.5)


def sunglasses(random: Random) -> Float32:
    """Outline of dark lenses with a bridge."""
    alpha = np.zeros((SIZE, SIZE), np.float32)
    wide, high, drop = random.uniform(15, 23), random.uniform(10, 17), random.uniform(-2, 6)
    for x, y in (_EYE_LEFT, _EYE_RIGHT):
        cv2.ellipse(alpha, (round(x), round(y + drop)), (round(wide), round(high)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    cv2.line(alpha, (89, 96), (135, 96), 1.0, 3, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(alpha, (0, 0), 0.8), np.float32)


def patch(random: Random, part: str) -> Float32:
    """Outline of a lump (hand, cup, ball, phone) about a part, of any size from a touch to a whole cover."""
    left, top, right, bottom = PARTS[part]
    x = (left + right) / 2 + random.normal(0, 12)
    y = (top + bottom) / 2 + random.normal(0, 9)
    wide, high = (right - left) * random.uniform(0.4, 1.5), (bottom - top) * random.uniform(0.6, 2.2)
    count = int(random.integers(4, 10))
    turn = random.uniform(0, 2 * np.pi)
    angles = turn + np.arange(count) * 2 * np.pi / count
    points = [(x + wide * float(np.cos(a)), y + high * float(np.sin(a))) for a in angles]
    return outline(points, random, jitter=4, soft=random.uniform(0.6, 2))


def brow_cover(random: Random) -> Float32:
    """Outline of a cap, band or fringe that comes down the forehead from above."""
    low = random.uniform(62, 94)
    bow = random.normal(0, 6)
    half = random.uniform(50, 75)
    points = [(112 - half, 20), (112 + half, 20), (112 + half, low + bow), (112, low), (112 - half, low + bow)]
    return outline(points, random, jitter=3, soft=random.uniform(0.6, 3))


def spoil(crop: Pixels, random: Random) -> Pixels:
    """Sometimes cut away what surrounds the face, lower the resolution, or shift the colours.

    Many of the mask photos are tight crops of small faces; without this a head would learn that instead.
    """
    if random.random() < 0.35:
        left, top = int(random.integers(40, 72)), int(random.integers(20, 62))
        right, bottom = int(random.integers(152, 184)), int(random.integers(182, 215))
        cut = np.zeros_like(crop)
        cut[top:bottom, left:right] = crop[top:bottom, left:right]
        crop = cut
    if random.random() < 0.35:
        small = int(random.integers(40, 120))
        crop = np.asarray(cv2.resize(cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA), (SIZE, SIZE)))
    gain = random.uniform(0.75, 1.2) * (1 + random.normal(0, 0.04, 3))
    return np.clip(crop * gain, 0, 255).astype(np.uint8)
