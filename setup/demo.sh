#!/usr/bin/env bash
# npm run demo
#
# Builds what is needed, then shows two guests of QEMU that share a disk and fence each other. It
# downloads some 100 MB of Debian packages at first. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."

setup/packages.sh guests
setup/build.sh >&2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
node_modules/.bin/vitest run --project demo --disable-console-intercept \
  --reporter json --outputFile "$scratch/report" | sed '/^JSON report written/d' || status=$?
[ "$status" -eq 0 ] || {
  node setup/count.mjs vitest "$scratch/report" "$status" "$scratch/failures" >"$scratch/counts"
  cat "$scratch/failures" >&2
}
exit "$status"
