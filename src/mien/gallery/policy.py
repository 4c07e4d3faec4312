"""Enrolment policies: requirements for photos, and whether crops are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.contract.attributes import Attribute, Level3
from mien.gallery.errors import LowQualityError, Shortfall
from mien.gallery.kinds import CollectionRef
from mien.gallery.remembered import Remembered
from mien.gallery.rows import Rows
from mien.messages import Message
from mien.storage.tables import CollectionRow, EnrolmentPolicyRow
from mien.vision.types import Face

_LEVELS = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class EnrolmentPolicy:
    """Requirements for enrolled photos; by default none, and no crop is stored.

    Attributes:
        min_quality: lowest qualityForRecognition, `low`, `medium` or `high`.
        max_blur: highest blurLevel, `low` or `medium`.
        no_occlusion: refuse faces with forehead, eyes or mouth covered.
        max_yaw: most degrees the head may be turned to either side.
        max_pitch: most degrees it may be lifted or lowered.
        max_roll: most degrees it may be tilted.
        min_size: least pixels of the shorter side of the face rectangle.
        keep_crops: store an encrypted crop of each enrolled face, for re-embedding with another recogniser
            (`mien gallery crops` counts and erases crops).
        strict_children: of a resource: require a stricter match for faces that look like a child's. The age is
            estimated only for this, and neither reported nor stored.
        train_after_edits: train a group automatically after changes in the portal.
        negatives: store faces that people said are not a person, and match the person more strictly against similar
            faces (`mien.gallery.negatives`).
    """

    min_quality: str | None = None
    max_blur: str | None = None
    no_occlusion: bool = False
    max_yaw: float | None = None
    max_pitch: float | None = None
    max_roll: float | None = None
    min_size: int | None = None
    keep_crops: bool = False
    strict_children: bool = False
    train_after_edits: bool = True
    negatives: bool = False

    def __post_init__(self) -> None:
        for name in ("min_quality", "max_blur"):
            if getattr(self, name) not in {None, *_LEVELS}:
                raise ValueError(f"{name} is one of {', '.join(_LEVELS)}")
        for name in ("max_yaw", "max_pitch", "max_roll", "min_size"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e6:
                raise ValueError(f"{name} must be positive")

    @property
    def attributes(self) -> frozenset[Attribute]:
        """The attributes that `check` needs."""
        wanted = {
            Attribute.QUALITY: self.min_quality,
            Attribute.BLUR: self.max_blur,
            Attribute.OCCLUSION: self.no_occlusion,
            Attribute.HEAD_POSE: self.max_yaw or self.max_pitch or self.max_roll,
        }
        return frozenset(attribute for attribute, asked in wanted.items() if asked)

    def check(self, face: Face) -> None:
        """Check a face that was analysed with `attributes`.

        Raises:
            LowQualityError: the face does not meet the policy; lists every shortfall.
        """
        found = [*self._levels(face), *self._covered(face), *self._pose(face), *self._size(face)]
        if found:
            raise LowQualityError(found)

    def _levels(self, face: Face) -> list[Shortfall]:
        found = []
        quality, blur = face.attributes.quality, face.attributes.blur
        if self.min_quality and quality is not None and _rank(quality) < _LEVELS.index(self.min_quality):
            found.append(
                Shortfall("qualityForRecognition", quality.value, Message("at least {limit}", limit=self.min_quality))
            )
        if self.max_blur and blur is not None and _LEVELS.index(blur.level.value) > _LEVELS.index(self.max_blur):
            found.append(
                Shortfall(
                    "blur", f"{blur.level.value} ({blur.value:.2f})", Message("at most {limit}", limit=self.max_blur)
                )
            )
        return found

    def _covered(self, face: Face) -> list[Shortfall]:
        covered = face.attributes.occlusion
        if not self.no_occlusion or covered is None:
            return []
        parts = [name for name in ("forehead", "eye", "mouth") if getattr(covered, name)]
        return (
            [Shortfall("occlusion", Message("{parts} covered", parts=" and ".join(parts)), Message("nothing covered"))]
            if parts
            else []
        )

    def _pose(self, face: Face) -> list[Shortfall]:
        pose = face.attributes.head_pose
        found = []
        for name in ("yaw", "pitch", "roll"):
            limit = getattr(self, f"max_{name}")
            if limit is not None and pose is not None and abs(getattr(pose, name)) > limit:
                found.append(
                    Shortfall(
                        name,
                        Message("{angle:.1f} degrees", angle=getattr(pose, name)),
                        Message("at most {limit:g} to either side", limit=limit),
                    )
                )
        return found

    def _size(self, face: Face) -> list[Shortfall]:
        side = min(face.box.width, face.box.height)
        if self.min_size is None or side >= self.min_size:
            return []
        return [
            Shortfall(
                "size", Message("{side} pixels", side=side), Message("at least {limit} pixels", limit=self.min_size)
            )
        ]

    def to_json(self) -> str:
        """Return the policy as JSON, without default values."""
        default = EnrolmentPolicy()
        return json.dumps({name: value for name, value in asdict(self).items() if value != getattr(default, name)})

    @classmethod
    def from_json(cls, text: str) -> EnrolmentPolicy:
        """Parse a policy; fields that this version does not know are ignored."""
        known = {field.name for field in fields(cls)}
        given: dict[str, Any] = json.loads(text)
        return cls(**{name: value for name, value in given.items() if name in known})


def _rank(level: Level3) -> int:
    return _LEVELS.index(level.value)


class Policies:
    """The enrolment policies of resources and collections.

    Args:
        rows: opens sessions.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._strict = Remembered(rows.clock, lambda resource_id: self.get(resource_id).strict_children)

    def strict_children(self, resource_id: UUID) -> bool:
        """Whether children's faces need a stricter match; a change takes effect within `remembered.KNOWN_FOR`."""
        return self._strict.of(resource_id)

    def set(self, resource_id: UUID, policy: EnrolmentPolicy) -> None:
        """Set the policy of a resource, for all collections without their own."""
        with self._rows.database.write(resource_id) as session:
            row = session.scalar(select(EnrolmentPolicyRow))
            if row is None:
                session.add(EnrolmentPolicyRow(resource_id=resource_id, policy=policy.to_json()))
            else:
                row.policy = policy.to_json()
        self._strict.forget(resource_id)

    def set_for(self, ref: CollectionRef, policy: EnrolmentPolicy | None) -> None:
        """Set a collection's own policy; None returns it to the resource's.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.writing(ref, while_training=True) as (_, row):
            row.policy = policy.to_json() if policy else None

    def get(self, resource_id: UUID) -> EnrolmentPolicy:
        """Return the policy of a resource."""
        with self._rows.database.read(resource_id) as session:
            return _of_resource(session)

    def own(self, ref: CollectionRef) -> EnrolmentPolicy | None:
        """Return a collection's own policy; None if it has the resource's.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (_, row):
            return EnrolmentPolicy.from_json(row.policy) if row.policy else None

    def get_for(self, ref: CollectionRef) -> EnrolmentPolicy:
        """Return the policy in effect for a collection.

        Raises:
            CollectionNotFoundError: there is no such collection.
        """
        with self._rows.reading(ref) as (session, row):
            return policy_of(session, row)


def policy_of(session: Session, row: CollectionRow) -> EnrolmentPolicy:
    """Return the policy in effect for a collection's row."""
    return EnrolmentPolicy.from_json(row.policy) if row.policy else _of_resource(session)


def _of_resource(session: Session) -> EnrolmentPolicy:
    text = session.scalar(select(EnrolmentPolicyRow.policy))
    return EnrolmentPolicy.from_json(text) if text else EnrolmentPolicy()
