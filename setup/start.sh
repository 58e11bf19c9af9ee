#!/usr/bin/env bash
# npm start [-- IMAGE [serve options]]
#
# Builds what is needed, then serves IMAGE, a raw image or a block device; without one, a sparse
# scratch image of 1 GiB. Prints the QEMU arguments that attach a guest.
set -euo pipefail
cd "$(dirname "$0")/.."

setup/build.sh >&2

scratch=$PWD/.cache/scratch.img
image=$scratch
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  image=$1
  shift
fi
socket=$PWD/.cache/disk.sock
mkdir -p .cache
[ "$image" != "$scratch" ] || [ -e "$scratch" ] || truncate -s 1G "$scratch"

node dist/cli/main.js qemu-args --socket-path "$socket"
exec node dist/cli/main.js serve --socket-path "$socket" --blk-file "$image" "$@"
