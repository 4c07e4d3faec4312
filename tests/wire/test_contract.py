"""The wire against the contract's own files: every error row, the schemas, and the requests that the SDKs make."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pytest
from tests.captures import captures
from tests.shared import shared_path

from mien.contract.attributes import ATTRIBUTES_OF
from mien.contract.catalogue import ROWS
from mien.contract.versions import BY_NAME

SCHEMAS = ("v1.0", "v1.1-preview.1", "v1.2-preview.1", "v1.2", "v1.3-preview.1")


RECORDED = {
    **{name: name[0].upper() + name[1:] for name in ("noGlasses", "readingGlasses", "sunglasses", "swimmingGoggles")},
    **{name: name.lower() for name in ("Low", "Medium", "High")},
    **{name: name[0].lower() + name[1:] for name in ("UnderExposure", "GoodExposure", "OverExposure")},
}
"""v1.0's schema spells these otherwise than the live service sent them (contract, section 3)."""


def contract(*parts: str) -> Any:
    document = json.loads(shared_path("contract", *parts).read_text("utf-8"))
    return as_recorded(document) if "v1.0" in parts else document


def as_recorded(schema: Any) -> Any:
    """Spell the enums of v1.0's schema as the live service does."""
    if isinstance(schema, list):
        return [as_recorded(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: as_recorded(entry) for name, entry in schema.items()}
    if isinstance(out.get("enum"), list):
        out["enum"] = [RECORDED.get(value, value) for value in out["enum"]]
    return out


def nullable(schema: Any) -> Any:
    """Turn OpenAPI's `nullable` into JSON Schema's."""
    if isinstance(schema, list):
        return [nullable(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    out = {name: nullable(entry) for name, entry in schema.items()}
    if out.pop("nullable", False) and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


def validator(version: str, legacy: str, modern: str) -> jsonschema.Draft202012Validator:
    """A validator of a named schema, whose objects refuse properties that the contract does not have."""
    document = nullable(contract("openapi", version, "Face.json"))
    name = legacy if "components" in document else modern
    folder = "components/schemas" if "components" in document else "definitions"
    schemas = document["components"]["schemas"] if "components" in document else document["definitions"]
    for schema in schemas.values():
        if schema.get("type") == "object" and not name.endswith("Error") and name != "FaceErrorResponse":
            schema.setdefault("additionalProperties", False)
    return jsonschema.Draft202012Validator(
        {**document, "$ref": f"#/{folder}/{name}"}, format_checker=jsonschema.FormatChecker(["uuid"])
    )


def test_every_row_of_the_contract_is_in_the_catalogue() -> None:
    ours = {(row.family, row.status, row.code, row.recorded) for row in ROWS}
    theirs = {(row["family"], row["status"], row["code"], row["message"]) for row in contract("errors.json")}
    assert theirs <= ours
    assert {family for family, *_ in ours - theirs} == {"mien"}


@pytest.mark.parametrize("version", SCHEMAS)
@pytest.mark.parametrize("model", ATTRIBUTES_OF)
async def test_answers_fit_the_schema(version: str, model: str, api: httpx.AsyncClient, photo: bytes) -> None:
    attributes = ATTRIBUTES_OF[model] & BY_NAME[version].attributes
    query = f"detectionModel={model}&recognitionModel=recognition_04&returnRecognitionModel=true"
    if attributes:
        query += f"&returnFaceLandmarks=true&returnFaceAttributes={','.join(attributes)}"
    response = await api.post(f"/face/{version}/detect?{query}", content=photo)
    (face,) = response.json()
    validator(version, "DetectedFace", "FaceDetectionResult").validate(face)
    if attributes:
        assert set(face["faceAttributes"]) == attributes


@pytest.mark.parametrize("version", SCHEMAS)
async def test_errors_fit_the_schema(version: str, api: httpx.AsyncClient) -> None:
    response = await api.post(f"/face/{version}/detect?detectionModel=x", content=b"x")
    validator(version, "APIError", "FaceErrorResponse").validate(response.json())


@pytest.mark.parametrize("version", SCHEMAS)
async def test_our_document_has_what_the_contract_has(version: str, api: httpx.AsyncClient) -> None:
    ours = (await api.get(f"/openapi.json?version={version}")).json()
    described = ours["paths"]["/detect"]["post"]
    theirs = contract("openapi", version, "Face.json")["paths"]["/detect"]["post"]
    names = {parameter.get("name") or parameter["$ref"].rsplit("/", 1)[1] for parameter in theirs["parameters"]}
    assert {parameter["name"] for parameter in described["parameters"]} == names - {"body"}


def _is_recorded(request: dict[str, Any]) -> bool:
    return bool(request["target"].partition("?")[0].endswith("/detect"))


@pytest.mark.parametrize(
    ("name", "request_"), captures(_is_recorded), ids=lambda value: value if isinstance(value, str) else ""
)
async def test_replayed_requests_of_the_sdks(name: str, request_: dict[str, Any], service: Any, photo: bytes) -> None:
    headers = {key: value for key, value in request_["headers"].items() if key.lower() not in HOP_HEADERS}
    headers["Ocp-Apim-Subscription-Key"] = "0123456789abcdef0123456789abcdef"
    body = photo if "image bytes" in request_["body"] else request_["body"].encode()
    service.web.answer = photo
    async with service.client(**headers) as client:
        response = await client.request(request_["method"], request_["target"], content=body)
    if "sessionImageId" in request_["body"]:
        assert (response.status_code, response.json()["error"]["code"]) == (404, "SessionNotFound")
    else:
        assert response.status_code == 200
        assert response.json()[0]["faceRectangle"]["width"] == 90


HOP_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
