"""The face engine: from image bytes to faces, computing only the requested results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np

from mien.models.runtime import Network
from mien.models.store import LoadedPack, ModelStore
from mien.vision.attributes.context import MESH, SFACE, FaceContext
from mien.vision.attributes.registry import estimate_attributes, packs_for
from mien.vision.decode import ImageRules, Photo, decode
from mien.vision.detector import YuNet
from mien.vision.embedder import Embedder
from mien.vision.finder import FULL_HD, MIN_FACE, FaceFinder
from mien.vision.image_input import ImageInput, file_or_pixels
from mien.vision.landmarks import FaceMesh, Mesh, landmarks27
from mien.vision.people import SURE, is_clearly_person, is_person
from mien.vision.quality.report import FaceSurroundings, measure_quality
from mien.vision.spare_cores import SpareCores
from mien.vision.types import Attributes, Detection, Embedding, Face, FaceBox, Float32, OperatingPoint, Pixels, Want
from mien.vision.upright import LandmarkReading, UprightReader
from mien.vision.views import View, view_of

DETECTOR = "yunet"

_MIN_FACE_SLACK = 0.9
"""Share of the minimum size from which faces are reported, as boxes of two detectors differ by about a tenth."""

_WORKING_SIDE = {OperatingPoint.GENERAL: 960, OperatingPoint.SENSITIVE: 1280, OperatingPoint.BEST: 1280}
"""Large JPEGs are decoded at a reduced size with at least this many pixels on the long side; the smallest face to find
(36 of 1920 pixels) then still has 18 or 24."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Analysis:
    """The faces found in one image.

    Attributes:
        width: pixels of the full, upright image.
        height: pixels of the full, upright image.
        faces: the faces, largest first.
        photo: the decoded image; None if not requested.
    """

    width: int
    height: int
    faces: tuple[Face, ...]
    photo: Photo | None = None


@dataclass(frozen=True, slots=True)
class _FaceReading:
    """A face with its upright reading."""

    view: View
    reading: LandmarkReading
    context: FaceContext


