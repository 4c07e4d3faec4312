"""Facts about Azure beyond the Face contract: hosts and SDKs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mien.contract.versions import V1_0, V1_1_PREVIEW, V1_2, V1_2_PREVIEW

AZURE_SUFFIXES: Final = (
    "cognitiveservices.azure.com",
    "cognitiveservices.azure.us",
    "cognitiveservices.azure.cn",
    "api.cognitive.microsoft.com",
    "api.cognitive.microsoft.us",
    "api.cognitive.azure.cn",
)
"""Host suffixes of Azure's endpoints: custom subdomains, then regional endpoints."""

SDK_VERSIONS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "azure-ai-vision-face": (("1.0.0b1", V1_1_PREVIEW.name), ("1.0.0b2", V1_2_PREVIEW.name)),
    "azure-cognitiveservices-vision-face": (("", V1_0.name),),
    "@azure-rest/ai-vision-face": (
        ("1.0.0-beta.1", V1_1_PREVIEW.name),
        ("1.0.0-beta.2", V1_2_PREVIEW.name),
        ("1.0.0-beta.3", V1_2.name),
    ),
    "@azure/cognitiveservices-face": (("", V1_0.name),),
}
"""The default API version of each SDK release; "" matches every release."""

NEWEST_SDK: Final[Mapping[str, str]] = {
    "azure-ai-vision-face": "1.0.0b2",
    "@azure-rest/ai-vision-face": "1.0.0-beta.3",
}
"""The newest known release of each SDK (late 2025)."""

SUCCESSORS: Final[Mapping[str, str]] = {
    "azure-cognitiveservices-vision-face": "azure-ai-vision-face",
    "@azure/cognitiveservices-face": "@azure-rest/ai-vision-face",
}
"""The replacements of retired SDKs."""
