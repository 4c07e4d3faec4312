"""Checks of detect on the built-in photo: limited access, attributes, latency."""

from __future__ import annotations

import math
import random
import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from typing import Any, Final

from mien.contract.attributes import DECLARED, LIMITED, RETIRED
from mien.contract.features import Feature
from mien.contract.limits import FACE_ID_SECONDS
from mien.contract.liveness_versions import LIVENESS_VERSIONS, WITH_ATTEMPTS
from mien.contract.models import DETECTION_01, DETECTION_MODELS, NEWEST_DETECTION, NEWEST_RECOGNITION
from mien.contract.versions import V1_0
from mien.doctor.case import Case, Findings, Stop, finding, not_approved, refused
from mien.doctor.client import HttpAnswer, Trouble
from mien.doctor.findings import Finding, Severity
from mien.doctor.refusals import missing_features

_NOWHERE: Final = "00000000-0000-0000-0000-000000000000"


def photo() -> bytes:
    """Return the built-in photo: JPEG, 320 × 320 pixels, one face, in the public domain (see NOTICE)."""
    return resources.files("mien.doctor").joinpath("photo.jpg").read_bytes()


def faceless() -> bytes:
    """Return an image without a face: PNG, 128 × 128 pixels of reproducible noise."""
    side, noise = 128, random.Random(6)  # noqa: S311  not a secret
    rows = b"".join(b"\0" + noise.randbytes(side) for _ in range(side))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def detect(case: Case, *, version: str | None = None, image: bytes | None = None, **query: str) -> HttpAnswer:
    """Call detect with the built-in photo or another image; creates no face id unless the query requests one.

    Raises:
        Stop: there was no response.
    """
    params = {
        "detectionModel": NEWEST_DETECTION,
        "recognitionModel": NEWEST_RECOGNITION,
        "returnFaceId": "false",
    } | query
    try:
        return case.client.call(
            "POST", f"/face/{version or case.version}/detect", params=params, content=image or photo()
        )
    except Trouble as trouble:
        raise Stop(f"the endpoint stopped answering ({trouble.kind}: {trouble.reason})") from trouble


def check_detect(case: Case) -> Findings:
    """Call detect with the built-in photo without a face id, so that it needs no approval and stores nothing.

    Raises:
        Stop: the call is refused, so the checks that depend on it would be too.
    """
    answer = detect(case)
    if not answer.ok:
        yield refused("detect", Severity.ERROR, case, answer)
        raise Stop("detect does not work")
    faces = answer.json()
    count = len(faces) if isinstance(faces, list) else -1
    if count == 1:
        yield finding("detect", Severity.OK, "Detect finds the one face of the built-in photo.")
    elif count == 0:
        yield finding(
            "detect",
            Severity.ERROR,
            "Detect finds no face in the built-in photo, which has one.",
            "Something changes the image on its way, or the server has the wrong models.",
            "On Mien, look at `mien models list`; look at whether a proxy rewrites bodies.",
        )
    else:
        yield finding("detect", Severity.WARNING, f"Detect answers {count} faces for a photo with one.")


def check_features(case: Case) -> Findings:
    """Test the features that need an approval, with calls that create no face ids or sessions."""
    answer = detect(case, image=faceless(), returnFaceId="true", faceIdTimeToLive=str(FACE_ID_SECONDS[0]))
    if answer.ok:
        yield finding("features", Severity.OK, "Detect takes returnFaceId=true. (Asked with a picture without a face.)")
    elif missing := missing_features(str(answer.error)):
        told = f"Detect gives no face ids: neither {' nor '.join(missing)} is approved."
        yield not_approved("features", Severity.WARNING, case, answer, told)
    else:
        yield refused("features", Severity.WARNING, case, answer, "Detect gives no face ids: ")
    group = f"doctor-{uuid.uuid4().hex[:12]}"  # does not exist
    probes: Mapping[Feature, tuple[str, Any]] = {
        Feature.IDENTIFICATION: (f"{case.base}/identify", {"faceIds": [_NOWHERE], "largePersonGroupId": group}),
        Feature.VERIFICATION: (f"{case.base}/verify", {"faceId1": _NOWHERE, "faceId2": _NOWHERE}),
        # Creates no session: approvals are checked first, and the body lacks required fields.
        Feature.LIVENESS: (_liveness_path(case), {}),
    }
    for feature, (path, body) in probes.items():
        if not path:
            yield finding("features", Severity.NOTE, f"{feature}: no API version that answers has it.")
            continue
        yield from _probe(case, feature, path, body)


