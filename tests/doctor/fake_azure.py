"""A small Face gateway that answers as the contract has recorded Azure's, and misbehaves as proxies do."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.local_server import serving

KEY = "0123456789abcdef0123456789abcdef"

DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
GATED = (
    "Feature is not supported, missing approval for one or more of the following features: {}. "
    "Please apply for access at https://aka.ms/facerecognition"
)
FACE = {"faceRectangle": {"top": 1, "left": 2, "width": 88, "height": 115}}


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """An answer; a status of 0 cuts the connection."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    platform: bool = True


def error(status: int, code: str, message: str, inner: Mapping[str, str] | None = None, **headers: str) -> Reply:
    told: dict[str, Any] = {"code": code, "message": message} | ({"innererror": inner} if inner else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps({"error": told}).encode(), {"Content-Type": "application/json"} | named)


def answer(value: Any) -> Reply:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "csp-billing-usage": "CognitiveServices.Face.Transaction=1",
    }
    return Reply(200, json.dumps(value).encode(), headers | {"x-envoy-upstream-service-time": "7"})


def gated(*features: str) -> Reply:
    inner = {"code": "UnsupportedFeature", "message": GATED.format(",".join(features))}
    return error(403, "InvalidRequest", "Invalid request has been sent.", inner)


Rule = Callable[[Asked], Reply | None]


@dataclass
class Azure:
    """The gateway.

    Attributes:
        rules: asked first, in their order; the first that gives a reply decides.
        asked: what came.
        approved: features that are approved.
        versions: API versions that are answered.
        gated_listings: whether listing collections takes an approval, too.
        skew: seconds that the clock is ahead.
        delay: seconds until an answer comes.
    """

    url: str = ""
    rules: list[Rule] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    approved: set[str] = field(
        default_factory=lambda: {"Identification", "Verification", "Liveness", "LimitedAttributes"}
    )
    versions: tuple[str, ...] = ("v1.0", "v1.1-preview.1", "v1.2-preview.1", "v1.2")
    collections: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    gated_listings: bool = False
    skew: float = 0.0
    delay: float = 0.0

    def reply(self, asked: Asked) -> Reply:
        for rule in self.rules:
            if (reply := rule(asked)) is not None:
                return reply
        parts = [part for part in asked.path.lower().split("/") if part]
        if parts[:1] != ["face"] or len(parts) < 3 or parts[1] not in self.versions:
            return error(404, "404", "Resource not found")
        if asked.headers.get("ocp-apim-subscription-key") != KEY:
            return error(401, "401", DENIED)
        return self._operation(asked, parts[2:])

    def _operation(self, asked: Asked, parts: list[str]) -> Reply:
        match parts:
            case ["detect"]:
                return self._detect(asked)
            case ["identify"]:
                gone = error(400, "LargePersonGroupNotFound", "Large person group is not found.")
                return gone if "Identification" in self.approved else gated("Identification")
            case ["verify"]:
                same = answer({"isIdentical": True, "confidence": 1.0})
                return same if "Verification" in self.approved else gated("Verification")
            case ["findsimilars"]:
                return error(400, "FaceNotFound", "Face is not found.")
            case ["detectliveness-sessions"]:
                wrong = "Incorrect request body provided. Please check the operation schema and try again."
                return error(400, "InvalidRequestBody", wrong) if "Liveness" in self.approved else gated("Liveness")
            case [kind, name, "training"]:
                status = self.training.get(f"{kind}/{name}")
                untrained = error(404, "PersonGroupNotTrained", "Person group not trained.")
                return untrained if status is None else answer(status)
            case [_kind, _name, "persons" | "persistedfaces"]:
                return answer([{"personId": str(uuid.uuid4())}])
            case [kind]:
                if self.gated_listings and not {"Identification", "Verification"} & self.approved:
                    return gated("Identification", "Verification")
                return answer(self.collections.get(kind, []))
        return error(404, "404", "Resource not found")

    def _detect(self, asked: Asked) -> Reply:
        """Find one face in every JPEG, and none in any other image."""
        names = [name for name in asked.query.get("returnFaceAttributes", "").split(",") if name]
        if {"emotion", "gender"} & set(names):
            return gated("Attributes")
        if {"age", "smile", "facialHair", "hair", "makeup"} & set(names) and "LimitedAttributes" not in self.approved:
            return gated("Attributes")
        face: dict[str, Any] = dict(FACE)
        if names:
            face["faceAttributes"] = dict.fromkeys(names, 0)
        if asked.query.get("returnFaceId") != "false":
            if not {"Identification", "Verification"} & self.approved:
                return gated("Identification", "Verification")
            face["faceId"] = str(uuid.uuid4())
        return answer([face] if asked.body.startswith(b"\xff\xd8") else [])


@contextmanager
def running(azure: Azure, certificate: Path | None = None) -> Iterator[Azure]:
    """Run the gateway on a free port of this machine, with TLS when there is a certificate (key and chain)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer

        def handle_any(self) -> None:
            split = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, split.path, query, {n.lower(): v for n, v in self.headers.items()}, body)
            azure.asked.append(asked)
            if azure.delay:
                time.sleep(azure.delay)
            reply = azure.reply(asked)
            if reply.status == 0:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.send_header("Date", formatdate(time.time() + azure.skew, usegmt=True))
            if reply.platform:
                self.send_header("apim-request-id", str(uuid.uuid4()))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the parent's name
            pass

    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    with serving(Handler, context) as port:
        azure.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        yield azure
