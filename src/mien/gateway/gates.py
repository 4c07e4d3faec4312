"""Limited access: what a resource must be approved for before it may do something.

Reading and deleting stored data is never gated: after an approval ends, its data can still be read and erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mien.accounts import Feature, Resource, access_hint
from mien.gateway.errors import FeatureNotGrantedError
from mien.gateway.exchange import Exchange

Requirement = tuple[Feature, ...]
"""Features of which one is enough."""

IDENTIFICATION: Final[Requirement] = (Feature.IDENTIFICATION,)
VERIFICATION: Final[Requirement] = (Feature.VERIFICATION,)
RECOGNITION: Final[Requirement] = (Feature.IDENTIFICATION, Feature.VERIFICATION)
"""The features that face ids, templates and comparisons need: either one is enough."""
LIVENESS: Final[Requirement] = (Feature.LIVENESS,)

BY_FAMILY: Final[Mapping[str, tuple[Requirement, ...]]] = MappingProxyType(
    {
        "detect": (),  # by what is requested: see the operation
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
        "reviews": (RECOGNITION,),  # several candidates are an identification: see the operation
        "detectliveness": (LIVENESS,),
        "detectlivenesswithverify": (LIVENESS,),
        "session": (),
        "sessionimages": (),
        "settings": (),
    }
)
"""The features that each operation family needs, by the first part of the action."""

_FREE_VERBS: Final = frozenset({"read", "delete"})


async def check_features(exchange: Exchange) -> None:
    """The gateway's last step: holds the operation against the resource's approvals.

    Raises:
        FeatureNotGrantedError: something is missing.
    """
    if exchange.caller is not None:
        needed = requirements(exchange.operation.action)
        if needed:
            require(exchange.caller, *needed)


def requirements(action: str) -> tuple[Requirement, ...]:
    """Return what an operation needs, by its action; for a family that nobody entered, nothing."""
    family, _, rest = action.partition("/")
    if rest.rpartition("/")[2] in _FREE_VERBS:
        return ()
    return BY_FAMILY.get(family, ())


def require(resource: Resource, *needed: Requirement) -> None:
    """Check that a resource is approved for everything that is needed.

    Operations whose need depends on what they are asked for call this themselves, with the exchange's resource.

    Raises:
        FeatureNotGrantedError: something is missing; of alternatives all are named, as Azure does.
    """
    missing = [one for one in needed if resource.features.isdisjoint(one)]
    if missing:
        names = list(dict.fromkeys(feature for one in missing for feature in one))
        either = " Either of the two is enough." if missing == [RECOGNITION] else ""
        raise FeatureNotGrantedError(names, access_hint(resource, names) + either)
