"""Types of resources: tier, network rules, acknowledged terms, granted features, and the pair of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from mien.contract.features import Feature
from mien.contract.flashes import WithoutFlashes

KeySlot = Literal[1, 2]
DefaultAction = Literal["Allow", "Deny"]


class Sku(StrEnum):
    """Pricing tiers, as Azure names them."""

    FREE = "F0"
    STANDARD = "S0"
    ENTERPRISE = "E0"


class ProvisioningState(StrEnum):
    """The provisioning state of a resource, in Azure's words."""

    SUCCEEDED = "Succeeded"
    DELETING = "Deleting"


BEING_DELETED: Final = "It is being deleted."
NOBODY_ADMITTED: Final = "Only callers that a network rule allows are accepted, and there are no rules."
"""Why nobody can call a resource."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The declarations that creating a resource requires.

    Attributes:
        accepted_by: name of the person who accepts; somebody who can be asked later.
        responsible_ai: they acknowledge the responsible-AI terms (docs/limited-access.md has them).
        not_for_police: they declare that the resource is not used by or for a police department in the United States.
        development: the resource is only for trying things out, on one's own.
    """

    accepted_by: str
    responsible_ai: bool
    not_for_police: bool
    development: bool = False


DEVELOPMENT_TERMS: Final = Acknowledgement("mien serve --dev", True, True, development=True)
"""The terms that `mien serve --dev` accepts for the resource that it creates; the server logs it when it starts."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The acknowledgement of the responsible-AI terms for a resource, with the declaration on use by police.

    Attributes:
        accepted_by: the person or client who did.
        accepted_at: time of acceptance.
        development: whether it was `mien serve --dev` that did so, for a resource that is only for trying things out.
    """

    accepted_by: str
    accepted_at: datetime
    development: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: an account of kind Face in Azure's terms.

    Attributes:
        id: identifies it for ever; everything a caller stores is scoped by it.
        name: unique on this server.
        location: a region's name, e.g. `westeurope`.
        sku: its tier.
        custom_subdomain: first label of its own host name, in lower case, or None.
        created_at: time of its creation.
        tags: names and values that its owner files it by.
        state: state of its creation or deletion.
        public_network_access: whether it may be called from anywhere but private endpoints.
        default_action: treatment of callers that match none of `ip_rules`.
        ip_rules: addresses and networks (CIDR) that are let in.
        local_auth: whether its keys are accepted, not only tokens.
        features: features for which it is approved now.
        access_state: the state of the newest request for a feature, for hints; absent when there was none.
        request_log: whether its calls are logged for diagnosis.
        cors_origins: the web pages that may call with its keys, such as `https://shop.example`; `*` for all.
        without_flashes: whether people may ask for liveness detection without flashing colours, and the most that it
            may conclude; None for what the server is set to.
        terms: who acknowledged the terms; None for a resource of a version that did not require it.
        deleted_at: time of its deletion, if it can still be restored.
    """

    id: UUID
    name: str
    location: str
    sku: Sku
    custom_subdomain: str | None
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    state: ProvisioningState = ProvisioningState.SUCCEEDED
    public_network_access: bool = True
    default_action: DefaultAction = "Allow"
    ip_rules: tuple[str, ...] = ()
    local_auth: bool = True
    features: frozenset[Feature] = frozenset()
    access_state: Mapping[Feature, str] = field(default_factory=dict, hash=False)

    @property
    def blocked(self) -> str | None:
        """The reason why nobody can call the resource; None if there is none."""
        if self.state is not ProvisioningState.SUCCEEDED:
            return BEING_DELETED
        if self.default_action == "Deny" and not self.ip_rules and self.public_network_access:
            return NOBODY_ADMITTED
        return None

    request_log: bool = False
    cors_origins: tuple[str, ...] = ()
    without_flashes: WithoutFlashes | None = None
    terms: Terms | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """A change to a resource; None keeps the current value. See `Resource` for the fields.

    `without_flashes` is one of `WithoutFlashes`, or `server` for what the server is set to.
    """

    sku: Sku | None = None
    custom_subdomain: str | None = None
    tags: Mapping[str, str] | None = None
    public_network_access: bool | None = None
    default_action: str | None = None
    ip_rules: Sequence[str] | None = None
    local_auth: bool | None = None
    request_log: bool | None = None
    cors_origins: Sequence[str] | None = None
    without_flashes: str | None = None


@dataclass(frozen=True, slots=True)
class AccountRules:
    """Settings for all resources of a server.

    Attributes:
        free_resources: how many of tier F0 there may be (Azure: 1).
        paid_resources: how many of tiers S0 and E0 there may be in a location; None for what Azure allows, which is 10,
            and 5 in UAE North, Brazil South and Qatar Central (contract, section 10).
        keep_deleted: how long a deleted resource can be restored (Azure: 48 hours).
    """

    free_resources: int = 1
    paid_resources: int | None = None
    keep_deleted: timedelta = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The two keys of a resource; both are valid. They never show in a log: their text form hides them."""

    key1: str
    key2: str

    def __repr__(self) -> str:
        return "KeyPair(key1=***, key2=***)"
