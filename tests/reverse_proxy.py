"""A real reverse proxy (nginx) before a server, below a base path; skipped where nginx is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import stop
from tests.local_server import free_port, wait_for_port

_CONFIGURATION = """
{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $upgraded {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
    {locations}
  }}
}}
"""
_LOCATIONS = """
    proxy_http_version 1.1; client_max_body_size 8m;
    location /mien/ {{ proxy_pass {data}/; proxy_set_header X-Forwarded-Prefix /mien; {headers} }}
    location /console/ {{ proxy_pass {management}/; proxy_set_header X-Forwarded-Prefix /console; {headers} }}
"""
_UPGRADE = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgraded;"
X_FORWARDED = """
    proxy_set_header Host upstream.internal; proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-For $remote_addr;
"""
FORWARDED = """
    proxy_set_header Host upstream.internal;
    proxy_set_header Forwarded 'for=$remote_addr;proto=$scheme;host="$http_host"';
"""


@contextmanager
def nginx(
    folder: Path, data: str, management: str, headers: str = X_FORWARDED, locations: str | None = None
) -> Iterator[str]:
    """Run nginx before a server: the data plane is below `/mien`, the control plane below `/console`.

    Args:
        folder: for its files.
        data: URL of the data plane.
        management: URL of the control plane.
        headers: what it tells the server of the caller.
        locations: what it serves instead, in nginx's words.

    Yields:
        its URL, without a path.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("needs the Debian package nginx-light")
    port = free_port()
    written = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # its workers would not be let into the folder
    if locations is None:
        locations = _LOCATIONS.format(data=data, management=management, headers=_UPGRADE + headers)
    written.write_text(_CONFIGURATION.format(user=user, folder=folder, port=port, locations=locations))
    said = folder / "nginx.out"
    with said.open("wb") as out:
        process = subprocess.Popen([program, "-p", str(folder), "-c", str(written)], stdout=out, stderr=out)
    try:
        wait_for_port(process, port, said.read_text)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)
