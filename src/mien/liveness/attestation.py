"""Attestation of native apps: the platform's word that a client is the app, on a device that was not tampered with.

One interface for two platforms: Android's Play Integrity (classic requests, whose tokens are decrypted and verified
with the keys of the Play Console) and Apple's App Attest (an attestation object of a key that was created for the
session). Nothing is sent to Google or Apple.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from joserfc import jwe, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey

from mien.liveness.cbor import CborError, decode

_FRESH: Final = timedelta(minutes=10)
_LONGEST: Final = 12 * 1024
_APPLE_NONCE: Final = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
_AAGUIDS: Final = {b"appattest\0\0\0\0\0\0\0", b"appattestdevelop"}
_KEY_ID_AT: Final = 55
"""Offset of the key id in authenticator data: after hash (32), flags (1), counter (4), AAGUID (16), length (2)."""


class AttestationError(ValueError):
    """A token proves nothing; the text says why and is meant for developers."""


class Verifier(Protocol):
    """Verifies the tokens of one platform."""

    def verify(self, token: str, binding: bytes) -> None:
        """Check that a token is genuine, fresh, from the operator's app, and created for a session.

        Args:
            token: as the client sent it.
            binding: SHA-256 that ties it to the session, see `binding`.

        Raises:
            AttestationError: it is not genuine.
        """
        ...


@dataclass(frozen=True, slots=True)
class Attestations:
    """The operator's settings.

    Attributes:
        verifiers: by the kind that a client names.
        required: whether clients without a token are refused.
    """

    verifiers: Mapping[str, Verifier] = field(default_factory=dict)
    required: bool = False

    def check(self, said: object, nonce: str) -> str | None:
        """Check `attestation` of a hello.

        Args:
            said: its value, or None.
            nonce: the session's.

        Returns:
            The verified kind; None without a token, or without a verifier for it, if none is required.

        Raises:
            AttestationError: the token is not valid, or is missing although one is required.
        """
        kind = said.get("kind") if isinstance(said, dict) else None
        token = said.get("token") if isinstance(said, dict) else None
        verifier = self.verifiers.get(kind) if isinstance(kind, str) else None
        if verifier is None or not isinstance(token, str):
            if self.required:
                raise AttestationError("this server asks for an attestation of the app")
            return None
        if len(token) > _LONGEST:
            raise AttestationError("the attestation is too long")
        verifier.verify(token, binding(nonce))
        return str(kind)


def binding(nonce: str) -> bytes:
    """Return the 32 bytes that tie an attestation to a session's nonce."""
    return hashlib.sha256(f"mien-liveness.1 attestation\n{nonce}\n".encode()).digest()


@dataclass(frozen=True, slots=True)
class PlayIntegrity:
    """Tokens of Play Integrity's classic requests.

    Attributes:
        package: name of the operator's app.
        decryption_key: 32 bytes (AES), of the Play Console.
        verification_key: DER of the public key (P-256), of the Play Console.
        now: the clock.
    """

    package: str
    decryption_key: bytes
    verification_key: bytes
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def verify(self, token: str, binding: bytes) -> None:
        """Check a token; see `Verifier.verify`."""
        told = self._payload(token)
        request = _part(told, "requestDetails")
        if request.get("requestPackageName") != self.package:
            raise AttestationError("the attestation is of another app")
        if request.get("nonce") != base64.urlsafe_b64encode(binding).rstrip(b"=").decode():
            raise AttestationError("the attestation was not made for this session")
        try:
            made = datetime.fromtimestamp(int(request.get("timestampMillis", 0)) / 1000, UTC)
        except (TypeError, ValueError, OverflowError) as error:
            raise AttestationError("the attestation has no time") from error
        if abs(self.now() - made) > _FRESH:
            raise AttestationError("the attestation is too old")
        if _part(told, "appIntegrity").get("appRecognitionVerdict") != "PLAY_RECOGNIZED":
            raise AttestationError("Play does not recognise the app")
        if "MEETS_DEVICE_INTEGRITY" not in (_part(told, "deviceIntegrity").get("deviceRecognitionVerdict") or ()):
            raise AttestationError("the device does not meet Play's integrity")

    def _payload(self, token: str) -> Mapping[str, Any]:
        try:
            opened = jwe.decrypt_compact(
                token, OctKey.import_key(self.decryption_key), algorithms=["A256KW", "A256GCM"]
            )
            public = load_der_public_key(self.verification_key)
            key = ECKey.import_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
            signed = jws.deserialize_compact((opened.plaintext or b"").decode(), key, algorithms=["ES256"])
            told = json.loads(signed.payload)
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise AttestationError("the attestation is not a token of this app's Play Console") from error
        if not isinstance(told, dict):
            raise AttestationError("the attestation says nothing")
        return told


