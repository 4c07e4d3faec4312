"""What attackers hold before a camera: a printed photo, flat or bent, and a screen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from tests.liveness.heads import Pose, inverse_map
from tests.vision.turned_views import rotation

from mien.vision.types import Float32, Pixels


@dataclass(frozen=True)
class Card:
    """A sheet with a picture, before a background.

    Attributes:
        background: BGR uint8 (h, w, 3).
        bend: degrees of the cylinder that its width covers, positive when its middle is nearest; 0 for a flat one.
        border: white or black margin, as a share of its width.
        border_colour: grey level of the margin.
        shrunk: its size relative to the frame.
    """

    background: Pixels
    bend: float
    border: float
    border_colour: int
    shrunk: float

    @classmethod
    def held(
        cls,
        shape: tuple[int, ...],
        rng: np.random.Generator,
        *,
        bend: float = 0.0,
        border: float = 0.03,
        border_colour: int = 235,
    ) -> Card:
        """A card before a random, blurred background; `shape` is that of a frame."""
        height, width = shape[:2]
        coarse = rng.uniform(30, 200, (6, 5, 3)).astype(np.float32)
        background = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        shrunk = float(rng.uniform(0.8, 1.05))
        return cls(np.clip(background, 0, 255).astype(np.uint8), bend, border, border_colour, shrunk)

    def view(self, texture: Pixels, pose: Pose) -> tuple[Pixels, Float32]:
        """What a camera sees when the card with a picture on it is held in a pose.

        Args:
            texture: BGR uint8 (h, w, 3), of the frame's size.
            pose: of the card; shifts are in shares of a quarter of the frame's width.

        Returns:
            BGR uint8 (h, w, 3), and float32 (h, w), how much of a light beside the camera falls on each pixel.
        """
        height, width = texture.shape[:2]
        margin = round(width * self.border)
        picture = texture.copy()
        if margin:
            cv2.rectangle(picture, (0, 0), (width - 1, height - 1), (self.border_colour,) * 3, margin * 2)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        u, v = x - width / 2, y - height / 2
        across, deep = u, np.zeros_like(u)
        if self.bend:
            radius = np.float32(width / np.radians(self.bend))
            across, deep = radius * np.sin(u / radius), radius * (1 - np.cos(u / radius))
        roll = np.radians(pose.roll)
        in_plane = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
        turn = (in_plane @ rotation(pose.yaw, pose.pitch)).astype(np.float32)
        focal = np.float32(2.2 * width)
        sx, sy, sz = (turn[row, 0] * across + turn[row, 1] * v + turn[row, 2] * deep for row in range(3))
        zoom = np.float32(self.shrunk * pose.scale) / (1 + sz / focal)
        to_x = sx * zoom + width / 2 + np.float32(pose.right * width / 4)
        to_y = sy * zoom + height / 2 + np.float32(pose.down * width / 4)
        source = inverse_map(to_x, to_y, x, y, float(turn[0, 2]), float(turn[1, 2]))
        image = cv2.remap(picture, source[..., 0], source[..., 1], cv2.INTER_LINEAR)
        covered = self._outline(to_x, to_y)
        facing = np.float32(0.9 * abs(turn[2, 2]))
        image = cv2.copyTo(image, covered, self.background.copy())
        return np.asarray(image, np.uint8), np.where(covered > 0, facing, np.float32(0.1))

    @staticmethod
    def _outline(to_x: Float32, to_y: Float32) -> Pixels:
        edge = [(to_x[0], to_y[0]), (to_x[:, -1], to_y[:, -1]), (to_x[-1, ::-1], to_y[-1, ::-1])]
        edge.append((to_x[::-1, 0], to_y[::-1, 0]))
        outline = np.concatenate([np.stack(side, axis=-1) for side in edge]).round().astype(np.int32)
        mask = np.zeros(to_x.shape, np.uint8)
        cv2.fillPoly(mask, [outline], 1)
        return mask


def screen_texture(pixels: Pixels, time_ms: float) -> Pixels:
    """A picture as a screen shows it to a camera: bluish, with raised blacks, and moiré that wanders."""
    height, width = pixels.shape[:2]
    y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
    drift = time_ms / 700
    waves = ((0.9, 0.35, drift, 1.06), (1.1, -0.2, 2 + drift, 1.0), (0.75, 0.6, 4.0, 0.95))
    channels = []
    for channel, (along, down, phase, strength) in zip(cv2.split(pixels), waves, strict=True):
        moire = 0.05 * _wave(along * x, down * y + phase) + (1 + 0.03 * np.sin(1.9 * y))
        channels.append(np.clip((14 + channel * np.float32(0.94)) * moire * strength, 0, 255).astype(np.uint8))
    return np.asarray(cv2.merge(channels), np.uint8)


def _wave(across: Float32, down: Float32) -> Float32:
    """Return sin(across + down), from the sines of either: two for a row and a column instead of one for a pixel."""
    return np.asarray(np.sin(across) * np.cos(down) + np.cos(across) * np.sin(down), np.float32)
