"""Find the faces of a frame and read them: template, quality, passive liveness.

The whole picture is searched once, at the scale at which the smallest accepted face has 14 pixels; a track's face is
then read in the full picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import ArrayLike

from mien.contract.attributes import Attribute, Level3
from mien.matching import Calibration
from mien.models import ModelStore
from mien.video.frames import Frame
from mien.video.zones import Zones
from mien.vision import align
from mien.vision.embedder import calibration_of
from mien.vision.engine import FaceEngine
from mien.vision.presentation.material import MaterialNetworks
from mien.vision.types import Detection, Embedding, Pixels, Want

RECOGNISER: Final = "sface-int8"
LIVENESS: Final = ("fr-liveness",)
"""Packs of passive networks used for tracks by default. With `minifasnet` in addition, screens are accepted."""

PACKS: Final = ("yunet", "mesh", "lite0", RECOGNISER, *LIVENESS)
"""All packs that a reader uses besides the recogniser's."""

MIN_FACE: Final = 48
"""Shorter side of the smallest face that is tracked, in pixels of the source."""
_LEAST_INPUT: Final = 14.0
"""Width of that face in the input of the detector."""
_SIDES: Final = (256, 960)
"""Minimum and maximum long side of the detector's input."""
_FAINT: Final = 0.6
_EDGE: Final = 0.02
"""Share of its size by which a face may extend beyond the picture and still be read."""
_SURROUNDED: Final = 2.6
_MARGIN: Final = 0.75
"""How much of the picture around a face liveness needs, as multiples of the face; the networks take 2.7. Up to four in
ten drawn prints and screens are taken for skin if they are held so close or so high that less is visible."""
_SUREST: Final = 1e-4
"""Limit to which the probability of a network is clipped."""
_SHOT: Final = 256
"""Long side of a best shot as it is shown, in pixels."""
_ENLARGED: Final = 1.8


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading a face in one frame.

    Attributes:
        embedding: its template; not readable if the face was not read reliably.
        quality: quality for recognition.
        live: 0 (artefact) to 1 (live), combined over the passive networks; None if they were not run.
        side: shorter side of the face in pixels of the source.
    """

    embedding: Embedding
    quality: Level3
    live: float | None
    side: float

    @property
    def rating(self) -> float:
        """The quality of the shot; higher is better."""
        return self.embedding.norm * float(min(1.0, self.side / 96) ** 0.25)

    @property
    def sure(self) -> bool:
        """Whether the reading may contradict a track: a poor view of a person differs from a good one."""
        return self.embedding.readable and self.quality is not Level3.LOW


class FaceReader:
    """Finds and reads faces in frames; safe to use from many threads, one for all cameras of a process.

    Args:
        engine: the face engine.
        recogniser: name of the embedding pack.
        store: the store with the passive networks; none are used when None.
        min_face: shorter side of the smallest face that is tracked, in pixels of the source.
        networks: packs of passive networks; the installed ones evaluate tracks.
    """

    def __init__(
        self,
        engine: FaceEngine,
        recogniser: str = RECOGNISER,
        store: ModelStore | None = None,
        *,
        min_face: int = MIN_FACE,
        networks: Sequence[str] = LIVENESS,
    ) -> None:
        if not 16 <= min_face <= 1000:
            raise ValueError(f"the smallest face has 16 to 1000 pixels, not {min_face}")
        self._engine = engine
        self._recogniser = recogniser
        self.min_face = min_face
        self._want = Want(recogniser=recogniser, attributes=frozenset({Attribute.QUALITY}))
        self._material: MaterialNetworks | None = None
        if store is not None:
            packs = [store.load(name) for name in networks if store.installed(name)]
            self._material = MaterialNetworks(packs) if packs else None

    @property
    def networks(self) -> tuple[str, ...]:
        """Names of the packs whose passive networks evaluate tracks."""
        return self._material.names if self._material is not None else ()

    @property
    def measures_liveness(self) -> bool:
        """Whether passive networks are available."""
        return self._material is not None

    def calibration(self, store: ModelStore) -> Calibration | None:
        """The calibration of the recogniser; None when it has none."""
        return calibration_of(store.manifest(self._recogniser))

    def find(self, frame: Frame, zones: Zones) -> list[Detection]:
        """Find the faces of a frame that are large enough and in a watch zone, in pixels of the source."""
        longest = max(frame.width, frame.height)
        wanted = math.ceil(longest * _LEAST_INPUT / self.min_face / 32) * 32
        small = frame.reduced(min(max(wanted, _SIDES[0]), _SIDES[1]))
        height, width = small.shape[:2]
        left, top, right, bottom = zones.watched_part(width, height)
        part = np.ascontiguousarray(small[top:bottom, left:right])
        scale = longest / max(width, height)
        found = []
        for one in self._engine.glance(part, _FAINT):
            box = (
                (one.box[0] + left) * scale,
                (one.box[1] + top) * scale,
                one.box[2] * scale,
                one.box[3] * scale,
            )
            points = np.asarray((one.points + np.array([left, top], np.float32)) * np.float32(scale), np.float32)
            if min(box[2:]) >= 0.9 * self.min_face and zones.watches(
                (box[0] + box[2] / 2) / frame.width, (box[1] + box[3] / 2) / frame.height
            ):
                found.append(Detection(box, one.score, points))
        return found

    def is_person(self, frame: Frame, detection: Detection) -> bool:
        """Return whether a face is a person's, not an animal's or an object's."""
        return self._engine.is_person(frame.pixels(), detection)

    def read(self, frame: Frame, detection: Detection, *, liveness: bool) -> Reading:
        """Read a face.

        Args:
            frame: the frame in which it was found.
            detection: the face.
            liveness: whether to run the passive networks.
        """
        pixels = frame.pixels()
        face = self._engine.read(pixels, detection, self._want)
        assert face.embedding is not None
        assert face.attributes.quality is not None
        live = None
        if liveness and self._material is not None:
            live = joint_probability(self._material.real([(pixels, detection.box)])[0])
        return Reading(face.embedding, face.attributes.quality, live, min(detection.box[2:]))


