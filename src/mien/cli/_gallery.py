"""What commands on enrolled faces share: opening the gallery, naming resources and collections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, overload
from uuid import UUID

import typer

if TYPE_CHECKING:
    from mien.gallery.gallery import Gallery
    from mien.gallery.kinds import CollectionRef
    from mien.gallery.migrations import Migrations
    from mien.services import Services


@contextmanager
def opened(data_dir: Path | None) -> Iterator[tuple[Services, Gallery, Migrations]]:
    """Open what the commands work on; what goes wrong on purpose becomes one sentence and exit code 1."""
    from mien.gallery.errors import GalleryError
    from mien.gallery.gallery import open_gallery
    from mien.gallery.migrations import Migrations
    from mien.gallery.recognisers import Recognisers
    from mien.logs import configure_logs
    from mien.models import ModelError, ModelStore
    from mien.models.bindings import read_bindings
    from mien.services import open_services
    from mien.settings import Settings
    from mien.storage.crypto import MasterKeyError
    from mien.storage.migrations import MigrationError
    from mien.vision.engine import FaceEngine

    settings = Settings(data_dir=data_dir.absolute()) if data_dir else Settings()
    configure_logs("warning", settings.log_format)
    services = None
    try:
        store = ModelStore(settings.model_dir)
        bindings = read_bindings(store, settings.data_dir, settings.bindings())
        services = open_services(settings)
        engine, recognisers = FaceEngine(store), Recognisers.of(store, bindings)
        gallery = open_gallery(
            services.database,
            services.vault,
            services.clock,
            settings.data_dir / "snapshots",
            engine=engine,
            recognisers=recognisers,
            detected_faces=services.detected_faces,
            search_engine=settings.search_engine,
        )
        migrations = Migrations(
            gallery, services.vault, engine, recognisers,
            pack_of=store.installed_with, threads=settings.worker_threads,
        )  # fmt: skip
        yield services, gallery, migrations
    except (GalleryError, ModelError, MasterKeyError, MigrationError, OSError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    finally:
        if services is not None:
            services.close()


def resource_id(services: Services, name: str) -> UUID:
    """Return the id of a resource by its name; says so and exits when there is none."""
    found = services.accounts.named(name)
    if found is None:
        typer.echo(f"mien: there is no resource {name!r}", err=True)
        raise typer.Exit(1)
    return found.id


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
    from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, Kind

    if text is None:
        return None
    kind, _, collection_id = text.partition("/")
    kinds = (*PUBLIC_KINDS, Kind.DIRECTORY) if directory else PUBLIC_KINDS
    for known in kinds:
        if kind.lower() in {known.value.lower(), f"{known.value.lower()}s"}:
            return CollectionRef(owner, known, collection_id)
    raise typer.BadParameter(f"{text!r} is not KIND/ID; kinds are {', '.join(one.value for one in kinds)}")
