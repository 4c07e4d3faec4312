"""Differences between the API versions for liveness sessions."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mien.contract.versions import V1_0_PREVIEW_1, V1_1_PREVIEW, V1_2, V1_2_PREVIEW, V1_3_PREVIEW


@dataclass(frozen=True, slots=True)
class LivenessVersion:
    """The format of liveness sessions in one version.

    Attributes:
        name: the version's.
        single_modal: whether paths are `…/singleModal/sessions`, with lists and audit entries; else `…-sessions`, with
            attempts within the session.
        send_results: whether `sendResultsToClient` exists.
        images: whether session images exist.
        image_hash: whether `returnVerifyImageHash` and `verifyConfidenceThreshold` exist.
        form_only: whether a session with verify takes a form only.
        abuse: whether attempts, users, addresses and abuse monitoring can be chosen.
        model_field: the property that names a model version, or None.
        models: the model versions that it takes; the last is the default.
    """

    name: str
    single_modal: bool = False
    send_results: bool = False
    images: bool = True
    image_hash: bool = True
    form_only: bool = True
    abuse: bool = False
    model_field: str | None = "livenessModelVersion"
    models: tuple[str, ...] = ("2025-05-20", "2024-11-15")


_FIRST_MODELS: Final = (
    "2020-02-15-preview.01",
    "2021-11-12-preview.03",
    "2022-10-15-preview.04",
    "2023-03-02-preview.05",
)


def _first(name: str) -> LivenessVersion:
    return LivenessVersion(
        name,
        single_modal=True,
        send_results=True,
        images=False,
        image_hash=False,
        form_only=False,
        model_field=None,
        models=_FIRST_MODELS,
    )


LIVENESS_VERSIONS: Final = MappingProxyType(
    {
        version.name: version
        for version in (
            _first(V1_0_PREVIEW_1.name),
            _first(V1_1_PREVIEW.name),
            LivenessVersion(
                V1_2_PREVIEW.name,
                single_modal=True,
                send_results=True,
                form_only=False,
                model_field="livenessSingleModalModel",
                models=("2022-10-15-preview.04", "2023-12-20-preview.06"),
            ),
            LivenessVersion(V1_2.name),
            LivenessVersion(V1_3_PREVIEW.name, abuse=True),
        )
    }
)
"""The versions that have liveness sessions, by name."""

SINGLE_MODAL: Final = frozenset(name for name, version in LIVENESS_VERSIONS.items() if version.single_modal)
"""Versions whose paths are `…/singleModal/sessions`."""

WITH_ATTEMPTS: Final = frozenset(LIVENESS_VERSIONS) - SINGLE_MODAL
"""Versions whose paths are `…-sessions`."""

MONITORED: Final = frozenset(name for name, version in LIVENESS_VERSIONS.items() if version.abuse)
"""Versions with settings and abuse monitoring."""
