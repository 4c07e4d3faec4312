"""Image bytes → faces: decoding, detection, landmarks, pose, alignment, embedding, quality, attributes.

Knows no HTTP and no database; usable as a library:

    from mien.vision import Attribute, FaceEngine, Want

    engine = FaceEngine()
    want = Want(landmarks=True, attributes=frozenset({Attribute.HEAD_POSE}), recogniser="sface-int8")
    for face in engine.analyze(Path("photo.jpg").read_bytes(), want).faces:
        print(face.box, face.attributes.head_pose, face.embedding.vector.shape)

Each step has a module: `decode` (bytes → `Photo`), `detector` and `finder` (→ boxes and five points), `align`,
`embedder` (→ template), `landmarks` (→ mesh and the 27 named points), `pose`, `attributes`. `engine` combines them and
computes only the requested results; `types` has the requests and results, `errors` the exceptions.
"""

from typing import TYPE_CHECKING

from mien.contract.attributes import Attribute
from mien.lazy import lazily
from mien.vision.errors import ImageError, UnsupportedAttributeError, VisionError
from mien.vision.types import Attributes, Embedding, Face, FaceBox, OperatingPoint, Want

if TYPE_CHECKING:
    from mien.vision.engine import Analysis, FaceEngine

__all__ = [
    "Analysis",
    "Attribute",
    "Attributes",
    "Embedding",
    "Face",
    "FaceBox",
    "FaceEngine",
    "ImageError",
    "OperatingPoint",
    "UnsupportedAttributeError",
    "VisionError",
    "Want",
]

__getattr__ = lazily(__name__, Analysis="engine", FaceEngine="engine")
