"""Settings: tokens and sign-in."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from mien.issuers import names_of
from mien.settings.group import SettingsGroup


class SignInSettings(SettingsGroup):
    """Tokens and sign-in."""

    oidc_issuer: str | None = Field(
        default=None,
        description="URL of the OpenID Connect issuer whose tokens are accepted on custom subdomains, exactly as in "
        "`iss`: `https://id.example.com/realms/mien`. For a tenant of Entra ID, "
        "`https://login.microsoftonline.com/TENANT-ID/v2.0` accepts its v1 tokens (`https://sts.windows.net/…`) too. "
        "When absent, only keys are accepted.",
    )
    oidc_audience: str = Field(
        default="https://cognitiveservices.azure.com",
        description="Required `aud` of the tokens, with or without a trailing slash; several are separated by commas.",
    )
    management_audience: str = Field(
        default="https://management.azure.com",
        description="Required `aud` of tokens for the control plane, with or without a trailing slash; several "
        "are separated by commas. Such a token also needs a role: `Mien.Admin`, `Mien.Approver` or `Mien.Reader`.",
    )
    oidc_jwks_url: str | None = Field(
        default=None,
        description="URL of the issuer's signing keys. When absent, it is read from the discovery document "
        "(`/.well-known/openid-configuration`).",
    )
    oidc_roles_claim: str = Field(
        default="roles",
        description="The claim that lists roles; dots select members of objects: `realm_access.roles`.",
    )
    oidc_groups_claim: str = Field(
        default="groups",
        description="The claim that names groups, to which `mien role assign --group` assigns roles; dots select "
        "members of objects.",
    )
    oidc_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for the issuer, instead of the usual ones.",
    )
    portal_client_id: str | None = Field(
        default=None,
        min_length=1,
        description="Client id under which the portal is registered with `oidc_issuer`: people then sign in there. The "
        "redirect address to register is the portal's own with `/sign-in/callback`. When absent, they paste a token.",
    )
    portal_client_secret: SecretStr | None = Field(
        default=None, description="Secret of that client. When absent, it is a public client, which PKCE protects."
    )
    portal_scopes: str = Field(
        default="openid profile email",
        description="Scopes that the portal requests, separated by spaces; add those that put roles into the id token.",
    )
    portal_session_hours: float = Field(
        default=10.0,
        gt=0,
        le=720,
        description="How long a person stays signed in to the portal, unless the token expires sooner.",
    )

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("must begin with https://")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_one_issuer(cls, value: str | None) -> str | None:
        if value is not None:
            names_of(value)
        return value

    @field_validator("portal_client_id")
    @classmethod
    def _has_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("oidc_issuer") is None:
            raise ValueError("needs MIEN_OIDC_ISSUER, where people sign in")
        return value

    @field_validator("portal_scopes")
    @classmethod
    def _asks_for_id_token(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("must contain openid: without it there is no id token")
        return value
