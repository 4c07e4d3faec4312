"""Every row of the catalogue is recognised and explained, from its body alone and from a whole call."""

from __future__ import annotations

import json
import re

import pytest

from mien.contract.catalogue import ROWS, Row
from mien.doctor.explain import explain
from mien.doctor.rows import family_of, find_row

PATHS = {
    "detect": "/face/v1.2/detect",
    "liveness_session": "/face/v1.2/detectLiveness-sessions/abc",
    "identify": "/face/v1.2/identify",
    "verify": "/face/v1.2/verify",
    "find_similar": "/face/v1.2/findsimilars",
    "group": "/face/v1.2/group",
    "person_group": "/face/v1.2/persongroups/a",
    "large_person_group": "/face/v1.2/largepersongroups/a",
    "face_list": "/face/v1.2/facelists/a",
    "large_face_list": "/face/v1.2/largefacelists/a",
    "person_directory": "/face/v1.2-preview.1/dynamicpersongroups/a",
}
VALUES = {
    "<resourceName>": "/subscriptions/x",
    "<operation>": "Face - Detect",
    "<version>": "v1.2",
    "<tier>": "F0",
    "<time>": "17 seconds",
}


def sent(row: Row) -> str:
    """The row's message with values in place of its placeholders."""
    return re.sub("<[^<>]+>", lambda found: VALUES.get(found[0], "b2e1"), row.message)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.anchor)
def test_every_row_is_explained(row: Row) -> None:
    body = json.dumps({"error": {"code": row.code, "message": sent(row)}})
    path = PATHS.get(row.family, "/face/v1.2/unknown")
    log = f"> POST {path} HTTP/1.1\n> Host: h\n> \n< HTTP/1.1 {row.status} X\n< X-A: b\n< \n{body}"
    (whole,) = [found for found in explain(log.encode(), "log").findings if found.check == "answer"]
    assert (whole.means, whole.next_step) == (row.explanation, row.next_step) or row.status == 429
    assert row.explanation in whole.means
    assert whole.next_step == row.next_step
    (bare,) = explain(body.encode(), "body").findings
    same = {other.explanation for other in ROWS if (other.code, other.message) == (row.code, row.message)}
    assert any(explanation in bare.means for explanation in same)
    assert bare.next_step


@pytest.mark.parametrize(
    ("status", "code", "message", "explained"),
    [
        (403, "403", "Out of call volume quota. Quota will be replenished in 13.04 days.", "The free tier's calls"),
        (403, "403", "Out of call volume quota. Quota will be replenished in 11:03:12.", "The free tier's calls"),
        (
            429,
            "429",
            "Requests to the Face - Verify Operation under Face API - v1.1-preview.1 have exceeded call rate limit of "
            "your current Face E0 pricing tier. Please retry after 3 seconds. Please contact Azure support service if "
            "you would like to further increase the default rate limit.",
            "More calls of this operation",
        ),
        (
            429,
            "429",
            "Rate limit is exceeded. Try again in 5 seconds.",
            "More calls were made in a short time than the tier",
        ),
        (400, "BadArgument", "'recognitionmodel' is invalid.", "The recognition model named"),
        (401, "PermissionDenied", "Principal does not have access to API/Operation.", "The token is genuine"),
    ],
)
def test_recorded_texts_with_other_values_are_the_same_row(
    status: int, code: str, message: str, explained: str
) -> None:
    match = find_row(status, code, message)
    assert match is not None
    assert (match.exact, match.row.explanation.startswith(explained)) == (True, True), match


def test_a_code_without_its_text_is_not_called_exact() -> None:
    match = find_row(400, "BadArgument", "Some text of tomorrow")
    assert match is not None
    assert not match.exact
    assert find_row(418, "Teapot", "I am one") is None


def test_the_path_decides_between_families() -> None:
    assert family_of("/face/v1.2/detectLivenesswithVerify-sessions") == ("liveness_session", "common")
    assert family_of("//FACE/v1.0/LargePersonGroups/a/persons?top=1") == ("large_person_group", "common")
    assert family_of("/") == ()
