"""azure-identity and the Face SDK, unmodified, over TLS: tokens of Entra ID, Keycloak and Dex open a real server.

The issuers are imitations (`tests.issuer_products` says of what); the server, the credentials and the SDK are real.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from azure.ai.vision.face import FaceAdministrationClient, FaceClient
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from tests.conftest import Server, StartServer
from tests.issuer import serving
from tests.issuer_products import APP_SECRET, APPLICATION, OBJECT, OWN_API, TENANT, Dex, Entra, Keycloak
from tests.shared import azure_photo

pytestmark = pytest.mark.sdk

USER, RECOGNIZER = "Cognitive Services User", "Cognitive Services Face Recognizer"


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let names below `localhost` lead to this machine, as browsers have it."""
    real = socket.getaddrinfo

    def local(host: Any, *more: Any, **options: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def endpoint(server: Server) -> str:
    return f"https://dev.cognitiveservices.localhost:{urlsplit(server.endpoint).port}"


def authority_of(server: Server) -> Path:
    return server.data_dir / "tls" / "ca.pem"


@contextmanager
def lists(server: Server, credential: Any, **options: Any) -> Iterator[FaceAdministrationClient]:
    with FaceAdministrationClient(
        endpoint(server), credential, connection_verify=str(authority_of(server)), retry_total=0, **options
    ) as client:
        yield client


def count(server: Server, credential: Any, **options: Any) -> int:
    """Ask for all large face lists, which only whoever may read data can."""
    with lists(server, credential, **options) as client:
        return len(list(client.large_face_list.get_large_face_lists()))


def faces(server: Server, credential: Any, **options: Any) -> int:
    """Detect the faces of a photo."""
    with FaceClient(
        endpoint(server), credential, connection_verify=str(authority_of(server)), retry_total=0, **options
    ) as client:
        photo = azure_photo("detection1").read_bytes()
        found = client.detect(
            photo, detection_model="detection_03", recognition_model="recognition_04", return_face_id=False
        )
        return len(found)


def assign(server: Server, **wanted: str) -> None:
    answer = httpx.post(
        f"{server.management}/mien/v1/role-assignments",
        json=wanted,
        headers={"Authorization": f"Bearer {server.admin_token}"},
        verify=ssl.create_default_context(cafile=authority_of(server)),
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 201, answer.text


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("issuers")


@pytest.fixture(scope="module")
def entra(tls: Path) -> Iterator[Entra]:
    with serving(Entra(), tls, host="localhost") as running:
        yield running


@pytest.fixture(scope="module")
def entra_server(start_server: StartServer, entra: Entra, tls: Path) -> Server:
    return start_server(
        "--tls",
        oidc_issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        oidc_jwks_url=entra.keys_url,
        oidc_ca_file=str(tls / "ca.pem"),
        oidc_audience=f"https://cognitiveservices.azure.com,{OWN_API},api://{OWN_API}",
    )


def test_usual_tokens_of_entra_id_have_the_roles_that_are_assigned_here(
    entra: Entra, entra_server: Server, tls: Path
) -> None:
    credential = ClientSecretCredential(
        TENANT, APPLICATION, APP_SECRET, authority=entra.url, disable_instance_discovery=True,
        connection_verify=str(tls / "ca.pem"),
    )  # fmt: skip
    with pytest.raises(ClientAuthenticationError, match="PermissionDenied") as caught:
        count(entra_server, credential)
    assert f"principal {OBJECT}, application {APPLICATION}" in str(caught.value)
    assign(entra_server, assignee="principal", value=OBJECT, role=RECOGNIZER, resource="dev")
    assert faces(entra_server, credential) == 1
    with pytest.raises(ClientAuthenticationError):
        count(entra_server, credential)
    assign(entra_server, assignee="application", value=APPLICATION, role=USER)
    assert count(entra_server, credential) == 0


@pytest.mark.parametrize("version", [1, 2])
def test_app_roles_of_an_own_registration(
    version: int, entra: Entra, entra_server: Server, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entra.version, entra.app_roles = version, [USER]
    for name, value in {
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": APPLICATION,
        "AZURE_CLIENT_SECRET": APP_SECRET,
        "AZURE_AUTHORITY_HOST": entra.url,
        "REQUESTS_CA_BUNDLE": str(tls / "ca.pem"),
    }.items():
        monkeypatch.setenv(name, value)
    credential = DefaultAzureCredential(disable_instance_discovery=True)
    assert count(entra_server, credential, credential_scopes=[f"api://{OWN_API}/.default"]) == 0


@pytest.fixture(scope="module")
def keycloak(tls: Path) -> Iterator[Keycloak]:
    with serving(Keycloak(), tls, host="localhost") as running:
        yield running


@pytest.fixture(scope="module")
def keycloak_server(start_server: StartServer, keycloak: Keycloak, tls: Path) -> Server:
    return start_server(
        "--tls",
        oidc_issuer=keycloak.url,
        oidc_ca_file=str(tls / "ca.pem"),
        oidc_roles_claim="realm_access.roles",
    )


def bundle(server: Server, tls: Path) -> str:
    """Both authorities: credentials ask the control plane where the issuer is, then the issuer."""
    file = server.data_dir / "bundle.pem"
    file.write_text((tls / "ca.pem").read_text() + authority_of(server).read_text())
    return str(file)


@pytest.mark.heavy
def test_realm_roles_of_keycloak(
    keycloak: Keycloak, keycloak_server: Server, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AZURE_TENANT_ID": "mien",
        "AZURE_CLIENT_ID": "visitor-desk",
        "AZURE_CLIENT_SECRET": APP_SECRET,
        "AZURE_AUTHORITY_HOST": keycloak_server.management,
        "REQUESTS_CA_BUNDLE": bundle(keycloak_server, tls),
    }.items():
        monkeypatch.setenv(name, value)
    credential = DefaultAzureCredential(disable_instance_discovery=True)
    with pytest.raises(ClientAuthenticationError, match="PermissionDenied"):
        count(keycloak_server, credential)
    keycloak.realm_roles.append("cognitive-services-user")
    anew = DefaultAzureCredential(disable_instance_discovery=True)
    assert count(keycloak_server, anew) == 0


@pytest.fixture(scope="module")
def dex(tls: Path) -> Iterator[Dex]:
    with serving(Dex(), tls, host="localhost") as running:
        yield running


@pytest.fixture(scope="module")
def dex_server(start_server: StartServer, dex: Dex, tls: Path) -> Server:
    return start_server("--tls", oidc_issuer=dex.url, oidc_ca_file=str(tls / "ca.pem"), oidc_audience="mien")


@pytest.mark.heavy
def test_groups_of_dex(dex_server: Server, tls: Path) -> None:
    credential = ClientSecretCredential(
        "mien", "visitor-desk", APP_SECRET, authority=dex_server.management, disable_instance_discovery=True,
        connection_verify=bundle(dex_server, tls),
    )  # fmt: skip
    scopes = ["openid", "groups", "audience:server:client_id:mien"]
    with pytest.raises(ClientAuthenticationError, match="PermissionDenied"):
        count(dex_server, credential, credential_scopes=scopes)
    assign(dex_server, assignee="group", value="face-users", role=USER)
    assert count(dex_server, credential, credential_scopes=scopes) == 0
