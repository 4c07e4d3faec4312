"""`mien service`: Mien as a service of systemd."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from mien.cli._administration import AsJson, print_json

app = typer.Typer(help="Run Mien as a service of systemd.", no_args_is_help=True)

UNIT = Path("/etc/systemd/system/mien.service")
"""Where administrators' units live (systemd.unit(5))."""

_SETTINGS_FILE = """\
# Settings of Mien, one MIEN_NAME=value a line; docs/settings.md lists them. `systemctl restart mien` applies changes.
#MIEN_HOST=0.0.0.0
#MIEN_PORT=443
#MIEN_TLS_CERT=/etc/mien/cert.pem
#MIEN_TLS_KEY=/etc/mien/key.pem
"""


@app.callback()
def _group() -> None:
    """Run Mien as a service of systemd."""


@app.command("install")
def install(
    user: Annotated[str, typer.Option(help="Account that the service runs as; created if it does not exist.")] = "mien",
    data_dir: Annotated[Path, typer.Option(help="Folder of the database, keys and models.")] = Path("/var/lib/mien"),
    settings_file: Annotated[
        Path, typer.Option(help="Settings file; created if it does not exist, with comments only.")
    ] = Path("/etc/mien/mien.env"),
    memory: Annotated[str, typer.Option(help="Memory limit of the service, in systemd's notation.")] = "4G",
    to: Annotated[Path, typer.Option(help="File of the unit.")] = UNIT,
    show: Annotated[bool, typer.Option("--print", help="Print the unit and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a systemd unit with limits, and create its account, data folder and settings file.

    The service starts with `systemctl enable --now mien`.
    """
    program = _program()
    text = unit(program=program, user=user, data_dir=data_dir.absolute(), settings_file=settings_file, memory=memory)
    if show:
        typer.echo(text, nl=False)
        return
    if os.geteuid() != 0:
        typer.echo("mien: this writes files of the system: run it as root, or print the unit with --print", err=True)
        raise typer.Exit(1)
    try:
        account = _account(user, data_dir)
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(data_dir, account.pw_uid, account.pw_gid)
        settings_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not settings_file.exists():
            settings_file.touch(mode=0o640)  # may hold secrets: systemd reads it as root
            settings_file.write_text(_SETTINGS_FILE, encoding="utf-8")
        to.write_text(text, encoding="utf-8")
    except (OSError, subprocess.CalledProcessError) as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"unit": str(to), "settings": str(settings_file), "data": str(data_dir), "user": user})
        return
    typer.echo(f"unit       {to}\nsettings   {settings_file}\ndata       {data_dir} of {user}\n")
    typer.echo("Start it now and at every boot:\n\n  systemctl daemon-reload && systemctl enable --now mien\n")
    folders = f"MIEN_DATA_DIR={data_dir} MIEN_MODEL_DIR={data_dir / 'models'}"
    typer.echo("Other commands need its folder and its account:\n")
    typer.echo(f"  runuser -u {user} -- env {folders} {program} resource list")


@app.command("uninstall")
def uninstall(to: Annotated[Path, typer.Option(help="File of the unit.")] = UNIT, *, as_json: AsJson = False) -> None:
    """Stop the service and remove its unit. Data, settings and the account stay."""
    if not to.exists():
        typer.echo(f"mien: there is no unit at {to}", err=True)
        raise typer.Exit(1)
    if to == UNIT and (systemctl := shutil.which("systemctl")):
        subprocess.run([systemctl, "disable", "--now", to.name], check=False)  # noqa: S603 - fixed words
    try:
        to.unlink()
    except OSError as error:
        typer.echo(f"mien: {error}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"removed": str(to)})
    else:
        typer.echo(f"removed {to}; data and settings stay")


def unit(*, program: Path, user: str, data_dir: Path, settings_file: Path, memory: str) -> str:
    """Return the text of a unit.

    Args:
        program: absolute path of `mien`.
        user: account that it runs as.
        data_dir: absolute path of the only folder that the service may write to.
        settings_file: file of `MIEN_…=value` lines; may be missing.
        memory: a value of `MemoryMax` as in systemd.resource-control(5).
    """
    return f"""\
[Unit]
Description=Mien, a face service that speaks the Azure AI Face API
Wants=network-online.target
After=network-online.target postgresql.service

[Service]
Type=exec
User={user}
Environment=MIEN_DATA_DIR={data_dir} MIEN_MODEL_DIR={data_dir}/models MIEN_LOG_FORMAT=json
EnvironmentFile=-{settings_file}
ExecStart={program} serve
Restart=on-failure
RestartSec=2
# After SIGTERM it drains (5 s) and finishes what it has begun (20 s at most), unless settings say otherwise.
TimeoutStopSec=60
LimitNOFILE=65536
MemoryMax={memory}
TasksMax=1024
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={data_dir}
ProtectHome=read-only
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def _program() -> Path:
    """Return the path of the `mien` that runs now."""
    beside = Path(sys.executable).with_name("mien")
    return beside if beside.exists() else Path(shutil.which("mien") or sys.argv[0]).absolute()


def _account(name: str, home: Path) -> pwd.struct_passwd:
    """Return the account of a name; create it as one of the system if it does not exist."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        command = [useradd, "--system", "--home-dir", str(home), "--shell", "/usr/sbin/nologin", name]
        subprocess.run(command, check=True)  # noqa: S603 - no shell; the administrator chose the name
        return pwd.getpwnam(name)
