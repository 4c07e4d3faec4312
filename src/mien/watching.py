"""The composition root of cameras and doors: builds what runs them from settings and services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from mien.doors.actuators.broker import Broker
from mien.doors.actuators.config import ActuatorConfig, MqttActuator, OsdpActuator, RelayActuator
from mien.doors.actuators.mqtt import MqttCommand
from mien.doors.actuators.osdp import OsdpReader
from mien.doors.actuators.relay import Relay
from mien.doors.decisions import badge_in
from mien.doors.events import Event
from mien.doors.openings import Actuator, ActuatorError
from mien.doors.roster_types import BadgeNumber
from mien.doors.runner import Runner
from mien.doors.runner_parts import RunnerParts, Watching
from mien.doors.searching import GroupSearch, Target
from mien.doors.service import DoorServices
from mien.doors.telling import Teller, Topics, greeting
from mien.doors.types import Camera, Door
from mien.drifting import count_track
from mien.events.drift import DriftCounts
from mien.fetching.addresses import AddressPolicy
from mien.fetching.fetch import FetchPolicy
from mien.gallery.directory.services import DirectoryServices
from mien.gallery.gallery import Gallery
from mien.gallery.recognisers import Recognisers
from mien.gateway.origin import parse_networks
from mien.models import ModelStore
from mien.services import Services
from mien.settings import Settings
from mien.storage import EVERY_RESOURCE
from mien.storage.tables import DoorEventRow
from mien.vision.ports import Engine

if TYPE_CHECKING:
    from mien.doors.recognition import Watcher
    from mien.video.faces import FaceReader

PICTURE_SIDE: Final = 1280
"""Long side of the live picture that the portal shows, in pixels."""


@dataclass(frozen=True, slots=True)
class WatchServices:
    """The services for recognising people at cameras.

    Attributes:
        gallery: groups.
        directory: the person directory and dynamic groups.
        recognisers: bindings of the recognition models.
        engine: finds and reads faces.
        store: store of the passive networks.
    """

    gallery: Gallery
    directory: DirectoryServices
    recognisers: Recognisers
    engine: Engine
    store: ModelStore


@dataclass(frozen=True, slots=True)
class Watch:
    """Runs cameras and doors on this server, with the connection to the broker.

    Attributes:
        runner: runs cameras and doors.
        broker: the MQTT broker; None without.
        teller: sends events to it.
    """

    runner: Runner
    broker: Broker | None
    teller: Teller | None

    def watchers(self, resource_id: UUID) -> dict[UUID, Watcher]:
        """Return the cameras of a resource that run on this server."""
        found = self.runner.watchers(resource_id)
        return {camera: one.watcher for camera, one in found.items() if isinstance(one, CameraWatcher)}

    def start(self) -> None:
        """Start the threads."""
        if self.broker is not None and self.teller is not None:
            self.broker.start()
            self.teller.start()
        self.runner.start()

    def stop(self) -> None:
        """Stop cameras first, so that nothing is decided that is not told."""
        self.runner.stop()
        if self.broker is not None and self.teller is not None:
            self.teller.stop()
            self.broker.stop()


class CameraWatcher:
    """A watcher of the recognition, as the runner wants it.

    Args:
        watcher: the camera.
    """

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.run = watcher.run
        self.stop = watcher.stop
        self.best_shot = watcher.best_shot

    def connected(self) -> bool:
        """Whether frames come."""
        return self.watcher.health().connected


def open_watch(settings: Settings, services: Services, doors: DoorServices, faces: WatchServices) -> Watch:
    """Create the runner of cameras and doors; starts no thread.

    Args:
        settings: broker, relays.
        services: the services.
        doors: cameras and doors.
        faces: the services that recognise people.
    """
    topics = Topics(settings.mqtt_prefix, settings.mqtt_discovery, settings.mqtt_names)
    ca_file = str(settings.url_ca_file) if settings.url_ca_file else None
    broker = teller = None
    if settings.mqtt_url is not None:
        url = settings.mqtt_url.get_secret_value()
        broker = Broker(url, will=topics.will, greeting=greeting(topics), ca_file=ca_file)
        teller = Teller(
            services.database,
            doors.doors,
            doors.events,
            doors.roster,
            broker=broker,
            claims=services.claims,
            topics=topics,
            mark=services.vault.derived_key("doors at the MQTT broker").hex()[:16],
        )
    networks = parse_networks(settings.relay_allowed_networks)
    policy = FetchPolicy(AddressPolicy(settings.relay_allow_private, networks, settings="MIEN_RELAY"), ca_file=ca_file)
    runner = Runner(
        RunnerParts(
            database=services.database,
            cameras=doors.cameras,
            doors=doors.doors,
            decisions=doors.decisions,
            events=doors.events,
            claims=services.claims,
            open_watcher=_watcher_opener(faces, services.drift_counts),
            open_actuator=_actuator_opener(services, doors, broker, policy),
            approved=doors.approved,
            told=teller.nudge if teller is not None else lambda: None,
        )
    )
    return Watch(runner, broker, teller)


def _watcher_opener(faces: WatchServices, counts: DriftCounts) -> Callable[[Camera, str], Watching]:
    readers: dict[str, FaceReader] = {}

    def open_camera(camera: Camera, source: str) -> Watching:
        # They need PyAV, of the extra mien[video].
        from mien.doors.recognition import open_watcher  # noqa: PLC0415  see above
        from mien.video.faces import FaceReader  # noqa: PLC0415  see above
        from mien.video.sampling import Rates  # noqa: PLC0415  see above
        from mien.video.zones import Zone, ZoneKind, Zones  # noqa: PLC0415  see above
        from mien.vision.engine import FaceEngine  # noqa: PLC0415  see above

        if not isinstance(faces.engine, FaceEngine):
            raise TypeError("the server's engine reads no video")
        owner = camera.resource_id
        targets = [Target.of(group) for group in camera.spec.groups]
        recogniser = GroupSearch(faces.gallery, faces.directory, faces.recognisers, owner, targets)
        reader = readers.get(recogniser.pack)
        if reader is None:
            reader = readers[recogniser.pack] = FaceReader(faces.engine, recogniser.pack, faces.store)
        spec = camera.spec
        zones = Zones(
            (
                *(Zone(ZoneKind.WATCH, polygon) for polygon in spec.regions),
                *(Zone(ZoneKind.PRIVACY, polygon) for polygon in spec.privacy),
            )
        )
        return CameraWatcher(
            open_watcher(
                camera.name,
                source.removeprefix("file:"),
                reader,
                recogniser,
                zones=zones,
                rates=Rates.of(spec.rate),
                liveness=reader.measures_liveness,
                picture_side=PICTURE_SIDE,
                noted=lambda note: count_track(counts, owner, camera.name, note),
                paced=True,
            )
        )

    return open_camera


def _actuator_opener(
    services: Services, doors: DoorServices, broker: Broker | None, policy: FetchPolicy
) -> Callable[[Door, ActuatorConfig], Actuator]:
    def card_of(owner: UUID, event: Event) -> BadgeNumber | None:
        with services.database.read(EVERY_RESOURCE) as session:
            row = session.get(DoorEventRow, (owner, event.number))
        if row is None or row.collection is None or row.person_id is None:
            return None
        return doors.roster.number_of(owner, row.collection, row.person_id, badge_in(event))

    def open_actuator(door: Door, config: ActuatorConfig) -> Actuator:
        if isinstance(config, OsdpActuator):
            return OsdpReader(config, lambda event: card_of(door.resource_id, event))
        if isinstance(config, RelayActuator):
            return Relay(config, door.spec.open_seconds, policy)
        if isinstance(config, MqttActuator):
            return MqttCommand(config, broker)
        raise ActuatorError("the door has no actuator")

    return open_actuator
