"""Settings: liveness detection."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from mien.settings.group import SettingsGroup


class LivenessSettings(SettingsGroup):
    """Liveness detection."""

    liveness_origins: str = Field(
        default="*",
        description="Origins of the web pages that may run liveness detection in a browser, separated by commas, "
        "such as `https://shop.example,https://www.shop.example`; `*` for all. A page always needs a session's token.",
    )
    liveness_networks: str = Field(
        default="fr-liveness,minifasnet",
        pattern=r"^\s*((fr-liveness|minifasnet)\s*(,\s*(fr-liveness|minifasnet)\s*)*)?$",
        description="Model packs of passive networks that liveness detection may use, separated by commas; the mean of "
        "their scores is used. The server downloads `fr-liveness` before it starts, and tries to download `minifasnet` "
        "while it serves. Without any, passive sessions are refused.",
    )
    liveness_virtual_cameras: bool = Field(
        default=False,
        description="Whether liveness clients may use virtual cameras: programs such as OBS, which can show any video.",
    )
    liveness_own_script: bool = Field(
        default=False,
        description="Whether only pages that load the liveness component from this server, unchanged, may run liveness "
        "detection: they prove it with a digest. Pages that bundle the component and native apps are then refused.",
    )
    liveness_without_flashes: Literal["off", "uncertain", "realface"] = Field(
        default="off",
        description="Whether people who can be harmed by flashing light may turn the head instead, and the best "
        "decision that such an attempt can reach: `off` for no, `uncertain` for attempts that your own staff reviews, "
        "`realface` for the same as with flashes. Only the turns then bind the video to the attempt. A resource may "
        "have its own policy.",
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
        description="Whether liveness clients without a verified attestation are refused, including web pages.",
    )
    liveness_concurrent: int = Field(
        default=64, ge=1, description="Liveness clients that may be connected at the same time; more are told to wait."
    )
    liveness_free_failures: int = Field(
        default=3,
        ge=0,
        description="Failed liveness attempts that a device or user may have within a day before it must wait; the "
        "wait doubles with each further failure. A network address may have ten times as many.",
    )
    liveness_longest_wait_seconds: float = Field(
        default=3600.0, ge=0, description="Longest wait after failed liveness attempts; 0 disables waiting."
    )
    liveness_frame_days: float = Field(
        default=30.0,
        ge=0,
        description="How long keyed hashes of the frames of liveness attempts are stored, to refuse replayed videos.",
    )
    liveness_test_nonce: SecretStr | None = Field(
        default=None,
        description="For tests only: the nonce of every liveness attempt, 32 or more hexadecimal characters. It makes "
        "all challenges equal and predictable, so liveness detection then proves nothing. The service starts with it "
        "only under `--dev`.",
    )

    @field_validator("liveness_test_nonce")
    @classmethod
    def _is_nonce(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(bytes.fromhex(value.get_secret_value())) < 16:
            raise ValueError("needs at least 32 hexadecimal characters")
        return value
