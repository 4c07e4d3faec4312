"""Enrols the photos of a source, and writes down what became of each."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from mien.gallery import CollectionRef
from mien.gallery.errors import (
    CollectionNotFoundError,
    GalleryError,
    NoFaceError,
    QuotaExceededError,
    SeveralFacesError,
    TrainingNotFinishedError,
)
from mien.gallery.gallery import Gallery
from mien.importing.sources import Photo, SourceError
from mien.vision.errors import ImageError

LABEL: Final = "recognition_04"

_NATIVE: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM")
_LARGEST: Final = 6 * 1024 * 1024
_LONGEST_SIDE: Final = 4096


class Outcome(StrEnum):
    """The result of importing a photo."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    EARLIER = "earlier"


@dataclass(slots=True)
class Summary:
    """The result of an import.

    Attributes:
        persons: people that were created.
        outcomes: how many photos became what.
        refused: the photos that were not enrolled, and why.
    """

    persons: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    refused: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Importer:
    """Enrols people into a group.

    The report is a file of JSON lines, one a photo, appended as it goes: a second run with the same report leaves out
    what the first has enrolled, and tries what it refused again.

    Attributes:
        gallery: where to.
        ref: the person group or large person group; created when there is none.
        report: the file.
        told: called after each photo.
    """

    gallery: Gallery
    ref: CollectionRef
    report: Path
    told: Callable[[Photo, Outcome, str], None] = lambda _photo, _outcome, _why: None

    def run(self, photos: Iterable[Photo]) -> Summary:
        """Enrol what was not enrolled before.

        Raises:
            SourceError: the source cannot be read.
            QuotaExceededError: the tier allows no more.
            TrainingNotFinishedError: the group is being trained.
        """
        self._prepare()
        done, summary = self._enrolled(), Summary()
        with self.report.open("a", encoding="utf-8") as report:
            for photo in photos:
                if photo.key in done:
                    outcome, why, face_id = Outcome.EARLIER, "", None
                else:
                    outcome, why, face_id = self._enrol(photo, summary)
                    line = {"photo": photo.key, "person": photo.person, "outcome": outcome.value}
                    line |= {"why": why} if why else {"persistedFaceId": face_id or ""}
                    report.write(json.dumps(line, ensure_ascii=False) + "\n")
                    report.flush()
                summary.outcomes[outcome] += 1
                if outcome is Outcome.REFUSED:
                    summary.refused.append((photo.key, why))
                self.told(photo, outcome, why)
        return summary

    def _prepare(self) -> None:
        try:
            self.gallery.collections.get(self.ref)
        except CollectionNotFoundError:
            self.gallery.collections.create(self.ref, self.ref.collection_id, None, LABEL)

    def _enrolled(self) -> frozenset[str]:
        """Return the keys of what earlier runs enrolled; a line that was cut short counts as none."""
        if not self.report.exists():
            return frozenset()
        found = set()
        for line in self.report.read_text(encoding="utf-8").splitlines():
            try:
                told = json.loads(line)
            except ValueError:
                continue
            if told.get("outcome") == Outcome.ENROLLED.value:
                found.add(str(told.get("photo")))
        return frozenset(found)

    def _enrol(self, photo: Photo, summary: Summary) -> tuple[Outcome, str, str | None]:
        known = self.gallery.persons.named(self.ref, photo.person, 1)
        person_id = known[0].person_id if known else None
        try:
            image = readable(photo.read())
            created = person_id is None
            person_id = person_id or self.gallery.persons.create(self.ref, photo.person, photo.user_data)
            try:
                added = self.gallery.faces.add(self.ref, image, person_id=person_id, user_data=photo.face_data)
            except Exception:
                if created:  # nobody without a face
                    self.gallery.persons.delete(self.ref, person_id)
                raise
        except (QuotaExceededError, TrainingNotFinishedError):
            raise
        except NoFaceError:
            return Outcome.REFUSED, "no face was found in the photo", None
        except SeveralFacesError:
            return Outcome.REFUSED, "the photo has several faces: crop it to the person's", None
        except (GalleryError, ImageError, SourceError, OSError) as error:
            return Outcome.REFUSED, str(error) or type(error).__name__, None
        summary.persons += created
        return Outcome.ENROLLED, "", added.persisted_face_id


def readable(data: bytes) -> bytes:
    """Return an image that can be enrolled: other formats (WebP, TIFF) and files over 6 MB are converted.

    Raises:
        SourceError: it is no image.
    """
    if data.startswith(_NATIVE) and len(data) <= _LARGEST:
        return data
    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"it cannot be read as an image: {error}") from error
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95)
    return out.getvalue()
