"""What commands about people share: opening the data-subject tools, saying whom to look for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from mien.cli._administration import fail

if TYPE_CHECKING:
    from mien.gallery.kinds import CollectionRef
    from mien.services import Services
    from mien.subjects import Subjects, Whom

DataDir = Annotated[Path | None, typer.Option(help="Where the database and the snapshots are. [MIEN_DATA_DIR]")]
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
    str | None, typer.Option("--target", help="Which face of the photo, as LEFT,TOP,WIDTH,HEIGHT in pixels.")
]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", help="personId, persistedFaceId, faceId or session id; may be given several times."),
]
Texts = Annotated[
    list[str] | None, typer.Option("--text", help="A name or user data, exactly; may be given several times.")
]
Users = Annotated[
    list[str] | None, typer.Option("--user", help="userCorrelationId of liveness sessions; may be given several times.")
]
Possible = Annotated[
    bool, typer.Option("--possible", help="Also what is only possibly theirs. Look at it with `mien subject find`.")
]


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Services, Subjects]]:
    """Open the data-subject tools; what goes wrong on purpose becomes one sentence and exit code 1."""
    from sqlalchemy.exc import OperationalError

    from mien.accounts import AccountError
    from mien.gallery.errors import GalleryError
    from mien.gallery.gallery import open_gallery
    from mien.gallery.recognisers import Recognisers
    from mien.liveness.sessions import Sessions
    from mien.liveness.tokens import Tokens
    from mien.logs import configure_logs
    from mien.models import ModelError, ModelStore
    from mien.models.bindings import read_bindings
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import MasterKeyError
    from mien.storage.migrations import MigrationError
    from mien.subjects import SubjectError, open_subjects
    from mien.vision.engine import FaceEngine
    from mien.vision.errors import ImageError

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    configure_logs("warning", settings.log_format)
    services = None
    try:
        store = ModelStore(settings.model_dir)
        recognisers = Recognisers.of(store, read_bindings(store, settings.data_dir, settings.bindings()))
        services = open_services(settings)
        state = (services.database, services.vault, services.clock)
        engine = FaceEngine(store)
        gallery = open_gallery(
            *state,
            settings.data_dir / "snapshots",
            engine=engine,
            recognisers=recognisers,
            detected_faces=services.detected_faces,
            search_engine=settings.search_engine,
        )
        yield (
            services,
            open_subjects(
                *state,
                audit=services.audit,
                gallery=gallery,
                engine=engine,
                recognisers=recognisers,
                detected_faces=services.detected_faces,
                sessions=Sessions(*state, Tokens(*state)),
            ),
        )
    except OperationalError as error:
        fail(f"the database does not answer: {error.orig}")
    except (
        AccountError, GalleryError, ImageError, ModelError, SubjectError, MasterKeyError, MigrationError, OSError
    ) as error:  # fmt: skip
        fail(str(error))
    finally:
        if services is not None:
            services.close()


def whom_of(
    photo: Path | None,
    target: str | None,
    ids: Sequence[str] | None,
    texts: Sequence[str] | None,
    users: Sequence[str] | None,
) -> Whom:
    """Return whom to look for.

    Raises:
        typer.BadParameter: nothing is given, or it is malformed.
    """
    from mien.gallery.types import TargetFace
    from mien.subjects import Whom

    box = None
    if target is not None:
        if re.fullmatch(r"\d{1,6}(,\d{1,6}){3}", target) is None:
            raise typer.BadParameter(f"{target!r} is not LEFT,TOP,WIDTH,HEIGHT")
        box = TargetFace(*map(int, target.split(",")))
    whom = Whom(
        ids=frozenset(map(_id, ids or ())),
        texts=frozenset(texts or ()),
        photo=None if photo is None else photo.read_bytes(),
        target=box,
        users=frozenset(users or ()),
    )
    if whom.nobody:
        raise typer.BadParameter("say whom to look for: --photo, --id, --text or --user")
    return whom


def place_ref(owner: UUID, text: str) -> CollectionRef:
    """Read `directory` or KIND/ID.

    Raises:
        typer.BadParameter: it is something else.
    """
    from mien.cli._gallery import collection_ref
    from mien.gallery.directory_rows import persons_ref

    return persons_ref(owner) if text == "directory" else collection_ref(owner, text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an id: 8-4-4-4-12 hexadecimal digits") from None
