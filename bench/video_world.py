"""The people, the clips and the gallery of `bench.video` and `bench.doors`.

People are of LFW (../shared/faces): of each of those with two good photos the second walks up and all others are
enrolled, which is one for most; strangers have one photo. Only the clips of the first `TUNED` people of each kind were
used for tuning; the other clips show other people.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID

import cv2
import numpy as np
from bench.video_scenes import Scene
from tests.liveness.photos import networks
from tests.many_people import NewPerson, add_persons
from tests.shared import shared_folder

from mien.accounts import DEVELOPMENT_TERMS
from mien.doors.evidence import TrackEvidence
from mien.doors.people import Known
from mien.doors.recognition import Watcher
from mien.doors.roster_types import RosterPerson
from mien.doors.rules import Situation, decide
from mien.doors.searching import GroupSearch, Target, TargetKind
from mien.doors.types import ALWAYS, Direction, Door, DoorSpec, Rule, RuleSpec
from mien.gallery.directory.services import open_directory
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.recognisers import Recognisers
from mien.models import ModelStore
from mien.models.bindings import read_bindings
from mien.services import open_services
from mien.settings import Settings
from mien.video.camera import Camera
from mien.video.faces import LIVENESS, FaceReader
from mien.video.sampling import Rates
from mien.vision.engine import FaceEngine
from mien.vision.types import Embedding, OperatingPoint, Want
from mien.watching import PICTURE_SIDE

SHARED = shared_folder() or Path(__file__).parents[2] / "shared"
APPROACHES: Final = 200
STRANGERS: Final = 200
ATTACKS: Final = 200
PAIRS: Final = 20
TUNED: Final = 100
"""Numbers of approaches and strangers in the first half, whose people were used for tuning."""


@dataclass(frozen=True)
class Person:
    """A person of LFW: name and good photos."""

    name: str
    photos: tuple[Path, ...]


@dataclass(frozen=True)
class Planned:
    """A clip: name, kind, names of the people, and their photos."""

    name: str
    scene: Scene
    kind: str
    people: tuple[str, ...]
    photos: tuple[Path, ...]

    @property
    def tuned(self) -> bool:
        """Whether it is in the half that was used for tuning."""
        kind, _, number = self.name.partition("-")
        return int(number) < {"attack": ATTACKS // 2, "pair": PAIRS}.get(kind, TUNED)


def people(cache: Path) -> list[Person]:
    """Return the people of LFW with their good photos: one face, in colour, at least 70 pixels wide."""
    kept = cache / "people.json"
    if not kept.exists():
        finder, _ = networks()
        found = []
        for folder in sorted((SHARED / "faces" / "lfw").iterdir()):
            good = []
            for path in sorted(folder.glob("*.jpg")):
                pixels = np.asarray(cv2.imread(str(path)), np.uint8)
                faces = finder.find(pixels, OperatingPoint.GENERAL)
                grey = float(np.ptp(pixels.astype(np.float32), axis=2).mean()) < 4
                if len(faces) == 1 and faces[0].box[2] >= 70 and not grey:
                    good.append(str(path))
            found.append([folder.name, good])
        kept.write_text(json.dumps(found))
    return [Person(name, tuple(map(Path, good))) for name, good in json.loads(kept.read_text()) if good]


def plan(cache: Path) -> list[Planned]:
    """Return all clips, ordered so that each share has some of every kind."""
    everybody = people(cache)
    known = [person for person in everybody if len(person.photos) > 1]
    single = [person for person in everybody if len(list(person.photos[0].parent.glob("*.jpg"))) == 1]
    clips = []
    for number, person in enumerate(known[:APPROACHES]):
        scene = Scene.TURN if number % 4 == 3 else Scene.WALK
        clips.append(Planned(f"approach-{number:03}", scene, "approach", (person.name,), (person.photos[1],)))
    for number, person in enumerate(single[:STRANGERS]):
        scene = Scene.TURN if number % 4 == 3 else Scene.WALK
        clips.append(Planned(f"stranger-{number:03}", scene, "stranger", (person.name,), (person.photos[0],)))
    for number, person in enumerate([*known[: ATTACKS // 2], *known[TUNED : TUNED + ATTACKS // 2]]):
        scene = Scene.REPLAY if number % 2 else Scene.PRINT
        clips.append(Planned(f"attack-{number:03}", scene, scene.value, (person.name,), (person.photos[1],)))
    for number in range(PAIRS):
        one, other = known[2 * number], known[2 * number + 1]
        names, photos = (one.name, other.name), (one.photos[1], other.photos[1])
        clips.append(Planned(f"pair-{number:03}", Scene.PAIR, "pair", names, photos))
    order: dict[str, float] = {}
    by_kind: dict[str, int] = {}
    for clip in clips:
        kind = clip.name.split("-")[0]
        total = {"approach": APPROACHES, "stranger": STRANGERS, "attack": ATTACKS, "pair": PAIRS}[kind]
        order[clip.name] = by_kind.get(kind, 0) / total
        by_kind[kind] = by_kind.get(kind, 0) + 1
    return sorted(clips, key=lambda clip: (order[clip.name], clip.name))


@dataclass(frozen=True)
class World:
    """A gallery with the enrolled people, and its face reader."""

    recogniser: GroupSearch
    faces: FaceReader
    persons: int


@contextmanager
def world(cache: Path, *, alone: bool = False, networks: Sequence[str] = LIVENESS) -> Iterator[World]:
    """Enrol the people in a new database.

    Args:
        cache: cache of clips and templates.
        alone: whether to enrol only the first photo of each person.
        networks: packs of passive networks for liveness, used if installed.
    """
    with TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        services = open_services(settings)
        store = ModelStore()
        recognisers = Recognisers.of(store, read_bindings(store, settings.data_dir, settings.bindings()))
        engine = FaceEngine(store)
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
        directory = open_directory(
            gallery, services.database, services.vault, services.clock, engine=engine, recognisers=recognisers
        )
        owner = services.accounts.create("bench", terms=DEVELOPMENT_TERMS).id
        ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "staff")
        gallery.collections.create(ref, "staff", None, "recognition_04")
        known = [person for person in people(cache) if len(person.photos) > 1]
        templates = enrolled(cache, engine, recognisers["recognition_04"].pack, known)
        if alone:
            templates = [own[:1] for own in templates]
        add_persons(
            gallery, ref, [NewPerson(person.name, None, own) for person, own in zip(known, templates, strict=True)]
        )
        gallery.training.start(ref)
        gallery.training.run_pending()
        recogniser = GroupSearch(
            gallery, directory, recognisers, owner, [Target(TargetKind.LARGE_PERSON_GROUP, "staff")]
        )
        yield World(recogniser, FaceReader(engine, recogniser.pack, store, networks=networks), len(known))
        services.close()


def enrolled(cache: Path, engine: FaceEngine, pack: str, known: Sequence[Person]) -> list[tuple[Embedding, ...]]:
    """Return the templates of each person's photos except the second, which walks up; cached from an earlier run."""
    fingerprint = engine.fingerprint(pack)
    kept = cache / f"templates-{fingerprint[:12]}-all.npz"
    photos = [(number, photo) for number, person in enumerate(known) for photo in _enrolling(person)]
    if not kept.exists():
        faces = [engine.analyze(photo, Want(recogniser=pack)).faces[0].embedding for _, photo in photos]
        found = [one for one in faces if one is not None]
        np.savez(kept, vectors=np.stack([one.vector for one in found]), norms=np.array([one.norm for one in found]))
    templates: list[list[Embedding]] = [[] for _ in known]
    with np.load(kept) as read:
        for (number, _), vector, norm in zip(photos, read["vectors"], read["norms"], strict=True):
            templates[number].append(Embedding(vector, fingerprint, float(norm)))
    return [tuple(own) for own in templates]


