#!/usr/bin/env bash
# npm start [-- IMAGE [serve options]]
#
# Builds what is needed, then serves IMAGE, a raw image or a block device, as a SCSI disk with
# persistent reservations; without one, a sparse scratch image of 1 GiB. Prints the QEMU arguments
# that attach a guest.
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

control=$PWD/.cache/control.sock
node dist/cli/main.js qemu-args --device scsi --socket-path "$socket"
cat <<END

To see and change the disk's persistent reservations from here, once it serves:

  node dist/cli/main.js pr full-status --control-socket $control

END
exec node dist/cli/main.js serve --device scsi --socket-path "$socket" --control-socket "$control" \
  --blk-file "$image" "$@"
