"""Settings: requests and images."""

from __future__ import annotations

import os

from pydantic import Field

from mien.contract.limits import IMAGE_BYTES
from mien.settings.group import SettingsGroup


def usable_cores() -> int:
    """Return how many cores this process may run on (the affinity mask of a container counts)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


class RequestSettings(SettingsGroup):
    """Requests and images."""

    worker_threads: int = Field(
        default_factory=usable_cores,
        ge=1,
        le=256,
        description="Requests that are computed at the same time. Default: the cores this process may use.",
    )
    queue_limit: int = Field(
        default=256,
        ge=0,
        description="Requests that may wait for a worker thread; beyond that the answer is 503 with Retry-After.",
    )
    more_image_formats: bool = Field(
        default=False,
        description="Accept WebP, AVIF and HEIC images, which Azure refuses. HEIC needs the extra `heic`.",
    )
    max_image_bytes: int = Field(
        default=IMAGE_BYTES[1], ge=IMAGE_BYTES[0], description="Largest image, in bytes (Azure's limit is 6 MB)."
    )
    max_json_bytes: int = Field(default=1024 * 1024, ge=1024, description="Largest JSON body, in bytes.")
    body_timeout_seconds: float = Field(
        default=60.0, gt=0, description="How long a client may take to send a request body."
    )
