"""Settings: addresses, ports and connections."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mien.settings.group import Networks, SettingsGroup


class ListeningSettings(SettingsGroup):
    """Addresses, ports and connections."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for all of IPv4.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    domain: str = Field(
        default="cognitiveservices.localhost",
        description="Domain of custom subdomains and regional endpoints: `NAME.<domain>`, `LOCATION.api.<domain>`.",
    )
    public_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#\s]+(/[A-Za-z0-9._~-]+)*/?$",
        description="Address at which browsers reach this server, such as `https://face.example.com`, or "
        "`https://example.com/mien` behind a proxy. The tokens of liveness sessions contain it, and the control plane "
        "shows it as the endpoint. When absent, the address that the session's creator called.",
    )
    tls: bool = Field(
        default=False,
        description="Serve HTTPS with a certificate of a local certificate authority, created in `data_dir/tls`.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate chain (PEM) to serve HTTPS with, instead of a local one."
    )
    tls_key: Path | None = Field(default=None, description="Private key (PEM) of `tls_cert`.")
    management: bool = Field(default=True, description="Whether to serve the control plane, on a separate port.")
    management_host: str = Field(
        default="127.0.0.1",
        description="Address that the control plane listens on. Loopback by default: administrators "
        "work on this machine, or connect through a tunnel or a reverse proxy.",
    )
    management_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of the control plane; 0 picks a free one. When absent, the port after `port` (a free one "
        "when `port` is 0).",
    )
    portal: bool = Field(
        default=True, description="Whether the port of the control plane also serves the portal, the web interface."
    )
    open_metrics: bool = Field(
        default=True,
        description="Whether programs on this machine may read `/metrics` of the control plane without a token; "
        "all others need one.",
    )
    compreface: bool = Field(
        default=False,
        description="Whether CompreFace's routes for recognition are also served, under `/api/v1/`: programs written "
        "for CompreFace work with the new URL and a resource's key in `x-api-key`.",
    )
    trusted_proxies: Networks = Field(
        default="",
        description="Networks of reverse proxies whose `X-Forwarded-Proto`, `-Host`, `-Port`, `-Prefix` and `-For` (or "
        "`Forwarded`) are trusted for the endpoint that was called, the addresses in responses (`operation-Location`) "
        "and the caller's address; separated by commas: `10.0.0.0/8,127.0.0.1`.",
    )
    private_networks: Networks = Field(
        default="",
        description="Networks that count as private endpoints, separated by commas: their callers reach every "
        "resource, whatever its IP rules, even if its public network access is disabled.",
    )
    max_connections: int = Field(
        default=10_000,
        ge=10,
        description="Connections to a port at the same time, fewer if the system's limit on open files is lower; "
        "further ones are answered with 503.",
    )
    max_connections_per_address: int = Field(
        default=1_000, ge=1, description="Connections from one address, unless it is one of `trusted_proxies`."
    )
    shutdown_seconds: float = Field(
        default=20.0, ge=0, description="How long running requests may take to finish after a SIGTERM."
    )
    drain_seconds: float | None = Field(
        default=None,
        ge=0,
        le=600,
        description="How long the server keeps serving after a SIGTERM while `/healthz/ready` answers 503, so that "
        "load balancers stop sending requests before it stops listening. Default: 5, and 0 under `mien serve --dev`.",
    )
