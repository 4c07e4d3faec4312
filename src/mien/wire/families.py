"""The four kinds of collections as data: paths, names and texts, so that one piece of code serves all of them."""

from __future__ import annotations

from dataclasses import dataclass

from mien.gallery import Kind


@dataclass(frozen=True, slots=True)
class Family:
    """Differences between the kinds of collections on the wire.

    Attributes:
        kind: for the gallery.
        name: in operation names and error codes, such as "LargePersonGroup".
        rows: the family's name in the error catalogue.
        noun: the kind in error messages, such as "Large person group".
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
        """The property that names a collection, such as "largePersonGroupId"."""
        return f"{self.name[0].lower()}{self.name[1:]}Id"

    @property
    def one(self) -> str:
        """The path of one collection."""
        return f"{self.path}/{{{self.id_name}}}"

    @property
    def action(self) -> str:
        """The first part of the role-based access actions."""
        return self.path[1:]


FACE_LIST = Family(Kind.FACE_LIST, "FaceList", "face_list", "Face list")
LARGE_FACE_LIST = Family(Kind.LARGE_FACE_LIST, "LargeFaceList", "large_face_list", "Large face list")
PERSON_GROUP = Family(Kind.PERSON_GROUP, "PersonGroup", "person_group", "Person group")
LARGE_PERSON_GROUP = Family(Kind.LARGE_PERSON_GROUP, "LargePersonGroup", "large_person_group", "Large person group")

FAMILIES = (FACE_LIST, LARGE_FACE_LIST, PERSON_GROUP, LARGE_PERSON_GROUP)
BY_KIND = {family.kind: family for family in FAMILIES}
