"""The API versions of the contract, and what differs between them for the same operation."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from mien.contract.attributes import Attribute, GlassesType, attributes_known


@dataclass(frozen=True, slots=True)
class Version:
    """An API version: its path segment, and its spelling and limits of what all versions share.

    Attributes:
        name: the canonical path segment.
        attributes: the face attributes that it knows.
        session_images: whether detect takes a `sessionImageId`.
        pascal_glasses: whether the names of glasses begin with a capital.
        head_wear: spelling of the accessory.
        directory_searches: whether verify and identify search the person directory; they still do where its management
            is gone.
        candidates: how many candidates identify returns when the caller does not say.
        null_dates: whether a training status spells out that there is no date yet, instead of leaving it out.
        not_started: the name of the first state of what runs in the background.
    """

    name: str
    attributes: frozenset[Attribute] = attributes_known(legacy=False)
    session_images: bool = True
    pascal_glasses: bool = False
    head_wear: str = "headwear"
    directory_searches: bool = True
    candidates: int = 10
    null_dates: bool = True
    not_started: str = "notStarted"

    def glasses(self, kind: GlassesType) -> str:
        """Return this version's spelling of what is worn on the eyes."""
        text = kind.value
        return text[0].upper() + text[1:] if self.pascal_glasses else text


def _legacy(name: str, *, directory_searches: bool) -> Version:
    """Return a version in the spelling of v1.0.

    The spelling is that of the live service (a recording of 2021, contract section 3): glasses in PascalCase, levels in
    lower or camel case, which programs compare as they are. The schema's `Low` and `noGlasses` were never sent.
    """
    return Version(
        name,
        attributes=attributes_known(legacy=True),
        session_images=False,
        pascal_glasses=True,
        head_wear="headWear",
        directory_searches=directory_searches,
        candidates=1,
        null_dates=False,
        not_started="notstarted",
    )


V1_0 = _legacy("v1.0", directory_searches=False)
V1_0_PREVIEW = _legacy("v1.0-preview", directory_searches=True)
V1_0_PREVIEW_1 = Version("v1.0-preview.1", session_images=False)
"""Liveness sessions only, shaped like those of v1.1-preview.1: the name under which their first clients called."""
V1_1_PREVIEW = Version("v1.1-preview.1", session_images=False)
V1_2_PREVIEW = Version("v1.2-preview.1")
V1_2 = Version("v1.2")
V1_3_PREVIEW = Version("v1.3-preview.1")

VERSIONS: tuple[Version, ...] = (V1_0, V1_0_PREVIEW, V1_1_PREVIEW, V1_2_PREVIEW, V1_2, V1_3_PREVIEW)
"""All versions with detection and recognition, oldest first."""

BY_NAME = MappingProxyType({version.name: version for version in VERSIONS})
"""Versions with detection and recognition by their canonical name."""

KNOWN = (*BY_NAME, V1_0_PREVIEW_1.name)
"""The names of everything that is an API version."""

STABLE = V1_2
"""The newest version that is not a preview: what hints and the documentation name."""

ALL = frozenset(BY_NAME)
"""The names of all versions with detection and recognition."""

DIRECTORY = frozenset({V1_0_PREVIEW.name, V1_1_PREVIEW.name, V1_2_PREVIEW.name})
"""The versions that manage a person directory."""

SNAPSHOTS = frozenset({V1_0.name})
"""The versions that carry collections between resources."""
