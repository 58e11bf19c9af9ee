#!/usr/bin/env bash
# setup/packages.sh PURPOSE...   with PURPOSE one of: build guests test
#
# Installs the Debian packages that the purposes need and that are missing. Without root it changes
# nothing, names the missing ones on stderr and exits with 1.
set -euo pipefail

declare -A packages=(
  [build]='build-essential cmake ninja-build liburing-dev libaio-dev
           libseccomp-dev'
  [guests]='qemu-system-x86 busybox-static e2fsprogs util-linux'
  [test]='doctest-dev clang-19 clang-format-19 clang-tidy-19 libclang-rt-19-dev llvm-19
          qemu-system-x86 qemu-utils debootstrap busybox-static erofs-utils xz-utils fio strace
          e2fsprogs util-linux'
)

command -v dpkg-query >/dev/null || {
  echo "holdfast: this is no Debian system; install by hand what corresponds to: ${packages[*]}" >&2
  exit 1
}

missing=()
for purpose in "$@"; do
  for package in ${packages[$purpose]:?unknown purpose $purpose}; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "holdfast: missing Debian packages; as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
wait_for_lock=(-o DPkg::Lock::Timeout=300)
apt-get "${wait_for_lock[@]}" -q update >&2
apt-get "${wait_for_lock[@]}" -q -y --no-install-recommends install "${missing[@]}" >&2
