"""The store: packs' networks on disk, checked by hash, converted once, loaded once per process.

Layout of the root folder:

- `networks/PACK-ROLE-IDENTITY.onnx`: a network, ready to run; IDENTITY is the beginning of the SHA-256 of the published
  file's hash and the conversion, so several versions of Mien can share a root.
- the same with `.json`: SHA-256 and size of that file when it was written. Converted bytes may depend on the version of
  the `onnx` package, so they are recorded here, while the manifest pins the published bytes.
- `packs/NAME.toml`: manifests of packs that the user added.
- `calibrations/NAME.toml`: the user's own calibrations (`calibrations`).
"""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from mien.folders import user_folder
from mien.messages import Message
from mien.models.calibrations import calibrated
from mien.models.errors import CorruptFileError, ManifestError, MissingFileError, ModelError, UnknownPackError
from mien.models.fingerprint import fingerprint
from mien.models.manifest import AddedSource, Conversion, Manifest, PackFile, Task
from mien.models.manifest_files import builtin_manifests, read_manifest, to_toml, unknown_pack
from mien.models.runtime import Network
from mien.models.sources import Report, copy_checked, fetch, sha256_of


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A pack that is ready to run.

    Attributes:
        manifest: its manifest.
        networks: networks by role, see the manifest's `files`; empty for a fusion.
        fingerprint: fingerprint of the pack, see `fingerprint`.
        parts: a fusion's recognisers with their shares of the cosine, which sum to 1; the fused vector is the
            concatenation of `sqrt(share) * unit vector` in this order, and its norm for quality is the first part's.
    """

    manifest: Manifest
    networks: Mapping[str, Network]
    fingerprint: str
    parts: tuple[tuple[LoadedPack, float], ...] = ()

    @property
    def network(self) -> Network:
        """The only network of a pack.

        Raises:
            ManifestError: if it has several or none.
        """
        if len(self.networks) != 1:
            raise ManifestError(
                "pack {name} has {count} networks: say which", name=self.manifest.name, count=len(self.networks)
            )
        return next(iter(self.networks.values()))


@dataclass(frozen=True, slots=True)
class FileState:
    """A result of `verify`: `problem` is None, or a sentence with the command that repairs the file."""

    pack: str
    role: str
    path: Path
    problem: str | None


def default_root() -> Path:
    """Return the folder of the store: `MIEN_MODEL_DIR`, else `mien/models` in the user's data folder."""
    if chosen := os.environ.get("MIEN_MODEL_DIR"):
        return Path(chosen).expanduser()
    return user_folder("MIEN_MODEL_DIR") / "models"


