"""The names of issuers: both of a tenant of Entra ID."""

from uuid import UUID

import pytest
from pydantic import ValidationError

from mien.issuers import names_of
from mien.settings import Settings

TENANT = "9b1d2c34-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
V1, V2 = f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"


@pytest.mark.parametrize(
    "given",
    [
        V1,
        V2,
        V1.rstrip("/"),
        f"{V2}/",
        f"https://login.microsoftonline.com/{TENANT}",
        V2.replace(TENANT, TENANT.upper()),
    ],
)
def test_either_name_of_a_tenant_stands_for_both(given: str) -> None:
    names = names_of(given)
    assert names.all == (V2, V1)
    assert (names.login, names.tenant) == ("https://login.microsoftonline.com", UUID(TENANT))


def test_sovereign_clouds_have_names_of_their_own() -> None:
    china = names_of(f"https://sts.chinacloudapi.cn/{TENANT}/")
    assert china.name == f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0"
    assert names_of(f"https://login.microsoftonline.us/{TENANT}/v2.0").others == (V1,)


def test_any_other_issuer_has_the_name_that_was_given() -> None:
    names = names_of("https://id.example.com/realms/mien")
    assert (names.all, names.login) == (("https://id.example.com/realms/mien",), None)
    assert names.tenant == names_of("https://id.example.com/realms/mien").tenant
    assert names.tenant != names_of("https://id.example.com/realms/other").tenant


@pytest.mark.parametrize("tenant", ["common", "organizations", "consumers", "contoso.onmicrosoft.com"])
def test_a_tenant_without_its_id_is_refused_at_the_start(tenant: str) -> None:
    for address in (f"https://login.microsoftonline.com/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"):
        with pytest.raises(ValidationError, match=r"directory \(tenant\) id"):
            Settings(oidc_issuer=address)
