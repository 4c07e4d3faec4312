"""The vendor's SDK, unmodified, on liveness sessions of a real server process."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from azure.ai.vision.face import FaceSessionClient
from azure.ai.vision.face.aio import FaceSessionClient as AsyncFaceSessionClient
from azure.ai.vision.face.models import (
    CreateLivenessSessionContent,
    CreateLivenessWithVerifySessionContent,
    LivenessOperationMode,
    QualityForRecognition,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ResourceNotFoundError
from tests.conftest import Server
from tests.shared import azure_photo

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore::DeprecationWarning:azure")]
VERSIONS = ["v1.1-preview.1", "v1.2-preview.1"]


@pytest.fixture(scope="module")
def photo() -> bytes:
    return azure_photo("Family1-Dad1").read_bytes()


@pytest.fixture
def sessions(server: Server, request: pytest.FixtureRequest) -> Iterator[FaceSessionClient]:
    credential = AzureKeyCredential(server.key1)
    with FaceSessionClient(server.endpoint, credential, api_version=request.param) as client:
        yield client


@pytest.mark.parametrize("sessions", VERSIONS, indirect=True)
def test_a_session(sessions: FaceSessionClient) -> None:
    content = CreateLivenessSessionContent(
        liveness_operation_mode=LivenessOperationMode.PASSIVE_ACTIVE,
        device_correlation_id=str(uuid4()),
        send_results_to_client=False,
        auth_token_time_to_live_in_seconds=60,
    )
    made = sessions.create_liveness_session(content)
    assert made.auth_token.count(".") == 2
    read = sessions.get_liveness_session_result(made.session_id)
    assert (read.id, read.status, read.session_expired, read.result) == (made.session_id, "NotStarted", False, None)
    assert read.auth_token_time_to_live_in_seconds == 60
    listed = sessions.get_liveness_sessions(start=None, top=1000)
    assert made.session_id in {entry.id for entry in listed}
    assert sessions.get_liveness_session_audit_entries(made.session_id, start="", top=5) == []
    sessions.delete_liveness_session(made.session_id)
    with pytest.raises(ResourceNotFoundError) as caught:
        sessions.get_liveness_session_result(made.session_id)
    assert caught.value.error is not None
    assert caught.value.error.code == "SessionNotFound"


@pytest.mark.parametrize("sessions", VERSIONS, indirect=True)
@pytest.mark.parametrize("with_image", [True, False], ids=["image", "no image"])
def test_a_session_with_verify(sessions: FaceSessionClient, with_image: bool, photo: bytes) -> None:
    content = CreateLivenessWithVerifySessionContent(
        liveness_operation_mode=LivenessOperationMode.PASSIVE,
        device_correlation_id_set_in_client=True,
        enable_session_image=True,
    )
    made = sessions.create_liveness_with_verify_session(content, verify_image=photo if with_image else None)
    if with_image:
        assert made.verify_image is not None
        assert made.verify_image.quality_for_recognition == QualityForRecognition.HIGH
        assert made.verify_image.face_rectangle.width > 100
    else:
        assert made.verify_image is None
    assert sessions.get_liveness_with_verify_session_result(made.session_id).status == "NotStarted"
    assert made.session_id in {entry.id for entry in sessions.get_liveness_with_verify_sessions()}
    assert sessions.get_liveness_with_verify_session_audit_entries(made.session_id) == []
    sessions.delete_liveness_with_verify_session(made.session_id)


async def test_the_asynchronous_client(server: Server, photo: bytes) -> None:
    async with AsyncFaceSessionClient(server.endpoint, AzureKeyCredential(server.key1)) as sessions:
        made = await sessions.create_liveness_with_verify_session(
            CreateLivenessWithVerifySessionContent(
                liveness_operation_mode=LivenessOperationMode.PASSIVE, device_correlation_id=str(uuid4())
            ),
            verify_image=photo,
        )
        read = await sessions.get_liveness_with_verify_session_result(made.session_id)
        assert read.status == "NotStarted"
        await sessions.delete_liveness_with_verify_session(made.session_id)
