"""Hints for callers without an approval: the state of the request, and what to do next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from mien.accounts.types import Resource
from mien.contract.features import Feature

_NEXT: Final = {
    "submitted": "was submitted and waits for a reviewer",
    "in_review": "is in review",
    "approved": "is approved: repeat the call",
    "rejected": "was rejected: `mien access list` has the reason; ask again with what was missing",
    "revoked": "was revoked: `mien access list` has the reason",
    "withdrawn": "was withdrawn: ask again with `mien access request`",
    "expired": "has expired: the operator renews it with `mien access renew`",
}


def access_hint(resource: Resource, missing: Collection[Feature]) -> str:
    """Return the hint of a 403: for each feature without an approval, the state of its newest request.

    Args:
        resource: the caller.
        missing: the features that the call needs and the resource has not; at least one.
    """
    by_state: dict[str | None, list[str]] = {}
    for feature in Feature:  # in their order, whatever that of `missing`
        if feature in missing:
            by_state.setdefault(resource.access_state.get(feature), []).append(feature.value)
    parts = []
    for state, names in by_state.items():
        what = " and ".join(names)
        if state is None:
            parts.append(
                f"Nobody has requested {what} for the resource {resource.name!r}: the operator of this server does so "
                f"with `mien access request {resource.name}`."
            )
        else:
            parts.append(f"The request for {what} of the resource {resource.name!r} {_NEXT.get(state, 'is ' + state)}.")
    return " ".join(parts)
