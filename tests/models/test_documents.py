"""Every built-in pack is in the guide and in NOTICE with its licence."""

from pathlib import Path

import pytest

from mien.models.manifest import Manifest
from mien.models.manifest_files import builtin_manifests

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("pack", builtin_manifests().values(), ids=lambda pack: pack.name)
def test_a_pack_is_documented(pack: Manifest) -> None:
    guide = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    (row,) = [line for line in guide.splitlines() if line.startswith(f"| `{pack.name}` |")]
    assert row.rstrip("| ").endswith("yes" if pack.default else "no")
    if pack.files:
        assert pack.licence.spdx in row
        notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
        (row,) = [line for line in notice.splitlines() if line.startswith(f"{pack.name} ")]
        assert pack.licence.spdx in row
