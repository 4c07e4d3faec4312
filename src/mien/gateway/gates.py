"""Limited access: the approvals that operations need.

Reading and deleting stored data is never gated, so that data can be read and erased after an approval has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mien.accounts import Feature, Resource, access_hint
from mien.gateway.errors import FeatureNotGrantedError
from mien.gateway.exchange import Exchange

Requirement = tuple[Feature, ...]
"""Alternative features; one of them is enough."""

IDENTIFICATION: Final[Requirement] = (Feature.IDENTIFICATION,)
VERIFICATION: Final[Requirement] = (Feature.VERIFICATION,)
RECOGNITION: Final[Requirement] = (Feature.IDENTIFICATION, Feature.VERIFICATION)
"""The features for face ids, templates and comparisons; one of them is enough."""
LIVENESS: Final[Requirement] = (Feature.LIVENESS,)

BY_FAMILY: Final[Mapping[str, tuple[Requirement, ...]]] = MappingProxyType(
    {
        "detect": (),  # depends on the requested attributes: see the operation
        "identify": (IDENTIFICATION,),
        "verify": (VERIFICATION,),
        "findsimilars": (RECOGNITION,),
        "group": (RECOGNITION,),
        "facelists": (RECOGNITION,),
        "largefacelists": (RECOGNITION,),
        "persongroups": (RECOGNITION,),
        "largepersongroups": (RECOGNITION,),
        "persons": (RECOGNITION,),
        "dynamicpersongroups": (RECOGNITION,),
        "snapshots": (RECOGNITION,),
        "operations": (),
        "reviews": (RECOGNITION,),  # several candidates also need identification: see the operation
        "detectliveness": (LIVENESS,),
        "detectlivenesswithverify": (LIVENESS,),
        "session": (),
        "sessionimages": (),
        "settings": (),
    }
)
"""The features that operations need, by the first part of their action."""

_FREE_VERBS: Final = frozenset({"read", "delete"})


async def check_features(exchange: Exchange) -> None:
    """The gateway's last step, which checks the resource's approvals.

    Raises:
        FeatureNotGrantedError: an approval is missing.
    """
    if exchange.caller is not None:
        needed = requirements(exchange.operation.action)
        if needed:
            require(exchange.caller, *needed)


def requirements(action: str) -> tuple[Requirement, ...]:
    """Return the features that an action needs; empty for an action without an entry."""
    family, _, rest = action.partition("/")
    if rest.rpartition("/")[2] in _FREE_VERBS:
        return ()
    return BY_FAMILY.get(family, ())


def require(resource: Resource, *needed: Requirement) -> None:
    """Check that a resource is approved for all the given features.

    Handlers call this if the features depend on the parameters of the request.

    Raises:
        FeatureNotGrantedError: an approval is missing; as on Azure, the error names all alternatives.
    """
    missing = [one for one in needed if resource.features.isdisjoint(one)]
    if missing:
        names = list(dict.fromkeys(feature for one in missing for feature in one))
        either = " Either of the two is enough." if missing == [RECOGNITION] else ""
        raise FeatureNotGrantedError(names, access_hint(resource, names) + either)
