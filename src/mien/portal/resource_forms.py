"""Forms with settings of the page's resource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mien.accounts import Resource, ResourceChange
from mien.management.roles import Permission
from mien.portal.visitor import Visitor, check_unchanged

Change = Callable[[ResourceChange, str], Awaitable[Resource | None]]
"""Changes the resource and shows the text; None if that failed, which is shown instead."""


def resource_changer(visitor: Visitor, shown: Callable[[Resource], object]) -> Change:
    """Return a function that changes the resource, unless somebody else has changed what the form shows.

    Args:
        visitor: the signed-in person.
        shown: returns the settings that the form shows.
    """
    accounts, known = visitor.parts.accounts, visitor.resource

    async def change(wanted: ResourceChange, done: str) -> Resource | None:
        def work() -> Resource:
            nonlocal known
            check_unchanged(shown(known), shown(accounts.get(known.id) or known))
            known = accounts.update(known.id, wanted, actor=visitor.name)
            return known

        return await visitor.act(Permission.MANAGE, work, done)

    return change
