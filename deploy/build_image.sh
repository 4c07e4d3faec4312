#!/usr/bin/env bash
# Builds the image of Mien, as root.
#   deploy/build_image.sh [TAG]                  on python:3-slim, from a registry
#   BASE=debian deploy/build_image.sh [TAG]      on a base made here from Debian packages (mmdebstrap), without a registry
# A company's own certificate authority and package index are used where this machine uses them: certificates of
# /etc/ssl/certs, settings of pip.conf and uv.toml below /etc are lent to the build and are not part of the image.
# Where containers may not be started (another container, an old control group layout): BUILDAH_ISOLATION=chroot.
set -euo pipefail
cd "$(dirname "$0")/.."
tag=${1:-mien:local}
arguments=()
if [ "${BASE:-}" = debian ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$folder/base.tar" < /dev/null
  podman import --quiet "$folder/base.tar" localhost/mien-base:bookworm > /dev/null
  arguments+=(--build-arg BASE=localhost/mien-base:bookworm)
elif [ -n "${BASE:-}" ]; then
  arguments+=(--build-arg "BASE=$BASE")
fi
lent=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
for file in /etc/pip.conf /etc/uv/uv.toml; do
  [ -f "$file" ] && lent+=(--volume "$file:$file:ro")
done
for name in PIP_INDEX_URL UV_DEFAULT_INDEX; do
  [ -n "${!name:-}" ] && arguments+=(--build-arg "$name=${!name}")
done
podman build --format docker --network host --file deploy/Containerfile --ignorefile deploy/Containerfile.dockerignore \
  --build-arg "REVISION=$(git rev-parse HEAD 2> /dev/null || echo unknown)" \
  "${arguments[@]}" "${lent[@]}" --tag "$tag" .
echo "built $tag"
