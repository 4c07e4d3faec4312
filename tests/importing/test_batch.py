"""Photos of many people in one drop, with a real engine: whose they are, what is refused, and all of it taken back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.importing.test_importing import data, photo, webp  # noqa: F401  `data` is a fixture
from tests.shared import azure_photo

from mien.cli._gallery import opened_for
from mien.gallery.kinds import CollectionRef, Kind
from mien.importing.batch import BatchOutcome, DroppedPhotos

pytestmark = pytest.mark.shared
DAD, AGAIN, MUM = "Family1-Dad1", "Family1-Dad2", "Family1-Mom1"


def two() -> bytes:
    pair = [cv2.imread(str(azure_photo(one))) for one in (DAD, MUM)]
    height = min(len(one) for one in pair if one is not None)
    done, jpeg = cv2.imencode(".jpg", cv2.hconcat([cv2.resize(one, (200, height)) for one in pair if one is not None]))
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
