"""The Face API's published OpenAPI documents against a list that is kept: a changed interface shows in the diff.

After an intended change, `MIEN_UPDATE_INTERFACE=1 pytest tests/wire/test_published_interface.py` rewrites the list.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from tests.conftest import Server

from mien.contract.liveness_versions import LIVENESS_VERSIONS
from mien.contract.versions import BY_NAME

KEPT = Path(__file__).with_name("published_interface.txt")
METHODS = {"get", "put", "post", "patch", "delete", "head", "options"}

Json = dict[str, Any]


def lines(name: str, document: Json) -> Iterator[str]:
    """One line an operation: where, which parameters and bodies it takes, and what it answers."""
    for path, item in sorted(document["paths"].items()):
        for method, operation in sorted(item.items()):
            if method in METHODS:
                parameters = " ".join(sorted(f"{one['in']}:{one['name']}" for one in operation.get("parameters", ())))
                taken = " ".join(_contents(document, operation.get("requestBody", {})))
                answers = "; ".join(
                    f"{status} {' '.join(_contents(document, answer))}".strip()
                    for status, answer in sorted(operation["responses"].items())
                )
                yield f"{name} {method.upper()} {path} | {parameters} | {taken} | {answers}"


def _contents(document: Json, holder: Json) -> Iterator[str]:
    holder = _resolved(document, holder)
    for kind, content in sorted(holder.get("content", {}).items()):
        yield f"{kind.removeprefix('application/')}:{_shape(document, content.get('schema', {}))}"


def _shape(document: Json, schema: Json) -> str:
    """The names of a schema's properties; of an array, those of its items."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "items" in schema:
        return f"[{_shape(document, schema['items'])}]"
    if "properties" in schema:
        return f"{{{','.join(sorted(schema['properties']))}}}"
    parts = [_shape(document, part) for word in ("anyOf", "oneOf", "allOf") for part in schema.get(word, ())]
    return "|".join(parts) or str(schema.get("format") or schema.get("type") or "any")


def _resolved(document: Json, holder: Json) -> Json:
    reference = holder.get("$ref")
    if reference is None:
        return holder
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def test_the_published_interface_is_the_one_that_is_kept(server: Server) -> None:
    found: list[str] = []
    with httpx.Client(timeout=60, trust_env=False) as client:
        for version in dict.fromkeys([*BY_NAME, *LIVENESS_VERSIONS]):
            answer = client.get(f"{server.endpoint}/openapi.json", params={"version": version}).raise_for_status()
            found += lines(version, answer.json())
    if os.environ.get("MIEN_UPDATE_INTERFACE"):
        KEPT.write_text("\n".join(found) + "\n", encoding="utf-8")
    assert found == KEPT.read_text(encoding="utf-8").splitlines()
