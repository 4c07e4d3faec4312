"""Shared parts of the commands on enrolled faces: opening the gallery, naming resources and collections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, overload
from uuid import UUID

import typer

from mien.cli._administration import actor, opened_by_settings, resource_named
from mien.cli._ids import whole_id

if TYPE_CHECKING:
    from mien.events.audit import AuditLog
    from mien.events.audit_chain import Details
    from mien.gallery.gallery import Gallery
    from mien.gallery.kinds import CollectionRef
    from mien.gallery.recognisers import Recognisers
    from mien.gallery.reembedding.job import Migrations
    from mien.models import ModelStore
    from mien.services import Services
    from mien.settings import Settings
    from mien.vision.engine import FaceEngine

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database and the trained indexes. [MIEN_DATA_DIR]")]


@dataclass(frozen=True, slots=True)
class CommandServices:
    """The objects that a command on faces works with.

    Attributes:
        settings: the settings.
        services: the services.
        store: the model packs.
        engine: analyses photos.
        recognisers: bindings of the recognition models.
        gallery: the gallery.
    """

    settings: Settings
    services: Services
    store: ModelStore
    engine: FaceEngine
    recognisers: Recognisers
    gallery: Gallery


@contextmanager
def opened_faces(data_dir: Path | None, *foreseen: type[Exception]) -> Iterator[CommandServices]:
    """Open the gallery and the models; an expected error becomes one sentence and exit code 1.

    Args:
        data_dir: the data folder; from the settings when None.
        foreseen: further expected errors.
    """
    from mien.cli._images import image_rules
    from mien.gallery.errors import GalleryError
    from mien.gallery.gallery import open_gallery
    from mien.gallery.recognisers import Recognisers
    from mien.models import ModelError, ModelStore
    from mien.models.bindings import read_bindings
    from mien.search.milvus import MilvusServer
    from mien.vision.engine import FaceEngine
    from mien.vision.errors import ImageError

    with opened_by_settings(data_dir, GalleryError, ImageError, ModelError, *foreseen) as (settings, services):
        store = ModelStore(settings.model_dir)
        recognisers = Recognisers.of(store, read_bindings(store, settings.data_dir, settings.bindings()))
        engine = FaceEngine(store, rules=image_rules(settings))
        gallery = open_gallery(
            services.database,
            services.vault,
            services.clock,
            settings.index_dir,
            engine=engine,
            recognisers=recognisers,
            detected_faces=services.detected_faces,
            search_engine=settings.search_engine,
            milvus=MilvusServer.of(settings.milvus_login),
        )
        yield CommandServices(settings, services, store, engine, recognisers, gallery)


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Services, Gallery, Migrations]]:
    """Open the gallery, and what gives it templates of another recogniser."""
    from mien.gallery.reembedding.job import Migrations

    with opened_faces(data_dir) as faces:
        migrations = Migrations(
            faces.gallery,
            faces.services.vault,
            faces.engine,
            faces.recognisers,
            pack_of=faces.store.installed_with,
            threads=faces.settings.worker_threads,
        )
        yield faces.services, faces.gallery, migrations


@dataclass(frozen=True, slots=True)
class ResourceWork:
    """The objects that a command on the enrolled faces of one resource works with.

    Attributes:
        gallery: the gallery.
        owner: the resource's id.
        audit: the audit log.
        actor: name of the actor in the audit log.
    """

    gallery: Gallery
    owner: UUID
    audit: AuditLog
    actor: str

    @overload
    def ref(self, text: str) -> CollectionRef: ...
    @overload
    def ref(self, text: str | None) -> CollectionRef | None: ...
    def ref(self, text: str | None) -> CollectionRef | None:
        """Read KIND/ID, a collection of the resource; exits when it is something else."""
        return collection_ref(self.owner, text)

    def person(self, ref: CollectionRef, text: str) -> str:
        """Return the id of a person of a group from it or its beginning; exits when there is not exactly one."""
        return str(whole_id(text, self.gallery.short_ids.persons(self.owner, text, ref), "person"))

    def face(self, ref: CollectionRef, text: str) -> str:
        """Return the id of an enrolled face from it or its beginning; exits when there is not exactly one."""
        return str(whole_id(text, self.gallery.short_ids.faces(self.owner, text, ref), "face"))

    def note(self, action: str, details: Details) -> None:
        """Write what was done into the audit log."""
        self.audit.record(actor=self.actor, action=action, resource_id=self.owner, details=details)


@contextmanager
def opened_for(resource: str, data_dir: Path | None, as_name: str | None = None) -> Iterator[ResourceWork]:
    """Open the gallery for a command on one resource.

    Args:
        resource: its name.
        data_dir: the data folder; from the settings when None.
        as_name: name of the actor; the system's user when None.
    """
    with opened_faces(data_dir) as faces:
        services = faces.services
        yield ResourceWork(faces.gallery, resource_named(services, resource).id, services.audit, actor(as_name))


@overload
def collection_ref(owner: UUID, text: str, *, directory: bool = False) -> CollectionRef: ...
@overload
def collection_ref(owner: UUID, text: str | None, *, directory: bool = False) -> CollectionRef | None: ...
def collection_ref(owner: UUID, text: str | None, *, directory: bool = False) -> CollectionRef | None:
    """Read KIND/ID; exits when it is something else.

    Args:
        owner: the resource.
        text: as the operator wrote it; None for none.
        directory: whether the collections of person directories may be named.
    """
    from mien.gallery.kinds import PUBLIC_KINDS, Kind, ref_among

    if text is None:
        return None
    kind, _, collection_id = text.partition("/")
    kinds = (*PUBLIC_KINDS, Kind.DIRECTORY) if directory else PUBLIC_KINDS
    if (ref := ref_among(owner, f"{kind.lower().removesuffix('s')}/{collection_id}", kinds)) is not None:
        return ref
    raise typer.BadParameter(f"{text!r} is not KIND/ID; valid kinds are {', '.join(one.value for one in kinds)}")
