#!/usr/bin/env bash
# Makes .venv (VENV) from uv.lock on a machine that has nothing but Python 3.11 or newer (PYTHON: which one).
#   tools/bootstrap.sh serve   what the service needs
#   tools/bootstrap.sh test    and what the tests need
# Uses uv when it is there, else fetches it with pip, else does with pip alone. Asks nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-serve}
venv=${VENV:-.venv}
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
die() { say "mien: $*"; exit 1; }

as_debian_root() { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; }

# Install Debian packages when we may; else say which are missing and go on: what needs them skips with its reason.
debian() {
  local missing=() package
  for package in "$@"; do
    dpkg-query --show --showformat='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  if as_debian_root; then
    say "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } < /dev/null > /dev/null \
      || say "could not install ${missing[*]}"
  else
    say "missing Debian packages: ${missing[*]} (what needs them is left out)"
  fi
}

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  if command -v "$candidate" > /dev/null \
    && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
    python=$(command -v "$candidate")
    break
  fi
done

if command -v uv > /dev/null && uv --version > /dev/null 2>&1; then
  uv=uv
else
  [ -n "$python" ] || die "Python 3.11 or newer is needed (Debian: apt install python3 python3-venv)"
  # Debian keeps the part of Python that makes environments in a package of its own.
  "$python" -c 'import ensurepip, venv' 2> /dev/null || debian python3-venv
  if [ ! -x "$venv"/bin/python ]; then
    say "Making $venv"
    "$python" -m venv "$venv" || die "cannot make an environment: install python3-venv"
  fi
  say "Fetching uv"
  # Named by another path (pyenv's is a script), the same Python would have uv make the environment anew, without uv.
  if "$venv"/bin/python -m pip install --quiet --disable-pip-version-check uv; then uv="$venv"/bin/uv python=; else uv=; fi
fi

groups=(--no-default-groups --extra video)
[ "$what" = test ] && groups=(--group dev)
say "Installing Mien and the libraries that it uses"
export UV_PROJECT_ENVIRONMENT=$venv
installed=
if [ -n "$uv" ]; then
  # Inexact: what else is in the environment stays, uv itself and the other group among it.
  "$uv" sync --quiet --frozen --inexact --compile-bytecode ${python:+--python "$python"} "${groups[@]}" && installed=yes
fi
if [ -z "$installed" ]; then
  say "uv could not; trying with pip alone"
  [ -x "$venv"/bin/python ] || "${python:?Python 3.11 or newer is needed}" -m venv "$venv"
  "$venv"/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
  dev=()
  [ "$what" = test ] && dev=(--group dev)
  "$venv"/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[video]" "${dev[@]}"
fi

# Compiled here once: some machines forbid Python to keep what it compiles, and every start would take twice as long.
"$venv"/bin/python -m compileall -q src

# A browser for the tests of pages, what several servers count calls in, a broker of messages, and what faults are made with.
[ "$what" = test ] && debian chromium redis-server nginx-light haproxy mosquitto libfaketime iptables iproute2
# Chromium without its window: the tests of the portal's pages are a third faster with it.
[ "$what" = test ] && debian chromium-headless-shell
# A camera for the tests of streams: GStreamer's RTSP server, which the system's Python runs.
[ "$what" = test ] && debian gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
  gstreamer1.0-plugins-ugly python3-gi

touch "$venv/.$what"
[ "$what" = test ] && touch "$venv"/.serve
exit 0
