"""A user's own recogniser: checked by running it, added, bound, and used for embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.models.conftest import DIMENSION, MakeRecogniser, SmallRecogniser
from typer.testing import CliRunner

from mien.cli.models import app
from mien.models.bindings import read_bindings
from mien.models.custom import describe, scaled_template, try_network
from mien.models.errors import CorruptFileError, ManifestError
from mien.models.inputs import to_input
from mien.models.manifest import InputConvention, template_points
from mien.models.store import ModelStore
from mien.vision.embedder import Embedder

ARCFACE = InputConvention.model_validate(
    {"width": 112, "height": 112, "colour": "rgb", "mean": 127.5, "std": 127.5, "template": scaled_template(112)}
)


@pytest.fixture
def small(make_recogniser: MakeRecogniser) -> SmallRecogniser:
    return make_recogniser("my_arcface.onnx")


def run(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_added_and_bound_by_the_commands_it_gives_embeddings(small: SmallRecogniser, tmp_path: Path) -> None:
    models, data = tmp_path / "models", tmp_path / "data"
    added = run("add", "my-arcface", small.path, "--dimension", "32", "--threshold", "0.3", "--model-dir", models)
    bound = run("bind", "recognition_04=my-arcface", "--model-dir", models, "--data-dir", data)
    assert added["calibrated"]
    assert bound["bindings"]["recognition_04"] == "my-arcface"
    small.path.unlink()

    store = ModelStore(models)
    pack = store.load(read_bindings(store, data, {}).recognition["recognition_04"])
    assert pack.fingerprint == added["fingerprint"]
    assert pack.manifest.calibration is not None
    assert pack.manifest.calibration.threshold == 0.3
    convention = pack.manifest.network.input
    assert convention is not None
    faces = np.random.default_rng(4).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    (vectors,) = pack.network.run(to_input(faces, convention))
    expected = small.run((faces[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 127.5)
    np.testing.assert_allclose(vectors, expected, atol=1e-4)

    # Points that lie where the template has them leave the picture as it is.
    embedding = Embedder(pack).embed(faces[0], template_points(convention))
    assert embedding.fingerprint == added["fingerprint"]
    assert embedding.norm == pytest.approx(float(np.linalg.norm(expected[0])), rel=1e-2)
    assert float(embedding.vector @ expected[0]) / embedding.norm > 0.999


def test_a_damaged_pack_of_the_users_own_is_mended_by_adding_it_again(small: SmallRecogniser, tmp_path: Path) -> None:
    run("add", "mine", small.path, "--model-dir", tmp_path)
    store = ModelStore(tmp_path)
    store.path("mine").write_bytes(b"broken")
    with pytest.raises(CorruptFileError, match="mien models add mine"):
        store.load("mine")
    assert run("verify", "mine", "--model-dir", tmp_path, code=1)["ok"] is False
    assert "mien models add" in run("pull", "mine", "--model-dir", tmp_path, code=1)["message"]
    assert "already" in run("add", "mine", small.path, "--model-dir", tmp_path, code=1)["message"]
    run("add", "mine", small.path, "--replace", "--model-dir", tmp_path)
    assert run("verify", "mine", "--model-dir", tmp_path)["ok"] is True


def test_without_a_threshold_it_is_said_to_be_uncalibrated(small: SmallRecogniser, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["add", "mine", str(small.path), "--model-dir", str(tmp_path)])
    assert result.exit_code == 0
    assert "not calibrated" in result.stderr


def test_a_manifest_of_the_users_own_is_taken(small: SmallRecogniser, tmp_path: Path) -> None:
    pack = describe("mine", small.path, ARCFACE)
    store = ModelStore(tmp_path / "first")
    store.add(pack, {"network": small.path})
    manifest = store.root / "packs" / "mine.toml"
    added = run("add", "mine", small.path, "--manifest", manifest, "--model-dir", tmp_path / "second")
    assert added["fingerprint"] == store.fingerprint("mine")
    wrong = run("add", "other", small.path, "--manifest", manifest, "--model-dir", tmp_path / "second", code=1)
    assert "is the manifest of 'mine'" in wrong["message"]


def test_the_probe_finds_dimension_and_batches(make_recogniser: MakeRecogniser) -> None:
    many = try_network(make_recogniser("many.onnx").path, ARCFACE)
    single = try_network(make_recogniser("single.onnx", batch=1).path, ARCFACE)
    assert (many.output, many.dimension, many.normalised, many.batch) == ("embedding", DIMENSION, False, True)
    assert single.batch is False


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--size", "160"], "cannot take an input of shape (1, 3, 160, 160)"),
        (["--layout", "nhwc"], "cannot take an input of shape (1, 112, 112, 3)"),
        (["--dimension", "512"], "32 numbers, not of 512"),
        (["--output", "features"], "which output is the embedding"),
        (["--colour", "cmyk"], "colour"),
        (["--std", "0"], "std must not be 0"),
        (["--threshold", "5"], "threshold"),
        (["--template", "1,2 3,4"], "template"),
        (["--template", "a,b c,d e,f g,h i,j"], "five points"),
    ],
)
def test_conventions_that_do_not_fit_are_refused(
    small: SmallRecogniser, tmp_path: Path, options: list[str], complaint: str
) -> None:
    answer = run("add", "mine", small.path, *options, "--model-dir", tmp_path / "models", code=1)
    assert complaint in answer["message"]
    assert not (tmp_path / "models").exists()


def test_names_that_are_taken_or_impossible_are_refused(small: SmallRecogniser, tmp_path: Path) -> None:
    assert "already" in run("add", "sface", small.path, "--replace", "--model-dir", tmp_path, code=1)["message"]
    assert run("add", "../evil", small.path, "--model-dir", tmp_path, code=1)["error"] == "ManifestError"


def test_files_that_are_no_recogniser_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.onnx"
    with pytest.raises(ManifestError, match="there is no file"):
        try_network(missing, ARCFACE)
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    with pytest.raises(ManifestError, match="cannot be loaded"):
        try_network(text, ARCFACE)
    constant = tmp_path / "constant.onnx"
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["x"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Sub", ["f", "f"], ["zero"]),
            helper.make_node("Exp", ["zero"], ["y"]),
        ],
        "constant",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(constant))
    with pytest.raises(ManifestError, match="same for two different pictures"):
        try_network(constant, ARCFACE)


def test_weights_in_a_second_file_are_refused(make_recogniser: MakeRecogniser, tmp_path: Path) -> None:
    model = onnx.load(str(make_recogniser().path))
    onnx.save(model, str(tmp_path / "split.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ManifestError, match="one ONNX file with its weights inside"):
        try_network(tmp_path / "split.onnx", ARCFACE)


def test_the_list_tells_what_is_installed_and_bound(small: SmallRecogniser, tmp_path: Path) -> None:
    run("add", "mine", small.path, "--model-dir", tmp_path)
    refused = run("bind", "recognition_02=mine", "--model-dir", tmp_path, "--data-dir", tmp_path, code=1)
    assert "mien models calibrate mine" in refused["message"]
    assert "FILE or --threshold" in run("calibrate", "mine", "--model-dir", tmp_path, code=1)["message"]
    assert run("calibrate", "mine", "--threshold", "0.3", "--model-dir", tmp_path)["threshold"] == 0.3
    run("bind", "recognition_02=mine", "--model-dir", tmp_path, "--data-dir", tmp_path)
    answer = run("list", "--model-dir", tmp_path, "--data-dir", tmp_path)
    packs = {pack["name"]: pack for pack in answer["packs"]}
    assert packs["mine"]["installed"]
    assert packs["mine"]["bound_to"] == ["recognition_02"]
    assert packs["mine"]["calibrated"] is True
    assert not packs["sface"]["installed"]
    at = ["--model-dir", str(tmp_path), "--data-dir", str(tmp_path)]
    text = CliRunner().invoke(app, ["list", *at], env={"COLUMNS": "80"})
    assert text.exit_code == 0
    assert "mine" in text.stdout
    assert all(label in text.stdout for label in read_bindings(ModelStore(tmp_path), tmp_path).as_text())


def test_a_binding_without_a_pack_is_explained(tmp_path: Path) -> None:
    answer = run("bind", "recognition_04", "--model-dir", tmp_path, "--data-dir", tmp_path, code=1)
    assert "LABEL=PACK" in answer["message"]


def test_a_store_that_cannot_be_written_is_told_in_a_sentence(small: SmallRecogniser, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    answer = run("add", "mine", small.path, "--model-dir", tmp_path / "file" / "models", code=1)
    assert "file" in answer["message"]
