"""A recogniser that nobody measured: pulled from a server, calibrated by hand, and only then bound."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest
from tests.models.conftest import DIMENSION, MakeRecogniser
from tests.models.conftest import _toml as toml_value

from mien.clock import SystemClock
from mien.models.bindings import DEFAULT_RECOGNISER, check_binding
from mien.models.calibrations import parse_calibration, write_calibration
from mien.models.errors import BindingError, ManifestError
from mien.models.manifest_files import builtin_manifests
from mien.models.store import ModelStore
from mien.tls import ensure_certificate
from mien.vision.embedder import calibration_of

MEASURED = """
[calibration]
threshold = 0.31
fmr = 1e-4
tail = 40
levels = [[1e-3, 0.25], [1e-4, 0.31]]
measured_on = "our own staff"
"""


@pytest.fixture
def server(make_recogniser: MakeRecogniser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A local https server with the stand-in's file; the address of its folder."""
    make_recogniser("glintr100.onnx")
    certificate = ensure_certificate(tmp_path / "tls", ["localhost"], SystemClock())

    class Files(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    httpd = HTTPServer(("localhost", 0), Files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.ca))
    yield f"https://localhost:{httpd.server_port}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def stand_in(address: str, tmp_path: Path) -> ModelStore:
    """A store that knows AuraFace, with the small file in place of the real one."""
    pack = builtin_manifests()["auraface"]
    data = (tmp_path / "glintr100.onnx").read_bytes()
    store = ModelStore(tmp_path / "store")
    table = {
        "name": "stand-in",
        "version": "1",
        "task": "recogniser",
        "summary": "as AuraFace, small",
        "licence": pack.licence.model_dump(exclude_none=True),
        "files": {
            "network": {
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
                "source": {"kind": "url", "url": f"{address}/glintr100.onnx"},
                "input": pack.network.input.model_dump(exclude_none=True) if pack.network.input else {},
                "output": {"dimension": DIMENSION},
            }
        },
    }
    (store.root / "packs").mkdir(parents=True)
    (store.root / "packs" / "stand-in.toml").write_text(
        "".join(f"{key} = {toml_value(value)}\n" for key, value in table.items()), encoding="utf-8"
    )
    return store


def test_an_unmeasured_recogniser_is_pulled_calibrated_and_then_bound(server: str, tmp_path: Path) -> None:
    store = stand_in(server, tmp_path)
    assert store.ensure(["stand-in"]) == [store.path("stand-in")]
    assert store.load("stand-in").network.outputs == ("embedding",)
    with pytest.raises(BindingError, match="mien models calibrate stand-in FILE"):
        check_binding(store, "recognition_04", "stand-in")
    before = store.fingerprint("stand-in")
    write_calibration(store.root, store.manifest("stand-in"), parse_calibration(MEASURED, "mine"))
    assert check_binding(store, "recognition_04", "stand-in") == "stand-in"
    assert store.fingerprint("stand-in") == before  # templates stay
    curve = calibration_of(store.manifest("stand-in"))
    assert curve is not None
    assert (curve.confidence(0.31), curve.confidence(0.25)) == pytest.approx((0.5, 0.4))


def test_auraface_is_declared_and_cannot_be_bound_as_it_comes(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    pack = store.manifest("auraface")
    assert not pack.default
    assert "not measured by us" in pack.summary
    with pytest.raises(BindingError, match="no calibration"):
        check_binding(store, "recognition_04", "auraface")


def test_ones_own_calibration_wins_over_the_packs_and_is_checked(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    write_calibration(store.root, store.manifest(DEFAULT_RECOGNISER), parse_calibration(MEASURED, "mine"))
    for found in (store.manifest(DEFAULT_RECOGNISER), store.manifests()[DEFAULT_RECOGNISER]):
        assert found.calibration is not None
        assert found.calibration.measured_on == "our own staff"
    for wrong, complaint in (("threshold = 2\nmeasured_on = 'x'", "threshold"), ("threshold =", "TOML")):
        with pytest.raises(ManifestError, match=complaint):
            parse_calibration(wrong, "mine")
    with pytest.raises(ManifestError, match="only recognisers"):
        write_calibration(store.root, store.manifest("yunet"), parse_calibration(MEASURED, "mine"))
