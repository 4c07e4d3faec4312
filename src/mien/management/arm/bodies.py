"""Bodies of ARM requests; as on Azure, unknown properties are ignored.

Security properties of Azure that this server does not support are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mien.accounts import ResourceChange, Sku
from mien.management.errors import ManagementError, invalid

KIND: Final = "Face"


def without_nulls(value: Any) -> Any:
    """Return the body without nulls, which clients send for properties that they do not set."""
    return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class SkuBody(_Body):
    """A tier."""

    name: Annotated[str, Field(max_length=64)]


class IpRuleBody(_Body):
    """An address or network that is let in."""

    value: Annotated[str, Field(max_length=64)]


class NetworkAclsBody(_Body):
    """Network rules."""

    default_action: Annotated[str, Field(max_length=16)] | None = None
    bypass: Annotated[str, Field(max_length=32)] | None = None
    ip_rules: Annotated[list[IpRuleBody], Field(max_length=1000)] | None = None
    virtual_network_rules: list[dict[str, Any]] | None = None


class EncryptionBody(_Body):
    """With whose keys what is stored is sealed."""

    key_source: Annotated[str, Field(max_length=64)] | None = None


class PropertiesBody(_Body):
    """An account's properties."""

    custom_sub_domain_name: Annotated[str, Field(max_length=100)] | None = None
    public_network_access: Annotated[str, Field(max_length=16)] | None = None
    network_acls: NetworkAclsBody | None = None
    disable_local_auth: bool | None = None
    restore: bool | None = None
    encryption: EncryptionBody | None = None
    user_owned_storage: list[Any] | None = None
    restrict_outbound_network_access: bool | None = None
    allowed_fqdn_list: list[Any] | None = None
    network_injections: list[Any] | None = None
    dynamic_throttling_enabled: bool | None = None


class IdentityBody(_Body):
    """An identity on Azure; a server of one's own has none to give."""

    type: Annotated[str, Field(max_length=64)] | None = None


class AccountBody(_Body):
    """An account, as PUT and PATCH send it."""

    location: Annotated[str, Field(max_length=64)] | None = None
    kind: Annotated[str, Field(max_length=64)] | None = None
    sku: SkuBody | None = None
    identity: IdentityBody | None = None
    tags: Annotated[dict[str, str], BeforeValidator(without_nulls)] | None = None
    properties: PropertiesBody = Field(default_factory=PropertiesBody)

    def required(self, name: str) -> Any:
        """Return a property that PUT requires.

        Raises:
            ManagementError: it is missing.
        """
        value = getattr(self, name)
        if value is None:
            raise ManagementError(
                400,
                f"{name.capitalize()}Required" if name == "location" else "InvalidRequestContent",
                f"The {name} property is required for this definition.",
                target=name,
            )
        return value

    def check(self) -> None:
        """Refuse unsupported properties.

        Raises:
            ManagementError: the kind is not Face, or only Azure supports a property.
        """
        if self.kind is not None and self.kind.lower() != KIND.lower():
            raise ManagementError(
                400,
                "InvalidApiSetId",
                f"The account type '{self.kind}' is either invalid or unavailable in given region.",
                target="kind",
            )
        properties = self.properties
        acls = properties.network_acls
        source = properties.encryption.key_source if properties.encryption else None
        lacking = {
            "networkAcls.virtualNetworkRules": acls is not None and bool(acls.virtual_network_rules),
            "encryption": source is not None and source.lower() != "microsoft.cognitiveservices",
            "userOwnedStorage": bool(properties.user_owned_storage),
            "restrictOutboundNetworkAccess": bool(properties.restrict_outbound_network_access),
            "allowedFqdnList": bool(properties.allowed_fqdn_list),
            "networkInjections": bool(properties.network_injections),
        }
        for name, wanted in lacking.items():
            if wanted:
                raise invalid(
                    f"This server does not have what the property '{name}' asks for; it is refused so that nobody "
                    "relies on it. See docs/manage.md for what stands in its place.",
                    f"properties.{name}",
                )

    def tier(self) -> Sku | None:
        """Return the requested tier, or None.

        Raises:
            ManagementError: there is no such tier.
        """
        if self.sku is None:
            return None
        try:
            return Sku(self.sku.name.upper())
        except ValueError:
            raise ManagementError(
                400,
                "InvalidSkuId",
                f"The account type '{KIND}' with pricing tier '{self.sku.name}' is either invalid or unavailable in "
                "given region.",
                target="sku.name",
            ) from None

    def public(self) -> bool | None:
        """Return whether the resource accepts public calls; None if the body does not say.

        Raises:
            ManagementError: it is neither Enabled nor Disabled.
        """
        word = self.properties.public_network_access
        if word is None:
            return None
        if word.lower() not in {"enabled", "disabled"}:
            raise invalid(
                "The property 'publicNetworkAccess' must be Enabled or Disabled.", "properties.publicNetworkAccess"
            )
        return word.lower() == "enabled"

    def ip_rules(self) -> tuple[str, ...] | None:
        """Return the allowed addresses; None if the body does not say."""
        acls = self.properties.network_acls
        return None if acls is None or acls.ip_rules is None else tuple(rule.value for rule in acls.ip_rules)

    def change(self, *, whole: bool) -> ResourceChange:
        """Return the change of an existing resource.

        Args:
            whole: True for PUT, which resets absent properties (except the custom subdomain), False for PATCH.
        """
        acls, local = self.properties.network_acls, self.properties.disable_local_auth
        action, rules, public = (acls.default_action if acls else None), self.ip_rules(), self.public()
        return ResourceChange(
            sku=self.tier(),
            custom_subdomain=self.properties.custom_sub_domain_name or None,
            tags=({} if whole else None) if self.tags is None else self.tags,
            public_network_access=True if whole and public is None else public,
            default_action="Allow" if whole and action is None else action,
            ip_rules=() if whole and rules is None else rules,
            local_auth=(True if whole else None) if local is None else not local,
        )

    def echo(self) -> dict[str, Any]:
        """Return the properties that are returned unchanged."""
        told: dict[str, Any] = {}
        if self.identity is not None and self.identity.type is not None:
            told["identity"] = {"type": self.identity.type}
        acls = self.properties.network_acls
        if acls is not None and acls.bypass is not None:
            told["bypass"] = acls.bypass
        if self.properties.dynamic_throttling_enabled is not None:
            told["dynamicThrottlingEnabled"] = self.properties.dynamic_throttling_enabled
        if self.properties.encryption is not None:
            told["encryption"] = {"keySource": "Microsoft.CognitiveServices"}
        return told
