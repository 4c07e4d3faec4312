"""Options of an examination."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mien.contract.limits import FACE_ID_SECONDS


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an examination.

    Attributes:
        url: the endpoint, as configured in the application.
        key: the key, unchanged; never printed.
        key_source: origin of the key, such as "the variable FACE_KEY".
        authority: file with additional trusted certificate authorities.
        seconds: timeout of a call.
        patience: maximum wait after a response 429, in seconds.
        interval: minimum seconds between two calls; 0.12 keeps the rate below ten per second.
        samples: number of detect calls for the latency percentiles; 0 for none.
        recognition_model: the application's recognition model.
        face_ids: face ids of the application to check.
        detected_at: time when they were created; None if unknown.
        face_id_seconds: their faceIdTimeToLive.
        private_endpoint: whether the resource should be reached through a private endpoint.
        key_in_query: whether to send the key in a URL once, to find out whether a proxy strips the header.
        most_groups: maximum number of checked collections.
        packages: additional folders with Python packages to search for SDKs.
        project: folder whose `node_modules` is searched.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    key_source: str = "the key"
    authority: Path | None = None
    seconds: float = 10.0
    patience: float = 5.0
    interval: float = 0.12
    samples: int = 10
    recognition_model: str | None = None
    face_ids: tuple[str, ...] = ()
    detected_at: datetime | None = None
    face_id_seconds: int = FACE_ID_SECONDS[1]
    private_endpoint: bool = False
    key_in_query: bool = False
    most_groups: int = 50
    packages: tuple[Path, ...] = ()
    project: Path | None = None
