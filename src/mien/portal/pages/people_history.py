"""The history of a person, from the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.events import AuditEntry
from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Person
from mien.portal.texts import listed, mark, t
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, empty, moment, section, table

_SHOWN: Final = 50
_WORDS: Final[Mapping[str, str]] = {
    "person.create": mark("Created"),
    "person.update": mark("Renamed or user data changed"),
    "person.delete": mark("Erased"),
    "person.merge": mark("Merged"),
    "person.merge.undo": mark("Merge undone"),
    "person.move": mark("Moved to another group"),
    "person.group.undo": mark("Move to another group undone"),
    "face.add": mark("Face enrolled"),
    "face.delete": mark("Face removed"),
    "face.move": mark("Face moved"),
    "face.move.undo": mark("Move of faces undone"),
    "duplicate.dismiss": mark("Not a duplicate"),
    "people.import": mark("Enrolled with others"),
}
_REASONS: Final[Mapping[str, str]] = {
    "poorPhoto": mark("poor photo"),
    "notTheFace": mark("not the face"),
    "unknownPerson": mark("unknown person"),
}


async def history(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    """Draw the audit log's entries about a person.

    Args:
        visitor: the signed-in person.
        ref: the group.
        person: the person.
    """
    ids = (person.person_id, *person.persisted_face_ids)

    def find() -> list[AuditEntry]:
        return visitor.parts.audit.search(resource_id=ref.resource_id, about=ids, limit=_SHOWN)

    with section(t("History"), t("Actions in the portal and on the command line. Calls of the API are not included.")):
        place = Tag("div")
    entries = await visitor.ask(find)
    with place:
        if not entries:
            empty("history", t("Nothing was recorded yet"))
            return
        rows = [
            [moment(one.at), _who(one), t(_WORDS.get(one.action, one.action)), _more(one, person)] for one in entries
        ]
        table(t("History"), [t("When"), t("Who"), t("What"), t("More")], rows)


def _who(one: AuditEntry) -> str:
    return one.actor.partition(":")[2] or one.actor


def _what(one: AuditEntry) -> str:
    return t(_WORDS.get(one.action, one.action))


def _more(one: AuditEntry, person: Person) -> str:
    details, said = one.details, []
    if (face := details.get("face")) is not None:
        said.append(t("face {face}…", face=str(face)[:8]))
    into, whose = details.get("into"), details.get("person")
    if into is not None:
        said.append(t("to this person") if into == person.person_id else t("to another person"))
    elif whose is not None and whose != person.person_id:
        said.append(t("of another person at the time"))
    if (reason := details.get("reason")) is not None:
        said.append(t(_REASONS.get(str(reason), str(reason))))
    if (to := details.get("to")) is not None:
        said.append(t("to {group}", group=to))
    return listed(said)