@dataclass(frozen=True, slots=True)
class AppAttest:
    """Attestation objects of App Attest, with a key that the app created for the session.

    Attributes:
        app_id: team and bundle, such as "ABCDE12345.com.example.app".
        root: PEM of Apple's App Attestation Root CA, from Apple's site.
        now: the clock.
    """

    app_id: str
    root: bytes
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    def verify(self, token: str, binding: bytes) -> None:
        """Check an object; see `Verifier.verify`. The steps are those of Apple's "Validating apps that connect"."""
        try:
            told = decode(base64.b64decode(token, validate=True))
            chain = [x509.load_der_x509_certificate(entry) for entry in told["attStmt"]["x5c"]]
            data = bytes(told["authData"])
            if told["fmt"] != "apple-appattest" or len(chain) < 2:
                raise ValueError(told["fmt"])
        except (CborError, KeyError, TypeError, ValueError) as error:
            raise AttestationError("the attestation is not an object of App Attest") from error
        self._trusted(chain)
        public = chain[0].public_key()
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise AttestationError("the attestation's key is of another kind")
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        nonce = hashlib.sha256(data + binding).digest()
        checks = (
            (_apple_nonce(chain[0]) == nonce, "the attestation was not made for this session"),
            (data[:32] == hashlib.sha256(self.app_id.encode()).digest(), "the attestation is of another app"),
            (data[33:37] == bytes(4), "the attestation's key was used before"),
            (data[37:53] in _AAGUIDS, "the attestation is of another kind"),
            (data[_KEY_ID_AT : _KEY_ID_AT + 32] == hashlib.sha256(point).digest(), "the attestation is of another key"),
        )
        for holds, why in checks:
            if not holds:
                raise AttestationError(why)

    def _trusted(self, chain: Sequence[x509.Certificate]) -> None:
        root = x509.load_pem_x509_certificate(self.root)
        now = self.now()
        for certificate, issuer in zip(chain, [*chain[1:], root], strict=True):
            try:
                certificate.verify_directly_issued_by(issuer)
            except (InvalidSignature, ValueError, TypeError) as error:
                raise AttestationError("the attestation is not signed by Apple") from error
            if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
                raise AttestationError("the attestation's certificate is out of date")
        for issuer in [*chain[1:], root]:
            try:
                authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            except x509.ExtensionNotFound:
                authority = False
            if not authority:
                raise AttestationError("the attestation is signed by a certificate that may not sign")


def _apple_nonce(certificate: x509.Certificate) -> bytes:
    """The nonce in Apple's extension: an octet string of 32 bytes at the end of a DER sequence."""
    try:
        extension = certificate.extensions.get_extension_for_oid(_APPLE_NONCE).value
    except x509.ExtensionNotFound:
        return b""
    encoded = extension.value if isinstance(extension, x509.UnrecognizedExtension) else b""
    return encoded[-32:] if encoded[-34:-32] == b"\x04\x20" else b""


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = told.get(name)
    return part if isinstance(part, dict) else {}