def _liveness_path(case: Case) -> str:
    if case.version in WITH_ATTEMPTS:
        return f"{case.base}/detectLiveness-sessions"
    older = [version for version in case.versions if version in LIVENESS_VERSIONS]
    return f"/face/{older[-1]}/detectLiveness/singleModal/sessions" if older else ""


def _probe(case: Case, feature: str, path: str, body: Any) -> Findings:
    try:
        answer = case.client.call("POST", path, body=body)
    except Trouble as trouble:
        raise Stop(f"the endpoint stopped answering ({trouble.kind}: {trouble.reason})") from trouble
    missing = missing_features(str(answer.error))
    if answer.status == 403 and (missing or "UnsupportedFeature" in str(answer.error)):
        case.granted[feature] = False
        yield not_approved("features", Severity.WARNING, case, answer, f"{feature} is not approved.")
    elif answer.status == 404 and answer.error.get("code") == "404":
        yield finding("features", Severity.NOTE, f"{feature}: this endpoint has no such operation.")
    elif answer.ok or answer.status in {400, 404}:
        # The approval was checked before; this is the expected error about the request.
        case.granted[feature] = True
        yield finding("features", Severity.OK, f"{feature} is approved.", granted=True)
    else:
        yield refused("features", Severity.WARNING, case, answer, f"{feature} could not be tried. ")


def check_attributes(case: Case) -> Findings:
    """Request each attribute: the open ones in two calls, each limited or retired one in its own call."""
    yield from _check_plain(case)
    granted, refusals, limited = [], {}, []
    for attribute in LIMITED:
        name, legacy = attribute.value, DECLARED[attribute].legacy_only
        if legacy and case.versions and V1_0.name not in case.versions:
            continue
        version = V1_0.name if legacy else case.version
        model = DECLARED[attribute].detection_models[-1]
        answer = detect(case, version=version, detectionModel=model, returnFaceAttributes=name)
        if answer.ok and _has(answer, name):
            granted.append(name)
        elif answer.status == 403 and missing_features(str(answer.error)):
            limited.append(name)
            refusals["limited"] = answer
        else:
            refusals[name] = answer
    case.granted["LimitedAttributes"] = bool(granted) and not limited
    if granted:
        yield finding(
            "attributes", Severity.OK, f"Granted, of the limited attributes: {', '.join(granted)}.", granted=granted
        )
    if limited:
        told = f"Not approved, of the limited attributes: {', '.join(limited)}."
        yield not_approved("attributes", Severity.NOTE, case, refusals.pop("limited"), told)
    for name, answer in refusals.items():
        if answer.ok:
            yield finding("attributes", Severity.NOTE, f"{name} is answered without a value.", "", "")
        else:
            yield _not_returned(case, answer, Severity.NOTE, name)
    yield from _check_retired(case)


def _not_returned(case: Case, answer: HttpAnswer, severity: Severity, name: str, model: str = "") -> Finding:
    """Return the finding for a refused attribute, with the server's text if there is one."""
    told = refused("attributes", severity, case, answer, f"{name}{model} is not returned. ")
    step = told.next_step if answer.status >= 500 else f"Leave {name} out of returnFaceAttributes."
    return replace(told, means=answer.hint or told.means, next_step=step)


def _check_plain(case: Case) -> Findings:
    given: list[str] = []
    plain = [one for one in DECLARED.values() if one.gate is None]
    for model in reversed(DETECTION_MODELS):
        names = [one.attribute.value for one in plain if one.detection_models[-1] == model]
        if not names:
            continue
        answer = detect(case, detectionModel=model, returnFaceAttributes=",".join(names))
        if answer.ok and all(_has(answer, name) for name in names):
            given += names
            continue
        for name in names:  # find out which one is refused
            single = detect(case, detectionModel=model, returnFaceAttributes=name)
            if single.ok and _has(single, name):
                given.append(name)
            elif single.ok:
                yield finding("attributes", Severity.WARNING, f"{name} ({model}) is answered without a value.")
            else:
                yield _not_returned(case, single, Severity.WARNING, name, f" ({model})")
    if given:
        yield finding(
            "attributes", Severity.OK, f"Given to everybody, and given here: {', '.join(given)}.", given=given
        )


