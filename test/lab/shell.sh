#!/usr/bin/env bash
# test/lab/shell.sh KERNEL SETUP [FILE]
#
# Restores a lab of a set-up (loop, iscsi, nvme, two-hosts) on a kernel (6.1, 6.12, 7), made at first,
# and runs what stands in FILE or on standard input as a shell script on its first machine; at a
# terminal, line by line. After a line `@peer` the second machine runs what follows, after `@host`
# the first again. Ends with 1 if a script failed; the lab ends with it. Needs what setup/build.sh
# makes.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
setup/packages.sh build test
[ $# -lt 3 ] || exec <"$3"
exec node test/lab/support/shell.mjs "$1" "$2"
