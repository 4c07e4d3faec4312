"""The handlers for subjects, their examples, recognition, detection and verification."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, TypeVar

from mien.accounts import Feature
from mien.compreface.answers import PLUGINS, Json, face_json
from mien.compreface.faults import INVALID, NO_FACE, PARAMETER_MISSING, SEVERAL_FACES, CompreFaceProblem
from mien.compreface.subjects import CompreFaceSubjects, Example
from mien.gateway.exchange import Exchange, Handler, Operation, Request, Response
from mien.vision.ports import Engine
from mien.vision.types import Embedding, Face, Want
from mien.wire.body import BodyLimits
from mien.wire.multipart import MultipartError, parse_multipart
from mien.workers import WorkerPool

T = TypeVar("T")

_FORM_ROOM: Final = 65_536
_GROUP: Final = "largepersongroups"
_MOST_PREDICTIONS: Final = 100
_LONGEST_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers, one per route.

    Attributes:
        subjects: the enrolled subjects.
        engine: analyses photos.
        workers: the worker pool for blocking and computing work.
        limits: size limits of request bodies.
    """

    subjects: CompreFaceSubjects
    engine: Engine
    workers: WorkerPool
    limits: BodyLimits

    def operations(self) -> list[Operation]:
        """Return the operations for the router; their templates are whole paths."""
        names, faces = "/api/v1/recognition/subjects", "/api/v1/recognition/faces"
        gone = f"{_GROUP}/persons/persistedfaces/delete"
        table: list[tuple[str, str, str, Handler, str]] = [
            ("List Subjects", "GET", names, self.list_subjects, f"{_GROUP}/persons/read"),
            ("Add Subject", "POST", names, self.add_subject, f"{_GROUP}/persons/action"),
            ("Rename Subject", "PUT", f"{names}/{{subject}}", self.rename_subject, f"{_GROUP}/persons/write"),
            ("Delete Subject", "DELETE", f"{names}/{{subject}}", self.delete_subject, f"{_GROUP}/persons/delete"),
            ("Delete All Subjects", "DELETE", names, self.delete_subjects, f"{_GROUP}/persons/delete"),
            ("List Examples", "GET", faces, self.list_examples, f"{_GROUP}/persons/read"),
            ("Add Example", "POST", faces, self.add_example, f"{_GROUP}/persons/persistedfaces/write"),
            ("Delete Examples", "DELETE", faces, self.delete_examples, gone),
            (
                "Delete Some Examples",
                "POST",
                f"{faces}/delete",
                self.delete_some,
                f"{_GROUP}/persons/persistedfaces/delete",
            ),
            (
                "Delete Example",
                "DELETE",
                f"{faces}/{{image}}",
                self.delete_example,
                f"{_GROUP}/persons/persistedfaces/delete",
            ),
            ("Verify With Example", "POST", f"{faces}/{{image}}/verify", self.verify_example, "verify"),
            ("Recognize", "POST", "/api/v1/recognition/recognize", self.recognize, "identify"),
            ("Detect", "POST", "/api/v1/detection/detect", self.detect, "detect"),
            ("Verify", "POST", "/api/v1/verification/verify", self.verify, "verify"),
        ]
        return [
            Operation(f"CompreFace - {name}", method, path, handler, action=action, transactions=1)
            for name, method, path, handler, action in table
        ]

    # Subjects

    async def list_subjects(self, exchange: Exchange) -> Response:
        """Return the names of all subjects."""
        return await self._run(lambda: {"subjects": self.subjects.names(exchange.resource_id)})

    async def add_subject(self, exchange: Exchange) -> Response:
        """Create a subject without a face."""
        name = _subject((await self._json(exchange.request)).get("subject"))

        def work() -> Json:
            if not self.subjects.add(exchange.resource_id, name):
                raise CompreFaceProblem(400, INVALID, "Subject already exists")
            return {"subject": name}

        return await self._run(work, 201)

    async def rename_subject(self, exchange: Exchange) -> Response:
        """Rename a subject; if another has the new name, move the faces to that one."""
        to = _subject((await self._json(exchange.request)).get("subject"))

        def work() -> Json:
            self.subjects.rename(exchange.resource_id, exchange.parameters["subject"], to)
            return {"updated": True}

        return await self._run(work)

    async def delete_subject(self, exchange: Exchange) -> Response:
        """Delete a subject with its faces."""
        name = exchange.parameters["subject"]

        def work() -> Json:
            self.subjects.delete(exchange.resource_id, name)
            return {"subject": name}

        return await self._run(work)

    async def delete_subjects(self, exchange: Exchange) -> Response:
        """Delete all subjects."""
        return await self._run(lambda: {"deleted": self.subjects.delete_all(exchange.resource_id)[0]})

    # Examples

    async def list_examples(self, exchange: Exchange) -> Response:
        """Return a page of the faces of all subjects or of one."""
        request = exchange.request
        subject = request.query_value("subject") or None
        page, size = _whole(request, "page", 0, 0, 10**6), _whole(request, "size", 20, 1, 10_000)

        def work() -> Json:
            found = self.subjects.examples(exchange.resource_id, subject)
            return {
                "faces": [_example(one) for one in found[page * size : (page + 1) * size]],
                "page_number": page,
                "page_size": size,
                "total_pages": ceil(len(found) / size),
                "total_elements": len(found),
            }

        return await self._run(work)

    async def add_example(self, exchange: Exchange) -> Response:
        """Enrol the face of a photo."""
        subject = _subject(exchange.request.query_value("subject"))
        (image,) = await self._images(exchange.request, "file")
        return await self._run(lambda: _example(self.subjects.enrol(exchange.resource_id, subject, image)), 201)

    async def delete_examples(self, exchange: Exchange) -> Response:
        """Delete a subject, or all subjects, with their faces."""
        subject = exchange.request.query_value("subject") or None

        def work() -> Json:
            if subject is None:
                return {"deleted": self.subjects.delete_all(exchange.resource_id)[1]}
            return {"deleted": self.subjects.delete(exchange.resource_id, subject)}

        return await self._run(work)

    async def delete_some(self, exchange: Exchange) -> Response:
        """Delete faces by their ids."""
        raw = await exchange.request.read(self.limits.json_bytes, self.limits.seconds)
        ids = _parsed(raw)
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise CompreFaceProblem(400, INVALID, "The body is a JSON array of image ids")
        return await self._run(
            lambda: [_example(self.subjects.delete_example(exchange.resource_id, one)) for one in ids]
        )

    async def delete_example(self, exchange: Exchange) -> Response:
        """Delete a face."""
        image_id = exchange.parameters["image"]
        return await self._run(lambda: _example(self.subjects.delete_example(exchange.resource_id, image_id)))

    # Faces of photos

    async def recognize(self, exchange: Exchange) -> Response:
        """Detect the faces of a photo, and return the most similar subjects of each."""
        asked = _Asked.of(exchange)
        top = _whole(exchange.request, "prediction_count", 1, 1, _MOST_PREDICTIONS)
        (image,) = await self._images(exchange.request, "file")

        def work() -> Json:
            faces = self._faces(image, asked)
            found = self.subjects.recognise(exchange.resource_id, _embeddings(faces), top)
            return {
                "result": [
                    {
                        **face_json(face, asked.plugins),
                        "subjects": [{"subject": one.subject, "similarity": one.similarity} for one in likely],
                    }
                    for face, likely in zip(faces, found, strict=True)
                ]
            }

        return await self._run(work)

    async def verify_example(self, exchange: Exchange) -> Response:
        """Compare the faces of a photo with an enrolled face."""
        asked = _Asked.of(exchange)
        (image,) = await self._images(exchange.request, "file")

        def work() -> Json:
            faces = self._faces(image, asked)
            scores = self.subjects.compare(exchange.resource_id, exchange.parameters["image"], _embeddings(faces))
            return {
                "result": [
                    {**face_json(face, asked.plugins), "similarity": score}
                    for face, score in zip(faces, scores, strict=True)
                ]
            }

        return await self._run(work)

    async def detect(self, exchange: Exchange) -> Response:
        """Detect the faces of a photo without computing templates."""
        asked = _Asked.of(exchange)
        (image,) = await self._images(exchange.request, "file")

        def work() -> Json:
            faces = self._faces(image, asked, templates=False)
            return {"result": [face_json(face, asked.plugins) for face in faces]}

        return await self._run(work)

    async def verify(self, exchange: Exchange) -> Response:
        """Compare the face of one photo with those of another."""
        asked = _Asked.of(exchange)
        source, target = await self._images(exchange.request, "source_image", "target_image")

        def work() -> Json:
            whole = _Asked(0, asked.least, asked.plugins)
            sought = self._faces(source, whole)
            if len(sought) > 1:
                raise CompreFaceProblem(400, SEVERAL_FACES, "Found more than one face in the given image")
            (one,) = _embeddings(sought)
            faces = self._faces(target, asked)
            matches = [
                {**face_json(face, asked.plugins), "similarity": self.subjects.likeness(one, other)}
                for face, other in zip(faces, _embeddings(faces), strict=True)
            ]
            matches.sort(key=lambda match: -match["similarity"])
            return {"result": [{"source_image_face": face_json(sought[0], asked.plugins), "face_matches": matches}]}

        return await self._run(work)

    def _faces(self, image: bytes, asked: _Asked, *, templates: bool = True) -> list[Face]:
        """Return the faces of a photo, largest first.

        Raises:
            CompreFaceProblem: there is no face.
        """
        attributes = frozenset(PLUGINS[name] for name in asked.plugins if name in PLUGINS)
        want = Want(recogniser=self.subjects.pack if templates else None, attributes=attributes)
        faces = [face for face in self.engine.analyze(image, want).faces if face.score >= asked.least]
        if not faces:
            raise CompreFaceProblem(400, NO_FACE, "No face is found in the given image")
        return faces[: asked.limit] if asked.limit else faces

    async def _images(self, request: Request, *names: str) -> list[bytes]:
        """Return the images of a form, or of a JSON object with base64 properties.

        Raises:
            CompreFaceProblem: an image is missing, or the body is neither.
        """
        kind = request.header(b"content-type") or ""
        room = len(names) * self.limits.image_bytes * (4 if "json" in kind.lower() else 3) // 3 + _FORM_ROOM
        body = await request.read(room, self.limits.seconds)
        found: list[bytes] = []
        if "json" in kind.lower():
            given = _parsed(body)
            for name in names:
                text = given.get(name) if isinstance(given, dict) else None
                if not isinstance(text, str):
                    raise CompreFaceProblem(400, PARAMETER_MISSING, f"Required property '{name}' is not present")
                try:
                    found.append(base64.b64decode(text.partition("base64,")[2] or text, validate=True))
                except (binascii.Error, ValueError):
                    raise CompreFaceProblem(400, INVALID, f"'{name}' is not base64") from None
            return found
        try:
            parts = parse_multipart(kind, body)
        except MultipartError as error:
            raise CompreFaceProblem(400, INVALID, str(error)) from None
        for name in names:
            if not parts.get(name):
                raise CompreFaceProblem(400, PARAMETER_MISSING, f"Required request part '{name}' is not present")
            found.append(parts[name])
        return found

    async def _json(self, request: Request) -> Json:
        body = _parsed(await request.read(self.limits.json_bytes, self.limits.seconds))
        if not isinstance(body, dict):
            raise CompreFaceProblem(400, INVALID, "The body is a JSON object")
        return body

    async def _run(self, work: Callable[[], Any], status: int = 200) -> Response:
        found = await self.workers.run(work)
        return Response(status, json.dumps(found, ensure_ascii=False, allow_nan=False).encode())


