"""Photos of many people in one drop, with a real engine: whose they are, what is refused, and all of it taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.importing.test_importing import data, photo, webp  # noqa: F401  `data` is a fixture
from tests.shared import azure_photo

from mien.cli._gallery import opened_for
from mien.gallery.errors import TrainingNotFinishedError
from mien.gallery.kinds import CollectionRef, Kind
from mien.importing.batch import BatchOutcome, DroppedPhotos

pytestmark = pytest.mark.shared
DAD, AGAIN, MUM = "Family1-Dad1", "Family1-Dad2", "Family1-Mom1"


def two() -> bytes:
    pair = [cv2.imread(str(azure_photo(one))) for one in (DAD, MUM)]
    height = min(len(one) for one in pair if one is not None)
    scaled = [cv2.resize(one, None, fx=height / len(one), fy=height / len(one)) for one in pair if one is not None]
    done, jpeg = cv2.imencode(".jpg", cv2.hconcat([one[:height] for one in scaled]))
    assert done
    return np.asarray(jpeg).tobytes()


def test_a_batch_is_enrolled_told_of_and_taken_back(data: Path) -> None:  # noqa: F811
    with opened_for("desk", data, "Anna") as work:
        gallery, ref = work.gallery, CollectionRef(work.owner, Kind.LARGE_PERSON_GROUP, "batch")
        gallery.collections.create(ref, "Batch", None, "recognition_04")
        mum = gallery.persons.create(ref, "MUM")
        gallery.persons.create(ref, "Twin")
        gallery.persons.create(ref, "twin")
        batch = DroppedPhotos(gallery, ref)
        table = "photo;person;user data\nx1.jpg;Zoë Ångström;it's her\n"
        files = {
            "people.csv": (table.encode("utf-8-sig"), BatchOutcome.TABLE, "", "1 photos"),
            "Family/Dad/1.jpg": (photo(DAD), BatchOutcome.ENROLLED, "Dad", ""),
            "Family/dad/2.webp": (webp(AGAIN), BatchOutcome.ENROLLED, "dad", ""),
            "mum_2.jpg": (photo(MUM), BatchOutcome.ENROLLED, "mum", ""),
            "x1.jpg": (photo(MUM), BatchOutcome.ENROLLED, "Zoë Ångström", "the same photo"),
            "IMG_0001.jpg": (photo(DAD), BatchOutcome.REFUSED, "", "does not say whose"),
            "Twin 1.jpg": (photo(DAD), BatchOutcome.REFUSED, "Twin", "2 persons have the name"),
            "Both/1.jpg": (two(), BatchOutcome.REFUSED, "Both", "several faces"),
            "Nobody/1.jpg": (b"\xff\xd8\xffno photo" * 100, BatchOutcome.REFUSED, "Nobody", ""),
            "Dad/notes.txt": (b"hello", BatchOutcome.REFUSED, "", "not a photo"),
            "bad.csv": (b"a,b\n1,2\n", BatchOutcome.REFUSED, "", "columns"),
        }
        for name, (content, outcome, person, reason) in files.items():
            line = batch.take(name, content)
            assert (line.outcome, line.person) == (outcome, person), line
            assert reason in line.reason
            assert outcome is not BatchOutcome.REFUSED or line.reason.endswith(".")
        people = {one.name: one for one in gallery.people.page(ref).people}
        assert {name: one.faces for name, one in people.items()} == {
            "MUM": 1, "Twin": 0, "twin": 0, "Dad": 2, "Zoë Ångström": 1,
        }  # fmt: skip
        assert (batch.persons, batch.faces, batch.counts[BatchOutcome.REFUSED]) == (2, 4, 6)
        zoe = people["Zoë Ångström"].person_id
        assert gallery.persons.get(ref, zoe).user_data == "it's her"
        assert gallery.faces.enrolled(ref, zoe)[0].source == "x1.jpg"
        assert batch.report().count("\n") == 1 + len(files)
        gallery.faces.delete(ref, gallery.persons.get(ref, mum).persisted_face_ids[0], mum)
        assert batch.undo() == 3
        left = {one.name: one.faces for one in gallery.people.page(ref).people}
        assert left == {"MUM": 0, "Twin": 0, "twin": 0}
        assert (batch.persons, batch.faces, batch.undo()) == (0, 0, 0)


def take_as_a_training_begins(batch: DroppedPhotos, name: str, content: bytes) -> None:
    """Give a photo of a new person; a training begins between the person and the face."""
    create = batch.gallery.persons.create

    def create_and_train(*given: Any) -> str:
        made = create(*given)
        batch.gallery.training.start(batch.ref)
        return made

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batch.gallery.persons, "create", create_and_train)
        with pytest.raises(TrainingNotFinishedError):
            batch.take(name, content)


def test_a_photo_that_meets_a_training_can_be_given_again(data: Path) -> None:  # noqa: F811
    with opened_for("desk", data, "Anna") as work:
        gallery, ref = work.gallery, CollectionRef(work.owner, Kind.LARGE_PERSON_GROUP, "busy")
        gallery.collections.create(ref, "Busy", None, "recognition_04")
        told: list[tuple[str, str, bool]] = []
        batch = DroppedPhotos(gallery, ref, lambda *one: told.append(one))
        take_as_a_training_begins(batch, "Dad/1.jpg", photo(DAD))
        with pytest.raises(TrainingNotFinishedError):
            batch.take("Mum/1.jpg", photo(MUM))
        assert batch.lines == []
        gallery.training.run_pending()
        for name, content in (("Dad/1.jpg", photo(DAD)), ("Mum/1.jpg", photo(MUM))):
            line = batch.take(name, content)
            assert (line.outcome, line.created) == (BatchOutcome.ENROLLED, True)
        assert [created for _, _, created in told] == [True, True]
        assert {one.name: one.faces for one in gallery.people.page(ref).people} == {"Dad": 1, "Mum": 1}
        assert batch.undo() == 2
        assert not gallery.people.page(ref).people


def test_a_person_whose_first_photo_met_a_training_is_created_again_after_a_bad_one(data: Path) -> None:  # noqa: F811
    """The bad photo deletes the person, who has no face: the next photo must not be filed under the deleted id."""
    with opened_for("desk", data, "Anna") as work:
        gallery, ref = work.gallery, CollectionRef(work.owner, Kind.LARGE_PERSON_GROUP, "busier")
        gallery.collections.create(ref, "Busier", None, "recognition_04")
        batch = DroppedPhotos(gallery, ref)
        take_as_a_training_begins(batch, "Dad/1.jpg", photo(DAD))
        gallery.training.run_pending()
        assert batch.take("Dad/2.jpg", two()).outcome is BatchOutcome.REFUSED
        assert (batch.persons, gallery.people.page(ref).people) == (0, ())
        line = batch.take("Dad/1.jpg", photo(DAD))
        assert (line.outcome, line.created, line.reason) == (BatchOutcome.ENROLLED, True, "")
        assert batch.undo() == 1
        assert not gallery.people.page(ref).people
