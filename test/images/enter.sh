#!/bin/sh
# enter.sh TREE [--run DIRECTORY] COMMAND...
#
# Runs COMMAND with TREE (`/` or one unpacked by debian-tree.sh) as its root, keeping the working
# directory. /dev, /proc, /sys, /tmp and this checkout are the machine's own; /run is empty, with
# DIRECTORY at /run/holdfast; there is no /dev/kvm, since one that is there may still not work.
# COMMAND keeps this process's id and its mounts vanish with it.
# Needs root.
set -eu

tree=${1%/} run=
shift
[ "$1" != --run ] || { run=$2; shift 2; }
checkout=$(realpath "$(dirname "$0")/../..")
export tree run checkout

# shellcheck disable=SC2016  # expanded inside the new mount namespace
exec unshare --mount -- sh -euc '
  if [ -n "$tree" ]; then
    for directory in /dev /proc /sys /tmp "$checkout"; do
      mkdir -p "$tree$directory"
      mount --rbind "$directory" "$tree$directory"
    done
  fi
  # A read-only file is no KVM to anybody: libvirt probes all anew while /dev/kvm is writable.
  [ ! -e /dev/kvm ] || mount --bind -o ro "$checkout/test/images/enter.sh" "$tree/dev/kvm"
  mount -t tmpfs tmpfs "$tree/run"
  if [ -n "$run" ]; then
    mkdir "$tree/run/holdfast"
    mount --bind "$run" "$tree/run/holdfast"
  fi
  directory=$PWD root=${tree:-/}
  unset tree run checkout
  exec unshare --root="$root" --wd="$directory" -- "$@"
' sh "$@"
