"""Detect through the real ASGI application: options, bodies, answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.wire.conftest import KEY

from mien.contract.attributes import Attribute
from mien.contract.versions import VERSIONS
from mien.fetching.fetch import FetchError, FetchFailure
from mien.models.errors import MissingFileError
from mien.vision.errors import UnsupportedAttributeError
from mien.vision.types import OperatingPoint

JSON = {"Content-Type": "application/json"}


def problem(response: httpx.Response) -> tuple[int, str, str]:
    error = response.json()["error"]
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-ms-error-code"] == error["code"]
    return response.status_code, error["code"], error["message"]


def hint(response: httpx.Response) -> str:
    return str(response.json()["error"]["innererror"]["details"]["hint"])


@pytest.mark.parametrize("version", [version.name for version in VERSIONS])
async def test_a_face_with_its_id(version: str, api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    response = await api.post(f"/face/{version}/detect", content=photo)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    (face,) = response.json()
    assert list(face) == ["faceId", "faceRectangle"]
    assert face["faceRectangle"] == {"top": 20, "left": 10, "width": 90, "height": 80}
    assert service.memory.calls == [(service.accounts.resource.id, "recognition_01", 1, 86400)]
    assert service.engine.wants[0].operating_point is OperatingPoint.GENERAL


@pytest.mark.parametrize(("age", "marked"), [(6.0, True), (40.0, False)])
async def test_a_likely_child_is_marked_where_asked_for_and_the_age_never_told(
    age: float, marked: bool, make_service: Any, photo: bytes
) -> None:
    service = make_service(strict_children=lambda _: True)
    service.engine.age = age
    headers = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/octet-stream"}
    async with service.client(**headers) as client:
        (face,) = (await client.post("/face/v1.2/detect?returnFaceAttributes=headPose", content=photo)).json()
        assert list(face["faceAttributes"]) == ["headPose"]
        assert Attribute.AGE in service.engine.wants[0].attributes
        await client.post("/face/v1.2/detect?returnFaceId=false", content=photo)
        assert Attribute.AGE not in service.engine.wants[1].attributes
    service.application.close()
    assert [one.strict for one in service.memory.embeddings] == [marked]


async def test_no_face_id_means_no_embedding(api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    response = await api.post("/face/v1.2/detect?returnFaceId=false&returnRecognitionModel=true", content=photo)
    assert response.json() == [{"faceRectangle": {"top": 20, "left": 10, "width": 90, "height": 80}}]
    assert service.engine.wants[0].recogniser is None
    assert service.memory.calls == []


async def test_no_face_is_an_empty_array(api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    service.engine.count = 0
    response = await api.post("/face/v1.2/detect", content=photo)
    assert (response.status_code, response.content) == (200, b"[]")


async def test_all_options_reach_the_engine(api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    query = (
        "detectionModel=detection_03&recognitionModel=recognition_04&returnFaceId=true"
        "&returnFaceAttributes=headPose,mask,qualityForRecognition&returnFaceLandmarks=true"
        "&returnRecognitionModel=true&faceIdTimeToLive=120"
    )
    (face,) = (await api.post(f"/face/v1.2-preview.1/detect?{query}", content=photo)).json()
    want = service.engine.wants[0]
    assert want.operating_point is OperatingPoint.BEST
    assert want.attributes == {Attribute.HEAD_POSE, Attribute.MASK, Attribute.QUALITY}
    assert want.landmarks
    assert face["recognitionModel"] == "recognition_04"
    assert face["faceLandmarks"]["pupilRight"] == {"x": 0.7, "y": 1.0}
    assert len(face["faceLandmarks"]) == 27
    assert face["faceAttributes"] == {
        "headPose": {"pitch": 1.6, "roll": 2.1, "yaw": -3.0},
        "mask": {"type": "faceMask", "noseAndMouthCovered": True},
        "qualityForRecognition": "high",
    }
    assert service.memory.calls[0][1:] == ("recognition_04", 1, 120)


async def test_names_and_values_in_any_case_and_unknown_options(
    api: httpx.AsyncClient, service: Any, photo: bytes
) -> None:
    query = "DETECTIONMODEL=Detection_03&ReturnFaceId=FALSE&returnfaceattributes=%20HEADPOSE%20,&color=blue&top="
    response = await api.post(f"/face/v1.2/detect?{query}", content=photo)
    assert response.status_code == 200
    assert service.engine.wants[0].attributes == {Attribute.HEAD_POSE}


@pytest.mark.parametrize(
    ("version", "worn"),
    [
        ("v1.0", ("headWear", "NoGlasses")),
        ("v1.0-preview", ("headWear", "NoGlasses")),
        ("v1.1-preview.1", ("headwear", "noGlasses")),
        ("v1.2-preview.1", ("headwear", "noGlasses")),
        ("v1.2", ("headwear", "noGlasses")),
        ("v1.3-preview.1", ("headwear", "noGlasses")),
    ],
)
async def test_enum_spelling(version: str, worn: tuple[str, str], api: httpx.AsyncClient, photo: bytes) -> None:
    """Programs compare these texts as they are: levels are the same in all versions, what is worn is not."""
    names = "accessories,blur,exposure,noise,qualityForRecognition,glasses"
    query = f"returnFaceAttributes={names}&recognitionModel=recognition_03"
    (face,) = (await api.post(f"/face/{version}/detect?{query}", content=photo)).json()
    found = face["faceAttributes"]
    assert (found["accessories"][0]["type"], found["glasses"]) == worn
    assert found["blur"]["blurLevel"] == "medium"
    assert found["exposure"]["exposureLevel"] == "goodExposure"
    assert found["noise"]["noiseLevel"] == "low"
    assert found["qualityForRecognition"] == "high"
    assert found["accessories"][0]["confidence"] == 0.99


@pytest.mark.parametrize(
    ("query", "message", "word"),
    [
        ("detectionModel=detection_04", "'detectionModel' is invalid.", "detection_03"),
        ("recognitionModel=recognition_05", "'recognitionModel' is invalid.", "recognition_04"),
        ("returnFaceId=yes", "Invalid argument returnFaceId.", "true"),
        ("returnFaceLandmarks=1", "Invalid argument returnFaceLandmarks.", "true"),
        ("returnRecognitionModel=x", "Invalid argument returnRecognitionModel.", "true"),
        ("faceIdTimeToLive=59", "Invalid argument faceIdTimeToLive.", "60 to 86400"),
        ("faceIdTimeToLive=86401", "Invalid argument faceIdTimeToLive.", "60 to 86400"),
        ("faceIdTimeToLive=60.0", "Invalid argument faceIdTimeToLive.", "60 to 86400"),
        (f"faceIdTimeToLive={'9' * 5000}", "Invalid argument faceIdTimeToLive.", "60 to 86400"),
        ("returnFaceAttributes=haed", "Invalid argument returnFaceAttributes.", "haed"),
        ("returnFaceAttributes=headpsoe", "Invalid argument returnFaceAttributes.", "Did you mean headPose?"),
        (
            "returnFaceAttributes=gender",
            "Invalid argument returnFaceAttributes: remove gender, which no version returns any more.",
            "retired attributes",
        ),
        (
            "returnFaceAttributes=age,Emotion,GENDER",
            "Invalid argument returnFaceAttributes: remove emotion and gender, which no version returns any more.",
            "retired attributes",
        ),
        ("returnFaceAttributes=makeup", "Invalid argument returnFaceAttributes.", "v1.0 has it"),
        ("returnFaceAttributes=mask", "Invalid argument returnFaceAttributes.", "detection_01 has no mask"),
        (
            "detectionModel=detection_03&returnFaceAttributes=glasses",
            "Invalid argument returnFaceAttributes.",
            "detection_03 has no glasses",
        ),
        (
            "returnFaceAttributes=qualityForRecognition&recognitionModel=recognition_02",
            "Invalid argument returnFaceAttributes.",
            "recognition_03 or recognition_04",
        ),
        (
            "detectionModel=detection_02&returnFaceAttributes=blur",
            "'returnFaceAttributes' is not supported by detection_02.",
            "",
        ),
        (
            "detectionModel=detection_02&returnFaceLandmarks=true",
            "'returnLandmarks' is not supported by detection_02.",
            "",
        ),
    ],
)
async def test_wrong_options(
    query: str, message: str, word: str, api: httpx.AsyncClient, service: Any, photo: bytes
) -> None:
    response = await api.post(f"/face/v1.2/detect?{query}", content=photo)
    assert problem(response) == (400, "BadArgument", message)
    assert not word or word in hint(response)
    assert service.engine.wants == []


async def test_makeup_in_v1_0(api: httpx.AsyncClient, photo: bytes) -> None:
    (face,) = (await api.post("/face/v1.0/detect?returnFaceAttributes=makeup", content=photo)).json()
    assert face["faceAttributes"] == {"makeup": {"eyeMakeup": True, "lipMakeup": False}}


async def test_an_attribute_without_a_method(api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    service.engine.error = UnsupportedAttributeError("hair", "no model is installed")
    response = await api.post("/face/v1.2/detect?returnFaceAttributes=hair", content=photo)
    assert problem(response) == (400, "BadArgument", "Invalid argument returnFaceAttributes.")
    assert "not supported by this build" in hint(response)


async def test_image_sizes(api: httpx.AsyncClient, photo: bytes) -> None:
    assert problem(await api.post("/face/v1.2/detect", content=b"")) == (
        400,
        "InvalidImageSize",
        "Image size is too small.",
    )
    limit = 6 * 1024 * 1024
    full = photo + bytes(limit - len(photo))
    assert (await api.post("/face/v1.2/detect", content=full)).status_code == 200
    too_big = (400, "InvalidImageSize", "Image size is too big.")
    refused = await api.post("/face/v1.2/detect", content=full + b"\0")
    assert problem(refused) == too_big
    assert refused.json()["error"]["innererror"]["details"]["hint"] == "the most is 6291456 bytes"


async def test_chunked_bodies_without_a_length(api: httpx.AsyncClient, photo: bytes) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 65536):
            yield data[start : start + 65536]

    response = await api.post("/face/v1.2/detect", content=chunks(photo))
    assert "content-length" not in response.request.headers
    assert response.status_code == 200
    response = await api.post("/face/v1.2/detect", content=chunks(bytes(7_000_000)))
    assert problem(response) == (400, "InvalidImageSize", "Image size is too big.")


async def test_what_is_no_image(api: httpx.AsyncClient) -> None:
    response = await api.post("/face/v1.2/detect", content=b"not an image" * 200)
    assert problem(response) == (400, "InvalidImage", "Decoding error, image format unsupported.")


async def test_a_url(api: httpx.AsyncClient, service: Any, photo: bytes) -> None:
    service.web.answer = photo
    response = await api.post("/face/v1.2/detect", json={"Url": "http://x/y.jpg"}, headers=JSON)
    assert response.status_code == 200
    assert service.web.asked == ["http://x/y.jpg"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (FetchFailure.INVALID, "Invalid image URL."),
        (
            FetchFailure.DOWNLOAD,
            "Invalid image URL or error downloading from target server. Remote server error returned: "
            '"An error occurred while sending the request."',
        ),
    ],
)
async def test_a_url_that_fails(failure: FetchFailure, message: str, api: httpx.AsyncClient, service: Any) -> None:
    service.web.answer = FetchError(failure, "The moon is full.")
    response = await api.post("/face/v1.2/detect", json={"url": "http://x/y.jpg"}, headers=JSON)
    assert problem(response) == (400, "InvalidURL", message)
    assert hint(response) == "The moon is full."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Request body is invalid."),
        (b"  ", "Request body is invalid."),
        (b"{}", "Request body is invalid."),
        (b"[]", "Request body is invalid."),
        (b"null", "Request body is invalid."),
        (b'{"url": 3}', "Request body is invalid."),
        (b'{"url": null}', "Request body is invalid."),
        (b'{"url": "http://x/", "sessionImageId": "a"}', "Request body is invalid."),
        (b'{"sessionImageId": 4}', "Request body is invalid."),
        (b"x" * 2_000_000, "Request body is invalid."),
        (b"{'url': 'http://x/'}", "JSON parsing error."),
        (b"\xff\xd8\xff\xe0 image", "JSON parsing error."),
        (b"[" * 100_000, "JSON parsing error."),
        (b'{"n": ' + b"9" * 10_000 + b"}", "JSON parsing error."),
    ],
)
async def test_wrong_json(body: bytes, message: str, api: httpx.AsyncClient) -> None:
    response = await api.post("/face/v1.2/detect", content=body, headers=JSON)
    assert problem(response) == (400, "BadArgument", message)


async def test_an_empty_url(api: httpx.AsyncClient) -> None:
    response = await api.post("/face/v1.2/detect", json={"url": " "}, headers=JSON)
    assert problem(response) == (400, "InvalidURL", "Invalid image URL.")


async def test_session_images(api: httpx.AsyncClient) -> None:
    body = {"sessionImageId": "aa93ce80-9a9b-48bd-ae1a-1c7543841e92"}
    response = await api.post("/face/v1.2/detect", json=body, headers=JSON)
    assert problem(response)[:2] == (404, "SessionNotFound")
    response = await api.post("/face/v1.1-preview.1/detect", json=body, headers=JSON)
    assert problem(response) == (400, "BadArgument", "Request body is invalid.")
    assert "v1.2-preview.1" in hint(response)


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", ""]
)
async def test_other_media_types(kind: str, api: httpx.AsyncClient, photo: bytes) -> None:
    response = await api.post("/face/v1.2/detect", content=photo, headers={"Content-Type": kind})
    assert problem(response) == (415, "BadArgument", "Invalid Media Type.")
    assert "application/octet-stream" in hint(response)


async def test_a_fault_of_the_server_stays_inside(
    api: httpx.AsyncClient, service: Any, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    service.engine.error = RuntimeError("the flux is out")
    response = await api.post("/face/v1.2/detect", content=photo)
    assert problem(response) == (500, "InternalServerError", "Internal server error.")
    assert "flux" not in response.text
    logged = capsys.readouterr().out
    assert "flux" in logged
    assert response.headers["apim-request-id"] in logged


async def test_a_missing_model_is_the_operators_business(
    api: httpx.AsyncClient, service: Any, photo: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    service.engine.error = MissingFileError("run mien models pull in /srv/models")
    response = await api.post("/face/v1.2/detect", content=photo)
    assert problem(response)[:2] == (503, "ServiceUnavailable")
    assert int(response.headers["retry-after"]) > 0
    assert "/srv" not in response.text
    assert "mien models pull" in capsys.readouterr().out


async def test_a_full_queue(make_service: Any, photo: bytes) -> None:
    service = make_service(workers=1, queue_limit=0)
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    analyze = service.engine.analyze

    def slow(image: bytes, want: Any) -> Any:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return analyze(image, want)

    service.engine.analyze = slow
    headers = {
        "Ocp-Apim-Subscription-Key": "0123456789abcdef0123456789abcdef",
        "Content-Type": "application/octet-stream",
    }
    async with service.client(**headers) as client:
        first = asyncio.create_task(client.post("/face/v1.2/detect", content=photo))
        while not service.application._workers.taken:
            await asyncio.sleep(0)
        second = await client.post("/face/v1.2/detect", content=photo)
        release.set()
        assert (await first).status_code == 200
        assert problem(second)[:2] == (503, "ServiceUnavailable")
        assert int(second.headers["retry-after"]) >= 1
        assert (await client.post("/face/v1.2/detect", content=photo)).status_code == 200
    service.application.close()


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('{"url": "http://x/é"}'.encode("latin-1"), "not UTF-8"),
        (b"\x1f\x8b\x08\0" + b"\0" * 20, "gzip"),
        (b"url=http://x/a.jpg", '{"url"'),
    ],
)
async def test_bodies_that_are_nearly_json_are_named(api: httpx.AsyncClient, body: bytes, hint: str) -> None:
    response = await api.post("/face/v1.2/detect", content=body, headers=JSON)
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "JSON parsing error."
    assert hint in response.json()["error"]["innererror"]["details"]["hint"]
