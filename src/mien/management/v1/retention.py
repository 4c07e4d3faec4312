"""Routes for consents and retention rules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from mien.accounts import Accounts
from mien.gallery.kinds import PUBLIC_KINDS, CollectionRef, persons_ref, ref_among
from mien.management.errors import invalid
from mien.management.routing import ENROLLERS, READERS, Enroller, Manager, Shown, Strict
from mien.management.v1.fields import Moment, find
from mien.management.v1.subjects import ConsentSeen, Resource, Text
from mien.subjects import ConsentState, Subjects, What

Collection = Annotated[
    str, Field(max_length=90, description="`directory`, or KIND/ID such as `largePersonGroup/staff`.")
]


class ConsentWanted(Strict):
    """A consent to be recorded."""

    collection: Collection
    member: Annotated[str, Field(max_length=64, description="The personId; in face lists the persistedFaceId.")]
    given_by: Text
    purpose: Text
    evidence: Text | None = None
    given_at: Moment | None = None
    expires_at: Moment | None = None


class Withdrawal(Strict):
    """Why and when a consent was withdrawn; now, when it is not said."""

    reason: Text | None = None
    at: Moment | None = None


class ConsentList(Shown):
    """Consents, oldest first."""

    value: list[ConsentSeen]


class RuleWanted(Strict):
    """A rule of retention; it replaces one of the same kind for the same collection."""

    what: What
    days: Annotated[int, Field(ge=0, le=36_500)]
    collection: Collection | None = None


class RuleSeen(Shown):
    """A rule of retention."""

    rule_id: UUID
    what: What
    collection: str | None
    days: int
    created_by: str
    created_at: datetime


class RuleList(Shown):
    """Rules, oldest first."""

    value: list[RuleSeen]


class RanSeen(Shown):
    """The data that a rule deletes in a collection."""

    rule_id: UUID
    what: What
    collection: str
    persons: int
    faces: int
    skipped: str | None


class RanList(Shown):
    """The data that the rules delete, without collections in which nothing is due."""

    value: list[RanSeen]


def routes(subjects: Subjects, accounts: Accounts) -> APIRouter:
    """Return the routes; those for consents need the permission to see or change people."""
    router = APIRouter(prefix="/mien/v1/resources/{resource}", tags=["data subjects"])

    def owner(resource: str) -> UUID:
        return find(accounts, resource).id

    @router.get("/consents", dependencies=ENROLLERS)
    def list_consents(
        resource: Resource,
        collection: Annotated[str | None, Query(max_length=90)] = None,
        member: Annotated[str | None, Query(max_length=64, description="Of this person; with `collection`.")] = None,
        state: ConsentState | None = None,
    ) -> ConsentList:
        """List consents."""
        resource_id = owner(resource)
        ref = None if collection is None else _ref(resource_id, collection)
        if ref is None and member is not None:
            raise invalid("A member is one of a collection: name it, too.", "collection")
        found = subjects.consents.find(resource_id, ref, member, state)
        return ConsentList(value=[ConsentSeen.model_validate(one) for one in found])

    @router.post("/consents", status_code=201)
    def add_consent(resource: Resource, body: ConsentWanted, actor: Enroller) -> ConsentSeen:
        """Record that somebody consented."""
        given = body.model_dump(exclude={"collection", "member"})
        ref = _ref(owner(resource), body.collection)
        return ConsentSeen.model_validate(subjects.consents.add(ref, body.member, **given, actor=actor.name))

    @router.post("/consents/{consent_id}/withdraw")
    def withdraw_consent(
        resource: Resource, consent_id: UUID, actor: Enroller, body: Withdrawal | None = None
    ) -> ConsentSeen:
        """Record that a consent was withdrawn; nobody is deleted by that."""
        body = body or Withdrawal()
        done = subjects.consents.withdraw(owner(resource), consent_id, reason=body.reason, at=body.at, actor=actor.name)
        return ConsentSeen.model_validate(done)

    @router.get("/retention-rules", dependencies=READERS)
    def list_rules(resource: Resource) -> RuleList:
        """List the rules of retention."""
        found = subjects.rules.all(owner(resource))
        return RuleList(value=[RuleSeen.model_validate(one) for one in found])

    @router.post("/retention-rules", status_code=201)
    def set_rule(resource: Resource, body: RuleWanted, actor: Manager) -> RuleSeen:
        """Set a rule of retention."""
        resource_id = owner(resource)
        ref = None if body.collection is None else _ref(resource_id, body.collection)
        return RuleSeen.model_validate(subjects.rules.set(resource_id, body.what, body.days, ref, actor=actor.name))

    @router.delete("/retention-rules/{rule_id}", status_code=204)
    def remove_rule(resource: Resource, rule_id: UUID, actor: Manager) -> None:
        """Remove a rule of retention."""
        subjects.rules.remove(owner(resource), rule_id, actor=actor.name)

    @router.post("/retention-rules/run")
    def run_rules(resource: Resource, actor: Manager, dry: Annotated[bool, Query(alias="dryRun")] = True) -> RanList:
        """Apply the rules now; with `dryRun`, the default, only count."""
        found = subjects.rules.run(owner(resource), dry=dry, actor=actor.name)
        return RanList(value=[RanSeen.model_validate(one) for one in found])

    return router


def _ref(resource_id: UUID, text: str) -> CollectionRef:
    """Parse `directory` or KIND/ID.

    Raises:
        ManagementError: 400, if the text is not valid.
    """
    if text == "directory":
        return persons_ref(resource_id)
    if (ref := ref_among(resource_id, text, PUBLIC_KINDS)) is not None:
        return ref
    kinds = ", ".join(one.value for one in PUBLIC_KINDS)
    raise invalid(f"The collection must be 'directory' or KIND/ID, with a KIND of {kinds}.", "collection")
