"""`mien detect` as a person calls it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.shared import azure_photo
from typer.testing import CliRunner, Result

from mien.cli._main import build
from mien.contract.attributes import Level3, MaskType
from mien.vision.draw import describe
from mien.vision.types import Accessory, Attributes, FacialHair, Hair, HairColor, Makeup, Mask, Measured, Occlusion

pytestmark = pytest.mark.shared


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(["detect"]), ["detect", *arguments])


def test_json_tells_boxes_and_landmarks() -> None:
    result = run(str(azure_photo("identification1")), "--landmarks", "--json")
    assert result.exit_code == 0, result.output
    (answer,) = json.loads(result.stdout)
    assert (answer["width"], answer["height"]) == (800, 534)
    assert len(answer["faces"]) == 4
    face = answer["faces"][0]
    assert set(face["box"]) == {"left", "top", "width", "height"}
    x, y = face["landmarks"]["noseTip"]
    assert face["box"]["left"] < x < face["box"]["left"] + face["box"]["width"]
    assert face["box"]["top"] < y < face["box"]["top"] + face["box"]["height"]


def test_a_drawing_is_the_photo_with_marks(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    photo = azure_photo("detection1")
    result = run(str(photo), "--draw", str(target))
    assert result.exit_code == 0, result.output
    before, after = (np.asarray(cv2.imread(str(path)), np.int16) for path in (photo, target))
    assert after.shape == before.shape
    changed = np.abs(after - before).max(axis=2) > 40
    assert 0.001 < changed.mean() < 0.2


def test_a_childs_face_comes_with_a_note_on_recognition() -> None:
    for photo, noted in (("Family1-Son1", True), ("Family1-Mom1", False)):
        result = run(str(azure_photo(photo)), "--attributes", "age", "--json")
        json.loads(result.stdout)
        assert ("looks like a child's" in result.stderr) is noted


def test_a_file_that_is_no_image_is_named_and_the_others_are_still_analysed(tmp_path: Path) -> None:
    text = tmp_path / "notes.jpg"
    text.write_bytes(b"not a picture " * 200)
    photo = azure_photo("detection1")
    result = run(str(text), str(photo), "--json")
    assert result.exit_code == 1
    assert "notes.jpg" in result.stderr
    assert [Path(answer["photo"]).name for answer in json.loads(result.stdout)] == [photo.name]


def test_no_empty_table_is_printed(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_bytes(b"not a picture " * 200)
    result = run(str(tmp_path / "notes.jpg"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "notes.jpg" in result.stderr


def test_a_drawing_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    for name, why in (("out.xyz", "its name should end in .png or .jpg"), ("no/out.png", "a folder that may be")):
        result = run(str(azure_photo("detection1")), "--draw", str(tmp_path / name))
        assert (result.exit_code, why in result.stderr) == (1, True), result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--point", "hard"], "--point"), (["--attributes", "charm"], "--attributes")],
)
def test_what_is_not_known_is_refused(arguments: list[str], complaint: str) -> None:
    result = run(str(azure_photo("detection1")), *arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_quality_is_told_by_the_standards_names() -> None:
    result = run(str(azure_photo("Family1-Mom1")), "--quality", "--json")
    assert result.exit_code == 0, result.output
    (face,) = json.loads(result.stdout)[0]["faces"]
    assert face["quality"]["Sharpness"]["score"] > 80
    assert all(0 <= found["score"] <= 100 for found in face["quality"].values())
    table = run(str(azure_photo("Family1-Mom1")), "--quality")
    assert "Illumination uniformity (7.3.3)" in table.stdout
    assert "quality" not in json.loads(run(str(azure_photo("Family1-Mom1")), "--json").stdout)[0]["faces"][0]


def test_attributes_read_as_words_and_list_nothing_that_is_absent() -> None:
    face = Attributes(
        occlusion=Occlusion(forehead=False, eye=False, mouth=False),
        mask=Mask(MaskType.NONE, nose_and_mouth_covered=False),
        blur=Measured(Level3.LOW, 0.01),
        accessories=(Accessory("glasses", 1.0),),
        age=16.2,
        smile=0.927,
        facial_hair=FacialHair(0.0, 0.0, 0.0),
        hair=Hair(0.0, invisible=False, colors=(HairColor("brown", 0.52), HairColor("white", 0.01))),
    )
    assert describe(face) == [
        "covered: none",
        "accessories: glasses",
        "mask: none",
        "blur: low",
        "age: about 16 years",
        "smile: 93%",
        "facial hair: none",
        "hair: brown 52%",
    ]
    bearded = describe(Attributes(facial_hair=FacialHair(0.05, 0.8, 0.4), makeup=Makeup(eye=True, lip=False)))
    assert bearded == ["facial hair: beard 80%, sideburns 40%", "makeup: eye"]
