#!/usr/bin/env bash
# setup/tidy.sh DIRECTORY: clang-tidy over the data plane, with the compile commands of a clang
# build. A file is looked at again only when it or a header has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

stamps=$1/tidy
mkdir -p "$stamps"
headers=$(find addon -name '*.h' | sort | xargs cat .clang-tidy | sha256sum)

check() { # FILE
  local key
  key=$(echo "$headers" | cat - "$1" | sha256sum | cut -c1-64)
  [ -e "$stamps/$key" ] && return
  # Even quiet, it counts the warnings that it doesn't show.
  clang-tidy-19 -p "$build" --quiet "$1" 2> >(grep -v 'warnings\? generated' >&2) &&
    touch "$stamps/$key"
}
export -f check
export build=$1 stamps headers
find addon/core addon/frontend addon/initiator addon/loadgen addon/hostile -name '*.cpp' -print0 |
  xargs -0 -P "$(nproc)" -I{} bash -c 'check "$1"' check {}