def joint_probability(values: ArrayLike, *, cautious: bool = False) -> float:
    """Combine several probabilities of the same fact by their mean log odds.

    A value near 0 has more weight than a value that is only moderately high.

    Args:
        values: one or more, in [0, 1]; clipped to 1e-4 from either end.
        cautious: whether to subtract the standard error of the mean, so that values that disagree prove less than
            values that agree; takes two or more.
    """
    believed = np.clip(np.asarray(values, np.float64), _SUREST, 1 - _SUREST)
    odds = np.log(believed / (1 - believed))
    known = odds.mean() - (odds.std(ddof=1) / math.sqrt(odds.size) if cautious else 0.0)
    return float(1 / (1 + np.exp(-known)))


def within(detection: Detection, width: int, height: int) -> bool:
    """Whether a face is completely inside the picture."""
    left, top, across, down = detection.box
    x, y = _EDGE * across, _EDGE * down
    return left >= -x and top >= -y and left + across <= width + x and top + down <= height + y


def has_surroundings(detection: Detection, width: int, height: int) -> bool:
    """Whether the picture shows enough around a face for the passive networks: 2.6 of it, and 0.75 on each side.

    Args:
        detection: the face.
        width: of the picture in pixels.
        height: likewise.
    """
    left, top, across, down = detection.box
    return all(
        whole >= _SURROUNDED * size and min(before, whole - before - size) >= _MARGIN * size
        for before, size, whole in ((left, across, width), (top, down, height))
    )


def best_shot(pixels: Pixels, box: Sequence[float]) -> Pixels:
    """Crop a face with some surroundings, less than 512 pixels large; the fast half of `shown_shot`.

    Returns:
        BGR uint8 (h, w, 3), a copy.
    """
    left, top, across, down = box
    half = _ENLARGED * max(across, down) / 2
    x, y = left + across / 2, top + down / 2
    part = pixels[max(0, int(y - half)) : max(1, int(y + half)), max(0, int(x - half)) : max(1, int(x + half))]
    if max(part.shape[:2]) < 2 * _SHOT:
        return np.asarray(part.copy(), np.uint8)
    while max(part.shape[:2]) >= 2 * _SHOT:
        part = align.halved(part)
    return part


def shown_shot(shot: Pixels) -> Pixels:
    """Reduce a best shot to what is shown and kept: at most 256 pixels large.

    Returns:
        BGR uint8 (h, w, 3).
    """
    height, width = shot.shape[:2]
    longest = max(height, width)
    if longest <= _SHOT:
        return shot
    size = (max(1, width * _SHOT // longest), max(1, height * _SHOT // longest))
    return np.asarray(cv2.resize(shot, size, interpolation=cv2.INTER_AREA), np.uint8)
