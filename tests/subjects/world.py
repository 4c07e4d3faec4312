"""A resource with everything that can hold a person, over an engine whose photos are texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from tests.gallery.conftest import World, open_world
from tests.gallery.texts import TextEngine, photo, recognisers
from tests.manual_clock import ManualClock

from mien.accounts import DEVELOPMENT_TERMS
from mien.events import AuditLog
from mien.gallery.directory.services import DirectoryServices, open_directory
from mien.gallery.kinds import CollectionRef, Kind
from mien.liveness.sessions import Sessions
from mien.liveness.tokens import Tokens
from mien.storage import Database, Vault
from mien.subjects import Subjects, open_subjects


@dataclass(frozen=True)
class SubjectsWorld:
    """What tests work on.

    Attributes:
        world: the gallery.
        subjects: under test.
        directory: the person directory.
        sessions: liveness sessions.
        audit: the log.
        other: another resource.
        snapshots: the folder of snapshot files.
    """

    world: World
    subjects: Subjects
    directory: DirectoryServices
    sessions: Sessions
    audit: AuditLog
    database: Database
    clock: ManualClock
    other: UUID
    snapshots: Path

    @property
    def owner(self) -> UUID:
        return self.world.owner

    def of(self, owner: UUID) -> World:
        return replace(self.world, owner=owner)

    def enrol(self, ref: CollectionRef, name: str, *seeds: int, near: int | None = None) -> str:
        """Enrol a person, or a face of a list; returns the person's id, or the face's."""
        gallery = self.world.gallery
        person = gallery.persons.create(ref, name) if ref.kind.has_persons else None
        face = ""
        for seed in seeds:
            image = photo({"seed": seed, "near": near, "away": 0.3}) if near is not None else photo({"seed": seed})
            face = gallery.faces.add(ref, image, person_id=person, user_data=name).persisted_face_id
        return person or face


def open_place(database: Database, vault: Vault, clock: ManualClock, folder: Path) -> SubjectsWorld:
    """Open a resource and another one on an empty database."""
    world = open_world(database, vault, clock, folder)
    engine: TextEngine = world.engine
    directory = open_directory(world.gallery, database, vault, clock, engine=engine, recognisers=recognisers())
    sessions = Sessions(database, vault, clock, Tokens(database, vault, clock))
    audit = AuditLog(database, clock, vault)
    subjects = open_subjects(
        database,
        vault,
        clock,
        audit=audit,
        gallery=world.gallery,
        engine=engine,
        recognisers=recognisers(),
        detected_faces=world.faces,
        sessions=sessions,
    )
    other = world.accounts.create("other", terms=DEVELOPMENT_TERMS).id
    return SubjectsWorld(world, subjects, directory, sessions, audit, database, clock, other, folder / "snapshots")


KINDS = (Kind.FACE_LIST, Kind.LARGE_FACE_LIST, Kind.PERSON_GROUP, Kind.LARGE_PERSON_GROUP)
