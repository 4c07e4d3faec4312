"""OpenAPI objects that operations share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mien.contract.limits import FACE_USER_DATA_LENGTH, ID_CHARACTERS, ID_LENGTH, NAME_LENGTH, USER_DATA_LENGTH
from mien.contract.models import RECOGNITION_MODELS

Json = dict[str, Any]
Describe = Callable[[str], Json]
"""Returns the OpenAPI operation object for the name of a version."""

NUMBER: Json = {"type": "number"}
UNIT: Json = {"type": "number", "minimum": 0, "maximum": 1}
GUID: Json = {"type": "string", "format": "uuid"}
BOOLEAN: Json = {"type": "boolean"}
TEXT: Json = {"type": "string"}
DATE: Json = {"type": "string", "format": "date-time"}
DATE_OR_NULL: Json = {"type": ["string", "null"], "format": "date-time"}
COLLECTION_ID: Json = {"type": "string", "minLength": 1, "maxLength": ID_LENGTH, "pattern": f"^{ID_CHARACTERS}+$"}
NAME: Json = {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH}
USER_DATA: Json = {"type": "string", "maxLength": USER_DATA_LENGTH}
FACE_DATA: Json = {"type": "string", "maxLength": FACE_USER_DATA_LENGTH}
MODEL: Json = {"type": "string", "enum": list(RECOGNITION_MODELS)}


def array(items: Json, low: int | None = None, high: int | None = None) -> Json:
    """Return the schema of an array, with optional limits on its length."""
    limits = {"minItems": low, "maxItems": high}
    return {"type": "array", "items": items, **{name: limit for name, limit in limits.items() if limit is not None}}


def record(properties: Json, optional: Iterable[str] = ()) -> Json:
    """Return the schema of an object; all but the optional properties are required."""
    left_out = frozenset(optional)
    required = [name for name in properties if name not in left_out]
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def query(name: str, schema: Json, description: str) -> Json:
    """Return a query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def in_path(name: str, schema: Json = GUID) -> Json:
    """Return a path parameter."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


def json_body(schema: Json) -> Json:
    """Return a request body of JSON."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


IMAGE_BODY: Json = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": record({"url": {"type": "string", "format": "uri"}})},
    },
}
"""The request body with an image of 1 KB to 6 MB, or its URL."""


def header(description: str) -> Json:
    """Return the OpenAPI object of a response header with a URL."""
    return {"description": description, "schema": {"type": "string", "format": "uri"}}


def operation(
    operation_id: str,
    description: str,
    *,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    result: Json | None = None,
    status: int = 200,
    says: str = "Done.",
    headers: Json | None = None,
) -> Json:
    """Return an operation object.

    Args:
        operation_id: id, unique within the document.
        description: description of the operation.
        parameters: parameters of path and query.
        body: the request body; None if there is none.
        result: schema of the response; None if it has no body.
        status: HTTP status of success.
        says: description of the response.
        headers: headers of the response.
    """
    success: Json = {"description": says}
    if result is not None:
        success["content"] = {"application/json": {"schema": result}}
    if headers:
        success["headers"] = headers
    described: Json = {"operationId": operation_id, "description": description, "parameters": list(parameters)}
    if body is not None:
        described["requestBody"] = body
    return {**described, "responses": {str(status): success}}


def always(described: Json) -> Describe:
    """Return a description that is the same in every version."""
    return lambda _version: described


def described(operation_id: str, description: str, **parts: Any) -> Describe:
    """Return a description that is the same in every version, from the arguments of `operation`."""
    return always(operation(operation_id, description, **parts))