@dataclass(frozen=True, slots=True)
class _Asked:
    """The query parameters of a call on faces.

    Attributes:
        limit: maximum number of faces, largest first; 0 for all.
        least: lowest detection score of a face, 0 to 1.
        plugins: names of the requested plug-ins.
    """

    limit: int
    least: float
    plugins: frozenset[str]

    @classmethod
    def of(cls, exchange: Exchange) -> _Asked:
        """Read the query; plug-ins for which the resource lacks an approval are left out."""
        request = exchange.request
        given = (request.query_value("face_plugins") or "").lower().split(",")
        plugins = frozenset(name.strip() for name in given if name.strip())
        if Feature.LIMITED_ATTRIBUTES not in exchange.resource.features:
            plugins -= {"age"}
        return cls(_whole(request, "limit", 0, 0, 1000), _fraction(request, "det_prob_threshold"), plugins)


def _embeddings(faces: Sequence[Face]) -> list[Embedding]:
    return [face.embedding for face in faces if face.embedding is not None]


def _example(one: Example) -> Json:
    return {"image_id": one.image_id, "subject": one.subject}


def _subject(given: object) -> str:
    name = given.strip() if isinstance(given, str) else ""
    if not name:
        raise CompreFaceProblem(400, PARAMETER_MISSING, "Required request parameter 'subject' is not present")
    if len(name) > _LONGEST_NAME:
        raise CompreFaceProblem(400, INVALID, f"A subject's name has {_LONGEST_NAME} characters at most")
    return name


def _whole(request: Request, name: str, usual: int, low: int, high: int) -> int:
    text = (request.query_value(name) or "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise CompreFaceProblem(400, INVALID, f"'{name}' is a whole number from {low} to {high}")
    return int(text)


def _fraction(request: Request, name: str) -> float:
    text = request.query_value(name)
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise CompreFaceProblem(400, INVALID, f"'{name}' is a number from 0 to 1")
    return value


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise CompreFaceProblem(400, INVALID, "The body is not JSON") from None
