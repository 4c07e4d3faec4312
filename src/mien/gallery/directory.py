"""The person directory: persons whose faces may be of several recognition models, found without training."""

from __future__ import annotations

from uuid import UUID

from mien.gallery.types import UNSET, PersistedFace, Person, Started, TargetFace, Unset
from mien.vision.types import OperatingPoint


class DirectoryPersons:
    """The persons and faces of a resource's directory. Writes are done when the call returns.

    Raises, in all calls as they apply: `PersonNotFoundError`, `PersistedFaceNotFoundError` (kind `Kind.DIRECTORY`),
    `NameEmptyError`, `NameTooLongError`, `UserDataTooLongError`, `NothingToUpdateError`, `StartTooLongError`,
    `InvalidStartError`, `InvalidTopError`, `QuotaExceededError`, `UnknownRecognitionModelError`, and in `add_face` what
    enrolling raises.
    """

    def create(self, resource_id: UUID, name: str, user_data: str | None = None) -> Started:
        """Make a person; `Started.id` is the person id."""
        raise NotImplementedError

    def get(self, resource_id: UUID, person_id: str) -> Person:
        """Return a person, without faces."""
        raise NotImplementedError

    def page(self, resource_id: UUID, start: str = "", top: int = 1000) -> list[Person]:
        """Return persons after `start` by ascending id."""
        raise NotImplementedError

    def update(
        self, resource_id: UUID, person_id: str, name: str | Unset = UNSET, user_data: str | Unset | None = UNSET
    ) -> None:
        """Change a name or user data, or both."""
        raise NotImplementedError

    def delete(self, resource_id: UUID, person_id: str) -> Started:
        """Delete a person with all faces and memberships; `Started.id` is None."""
        raise NotImplementedError

    def groups_of(self, resource_id: UUID, person_id: str, start: str = "", top: int = 1000) -> list[str]:
        """Return ids of the dynamic groups that a person is in, ascending."""
        raise NotImplementedError

    def add_face(
        self,
        resource_id: UUID,
        person_id: str,
        recognition_model: str,
        image: bytes,
        *,
        target: TargetFace | None = None,
        operating_point: OperatingPoint = OperatingPoint.GENERAL,
        user_data: str | None = None,
    ) -> Started:
        """Enrol a face; `Started.id` is the persisted face id."""
        raise NotImplementedError

    def face_ids(self, resource_id: UUID, person_id: str, recognition_model: str) -> list[str]:
        """Return the ids of a person's faces of one model, ascending."""
        raise NotImplementedError

    def get_face(self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str) -> PersistedFace:
        """Return a face."""
        raise NotImplementedError

    def update_face(
        self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str, user_data: str | None
    ) -> None:
        """Change a face's user data."""
        raise NotImplementedError

    def delete_face(self, resource_id: UUID, person_id: str, recognition_model: str, face_id: str) -> Started:
        """Delete a face; `Started.id` is None."""
        raise NotImplementedError
