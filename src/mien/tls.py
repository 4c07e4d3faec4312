"""A local certificate authority, for HTTPS without an external one.

Clients must trust `ca.pem`; the server's certificate is renewed before it expires and when another host name is used.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mien.clock import Clock

CA_LIFE: Final = timedelta(days=3650)
SERVER_LIFE: Final = timedelta(days=397)  # what browsers accept at most
RENEW_BEFORE: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """Paths of the files.

    Attributes:
        ca: the authority's certificate, for clients to trust.
        chain: the server's private key, its certificate and the authority's, in one file.
    """

    ca: Path
    chain: Path


def ensure_certificate(folder: Path, hosts: Iterable[str], clock: Clock) -> LocalCertificate:
    """Return a certificate for `hosts`, the one in `folder` when it still serves, else a new one.

    Args:
        folder: folder of the authority and the certificate; keys are readable by their owner only.
        hosts: host names, wildcards (`*.example`) and IP addresses.
        clock: the clock.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = LocalCertificate(ca=folder / "ca.pem", chain=folder / "server.pem")
    names = _names(hosts)
    now = clock.now()
    authority = _load(folder / "ca.key.pem")
    if authority is None or authority[1].not_valid_after_utc - now < SERVER_LIFE:
        authority = _make_authority(now)
        _write(folder / "ca.key.pem", _pem(*authority))
        files.chain.unlink(missing_ok=True)
    _write(files.ca, authority[1].public_bytes(Encoding.PEM), mode=0o644)
    current = _load(files.chain)
    if current is None or not _serves(current[1], names, authority[1], now):
        key, certificate = _make_server_certificate(names, authority, now)
        _write(files.chain, _pem(key, certificate) + authority[1].public_bytes(Encoding.PEM))
    return files


def _names(hosts: Iterable[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in sorted(set(hosts)):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _serves(certificate: x509.Certificate, names: list[x509.GeneralName], ca: x509.Certificate, now: datetime) -> bool:
    if certificate.not_valid_after_utc - now < RENEW_BEFORE or certificate.issuer != ca.subject:
        return False
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names) <= set(covered)


def _make_authority(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    # A name of its own: a client that trusts an older authority of the same name would pick the wrong one.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Mien local authority {secrets.token_hex(4)}")])
    builder = (
        _builder(name, name, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return key, builder.sign(key, hashes.SHA256())


def _make_server_certificate(
    names: list[x509.GeneralName], authority: tuple[ec.EllipticCurvePrivateKey, x509.Certificate], now: datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    ca_key, ca = authority
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mien")])
    builder = (
        _builder(subject, ca.subject, key.public_key(), now, SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return key, builder.sign(ca_key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of clients differ
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load(path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
    """Read a key and its certificate; None when they are not there or damaged."""
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, password=None)
        certificate = x509.load_pem_x509_certificate(data)
    except (OSError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    return key, certificate


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def _write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step, unless it says the same already."""
    if path.exists() and path.read_bytes() == data:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
    draft.replace(path)
