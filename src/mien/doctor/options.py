"""Options of an examination."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an examination.

    Attributes:
        url: the endpoint, as it is written in the application.
        key: the key, as it is; never printed.
        key_source: origin of the key, such as "the variable FACE_KEY".
        authority: file with a certificate authority to trust besides the usual ones.
        seconds: how long to wait for an answer.
        patience: how many seconds to wait at most when a call is answered 429.
        interval: how many seconds lie between two calls at least; 0.12 keeps below ten in a second.
        samples: how many calls of detect the percentiles of latency are taken from; 0 for none.
        recognition_model: the model that the application says it uses.
        face_ids: face ids of the application to look for.
        detected_at: time when they were created; None if unknown.
        face_id_seconds: the faceIdTimeToLive that they were made with.
        private_endpoint: whether the resource should be reached through a private endpoint.
        key_in_query: whether the key may be sent in a URL once, to learn whether a proxy strips the header.
        most_groups: how many collections are looked at.
        packages: folders with Python packages to look for SDKs in, besides the running environment's.
        project: folder whose `node_modules` is looked at.
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
    face_id_seconds: int = 86400
    private_endpoint: bool = False
    key_in_query: bool = False
    most_groups: int = 50
    packages: tuple[Path, ...] = ()
    project: Path | None = None
