#!/usr/bin/env bash
# npm run test:lab [-- NAME...]
#
# What npm test has no time for: QEMU 11, QEMU's libvhost-user beside holdfast, guests with several
# queues that restart under load, and virtual machines that are multipath hosts (README.md). With NAMEs,
# only the files whose names contain one of them. Sets everything up; the last line sums up:
# `N passed, N failed, N skipped`. Exits with 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

{ setup/packages.sh build test && setup/build.sh && test/images/build.sh qemu-11; } || exit 1

report=$(mktemp -d)
trap 'rm -rf "$report"' EXIT
node_modules/.bin/vitest run --project lab "$@" --reporter default --reporter json \
  --outputFile "$report/json"
read -r passed failed skipped < <(node setup/count.mjs vitest "$report/json" $? "$report/failures")
[ ! -e "$report/failures" ] || { printf '\n=== failures\n' && cat "$report/failures"; }
printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
