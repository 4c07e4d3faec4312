"""Searches for the face of a kiosk's picture in the kiosk's group, with the recogniser and thresholds of cameras."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from mien.doors.check_in import PhotoMatch
from mien.doors.searching import GroupSearch, TargetError, target_named
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.errors import GalleryError
from mien.gallery.gallery import Gallery
from mien.gallery.recognisers import Recognisers
from mien.liveness.errors import SessionError
from mien.liveness.reference import make_reference
from mien.vision.errors import ImageError
from mien.vision.ports import Engine

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FaceSearch:
    """The search of a server.

    Attributes:
        gallery: groups.
        directory: the person directory and dynamic groups.
        recognisers: bindings of the recognition models.
        engine: analyses pictures.
    """

    gallery: Gallery
    directory: DirectoryServices
    recognisers: Recognisers
    engine: Engine

    def __call__(self, resource_id: UUID, group: str, image: bytes) -> PhotoMatch | None:
        """Return what a picture shows; None when it does not show one readable face, or the group cannot be searched.

        The log gives the reason why a group cannot be searched.
        """
        try:
            target = target_named(self.gallery, self.directory, resource_id, group)
            recogniser = GroupSearch(self.gallery, self.directory, self.recognisers, resource_id, [target])
            seen = make_reference(self.engine, image, recogniser.pack)
            (candidates,) = recogniser.search([seen.embedding])
            least = recogniser.least()
        except (ImageError, SessionError):
            return None
        except (TargetError, GalleryError) as error:
            _log.warning("a kiosk's group cannot be searched", group=group, reason=str(error))
            return None
        named = bool(candidates) and candidates[0].confidence >= least
        return PhotoMatch(
            best=candidates[0] if named else None,
            second=candidates[1] if named and len(candidates) > 1 else None,
            quality=seen.quality,
            face_px=int(min(seen.box.width, seen.box.height)),
        )
