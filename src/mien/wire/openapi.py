"""The OpenAPI document of an API version as this server implements it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version as package_version
from typing import Any

from mien.contract.headers import ERROR_CODE, KEY_HEADER, KEY_QUERY
from mien.gateway.exchange import Operation

Json = dict[str, Any]

ERROR_SCHEMA: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": f"Also sent as header {ERROR_CODE}."},
                "message": {"type": "string"},
                "innererror": {
                    "type": "object",
                    "description": "What the server knows beyond the message; absent when that is nothing.",
                    "properties": {
                        "code": {"type": "string"},
                        "message": {"type": "string"},
                        "details": {
                            "type": "object",
                            "properties": {
                                "hint": {"type": "string", "description": "What was probably meant or is wrong."},
                                "doc": {"type": "string", "description": "Page of this server about the error."},
                            },
                        },
                    },
                },
            },
        }
    },
}


def document(operations: Iterable[Operation], version: str, prefix: str = "") -> Json:
    """Return the OpenAPI 3.1 document of a version's documented operations.

    Args:
        operations: all operations.
        version: canonical name of the version.
        prefix: base path of a proxy.
    """
    paths: dict[str, Json] = {}
    for operation in operations:
        if version in operation.versions and operation.describe is not None:
            path = paths.setdefault(operation.template, {})
            path[operation.method.lower()] = _with_errors(operation.name, operation.describe(version))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mien",
            "version": version,
            "summary": f"The Face API {version} as served by Mien {package_version('mien')}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": f"{prefix}/face/{version}"}],
        "security": [{"key": []}, {"keyInQuery": []}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR_SCHEMA},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
                "keyInQuery": {"type": "apiKey", "in": "query", "name": KEY_QUERY},
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "Of the issuer that the operator trusts, on custom subdomains; or from "
                    "POST /sts/v1.0/issueToken.",
                },
            },
            "responses": {
                "Error": {
                    "description": "Something is wrong with the request, the key or the server.",
                    "headers": {ERROR_CODE: {"schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
    }


def _with_errors(name: str, described: Mapping[str, Any]) -> Json:
    responses = {**described["responses"], "default": {"$ref": "#/components/responses/Error"}}
    return {"summary": name, **described, "responses": responses}