def _enrolling(person: Person) -> tuple[Path, ...]:
    return (person.photos[0], *person.photos[2:])


class Doorway:
    """A door as `mien door add` creates it, with one rule that allows everybody in the group at any time.

    Args:
        liveness: whether the rule requires liveness.
    """

    def __init__(self, *, liveness: bool) -> None:
        place, ids, now = "largePersonGroup/staff", UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC)
        spec = RuleSpec(name="Staff", doors=(ids,), groups=(place,), schedule=ALWAYS, liveness=liveness)
        self._rule = Rule(rule_id=ids, position=0, spec=spec)
        self._door = Door(
            door_id=ids, resource_id=ids, name="Front", spec=DoorSpec(), actuator="none", created_at=now, changed_at=now
        )
        self._place = place

    def opens(self, evidence: TrackEvidence) -> bool:
        """Return whether the evidence opens the door, by the product's rules."""
        best = evidence.best
        person = None
        if best is not None:
            named = RosterPerson(place=self._place, person_id=UUID(best.person_id), name=best.name)
            person = Known(UUID(int=2), named, frozenset({self._place}))
        situation = Situation(
            door=self._door, direction=Direction.ENTRY, at=evidence.updated_at, rules=(self._rule,), person=person
        )
        return decide(evidence, situation).granted


def watched(here: World, source: Any, *, rates: Rates | None = None, liveness: bool = True) -> list[TrackEvidence]:
    """Watch a source to its end, as a server does, and return the evidence in order."""
    calibration = here.recogniser.bound.calibration
    camera = Camera(
        "bench",
        source,
        here.faces,
        rates=rates,
        liveness=liveness,
        calibration=calibration,
        picture_side=PICTURE_SIDE,
    )
    seen: list[TrackEvidence] = []
    Watcher(camera, here.recogniser).run(seen.append)
    return seen
