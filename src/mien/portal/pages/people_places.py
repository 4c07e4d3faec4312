"""Names and URLs of groups, lists and persons on the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind
from mien.portal.texts import mark, t, tn
from mien.portal.visitor import Visitor
from mien.portal.widgets import banner, confirm

NAMES: Final = {
    Kind.PERSON_GROUP: mark("Person group"),
    Kind.LARGE_PERSON_GROUP: mark("Large person group"),
    Kind.FACE_LIST: mark("Face list"),
    Kind.LARGE_FACE_LIST: mark("Large face list"),
}


def page_of(visitor: Visitor) -> CollectionRef | None:
    """Return the collection in the page's query; None if there is none."""
    kind = visitor.query.get("kind", "")
    if kind not in {one.value for one in PUBLIC_KINDS}:
        return None
    return CollectionRef(visitor.resource.id, Kind(kind), visitor.query.get("collection", ""))


def address(visitor: Visitor, ref: CollectionRef, *, person: str = "", **query: str) -> str:
    """Return the URL of the page of a collection, or of one of its persons."""
    path = f"/people/{ref.path}"
    return visitor.link(f"{path}/{person}" if person else path, **query)


def faces_and_id(faces: int, person_id: str) -> str:
    """Return details that distinguish a person from others of the same name."""
    return tn("{count} face, id {id}…", "{count} faces, id {id}…", faces, id=person_id[:8])


def rows_of(pairs: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return name and value pairs without empty values."""
    return [(name, value) for name, value in pairs if value not in {None, ""}]


def confirming(title: str, about: str, label: str, work: Callable[[], Any]) -> Callable[[], None]:
    """Return a handler that asks for confirmation before an action that cannot be undone."""

    def ask() -> None:
        confirm(title, about, label, work)

    return ask


def missing() -> None:
    """Draw the message that there is no such collection."""
    banner("bad", t("There is no such group or list"), t("It may have been deleted."))
