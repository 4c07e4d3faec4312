"""The rows of access requests: written, found, and read as what services show."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.accounts.errors import AccessRequestNotFoundError, ResourceNotFoundError
from mien.accounts.intake_checks import findings
from mien.accounts.records import features_of, state_of
from mien.accounts.requests import AccessRequest, RequestState
from mien.contract.features import Feature
from mien.storage.tables import AccessRequestRow, ResourceRow


def new_row(
    resource_id: UUID,
    features: frozenset[Feature],
    *,
    actor: str,
    now: datetime,
    organisation: str,
    contact: str,
    use_case: str,
) -> AccessRequestRow:
    """Return the row of a request that is submitted now; see `AccessRequests.submit`."""
    return AccessRequestRow(
        resource_id=resource_id,
        request_id=uuid4(),
        features=",".join(sorted(features)),
        organisation=organisation,
        contact=contact,
        use_case=use_case,
        state=RequestState.SUBMITTED.value,
        requested_by=actor,
        requested_at=now,
        changed_by=actor,
        changed_at=now,
    )


def request_of(row: AccessRequestRow, name: str, now: datetime) -> AccessRequest:
    """Return a request as it is at a time.

    Args:
        row: the request.
        name: the resource's.
        now: tells whether an approval has expired.
    """
    return AccessRequest(
        id=row.request_id,
        resource_id=row.resource_id,
        resource_name=name,
        features=features_of(row),
        organisation=row.organisation,
        contact=row.contact,
        use_case=row.use_case,
        state=RequestState(state_of(row, now)),
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        reason=row.reason,
        expires_at=row.expires_at,
        by_requester=row.by_requester,
        findings=findings(row.organisation, row.contact, row.use_case),
    )


def find_row(session: Session, request_id: UUID) -> AccessRequestRow:
    """Return the row of a request.

    Raises:
        AccessRequestNotFoundError: there is none.
    """
    row = session.scalar(select(AccessRequestRow).where(AccessRequestRow.request_id == request_id))
    if row is None:
        raise AccessRequestNotFoundError(request_id)
    return row


def resource_name(session: Session, resource_id: UUID, *, deleted: bool = False) -> str:
    """Return the name of a resource.

    Args:
        session: reads.
        resource_id: which.
        deleted: whether a deleted one counts.

    Raises:
        ResourceNotFoundError: there is none.
    """
    row = session.get(ResourceRow, resource_id)
    if row is None or (row.deleted_at is not None and not deleted):
        raise ResourceNotFoundError(resource_id)
    return row.name
