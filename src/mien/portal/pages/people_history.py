"""What happened to a person: who enrolled, moved or removed what and when, from the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.events import AuditEntry
from mien.gallery.kinds import CollectionRef
from mien.gallery.types import Person
from mien.portal.visitor import Visitor
from mien.portal.widgets import Tag, empty, moment, section, table

_SHOWN: Final = 50
_WORDS: Final[Mapping[str, str]] = {
    "person.create": "Created",
    "person.update": "Renamed or user data changed",
    "person.delete": "Erased",
    "person.merge": "Merged",
    "person.merge.undo": "Merge undone",
    "person.move": "Moved to another group",
    "person.group.undo": "Move to another group undone",
    "face.add": "Face enrolled",
    "face.delete": "Face removed",
    "face.move": "Face moved",
    "face.move.undo": "Move of faces undone",
    "duplicate.dismiss": "Not a duplicate",
    "people.import": "Enrolled with others",
}
_REASONS: Final[Mapping[str, str]] = {
    "poorPhoto": "poor photo",
    "notTheFace": "not the face",
    "unknownPerson": "unknown person",
}


async def history(visitor: Visitor, ref: CollectionRef, person: Person) -> None:
    """Draw what the audit log has of a person.

    Args:
        visitor: who looks.
        ref: the group.
        person: who.
    """
    ids = (person.person_id, *person.persisted_face_ids)

    def find() -> list[AuditEntry]:
        return visitor.parts.audit.search(resource_id=ref.resource_id, about=ids, limit=_SHOWN)

    with section("History", "What was done in the portal and on the command line. Calls of the API are not in it."):
        place = Tag("div")
    entries = await visitor.ask(find)
    with place:
        if not entries:
            empty("history", "Nothing was recorded yet")
            return
        rows = [[moment(one.at), _who(one), _WORDS.get(one.action, one.action), _more(one, person)] for one in entries]
        table("History", ["When", "Who", "What", "More"], rows)


def _who(one: AuditEntry) -> str:
    return one.actor.partition(":")[2] or one.actor


def _more(one: AuditEntry, person: Person) -> str:
    details, said = one.details, []
    if (face := details.get("face")) is not None:
        said.append(f"face {str(face)[:8]}…")
    into, whose = details.get("into"), details.get("person")
    if into is not None:
        said.append("to this person" if into == person.person_id else "to another person")
    elif whose is not None and whose != person.person_id:
        said.append("of another person at the time")
    if (reason := details.get("reason")) is not None:
        said.append(_REASONS.get(str(reason), str(reason)))
    if (to := details.get("to")) is not None:
        said.append(f"to {to}")
    return ", ".join(said)
