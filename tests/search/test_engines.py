"""What every engine must do: agree with a plain loop over all templates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from tests.examples import examples
from tests.search.galleries import assert_same, brute_force, gallery, identifier

from mien.search import (
    EnrolledTemplates,
    ExactSearch,
    Query,
    SearchServerError,
    TemplateSearch,
    TrainedIndexFiles,
    TrainedIndexMissingError,
)
from mien.search.milvus import MilvusServer, MilvusTables
from mien.search.milvus_store import MilvusStore, tidy
from mien.search.pgvector import NeighbourSearch, NoTemplatesTableError, PgVectorStore, create_tables


class Store(Protocol):
    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None: ...

    def update(self, added: EnrolledTemplates, removed: Collection[tuple[UUID, UUID | None]] = ()) -> None: ...

    def load(self) -> TemplateSearch: ...


NewStore = Callable[[], Store]


class Memory:
    """`ExactSearch.of`, in the dress of a store that cannot be updated."""

    def write(self, faces: EnrolledTemplates, fingerprint: str) -> None:
        self._search = ExactSearch.of(faces, fingerprint)

    def update(self, added: EnrolledTemplates, removed: Collection[tuple[UUID, UUID | None]] = ()) -> None:
        pytest.skip("a search in memory is never updated")

    def load(self) -> TemplateSearch:
        return self._search


@pytest.fixture(
    params=[
        "memory",
        "files",
        "encrypted files",
        "pgvector exact",
        "pgvector hnsw",
        pytest.param("milvus", marks=pytest.mark.heavy),
    ]
)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    kind: str = request.param
    if kind == "memory":
        yield Memory
    elif kind.endswith("files"):
        key = bytes(range(32)) if kind.startswith("encrypted") else None
        yield lambda: TrainedIndexFiles(tmp_path / uuid4().hex, key)
    elif kind.startswith("milvus"):
        tables = MilvusTables(MilvusServer(request.getfixturevalue("milvus_url")))
        yield lambda: MilvusStore(tables, "resource", uuid4().hex, "mv-1")
        tables.close()
    else:
        url: str = request.getfixturevalue("postgresql_url").replace("postgresql://", "postgresql+psycopg://")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        name = f"mien_search_{uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine = create_engine(admin.url.set(database=name))
        with engine.begin() as connection:
            create_tables(connection)
        try:
            yield lambda: PgVectorStore(engine, "resource", uuid4().hex, NeighbourSearch(kind.split()[1]))
        finally:
            engine.dispose()
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            admin.dispose()


@examples(25, HealthCheck.function_scoped_fixture)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 200),
    people=st.integers(1, 30),
    dimension=st.sampled_from([2, 16, 40]),
    top=st.sampled_from([1, 2, 10, 1000]),
    min_similarity=st.sampled_from([-1.0, 0.1, 0.5, 0.95]),
    data=st.data(),
)
def test_agrees_with_brute_force(
    new_store: NewStore,
    seed: int,
    rows: int,
    people: int,
    dimension: int,
    top: int,
    min_similarity: float,
    data: st.DataObject,
) -> None:
    faces = gallery(seed, rows, people, dimension)
    known = sorted({UUID(bytes=row.tobytes()) for row in faces.person_ids})
    some = st.frozensets(st.sampled_from([*known, identifier(3)]), max_size=10)
    query = Query(top, min_similarity, data.draw(st.none() | some), data.draw(some))
    store = new_store()
    store.write(faces, "f")
    probes = np.concatenate([gallery(seed + 1, 3, people, dimension).templates, faces.templates[:1]])
    search = store.load()
    assert (len(search), search.dimension, search.fingerprint) == (rows, dimension, "f")
    assert_same(search.search(probes, query), brute_force(faces, probes, query))
    assert search.persons == len(known)
    assert search.one_face_each == (len(known) == rows)
    own = {row.tobytes() for row in faces.face_ids[[UUID(bytes=p.tobytes()) == known[0] for p in faces.person_ids]]}
    some_of = search.faces_of([known[0], identifier(3)])
    assert {row.tobytes() for row in some_of.face_ids} == own
    assert {UUID(bytes=row.tobytes()) for row in some_of.person_ids} == {known[0]}
    for face, template in zip(some_of.face_ids, some_of.templates, strict=True):
        (at,) = np.flatnonzero((faces.face_ids == face).all(axis=1))
        np.testing.assert_allclose(template, faces.templates[at], atol=1e-7)


def test_equal_templates_are_ranked_by_id(new_store: NewStore) -> None:
    template = np.zeros((1, 8), np.float32)
    template[0, 3] = 1.0
    people = [identifier(n << 64) for n in (5, 3, 9, 3)]
    face_ids = [identifier(n) for n in (1, 8, 3, 2)]
    store = new_store()
    store.write(EnrolledTemplates.of(people, face_ids, np.repeat(template, 4, axis=0)), "f")
    (found,) = store.load().search(template, Query(10))
    assert [(m.person_id.int >> 64, m.face_id.int, m.similarity) for m in found] == [
        (3, 2, 1.0),
        (5, 1, 1.0),
        (9, 3, 1.0),
    ]


def test_probes_that_do_not_fit_are_refused(new_store: NewStore) -> None:
    store = new_store()
    store.write(gallery(1, 5, 2, 8), "f")
    search = store.load()
    for bad in (np.zeros((1, 9)), np.zeros(8), np.full((1, 8), np.nan)):
        with pytest.raises(ValueError, match="probes"):
            search.search(bad.astype(np.float32), Query())
    assert search.search(np.empty((0, 8), np.float32), Query()) == []


def test_an_empty_collection_finds_nobody(new_store: NewStore) -> None:
    store = new_store()
    store.write(gallery(1, 0, 2, 8), "f")
    assert store.load().search(np.ones((2, 8), np.float32), Query(3)) == [[], []]


@examples(12, HealthCheck.function_scoped_fixture)
@given(seed=st.integers(0, 1000), steps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=5))
def test_updates_leave_what_was_added_and_not_removed(
    new_store: NewStore, seed: int, steps: list[tuple[int, int]]
) -> None:
    random = np.random.default_rng(seed)
    faces = gallery(seed, 40, 12, 16)
    store = new_store()
    store.write(faces, "f")
    for step, (count, removals) in enumerate(steps):
        added = gallery(seed + step + 1, count, 12, 16, first_face=1000 * (step + 1))
        gone = random.permutation(len(faces))[:removals]
        removed: list[tuple[UUID, UUID | None]] = [
            (UUID(bytes=faces.person_ids[i].tobytes()), UUID(bytes=faces.face_ids[i].tobytes())) for i in gone
        ]
        keep = np.setdiff1d(np.arange(len(faces)), gone)
        if len(keep) and step % 2:  # a whole person
            person = faces.person_ids[keep[0]]
            removed.append((UUID(bytes=person.tobytes()), None))
            keep = keep[np.any(faces.person_ids[keep] != person, axis=1)]
        store.update(added, [*removed, (identifier(3), identifier(2)), (identifier(3), None)])
        faces = EnrolledTemplates(
            np.concatenate([faces.person_ids[keep], added.person_ids]),
            np.concatenate([faces.face_ids[keep], added.face_ids]),
            np.concatenate([faces.templates[keep], added.templates]),
        )
        search = store.load()
        assert len(search) == len(faces)
        probes = gallery(7, 4, 12, 16).templates
        assert_same(search.search(probes, Query(20)), brute_force(faces, probes, Query(20)))


def test_postgresql_keeps_resources_and_collections_apart(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        create_tables(connection)
    try:
        scopes = [("a", "x"), ("a", "y"), ("b", "x")]
        galleries = {scope: gallery(n, 30, 5, 8, first_face=100 * n) for n, scope in enumerate(scopes)}
        for scope, faces in galleries.items():
            PgVectorStore(engine, *scope).write(faces, "f")
        PgVectorStore(engine, "a", "y").delete()
        probes = gallery(9, 2, 5, 8).templates
        for scope in (("a", "x"), ("b", "x")):
            search = PgVectorStore(engine, *scope).load()
            assert len(search) == 30
            assert_same(search.search(probes, Query(5)), brute_force(galleries[scope], probes, Query(5)))
        with pytest.raises(NoTemplatesTableError, match="never trained"):
            PgVectorStore(engine, "a", "y").load()
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE search_templates, search_collections"))
        engine.dispose()


@pytest.fixture
def milvus(milvus_url: str) -> Iterator[MilvusTables]:
    tables = MilvusTables(MilvusServer(milvus_url))
    yield tables
    tables.close()


@pytest.mark.heavy
def test_milvus_keeps_resources_and_collections_apart(milvus: MilvusTables) -> None:
    x, y = uuid4().hex, uuid4().hex
    scopes = [("a", x), ("a", y), ("b", x)]
    galleries = {scope: gallery(n, 30, 5, 8, first_face=100 * n) for n, scope in enumerate(scopes)}
    for scope, faces in galleries.items():
        MilvusStore(milvus, *scope, "mv-1").write(faces, "f")
    tidy(milvus, y, None)
    probes = gallery(9, 2, 5, 8).templates
    for scope in (("a", x), ("b", x)):
        search = MilvusStore(milvus, *scope, "mv-1").load()
        assert len(search) == 30
        assert_same(search.search(probes, Query(5)), brute_force(galleries[scope], probes, Query(5)))
        whole = search.faces()
        assert {f.tobytes() for f in whole.face_ids} == {f.tobytes() for f in galleries[scope].face_ids}
    with pytest.raises(TrainedIndexMissingError, match="there is none in Milvus"):
        MilvusStore(milvus, "a", y, "mv-1").load()


@pytest.mark.heavy
def test_milvus_looks_beyond_one_person_of_many_faces(milvus: MilvusTables) -> None:
    """More faces of one person near the probe than the server returns at once, and templates as long as Mien's."""
    random = np.random.default_rng(5)
    near = np.zeros(129) + 0.05 * random.standard_normal((17_000, 129))
    near[:, 0] += 1.0
    rows = np.concatenate([near, random.standard_normal((40, 129))])
    templates = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    people = [identifier(1)] * len(near) + [identifier(2 + n) for n in range(40)]
    faces = EnrolledTemplates.of(people, [identifier(10_000 + n) for n in range(len(rows))], templates)
    store = MilvusStore(milvus, "a", uuid4().hex, "mv-1")
    store.write(faces, "f")
    probe = np.eye(1, 129, dtype=np.float32)
    assert_same(store.load().search(probe, Query(5)), brute_force(faces, probe, Query(5)))


