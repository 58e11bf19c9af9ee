#!/usr/bin/env bash
# npm test [-- PART...]
#
# Sets everything up, runs the parts of the table below (all, or those named) and goes on after a
# failure. The last line sums up: `N passed, N failed, N skipped`. Exits with 1 if anything failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

# name | how it is run and counted | its argument
table='
build       | check   | setup/build.sh
lint        | check   | setup/lint.sh
unit        | vitest  | unit
native      | doctest | release
asan        | doctest | asan
tsan        | doctest | tsan
tidy        | check   | setup/tidy.sh build/asan
fuzz        | sums    | setup/fuzz.sh 0
process     | vitest  | process
measuring   | vitest  | measuring
interop     | vitest  | interop
demo        | check   | setup/demo.sh
'

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=$scratch/failures # what is shown again at the end

# Each run_* shows its part's output on stderr and prints `passed failed skipped`.

run_check() { # COMMAND LINE: one test, passed when the command succeeds
  # shellcheck disable=SC2086  # the table's argument is a command line
  if $1 >&2; then echo 1 0 0; else echo 0 1 0; fi
}

run_sums() { # COMMAND LINE: its last line is `N passed, N failed, N skipped`
  # shellcheck disable=SC2086  # the table's argument is a command line
  $1 2>&1 | tee "$scratch/sums" | sed '$d' >&2
  tail -n 1 "$scratch/sums" | awk -F'[ ,]+' '
    / passed, .* failed, .* skipped$/ { print $1, $3, $5; told = 1 }
    END { if (!told) print 0, 1, 0 }'
}

run_vitest() { # PROJECT
  node_modules/.bin/vitest run --project "$1" --reporter default --reporter json \
    --outputFile "$scratch/$1" >&2
  node setup/count.mjs vitest "$scratch/$1" $? "$failures"
}

# Where sanitizers find the names of functions; Debian gives it a version.
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19
export TSAN_OPTIONS=external_symbolizer_path=$ASAN_SYMBOLIZER_PATH

run_doctest() { # KIND, of setup/native.sh
  local output=$scratch/doctest
  : >"$output"
  setup/native.sh "$1" >&2 &&
    "build/$1/test/holdfast-native-tests" --no-colors 2>&1 | tee "$output" >&2
  node setup/count.mjs doctest "$output" $? "$failures"
}

setup/packages.sh build test || exit 1

passed=0 failed=0 skipped=0
summary=
while IFS='|' read -r name kind argument; do
  read -r name <<<"$name"
  read -r kind <<<"$kind"
  read -r argument <<<"$argument"
  [ -n "$name" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue

  printf '\n=== %s\n' "$name" >&2
  start=$SECONDS
  read -r p f s < <("run_$kind" "$argument" </dev/null)
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  summary+=$(printf '%-12s %5d passed %5d failed %5d skipped %5d s' \
    "$name" "$p" "$f" "$s" $((SECONDS - start)))$'\n'
done <<<"$table"

[ ! -e "$failures" ] || { printf '\n=== failures\n' && cat "$failures"; }
printf '\n%s\n%d passed, %d failed, %d skipped\n' "$summary" "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
