#!/usr/bin/env bash
# Builds everything into build/release and dist, and does nothing where nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

setup/packages.sh build

# npm writes the inner file last: it is there and not older only after a complete install.
if [ ! -e node_modules/.package-lock.json ] ||
  [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-progress
fi

[ -e build/release/build.ninja ] || cmake -S addon -B build/release -G Ninja
ninja -C build/release holdfast_addon holdfast-loadgen holdfast-initiator holdfast-hostile
node node_modules/typescript/bin/tsc -p .
