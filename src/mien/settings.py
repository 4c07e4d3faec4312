"""Every knob of the service: environment variables `MIEN_*`, typed, with the default that works out of the box.

`docs/settings.md` is made from the descriptions below (`make docs`); a test holds that it is up to date.
"""

from __future__ import annotations

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mien.contract.limits import IMAGE_BYTES
from mien.folders import NoHomeError, user_folder
from mien.issuers import names_of

_REDIS_SCHEMES: Final = ("redis", "rediss", "valkey", "valkeys")


def _default_model_dir(others: dict[str, object]) -> Path:
    try:
        return user_folder("MIEN_MODEL_DIR") / "models"
    except NoHomeError:
        if "data_dir" not in others:
            raise
        return Path(str(others["data_dir"])) / "models"  # a container that names one folder has room for both


def usable_cores() -> int:
    """Return how many cores this process may run on (the affinity mask of a container counts)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


class Settings(BaseSettings):
    """Settings of one server; the name of the environment variable is `MIEN_` and the field's name."""

    model_config = SettingsConfigDict(env_prefix="MIEN_", frozen=True, extra="forbid", protected_namespaces=())

    # Where things live
    data_dir: Path = Field(
        default_factory=lambda: user_folder("MIEN_DATA_DIR"),
        description="Where the database, the master key and the certificates live. "
        "Default: `$XDG_DATA_HOME/mien` or `~/.local/share/mien`.",
    )
    model_dir: Path = Field(
        default_factory=_default_model_dir,
        description="Where pulled and converted models are kept; servers may share it. "
        "Default: `$XDG_DATA_HOME/mien/models` or `~/.local/share/mien/models`.",
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL, such as `postgresql://user:password@host/mien`. "
        "When absent, SQLite in `data_dir` (`mien.db`).",
    )
    database_pool: int = Field(
        default=16, ge=1, le=500, description="Connections to the database that one process keeps at most."
    )
    search_engine: Literal["exact", "pgvector", "pgvector-hnsw"] = Field(
        default="exact",
        description="What trained collections are searched with. `exact`: in this process, from encrypted files. "
        "`pgvector` (compares every template) and `pgvector-hnsw` (an index: faster in large collections, may miss a "
        "neighbour): by PostgreSQL, which has to see the templates, so that they lie there **unencrypted**.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="The master key that wraps the data keys: 32 bytes as 64 hexadecimal characters. "
        "When absent, the key is read from `master_key_file`.",
    )
    master_key_file: Path | None = Field(
        default=None,
        description="File with the master key, as 64 hexadecimal characters. When absent, `master.key` in `data_dir`, "
        "created on first start and readable by its owner only. Without it, the templates cannot be decrypted.",
    )

    # Listening
    host: str = Field(default="127.0.0.1", description="Address to listen on; `0.0.0.0` for all of IPv4.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    domain: str = Field(
        default="cognitiveservices.localhost",
        description="Domain of custom subdomains and regional endpoints: `NAME.<domain>`, `LOCATION.api.<domain>`.",
    )
    tls: bool = Field(
        default=False,
        description="Serve HTTPS with a certificate of a local certificate authority that is made in `data_dir/tls`.",
    )
    tls_cert: Path | None = Field(
        default=None, description="Certificate chain (PEM) to serve HTTPS with, instead of a local one."
    )
    tls_key: Path | None = Field(default=None, description="Private key (PEM) of `tls_cert`.")
    shutdown_seconds: float = Field(
        default=20.0, ge=0, description="How long running requests may take to finish after a SIGTERM."
    )
    drain_seconds: float | None = Field(
        default=None,
        ge=0,
        le=600,
        description="How long the server goes on after a SIGTERM while `/healthz/ready` answers 503, so that load "
        "balancers stop sending requests before it stops listening. Default: 5, and 0 under `mien serve --dev`.",
    )
    max_connections: int = Field(
        default=10_000,
        ge=10,
        description="Connections to a port at the same time, fewer where the system's limit on open files is lower; "
        "more are answered 503.",
    )
    max_connections_per_address: int = Field(
        default=1_000, ge=1, description="Connections of one address, unless it is one of `trusted_proxies`."
    )

    management: bool = Field(default=True, description="Whether to serve the control plane, on a port of its own.")
    management_host: str = Field(
        default="127.0.0.1",
        description="Address that the control plane listens on. Loopback by default: whoever may administer is "
        "then on this machine, or comes through a tunnel or a reverse proxy.",
    )
    portal: bool = Field(
        default=True, description="Whether the port of the control plane serves the portal, the web pages, as well."
    )
    management_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of the control plane; 0 takes a free one. When absent, the port after `port` (a free one "
        "when `port` is 0).",
    )

    open_metrics: bool = Field(
        default=True,
        description="Whether programs on this machine may read `/metrics` of the control plane without a token; "
        "all others need one.",
    )

    trusted_proxies: str = Field(
        default="",
        description="Networks of reverse proxies whose `X-Forwarded-Proto`, `-Host`, `-Port`, `-Prefix` and `-For` (or "
        "`Forwarded`) are believed for the endpoint that was called, the addresses in answers (`operation-Location`) "
        "and the caller's own; with commas between them: `10.0.0.0/8,127.0.0.1`.",
    )
    private_networks: str = Field(
        default="",
        description="Networks that count as private endpoints, with commas between them: their callers reach a "
        "resource whatever its IP rules, and one whose public network access is disabled.",
    )

    # Tokens
    oidc_issuer: str | None = Field(
        default=None,
        description="URL of the OpenID Connect issuer whose tokens are accepted on custom subdomains, to the letter as "
        "`iss` has it: `https://id.example.com/realms/mien`. For a tenant of Entra ID, "
        "`https://login.microsoftonline.com/TENANT-ID/v2.0` accepts its v1 tokens (`https://sts.windows.net/…`) too. "
        "When absent, keys only.",
    )
    oidc_audience: str = Field(
        default="https://cognitiveservices.azure.com",
        description="What the tokens' `aud` must be, with or without a slash at the end; "
        "several with commas between them.",
    )
    management_audience: str = Field(
        default="https://management.azure.com",
        description="What `aud` must be in tokens for the control plane, with or without a slash at the end; several "
        "with commas between them. Such a token also has a role: `Mien.Admin`, `Mien.Approver` or `Mien.Reader`.",
    )
    oidc_jwks_url: str | None = Field(
        default=None,
        description="Where the issuer's signing keys are. When absent, its discovery document says "
        "(`/.well-known/openid-configuration`).",
    )
    oidc_roles_claim: str = Field(
        default="roles",
        description="The claim that names roles; points lead into objects: `realm_access.roles`.",
    )
    oidc_groups_claim: str = Field(
        default="groups",
        description="The claim that names groups, to which `mien role assign --group` assigns roles; points lead into "
        "objects.",
    )
    oidc_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for the issuer, instead of the usual ones.",
    )
    portal_client_id: str | None = Field(
        default=None,
        min_length=1,
        description="Client id under which the portal is registered with `oidc_issuer`: people then sign in there. The "
        "redirect address to register is the portal's own with `/sign-in/callback`. When absent, they paste a token.",
    )
    portal_client_secret: SecretStr | None = Field(
        default=None, description="Secret of that client. When absent it is a public one, whose codes PKCE protects."
    )
    portal_scopes: str = Field(
        default="openid profile email",
        description="What the portal asks the issuer for, with blanks between; whatever makes the id token name roles.",
    )
    portal_session_hours: float = Field(
        default=10.0,
        gt=0,
        le=720,
        description="How long somebody stays signed in to the portal, unless the token that they showed ends sooner.",
    )

    # How many calls
    rate_limits: Literal["auto", "on", "off"] = Field(
        default="auto",
        description="Whether calls are counted against the tiers' rates and the free tier's monthly volume; "
        "`auto` is off under `mien serve --dev`, else on.",
    )
    rate_free_per_minute: int = Field(
        default=20, ge=0, description="Calls a minute of a resource of tier F0; 0 for any number."
    )
    rate_paid_per_second: int = Field(
        default=10, ge=0, description="Calls a second of a resource of tier S0 or E0; 0 for any number."
    )
    free_calls_per_month: int = Field(
        default=30_000, ge=0, description="Calls a calendar month (UTC) of a resource of tier F0; 0 for any number."
    )
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis or Valkey that counts calls for all servers of a database: `redis://`, `rediss://` (TLS), "
        "`valkey://` or `valkeys://`. When absent, each server counts for itself.",
    )

    # Resources and approvals
    free_resources: int = Field(default=1, ge=0, description="How many resources of tier F0 there may be.")
    paid_resources: int | None = Field(
        default=None,
        ge=1,
        description="How many resources of tiers S0 and E0 there may be in a location. "
        "When absent, what Azure allows: 10, and 5 in UAE North, Brazil South and Qatar Central.",
    )
    keep_deleted_hours: float = Field(
        default=48.0, ge=0, description="How long a deleted resource can be restored before it is purged for good."
    )
    approval_days: float = Field(
        default=365.0,
        gt=0,
        description="How long an approval for limited access lasts unless its reviewer says otherwise.",
    )

    # Work
    worker_threads: int = Field(
        default_factory=usable_cores,
        ge=1,
        le=256,
        description="Requests that are computed at the same time. Default: the cores this process may use.",
    )
    queue_limit: int = Field(
        default=256,
        ge=0,
        description="Requests that may wait for a worker thread; beyond that the answer is 503 with Retry-After.",
    )
    more_image_formats: bool = Field(
        default=False,
        description="Accept WebP, AVIF and HEIC images, which Azure refuses. HEIC needs the extra `heic`.",
    )
    max_image_bytes: int = Field(
        default=IMAGE_BYTES[1], ge=IMAGE_BYTES[0], description="Largest image, in bytes (Azure's limit is 6 MB)."
    )
    max_json_bytes: int = Field(default=1024 * 1024, ge=1024, description="Largest JSON body, in bytes.")
    body_timeout_seconds: float = Field(
        default=60.0, gt=0, description="How long a client may take to send a request body."
    )

    # Liveness detection
    public_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/?#\s]+(/[A-Za-z0-9._~-]+)*/?$",
        description="Address under which browsers find this server, such as `https://face.example.com`, or "
        "`https://example.com/mien` behind a proxy: it goes into the tokens of liveness sessions and into the "
        "endpoints that the control plane shows. When absent, the address that the session's creator called.",
    )
    compreface: bool = Field(
        default=False,
        description="Whether CompreFace's routes for recognition are served too, under `/api/v1/`: programs written "
        "for it work with the URL changed and a resource's key in `x-api-key`.",
    )
    liveness_origins: str = Field(
        default="*",
        description="Origins of the web pages that may run liveness detection in a browser, with commas between them, "
        "such as `https://shop.example,https://www.shop.example`; `*` for all. A page needs a session's token anyway.",
    )
    liveness_networks: str = Field(
        default="fr-liveness,minifasnet",
        pattern=r"^\s*((fr-liveness|minifasnet)\s*(,\s*(fr-liveness|minifasnet)\s*)*)?$",
        description="Model packs of passive networks that liveness detection may use, with commas between them; their "
        "mean counts. The server fetches `fr-liveness` before it starts, and tries to fetch `minifasnet` while it "
        "serves. Without any, passive sessions are refused.",
    )
    liveness_virtual_cameras: bool = Field(
        default=False,
        description="Whether liveness clients may use a camera that is a program, such as OBS, which shows anything.",
    )
    liveness_own_script: bool = Field(
        default=False,
        description="Whether only pages that load the liveness component from this server, unchanged, may run liveness "
        "detection: they prove it with a digest. Pages that bundle the component and native apps are then refused.",
    )
    liveness_without_flashes: Literal["off", "uncertain", "realface"] = Field(
        default="off",
        description="Whether people whom flashing light can harm may ask for turns of the head instead, and the most "
        "that such an attempt may conclude: `off` for no, `uncertain` for attempts that your own staff reviews, "
        "`realface` for the same as with flashes. Nothing but the turns then binds the video to the attempt.",
    )
    liveness_play_integrity_package: str | None = Field(
        default=None, description="Package name of your Android app whose Play Integrity tokens are verified."
    )
    liveness_play_integrity_decryption_key: SecretStr | None = Field(
        default=None, description="The app's response decryption key of the Play Console, base64."
    )
    liveness_play_integrity_verification_key: SecretStr | None = Field(
        default=None, description="The app's response verification key of the Play Console, base64."
    )
    liveness_app_attest_app_id: str | None = Field(
        default=None,
        description="Team and bundle of your iOS app whose App Attest objects are verified, such as "
        "`ABCDE12345.com.example.app`.",
    )
    liveness_app_attest_root: Path | None = Field(
        default=None, description="PEM file of Apple's App Attestation Root CA, from Apple's site."
    )
    liveness_attestation_required: bool = Field(
        default=False,
        description="Whether liveness clients without a verified attestation are refused, web pages among them.",
    )
    liveness_concurrent: int = Field(
        default=64, ge=1, description="Liveness clients that may be connected at the same time; more are told to wait."
    )
    liveness_free_failures: int = Field(
        default=3,
        ge=0,
        description="Failed liveness attempts of a device or user within a day before it has to wait, twice as long "
        "after each; ten times as many for a network address.",
    )
    liveness_longest_wait_seconds: float = Field(
        default=3600.0, ge=0, description="The longest such wait; 0 switches waiting off."
    )
    liveness_frame_days: float = Field(
        default=30.0,
        ge=0,
        description="How long frames of liveness attempts are remembered, as keyed hashes, to refuse a video that is "
        "shown again.",
    )
    liveness_test_nonce: SecretStr | None = Field(
        default=None,
        description="For tests only: the nonce of every liveness attempt, 32 or more hexadecimal characters. It makes "
        "all challenges equal and foreseeable, so liveness detection then proves nothing; without `--dev` the service "
        "does not start with it.",
    )

    # Images from URLs
    url_allow_private: bool = Field(
        default=False,
        description="Whether an image URL may lead to private and loopback addresses (link-local ones, where cloud "
        "metadata lives, stay refused). Leave it off where callers are not trusted with the server's network.",
    )
    url_allowed_networks: str = Field(
        default="",
        description="Networks that an image URL may always lead to, whatever they are, with commas between them: "
        "`10.1.0.0/16,fd00::/64`.",
    )
    url_connect_seconds: float = Field(default=5.0, gt=0, description="Time-out of the connection to an image URL.")
    url_read_seconds: float = Field(default=5.0, gt=0, description="Longest wait for the next bytes of an image URL.")
    url_total_seconds: float = Field(default=20.0, gt=0, description="Time-out of the whole download of an image URL.")
    url_max_redirects: int = Field(default=5, ge=0, le=20, description="Redirects followed from an image URL.")
    url_credentials: bool = Field(
        default=False,
        description="Whether an image URL may hold a user name and password. They are sent to that URL's own host "
        "only, within private networks and `MIEN_URL_ALLOWED_NETWORKS`, and never logged.",
    )
    url_proxy: SecretStr | None = Field(
        default=None,
        description="HTTP proxy to fetch image URLs through, such as `http://user:password@proxy:3128`. The proxy "
        "resolves names then, so keep it from reaching networks that clients must not reach.",
    )
    url_ca_file: Path | None = Field(
        default=None,
        description="PEM file of the certificate authorities to trust for image URLs, instead of the system's.",
    )

    # What the contract's model names stand for
    recognition_01: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_01` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_02: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_02` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_03: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_03` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    recognition_04: str | None = Field(
        default=None,
        description="Recogniser pack that `recognition_04` stands for. "
        "When absent, what `mien models bind` wrote, else the default recogniser.",
    )
    detection_01: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_01` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@general`.",
    )
    detection_02: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_02` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@sensitive`.",
    )
    detection_03: str | None = Field(
        default=None,
        description="Detector pack and operating point that `detection_03` stands for. "
        "When absent, what `mien models bind` wrote, else `yunet@best`.",
    )

    # Housekeeping
    purge_seconds: float = Field(
        default=60.0, gt=0, description="How often expired rows (face ids) are deleted from the database."
    )
    metrics_seconds: float = Field(
        default=5.0, gt=0, le=300, description="How often what was counted is written to the database."
    )
    metrics_days: int = Field(
        default=93, ge=1, le=3660, description="How long the metrics of a minute are kept (Azure keeps them 93 days)."
    )
    alert_seconds: float = Field(default=15.0, ge=1, le=3600, description="How often the alert rules are evaluated.")
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether alerts may be sent to private and loopback addresses (link-local ones, where cloud "
        "metadata lives, stay refused).",
    )
    webhook_allowed_networks: str = Field(
        default="",
        description="Networks that alerts may always be sent to, whatever they are, with commas between them.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least serious log message that is written."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`json` for machines, `console` for people; `auto` is console on a terminal."
    )

    @property
    def sqlalchemy_url(self) -> str:
        """The database's URL with the driver that Mien uses (psycopg 3 for PostgreSQL)."""
        url = self.database_url
        if url is None:
            return f"sqlite:///{(self.data_dir / 'mien.db').absolute()}"
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg{separator}{rest}" if scheme in {"postgres", "postgresql"} else url

    def bindings(self) -> dict[str, str | None]:
        """What `recognition_01` … `detection_03` are set to, by label; see `mien.models.bindings`."""
        names = [name for name in type(self).model_fields if name.startswith(("recognition_0", "detection_0"))]
        return {name: getattr(self, name) for name in names}

    @field_validator("liveness_test_nonce")
    @classmethod
    def _is_nonce(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(bytes.fromhex(value.get_secret_value())) < 16:
            raise ValueError("a nonce has at least 32 hexadecimal characters")
        return value

    @field_validator("url_proxy")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("must be the http:// or https:// URL of a proxy")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in _REDIS_SCHEMES:
            raise ValueError(f"begins with {', '.join(f'{scheme}://' for scheme in _REDIS_SCHEMES)}")
        return value

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in {"http", "https"}:
            raise ValueError("begins with https://")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_one_issuer(cls, value: str | None) -> str | None:
        if value is not None:
            names_of(value)
        return value

    @field_validator("portal_client_id")
    @classmethod
    def _has_issuer(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("oidc_issuer") is None:
            raise ValueError("needs MIEN_OIDC_ISSUER, where people sign in")
        return value

    @field_validator("portal_scopes")
    @classmethod
    def _asks_for_id_token(cls, value: str) -> str:
        if "openid" not in value.split():
            raise ValueError("has openid among others: without it there is no id token")
        return value

    @field_validator("url_allowed_networks", "webhook_allowed_networks", "trusted_proxies", "private_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for part in value.split(","):
            if part.strip():
                ip_network(part.strip())
        return value
