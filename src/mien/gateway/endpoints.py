"""Which endpoint a request came to: a resource's own host, a region's, or any other, where the key alone decides."""

from __future__ import annotations

from dataclasses import dataclass

_REGIONAL = "api"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The meaning of a request's host.

    Attributes:
        subdomain: the resource's label, for `{subdomain}.{domain}`; else None.
        region: a location in lower case, for `{region}.api.{domain}`; else None.
        unknown: whether the host is below the domain without being either.
    """

    subdomain: str | None = None
    region: str | None = None
    unknown: bool = False


ANYWHERE = Endpoint()
"""A host that says nothing of the resource, such as `localhost` or an address."""

_UNKNOWN = Endpoint(unknown=True)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Reads hosts.

    Attributes:
        domain: the domain of custom subdomains and regional endpoints, such as `cognitiveservices.localhost`.
    """

    domain: str

    def of(self, host: str) -> Endpoint:
        """Return what a host name says; it is in lower case, without port or final dot."""
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
