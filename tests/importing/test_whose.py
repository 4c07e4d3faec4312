"""Whose a photo is: one rule for the command, the import and the portal's drop."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from mien.cli.enrol import _people
from mien.importing.sources import ImportSourceError, folders
from mien.importing.whose import person_below, person_of


@pytest.mark.parametrize(
    ("path", "of_people", "person"),
    [
        ("Anna Weiss/1.jpg", (), "Anna Weiss"),
        ("Anna_Weiss/1.jpg", (), "Anna_Weiss"),
        ("people/Anna Weiss/1.jpg", ("people",), "Anna Weiss"),
        ("people/Anna Weiss/2024/May/1.jpg", ("people",), "Anna Weiss"),
        ("people/stray.jpg", ("people",), ""),
        ("people/stray.jpg", (), "people"),
        ("Anna Weiss 2.jpg", (), "Anna Weiss"),
        ("anna_weiss_(02).jpg", (), "anna weiss"),
        ("IMG_0001.jpg", (), ""),
        ("7.jpg", (), ""),
        ("photos/1.jpg", (), ""),
        ("DCIM/1.jpg", (), ""),
        ("people/train/1.jpg", ("people",), ""),
        ("people/Anna/.thumb/1.jpg", ("people",), ""),
    ],
)
def test_a_dropped_photo_is_of_its_folder_or_its_name(path: str, of_people: tuple[str, ...], person: str) -> None:
    assert person_of(PurePosixPath(path), of_people) == person


def test_the_top_of_an_archive_has_no_name() -> None:
    assert person_below(PurePosixPath("1.jpg")) == ""
    assert person_below(PurePosixPath("Anna/1.jpg")) == "Anna"


def test_the_command_and_the_import_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "people"
    for name in ("Anna Weiss/2024/1.jpg", "Otto/1.jpg", "stray.jpg", "scans/1.jpg", "train/1.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    imported = {photo.key: photo.person for photo in folders(root)}
    commanded = {
        photo.path.relative_to(root).as_posix(): one.name for one in _people([root], None) for photo in one.photos
    }
    expected = {"Anna Weiss/2024/1.jpg": "Anna Weiss", "Otto/1.jpg": "Otto", "stray.jpg": "", "scans/1.jpg": ""}
    assert imported == expected
    assert commanded == expected
    assert [photo.result for one in _people([root], None) if not one.name for photo in one.photos] == ["refused"] * 2
    assert [one.name for one in _people([root / "Otto"], None)] == ["Otto"]
    assert [one.name for one in _people([root / "Otto" / "1.jpg"], None)] == ["Otto"]
    monkeypatch.chdir(root)
    assert [one.name for one in _people([Path("Otto/1.jpg"), Path("stray.jpg")], None)] == ["Otto", "stray"]
    with pytest.raises(ImportSourceError, match="has no folder with photos"):
        list(folders(root / "Otto"))
