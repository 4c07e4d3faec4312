"""The vendor's SDKs, unmodified, against a real server process: they are the judges of the wire."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from typing import Any

import pytest
from azure.ai.vision.face import FaceClient
from azure.ai.vision.face.aio import FaceClient as AsyncFaceClient
from azure.cognitiveservices.vision.face import FaceClient as OldFaceClient
from azure.cognitiveservices.vision.face.models import APIErrorException
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from msrest.authentication import CognitiveServicesCredentials
from tests.conftest import Server
from tests.local_server import serving
from tests.shared import azure_photo

from mien.contract.attributes import ATTRIBUTES_OF, Attribute
from mien.contract.landmarks import LANDMARK_NAMES
from mien.contract.versions import V1_0, V1_2, Version
from mien.vision.attributes.registry import ESTIMATORS

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:msrest"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:azure"),
]
PHOTO = "detection1"
FIELDS = {
    Attribute.HEAD_POSE: "head_pose",
    Attribute.QUALITY: "quality_for_recognition",
    Attribute.FACIAL_HAIR: "facial_hair",
}


@pytest.fixture(scope="module")
def photo() -> bytes:
    return azure_photo(PHOTO).read_bytes()


@pytest.fixture(scope="module")
def photo_url() -> Iterator[str]:
    """An address of this machine that serves the photos."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    path = azure_photo(PHOTO)
    with serving(partial(Quiet, directory=str(path.parent))) as port:
        yield f"http://127.0.0.1:{port}/{path.name}"


def attributes_of(model: str, version: Version) -> list[Attribute]:
    """All attributes that a detection model has in a version and that this build has a method for."""
    return sorted(ATTRIBUTES_OF[model] & version.attributes & set(ESTIMATORS))


def options(model: str, version: Version) -> dict[str, Any]:
    """Everything that a detection model has."""
    attributes = attributes_of(model, version)
    wanted: dict[str, Any] = {
        "detection_model": model,
        "recognition_model": "recognition_04",
        "return_face_id": True,
        "return_recognition_model": True,
        "face_id_time_to_live": 120,
    }
    if model != "detection_02":
        wanted |= {"return_face_landmarks": True}
    if attributes:
        wanted |= {"return_face_attributes": [str(name) for name in attributes]}
    return wanted


def check_new(face: Any, model: str) -> None:
    assert len(face.face_id) == 36
    assert face.recognition_model == "recognition_04"
    assert face.face_rectangle.width > 36
    if model == "detection_02":
        assert face.face_landmarks is None
        assert face.face_attributes is None
        return
    assert set(face.face_landmarks.as_dict()) == set(LANDMARK_NAMES)
    assert face.face_landmarks.pupil_left.x < face.face_landmarks.pupil_right.x
    attributes = attributes_of(model, V1_2)
    if attributes:
        assert set(face.face_attributes.as_dict()) == set(attributes)
    if Attribute.HEAD_POSE in attributes:
        assert abs(face.face_attributes.head_pose.yaw) < 90


@pytest.mark.parametrize("model", ATTRIBUTES_OF)
@pytest.mark.parametrize("version", [None, "v1.1-preview.1", "v1.2", "v1.3-preview.1"])
def test_the_new_sdk(server: Server, photo: bytes, photo_url: str, model: str, version: str | None) -> None:
    chosen = {} if version is None else {"api_version": version}
    with FaceClient(server.endpoint, AzureKeyCredential(server.key2), **chosen) as client:
        (face,) = client.detect(photo, **options(model, V1_2))
        check_new(face, model)
        (again,) = client.detect_from_url(url=photo_url, **options(model, V1_2))
        check_new(again, model)
        assert again.face_rectangle == face.face_rectangle
        assert again.face_id != face.face_id


@pytest.mark.parametrize("model", ATTRIBUTES_OF)
@pytest.mark.parametrize("version", [None, "v1.1-preview.1"])
async def test_the_new_sdk_async(server: Server, photo: bytes, photo_url: str, model: str, version: str | None) -> None:
    chosen = {} if version is None else {"api_version": version}
    async with AsyncFaceClient(server.endpoint, AzureKeyCredential(server.key1), **chosen) as client:
        (face,) = await client.detect(photo, **options(model, V1_2))
        check_new(face, model)
        (again,) = await client.detect_from_url(url=photo_url, **options(model, V1_2))
        check_new(again, model)


@pytest.mark.parametrize("model", ATTRIBUTES_OF)
def test_the_old_sdk(server: Server, photo: bytes, photo_url: str, model: str) -> None:
    with OldFaceClient(server.endpoint, CognitiveServicesCredentials(server.key1)) as client:
        (face,) = client.face.detect_with_stream(io.BytesIO(photo), **options(model, V1_0))
        (again,) = client.face.detect_with_url(photo_url, **options(model, V1_0))
    for found in (face, again):
        assert found.recognition_model == "recognition_04"
        assert found.face_rectangle.width > 36
    expected = attributes_of(model, V1_0)
    if not expected:
        return
    # The old SDK makes enums of what it knows; a spelling that it does not know would stay a plain text.
    enums: dict[Attribute, Callable[[Any], Any]] = {
        Attribute.BLUR: lambda found: found.blur.blur_level.value,
        Attribute.NOISE: lambda found: found.noise.noise_level.value,
        Attribute.EXPOSURE: lambda found: found.exposure.exposure_level.value,
        Attribute.GLASSES: lambda found: found.glasses.value,
        Attribute.MASK: lambda found: found.mask.type.value,
        Attribute.QUALITY: lambda found: found.quality_for_recognition.value,
    }
    for name in expected:
        assert getattr(face.face_attributes, FIELDS.get(name, name.value)) is not None, name
        if name in enums:
            assert enums[name](face.face_attributes)


def test_errors_reach_the_new_sdk(server: Server, photo: bytes) -> None:
    with FaceClient(server.endpoint, AzureKeyCredential(server.key1)) as client:
        wanted = options("detection_01", V1_2) | {"return_face_attributes": ["mask"]}
        with pytest.raises(HttpResponseError) as caught:
            client.detect(photo, **wanted)
        assert caught.value.status_code == 400
        assert caught.value.error is not None
        assert caught.value.error.code == "BadArgument"
        assert caught.value.error.message == "Invalid argument returnFaceAttributes."
        assert "detection_01 has no mask" in str(caught.value)
        with pytest.raises(HttpResponseError, match="Decoding error, image format unsupported"):
            client.detect(b"no image" * 200, **options("detection_03", V1_2))
    with (
        FaceClient(server.endpoint, AzureKeyCredential("0" * 32)) as stranger,
        pytest.raises(ClientAuthenticationError, match="invalid subscription key"),
    ):
        stranger.detect(photo, **options("detection_03", V1_2))


def test_errors_reach_the_old_sdk(server: Server, photo: bytes) -> None:
    with OldFaceClient(server.endpoint, CognitiveServicesCredentials("0" * 32)) as client:
        with pytest.raises(APIErrorException, match="invalid subscription key") as caught:
            client.face.detect_with_stream(io.BytesIO(photo))
        assert caught.value.error.error.code == "401"
