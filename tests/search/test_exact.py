"""The exact engine on what only it does; what every engine must do is in test_engines.py."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.search.galleries import assert_same, brute_force, gallery, identifier

from mien.search import EnrolledTemplates, ExactSearch, Query
from mien.search.scan import Live, Scan
from mien.search.segment import FINER, Segment, keys_of, quantise, sorted_rows


def in_order(faces: EnrolledTemplates) -> EnrolledTemplates:
    """The same faces by person id, then face id."""
    rows = sorted_rows(faces)
    return EnrolledTemplates(faces.person_ids[rows], faces.face_ids[rows], faces.templates[rows])


@given(st.integers(0, 10_000), st.integers(1, 50), st.integers(1, 40), st.floats(1e-6, 1e6))
def test_quantising_is_bounded_by_what_it_says(seed: int, rows: int, dimension: int, scale: float) -> None:
    templates = (np.random.default_rng(seed).standard_normal((rows, dimension)) * scale).astype(np.float32)
    q = quantise(templates)
    exact = templates.astype(np.float64)
    coarse = exact - q.coarse * q.step
    fine = coarse - q.fine * (q.step / FINER)
    slack = 1 + 1e-5
    assert np.linalg.norm(coarse, axis=1).max() <= q.coarse_error * slack + 1e-6 * scale
    assert np.linalg.norm(fine, axis=1).max() <= q.fine_error * slack + 1e-6 * scale
    assert np.linalg.norm(exact, axis=1).max() <= q.longest * slack
    # Half a fine step in each coordinate: a row that the coarse steps meet by chance gains nothing by that.
    assert q.fine_error <= np.sqrt(dimension) * q.step / FINER / 2 * slack + 1e-6 * scale


@examples(8)
@given(st.integers(0, 10_000), st.sampled_from([1, 3, 50]), st.sampled_from([-1.0, 0.0, 0.25]))
def test_no_row_of_the_answer_is_ruled_out(seed: int, top: int, min_similarity: float) -> None:
    faces = gallery(seed, 12_000, 3_000, 24)  # several chunks
    probes = gallery(seed + 1, 3, 3, 24).templates
    matches = ExactSearch.of(faces, "f").search(probes, Query(top, min_similarity))
    assert_same(matches, brute_force(faces, probes, Query(top, min_similarity)))


def test_candidates_are_few() -> None:
    faces = gallery(5, 40_000, 40_000, 128)
    probes = faces.templates[:2]
    found = Scan(probes, 1, -1.0).run([Live(Segment.of(faces, "f"), np.empty(0, np.int64))])
    assert all(1 <= len(c.rows) <= 3 for c in found[0])


@given(st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=30))
def test_ids_sort_as_bytes_and_are_found(numbers: list[int]) -> None:
    people = [identifier(n) for n in numbers]
    faces = gallery(1, len(people), 1, 4)
    ids = np.frombuffer(b"".join(p.bytes for p in people), np.uint8).reshape(-1, 16)
    ordered = in_order(type(faces)(ids, faces.face_ids, faces.templates))
    assert [bytes(r) for r in ordered.person_ids] == sorted(p.bytes for p in people)
    keys = keys_of(ordered.person_ids)
    assert np.all(keys[1:] >= keys[:-1])
    segment = Segment.of(type(faces)(ids, faces.face_ids, faces.templates), "f")
    assert len(segment.rows_of_persons(people)) == len(people)
    assert len(segment.rows_of_persons([people[0]])) == people.count(people[0])


def test_segments_and_dead_rows_are_one_collection() -> None:
    old, new = gallery(1, 300, 40, 16), gallery(2, 50, 40, 16, first_face=1000)
    dead = np.array([0, 7, 299])
    search = ExactSearch([Segment.of(old, "f"), Segment.of(new, "f")], [dead, np.empty(0, np.int64)])
    ordered = in_order(old)
    alive = np.setdiff1d(np.arange(300), dead)
    everything = type(old)(
        np.concatenate([ordered.person_ids[alive], new.person_ids]),
        np.concatenate([ordered.face_ids[alive], new.face_ids]),
        np.concatenate([ordered.templates[alive], new.templates]),
    )
    assert len(search) == 347
    probes = np.concatenate([ordered.templates[dead], new.templates[:3]])
    for query in (Query(1), Query(60), Query(5, 0.2)):
        assert_same(search.search(probes, query), brute_force(everything, probes, query))


def test_many_threads_get_the_same_answers() -> None:
    faces = gallery(9, 20_000, 5_000, 32)
    search = ExactSearch.of(faces, "f")
    probes = gallery(10, 24, 24, 32).templates
    expected = search.search(probes, Query(3))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda p: search.search(p[None], Query(3))[0], probes))
    assert answers == expected


def test_segments_of_two_recognisers_are_refused() -> None:
    faces = gallery(1, 3, 3, 8)
    with pytest.raises(ValueError, match="different recognisers"):
        ExactSearch([Segment.of(faces, "a"), Segment.of(faces, "b")])


@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 60), st.sampled_from([1, 4, 70]), st.booleans())
def test_a_small_group_is_answered_as_a_large_one_is(seed: int, rows: int, people: int, top: int, dead: bool) -> None:
    """Float32 templates at hand and the quantised scan give the same answers, bit by bit."""
    parts = [gallery(seed, rows, people, 16), gallery(seed + 1, 7, people, 16, first_face=5_000)]
    gone = [np.arange(0, rows, 3) if dead else np.empty(0, np.int64), np.empty(0, np.int64)]
    search = ExactSearch([Segment.of(one, "f") for one in parts], gone)
    probes = np.concatenate([parts[0].templates[:3], -parts[0].templates[:1], 0.9 * parts[1].templates[:2]])
    assert all(segment.kept() is not None for segment in search.segments)
    for least in (-1.0, 0.3):
        small = search.search(probes, Query(top, least))
        with patch.object(Segment, "kept", lambda _: None):
            assert search.search(probes, Query(top, least)) == small
