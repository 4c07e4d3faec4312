"""Tells the person who started the service how to reach it: on the terminal and in the ready file, never in the log."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mien.accounts import KeyPair
from mien.cli._face_service import ENDPOINT_VARIABLE, KEY_VARIABLES
from mien.contract.headers import KEY_HEADER
from mien.contract.models import NEWEST_DETECTION, NEWEST_RECOGNITION
from mien.contract.versions import STABLE
from mien.management.tokens import NewToken
from mien.settings import Settings


@dataclass(frozen=True, slots=True, repr=False)
class Reached:
    """How a running service is reached.

    Attributes:
        endpoint: URL of the data plane.
        management: URL of the control plane; None when it is off.
        keys: keys of the first resource, in development.
        admin_token: made at this start; None when there was a valid token already.
        ca: the local certificate authority that clients must trust; None without one.
    """

    endpoint: str
    management: str | None
    keys: KeyPair | None
    admin_token: NewToken | None
    ca: Path | None


def write_ready_file(path: Path, reached: Reached) -> None:
    """Write the ready file in one step, readable by its owner only: it holds keys."""
    content = {
        "endpoint": reached.endpoint,
        "key1": reached.keys.key1 if reached.keys else None,
        "key2": reached.keys.key2 if reached.keys else None,
        "management": reached.management,
        "admin_token": reached.admin_token.secret if reached.admin_token else None,
        "pid": os.getpid(),
    }
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        json.dump(content, out, indent=2)
        out.write("\n")
    draft.replace(path)


def greet(console: Console, settings: Settings, reached: Reached, *, dev: bool) -> None:
    """Print how to call the service; out of development only a first admin token, which nobody can be shown later."""
    if dev and reached.keys:
        _greet_developer(console, settings, reached, reached.keys)
    elif reached.admin_token:
        ends = reached.admin_token.token.expires_at
        console.print(
            "\nThis database has no valid admin token, so this one was created. It is shown only once: store it.\n"
        )
        console.print(f"  management   {reached.management}")
        console.print(f"  admin token  {reached.admin_token.secret}", markup=False)
        console.print(f"  valid until  {ends:%Y-%m-%d}\n" if ends else "  valid        until it is revoked\n")
        console.print(
            "Replace it before that day: `mien admin token create NAME` on this machine creates another one.\n",
            markup=False,
        )


def _greet_developer(console: Console, settings: Settings, reached: Reached, keys: KeyPair) -> None:
    ca = reached.ca
    trust = f" --cacert {ca}" if ca else ""
    console.print(f"\n[bold]Mien answers at {reached.endpoint}[/bold]\n")
    console.print(f"  endpoint     {reached.endpoint}")
    console.print(f"  key1         {keys.key1}")
    console.print(f"  key2         {keys.key2}")
    if reached.management and reached.admin_token:
        console.print(f"  management   {reached.management}")
        console.print(f"  admin token  {reached.admin_token.secret}  (until the service stops)", markup=False)
        if settings.portal:
            console.print(f"  portal       {reached.management}/  (sign in with the admin token)", markup=False)
    console.print(f"  data         {settings.data_dir}")
    console.print(f"  models       {settings.model_dir}")
    if ca:
        console.print(f"\nClients must trust the local authority [bold]{ca}[/bold]:")
        console.print(f"  Python    export REQUESTS_CA_BUNDLE={ca} SSL_CERT_FILE={ca}")
        console.print(f"  Node.js   export NODE_EXTRA_CA_CERTS={ca}")
        console.print(f"  Debian    cp {ca} /usr/local/share/ca-certificates/mien.crt && update-ca-certificates")
    console.print("\nThe variables by which `mien enrol`, `mien status` and most examples find it:\n", markup=False)
    console.print(f"  export {ENDPOINT_VARIABLE}={reached.endpoint} {KEY_VARIABLES[-1]}={keys.key1}", markup=False)
    if reached.management and reached.admin_token:
        secret = reached.admin_token.secret
        console.print(f"  export FACE_MANAGEMENT={reached.management} FACE_ADMIN_TOKEN={secret}", markup=False)
    console.print("\nTry it with a photo of a face:\n")
    console.print(
        f'  curl{trust} "{reached.endpoint}/face/{STABLE.name}/detect?detectionModel={NEWEST_DETECTION}'
        f'&recognitionModel={NEWEST_RECOGNITION}&returnFaceLandmarks=true" \\\n'
        f'    -H "{KEY_HEADER}: {keys.key1}" -H "Content-Type: application/octet-stream" \\\n'
        "    --data-binary @photo.jpg\n",
        markup=False,
    )
    console.print(f"See liveness detection with your camera at [bold]{reached.endpoint}/liveness/demo[/bold]\n")
