"""Fingerprints: only templates with equal fingerprints may be compared."""

from __future__ import annotations

from collections.abc import Callable

from mien.models.digest import sha256_of_json
from mien.models.manifest import Manifest


def fingerprint(manifest: Manifest, find: Callable[[str], Manifest]) -> str:
    """Return the fingerprint of the computation of a pack's networks.

    Args:
        manifest: manifest of any task.
        find: returns the manifest of a fusion's part.

    Returns:
        SHA-256 in hex. Only templates with equal fingerprints are comparable.

    Raises:
        UnknownPackError: from `find`.
    """
    if manifest.fusion:
        parts = [
            [
                fingerprint(find(name).model_copy(update={"normalisation": None}), find),
                round(share, 9),
                part.reliability and part.reliability.model_dump(),
            ]
            for part, (name, share) in zip(manifest.fusion, manifest.shares(), strict=True)
        ]
        return sha256_of_json(["fusion", parts, *_normalisation(manifest)])
    files = {
        role: {
            "sha256": file.sha256,
            "convert": [file.convert.method, file.convert.revision] if file.convert else None,
            "input": file.input.model_dump(mode="json", exclude={"batch"}) if file.input else None,
            "output": [file.output.name, file.output.dimension, file.output.centre],
        }
        for role, file in sorted(manifest.files.items())
    }
    return sha256_of_json([manifest.task.value, files, *_normalisation(manifest)])


def _normalisation(manifest: Manifest) -> list[object]:
    """Return the normalisation's part of a fingerprint; empty without one, to keep earlier fingerprints valid."""
    stated = manifest.normalisation
    return [[stated.sha256, stated.floor, stated.gain, stated.scale]] if stated else []
