"""Archives and tables from other people: what is wrong with one entry is told, and the others are read."""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from uuid import uuid4

import pytest

from mien.importing.archives import archive, entries, is_archive
from mien.importing.report import ReportFile, ReportLine
from mien.importing.sources import LARGEST_FILE, ImportSourceError, SourcePhoto, folders
from mien.importing.tables import read_csv, table

JPEG = b"\xff\xd8\xff" + bytes(range(256)) * 8


def content(photo: SourcePhoto) -> bytes | str:
    """The photo's content, or why there is none."""
    try:
        return photo.read()
    except ImportSourceError as error:
        return str(error)


def contents(photos: list[SourcePhoto]) -> dict[str, bytes | str]:
    return {photo.key: content(photo) for photo in photos}


def make_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("Anna Weiss/1.jpg", JPEG)
        out.writestr("Anna Weiss/summer/2.jpg", JPEG)
        out.writestr("./Bob/3.PNG", JPEG)
        out.writestr("Bob/notes.txt", "no photo")
        out.writestr("__MACOSX/Bob/3.png", JPEG)
        out.writestr("Bob/.hidden.jpg", JPEG)
        out.writestr("top.jpg", JPEG)
        out.writestr("../../etc/passwd.jpg", JPEG)
        out.writestr("/etc/4.jpg", JPEG)
        out.writestr("C:/windows/5.jpg", JPEG)
        out.writestr("Bob\\..\\..\\6.jpg", JPEG)
        out.writestr("Bob/bomb.jpg", bytes(20_000_000))
        out.writestr("Bob/large.bmp", io.BytesIO(b"BM" + bytes(LARGEST_FILE)).getvalue())
        link = zipfile.ZipInfo("Bob/link.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        out.writestr(link, "/etc/passwd")
        out.writestr("Bob/secret.jpg", JPEG)
        out.writestr("Bob/damaged.jpg", JPEG, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    # An encrypted entry has a bit set in both of its headers.
    for signature, name_at, flag_at in ((b"PK\x03\x04", 30, 6), (b"PK\x01\x02", 46, 8)):
        at = next(
            start
            for start in (index for index in range(len(data)) if data[index : index + 4] == signature)
            if data[start + name_at :].startswith(b"Bob/secret.jpg")
        )
        flags = struct.unpack_from("<H", data, at + flag_at)[0]
        struct.pack_into("<H", data, at + flag_at, flags | 1)
    at = data.index(b"Bob/damaged.jpg") + len("Bob/damaged.jpg") + 100
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_a_zip_of_other_people(tmp_path: Path) -> None:
    path = tmp_path / "people.zip"
    make_zip(path)
    photos = list(archive(path))
    read = contents(photos)
    assert {key for key, one in read.items() if one == JPEG} == {
        "Anna Weiss/1.jpg", "Anna Weiss/summer/2.jpg", "Bob/3.PNG",
    }  # fmt: skip
    assert {photo.person for photo in photos if read[photo.key] == JPEG} == {"Anna Weiss", "Bob"}
    why = {key: one for key, one in read.items() if isinstance(one, str)}
    leads_out = ("../../etc/passwd.jpg", "/etc/4.jpg", "C:/windows/5.jpg", "Bob/../../6.jpg")
    says = dict.fromkeys(leads_out, "leads out of the archive")
    says |= {"top.jpg": "does not say whose", "Bob/bomb.jpg": "expands", "Bob/large.bmp": "larger than 64 MB"}
    says |= {"Bob/link.jpg": "a link", "Bob/secret.jpg": "encrypted", "Bob/damaged.jpg": "cannot be unpacked"}
    assert set(why) == set(says)
    assert all(says[key] in one for key, one in why.items())
    inside = list(archive(path, "Anna Weiss"))
    assert [(photo.key, photo.person) for photo in inside] == [("1.jpg", ""), ("summer/2.jpg", "summer")]


def add(out: tarfile.TarFile, name: str, data: bytes = JPEG, **more: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    out.addfile(info, io.BytesIO(data) if info.isreg() else None)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_of_other_people(tmp_path: Path, mode: Literal["w", "w:gz", "w:xz"]) -> None:
    path = tmp_path / "people.tar"
    with tarfile.open(path, mode) as out:
        add(out, "./Anna/1.jpg")
        add(out, "Bob/2.jpg", JPEG + b"2")
        add(out, "Bob/link.jpg", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(out, "Bob/hard.jpg", b"", type=tarfile.LNKTYPE, linkname="Anna/1.jpg")
        add(out, "Bob/device.jpg", b"", type=tarfile.CHRTYPE)
        add(out, "../3.jpg")
        add(out, "Bob/4.jpg", JPEG + b"4")
    assert is_archive(path)
    photos = list(archive(path))
    read = contents(photos)
    assert (read["Anna/1.jpg"], read["Bob/2.jpg"], read["Bob/4.jpg"]) == (JPEG, JPEG + b"2", JPEG + b"4")
    assert read["Bob/2.jpg"] == content(photos[1])  # again, in another order
    assert {key: one for key, one in read.items() if isinstance(one, str)} == {
        "Bob/link.jpg": "it is a link, not a file",
        "Bob/hard.jpg": "it is a link, not a file",
        "Bob/device.jpg": "it is no ordinary file",
        "../3.jpg": "its name leads out of the archive",
    }


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def garbage(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 no archive at all" * 50)


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "says"), [(cut, "cut short"), (garbage, "neither a zip nor a tar"), (remove, "not a file")]
)
def test_an_archive_that_is_damaged_is_refused_as_a_whole(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / "people.tar.gz"
    with tarfile.open(path, "w:gz") as out:
        for number in range(20):
            add(out, f"Anna/{number}.jpg", JPEG + os.urandom(100_000))
    spoil(path)
    with pytest.raises(ImportSourceError, match=says):
        list(archive(path))


def test_a_tar_that_expands_for_ever_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tar.gz"
    with tarfile.open(path, "w:gz") as out:
        add(out, "Anna/1.jpg")
        bomb = tarfile.TarInfo("Anna/2.jpg")
        bomb.size = 50 << 30  # the content is not there: reading on would be an error of another kind
        out.addfile(bomb, None)
    with pytest.raises(ImportSourceError, match="expands more than"):
        list(entries(path))


def test_a_folder_says_which_photos_are_nobodys(tmp_path: Path) -> None:
    (tmp_path / "Anna" / "summer").mkdir(parents=True)
    (tmp_path / "Anna" / "summer" / "1.jpg").write_bytes(JPEG)
    (tmp_path / "stray.jpg").write_bytes(JPEG)
    large = tmp_path / "Anna" / "large.jpg"
    with large.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    read = contents(list(folders(tmp_path)))
    assert read.pop("Anna/summer/1.jpg") == JPEG
    assert "does not say whose" in str(read.pop("stray.jpg"))
    assert read == {"Anna/large.jpg": "it is larger than 64 MB"}


CSV = """Photo;Person;User data;Person ID\r
a/1.jpg;Anna Weiss;since 2020;\r
a\\2.jpg;"Weiss; Anna";;\r
;Nobody;;\r
3.jpg;;;\r
3.jpg;;;{guid}\r
3.jpg;Bob;;no guid\r
\r
../secret.jpg;Bob;;\r
/etc/hosts.jpg;Bob;;\r
missing.jpg;Bob;;\r
3.jpg;Bob;x;;one too many\r
"""


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_names_the_wrong_rows_and_gives_the_others(tmp_path: Path, packed: bool) -> None:
    guid = str(uuid4())
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    root = tmp_path / "photos"
    (root / "a").mkdir(parents=True)
    for name in ("a/1.jpg", "a/2.jpg", "3.jpg"):
        (root / name).write_bytes(JPEG + name.encode())
    (root / "people.csv").write_bytes(CSV.format(guid=guid).encode("utf-8-sig"))
    beside = None
    if packed:
        beside = tmp_path / "photos.zip"
        with zipfile.ZipFile(beside, "w") as out:
            for name in ("3.jpg", "a/1.jpg", "a/2.jpg"):
                out.write(root / name, name)
    photos = list(table(root / "people.csv", beside))
    good = {(one.key, one.person): one for one in photos if isinstance(content(one), bytes)}
    assert set(good) == {("a/1.jpg", "Anna Weiss"), ("a\\2.jpg", "Weiss; Anna"), ("3.jpg", guid)}
    assert good["a/1.jpg", "Anna Weiss"].user_data == "since 2020"
    assert good["3.jpg", guid].person_id == guid
    assert content(good["a\\2.jpg", "Weiss; Anna"]) == JPEG + b"a/2.jpg"
    why = {one.key: str(content(one)) for one in photos if isinstance(content(one), str)}
    assert why["people.csv, line 4"] == "it names no photo"
    assert why["people.csv, line 5: 3.jpg"] == "it names no person"
    assert why["people.csv, line 7: 3.jpg"] == "its person id is no GUID"
    assert why["people.csv, line 12: 3.jpg"] == "the row has 5 cells, the heading 4"
    assert all("none of that name" in why[name] for name in ("../secret.jpg", "/etc/hosts.jpg", "missing.jpg"))
    assert len(photos) == 10


def test_json_lines(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(JPEG)
    lines = [
        json.dumps({"photo": "1.jpg", "person": "Anna\u2028Weiss", "userData": "x", "faceData": "y"}),
        "{", "[]", "3", '{"photo": 3, "person": "Bob"}', '{"person": "Bob"}', "[" * 200_000, "",
    ]  # fmt: skip
    (tmp_path / "people.jsonl").write_text("\n".join(lines))
    first, *others = table(tmp_path / "people.jsonl", json_lines=True)
    assert (first.person, first.user_data, first.face_data, content(first)) == ("Anna\u2028Weiss", "x", "y", JPEG)
    said = [str(content(one)) for one in others]
    assert [one.key for one in others] == [f"people.jsonl, line {number}" for number in range(2, 8)]
    assert ["it is no JSON" in one for one in said] == [True, True, True, False, False, True]
    assert said[3:5] == ["“photo” is no text", "it names no photo"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a,b\n1,2\n", "columns"),
        (b"", "columns"),
        ("photo,person\nä".encode("latin-1"), "UTF-8"),
        (b'photo,person\n"1.jpg,' + b"x" * 200_000, "from line"),
    ],
)
def test_a_table_that_cannot_be_read(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(ImportSourceError, match=says):
        read_csv(data)
    (tmp_path / "people.csv").write_bytes(data)
    with pytest.raises(ImportSourceError, match=r"people\.csv"):
        list(table(tmp_path / "people.csv"))


def test_a_report_is_no_program(tmp_path: Path) -> None:
    line = ReportLine("=HYPERLINK(1).jpg", "refused", "@Anna", why="It is “no” photo, at all.")
    for name in ("report.csv", "report.jsonl"):
        with ReportFile(tmp_path / name) as report:
            report.write([line])
    text = (tmp_path / "report.csv").read_text("utf-8-sig")
    assert "'=HYPERLINK(1).jpg,refused,'@Anna,,,\"It is “no” photo, at all.\"" in text
    assert json.loads((tmp_path / "report.jsonl").read_text()) == {
        "photo": line.photo, "outcome": "refused", "person": "@Anna", "why": line.why,
    }  # fmt: skip
