"""Sign-in at an OpenID Connect issuer: authorization code flow with state, nonce and PKCE.

During the sign-in the browser has a signed cookie without secrets. Any server of the database can derive the nonce and
the PKCE verifier from the state and the vault's key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import structlog
from anyio import to_thread

from mien.clock import Clock
from mien.gateway.discovery import Discovery, DiscoveryError, fetcher, require_tls, tls_context
from mien.gateway.errors import BadTokenError, IssuerUnavailableError
from mien.gateway.tokens import Identity, TokenVerifier
from mien.management.errors import ManagementError
from mien.management.login import Actor
from mien.management.oidc import FindResource, actor_of
from mien.portal.signed import ValueSigner
from mien.portal.texts import mark, said, t
from mien.storage import Vault

START: Final = "/sign-in/start"
CALLBACK: Final = "/sign-in/callback"

PATIENCE: Final = timedelta(minutes=15)
"""Time limit for the sign-in at the issuer."""

_LONGEST: Final = 4096
_ANEW: Final = mark("Sign in again.")

_log = structlog.get_logger("mien.portal")


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """The portal's registration at the issuer.

    Attributes:
        issuer: URL of the issuer.
        id: client id.
        secret: client secret; None for a public client.
        scopes: requested scopes, separated by spaces.
    """

    issuer: str
    id: str
    secret: str | None
    scopes: str


class SignInError(Exception):
    """A sign-in failed; the message is for the person.

    Attributes:
        status: HTTP status of the response.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class OpenId:
    """Signs people in at the issuer.

    Args:
        client: the portal's registration at the issuer.
        verifier: verifies id tokens for this client.
        vault: its key signs cookies, and derives nonces and PKCE verifiers.
        clock: the clock.
        find: finds resources to which roles are limited.
        ca_file: PEM file of trusted certificate authorities; None for the default ones.
    """

    def __init__(
        self,
        client: ClientRegistration,
        verifier: TokenVerifier,
        vault: Vault,
        clock: Clock,
        *,
        find: FindResource,
        ca_file: Path | None = None,
    ) -> None:
        self._client = client
        self._verifier = verifier
        self._vault = vault
        self._clock = clock
        self._find = find
        self._discovery = Discovery(client.issuer, fetcher(ca_file))
        self._trusted = tls_context(ca_file)
        self._signer = ValueSigner(vault, "portal sign-in at issuer 1 ")

    @property
    def name(self) -> str:
        """Display name of the issuer: its host."""
        return urlsplit(self._client.issuer).netloc

    async def begin(self, wanted: str, callback: str) -> tuple[str, str]:
        """Start a sign-in.

        Args:
            wanted: path of the requested page.
            callback: URL to which the issuer redirects.

        Returns:
            The URL for the redirect to the issuer, and the value of the cookie.

        Raises:
            SignInError: the issuer does not answer.
        """
        address = await self._endpoint("authorization_endpoint")
        state = secrets.token_urlsafe(24)
        challenge = hashlib.sha256(self._derived("verifier", state).encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": callback,
            "scope": self._client.scopes,
            "state": state,
            "nonce": self._derived("nonce", state),
            "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        until = int((self._clock.now() + PATIENCE).timestamp())
        return _with_query(address, asked), self._signer.write({"state": state, "wanted": wanted, "until": until})

    async def end(self, answer: Mapping[str, str], cookie: str | None, callback: str) -> tuple[Actor, str]:
        """Complete a sign-in.

        Args:
            answer: the query of the issuer's redirect.
            cookie: the cookie from `begin`.
            callback: the URL that was passed to `begin`.

        Returns:
            The actor, and the path of the requested page.

        Raises:
            SignInError: the sign-in failed.
        """
        begun = self._signer.read(cookie) if cookie else None
        if begun is None or not hmac.compare_digest(answer.get("state", "").encode(), str(begun["state"]).encode()):
            raise SignInError(_again(t("This sign-in was started in another browser, or a later one replaced it.")))
        if self._clock.now() >= datetime.fromtimestamp(begun["until"], UTC):
            raise SignInError(_again(t("The sign-in took too long.")))
        if answer.get("iss", self._client.issuer) != self._client.issuer:  # RFC 9207
            raise SignInError(_again(t("The response came from another issuer.")))
        if "error" in answer:
            raise SignInError(_refusal(answer), 403)
        state, code = str(begun["state"]), answer.get("code", "")
        if not code or len(code) > _LONGEST:
            raise SignInError(_again(t("The issuer sent no code.")))
        token = await self._redeem(code, self._derived("verifier", state), callback)
        identity = await self._verified(token)
        if not hmac.compare_digest(str(identity.claims.get("nonce")).encode(), self._derived("nonce", state).encode()):
            raise SignInError(_again(t("The id token belongs to another sign-in.")))
        try:
            return await to_thread.run_sync(actor_of, identity, self._find), str(begun["wanted"])
        except ManagementError as error:
            raise SignInError(said(error.message), error.status) from error

    async def leave(self, back: str) -> str | None:
        """Return the issuer's sign-out URL; None if it has none.

        Args:
            back: URL to which the issuer redirects afterwards.
        """
        try:
            address = await self._endpoint("end_session_endpoint")
        except SignInError:
            return None
        return _with_query(address, {"client_id": self._client.id, "post_logout_redirect_uri": back})

    async def _redeem(self, code: str, verifier: str, callback: str) -> str:
        """Exchange a code for an id token."""
        address = await self._endpoint("token_endpoint")
        document = await self._discovery.document()  # cached
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier}
        account = httpx.Auth()
        if self._client.secret is None:
            form["client_id"] = self._client.id
        elif "client_secret_basic" in document.get("token_endpoint_auth_methods_supported", _BASIC):
            # RFC 6749, 2.3.1, requires form encoding of both.
            account = httpx.BasicAuth(quote_plus(self._client.id), quote_plus(self._client.secret))
        else:
            form |= {"client_id": self._client.id, "client_secret": self._client.secret}
        try:
            async with httpx.AsyncClient(timeout=10.0, follow_redirects=False, verify=self._trusted) as client:
                got = await client.post(address, data=form, auth=account, headers={"Accept": "application/json"})
            content = got.json()
        except (httpx.HTTPError, ValueError) as error:
            _log.error("the issuer's token endpoint does not answer", reason=str(error))
            raise SignInError(t(_AWAY), 503) from error
        token = content.get("id_token") if isinstance(content, dict) and got.is_success else None
        if not isinstance(token, str):
            reason = content.get("error") if isinstance(content, dict) else None
            _log.error("the issuer gave no id token", status=got.status_code, reason=str(reason)[:100])
            raise SignInError(_again(t("The issuer rejected the code or this server's client secret.")), 502)
        return token

    async def _verified(self, token: str) -> Identity:
        try:
            identity = await self._verifier.verify(token)
        except BadTokenError as error:
            _log.error("the issuer's id token is not valid", reason=error.hint)
            raise SignInError(_again(t("The issuer's id token is not valid; the log says why.")), 502) from error
        except IssuerUnavailableError as error:
            raise SignInError(t(_AWAY), 503) from error
        # `azp` is the client to which the token was issued: OpenID Connect Core, 3.1.3.7.
        if identity.claims.get("azp", self._client.id) != self._client.id:
            raise SignInError(_again(t("The id token was issued to another client.")), 502)
        return identity

    async def _endpoint(self, name: str) -> str:
        try:
            address = (await self._discovery.document()).get(name)
        except DiscoveryError as error:
            raise SignInError(t(_AWAY), 503) from error
        try:
            require_tls(str(address))
        except ValueError as error:
            raise SignInError(t("The issuer has no {endpoint}.", endpoint=name.replace("_", " ")), 502) from error
        return str(address)

    def _derived(self, use: str, state: str) -> str:
        return self._vault.keyed_hash(f"portal sign-in {use} 1 {state}").hex()


_BASIC: Final = ("client_secret_basic",)
_AWAY: Final = mark("The issuer does not respond. Try again later, or sign in with an admin token.")


def _again(trouble: str) -> str:
    return f"{trouble} {t(_ANEW)}"


def _with_query(address: str, query: dict[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def _refusal(answer: Mapping[str, str]) -> str:
    """Return a message on why the issuer refused the sign-in, with its shortened text."""
    if answer["error"] == "access_denied":
        return t("The issuer refused the sign-in, or you cancelled it.")
    said = (answer.get("error_description") or answer["error"])[:200]
    return t("The issuer said: {words}", words=said if said.isprintable() else answer["error"][:100])
