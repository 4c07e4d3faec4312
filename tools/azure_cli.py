"""Runs the Azure CLI, as the package index has it, against a server of this project, and records what both say.

    python tools/azure_cli.py [--az PATH] [--record tests/management/arm/az_exchanges.json]

Without `--az` it installs azure-cli (some 400 MB) into a throw-away environment. The server is a real `mien serve --dev
--tls`; the issuer is the tests' imitation of Keycloak over HTTPS. Nothing of the CLI is changed: it is told the cloud's
address by `az cloud register` and which authorities to trust by REQUESTS_CA_BUNDLE. It ends with exit code 1 if a
command fails. With `--record` the exchanges with the control plane, scrubbed of tokens, keys and ids, are written for
`tests/management/arm/test_azure_cli.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for the tests' issuer

from tests.issuer import serving  # noqa: E402  see above
from tests.issuer_products import APP_SECRET, Keycloak  # noqa: E402

from mien.clock import SystemClock  # noqa: E402
from mien.tls import ensure_certificate  # noqa: E402

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PLACE = ["--resource-group", "faces"]
NAMED = ["--name", "reception", *PLACE]
TERMS = json.dumps({"acceptedBy": "Anna Admin", "responsibleAi": True, "notForPolice": True})


def commands(manager: str) -> list[list[str]]:
    """Return what is run, in order."""
    account = ["cognitiveservices", "account"]
    return [
        ["cloud", "register", "--name", "Mien", "--endpoint-resource-manager", manager],
        ["cloud", "set", "--name", "Mien"],
        ["config", "set", "core.instance_discovery=false", "--only-show-errors"],
        ["login", "--service-principal", "--username", "visitor-desk", "--password", APP_SECRET, "--tenant", "mien"],
        ["account", "set", "--subscription", SUBSCRIPTION],
        ["account", "list-locations"],
        ["provider", "list"],
        ["provider", "register", "--namespace", "Microsoft.CognitiveServices"],
        ["provider", "show", "--namespace", "Microsoft.CognitiveServices"],
        ["group", "create", "--name", "faces", "--location", "westeurope"],
        ["group", "exists", "--name", "faces"],
        ["group", "show", "--name", "faces"],
        ["group", "list"],
        [*account, "list-kinds"],
        [*account, "create", *NAMED, "--kind", "Face", "--sku", "S0", "--location", "westeurope",
         "--custom-domain", "reception", "--yes"],
        [*account, "list"],
        [*account, "list", *PLACE],
        [*account, "show", *NAMED],
        [*account, "update", *NAMED, "--tags", "team=desk"],
        [*account, "keys", "list", *NAMED],
        [*account, "keys", "regenerate", *NAMED, "--key-name", "Key1"],
        [*account, "list-skus", *NAMED],
        [*account, "list-usage", *NAMED],
        [*account, "list-models", *NAMED],
        [*account, "network-rule", "list", *NAMED],
        [*account, "deployment", "list", *NAMED],
        [*account, "commitment-plan", "list", *NAMED],
        ["resource", "list", *PLACE],
        [*account, "delete", *NAMED],
        [*account, "list-deleted"],
        [*account, "purge", *NAMED, "--location", "westeurope"],
        ["group", "delete", "--name", "faces", "--yes"],
    ]  # fmt: skip


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--az", help="the az program; installed when not given")
    parser.add_argument("--record", type=Path, help="where the exchanges go")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        az = given.az or _install(place / "azure-cli")
        with serving(Keycloak(), place / "issuer", host="localhost") as issuer:
            trusted = place / "issuer" / "ca.pem"
            with (
                _server(place / "data", issuer.url, trusted) as (target, authority),
                _recorder(target, authority, place / "recorder") as (manager, exchanges),
            ):
                bundle = place / "bundle.pem"
                authorities = (trusted, place / "recorder" / "ca.pem")
                bundle.write_text("".join(one.read_text() for one in authorities))
                failed = _run(az, manager, bundle, place / "config")
    if given.record:
        given.record.write_text(json.dumps(scrubbed(exchanges, manager, issuer.url), indent=1) + "\n")
        print(f"{len(exchanges)} exchanges are in {given.record}")
    return 1 if failed else 0


def _install(folder: Path) -> str:
    print("installing azure-cli", flush=True)
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "azure-cli"], check=True)
    return str(folder / "bin" / "az")


@contextmanager
def _server(data: Path, issuer: str, issuer_ca: Path) -> Iterator[tuple[str, Path]]:
    """Run a server whose administrators include the program `visitor-desk`; give its control plane and authority."""
    ready = data / "ready.json"
    data.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MIEN_")}
    environment |= {"MIEN_OIDC_ISSUER": issuer, "MIEN_OIDC_CA_FILE": str(issuer_ca), "MIEN_DATA_DIR": str(data)}
    environment |= {name: os.environ[name] for name in ("MIEN_MODEL_DIR",) if name in os.environ}
    mien = [sys.executable, "-m", "mien"]
    with (data / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*mien, "serve", "--dev", "--tls", "--port", "0", "--ready-file", str(ready)],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise SystemExit((data / "server.log").read_text())
                time.sleep(0.1)
            assign = [*mien, "role", "assign", "Mien.Admin", "--application", "visitor-desk"]
            subprocess.run(assign, env=environment, check=True)
            told, authority = json.loads(ready.read_text()), data / "tls" / "ca.pem"
            httpx.post(
                f"{told['management']}/mien/v1/subscriptions/{SUBSCRIPTION}/terms", content=TERMS, trust_env=False,
                headers={"Authorization": f"Bearer {told['admin_token']}"},
                verify=ssl.create_default_context(cafile=authority),
            ).raise_for_status()  # fmt: skip
            yield told["management"], authority
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _recorder(target: str, authority: Path, tls: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Stand before the control plane, pass everything on, and write it down."""
    exchanges: list[dict[str, Any]] = []
    client = httpx.Client(base_url=target, verify=ssl.create_default_context(cafile=authority), trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            got = client.request(self.command, self.path, headers=headers, content=body, follow_redirects=False)
            exchanges.append({
                "method": self.command, "path": self.path, "token": "Authorization" in self.headers,
                "body": body.decode(), "status": got.status_code, "answer": got.text,
            })  # fmt: skip
            self.send_response(got.status_code)
            for name, value in got.headers.items():
                if name not in {"content-length", "connection", "transfer-encoding", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(got.content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(got.content)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.pass_on)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ensure_certificate(tls, {"localhost"}, SystemClock()).chain)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://localhost:{server.server_address[1]}", exchanges
    finally:
        server.shutdown()
        server.server_close()
        client.close()


def _run(az: str, manager: str, bundle: Path, config: Path) -> list[str]:
    """Run all commands, and return those that failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "ARM_"))}
    environment |= {"AZURE_CONFIG_DIR": str(config), "REQUESTS_CA_BUNDLE": str(bundle), "NO_PROXY": "localhost"}
    environment |= {"AZURE_CORE_COLLECT_TELEMETRY": "false", "AZURE_CORE_NO_COLOR": "true"}
    failed: list[str] = []
    for command in commands(manager):
        shown = " ".join("…" if part == APP_SECRET else part for part in command)
        done = subprocess.run([az, *command], env=environment, capture_output=True, text=True, check=False)
        print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} az {shown}", flush=True)
        if done.returncode:
            print(done.stderr[-2000:], flush=True)
            failed.append(shown)
    return failed


_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def scrubbed(exchanges: list[dict[str, Any]], manager: str, issuer: str) -> list[dict[str, Any]]:
    """Return exchanges without addresses, keys, and ids other than the subscription's."""

    def clean(text: str) -> str:
        text = text.replace(manager, "MANAGER").replace(issuer, "ISSUER")
        text = re.sub(r'"(key[12])":"[^"]+"', r'"\1":"KEY"', text)
        text = re.sub(r'"(etag|internalId)":"(?:\\.|[^"\\])*"', r'"\1":"ID"', text)
        text = re.sub(r"20\d\d-\d\d-\d\dT[0-9:.]+Z", "2026-01-01T00:00:00.000000Z", text)
        text = re.sub(r"localhost:[0-9]+", "localhost:PORT", text)
        text = re.sub(r"client_secret=[^&]+", "client_secret=SECRET", text)
        return _GUID.sub(lambda found: found[0] if found[0] == SUBSCRIPTION else "GUID", text)

    kept = []
    for one in exchanges:
        plain = {name: clean(value) if isinstance(value, str) else value for name, value in one.items()}
        for name in ("body", "answer"):
            if plain[name].startswith(("{", "[")):
                plain[name] = _shortened(json.loads(plain[name]))
        kept.append(plain)
    return kept


def _shortened(value: Any) -> Any:
    """Return JSON with the first entries of long lists only."""
    if isinstance(value, list):
        return [_shortened(item) for item in value[:3]]
    return {name: _shortened(item) for name, item in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    raise SystemExit(main())
