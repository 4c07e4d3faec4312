"""The real ASGI application around an engine that sees what it is told to: the wire is what these tests are about."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import cv2
import httpx
import numpy as np
import pytest

from mien.accounts import ALL_FEATURES, Resource, Sku
from mien.contract.attributes import Attribute, ExposureLevel, GlassesType, Level3, MaskType
from mien.gateway.cors import Origins
from mien.vision.decode import decode
from mien.vision.engine import Analysis
from mien.vision.types import (
    Accessory,
    Attributes,
    Embedding,
    Face,
    FaceBox,
    FacialHair,
    Hair,
    HairColor,
    HeadPose,
    Makeup,
    Mask,
    Measured,
    Occlusion,
    OperatingPoint,
    Want,
)
from mien.wire.application import Application, ApplicationParts
from mien.wire.body import BodyLimits
from mien.wire.detect import ModelLabels

KEY = "0123456789abcdef0123456789abcdef"
DETECTION = {
    "detection_01": OperatingPoint.GENERAL,
    "detection_02": OperatingPoint.SENSITIVE,
    "detection_03": OperatingPoint.BEST,
}
ATTRIBUTES = Attributes(
    head_pose=HeadPose(1.64, 2.11, -3.0),
    glasses=GlassesType.NONE,
    occlusion=Occlusion(forehead=False, eye=True, mouth=False),
    accessories=(Accessory("headWear", 0.994), Accessory("glasses", 1.0)),
    mask=Mask(MaskType.FACE_MASK, nose_and_mouth_covered=True),
    blur=Measured(Level3.MEDIUM, 0.512),
    exposure=Measured(ExposureLevel.GOOD, 0.55),
    noise=Measured(Level3.LOW, 0.12),
    quality=Level3.HIGH,
    age=71.04,
    smile=0.88,
    facial_hair=FacialHair(0.8, 0.1, 0.02),
    hair=Hair(0.0, invisible=False, colors=(HairColor("brown", 1.0), HairColor("gray", 0.071))),
    makeup=Makeup(eye=True, lip=False),
)
FIELD_OF = {
    Attribute.HEAD_POSE: "head_pose",
    Attribute.QUALITY: "quality",
    Attribute.FACIAL_HAIR: "facial_hair",
}


def resource(**fields: Any) -> Resource:
    """A resource with everything approved, unless told otherwise."""
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return replace(Resource(uuid4(), "wire", "westeurope", Sku.STANDARD, "wire", made, features=ALL_FEATURES), **fields)


class ToldEngine:
    """Decodes the image for real and then finds `count` faces, with everything that was wanted of them."""

    def __init__(self) -> None:
        self.count = 1
        self.age = ATTRIBUTES.age
        self.wants: list[Want] = []
        self.error: Exception | None = None

    def analyze(self, image: bytes, want: Want) -> Analysis:
        self.wants.append(want)
        seen = decode(image)
        if self.error is not None:
            raise self.error
        chosen = {FIELD_OF.get(name, name.value) for name in want.attributes}
        attributes = Attributes(**{name: getattr(ATTRIBUTES, name) for name in chosen})
        attributes = replace(attributes, age=self.age if "age" in chosen else None)
        embedding = Embedding(np.eye(1, 4, dtype=np.float32)[0], "f" * 64, 1.0) if want.recogniser else None
        points = np.zeros((5, 2), np.float32)
        landmarks = (np.arange(54).reshape(27, 2) / 3).astype(np.float32) if want.landmarks else None
        boxes = [FaceBox(10, 20, 90 - n, 80) for n in range(self.count)]
        faces = tuple(Face(box, 0.9, points, landmarks, attributes, embedding) for box in boxes)
        return Analysis(seen.width, seen.height, faces)


class Memory:
    """Remembers what it was asked to remember."""

    def __init__(self) -> None:
        self.calls: list[tuple[UUID, str, int, int]] = []
        self.embeddings: list[Embedding] = []

    def remember(self, resource_id: UUID, model: str, embeddings: Sequence[Embedding], ttl_seconds: int) -> list[str]:
        self.calls.append((resource_id, model, len(embeddings), ttl_seconds))
        self.embeddings += embeddings
        return [str(uuid4()) for _ in embeddings]


class Accounts:
    """One resource with one key."""

    def __init__(self) -> None:
        self.resource = resource()

    def find_by_key(self, key: str) -> Resource | None:
        return self.resource if key == KEY else None

    def get(self, resource_id: UUID) -> Resource | None:
        return self.resource if resource_id == self.resource.id else None

    def allows_origin(self, origin: str) -> bool:
        return Origins(frozenset(self.resource.cors_origins)).allow(origin)

    def find_by_subdomain(self, label: str) -> Resource | None:
        return self.resource if label == self.resource.custom_subdomain else None


class Web:
    """What is behind URLs."""

    def __init__(self) -> None:
        self.answer: bytes | Exception = b""
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Service:
    """The application and what it was put together from."""

    engine: ToldEngine
    memory: Memory
    accounts: Accounts
    web: Web
    application: Application

    def client(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.application), base_url="http://mien.test", headers=headers
        )


@pytest.fixture
def make_service() -> Callable[..., Service]:
    def make(**parts: object) -> Service:
        engine, memory, accounts, web = ToldEngine(), Memory(), Accounts(), Web()
        labels = ModelLabels(DETECTION, {f"recognition_0{n}": "pack" for n in range(1, 5)})
        limits = BodyLimits(seconds=1)
        given = {"accounts": accounts, "engine": engine, "memory": memory, "download": web, "labels": labels}
        application = Application(ApplicationParts(**{"limits": limits, **given, **parts}))  # type: ignore[arg-type]  # test doubles
        return Service(engine, memory, accounts, web, application)

    return make


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


@pytest.fixture
async def api(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a good key and the content type of an image."""
    headers = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/octet-stream"}
    async with service.client(**headers) as client:
        yield client
    service.application.close()


@pytest.fixture(scope="session")
def photo() -> bytes:
    """A JPEG of 64 × 48 noisy pixels, more than 1 KB."""
    pixels = np.random.default_rng(7).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])
