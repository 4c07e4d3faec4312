"""The paths, names and texts of the four kinds of collections, so that they share their handlers."""

from __future__ import annotations

from dataclasses import dataclass

from mien.gallery import Kind


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of collection on the wire.

    Attributes:
        kind: the gallery's kind.
        name: its name in operation names and error codes, such as "LargePersonGroup".
        rows: its family in the error catalogue.
        noun: its name in error messages, such as "Large person group".
    """

    kind: Kind
    name: str
    rows: str
    noun: str

    @property
    def path(self) -> str:
        """The path of all collections of the kind, below the version."""
        return f"/{self.name.lower()}s"

    @property
    def id_name(self) -> str:
        """The property with the id of a collection, such as "largePersonGroupId"."""
        return f"{self.name[0].lower()}{self.name[1:]}Id"

    @property
    def one(self) -> str:
        """The path of one collection."""
        return f"{self.path}/{{{self.id_name}}}"

    @property
    def action(self) -> str:
        """The first part of its actions for role-based access."""
        return self.path[1:]


FACE_LIST = Family(Kind.FACE_LIST, "FaceList", "face_list", "Face list")
LARGE_FACE_LIST = Family(Kind.LARGE_FACE_LIST, "LargeFaceList", "large_face_list", "Large face list")
PERSON_GROUP = Family(Kind.PERSON_GROUP, "PersonGroup", "person_group", "Person group")
LARGE_PERSON_GROUP = Family(Kind.LARGE_PERSON_GROUP, "LargePersonGroup", "large_person_group", "Large person group")

FAMILIES = (FACE_LIST, LARGE_FACE_LIST, PERSON_GROUP, LARGE_PERSON_GROUP)
BY_KIND = {family.kind: family for family in FAMILIES}
