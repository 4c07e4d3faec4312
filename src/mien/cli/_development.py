"""The resource that `mien serve --dev` makes, so that everything can be tried out at once."""

from __future__ import annotations

from typing import Final

import structlog

from mien.accounts import DEVELOPMENT_TERMS, AccountError, Accounts, KeyPair, Resource
from mien.accounts.errors import NameTakenError, SoftDeletedError
from mien.services import Services

DEV_RESOURCE: Final = "dev"

_log = structlog.get_logger(__name__)


def development_resource(services: Services) -> tuple[Resource, KeyPair]:
    """Return the development resource and its keys; create it if there is no resource.

    It is approved for everything. A server that has other resources only shows the first one's keys: those go through
    the same requests as without `--dev`.

    Raises:
        AccountError: the resource was deleted and not purged yet.
    """
    accounts, actor = services.accounts, DEVELOPMENT_TERMS.accepted_by
    resource = _present(accounts)
    if resource is None:
        try:
            resource = accounts.create(
                DEV_RESOURCE, terms=DEVELOPMENT_TERMS, custom_subdomain=DEV_RESOURCE, actor=actor
            )
        except SoftDeletedError:
            raise AccountError(
                f"the resource {DEV_RESOURCE!r} was deleted: restore it with "
                f"`mien resource restore {DEV_RESOURCE}`, or delete it for good with "
                f"`mien resource purge {DEV_RESOURCE}`"
            ) from None
        except NameTakenError:  # another server on the same database has just created it
            resource = _present(accounts)
            assert resource is not None
        else:
            _log.warning(
                "a resource for development was created: the responsible-AI terms and the declaration on use by police "
                "count as acknowledged by the person who started this server, and everything is approved",
                name=resource.name,
            )
    if resource.name == DEV_RESOURCE:
        services.access.approve_for_development(resource)
    return accounts.get(resource.id) or resource, accounts.keys(resource.id, actor=actor)


def _present(accounts: Accounts) -> Resource | None:
    resources = accounts.resources()
    return next((one for one in resources if one.name == DEV_RESOURCE), resources[0] if resources else None)
