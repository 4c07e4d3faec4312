"""Attestation, with an issuer of our own in the place of Google and Apple: only what is genuine passes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey

from mien.liveness.attestation import AppAttest, AttestationError, Attestations, PlayIntegrity, binding
from mien.liveness.cbor import CborError, decode

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
NONCE = "the session's nonce"
PACKAGE, APP = "com.example.app", "ABCDE12345.com.example.app"


@dataclass
class PlayConsole:
    """The keys of a Play Console, and tokens made with them."""

    secret: bytes
    key: ECKey

    def verifier(self) -> PlayIntegrity:
        public = self.key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return PlayIntegrity(PACKAGE, self.secret, public, now=lambda: NOW)

    def token(self, **changes: Any) -> str:
        told: dict[str, Any] = {
            "requestDetails": {
                "requestPackageName": changes.get("package", PACKAGE),
                "nonce": base64.urlsafe_b64encode(binding(changes.get("nonce", NONCE))).rstrip(b"=").decode(),
                "timestampMillis": str(int(changes.get("made", NOW).timestamp() * 1000)),
            },
            "appIntegrity": {"appRecognitionVerdict": changes.get("app", "PLAY_RECOGNIZED")},
            "deviceIntegrity": {"deviceRecognitionVerdict": changes.get("device", ["MEETS_DEVICE_INTEGRITY"])},
        }
        signed = jws.serialize_compact({"alg": "ES256"}, json.dumps(told).encode(), changes.get("key", self.key))
        header = {"alg": "A256KW", "enc": "A256GCM"}
        return jwe.encrypt_compact(header, signed.encode(), OctKey.import_key(changes.get("secret", self.secret)))


@pytest.fixture(scope="module")
def console() -> PlayConsole:
    return PlayConsole(bytes(range(32)), ECKey.generate_key("P-256"))


def test_a_genuine_token_of_play_passes(console: PlayConsole) -> None:
    console.verifier().verify(console.token(), binding(NONCE))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"package": "com.example.other"}, "another app"),
        ({"nonce": "another"}, "not made for this session"),
        ({"made": NOW - timedelta(minutes=11)}, "too old"),
        ({"app": "UNRECOGNIZED_VERSION"}, "does not recognise"),
        ({"device": []}, "does not meet"),
        ({"device": None}, "does not meet"),
        ({"secret": bytes(32)}, "not a token"),
    ],
)
def test_other_tokens_of_play_are_refused(console: PlayConsole, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        console.verifier().verify(console.token(**changes), binding(NONCE))


def test_a_token_that_somebody_else_signed_is_refused(console: PlayConsole) -> None:
    with pytest.raises(AttestationError, match="not a token"):
        console.verifier().verify(console.token(key=ECKey.generate_key("P-256")), binding(NONCE))


def cbor(value: Any) -> bytes:
    """Write CBOR, as far as attestation objects need it."""

    def head(kind: int, count: int) -> bytes:
        return bytes([kind << 5 | 25]) + count.to_bytes(2, "big")

    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    assert isinstance(value, dict)
    return head(5, len(value)) + b"".join(cbor(key) + cbor(inner) for key, inner in value.items())


Certified = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certified(
    name: str, issuer: Certified | None, *, ca: bool, nonce: Callable[[Any], bytes] | None = None
) -> Certified:
    """A certificate, signed by the issuer or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if nonce is not None:
        told = b"\x30\x24\xa1\x22\x04\x20" + nonce(key.public_key())
        oid = x509.ObjectIdentifier("1.2.840.113635.100.8.2")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, told), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


class Apple:
    """An authority of our own in Apple's place."""

    def __init__(self) -> None:
        self.root = certified("root", None, ca=True)
        self.between = certified("between", self.root, ca=True)

    def verifier(self) -> AppAttest:
        return AppAttest(APP, self.root[0].public_bytes(Encoding.PEM), now=lambda: NOW)

    def token(self, **changes: Any) -> str:
        data = b""

        def nonce(public: ec.EllipticCurvePublicKey) -> bytes:
            nonlocal data
            point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            identity = changes.get("key_id") or hashlib.sha256(point).digest()
            data = hashlib.sha256(changes.get("app", APP).encode()).digest() + b"\x40"
            data += changes.get("counter", 0).to_bytes(4, "big") + changes.get("aaguid", b"appattest" + bytes(7))
            data += len(identity).to_bytes(2, "big") + identity
            return hashlib.sha256(data + binding(changes.get("nonce", NONCE))).digest()

        issuer = changes.get("issuer", self.between)
        leaf, _ = certified("leaf", issuer, ca=False, nonce=nonce)
        chain = [one.public_bytes(Encoding.DER) for one in (leaf, issuer[0])]
        statement = {"x5c": chain, "receipt": b""}
        return base64.b64encode(cbor({"fmt": "apple-appattest", "attStmt": statement, "authData": data})).decode()


@pytest.fixture(scope="module")
def apple() -> Apple:
    return Apple()


def test_a_genuine_object_of_app_attest_passes(apple: Apple) -> None:
    apple.verifier().verify(apple.token(), binding(NONCE))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"app": "ABCDE12345.com.example.other"}, "another app"),
        ({"nonce": "another"}, "not made for this session"),
        ({"counter": 3}, "used before"),
        ({"aaguid": bytes(16)}, "another kind"),
        ({"key_id": bytes(32)}, "another key"),
        ({"issuer": certified("stranger", None, ca=True)}, "not signed by Apple"),
    ],
)
def test_other_objects_of_app_attest_are_refused(apple: Apple, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(AttestationError, match=why):
        apple.verifier().verify(apple.token(**changes), binding(NONCE))


def test_certificates_that_may_not_sign_or_are_out_of_date_are_refused(apple: Apple) -> None:
    no_authority = certified("leaf of Apple", apple.root, ca=False)
    with pytest.raises(AttestationError, match="may not sign"):
        apple.verifier().verify(apple.token(issuer=no_authority), binding(NONCE))
    later = replace(apple.verifier(), now=lambda: NOW + timedelta(days=2))
    with pytest.raises(AttestationError, match="out of date"):
        later.verify(apple.token(), binding(NONCE))


def test_a_server_says_whether_it_asks_for_attestation(console: PlayConsole) -> None:
    lenient = Attestations({"play-integrity": console.verifier()})
    strict = replace(lenient, required=True)
    genuine = {"kind": "play-integrity", "token": console.token()}
    for server in (lenient, strict):
        assert server.check(genuine, NONCE) == "play-integrity"
        with pytest.raises(AttestationError):
            server.check(genuine, "another")  # a token that proves nothing is refused wherever there is a verifier
    for missing in (None, {}, "x", {"kind": "app-attest", "token": "x"}, {"kind": "play-integrity"}):
        assert lenient.check(missing, NONCE) is None
        with pytest.raises(AttestationError, match="asks for"):
            strict.check(missing, NONCE)


@given(st.binary(max_size=200) | st.text(max_size=100))
def test_anything_else_is_refused(data: bytes | str) -> None:
    token = data if isinstance(data, str) else base64.b64encode(data).decode()
    for verifier in (AppAttest(APP, b""), PlayIntegrity(PACKAGE, bytes(32), b"")):
        with pytest.raises(AttestationError):
            verifier.verify(token, bytes(32))


@given(st.binary(max_size=64))
def test_cbor_is_read_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except CborError as error:
        told = str(error)
    else:
        told = "read"
    assert told
