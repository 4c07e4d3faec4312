"""The component's files as they are handed out, and as npm installs them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.npm import node_modules
from tools import join_component

from mien.liveness.web import MANIFEST_PATH, MODULE_PATH, Asset, assets

USE = """
import { FaceLiveness } from "mien-face-liveness/react";
import { FaceLiveness as VueLiveness } from "mien-face-liveness/vue";
import "mien-face-liveness";
import "mien-face-liveness/FaceLivenessDetector.js";
import { explain, FaceLivenessDetector, LivenessDetectionError, LivenessError, languages } from "mien-face-liveness";

const detector = document.createElement("azure-ai-vision-face-ui");
detector.locale = "pt";
detector.languageDictionary = { Continue: languages.fa.Continue };
detector.buttonStyles = "color: red";
detector.addEventListener("problem", () => detector.cancel());
export const reactElement = FaceLiveness({ authToken: "…", locale: "zh", onResult: ({ digest }) => digest });
export const vueComponent: typeof VueLiveness = VueLiveness;
export const told: string = explain({ livenessError: "TimedOut" }, "ar").title;
const found: FaceLivenessDetector | null = document.querySelector("mien-face-liveness");
export async function run(token: string): Promise<string> {
  try {
    const { resultId, digest } = await (found ?? detector).start(token);
    return resultId + digest;
  } catch (error) {
    if (error instanceof LivenessDetectionError && error.livenessError === LivenessError.TimedOut) return "late";
    throw error;
  }
}
"""


def by_path() -> dict[str, Asset]:
    return {asset.path: asset for asset in assets()}


def test_the_manifest_tells_where_everything_is() -> None:
    files = by_path()
    manifest = json.loads(files[MANIFEST_PATH].body)
    assert manifest["stable"] == MODULE_PATH
    for name in ("module", "types", "package"):
        asset = files[manifest[name]["path"]]
        assert manifest["version"] in asset.path
        algorithm, _, value = manifest[name]["integrity"].partition("-")
        assert base64.b64decode(value) == hashlib.new(algorithm, asset.body).digest()
        assert "immutable" in asset.cache_control
    assert files[manifest["module"]["path"]].body == files[MODULE_PATH].body
    assert "immutable" not in files[MODULE_PATH].cache_control


def test_the_module_says_its_version() -> None:
    manifest = json.loads(by_path()[MANIFEST_PATH].body)
    assert f'\nconst version = "{manifest["version"]}";'.encode() in by_path()[MODULE_PATH].body


def test_the_module_is_what_its_sources_give() -> None:
    """After a change of `source/`, run `make component`."""
    assert join_component.join().encode() == by_path()[MODULE_PATH].body


def test_nothing_in_the_module_needs_a_lax_policy() -> None:
    text = by_path()[MODULE_PATH].body.decode()
    for forbidden in ("eval(", "new Function", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert forbidden not in text
    assert 'setAttribute("style"' not in text
    assert "import(" not in text
    assert "from '" not in text.partition("*/")[2]


def test_the_archive_is_the_package() -> None:
    archive = next(asset for asset in assets() if asset.path.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(archive.body)) as opened:
        names = opened.getnames()
        content = opened.extractfile("package/mien-face-liveness.js")
        assert content is not None
        assert content.read() == by_path()[MODULE_PATH].body
    assert {"package/package.json", "package/mien-face-liveness.d.ts", "package/README.md"} <= set(names)


@pytest.mark.heavy
@pytest.mark.timeout(240)
def test_npm_installs_it_and_typescript_understands_it(tmp_path: Path) -> None:
    compiler = node_modules() / "typescript" / "bin" / "tsc"
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm is not None
    assert node is not None
    archive = next(asset for asset in assets() if asset.path.endswith(".tgz"))
    (tmp_path / "package.tgz").write_bytes(archive.body)
    (tmp_path / "package.json").write_text('{"name": "application", "private": true, "type": "module"}')
    (tmp_path / "use.ts").write_text(USE)
    link = "for (const name of ['react', 'vue', '@types'])"
    link += " fs.symlinkSync(`${process.argv[1]}/${name}`, `node_modules/${name}`)"
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2023,dom,dom.iterable"]
    module = "node_modules/mien-face-liveness/mien-face-liveness.js"
    for command in (
        [npm, "install", "--offline", "--no-audit", "--no-fund", "./package.tgz"],
        [node, "-e", link, str(node_modules())],  # what an application of each framework has installed
        [node, str(compiler), *options, "use.ts"],
        [node, str(compiler), *options, "--strict", "false", "--allowJs", "--checkJs", module],
        # A framework that draws pages on its server imports the module there.
        [node, "--input-type=module", "-e", "import { version } from 'mien-face-liveness'; console.log(version)"],
    ):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == json.loads(by_path()[MANIFEST_PATH].body)["version"]
