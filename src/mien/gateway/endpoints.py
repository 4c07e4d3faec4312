"""Hosts: of one resource, of a region, or any other host, on which the key alone determines the resource."""

from __future__ import annotations

from dataclasses import dataclass

_REGIONAL = "api"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed host name.

    Attributes:
        subdomain: subdomain of the resource, for `{subdomain}.{domain}`; else None.
        region: location in lower case, for `{region}.api.{domain}`; else None.
        unknown: whether the host is below the domain but has neither form.
    """

    subdomain: str | None = None
    region: str | None = None
    unknown: bool = False


ANYWHERE = Endpoint()
"""A host that does not name a resource, such as `localhost` or an IP address."""

_UNKNOWN = Endpoint(unknown=True)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Parses and builds host names.

    Attributes:
        domain: domain of custom subdomains and regional endpoints, such as `cognitiveservices.localhost`.
    """

    domain: str

    def of(self, host: str) -> Endpoint:
        """Parse a host name, which is in lower case, without port or final dot."""
        label, dot, parent = host.partition(".")
        domain = self.domain.lower()
        if dot and parent == domain:
            return Endpoint(subdomain=label)
        if not host.endswith(f".{domain}"):
            return ANYWHERE
        if parent == f"{_REGIONAL}.{domain}":
            return Endpoint(region=label)
        return _UNKNOWN

    def custom(self, subdomain: str) -> str:
        """Return the host of a resource with a custom subdomain."""
        return f"{subdomain}.{self.domain}"

    def regional(self, location: str) -> str:
        """Return the host of a region."""
        return f"{location.lower()}.{_REGIONAL}.{self.domain}"
