"""Skin, paper or screen: the passive networks on the face and its surroundings.

Each looks at a crop that is cut from the face's box and enlarged as the published network was trained: 128 × 128 pixels
at 2.7 times (`fr-liveness`), 80 × 80 at 2.7 and 4 times (the pair of `minifasnet`). The crop keeps the box's shape, is
moved inside the image where it would reach beyond, and enlarged less where the image is too small for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from mien.models.store import LoadedPack
from mien.vision import align
from mien.vision.types import Float32, Pixels

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class _Look:
    """Input and output of one network.

    Attributes:
        role: role of its file in the pack.
        enlarged: how much larger than the face's box its crop is.
        side: side of the crop in pixels.
        real: which of its classes is a real face.
        logits: whether it gives logits instead of probabilities.
    """

    role: str
    enlarged: float
    side: int
    real: int
    logits: bool = False


_LOOKS: Final[Mapping[str, tuple[_Look, ...]]] = {
    "fr-liveness": (_Look("network", 2.7, 128, 0, logits=True),),
    "minifasnet": (_Look("v2", 2.7, 80, 1), _Look("v1se", 4.0, 80, 1)),
}

PACKS: Final = tuple(_LOOKS)
"""Names of the packs with passive networks; each is optional."""


class MaterialNetworks:
    """The passive networks of the packs that there are; safe to call from many threads.

    Args:
        packs: the loaded packs, each one of `PACKS`.

    Attributes:
        names: names of the packs, in the order of `PACKS`.
    """

    def __init__(self, packs: Sequence[LoadedPack]) -> None:
        self._packs = sorted(packs, key=lambda pack: PACKS.index(pack.manifest.name))
        self.names = tuple(pack.manifest.name for pack in self._packs)

    def real(self, views: Sequence[tuple[Pixels, Box]]) -> Float32:
        """How much each view looks like a real face.

        Args:
            views: BGR uint8 (h, w, 3) and the detector's box in it: left, top, width, height in pixels.

        Returns:
            float32 (n, packs), probabilities in [0, 1] in the order of `names`; the mean of a pack that has several.
        """
        if not views or not self._packs:
            return np.zeros((len(views), len(self._packs)), np.float32)
        return np.asarray(np.stack([_probabilities(pack, views) for pack in self._packs], axis=1), np.float32)


def _probabilities(pack: LoadedPack, views: Sequence[tuple[Pixels, Box]]) -> Float32:
    found = []
    for look in _LOOKS[pack.manifest.name]:
        crops = [surroundings(pixels, box, look.enlarged, look.side) for pixels, box in views]
        (classes,) = pack.networks[look.role].run(np.asarray(cv2.dnn.blobFromImages(crops), np.float32))
        if look.logits:
            powers = np.exp(classes - classes.max(axis=1, keepdims=True))
            classes = powers / powers.sum(axis=1, keepdims=True)
        found.append(classes[:, look.real])
    return np.asarray(np.mean(found, axis=0), np.float32)


def surroundings(pixels: Pixels, box: Box, enlarged: float, side: int) -> Pixels:
    """Cut a face with its surroundings.

    Args:
        pixels: BGR uint8 (h, w, 3).
        box: left, top, width, height in pixels.
        enlarged: how much larger than the box the crop is, where the image has room.
        side: side of the result in pixels.

    Returns:
        BGR uint8 (side, side, 3).
    """
    height, width = pixels.shape[:2]
    left, top, box_width, box_height = box
    scale = min(enlarged, (width - 1) / max(box_width, 1), (height - 1) / max(box_height, 1))
    crop_width, crop_height = max(box_width * scale, 1.0), max(box_height * scale, 1.0)
    x = float(np.clip(left + box_width / 2 - crop_width / 2, 0, max(width - 1 - crop_width, 0)))
    y = float(np.clip(top + box_height / 2 - crop_height / 2, 0, max(height - 1 - crop_height, 0)))
    region = pixels[int(y) : int(y + crop_height) + 1, int(x) : int(x + crop_width) + 1]
    while min(region.shape[:2]) >= 4 * side:  # bilinear alone would skip pixels
        region = align.halved(region)
    return np.asarray(cv2.resize(region, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