class ModelStore:
    """Packs on disk; thread-safe, and several processes may share a root.

    Args:
        root: the store's folder, created on the first write; None for `default_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self._lock = RLock()
        self._networks: dict[Path, Network] = {}
        self._hashed: dict[Path, tuple[int, int]] = {}

    def manifests(self) -> dict[str, Manifest]:
        """Return all known packs by name: built in, and added by the user.

        Raises:
            ManifestError: if a manifest in the store is not valid.
        """
        added = [read_manifest(path) for path in sorted((self.root / "packs").glob("*.toml"))]
        packs = {**{pack.name: pack for pack in added}, **builtin_manifests()}
        return {name: calibrated(self.root, pack) for name, pack in packs.items()}

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a pack.

        Raises:
            UnknownPackError: if there is no such pack.
        """
        builtin = builtin_manifests()
        if name in builtin:
            return calibrated(self.root, builtin[name])
        known = self.manifests()
        if name not in known:
            raise unknown_pack(name, known)
        return known[name]

    def default_names(self) -> tuple[str, ...]:
        """Return the names of the default packs."""
        return tuple(name for name, pack in self.manifests().items() if pack.default)

    def fingerprint(self, name: str) -> str:
        """Return the fingerprint of a pack; needs no model files.

        Raises:
            UnknownPackError: if there is none of that name.
        """
        return fingerprint(self.manifest(name), self.manifest)

    def path(self, name: str, role: str = "network") -> Path:
        """Return the path of a pack's file, which need not exist.

        Raises:
            UnknownPackError: if there is no such pack or role.
        """
        files = self.manifest(name).files
        if role not in files:
            names = ", ".join(files) or Message("none")
            raise UnknownPackError(
                "pack {name} has no file {role!r}; it has: {names}", name=name, role=role, names=names
            )
        return self._path(name, role, files[role])

    def verify(self, names: Iterable[str] | None = None) -> list[FileState]:
        """Check the hashes of packs' files (None: of default packs), including the parts of fusions.

        Raises:
            UnknownPackError: if a name is unknown.
        """
        found = []
        for name, role, file in self._files(names):
            path = self._path(name, role, file)
            try:
                self._check(name, path, file)
            except (MissingFileError, CorruptFileError) as error:
                found.append(FileState(name, role, path, str(error)))
            else:
                found.append(FileState(name, role, path, None))
        return found

    def ensure(
        self,
        names: Iterable[str] | None = None,
        *,
        folder: Path | None = None,
        report: Report | None = None,
        patience: float | None = None,
    ) -> list[Path]:
        """Fetch and convert missing or broken files; only one of several processes does the work.

        Args:
            names: names of packs; None for the default packs.
            folder: take published files only from this folder, without network.
            report: called with the progress.
            patience: timeout of downloads in seconds; None for no limit.

        Returns:
            The written files; empty if everything was there.

        Raises:
            UnknownPackError: if a name is unknown.
            PackFetchError: if a file cannot be fetched, or differs from the manifest's (`WrongHashError`).
        """
        wanted = list(dict.fromkeys(names)) if names is not None else None
        if not self._broken(wanted):
            return []
        with self._exclusively(), tempfile.TemporaryDirectory(dir=self.root, prefix=".pull-") as scratch:
            # Another process may have done the work meanwhile.
            broken = self._broken(wanted)
            for _, _, file in broken:
                if file.convert is not None:
                    _conversion(file.convert)
            fetch([file for _, _, file in broken], Path(scratch), folder=folder, report=report, patience=patience)
            return [
                self._install(Path(scratch) / file.sha256, self._path(name, role, file), file)
                for name, role, file in broken
            ]

    def save(self, names: Iterable[str] | None, into: Path, *, report: Report | None = None) -> list[Path]:
        """Fetch published files into a folder, for `ensure(folder=…)` on a machine without a network.

        Raises:
            UnknownPackError: if a name is unknown.
            PackFetchError: if a file cannot be fetched.
        """
        files = list({file.sha256: file for _, _, file in self._files(names)}.values())
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".pull-") as scratch:
            fetch(files, Path(scratch), report=report)
            return [(Path(scratch) / file.sha256).replace(into / file.source.file_name) for file in files]

    def installed(self, name: str) -> bool:
        """Whether all files of a pack and of a fusion's parts exist; hashes are not checked.

        Raises:
            UnknownPackError: if there is none of that name.
        """
        return all(self._path(pack, role, file).is_file() for pack, role, file in self._files([name]))

    def installed_with(self, fingerprint: str) -> str | None:
        """Return the name of an installed recogniser with this fingerprint; None if there is none."""
        for name, pack in self.manifests().items():
            if pack.task is Task.RECOGNISER and self.fingerprint(name) == fingerprint and self.installed(name):
                return name
        return None

    def load(self, name: str) -> LoadedPack:
        """Check and load a pack's networks; each is loaded once and cached.

        Raises:
            UnknownPackError: if there is no such pack.
            MissingFileError: if it is not installed.
            CorruptFileError: if a file has changed since it was installed.
            UnsupportedCpuError: if the processor cannot run it.
        """
        manifest = self.manifest(name)
        with self._lock:
            return LoadedPack(
                manifest=manifest,
                networks={role: self._network(name, role, file) for role, file in manifest.files.items()},
                fingerprint=self.fingerprint(name),
                parts=tuple((self.load(part), share) for part, share in manifest.shares()),
            )

    def add(self, manifest: Manifest, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Add the user's own pack to the store.

        Args:
            manifest: its manifest, with SHA-256 and size of each file, `AddedSource` and no conversion.
            files: paths of the files, by role.
            replace: whether to replace an added pack of that name.

        Raises:
            ManifestError: if the name is taken.
            WrongHashError: if the hash of a file differs from the manifest's.
        """
        target = self.root / "packs" / f"{manifest.name}.toml"
        if manifest.name in builtin_manifests() or (target.exists() and not replace):
            raise ManifestError(
                "there is a pack {name!r} already: choose another name or, for one of yours, --replace",
                name=manifest.name,
            )
        with self._exclusively(), tempfile.TemporaryDirectory(dir=self.root, prefix=".add-") as scratch:
            for role, file in manifest.files.items():
                copy_checked(files[role], file, Path(scratch))
                self._install(Path(scratch) / file.sha256, self._path(manifest.name, role, file), file)
            target.parent.mkdir(exist_ok=True)
            _write(target, to_toml(manifest).encode())

    def _path(self, name: str, role: str, file: PackFile) -> Path:
        return self.root / "networks" / f"{name}-{role}-{file.identity[:12]}.onnx"

    def _files(self, names: Iterable[str] | None) -> Iterator[tuple[str, str, PackFile]]:
        """Yield (pack, role, file) of packs and, for fusions, of their parts, without repetitions."""
        queue, seen = list(self.default_names() if names is None else names), set[str]()
        while queue:
            name = queue.pop(0)
            if name in seen:
                continue
            seen.add(name)
            manifest = self.manifest(name)
            queue.extend(part.pack for part in manifest.fusion)
            for role, file in manifest.files.items():
                yield name, role, file

    def _broken(self, names: Sequence[str] | None) -> list[tuple[str, str, PackFile]]:
        wrong = {(state.pack, state.role) for state in self.verify(names) if state.problem}
        return [entry for entry in self._files(names) if entry[:2] in wrong]

    def _check(self, name: str, path: Path, file: PackFile) -> None:
        added = isinstance(file.source, AddedSource)
        mend = f"`mien models add {name} FILE … --replace`" if added else f"`mien models pull {name}`"
        record = path.with_suffix(".json")
        if not path.is_file() or not record.is_file():
            raise MissingFileError(
                "the model pack {name} is not installed ({path} is missing): run {mend}",
                name=name,
                path=path,
                mend=mend,
            )
        try:
            expected = str(json.loads(record.read_text())["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptFileError(
                "the record {record} of the model pack {name} cannot be read: run {mend}",
                record=record,
                name=name,
                mend=mend,
            ) from error
        if file.convert is None:
            expected = file.sha256
        status = path.stat()
        if sha256_of(path) != expected:
            self._hashed.pop(path, None)
            raise CorruptFileError(
                "{path} of the model pack {name} was changed or damaged (its sha256 is another): run {mend}",
                path=path,
                name=name,
                mend=mend,
            )
        self._hashed[path] = (status.st_mtime_ns, status.st_size)

    def _unchanged(self, path: Path) -> bool:
        """Whether this store has already hashed a file that has not changed since, so that it is hashed only once."""
        try:
            status = path.stat()
        except OSError:
            return False
        return self._hashed.get(path) == (status.st_mtime_ns, status.st_size)

    def _network(self, name: str, role: str, file: PackFile) -> Network:
        path = self._path(name, role, file)
        if path not in self._networks:
            if not self._unchanged(path):
                self._check(name, path, file)
            self._networks[path] = Network(path)
        return self._networks[path]

    def _install(self, source: Path, target: Path, file: PackFile) -> Path:
        """Convert a checked published file and install it with its record."""
        ready = source
        if file.convert is not None:
            ready = source.with_suffix(".onnx")
            try:
                _conversion(file.convert)(source, ready, **file.convert.options)
            except (ValueError, TypeError) as error:
                raise ModelError(
                    "{file} cannot be converted by {method!r}: {reason}",
                    file=file.source.file_name,
                    method=file.convert.method,
                    reason=error,
                ) from error
        target.parent.mkdir(exist_ok=True)
        record = {"sha256": sha256_of(ready), "size": ready.stat().st_size, "published_sha256": file.sha256}
        # Copied, not moved, as another pack may have the same file. The old network is deleted first, so that a crash
        # leaves a missing file, never a file with a wrong record.
        partial = target.with_suffix(".part")
        shutil.copyfile(ready, partial)
        target.unlink(missing_ok=True)
        _write(target.with_suffix(".json"), json.dumps(record, indent=1).encode())
        partial.replace(target)
        return target

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _conversion(conversion: Conversion) -> Callable[..., None]:
    """Return the function of a conversion.

    Raises:
        ModelError: if this version of Mien has no such conversion.
    """
    try:
        module = importlib.import_module(f"mien.models.convert.{conversion.method}")
        convert: Callable[..., None] = module.convert
    except (ModuleNotFoundError, AttributeError) as error:
        raise ModelError(
            "this version of Mien has no conversion {method!r}: install one that has", method=conversion.method
        ) from error
    return convert


def _write(path: Path, data: bytes) -> None:
    """Write a small file atomically."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
