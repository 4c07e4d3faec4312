"""Shared parts of the commands about people: opening the data-subject tools, parsing whom to search for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.cli._administration import resource_named
from mien.cli._gallery import collection_ref, opened_faces
from mien.cli._ids import whole_id

if TYPE_CHECKING:
    from mien.gallery.kinds import CollectionRef
    from mien.services import Services
    from mien.subjects import Subjects, Whom

Where = Annotated[
    str | None,
    typer.Option(
        "--collection",
        help="directory, or KIND/ID: faceList, largeFaceList, personGroup or largePersonGroup.",
    ),
]
Photo = Annotated[
    Path | None, typer.Option(help="A photo with the person's face.", exists=True, dir_okay=False, readable=True)
]
TargetBox = Annotated[
    str | None, typer.Option("--target", help="Rectangle of the face in the photo, as LEFT,TOP,WIDTH,HEIGHT in pixels.")
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="personId, persistedFaceId, faceId or session id, or its beginning; can be repeated."),
]
Texts = Annotated[list[str] | None, typer.Option("--text", help="A name or user data, exactly; can be repeated.")]
Users = Annotated[
    list[str] | None, typer.Option("--user", help="userCorrelationId of liveness sessions; can be repeated.")
]
Possible = Annotated[
    bool, typer.Option("--possible", help="Include possible matches. Check them first with `mien subject find`.")
]


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Services, Subjects]]:
    """Open the data-subject tools; an expected error becomes one sentence and exit code 1."""
    from mien.liveness.sessions import Sessions
    from mien.liveness.tokens import Tokens
    from mien.subjects import SubjectError, open_subjects

    with opened_faces(data_dir, SubjectError) as faces:
        services = faces.services
        state = (services.database, services.vault, services.clock)
        subjects = open_subjects(
            *state,
            audit=services.audit,
            gallery=faces.gallery,
            engine=faces.engine,
            recognisers=faces.recognisers,
            detected_faces=services.detected_faces,
            sessions=Sessions(*state, Tokens(*state)),
        )
        yield services, subjects


@contextmanager
def opened_for(name: str, data_dir: Path | None) -> Iterator[tuple[Services, Subjects, UUID]]:
    """Open the data-subject tools for a command on one resource; also gives its id."""
    with opened(data_dir) as (services, subjects):
        yield services, subjects, resource_named(services, name).id


def member_of(services: Services, ref: CollectionRef, text: str) -> str:
    """Return the id of a person, in lists of a face, from it or its beginning; exits when there is not exactly one."""
    from mien.gallery.short_ids import ShortIds

    ids = ShortIds(services.database)
    if ref.kind.has_persons:
        return str(whole_id(text, ids.persons(ref.resource_id, text, ref), "person"))
    return str(whole_id(text, ids.faces(ref.resource_id, text, ref), "face"))


def whom_of(
    services: Services,
    owner: UUID,
    photo: Path | None,
    target: str | None,
    ids: Sequence[str] | None,
    texts: Sequence[str] | None,
    users: Sequence[str] | None,
) -> Whom:
    """Return whom to look for; exits when the beginning of an id is not that of exactly one thing.

    Raises:
        typer.BadParameter: nothing is given, or it is malformed.
    """
    from mien.gallery.short_ids import ShortIds
    from mien.gallery.types import TargetFace
    from mien.subjects import Whom

    known = ShortIds(services.database)

    box = None
    if target is not None:
        if re.fullmatch(r"\d{1,6}(,\d{1,6}){3}", target) is None:
            raise typer.BadParameter(f"{target!r} is not LEFT,TOP,WIDTH,HEIGHT")
        box = TargetFace(*map(int, target.split(",")))
    whom = Whom(
        ids=frozenset(whole_id(one, known.anything(owner, one), "person, face or session") for one in ids or ()),
        texts=frozenset(texts or ()),
        photo=None if photo is None else photo.read_bytes(),
        target=box,
        users=frozenset(users or ()),
    )
    if whom.nobody:
        raise typer.BadParameter("say whom to search for: --photo, --id, --text or --user")
    return whom


def place_ref(owner: UUID, text: str) -> CollectionRef:
    """Read `directory` or KIND/ID.

    Raises:
        typer.BadParameter: it is something else.
    """
    from mien.gallery.kinds import persons_ref

    return persons_ref(owner) if text == "directory" else collection_ref(owner, text)
