"""The cameras of all resources. Their addresses are encrypted, shown without secrets, and never logged."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mien.clock import Clock
from mien.doors.checks import check_name
from mien.doors.codec import dump, load
from mien.doors.errors import InvalidDoorError, NameInUseError, NotConfiguredError
from mien.doors.existing import check_doors, check_one_model, check_places
from mien.doors.naming import find_named
from mien.doors.sources import shown_host
from mien.doors.types import Camera, CameraSpec
from mien.events import AuditLog
from mien.messages import Message
from mien.storage import EVERY_RESOURCE, Database, Vault
from mien.storage.tables import CameraRow
from mien.video.errors import ZoneError
from mien.video.zones import Zones


class Cameras:
    """The cameras on a database.

    Args:
        database: the database.
        vault: encrypts their addresses.
        clock: the clock.
        audit: the audit log; records every change, without addresses.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock, audit: AuditLog) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._audit = audit

    def create(self, resource_id: UUID, name: str, source: str, spec: CameraSpec, *, actor: str) -> Camera:
        """Add a camera.

        Args:
            resource_id: id of the resource.
            name: for people; no other camera of the resource has it.
            source: its address: an `rtsp`, `rtsps`, `http` or `https` URL, `/dev/videoN`, or `file:` and a path.
            spec: the rest of its configuration.
            actor: name of the actor, for the audit log.

        Raises:
            InvalidDoorError: the name or the address is not valid; the door or a group does not exist; there is no
                group, or the groups cannot be searched together.
            NameInUseError: another camera has the name.
        """
        name, host = check_name("name", name), shown_host(source)
        camera_id, now = uuid4(), self._clock.now()
        sealed = self._seal(resource_id, camera_id, source)
        row = CameraRow(
            resource_id=resource_id,
            camera_id=camera_id,
            name=name,
            source=sealed,
            spec=dump(spec),
            created_at=now,
            changed_at=now,
        )
        try:
            with self._database.write(resource_id) as session:
                _check(session, spec)
                session.add(row)
                session.flush()
                self._record(session, "camera.create", row, actor, host=host)
        except IntegrityError:
            raise NameInUseError("there is a camera {name!r} already", name=name) from None
        return self._camera(row)

    def change(
        self,
        resource_id: UUID,
        camera_id: UUID,
        *,
        actor: str,
        name: str | None = None,
        source: str | None = None,
        spec: CameraSpec | None = None,
    ) -> Camera:
        """Change a camera; None leaves a setting unchanged.

        Raises:
            NotConfiguredError: there is none.
            InvalidDoorError: as for `create`; a group that the camera had before may be gone.
            NameInUseError: another camera has the name.
        """
        name = None if name is None else check_name("name", name)
        sealed = None
        if source is not None:
            shown_host(source)
            sealed = self._seal(resource_id, camera_id, source)
        try:
            with self._database.write(resource_id) as session:
                row = _find(session, camera_id)
                row.name = row.name if name is None else name
                row.source = row.source if sealed is None else sealed
                if spec is not None:
                    _check(session, spec, load(CameraSpec, row.spec))
                    row.spec = dump(spec)
                row.changed_at = self._clock.now()
                session.flush()
                self._record(session, "camera.change", row, actor, address=source is not None)
        except IntegrityError:
            raise NameInUseError("there is a camera {name!r} already", name=name) from None
        return self._camera(row)

    def delete(self, resource_id: UUID, camera_id: UUID, *, actor: str) -> None:
        """Delete a camera; its events stay.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.write(resource_id) as session:
            row = _find(session, camera_id)
            self._record(session, "camera.delete", row, actor)
            session.delete(row)

    def get(self, resource_id: UUID, camera_id: UUID) -> Camera:
        """Return a camera.

        Raises:
            NotConfiguredError: there is none.
        """
        with self._database.read(resource_id) as session:
            return self._camera(_find(session, camera_id))

    def named(self, resource_id: UUID, name: str) -> Camera:
        """Return a camera by its name or its id.

        Raises:
            NotConfiguredError: there is none.
        """
        return find_named(Message("camera"), name, self.of(resource_id), lambda camera: camera.camera_id)

    def of(self, resource_id: UUID) -> list[Camera]:
        """Return the cameras of a resource by name."""
        with self._database.read(resource_id) as session:
            return [self._camera(row) for row in session.scalars(select(CameraRow).order_by(CameraRow.name))]

    def all(self) -> list[Camera]:
        """Return the cameras of all resources, for the process that runs them."""
        with self._database.read(EVERY_RESOURCE) as session:
            query = select(CameraRow).order_by(CameraRow.resource_id, CameraRow.name)
            return [self._camera(row) for row in session.scalars(query)]

    def source(self, resource_id: UUID, camera_id: UUID) -> str:
        """Return a camera's address with its password, for the process that opens the stream; never show or log it.

        Raises:
            NotConfiguredError: there is no such camera.
        """
        with self._database.read(resource_id) as session:
            row = _find(session, camera_id)
        return self._open(row)

    def started(self, camera: Camera, *, where: str) -> None:
        """Record in the audit log that a process started to identify people on a camera.

        Args:
            camera: the camera.
            where: which process.
        """
        self._run("camera.start", camera, where)

    def stopped(self, camera: Camera, *, where: str) -> None:
        """Record in the audit log that a process stopped identifying people on a camera."""
        self._run("camera.stop", camera, where)

    def _run(self, action: str, camera: Camera, where: str) -> None:
        details = {"camera": camera.name, "groups": ",".join(camera.spec.groups)[:90]}
        self._audit.record(actor=where, action=action, resource_id=camera.resource_id, details=details)

    def _seal(self, resource_id: UUID, camera_id: UUID, source: str) -> bytes:
        return self._vault.seal(source.encode(), resource_id=resource_id, what=_what(camera_id))

    def _open(self, row: CameraRow) -> str:
        return self._vault.open(row.source, resource_id=row.resource_id, what=_what(row.camera_id)).decode()

    def _camera(self, row: CameraRow) -> Camera:
        return Camera(
            camera_id=row.camera_id,
            resource_id=row.resource_id,
            name=row.name,
            host=shown_host(self._open(row)),
            spec=load(CameraSpec, row.spec),
            created_at=row.created_at,
            changed_at=row.changed_at,
        )

    def _record(self, session: Session, action: str, row: CameraRow, actor: str, **details: str | bool) -> None:
        about = {"camera": row.name, "camera_id": str(row.camera_id), **details}
        self._audit.record_in(session, actor=actor, action=action, resource_id=row.resource_id, details=about)


def _find(session: Session, camera_id: UUID) -> CameraRow:
    row = session.scalar(select(CameraRow).where(CameraRow.camera_id == camera_id))
    if row is None:
        raise NotConfiguredError("there is no camera {camera_id}", camera_id=camera_id)
    return row


def _check(session: Session, spec: CameraSpec, before: CameraSpec | None = None) -> None:
    """Check the zones of a camera, and that its references exist; what is as before is not checked again."""
    if before is None or (spec.regions, spec.privacy) != (before.regions, before.privacy):
        try:
            Zones.of(spec.regions, spec.privacy)
        except ZoneError:
            raise InvalidDoorError(
                "a zone must enclose a part of the picture: this one is too small, or its corners lie on a line"
            ) from None
    if spec.door is not None:
        check_doors(session, [spec.door])
    if before is not None and spec.groups == before.groups:
        return
    if not spec.groups:
        raise InvalidDoorError("a camera needs at least one group to search")
    check_places(session, spec.groups, before.groups if before is not None else ())
    check_one_model(session, spec.groups)


def _what(camera_id: UUID) -> str:
    return f"cameras/{camera_id}"
