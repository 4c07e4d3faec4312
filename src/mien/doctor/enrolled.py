"""Checks of enrolled data: models and training of the collections, and expiry of face ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.models import RECOGNITION_MODELS
from mien.doctor.access import ask, gated
from mien.doctor.case import Case, Findings, finding, not_approved, refused
from mien.doctor.detection import verify_with_itself
from mien.doctor.findings import Finding, Severity
from mien.doctor.keyform import GUID

_SOON: Final = timedelta(minutes=15)
_LONG_TRAINING: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CollectionKind:
    """A kind of collection.

    Attributes:
        path: path below the version.
        id_name: JSON property of its id.
        name: display name.
        members: path of its members, below its own; empty to skip the check.
        trained: whether it needs training.
    """

    path: str
    id_name: str
    name: str
    members: str
    trained: bool


_KINDS: Final = (
    CollectionKind("persongroups", "personGroupId", "person group", "persons", trained=True),
    CollectionKind("largepersongroups", "largePersonGroupId", "large person group", "persons", trained=True),
    CollectionKind("largefacelists", "largeFaceListId", "large face list", "persistedfaces", trained=True),
    CollectionKind("facelists", "faceListId", "face list", "", trained=False),
)


def check_collections(case: Case) -> Findings:
    """Check the recognition model and the training of every collection, up to the number that the options allow."""
    models: Counter[str] = Counter()
    other: list[str] = []
    looked = left = 0
    for kind in _KINDS:
        query = {"returnRecognitionModel": "true"} | ({"top": "1000"} if kind.trained else {})
        answer = ask(case, "GET", f"{case.base}/{kind.path}", query)
        listed = answer.json()
        if gated(answer):
            told = "Collections cannot be listed without an approval, so their training is not looked at."
            yield not_approved("collections", Severity.NOTE, case, answer, told)
            return
        if not answer.ok or not isinstance(listed, list):
            yield refused("collections", Severity.WARNING, case, answer, f"The {kind.name}s could not be listed. ")
            continue
        for entry in listed:
            if not isinstance(entry, dict) or not isinstance(entry.get(kind.id_name), str):
                continue
            model = str(entry.get("recognitionModel") or RECOGNITION_MODELS[0])
            models[model] += 1
            if case.options.recognition_model and model != case.options.recognition_model:
                other.append(f"{kind.name} {entry[kind.id_name]!r} ({model})")
            if kind.trained and looked < case.options.most_groups:
                looked += 1
                yield from _check_training(case, kind, entry[kind.id_name])
            elif kind.trained:
                left += 1
    if left:
        yield finding(
            "training",
            Severity.NOTE,
            f"{left} more collections were not looked at.",
            "Each takes a call or two.",
            "--most-groups looks at more.",
            left=left,
        )
    yield from _check_models(case, models, other)


def _check_models(case: Case, models: Counter[str], other: list[str]) -> Iterator[Finding]:
    told = ", ".join(f"{model} ({count})" for model, count in sorted(models.items()))
    if not models:
        yield finding("collections", Severity.OK, "There are no collections.")
        return
    if other:
        shown = ", ".join(other[:8]) + (f" and {len(other) - 8} more" if len(other) > 8 else "")
        yield finding(
            "recognition-model",
            Severity.ERROR,
            f"The application uses {case.options.recognition_model}, but these have another model: {shown}.",
            "Face ids of one model cannot be compared with faces of another: \"'recognitionModel' is incompatible.\"",
            f"Call detect with recognitionModel={_model_of(other)} for faces that are looked for there, or enrol them "
            f"anew in a collection of {case.options.recognition_model}.",
            models=dict(models),
            differing=other,
        )
    elif len(models) > 1 and case.options.recognition_model is None:
        yield finding(
            "recognition-model",
            Severity.WARNING,
            f"The collections have different recognition models: {told}.",
            "A face id only fits collections of the model that it was made with; detect's default is recognition_01.",
            "Run with --recognition-model and the model of the application to see which do not fit.",
            models=dict(models),
        )
    else:
        yield finding(
            "recognition-model", Severity.OK, f"Recognition models of the collections: {told}.", models=dict(models)
        )


def _model_of(collections: list[str]) -> str:
    """Return the model of the first collection, which is in brackets after its name."""
    return collections[0].rpartition("(")[2].rstrip(")")


def _check_training(case: Case, kind: CollectionKind, name: str) -> Findings:
    path = f"{case.base}/{kind.path}/{name}"
    answer = ask(case, "GET", f"{path}/training")
    status = answer.json()
    plain = f"the {kind.name} {name!r}"
    about = f"T{plain[1:]}"
    train = f"Train it: POST {path}/train"
    if answer.status == 404 and "NotTrained" in str(answer.error.get("code")):
        inside = ask(case, "GET", f"{path}/{kind.members}", {"top": "1"})
        if inside.ok and inside.json() == []:
            yield finding("training", Severity.NOTE, f"{about} is empty and was never trained.", "", "")
            return
        means = f"Its people cannot be found: searches fail with {answer.error.get('code')}."
        yield finding("training", Severity.WARNING, f"{about} was never trained.", means, train, collection=name)
        return
    if not answer.ok or not isinstance(status, dict):
        yield refused("training", Severity.WARNING, case, answer, f"The training of {plain} could not be asked after. ")
        return
    state = str(status.get("status", "")).lower()
    changed, trained = moment(status.get("lastActionDateTime")), moment(status.get("lastSuccessfulTrainingDateTime"))
    if state == "failed":
        message = str(status.get("message") or "no reason is given").rstrip(".")
        means = "The index of the last successful training, if any, stays in use; later changes are not found."
        yield finding(
            "training", Severity.ERROR, f"The training of {plain} failed: {message}.", means,
            "Add persons with faces, or take out what the message names, and train again.", collection=name,
        )  # fmt: skip
    elif state in {"running", "notstarted", "nonstarted"}:
        created = moment(status.get("createdDateTime"))
        long = created is not None and datetime.now(UTC) - created > _LONG_TRAINING
        yield finding(
            "training", Severity.WARNING if long else Severity.NOTE, f"{about} is being trained.",
            "It has been for more than an hour." if long else "Changes to it are refused until that is done.",
            f"Ask again: GET {path}/training" if long else "", collection=name,
        )  # fmt: skip
    elif changed is not None and trained is not None and changed > trained:
        yield finding(
            "training", Severity.WARNING, f"{about} was changed at {changed:%Y-%m-%d %H:%M} and trained before that.",
            "People added since then are not found, and deleted ones still are.", train, collection=name,
        )  # fmt: skip
    else:
        when = f": last at {trained:%Y-%m-%d %H:%M} UTC" if trained else ""
        yield finding("training", Severity.OK, f"{about} is trained{when}.", collection=name)


def check_face_ids(case: Case) -> Findings:
    """Check whether the given face ids are known, and when they expire, if possible."""
    options = case.options
    for face_id in options.face_ids:
        if not GUID.fullmatch(face_id.strip()):
            yield finding(
                "face-id",
                Severity.ERROR,
                f"{face_id[:40]!r} is not a face id.",
                "Face ids look like c5c24a82-6845-4031-9d5d-978df9175426.",
                "Compare it with what detect answered.",
            )
            continue
        answer = verify_with_itself(case, face_id.strip())
        code = str(answer.error.get("code"))
        ends = expiry_text(options.detected_at, options.face_id_seconds, case.skew)
        if answer.ok:
            yield from _alive(case, face_id)
        elif code == "FaceNotFound":
            yield finding(
                "face-id",
                Severity.ERROR,
                f"The face id {face_id} is not known{ends}.",
                "It has expired, belongs to another resource, or was never made: a face id lives for the "
                f"faceIdTimeToLive of its detect call, {FACE_ID_SECONDS[0]} to {FACE_ID_SECONDS[1]} s.",
                "Detect again just before it is needed; what should last belongs in a person or a list.",
            )
        else:
            yield refused("face-id", Severity.WARNING, case, answer, f"Whether {face_id} is known cannot be told. ")


def _alive(case: Case, face_id: str) -> Findings:
    options = case.options
    if options.detected_at is None:
        yield finding(
            "face-id",
            Severity.OK,
            f"The face id {face_id} is known.",
            "The service does not tell when it expires.",
            "",
        )
        return
    left = time_left(options.detected_at, options.face_id_seconds, case.skew)
    ends = expiry_text(options.detected_at, options.face_id_seconds, case.skew)
    soon = left < _SOON
    yield finding(
        "face-id",
        Severity.WARNING if soon else Severity.OK,
        f"The face id {face_id} is known{ends}.",
        "Calls with it will be answered FaceNotFound from then on." if soon else "",
        f"Detect again, with a longer faceIdTimeToLive ({FACE_ID_SECONDS[1]} s at most)." if soon else "",
        secondsLeft=round(left.total_seconds()),
    )


def time_left(detected: datetime, seconds: int, skew: float | None) -> timedelta:
    """Return the remaining lifetime of a face id by the server's clock; negative if it has expired."""
    now = datetime.now(UTC) - timedelta(seconds=skew or 0.0)
    return detected + timedelta(seconds=seconds) - now


def expiry_text(detected: datetime | None, seconds: int, skew: float | None) -> str:
    """Return a phrase on the expiry of a face id; empty if its creation time is unknown."""
    if detected is None:
        return ""
    end = detected.astimezone(UTC) + timedelta(seconds=seconds)
    left = time_left(detected, seconds, skew)
    word = "expires" if left > timedelta(0) else "expired"
    return f"; by its detect call it {word} at {end:%Y-%m-%d %H:%M:%S} UTC"


def moment(value: Any) -> datetime | None:
    """Parse a date of the service, which may have seven decimals; None if it is not a date."""
    if not isinstance(value, str):
        return None
    text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip().replace("Z", "+00:00"))
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)