def _check_retired(case: Case) -> Findings:
    """Check that retired attributes are refused; services before 2023 return them."""
    version = V1_0.name if not case.versions or V1_0.name in case.versions else case.version
    answer = detect(case, version=version, detectionModel=DETECTION_01, returnFaceAttributes=",".join(RETIRED))
    names = " and ".join(RETIRED)
    if answer.ok:
        yield finding("attributes", Severity.NOTE, f"{names} are retired, but this endpoint still takes them.")
        return
    yield finding(
        "attributes",
        Severity.NOTE,
        f"{names} are retired: asking for them is refused ({answer.status}).",
        "No approval brings them back; an application that asks for them fails as a whole.",
        "Leave them out of returnFaceAttributes.",
        retired=list(RETIRED),
    )


def _has(answer: HttpAnswer, name: str) -> bool:
    faces = answer.json()
    if not isinstance(faces, list) or not faces:
        return False
    attributes = faces[0].get("faceAttributes") if isinstance(faces[0], dict) else None
    return isinstance(attributes, dict) and name in attributes


def check_latency(case: Case) -> Findings:
    """Measure the latency of detect without a face id, on an open connection."""
    answers: list[HttpAnswer] = []
    for _turn in range(case.options.samples):
        answer = detect(case)
        if answer.ok:
            answers.append(answer)
    if not answers:
        return
    whole = sorted(answer.seconds for answer in answers)
    inside = sorted(seconds for answer in answers if (seconds := answer.server_seconds) is not None)
    figures = {name: round(1000 * percentile(whole, share)) for name, share in (("p50", 0.5), ("p95", 0.95))}
    figures["max"] = round(1000 * whole[-1])
    text = ", ".join(f"{name} {value} ms" for name, value in figures.items())
    found = f"Detect takes {text} over {len(whole)} calls"
    details: dict[str, Any] = {"milliseconds": figures, "calls": len(whole)}
    if inside:
        server = round(1000 * percentile(inside, 0.5))
        details["server_p50_milliseconds"] = server
        found += f"; {server} ms of the median within the service, the rest on the way"
    slow = figures["p50"] > 2000
    way = bool(inside) and figures["p50"] > 4 * details["server_p50_milliseconds"] and figures["p50"] > 300
    means = "Most of it is the way: distance, a proxy, or a slow uplink." if way else "That is slow." if slow else ""
    step = "Use a resource in a nearer region, keep connections open, and send smaller images." if slow or way else ""
    yield finding("latency", Severity.WARNING if slow else Severity.OK, f"{found}.", means, step, **details)


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile of values by nearest rank; `share` is 0 to 1."""
    return values[max(0, math.ceil(share * len(values)) - 1)]


def check_rate_limit(case: Case, *, stopped: bool = False) -> Findings:
    """Report whether calls reached the rate limit, and whether this examination alone did so.

    Args:
        case: the examination.
        stopped: whether the rate limit ended it.
    """
    waits = case.client.waits
    calls, metered = len(case.client.answers), case.client.transactions
    made = f"{calls} calls were made" + (f", {metered} of them count as transactions" if metered else "")
    if not waits:
        yield finding("rate-limit", Severity.OK, f"No call met the rate limit. {made}.", calls=calls)
        return
    first = waits[0]
    refusal = case.explain(first.answer)
    alone = first.allowed is not None and first.own >= first.allowed
    means = refusal.means
    if alone:
        severity = Severity.WARNING if stopped else Severity.NOTE
        means += f" This examination met it by itself, with its {first.own} calls."
    else:
        severity = Severity.ERROR if stopped else Severity.WARNING
        share = f"only {first.own}" if first.own else "none"
        means += (
            f" Of the calls that count, {share} were this examination's: the application, others with its keys, or "
        )
        means += "an earlier examination made the rest."
    step = refusal.next_step
    wait = math.ceil(first.seconds or 60)
    if stopped and alone:
        step = f"Look again with --patience {max(60, wait)} --samples 0: it then waits for the limit, with fewer calls."
    elif stopped:
        step = f"Find out what else uses this resource's keys and spread its calls out; --patience {wait} waits for it."
    found = f"{len(waits)} of {calls} calls met the rate limit: {refusal.found}"
    yield finding("rate-limit", severity, found, means, step, limited=len(waits), calls=calls)


def verify_with_itself(case: Case, face_id: str) -> HttpAnswer:
    """Verify a face id with itself, to learn whether it is known.

    Raises:
        Stop: there was no response.
    """
    path = f"{case.base}/findsimilars"
    try:
        return case.client.call("POST", path, body={"faceId": face_id, "faceIds": [face_id]})
    except Trouble as trouble:
        raise Stop(f"the endpoint stopped answering ({trouble.kind}: {trouble.reason})") from trouble
