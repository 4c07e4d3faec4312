"""Issuers that write tokens as Entra ID, Keycloak and Dex do, claim by claim.

They are imitations: none of the three can be installed from the package registries that the tests use. The claims are
those of the products' documentation and public source (Microsoft's access token claims reference; Keycloak's service
accounts; Dex's `client_credentials` grant of March 2026). Addresses are theirs below this machine's own; `iss` of the
imitated Entra ID is Microsoft's, to the letter.
"""

from __future__ import annotations

import base64
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from tests.issuer import Answer, Issuer

TENANT = "9b1d2c34-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
APPLICATION = "5f0c7a1e-93a5-4f7e-b0fd-2f6d1c8e4b21"
"""Client id of the program that calls."""
OBJECT = "c2a9d5c7-4c1f-4f1e-9d53-7a3b1f0e6d11"
"""Object id of its service principal."""
OWN_API = "7e57a91c-0c4b-4b7e-8a55-3c2f9e1d0a44"
"""Client id of the application registration that stands for Mien."""
APP_SECRET = "s3cr~et/of+the=program"


class Entra(Issuer):
    """Entra ID with one tenant.

    Attributes:
        app_roles: app roles that are assigned to the program on the registration `OWN_API`.
        version: of the tokens that the registration asks for (`requestedAccessTokenVersion`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.applications = {APPLICATION: APP_SECRET}
        self.app_roles: list[str] = []
        self.version = 2

    @property
    def keys_url(self) -> str:
        return f"{self.url}/{TENANT}/discovery/v2.0/keys"

    def answer(self, path: str) -> Answer | None:
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return {
                "token_endpoint": f"{self.url}/{TENANT}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "jwks_uri": self.keys_url,
                "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
                "authorization_endpoint": f"{self.url}/{TENANT}/oauth2/v2.0/authorize",
            }
        return self.public_keys() if path == f"/{TENANT}/discovery/v2.0/keys" else None

    def grant(self, path: str, form: dict[str, str], authorization: str) -> Answer | None:
        application = self.application_of(form, authorization)
        resource, _, default = form.get("scope", "").rpartition("/")
        if path != f"/{TENANT}/oauth2/v2.0/token" or application is None or default != ".default":
            return None
        own = resource == f"api://{OWN_API}"
        claims = self._v2(application) if own and self.version == 2 else self._v1(application, resource)
        if own and self.app_roles:
            claims["roles"] = self.app_roles
        return {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": self.sign(claims)}

    def _dates(self) -> dict[str, Any]:
        now = int(self.clock.now().timestamp())
        return {"iat": now, "nbf": now, "exp": now + 3900, "aio": "k2RgYPjPHsnfUBz2", "idtyp": "app"}

    def _principal(self) -> dict[str, Any]:
        return {"oid": OBJECT, "sub": OBJECT, "tid": TENANT, "rh": "1.AXoANCwd", "uti": uuid4().hex}

    def _v1(self, application: str, resource: str) -> dict[str, Any]:
        head = {"aud": resource, "iss": f"https://sts.windows.net/{TENANT}/"}
        named = {"appid": application, "appidacr": "1", "idp": f"https://sts.windows.net/{TENANT}/", "ver": "1.0"}
        return head | self._dates() | named | self._principal()

    def _v2(self, application: str) -> dict[str, Any]:
        head = {"aud": OWN_API, "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"}
        return head | self._dates() | {"azp": application, "azpacr": "1", "ver": "2.0"} | self._principal()


class Keycloak(Issuer):
    """Keycloak with the realm `mien`; a client scope of the SDK's name adds the audience.

    Attributes:
        realm_roles: realm roles of the program's service account.
        mappers: claims that further mappers add.
    """

    def __init__(self) -> None:
        super().__init__()
        self.applications = {"visitor-desk": APP_SECRET}
        self.realm_roles = ["default-roles-mien", "offline_access", "uma_authorization"]
        self.mappers: dict[str, Any] = {}

    def listen(self, address: str) -> None:
        self.url = f"{address}/realms/mien"

    def answer(self, path: str) -> Answer | None:
        if path == "/realms/mien/.well-known/openid-configuration":
            protocol = f"{self.url}/protocol/openid-connect"
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{protocol}/auth",
                "token_endpoint": f"{protocol}/token",
                "jwks_uri": f"{protocol}/certs",
                "end_session_endpoint": f"{protocol}/logout",
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
                "token_endpoint_auth_methods_supported": [
                    "private_key_jwt",
                    "client_secret_basic",
                    "client_secret_post",
                ],
            }
        return self.public_keys() if path == "/realms/mien/protocol/openid-connect/certs" else None

    def grant(self, path: str, form: dict[str, str], authorization: str) -> Answer | None:
        application = self.application_of(form, authorization)
        scope = form.get("scope", "")
        audience, _, default = scope.rpartition("/")
        if path != "/realms/mien/protocol/openid-connect/token" or application is None or default != ".default":
            return None
        now = int(self.clock.now().timestamp())
        claims = {
            "exp": now + 300,
            "iat": now,
            "jti": f"trrtcc:{uuid4()}",
            "iss": self.url,
            "aud": [audience, "account"],
            "sub": str(uuid5(NAMESPACE_URL, application)),
            "typ": "Bearer",
            "azp": application,
            "acr": "1",
            "allowed-origins": ["/*"],
            "realm_access": {"roles": self.realm_roles},
            "resource_access": {"account": {"roles": ["manage-account", "view-profile"]}},
            "scope": f"profile {scope} email",
            "clientHost": "127.0.0.1",
            "email_verified": False,
            "preferred_username": f"service-account-{application}",
            "clientAddress": "127.0.0.1",
            "client_id": application,
        } | self.mappers
        header = {"typ": "JWT"}
        token = self.sign(claims, header=header)
        return {"access_token": token, "expires_in": 300, "refresh_expires_in": 0, "token_type": "Bearer"}


class Dex(Issuer):
    """Dex below `/dex`, with the static client `visitor-desk`, which the client `mien` trusts as a peer.

    Attributes:
        groups: of the client (`clientCredentialsClaims.groups`).
    """

    def __init__(self) -> None:
        super().__init__()
        self.applications = {"visitor-desk": APP_SECRET}
        self.groups = ["face-users"]

    def listen(self, address: str) -> None:
        self.url = f"{address}/dex"

    def answer(self, path: str) -> Answer | None:
        if path == "/dex/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/auth",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
                "scopes_supported": ["openid", "email", "groups", "profile", "offline_access"],
            }
        return self.public_keys() if path == "/dex/keys" else None

    def grant(self, path: str, form: dict[str, str], authorization: str) -> Answer | None:
        application = self.application_of(form, authorization)
        scopes = form.get("scope", "").split()
        peers = [scope.rpartition(":")[2] for scope in scopes if scope.startswith("audience:server:client_id:")]
        known = {"openid", "email", "profile", "groups"}
        if path != "/dex/token" or application is None or len(peers) + len(known & set(scopes)) != len(scopes):
            return None
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.url,
            "sub": _subject(application),
            "aud": (peers or [application])[0] if len(peers) < 2 else peers,
            "exp": now + 86_400,
            "iat": now,
            "azp": application if peers else None,
            "groups": self.groups if "groups" in scopes else None,
            "name": "Visitor desk" if "profile" in scopes else None,
        }
        token = self.sign(claims)
        return {"access_token": token, "token_type": "bearer", "expires_in": 86_399, "id_token": token}


def _subject(user: str) -> str:
    """Dex's `sub`: user id and connector id (none here) as a protocol buffer, in base64 without padding."""
    return base64.urlsafe_b64encode(b"\x0a" + bytes([len(user)]) + user.encode()).decode().rstrip("=")
