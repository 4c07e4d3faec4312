"""Role-based access: the operations that each of Azure's roles allows.

Roles come from a claim of the token and from role assignments. A role `NAME@RESOURCE` applies to that resource only, a
role `NAME` to all resources of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mien.accounts.roles import DataRole as Role

PREFIX: Final = "Microsoft.CognitiveServices/accounts/Face/"
"""The common prefix of the service's data actions."""

_VERBS: Final = frozenset({"read", "write", "delete", "action"})
_NOISE: Final = re.compile(r"[^a-z0-9]+")


_EVERYTHING: Final = None

DATA_ACTIONS: Final[Mapping[Role, frozenset[str] | None]] = MappingProxyType(
    {
        Role.FACE_RECOGNIZER: frozenset(
            f"{PREFIX}{name}/action" for name in ("detect", "verify", "identify", "group", "findsimilars")
        ),
        Role.USER: _EVERYTHING,
        Role.DATA_CONTRIBUTOR: _EVERYTHING,
        # As on Azure: it manages resources and keys, and has no data actions.
        Role.CONTRIBUTOR: frozenset(),
    }
)
"""The data actions of each role; None for all of them."""

_BY_BARE_NAME: Final = MappingProxyType({_NOISE.sub("", role.lower()): role for role in Role})


@dataclass(frozen=True, slots=True)
class PrincipalRole:
    """A role that a principal has.

    Attributes:
        role: the role.
        resource: name of the resource that it applies to, in lower case; None for all.
    """

    role: Role
    resource: str | None = None


def grants(names: Iterable[str]) -> tuple[PrincipalRole, ...]:
    """Parse the names of roles in a token's claim; unknown names, meant for other services, are left out.

    Letter case, spaces and punctuation are ignored, because many issuers do not allow spaces.
    """
    found: list[PrincipalRole] = []
    for name in names:
        text, at, resource = name.partition("@")
        role = _BY_BARE_NAME.get(_NOISE.sub("", text.lower()))
        if role is not None:
            found.append(PrincipalRole(role, resource.strip().lower() if at else None))
    return tuple(found)


def data_action(action: str) -> str:
    """Return the full name of an operation's `action`, such as `…/Face/detect/action`."""
    verb = action.rpartition("/")[2]
    return f"{PREFIX}{action}" if verb in _VERBS and verb != action else f"{PREFIX}{action}/action"


def allowed(held: Iterable[PrincipalRole], resource: str, action: str) -> bool:
    """Return whether roles allow a data action (full name) on a resource (name)."""
    for grant in held:
        if grant.resource in {None, resource.lower()}:
            actions = DATA_ACTIONS[grant.role]
            if actions is None or action in actions:
                return True
    return False


def missing_role_hint(held: tuple[PrincipalRole, ...], resource: str, action: str, about: str = "") -> str:
    """Return a hint on why the roles do not allow a data action.

    Args:
        held: the roles.
        resource: the resource's name.
        action: the data action's full name.
        about: the claims of the token to which a role could be assigned.
    """
    here = [grant.role for grant in held if grant.resource in {None, resource.lower()}]
    need = f"The operation needs the data action {action}, which {Role.USER} has."
    if about and Role.CONTRIBUTOR not in here:
        need += f" The operator can assign that role to what the token shows: {about}."
    if not held:
        return f"The token has no role of this service. {need}"
    if not here:
        return f"The token's roles are for other resources than {resource}. {need}"
    if here == [Role.CONTRIBUTOR]:
        return f"{Role.CONTRIBUTOR} manages resources and keys and has no data action. {need}"
    return f"The token's roles here: {', '.join(here)}. {need}"
