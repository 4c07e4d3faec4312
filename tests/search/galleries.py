"""Generated galleries, and the plain loop that every engine must agree with."""

from __future__ import annotations

from uuid import UUID

import numpy as np

from mien.search import EnrolledTemplates, Match, Query


def identifier(number: int) -> UUID:
    return UUID(int=number)


def gallery(seed: int, rows: int, people: int, dimension: int, *, first_face: int = 0) -> EnrolledTemplates:
    """Faces of some people, each around a centre of their own; ids in no order."""
    random = np.random.default_rng(seed)
    who = random.integers(0, people, rows)
    centres = np.random.default_rng(people).standard_normal((people, dimension))
    vectors = centres[who] + 0.7 * random.standard_normal((rows, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = np.random.default_rng(99).permutation(people)
    return EnrolledTemplates.of(
        [identifier((int(names[p]) << 96) + 1) for p in who],
        [identifier((int(f) << 64) + 7) for f in first_face + random.permutation(rows)],
        vectors.astype(np.float32),
    )


def brute_force(faces: EnrolledTemplates, probes: np.ndarray, query: Query) -> list[list[Match]]:
    similarity = (probes.astype(np.float64) @ faces.templates.astype(np.float64).T).astype(np.float32)
    persons = [UUID(bytes=row.tobytes()) for row in faces.person_ids]
    face_ids = [UUID(bytes=row.tobytes()) for row in faces.face_ids]
    answers = []
    for scores in similarity.tolist():
        best: dict[UUID, tuple[float, UUID]] = {}
        for score, person, face in zip(scores, persons, face_ids, strict=True):
            if query.only is not None and person not in query.only:
                continue
            if person in query.without or score < np.float32(query.min_similarity):
                continue
            best[person] = min((-score, face), best.get(person, (-score, face)))
        ranked = sorted((negative, person, face) for person, (negative, face) in best.items())
        answers.append([Match(person, face, -negative) for negative, person, face in ranked[: query.top]])
    return answers


def assert_same(found: list[list[Match]], expected: list[list[Match]]) -> None:
    """The same persons and faces in the same order, similarities equal up to float32 rounding."""
    assert [[(m.person_id, m.face_id) for m in one] for one in found] == [
        [(m.person_id, m.face_id) for m in one] for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose([m.similarity for m in one], [m.similarity for m in other], atol=3e-7)
