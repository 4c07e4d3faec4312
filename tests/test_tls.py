import http.server
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from tests.manual_clock import ManualClock

from mien.tls import LocalCertificate, ensure_certificate

HOSTS = ["localhost", "127.0.0.1", "::1", "*.cognitiveservices.localhost"]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))  # clients compare with the machine's clock


@contextmanager
def serving(files: LocalCertificate) -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def strict(ca: Path) -> ssl.SSLContext:
    """What Python 3.13 checks by default: every extension that RFC 5280 asks for."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_who_trusts_the_authority_can_call(tmp_path: Path, clock: ManualClock) -> None:
    files = ensure_certificate(tmp_path, HOSTS, clock)
    with serving(files) as port:
        for host in ("127.0.0.1", "localhost"):
            url = f"https://{host}:{port}/"
            assert httpx.get(url, verify=strict(files.ca), trust_env=False).status_code == 200
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                httpx.get(url, trust_env=False)


def test_a_certificate_is_kept_until_it_nears_its_end(tmp_path: Path, clock: ManualClock) -> None:
    first = ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes()
    ca = (tmp_path / "ca.pem").read_bytes()
    clock.advance(timedelta(days=366))
    assert ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes() == first
    clock.advance(timedelta(days=2))
    assert ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes() != first
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_another_host_needs_another_certificate_of_the_same_authority(tmp_path: Path, clock: ManualClock) -> None:
    first = ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes()
    ca = (tmp_path / "ca.pem").read_bytes()
    second = ensure_certificate(tmp_path, [*HOSTS, "faces.example", "10.0.0.7"], clock).chain.read_bytes()
    assert second != first
    assert ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes() == second  # it covers these as well
    assert (tmp_path / "ca.pem").read_bytes() == ca


def test_an_old_authority_is_replaced_with_all_it_signed(tmp_path: Path, clock: ManualClock) -> None:
    ensure_certificate(tmp_path, HOSTS, clock)
    clock.advance(timedelta(days=3400))
    files = ensure_certificate(tmp_path, HOSTS, clock)
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    leaf = x509.load_pem_x509_certificate(files.chain.read_bytes())
    assert leaf.issuer == ca.subject
    assert ca.not_valid_after_utc > clock.now() + timedelta(days=3600)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=398)


def test_damaged_files_are_made_anew(tmp_path: Path, clock: ManualClock) -> None:
    files = ensure_certificate(tmp_path, HOSTS, clock)
    files.chain.write_bytes(files.chain.read_bytes()[:100])
    mended = ensure_certificate(tmp_path, HOSTS, clock).chain.read_bytes()
    assert x509.load_pem_x509_certificate(mended).not_valid_after_utc > clock.now()


def test_keys_are_readable_by_their_owner_only(tmp_path: Path, clock: ManualClock) -> None:
    ensure_certificate(tmp_path / "tls", HOSTS, clock)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert modes["ca.key.pem"] == modes["server.pem"] == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
