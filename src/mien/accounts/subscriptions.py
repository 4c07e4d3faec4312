"""The subscription and resource group that a resource belongs to, in the terms of Azure's resource manager."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from mien.storage.tables import ArmRow, ResourceRow

DEFAULT_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"
DEFAULT_GROUP: Final = "mien"
"""The subscription of resources that the command line and `--dev` create."""

PROVIDER: Final = "Microsoft.CognitiveServices"
ACCOUNT_TYPE: Final = f"{PROVIDER}/accounts"


def arm_id(subscription: str, group: str, name: str) -> str:
    """Return the ARM id of a resource."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{ACCOUNT_TYPE}/{name}"


def subscription_of(session: Session, resource_id: UUID) -> str:
    """Return the id of the subscription that a resource belongs to, as it was given."""
    found = session.scalar(select(ArmRow.subscription).where(ArmRow.resource_id == resource_id))
    return found or DEFAULT_SUBSCRIPTION


def arm_id_of(session: Session, resource_id: UUID) -> str:
    """Return the ARM id of a resource; empty when there is no such resource."""
    name = session.scalar(select(ResourceRow.name).where(ResourceRow.id == resource_id))
    if name is None:
        return ""
    group = session.scalar(select(ArmRow.resource_group).where(ArmRow.resource_id == resource_id))
    return arm_id(subscription_of(session, resource_id), group or DEFAULT_GROUP, name)
