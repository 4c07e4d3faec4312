"""Add the picture of an event to the faces of a person in a group or in the person directory."""

from __future__ import annotations

from uuid import UUID

from mien.doors.errors import InvalidDoorError
from mien.doors.reviews import Enrol
from mien.doors.types import DEFAULT_LABEL, DIRECTORY, DYNAMIC_GROUP
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.gallery import Gallery
from mien.gallery.kinds import STORED_PERSON_GROUPS, CollectionRef, Kind


def enroller(gallery: Gallery, directory: DirectoryServices) -> Enrol:
    """Return what adds a picture to a person's faces.

    Args:
        gallery: groups.
        directory: the person directory; its faces are of the recognition model by which cameras search it.
    """

    def add(resource_id: UUID, place: str, photo: bytes, person_id: str) -> object:
        kind, _, collection_id = place.partition("/")
        if kind in {DIRECTORY, DYNAMIC_GROUP}:  # members of a dynamic group are persons of the directory
            return directory.directory.add_face(resource_id, person_id, DEFAULT_LABEL, photo)
        if kind not in STORED_PERSON_GROUPS:
            raise InvalidDoorError("faces are added to persons of a person group or of the directory")
        return gallery.faces.add(CollectionRef(resource_id, Kind(kind), collection_id), photo, person_id=person_id)

    return add
