"""What the doctor knows of the Face contract besides the error catalogue: versions, models, attributes, SDKs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VERSIONS: Final = ("v1.0", "v1.0-preview", "v1.1-preview.1", "v1.2-preview.1", "v1.2", "v1.3-preview.1")
"""The API versions with detection and recognition, oldest first."""

LIVENESS_VERSIONS: Final = ("v1.0-preview.1", "v1.1-preview.1", "v1.2-preview.1", "v1.2", "v1.3-preview.1")
"""The API versions with liveness sessions."""

STABLE: Final = "v1.2"
"""The newest version that is not a preview."""

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"

PLAIN_ATTRIBUTES: Final[Mapping[str, str]] = {
    "headPose": "detection_03",
    "blur": "detection_03",
    "mask": "detection_03",
    "qualityForRecognition": "detection_03",
    "glasses": "detection_01",
    "occlusion": "detection_01",
    "accessories": "detection_01",
    "exposure": "detection_01",
    "noise": "detection_01",
}
"""The attributes that everybody gets, with a detection model that has them."""

LIMITED_ATTRIBUTES: Final = ("age", "smile", "facialHair", "hair", "makeup")
"""The attributes that take an approval; makeup is in v1.0 only."""

RETIRED_ATTRIBUTES: Final = ("emotion", "gender")
"""The attributes that no version returns any more."""

RECOGNITION_MODELS: Final = ("recognition_01", "recognition_02", "recognition_03", "recognition_04")

FACE_ID_SECONDS: Final = (60, 86400)
"""The shortest life of a face id, and the longest, which is the default."""

AZURE_SUFFIXES: Final = (
    "cognitiveservices.azure.com",
    "cognitiveservices.azure.us",
    "cognitiveservices.azure.cn",
    "api.cognitive.microsoft.com",
    "api.cognitive.microsoft.us",
    "api.cognitive.azure.cn",
)
"""What the hosts of Azure's endpoints end in: custom subdomains, then regional endpoints."""

SDK_VERSIONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "azure-ai-vision-face": (("1.0.0b1", "v1.1-preview.1"), ("1.0.0b2", "v1.2-preview.1")),
    "azure-cognitiveservices-vision-face": (("", "v1.0"),),
    "@azure-rest/ai-vision-face": (
        ("1.0.0-beta.1", "v1.1-preview.1"),
        ("1.0.0-beta.2", "v1.2-preview.1"),
        ("1.0.0-beta.3", "v1.2"),
    ),
    "@azure/cognitiveservices-face": (("", "v1.0"),),
}
"""The API version that each release of an SDK speaks when it is not told another; "" for every release."""

NEWEST_SDK: Final[Mapping[str, str]] = {
    "azure-ai-vision-face": "1.0.0b2",
    "@azure-rest/ai-vision-face": "1.0.0-beta.3",
}
"""The newest release of each SDK that the contract was studied with (late 2025)."""

SUCCESSORS: Final[Mapping[str, str]] = {
    "azure-cognitiveservices-vision-face": "azure-ai-vision-face",
    "@azure/cognitiveservices-face": "@azure-rest/ai-vision-face",
}
"""What replaced the SDKs that are retired."""
