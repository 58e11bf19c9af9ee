#!/usr/bin/env bash
# setup/fuzz.sh SECONDS [FUZZER...]
#
# Runs the fuzzers of test/fuzz (all, or those named) for so long each, one after another, and adds
# what reaches something new to their corpora. 0: only runs the corpora once. The last line sums up:
# `N passed, N failed, N skipped`. Exits with 1 if one of them found something.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=$1
shift
build=build/fuzz
crashes=$PWD/$build/crashes
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19

setup/packages.sh build test
[ -e $build/build.ninja ] || cmake -S addon -B $build -G Ninja -DHOLDFAST_SANITIZE=address \
  -DHOLDFAST_FUZZERS=ON -DHOLDFAST_ADDON=OFF -DCMAKE_CXX_COMPILER=clang++-19
mkdir -p "$crashes"

if [ $# -eq 0 ]; then
  for source in test/fuzz/*_fuzzer.cpp; do set -- "$@" "$(basename "$source" .cpp)"; done
fi
ninja -C $build "$@"

# A command that waits for a device would be a hang: 20 s is long for what takes microseconds.
limits=(-timeout=20 -len_control=0 -rss_limit_mb=2048 -max_len=4096 "-artifact_prefix=$crashes/")
passed=0 failed=0
for fuzzer in "$@"; do
  printf '\n=== %s\n' "$fuzzer"
  corpus=test/fuzz/corpus/$fuzzer
  if [ "$seconds" -eq 0 ]; then
    run=("$corpus" -runs=0)
  else
    mkdir -p "$build/corpus/$fuzzer"
    run=("$build/corpus/$fuzzer" "$corpus" "-max_total_time=$seconds" -print_final_stats=1)
  fi
  if "$build/fuzz/$fuzzer" "${limits[@]}" "${run[@]}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  # The fewest inputs that reach what all of them do.
  [ "$seconds" -eq 0 ] || "$build/fuzz/$fuzzer" -merge=1 "$corpus" "$build/corpus/$fuzzer"
done
printf '\n%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
