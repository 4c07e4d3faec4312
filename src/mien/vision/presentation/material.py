"""Skin, paper or screen: passive PAD networks on the face and its surroundings.

Each network sees the face's box enlarged as in its training: 2.7 times at 128 × 128 pixels (`fr-liveness`), 2.7 and 4
times at 80 × 80 (the pair of `minifasnet`). The crop keeps the box's aspect ratio, is moved into the image if it would
extend beyond, and is enlarged less if the image is too small.
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
class _PassiveNetwork:
    """Input and output of one network.

    Attributes:
        role: role of its file in the pack.
        enlarged: factor of the crop relative to the face's box.
        side: side of the crop in pixels.
        real: index of the class of real faces.
        logits: whether it returns logits instead of probabilities.
    """

    role: str
    enlarged: float
    side: int
    real: int
    logits: bool = False


_NETWORKS: Final[Mapping[str, tuple[_PassiveNetwork, ...]]] = {
    "fr-liveness": (_PassiveNetwork("network", 2.7, 128, 0, logits=True),),
    "minifasnet": (_PassiveNetwork("v2", 2.7, 80, 1), _PassiveNetwork("v1se", 4.0, 80, 1)),
}

PACKS: Final = tuple(_NETWORKS)
"""Names of the packs with passive networks; each is optional."""


class MaterialNetworks:
    """The passive networks of the installed packs; thread-safe.

    Args:
        packs: the loaded packs, each one of `PACKS`.

    Attributes:
        names: names of the packs, in the order of `PACKS`.
    """

    def __init__(self, packs: Sequence[LoadedPack]) -> None:
        self._packs = sorted(packs, key=lambda pack: PACKS.index(pack.manifest.name))
        self.names = tuple(pack.manifest.name for pack in self._packs)

    def real(self, views: Sequence[tuple[Pixels, Box]]) -> Float32:
        """Return the probability of each view to show a real face.

        Args:
            views: BGR uint8 (h, w, 3) and the detector's box in it: left, top, width, height in pixels.

        Returns:
            float32 (n, packs), in [0, 1], in the order of `names`; the mean for a pack with several networks.
        """
        if not views or not self._packs:
            return np.zeros((len(views), len(self._packs)), np.float32)
        return np.asarray(np.stack([_probabilities(pack, views) for pack in self._packs], axis=1), np.float32)


def _probabilities(pack: LoadedPack, views: Sequence[tuple[Pixels, Box]]) -> Float32:
    found = []
    for network in _NETWORKS[pack.manifest.name]:
        crops = [surroundings(pixels, box, network.enlarged, network.side) for pixels, box in views]
        (classes,) = pack.networks[network.role].run(np.asarray(cv2.dnn.blobFromImages(crops), np.float32))
        if network.logits:
            powers = np.exp(classes - classes.max(axis=1, keepdims=True))
            classes = powers / powers.sum(axis=1, keepdims=True)
        found.append(classes[:, network.real])
    return np.asarray(np.mean(found, axis=0), np.float32)


def surroundings(pixels: Pixels, box: Box, enlarged: float, side: int) -> Pixels:
    """Crop a face with its surroundings.

    Args:
        pixels: BGR uint8 (h, w, 3).
        box: left, top, width, height in pixels.
        enlarged: factor of the crop relative to the box, as far as the image allows.
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
    while min(region.shape[:2]) >= 4 * side:  # a bilinear resize alone would skip pixels
        region = align.halved(region)
    return np.asarray(cv2.resize(region, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
