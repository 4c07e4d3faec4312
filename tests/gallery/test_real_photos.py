"""The whole way with the real engine: photos of a family enrolled, trained, identified."""

from pathlib import Path

import pytest
from tests.manual_clock import ManualClock
from tests.memory import shared_engine
from tests.shared import azure_photo

from mien.accounts import DEVELOPMENT_TERMS, Accounts
from mien.gallery.detected_faces import DetectedFaces
from mien.gallery.enrolment import enrol
from mien.gallery.errors import LowQualityError, NoFaceError, SeveralFacesError
from mien.gallery.gallery import open_gallery
from mien.gallery.kinds import CollectionRef, Kind
from mien.gallery.policy import EnrolmentPolicy
from mien.gallery.recognisers import Recognisers
from mien.gallery.types import Duplicate, DuplicateKind, TargetFace
from mien.models import ModelError, ModelStore
from mien.models.bindings import read_bindings
from mien.storage import Database, Vault
from mien.storage.tables import CropRow
from mien.vision import decode
from mien.vision.image_header.types import ImageHeader
from mien.vision.types import OperatingPoint, Pixels, Want

FAMILY = {"dad": ("Family1-Dad1", "Family1-Dad2"), "mum": ("Family1-Mom1", "Family1-Mom2"),
          "son": ("Family1-Son1", "Family1-Son2"), "daughter": ("Family1-Daughter1", "Family1-Daughter2")}  # fmt: skip


def name_of(one: Duplicate, people: dict[str, str]) -> str:
    return next((who for who, person in people.items() if person == one.other_person_id), "")


def test_a_family_is_enrolled_trained_and_identified(
    database: Database, vault: Vault, clock: ManualClock, tmp_path: Path
) -> None:
    photos = {who: [azure_photo(name).read_bytes() for name in names] for who, names in FAMILY.items()}
    group_photo = azure_photo("identification1").read_bytes()
    store = ModelStore()
    recognisers = Recognisers.of(store, read_bindings(store, tmp_path))
    engine = shared_engine()
    pack = recognisers["recognition_04"].pack
    try:
        engine.prepare(["yunet", pack])
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")
    faces = DetectedFaces(database, vault, clock)
    gallery = open_gallery(
        database, vault, clock, tmp_path / "snapshots", engine=engine, recognisers=recognisers, detected_faces=faces
    )
    owner = Accounts(database, vault, clock).create("owner", terms=DEVELOPMENT_TERMS).id
    ref = CollectionRef(owner, Kind.LARGE_PERSON_GROUP, "family")
    gallery.collections.create(ref, "Family", None, "recognition_04")
    gallery.policies.set_for(ref, EnrolmentPolicy(keep_crops=True))
    people = {who: gallery.persons.create(ref, who) for who in photos}
    for who, some in photos.items():
        for image in some:
            found = gallery.faces.add(ref, image, person_id=people[who]).duplicates
            # Relatives may look too much alike, which is what suspicions are for; no photo came twice.
            assert all(
                one.kind is DuplicateKind.SAME_PERSON and "daughter" in {who, name_of(one, people)} for one in found
            )
    assert gallery.crops.count(owner, ref) == 8
    with database.read(owner) as session:
        assert all(b"\xff\xd8\xff\xe0\x00\x10JFIF" not in crop.sealed for crop in session.query(CropRow))
    with pytest.raises(SeveralFacesError):
        gallery.faces.add(ref, group_photo, person_id=people["dad"])
    again = gallery.faces.add(ref, photos["dad"][0], person_id=people["mum"])
    assert DuplicateKind.SAME_PHOTO in {one.kind for one in again.duplicates}
    gallery.faces.delete(ref, again.persisted_face_id, people["mum"])
    assert DuplicateKind.SAME_PHOTO not in {one.kind for one in gallery.duplicates.found(ref)}
    gallery.training.start(ref)
    gallery.training.run_pending()
    seen = engine.analyze(group_photo, Want(recogniser=pack)).faces
    ids = faces.remember(owner, "recognition_04", [face.embedding for face in seen if face.embedding], 600)
    answers = gallery.recognition.identify(ids, ref)
    best = [answer.candidates[0].person_id for answer in answers if answer.candidates]
    assert len(set(best)) == len(best) >= 2
    box = seen[0].box
    target = TargetFace(box.left, box.top, box.width, box.height)
    assert gallery.faces.add(ref, group_photo, person_id=people["dad"], target=target).persisted_face_id
    with pytest.raises(NoFaceError):
        gallery.faces.add(ref, group_photo, person_id=people["dad"], target=TargetFace(0, 0, 5, 5))
    gallery.policies.set_for(ref, EnrolmentPolicy(min_size=5000))
    with pytest.raises(LowQualityError, match=r"size is \d+ pixels, required is at least 5000"):
        gallery.faces.add(ref, photos["son"][0], person_id=people["son"])
    assert gallery.crops.erase(owner) == 9
    assert gallery.crops.count(owner) == 0


def test_a_photo_is_decoded_once_though_its_crop_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    image = azure_photo(FAMILY["dad"][0]).read_bytes()
    store = ModelStore()
    pack = Recognisers.of(store, read_bindings(store, tmp_path))["recognition_04"].pack
    engine = shared_engine()
    try:
        engine.prepare(["yunet", "mesh", pack])
    except ModelError as error:
        pytest.skip(f"needs the models: {error}")
    reductions: list[int] = []
    decode_jpeg = decode._decode_jpeg

    def counted(data: bytes, header: ImageHeader, reduction: int) -> Pixels:
        reductions.append(reduction)
        return decode_jpeg(data, header, reduction)

    monkeypatch.setattr(decode, "_decode_jpeg", counted)
    rules = EnrolmentPolicy(keep_crops=True)
    enrolled = enrol(engine, image, pack, rules, target=None, operating_point=OperatingPoint.BEST)
    assert enrolled.crop is not None
    assert len(reductions) == len(set(reductions)) == 1