class FaceEngine:
    """Finds and analyses the faces of images; thread-safe.

    A call computes in the caller's thread, helped by other threads while cores are free.

    Args:
        store: the store of model packs; None for the user's default store.
        cores: most cores to use; None for all that this process may run on.
        rules: rules for accepted image files; None for the contract's.

    Example:
        >>> engine = FaceEngine()
        >>> analysis = engine.analyze(Path("photo.jpg").read_bytes(), Want(recogniser="sface-int8"))
        >>> [face.box for face in analysis.faces]
        [FaceBox(left=433, top=84, width=227, height=291)]
    """

    def __init__(
        self, store: ModelStore | None = None, cores: int | None = None, rules: ImageRules | None = None
    ) -> None:
        # OpenCV's own threads would split each small warp and then spin on cores that other images need. Work is
        # distributed here instead, by whole faces.
        cv2.setNumThreads(1)
        self._store = store or ModelStore()
        self._cores = SpareCores(cores)
        self._rules = rules or ImageRules()
        self._lock = Lock()
        self._kept: dict[object, object] = {}

    def prepare(self, packs: Iterable[str]) -> None:
        """Load packs in advance, in parallel.

        Args:
            packs: names of packs; recognisers become ready to embed.

        Raises:
            ModelError: if a pack cannot be loaded; the text names the command that repairs it.
        """
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(self._warm, name) for name in packs]:
                done.result()

    def widen(self, recognisers: Iterable[str]) -> None:
        """Let the detector and recognisers use two cores in calls that have the machine to themselves.

        Results do not change. It takes memory for a second copy of the weights.

        Args:
            recognisers: names of packs.

        Raises:
            ModelError: if a pack cannot be loaded.
        """
        if self._cores.count > 1:
            self._detector().widen()
            for name in set(recognisers):
                self._recogniser(name).widen()

    def fingerprint(self, recogniser: str) -> str:
        """Return the fingerprint of a recogniser's templates; needs no model files."""
        return self._store.fingerprint(recogniser)

    def analyze(self, image: ImageInput, want: Want | None = None) -> Analysis:
        """Analyse one image.

        Args:
            image: an image file (JPEG, PNG, GIF or BMP) as bytes or as a path, or upright pixels, uint8: BGR (h, w, 3),
                RGBA (h, w, 4) or grey (h, w).
            want: the requested results; None for faces only.

        Raises:
            ImageInputError: if `image` has another type; the text says how to convert it.
            ImageError: if the image cannot be analysed.
            OSError: if the file of a path cannot be read.
            UnsupportedAttributeError: if this build has no method for an attribute; then nothing is computed.
            ModelError: if a pack that is needed is missing or broken.
        """
        want = want or Want()
        packs_for(want.attributes)
        with self._cores.occupied():
            return self._analyze(image, want)

    # Single steps of an analysis, for tracking faces through the frames of a video.

    def glance(self, pixels: Pixels, threshold: float) -> list[Detection]:
        """Search a picture once, at its own scale.

        Args:
            pixels: BGR uint8 (h, w, 3); faces of 12 to 400 pixels are found.
            threshold: lowest score, in [0, 1].

        Returns:
            Faces in those pixels, best score first.

        Raises:
            ModelError: the detector is missing or broken.
        """
        with self._cores.occupied():
            return self._finder().glance(pixels, threshold)

    def is_person(self, pixels: Pixels, detection: Detection) -> bool:
        """Return whether a detected face is a person's; true without a check if the detector's score is high.

        Args:
            pixels: BGR uint8 (h, w, 3).
            detection: the face in them.
        """
        if detection.score >= SURE:
            return True
        with self._cores.occupied():
            return self._is_person(Photo.from_pixels(pixels), detection)

    def read(self, pixels: Pixels, detection: Detection, want: Want) -> Face:
        """Analyse one face of a picture, as `analyze` does for every face.

        Args:
            pixels: BGR uint8 (h, w, 3).
            detection: the face in them.
            want: the requested results.

        Raises:
            UnsupportedAttributeError: this build has no method for an attribute.
            ModelError: a pack that is needed is missing or broken.
        """
        packs_for(want.attributes)
        photo = Photo.from_pixels(pixels)
        with self._cores.occupied():
            return self._describe(photo, _boxes(photo, [detection])[0], detection, want)

    def _analyze(self, image: ImageInput, want: Want) -> Analysis:
        given = file_or_pixels(image)
        if isinstance(given, bytes):
            photo = decode(given, working_side=_WORKING_SIDE[want.operating_point], rules=self._rules)
        else:
            photo = Photo.from_pixels(given)
        finder = self._finder()
        found = finder.find(photo.pixels, want.operating_point, _least(photo) / photo.scale)
        boxes = _boxes(photo, found)
        large = [index for index, box in enumerate(boxes) if _large_enough(box, photo)]
        doubtful = [index for index in large if found[index].score < SURE]
        people = self._cores.run([partial(self._is_person, photo, found[index]) for index in doubtful])
        others = {index for index, person in zip(doubtful, people, strict=True) if not person}
        chosen = sorted((index for index in large if index not in others), key=lambda index: -boxes[index].area)
        second = boxes[chosen[1]].area / boxes[chosen[0]].area if len(chosen) > 1 else 0.0
        chosen = chosen[: want.max_faces]
        calls = [partial(self._describe, photo, boxes[index], found[index], want, second) for index in chosen]
        faces = self._cores.run(calls)
        return Analysis(photo.width, photo.height, tuple(faces), photo if want.photo else None)

    def _is_person(self, photo: Photo, detection: Detection) -> bool:
        """Check a doubtful face as it was detected, and if that is undecided, check it upright."""
        view = view_of(photo, detection)
        if is_clearly_person(FaceContext(view.pixels, view.points, view.box, self._network, self._mesh_of)):
            return True
        found = self._read_upright(view)
        return found.reading.score >= SURE or is_person(found.context)

    def _read_upright(self, view: View) -> _FaceReading:
        reading = self._reader().read(view.pixels, view.points, view.box)
        return _FaceReading(view, reading, self._context(view, reading))

    def _describe(
        self, photo: Photo, box: FaceBox, detection: Detection, want: Want, second: float | None = None
    ) -> Face:
        closely = want.recogniser is not None or want.landmarks or want.attributes or want.quality
        if not closely:
            return Face(box, detection.score, photo.to_full(detection.points))
        found = self._read_upright(view_of(photo, detection))
        view = found.view
        context, embedding = self._read(found, want)
        landmarks = None
        if want.landmarks:
            landmarks = view.to_full(landmarks27(self._mesh().with_irises(view.pixels, context.mesh)))
        attributes = estimate_attributes(context, want.attributes) if want.attributes else Attributes()
        quality = None
        if want.quality:
            frame = FaceSurroundings(photo.width, photo.height, view.to_full, second)
            quality = measure_quality(context, frame, partial(self._mesh().with_irises, view.pixels))
        return Face(box, detection.score, view.to_full(context.points), landmarks, attributes, embedding, quality)

    def _read(self, found: _FaceReading, want: Want) -> tuple[FaceContext, Embedding | None]:
        """Return the context of a face, and its template if requested.

        If the norm of the template is low, the face is read again in every turn of the image. The template is marked as
        unreadable if the face could not be read.
        """
        view, reading, context = found.view, found.reading, found.context
        if want.recogniser is None:
            return context, None
        recogniser = self._recogniser(want.recogniser)
        embedding = self._embed(recogniser, context, reading, want)
        if reading.searched or not recogniser.is_doubtful(embedding):
            return context, embedding
        again = self._reader().search(view.pixels, reading, view.box)
        if again.trusted and again.points is reading.points:
            return context, embedding
        context = self._context(view, again)
        return context, self._embed(recogniser, context, again, want)

    def _context(self, view: View, reading: LandmarkReading) -> FaceContext:
        context = FaceContext(view.pixels, reading.points, view.box, self._network, self._mesh_of)
        if not reading.trusted:
            context.norm = 0.0
        return context

    def _embed(self, recogniser: Embedder, context: FaceContext, reading: LandmarkReading, want: Want) -> Embedding:
        if not reading.trusted:
            return recogniser.unread()
        shared = SFACE in recogniser.packs and (want.quality or SFACE in packs_for(want.attributes))
        known = {SFACE: context.sface["fc1"]} if shared else None
        embedding = recogniser.embed(context.pixels, context.points, known)
        if not embedding.readable:
            context.norm = embedding.norm
        return embedding

    # Networks are loaded once, on first use.

    def _once(self, key: object, make: Callable[[], _T]) -> _T:
        kept = self._kept.get(key)
        if kept is None:
            with self._lock:
                kept = self._kept.get(key)
                if kept is None:
                    kept = self._kept[key] = make()
        return kept  # type: ignore[return-value]  # the key determines the type

    def _detector(self) -> YuNet:
        return self._once("detector", lambda: YuNet(self._store.load(DETECTOR).network, self._cores))

    def _finder(self) -> FaceFinder:
        return FaceFinder(self._detector())

    def _reader(self) -> UprightReader:
        return UprightReader(self._detector(), self._presence)

    def _presence(self, pixels: Pixels, points: Float32) -> float:
        return self._mesh().find(pixels, points, passes=1).presence

    def _mesh(self) -> FaceMesh:
        def make() -> FaceMesh:
            networks = self._store.load(MESH).networks
            return FaceMesh(networks["mesh"], networks["iris"])

        return self._once("mesh", make)

    def _mesh_of(self, pixels: Pixels, points: Float32) -> Mesh:
        return self._mesh().find(pixels, points)

    def _recogniser(self, name: str) -> Embedder:
        return self._once(("recogniser", name), lambda: Embedder(self._store.load(name), self._cores))

    def _network(self, pack: str) -> Network:
        return self._once(("network", pack), lambda: self._store.load(pack).network)

    def _warm(self, name: str) -> None:
        pack: LoadedPack = self._store.load(name)
        blank = np.full((256, 256, 3), 127, np.uint8)
        points = np.array([[100, 110], [156, 110], [128, 140], [106, 166], [150, 166]], np.float32)
        warm: dict[str, Callable[[], object]] = {
            "recogniser": lambda: self._recogniser(name).embed(blank, points),
            "detector": lambda: self._finder().find(blank, OperatingPoint.GENERAL),
            "landmarks": lambda: self._mesh().find(blank, points, irises=True),
        }
        warm.get(pack.manifest.task.value, partial(self._store.load, name))()


