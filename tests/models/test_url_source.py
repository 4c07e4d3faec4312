"""Files at https addresses, with the network replaced by answers written here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mien.models.errors import PackFetchError, WrongHashError
from mien.models.manifest import PackFile, UrlSource
from mien.models.sources import fetch

DATA = b"weights" * 1000
FILE = PackFile(
    sha256=hashlib.sha256(DATA).hexdigest(),
    size=len(DATA),
    source=UrlSource(url="https://models.example/a/net.onnx?x=1"),
)

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    real = httpx.Client

    def install(handler: Answer) -> None:
        monkeypatch.setattr(httpx, "Client", lambda **given: real(transport=httpx.MockTransport(handler), **given))

    return install


def test_a_file_is_fetched_and_its_progress_told(answer: Callable[[Answer], None], tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    answer(lambda _request: httpx.Response(200, content=DATA))
    fetch([FILE], tmp_path, report=lambda *news: told.append(news))
    assert (tmp_path / FILE.sha256).read_bytes() == DATA
    assert told[-1] == ("net.onnx", len(DATA), len(DATA))


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"!", b"W" + DATA[1:], DATA * 1000])
def test_other_bytes_are_refused_and_thrown_away(answer: Callable[[Answer], None], tmp_path: Path, data: bytes) -> None:
    answer(lambda _request: httpx.Response(200, content=data))
    with pytest.raises(WrongHashError, match="not the pinned file"):
        fetch([FILE], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_server_is_told_with_the_way_out(answer: Callable[[Answer], None], tmp_path: Path) -> None:
    answer(lambda _request: httpx.Response(404))
    with pytest.raises(PackFetchError, match=r"404(.|\n)*--from DIR"):
        fetch([FILE], tmp_path)


def test_a_redirect_may_not_leave_https(answer: Callable[[Answer], None], tmp_path: Path) -> None:
    def redirect(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://models.example/net.onnx"})
        return httpx.Response(200, content=DATA)

    answer(redirect)
    with pytest.raises(PackFetchError, match="not https"):
        fetch([FILE], tmp_path)
    answer(lambda request: httpx.Response(302, headers={"Location": str(request.url)}))
    with pytest.raises(PackFetchError, match=r"Fetch net\.onnx elsewhere, .* `mien models pull … --from DIR`"):
        fetch([FILE], tmp_path)