@pytest.mark.heavy
def test_an_index_in_milvus_is_another_until_it_is_tidied(milvus: MilvusTables) -> None:
    collection = uuid4().hex
    first = MilvusStore(milvus, "a", collection, "mv-1")
    first.write(gallery(1, 20, 5, 8), "f")
    second = first.branch("mv-2")
    second.update(gallery(2, 10, 5, 8, first_face=100))
    assert (len(first.load()), len(second.load())) == (20, 30)
    second.verify()
    MilvusStore(milvus, "a", collection, "mv-3").write(gallery(3, 5, 5, 8), "f")  # of a training that was stopped
    tidy(milvus, collection, "mv-2")
    assert (first.exists, second.exists) == (False, True)
    assert milvus.count("mien_templates_8", f'collection == "{collection}"') == 30
    with pytest.raises(ValueError, match="9 dimensions, index of 8"):
        second.update(gallery(2, 10, 5, 9))


def test_a_server_of_milvus_that_does_not_answer_is_an_error() -> None:
    pytest.importorskip("pymilvus", reason="needs pymilvus (mien[milvus])")
    with pytest.raises(SearchServerError, match="Milvus does not answer"):
        MilvusTables(MilvusServer("http://127.0.0.1:9"), seconds=1)
    assert "secret" not in repr(MilvusServer("http://milvus:19530", "root:secret"))
