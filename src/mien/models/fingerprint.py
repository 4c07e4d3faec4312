"""Which templates may be compared: those of equal fingerprints."""

from __future__ import annotations

from collections.abc import Callable

from mien.models.digest import sha256_of_json
from mien.models.manifest import Manifest


def fingerprint(manifest: Manifest, find: Callable[[str], Manifest]) -> str:
    """Identify what the pack's networks compute.

    Args:
        manifest: manifest of any task.
        find: gives the manifest of a fusion's part.

    Returns:
        Sha256 in hex. Templates of equal fingerprints are comparable, others are not.

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
    """Return the normalisation's part of a fingerprint; empty without one, so that old fingerprints stay valid."""
    stated = manifest.normalisation
    return [[stated.sha256, stated.floor, stated.gain, stated.scale]] if stated else []
