"""Face - Detect: returns the faces of an image, and face ids for other operations."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from uuid import UUID

from mien.accounts import Resource
from mien.contract.attributes import Attribute, gates_of
from mien.contract.catalogue import row
from mien.contract.versions import ALL, BY_NAME, Version
from mien.gateway import gates
from mien.gateway.exchange import Exchange, Operation, Response
from mien.vision.attributes.age import CHILD_AGE
from mien.vision.ports import Engine
from mien.vision.types import Embedding, Face, OperatingPoint, Want
from mien.wire.body import BodyLimits, image_url, read_image_or_json
from mien.wire.detect_query import DetectQuery, detect_parameters, parse_detect_query
from mien.wire.face_json import detected_faces, face_schema
from mien.wire.schemas import Json, array, operation, record
from mien.workers import WorkerPool

_BODY = row("common.body_invalid")
_NO_SESSION_IMAGE = row("liveness_session.not_found")
_AS_JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def describe_detect(version_name: str) -> Json:
    """Return the OpenAPI operation object of Detect in a version."""
    version = BY_NAME[version_name]
    sources = [record({"url": {"type": "string", "format": "uri"}})]
    if version.session_images:
        sources.append(record({"sessionImageId": {"type": "string", "minLength": 1}}))
    return operation(
        "detect",
        "Finds the faces of an image: a JPEG, PNG, GIF (first frame) or BMP of 1 KB to 6 MB. Up to 100 faces, the "
        "largest first. Coordinates are pixels of the upright image.",
        parameters=detect_parameters(version),
        body={
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"oneOf": sources}},
            },
        },
        result=array(face_schema(version)),
        says="The faces; an empty array when there are none.",
    )


class FaceMemory(Protocol):
    """The store of short-lived face ids, as Detect uses it."""

    def remember(
        self, resource_id: UUID, recognition_model: str, embeddings: Sequence[Embedding], ttl_seconds: int
    ) -> list[str]:
        """Store templates temporarily, and return an id for each."""
        ...


class SessionImages(Protocol):
    """The images of liveness sessions, as Detect uses them."""

    def find(self, resource_id: UUID, session_image_id: str) -> bytes | None:
        """Return the stored image of a session, or None."""
        ...


class NoSessionImages:
    """The session images of a server that stores none."""

    def find(self, resource_id: UUID, session_image_id: str) -> bytes | None:  # noqa: ARG002  part of the protocol
        """Return None."""
        return None


class Downloader(Protocol):
    """Fetches the image of a URL; blocks."""

    def __call__(self, url: str) -> bytes:
        """Return the image's bytes."""
        ...


FacesSeen = Callable[[UUID, Sequence[Face]], None]
"""Called with the resource id and the faces of every analysed image."""


@dataclass(frozen=True, slots=True)
class ModelLabels:
    """The models behind the contract's model names on this server.

    Attributes:
        detection: operating point of each `detection_0N`.
        recognition: embedding pack of each `recognition_0N`.
    """

    detection: Mapping[str, OperatingPoint]
    recognition: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Detect:
    """The handler of Detect.

    Attributes:
        engine: detects and analyses faces.
        memory: stores templates under face ids.
        labels: the models behind the contract's model names.
        workers: the worker pool for images.
        downloads: a separate worker pool for downloads, so that a slow web server does not block a core.
        download: fetches a URL.
        limits: size and time limits of request bodies.
        session_images: the images of liveness sessions.
        strict_children: returns whether a resource has a stricter threshold for faces of likely children.
        seen: called with the faces of every image.
    """

    engine: Engine
    memory: FaceMemory
    labels: ModelLabels
    workers: WorkerPool
    downloads: WorkerPool
    download: Downloader
    limits: BodyLimits
    session_images: SessionImages
    strict_children: Callable[[UUID], bool]
    seen: FacesSeen = lambda _, __: None

    def operations(self) -> list[Operation]:
        """Return the operations of this family."""
        return [
            Operation("Face - Detect", "POST", "/detect", self, ALL, "detect", 1, describe=describe_detect),
        ]

    async def __call__(self, exchange: Exchange) -> Response:
        """Return the faces of the image, largest first."""
        version = BY_NAME[exchange.version]
        query = parse_detect_query(exchange.request, version)
        _check_approval(exchange.resource, query)
        body = await read_image_or_json(exchange.request, self.limits)
        resource_id = exchange.resource_id
        if isinstance(body, bytes):
            return await self.workers.run(self._answer, body, query, version, resource_id)
        url, session_image = _source(body, version)
        if url is not None:
            image = await self.downloads.run(self.download, url)
        else:
            found = await self.downloads.run(self.session_images.find, resource_id, session_image or "")
            if found is None:
                raise _NO_SESSION_IMAGE.problem(hint="The sessionImageId is not one that this server keeps.")
            image = found
        return await self.workers.run(self._answer, image, query, version, resource_id)

    def _answer(self, image: bytes, query: DetectQuery, version: Version, resource_id: UUID) -> Response:
        """Analyse the image, store its templates and return the response, in one worker thread."""
        strict = query.face_ids and self.strict_children(resource_id)
        want = Want(
            operating_point=self.labels.detection[query.detection_model],
            recogniser=self.labels.recognition[query.recognition_model] if query.face_ids else None,
            landmarks=query.landmarks,
            attributes=query.attributes | {Attribute.AGE} if strict else query.attributes,
        )
        faces = self.engine.analyze(image, want).faces
        self.seen(resource_id, faces)
        if strict:
            faces = tuple(_judged(face, keep_age=Attribute.AGE in query.attributes) for face in faces)
        face_ids = None
        if query.face_ids:
            embeddings = [face.embedding for face in faces if face.embedding is not None]
            face_ids = self.memory.remember(resource_id, query.recognition_model, embeddings, query.seconds)
        answer = detected_faces(
            faces,
            version,
            face_ids=face_ids,
            recognition_model=query.recognition_model if query.recognition_model_named else None,
            with_attributes=bool(query.attributes),
        )
        return Response(body=_AS_JSON(answer).encode())


def _judged(face: Face, *, keep_age: bool) -> Face:
    """Mark the template of a likely child, and drop the estimated age unless it was requested."""
    age, embedding = face.attributes.age, face.embedding
    if embedding is not None and age is not None and age < CHILD_AGE:
        embedding = replace(embedding, strict=True)
    attributes = face.attributes if keep_age else replace(face.attributes, age=None)
    return replace(face, attributes=attributes, embedding=embedding)


def _check_approval(resource: Resource, query: DetectQuery) -> None:
    """Check the requested results against the approvals of the resource.

    Raises:
        FeatureNotGrantedError: a face id or a limited attribute is requested without approval.
    """
    faces = [gates.RECOGNITION] if query.face_ids else []
    gates.require(resource, *faces, *((feature,) for feature in gates_of(query.attributes)))


def _source(body: Mapping[str, Any], version: Version) -> tuple[str | None, str | None]:
    """Return the URL and the session image id in a JSON body; exactly one is not None."""
    url = body.get("url")
    session_image = body.get("sessionimageid")
    if session_image is not None and not version.session_images:
        raise _BODY.problem(hint=f"{version.name} has no sessionImageId; it came with v1.2-preview.1.")
    if (url is None) == (session_image is None):
        which = "either url or sessionImageId" if version.session_images else "url"
        raise _BODY.problem(hint=f"The body must have {which}.")
    if session_image is not None:
        if not isinstance(session_image, str) or not session_image:
            raise _BODY.problem(hint="sessionImageId must be a text that is not empty.")
        return None, session_image
    return image_url(url), None