def _boxes(photo: Photo, found: list[Detection]) -> list[FaceBox]:
    """Round the boxes to whole pixels of the full image and clip them to it."""
    boxes = []
    x, y = photo.origin
    for detection in found:
        left, top, width, height = detection.box
        # In plain Python, rounded to float32 as arrays would be.
        x0, y0, x1, y1 = (
            round(_float32(_float32(edge) * photo.scale + origin))
            for edge, origin in ((left, x), (top, y), (left + width, x), (top + height, y))
        )
        first = max(0, x0), max(0, y0)
        last = min(photo.width, x1), min(photo.height, y1)
        boxes.append(FaceBox(*first, max(0, last[0] - first[0]), max(0, last[1] - first[1])))
    return boxes


def _float32(value: float) -> float:
    """Round to the nearest float32."""
    return float(np.float32(value))


def _large_enough(box: FaceBox, photo: Photo) -> bool:
    """Return whether a face has the contract's minimum size, which grows for images larger than 1920×1080."""
    side = _MIN_FACE_SLACK * _least(photo)
    return box.area >= side * side


def _least(photo: Photo) -> float:
    """Return the side of the smallest face to find, in pixels of the full image."""
    return MIN_FACE * max(1.0, max(photo.width, photo.height) / FULL_HD)
