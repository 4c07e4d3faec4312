"""Results of verify and identify from similarities.

Identify first searches by single faces, more widely than requested: for up to `MORE` additional persons, and down to a
false match rate a hundred times as high. Then it scores each person found by all of their faces
(`mien.matching.persons`), which can rank a person with several photos above one whose best photo is more similar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from mien.gallery.detected_faces import DetectedFace
from mien.gallery.types import Candidate, Identified, Verification
from mien.matching import Calibration, lower_by_negatives, scores_of_persons
from mien.matching.open_set import similarity_for_gallery
from mien.search import EnrolledTemplates, Match, Query, TemplateSearch

IDENTICAL: Final = 0.5
"""Confidence from which two faces are of one person (contract, section 4)."""
DIGITS: Final = 5
"""Decimals of a confidence in responses, as on Azure. Decisions use the rounded value."""
STRICTER: Final = 10.0
"""Assumed factor of the false match rate for faces marked as likely a child's."""
MORE: Final = 16
"""Persons beyond the requested number who are scored by all of their faces."""

_WIDER: Final = 0.2
"""Most confidence a person may gain by their other faces; a tenth is a factor of ten in the false match rate."""
_ROUNDING: Final = 1e-5


def verification(calibration: Calibration, similarity: float) -> Verification:
    """Decide whether two templates with this similarity are of one person."""
    sure = confidence(calibration, similarity)
    return Verification(sure >= IDENTICAL, sure)


def confidence(calibration: Calibration, similarity: float) -> float:
    """Return the confidence of a similarity, rounded as in responses."""
    return round(float(calibration.confidence(similarity)), DIGITS)


def curve_for(calibration: Calibration, *probes: DetectedFace) -> Calibration:
    """Return the calibration for a comparison; a stricter one if a probe is marked as likely a child's."""
    return calibration.stricter(STRICTER) if any(probe.embedding.strict for probe in probes) else calibration


def query_for(
    calibration: Calibration,
    persons: int,
    top: int,
    threshold: float | None,
    *,
    without: frozenset[UUID] = frozenset(),
    only: frozenset[UUID] | None = None,
) -> Query:
    """Return the query of an identification among `persons` persons."""
    if threshold is None:
        least = similarity_for_gallery(calibration, persons)
    else:  # slightly lower, because responses are rounded
        least = calibration.similarity(max(0.0, threshold - _ROUNDING))
    return Query(top=top, min_similarity=least, without=without, only=only)


def recognised(answers: Iterable[Identified]) -> list[str]:
    """Return the persons recognised: the best candidate of each probe, if its confidence suffices."""
    best = (answer.candidates[0] for answer in answers if answer.candidates)
    return [one.person_id for one in best if one.confidence >= IDENTICAL]


def identified(
    probes: Sequence[DetectedFace],
    face_ids: Sequence[str],
    search: TemplateSearch,
    query: Query,
    *,
    calibration: Calibration,
    threshold: float | None,
    negatives: Mapping[UUID, NDArray[np.float32]] | None = None,
) -> list[Identified]:
    """Search for probes and return the candidates that reach the caller's threshold.

    Args:
        probes: the faces.
        face_ids: their ids in the result.
        search: the searched index.
        query: the query.
        calibration: the calibration of that index.
        threshold: lowest confidence; None to apply only the query's similarity.
        negatives: templates of negatives, by person (`mien.matching.negatives`).
    """
    vectors: NDArray[np.float32] = np.stack([probe.embedding.vector for probe in probes])
    answers = _search_with_negatives(vectors, search, query, calibration, negatives or {})
    found = []
    for face_id, probe, near in zip(face_ids, probes, answers, strict=True):
        matches = [match for match in near if match.similarity >= query.min_similarity][: query.top]
        curve = curve_for(calibration, probe)
        least = query_for(curve, search.persons, 1, threshold).min_similarity if probe.embedding.strict else -1.0
        enough = [match for match in matches if match.similarity >= least] if probe.embedding.readable else []
        top, second = _two_best(near) if probe.embedding.readable else (None, None)
        found.append(Identified(face_id, tuple(_candidates(enough, curve, threshold)), top, second))
    return found


def _two_best(near: Sequence[Match]) -> tuple[float | None, float | None]:
    similar = [float(match.similarity) for match in near[:2]]
    return (similar[0] if similar else None), (similar[1] if len(similar) > 1 else None)


def _search_with_negatives(
    vectors: NDArray[np.float32],
    search: TemplateSearch,
    query: Query,
    calibration: Calibration,
    negatives: Mapping[UUID, NDArray[np.float32]],
) -> list[list[Match]]:
    """Search, and lower the similarity of persons by their negatives."""
    if not negatives:
        return _by_all_faces(vectors, search, query, calibration)
    # Others may move up when persons are lowered.
    wider = replace(query, top=query.top + min(len(negatives), MORE))
    answers = []
    for vector, matches in zip(vectors, _by_all_faces(vectors, search, wider, calibration), strict=True):
        lowered = (
            replace(one, similarity=float(lower_by_negatives(np.array([one.similarity]), vector[None], known)[0]))
            if (known := negatives.get(one.person_id)) is not None
            else one
            for one in matches
        )
        answers.append(sorted(lowered, key=lambda one: (-one.similarity, one.person_id)))
    return answers


def _by_all_faces(
    vectors: NDArray[np.float32], search: TemplateSearch, query: Query, calibration: Calibration
) -> list[list[Match]]:
    """Search, and score the persons found by all of their faces; best first, including those below the minimum."""
    if search.one_face_each:
        return search.search(vectors, query)
    wider = Query(
        top=query.top + MORE,
        min_similarity=calibration.similarity(max(0.0, calibration.confidence(query.min_similarity) - _WIDER)),
        only=query.only,
        without=query.without,
    )
    found = search.search(vectors, wider)
    everyone = {match.person_id for matches in found for match in matches}
    scores = _scores(vectors, search.faces_of(everyone)) if everyone else {}
    answers = []
    for probe, matches in enumerate(found):
        scored = (
            Match(one.person_id, one.face_id, own[probe])
            for one in matches
            if (own := scores.get(one.person_id.bytes))  # a training may have ended in between
        )
        answers.append(sorted(scored, key=lambda one: (-one.similarity, one.person_id)))
    return answers


def _scores(vectors: NDArray[np.float32], faces: EnrolledTemplates) -> dict[bytes, list[float]]:
    """Return each person's scores with the probes, by the bytes of the person id."""
    if not len(faces):
        return {}
    keys = np.ascontiguousarray(faces.person_ids).view("S16").reshape(-1)
    order = np.argsort(keys, kind="stable")
    first_rows = np.flatnonzero(np.concatenate([[True], keys[order][1:] != keys[order][:-1]]))
    scores = scores_of_persons(vectors, faces.templates[order], first_rows).T.tolist()
    people = faces.person_ids[order[first_rows]]
    return {person.tobytes(): own for person, own in zip(people, scores, strict=True)}


def _candidates(matches: Iterable[Match], calibration: Calibration, threshold: float | None) -> Iterator[Candidate]:
    for match in matches:
        sure = confidence(calibration, match.similarity)
        if threshold is None or sure >= threshold:
            yield Candidate(str(match.person_id), sure)
