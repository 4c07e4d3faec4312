"""Pages about the server: status, OpenAPI and self-contained documentation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version as package_version

from mien.contract.catalogue import ROWS
from mien.contract.headers import KEY_HEADER
from mien.contract.versions import KNOWN, STABLE
from mien.gateway.exchange import Exchange, Handler, Operation, Response
from mien.gateway.origin import OriginFinder
from mien.wire.health import Readiness
from mien.wire.openapi import Json, document

_HTML = b"text/html; charset=utf-8"
_TEXT = b"text/plain; charset=utf-8"
_PAGE_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
code, td { overflow-wrap: anywhere }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8886; border-radius: .4rem }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid #8886 }
details { border: 1px solid #8886; border-radius: .4rem; padding: .6rem 1rem; margin: .8rem 0 }
summary { cursor: pointer; font-weight: 600 }
nav a { margin-right: 1rem }
"""


@dataclass(frozen=True, slots=True)
class Pages:
    """The handlers of the pages.

    Attributes:
        operations: the documented operations.
        status: returns the fields of `/status` besides the service's name and version.
        origin: determines the base path of a proxy, for links.
        readiness: whether the server is ready for requests.
    """

    operations: Sequence[Operation]
    status: Callable[[], Json] = dict
    origin: OriginFinder = field(default_factory=OriginFinder)
    readiness: Readiness = field(default_factory=Readiness)

    def table(self) -> list[Operation]:
        """Return the operations of the pages."""

        def page(name: str, path: str, handler: Handler) -> Operation:
            return Operation(name, "GET", path, handler, needs_key=False)

        return [
            page("Welcome", "/", self.welcome),
            page("Status", "/status", self.show_status),
            page("OpenAPI", "/openapi.json", self.openapi),
            page("Documentation", "/docs", self.docs),
            page("Errors", "/docs/errors", self.errors),
        ]

    async def welcome(self, exchange: Exchange) -> Response:  # noqa: ARG002  part of the handler's signature
        """Describe the service and link to its pages."""
        text = (
            f"Mien {package_version('mien')}: a face service that speaks the Azure AI Face API.\n\n"
            f"Detect faces    POST /face/{STABLE.name}/detect\n"
            "Documentation   GET /docs\nOpenAPI         GET /openapi.json\nStatus          GET /status\n"
        )
        return Response(body=text.encode(), content_type=_TEXT)

    async def show_status(self, exchange: Exchange) -> Response:  # noqa: ARG002  part of the handler's signature
        """Return the server's status; 503 if it is not ready."""
        failing = await self.readiness.failing()
        body = {"status": "failing" if failing else "ok", "service": "mien", "version": package_version("mien")}
        body |= {"failing": ", ".join(failing)} if failing else {}
        return Response(503 if failing else 200, json.dumps(body | self.status()).encode())

    async def openapi(self, exchange: Exchange) -> Response:
        """Return the OpenAPI document of the version in `?version=`, by default the newest stable one."""
        described = document(self.operations, _version(exchange), self.origin.prefix(exchange.request))
        return Response(body=json.dumps(described, indent=1).encode())

    async def docs(self, exchange: Exchange) -> Response:
        """Return the documentation of a version as a page."""
        chosen = _version(exchange)
        prefix = self.origin.prefix(exchange.request)
        described = document(self.operations, chosen, prefix)
        links = "".join(f'<a href="{prefix}/docs?version={name}">{name}</a>' for name in KNOWN)
        parts = [
            f"<h1>Face API {escape(chosen)}</h1><nav>{links}</nav>",
            f"<p>Served by Mien {package_version('mien')}. "
            f'<a href="{prefix}/openapi.json?version={chosen}">OpenAPI</a> · '
            f'<a href="{prefix}/docs/errors">Errors</a></p>'
            "<p>Every call shows one of the resource's two keys in the header "
            f"<code>{KEY_HEADER}</code>.</p>",
        ]
        for path, methods in described["paths"].items():
            parts += [
                _operation_html(method.upper(), f"/face/{chosen}{path}", entry) for method, entry in methods.items()
            ]
        return _page(f"Face API {chosen}", "".join(parts))

    async def errors(self, exchange: Exchange) -> Response:
        """Return the error catalogue as a page."""
        rows = "".join(
            f'<tr id="{row.anchor}"><td>{row.status}</td><td><code>{escape(row.code)}</code></td>'
            f"<td>{escape(row.message)}</td><td>{escape(row.explanation)}<br><em>{escape(row.next_step)}</em></td></tr>"
            for row in ROWS
        )
        head = "<tr><th>Status</th><th>Code</th><th>Message</th><th>What it means, and what to do</th></tr>"
        nav = f'<nav><a href="{self.origin.prefix(exchange.request)}/docs">Documentation</a></nav>'
        return _page("Errors", f"<h1>Errors</h1>{nav}<table>{head}{rows}</table>")


def _version(exchange: Exchange) -> str:
    asked = exchange.request.query_value("version") or ""
    return asked if asked in KNOWN else STABLE.name


def _operation_html(method: str, path: str, entry: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{escape(_kind(parameter['schema']))}</td>"
        f"<td>{escape(parameter.get('description', ''))}</td></tr>"
        for parameter in entry.get("parameters", ())
    )
    answers = "".join(
        f"<p>{escape(status)}: {escape(answer['description'])}</p>"
        + "".join(
            f"<pre>{escape(json.dumps(content['schema'], indent=1))}</pre>"
            for content in answer.get("content", {}).values()
        )
        for status, answer in entry["responses"].items()
        if "$ref" not in answer
    )
    bodies = ", ".join(f"<code>{escape(kind)}</code>" for kind in entry.get("requestBody", {}).get("content", ()))
    return (
        f"<details open><summary>{escape(entry['summary'])} — <code>{method} {escape(path)}</code></summary>"
        f"<p>{escape(entry.get('description', ''))}</p><p>Body: {bodies or 'none'}</p>"
        f"<table><tr><th>Option</th><th>Values</th><th></th></tr>{rows}</table>"
        f"<details><summary>Answers</summary>{answers}</details></details>"
    )


def _kind(schema: Json) -> str:
    """Describe the type of a parameter."""
    if schema.get("type") == "array":
        items = schema.get("items", {})
        kind = f"any of {', '.join(items['enum'])}" if "enum" in items else f"list of {items.get('type', 'values')}"
    elif "enum" in schema:
        kind = ", ".join(str(value) for value in schema["enum"])
    else:
        kind = schema.get("type", "any value")
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is not None and high is not None:
            kind += f", {low} to {high}"
        elif low is not None or high is not None:
            kind += f", at least {low}" if high is None else f", at most {high}"
    default = schema.get("default")
    return kind if default is None else f"{kind}; default {json.dumps(default)}"


def _page(title: str, body: str) -> Response:
    html = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)} · Mien</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><body>{body}</body></html>'
    )
    return Response(body=html.encode(), content_type=_HTML, headers=_PAGE_HEADERS)
