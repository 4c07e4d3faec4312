"""Manifests: those built in are sound, a user's wrong one is explained, and fingerprints say what is comparable."""

import json
import tomllib
from importlib import resources
from typing import Any

import pytest
from pydantic import BaseModel

from mien.models.errors import ManifestError, UnknownPackError
from mien.models.fingerprint import fingerprint
from mien.models.manifest import Manifest, Task
from mien.models.manifest_files import builtin_manifests, parse_manifest, unknown_pack

SFACE = (resources.files("mien.models") / "packs" / "sface.toml").read_text(encoding="utf-8")


def print_of(manifest: Manifest) -> str:
    return fingerprint(manifest, lambda name: builtin_manifests()[name])


def changed(**changes: Any) -> Manifest:
    """sface with changes, given as dotted__path=value."""
    table = tomllib.loads(SFACE)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = table
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return Manifest.model_validate(table)


def test_the_built_in_packs_cover_every_task_and_the_default_ones_need_only_package_indexes() -> None:
    packs = builtin_manifests()
    assert {pack.task for pack in packs.values()} == set(Task)
    defaults = [pack for pack in packs.values() if pack.default]
    assert {pack.task for pack in defaults} == set(Task)
    assert all(file.source.kind in {"package", "npm"} for pack in defaults for file in pack.files.values())
    # A server that reaches no npm registry must start all the same.
    assert all(not pack.essential for pack in defaults for file in pack.files.values() if file.source.kind == "npm")


@pytest.mark.parametrize("name", sorted(builtin_manifests()))
def test_a_built_in_pack_is_named_after_its_file_and_says_its_licence(name: str) -> None:
    pack = builtin_manifests()[name]
    assert (resources.files("mien.models") / "packs" / f"{pack.name}.toml").is_file()
    assert pack.licence.spdx
    assert pack.licence.attribution


@pytest.mark.parametrize("name", [name for name, pack in builtin_manifests().items() if pack.task is Task.RECOGNISER])
def test_a_built_in_recogniser_is_calibrated_and_its_parts_exist(name: str) -> None:
    pack = builtin_manifests()[name]
    # A pack that was not measured states no calibration, is not fetched by itself, and cannot be bound.
    assert pack.calibration is not None or (name == "auraface" and not pack.default)
    assert all(builtin_manifests()[part].task is Task.RECOGNISER for part, _ in pack.shares())
    if pack.fusion:
        assert sum(share for _, share in pack.shares()) == pytest.approx(1)


def test_no_two_built_in_packs_have_the_same_fingerprint() -> None:
    prints = [print_of(pack) for pack in builtin_manifests().values()]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "other"},
        {"name": "renamed"},
        {"summary": "other"},
        {"notes": "other"},
        {"licence__attribution": "other"},
        {"calibration__threshold": 0.5},
        {"files__network__source__version": "9"},
        {"files__network__convert__build": 2},
        {"files__network__convert__options__extra_outputs": []},
        {"files__network__input__batch": False},
    ],
)
def test_what_leaves_the_vectors_alone_leaves_the_fingerprint_alone(change: dict[str, Any]) -> None:
    assert print_of(changed(**change)) == print_of(builtin_manifests()["sface"])


@pytest.mark.parametrize(
    "change",
    [
        {"files__network__sha256": "0" * 64},
        {"files__network__convert__revision": 2},
        {"files__network__input__colour": "bgr"},
        {"files__network__input__mean": 127.5},
        {"files__network__input__std": 128},
        {"files__network__input__template": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]},
        {"files__network__output__name": "other"},
    ],
)
def test_what_changes_the_vectors_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert print_of(changed(**change)) != print_of(builtin_manifests()["sface"])


def test_another_build_of_the_same_network_is_another_file() -> None:
    one, two = (changed(files__network__convert__build=build).network.identity for build in (1, 2))
    assert one != two


def test_the_fingerprint_of_a_fusion_follows_its_parts_and_shares() -> None:
    fusion = builtin_manifests()["sface-dlib"]
    before = print_of(fusion)
    table = fusion.model_dump()
    doubled = [{**part, "weight": part["weight"] * 2} for part in table["fusion"]]
    assert print_of(Manifest.model_validate({**table, "fusion": doubled})) == before
    other = [{**table["fusion"][0], "weight": 5}, table["fusion"][1]]
    assert print_of(Manifest.model_validate({**table, "fusion": other})) != before
    packs = {**builtin_manifests(), "sface": changed(files__network__input__colour="bgr")}
    assert fingerprint(fusion, lambda name: packs[name]) != before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"files__network__sha256": "abc"}, "files.network.sha256"),
        ({"files__network__source__kind": "ftp"}, "files.network.source"),
        ({"task": "telepathy"}, "task"),
        ({"colour": "rgb"}, "colour"),
        ({"files__network__input__std": 0}, "std must not be 0"),
        ({"files__network__input": {"colour": "rgb", "width": 112, "height": 112}}, "template"),
        ({"files__network__output": {}}, "dimension"),
        ({"fusion": [{"pack": "sface", "weight": 1}]}, "fusion"),
        ({"calibration__tail": -1}, "calibration.tail"),
    ],
)
def test_a_wrong_manifest_is_refused_by_the_name_of_the_field(change: dict[str, Any], complaint: str) -> None:
    table = tomllib.loads(SFACE)
    for path, value in change.items():
        *parents, last = path.split("__")
        place = table
        for parent in parents:
            place = place[parent]
        place[last] = value
    with pytest.raises(ManifestError, match=complaint):
        parse_manifest(_toml(table), "mine.toml")


def test_text_that_is_not_toml_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"mine\.toml is not TOML"):
        parse_manifest("name = ", "mine.toml")


def test_an_unknown_pack_is_told_the_known_ones() -> None:
    error = unknown_pack("sfcae", builtin_manifests())
    assert isinstance(error, UnknownPackError)
    assert "sface" in str(error)


def _toml(table: dict[str, Any]) -> str:
    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(inline, value)) + "]"
        return json.dumps(value)

    return "".join(f"{key} = {inline(value)}\n" for key, value in table.items())


def test_manifests_are_frozen() -> None:
    assert issubclass(Manifest, BaseModel)
    with pytest.raises(ValueError, match="frozen"):
        builtin_manifests()["sface"].version = "x"
