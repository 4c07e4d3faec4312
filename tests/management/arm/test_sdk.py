"""The official management client, unmodified, over TLS of our own authority, against a real server."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient
from azure.mgmt.cognitiveservices.models import (
    Account,
    AccountProperties,
    IpRule,
    NetworkRuleSet,
    Sku,
)
from tests.conftest import Server, StartServer

pytestmark = pytest.mark.sdk

GROUP = "rg-faces"
TYPE = "Microsoft.CognitiveServices/accounts"


class Token:
    """A credential that has one token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self.token, 4_000_000_000)


@pytest.fixture(scope="module")
def secure(start_server: StartServer) -> Server:
    return start_server("--tls", free_resources="2")


def trusting(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.data_dir / "tls" / "ca.pem")


@contextmanager
def management(server: Server, subscription: str, token: str | None = None) -> Iterator[Any]:
    """The vendor's client; nothing of it is changed but where it goes and whom it trusts."""
    with CognitiveServicesManagementClient(
        Token(token or server.admin_token),
        subscription,
        base_url=server.management,
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=str(server.data_dir / "tls" / "ca.pem"),
        retry_total=0,
    ) as client:
        yield client


def accept_terms(server: Server, subscription: str) -> None:
    answer = httpx.post(
        f"{server.management}/mien/v1/subscriptions/{subscription}/terms",
        json={"acceptedBy": "Anna Admin", "responsibleAi": True, "notForPolice": True},
        headers={"Authorization": f"Bearer {server.admin_token}"},
        verify=trusting(server),
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text


def account(**properties: Any) -> Account:
    return Account(location="West Europe", kind="Face", sku=Sku(name="S0"), properties=AccountProperties(**properties))


def opens(server: Server, key: str) -> bool:
    """Whether a key passes the front door of the data plane."""
    answer = httpx.post(
        f"{server.endpoint}/face/v1.2/detect",
        headers={"Ocp-Apim-Subscription-Key": key},
        verify=trusting(server),
        trust_env=False,
    )
    assert 400 <= answer.status_code < 500
    return answer.status_code != 401


def code(caught: pytest.ExceptionInfo[HttpResponseError]) -> str:
    error = caught.value.error
    assert error is not None
    return str(error.code)


def test_an_account_from_its_terms_to_its_purge(secure: Server) -> None:
    subscription, name = str(uuid4()), f"front-desk-{uuid4().hex[:8]}"
    with management(secure, subscription) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.accounts.begin_create(GROUP, name, account())
        assert code(refused) == "ResourceKindRequireAcceptTerms"
        assert "until you agree to Responsible AI terms" in str(refused.value)

        accept_terms(secure, subscription)
        wanted = account(
            custom_sub_domain_name=name,
            network_acls=NetworkRuleSet(default_action="Deny", ip_rules=[IpRule(value="127.0.0.1")]),
        )
        wanted.tags = {"team": "reception"}
        made = client.accounts.begin_create(GROUP, name, wanted).result()
        assert made.id.endswith(f"/resourceGroups/{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}")
        assert (made.kind, made.sku.name, made.location, made.tags) == (
            "Face",
            "S0",
            "westeurope",
            {"team": "reception"},
        )
        assert made.properties.provisioning_state == "Succeeded"
        assert made.properties.endpoint.startswith(f"https://{name}.cognitiveservices.localhost:")
        assert made.properties.network_acls.default_action == "Deny"
        assert [rule.value for rule in made.properties.network_acls.ip_rules] == ["127.0.0.1"]
        assert made.system_data.created_by == "token:serve --dev"

        seen = client.accounts.get(GROUP.upper(), name.upper())
        assert seen.etag == made.etag
        assert [one.name for one in client.accounts.list()] == [name]
        assert [one.name for one in client.accounts.list_by_resource_group(GROUP)] == [name]
        assert list(client.accounts.list_by_resource_group("another")) == []

        change = Account(tags={"team": "gate"}, properties=AccountProperties(public_network_access="Disabled"))
        changed = client.accounts.begin_update(GROUP, name, change).result()
        assert changed.tags == {"team": "gate"}
        assert changed.properties.public_network_access == "Disabled"
        assert changed.properties.network_acls.default_action == "Deny"
        assert changed.etag != made.etag
        again = client.accounts.begin_create(GROUP, name, account()).result()  # PUT sets back what it does not name
        assert again.properties.public_network_access == "Enabled"
        assert again.properties.network_acls.default_action == "Allow"
        assert again.properties.custom_sub_domain_name == name

        keys = client.accounts.list_keys(GROUP, name)
        assert opens(secure, keys.key1)
        renewed = client.accounts.regenerate_key(GROUP, name, "Key1")
        assert renewed.key2 == keys.key2
        assert not opens(secure, keys.key1)
        assert opens(secure, renewed.key1)
        assert opens(secure, keys.key2)

        client.accounts.begin_delete(GROUP, name).result()
        client.accounts.begin_delete(GROUP, name).result()  # of nothing: 204
        assert not opens(secure, keys.key2)
        with pytest.raises(
            ResourceNotFoundError, match=f"accounts/{name}' under resource group '{GROUP}' was not found"
        ):
            client.accounts.get(GROUP, name)
        deleted = client.deleted_accounts.get("westeurope", GROUP, name)
        assert deleted.properties.scheduled_purge_date > deleted.properties.deletion_date
        assert [one.name for one in client.deleted_accounts.list()] == [name]
        with pytest.raises(HttpResponseError) as refused:
            client.accounts.begin_create(GROUP, name, account())
        assert code(refused) == "FlagMustBeSetForRestore"
        restored = client.accounts.begin_create(GROUP, name, account(restore=True)).result()
        assert restored.properties.internal_id == made.properties.internal_id
        assert opens(secure, keys.key2)
        with pytest.raises(HttpResponseError) as refused:
            client.accounts.begin_create(GROUP, name, account(restore=True))
        assert code(refused) == "CanNotRestoreANonExistingResource"

        client.accounts.begin_delete(GROUP, name).result()
        client.deleted_accounts.begin_purge("westeurope", GROUP, name).result()
        client.deleted_accounts.begin_purge("westeurope", GROUP, name).result()  # of nothing: 204
        assert list(client.deleted_accounts.list()) == []
        fresh = client.accounts.begin_create(GROUP, name, account(custom_sub_domain_name=name)).result()
        assert fresh.properties.internal_id != made.properties.internal_id


def test_what_there_is_to_be_had(secure: Server) -> None:
    subscription = str(uuid4())
    accept_terms(secure, subscription)
    name = f"a-{uuid4().hex[:8]}"
    with management(secure, subscription) as client:
        client.accounts.begin_create(GROUP, name, account(custom_sub_domain_name=name)).result()
        assert [one.sku.name for one in client.accounts.list_skus(GROUP, name).value] == ["F0", "S0", "E0"]
        assert {(one.name, one.kind) for one in client.resource_skus.list()} == {
            ("F0", "Face"),
            ("S0", "Face"),
            ("E0", "Face"),
        }
        for wanted, free in ((name, False), (f"b-{name}", True), ("-", False)):
            told = client.check_domain_availability(wanted, TYPE, "Face")
            assert (told.is_subdomain_available, told.subdomain_name) == (free, wanted)
            assert free or told.reason
        told = client.check_sku_availability("westeurope", ["S0", "X9"], "Face", TYPE).value
        assert [one.sku_available for one in told] == [True, False]
        assert list(client.models.list("westeurope")) == []
        assert list(client.accounts.list_models(GROUP, name)) == []
        assert [one.properties.group_id for one in client.private_link_resources.list(GROUP, name).value] == ["account"]
        assert client.private_endpoint_connections.list(GROUP, name).value == []
        assert "Microsoft.CognitiveServices/accounts/listKeys/action" in {one.name for one in client.operations.list()}
        with pytest.raises(HttpResponseError) as refused:
            client.accounts.begin_create("elsewhere", name, account())
        assert code(refused) == "ResourceNameInUse"
        with pytest.raises(HttpResponseError) as refused:
            client.accounts.begin_create(GROUP, f"c-{name}", account(custom_sub_domain_name=name))
        assert code(refused) == "CustomDomainInUse"


def test_who_may_what(secure: Server) -> None:
    subscription, headers = str(uuid4()), {"Authorization": f"Bearer {secure.admin_token}"}
    made = httpx.post(
        f"{secure.management}/mien/v1/admin-tokens",
        json={"name": "a reader", "role": "reader"},
        headers=headers,
        verify=trusting(secure),
        trust_env=False,
    ).json()
    with management(secure, subscription, made["token"]) as reader:
        assert list(reader.accounts.list()) == []
        forbidden: list[Callable[[], Any]] = [
            lambda: reader.accounts.begin_create(GROUP, "x1", account()),
            lambda: reader.accounts.list_keys(GROUP, "x1"),
            lambda: reader.accounts.regenerate_key(GROUP, "x1", "Key1"),
            lambda: reader.accounts.begin_delete(GROUP, "x1"),
        ]
        for call in forbidden:
            with pytest.raises(HttpResponseError) as refused:
                call()
            assert refused.value.status_code == 403
            assert code(refused) == "AuthorizationFailed"
    with management(secure, subscription, "mien_admin_wrong") as nobody, pytest.raises(ClientAuthenticationError):
        list(nobody.accounts.list())
