"""The content of an event about a track: the verdict, the reasons, and their numbers."""

from __future__ import annotations

from typing import Any

from mien.doors.events import Draft, EventKind
from mien.doors.evidence import TrackEvidence, TrackSource
from mien.doors.people import Known
from mien.doors.reasons import Code
from mien.doors.rules import AccessDecision, Situation
from mien.doors.types import Strangers


def decision_draft(
    watched: TrackSource, evidence: TrackEvidence, verdict: AccessDecision, situation: Situation
) -> Draft:
    """Return the event of a verdict on somebody who is seen at a door.

    Without an approval for video identification the event does not say who it is.
    """
    stranger = verdict.code is Code.STRANGER
    person = situation.person if situation.approved else None
    details: dict[str, Any] = {"door": situation.door.name, **_numbers(evidence)}
    if verdict.rule is not None and not stranger:
        details |= {"rule": verdict.rule.spec.name, "how": verdict.rule.spec.how.value}
    if verdict.failed:
        details["failed"] = [
            {"code": one.code.value, "have": one.have, "wanted": one.wanted}
            for one in (verdict.failed[:1] if stranger else verdict.failed)
        ]
    if stranger:
        details["announce"] = situation.door.spec.strangers is Strangers.ANNOUNCE
    return Draft(
        kind=EventKind.STRANGER if stranger else EventKind.DECISION,
        code=verdict.code,
        granted=verdict.granted,
        duress=verdict.duress,
        door_id=watched.door_id,
        camera=watched.camera,
        track=evidence.track[:64],
        direction=watched.direction.value,
        rule_id=verdict.rule.rule_id if verdict.rule and not stranger else None,
        collection=person.collection if person else None,
        person_id=person.person.person_id if person else None,
        details=details,
    )


def seen_draft(watched: TrackSource, evidence: TrackEvidence, known: Known) -> Draft:
    """Return the event of a known person before a camera that watches no door."""
    return Draft(
        kind=EventKind.SEEN,
        code=Code.SEEN,
        camera=watched.camera,
        track=evidence.track,
        collection=known.collection,
        person_id=known.person.person_id,
        details=_numbers(evidence),
    )


def _numbers(evidence: TrackEvidence) -> dict[str, Any]:
    return {
        "confidence": None if evidence.best is None else round(evidence.best.confidence, 4),
        "margin": round(evidence.margin, 4),
        "frames": evidence.frames,
        "readable": evidence.readable,
        "agreeing": evidence.agreeing,
        "quality": evidence.quality,
        "facePx": evidence.face_px,
        "liveness": None if evidence.liveness is None else round(evidence.liveness, 4),
        "startedAt": evidence.started_at.isoformat(timespec="milliseconds"),
    }
