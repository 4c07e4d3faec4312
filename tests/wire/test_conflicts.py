"""`ConcurrentOperationConflict`, by writers that really meet: on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.gallery.texts import Found, photo
from tests.wire.test_recognition_rows import by_family, open_api

from mien.gallery.kinds import CollectionRef
from mien.storage import Database
from mien.storage.tables import CollectionRow
from mien.vision.types import Want
from mien.wire.families import LARGE_PERSON_GROUP, Family

CONFLICT = (409, "ConcurrentOperationConflict", "There is a conflict operation on resource `g`, please try later.")


async def test_another_process_holds_the_collection(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.storage.database._BUSY_MILLISECONDS", 300)
    async with open_api(database_url, tmp_path) as api:
        person = await api.owner(LARGE_PERSON_GROUP)
        path = person.partition("/persons/")[0]
        other = Database(database_url)
        with other.write(api.owner_id) as session:
            session.scalar(select(CollectionRow).with_for_update())
            writes: list[tuple[str, str, Any]] = [
                ("PATCH", path, {"name": "theirs"}),
                ("POST", f"{path}/persons", {"name": "Bob"}),
                ("POST", f"{person}/persistedfaces", photo({"seed": 1})),
                ("POST", f"{path}/train", None),
                ("DELETE", path, None),
            ]
            for method, where, body in writes:
                await api.refused(*CONFLICT, method, where, body)
        other.close()
        # Nothing of what was refused was done, and now it is.
        assert (await api.call("GET", path))["name"] == "g"
        assert len(await api.call("GET", f"{path}/persons")) == 1
        await api.enrol(person, 1)
        await api.call("PATCH", path, {"name": "theirs"})
        assert (await api.call("GET", path))["name"] == "theirs"


@by_family
async def test_the_collection_is_made_anew_while_a_face_is_enrolled(family: Family, tmp_path: Path) -> None:
    async with open_api(f"sqlite:///{tmp_path / 'mien.db'}", tmp_path) as api:
        owner = await api.owner(family)
        ref, analyze = CollectionRef(api.owner_id, family.kind, "g"), api.engine.analyze

        def meanwhile(image: bytes, want: Want) -> Found:
            api.gallery.collections.delete(ref)
            api.gallery.collections.create(ref, "another", None, "recognition_04")
            return analyze(image, want)

        api.engine.analyze = meanwhile  # type: ignore[method-assign]  # another caller is faster than the analysis
        await api.refused(*CONFLICT, "POST", f"{owner}/persistedfaces", photo({"seed": 1}))
        assert api.gallery.collections.get(ref).faces == 0
