#!/usr/bin/env bash
# setup/fuzz.sh SECONDS [FUZZER...]
#
# Runs the fuzzers of test/fuzz (all, or those named) for so long each, as many at a time as there are
# processors, and adds what reaches something new to their corpora. 0: only runs the corpora once.
# The last line sums up: `N passed, N failed, N skipped`. Exits with 1 if one of them found something.
set -euo pipefail
cd "$(dirname "$0")/.."

export seconds=$1
shift
export native=$PWD/build/fuzz script=$PWD/build/fuzz-script
export crashes=$PWD/build/fuzz-crashes logs=$PWD/build/fuzz-logs
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19

setup/packages.sh build test
setup/build.sh
[ -e "$native/build.ninja" ] || cmake -S addon -B "$native" -G Ninja -DHOLDFAST_SANITIZE=address \
  -DHOLDFAST_FUZZERS=ON -DHOLDFAST_ADDON=OFF -DCMAKE_CXX_COMPILER=clang++-19
[ -e "$script/build.ninja" ] || cmake -S test/fuzz/script -B "$script" -G Ninja \
  -DCMAKE_CXX_COMPILER=clang++-19
ninja -C "$native" fuzzers
ninja -C "$script"
node_modules/.bin/tsc -p test/fuzz/script
rm -rf "$logs"
mkdir -p "$crashes" "$logs"

if [ $# -eq 0 ]; then
  for source in test/fuzz/*_fuzzer.cpp test/fuzz/script/targets/*.ts; do
    name=$(basename "${source%.*}")
    set -- "$@" "$name"
  done
fi

run_fuzzer() { # NAME LIBFUZZER-ARGUMENT...
  local name=$1
  shift
  if [ -e "test/fuzz/$name.cpp" ]; then
    "$native/fuzz/$name" "$@"
  else
    FUZZ_TARGET=$name test/fuzz/script/run.sh "$@"
  fi
}

fuzz() { # NAME
  local name=$1 corpus=test/fuzz/corpus/$1 found=$native/corpus/$1
  # A command that waits for a device would be a hang: 20 s is long for what takes microseconds.
  local limits=(-timeout=20 -rss_limit_mb=2048 -max_len=4096 -len_control=0
    "-artifact_prefix=$crashes/$name-")
  if [ "$seconds" -eq 0 ]; then
    run_fuzzer "$name" "${limits[@]}" -runs=0 "$corpus"
    return
  fi
  mkdir -p "$found" "$corpus"
  run_fuzzer "$name" "${limits[@]}" "-max_total_time=$seconds" -print_final_stats=1 \
    "$found" "$corpus"
  # The fewest inputs that reach what all of them do.
  run_fuzzer "$name" -merge=1 "$corpus" "$found"
}

log_of() { # NAME
  (set -e; fuzz "$1") >"$logs/$1" 2>&1 && echo passed >"$logs/$1.result"
}
export -f run_fuzzer fuzz log_of
printf '%s\n' "$@" | xargs -P "$(nproc)" -I NAME bash -c 'log_of NAME || true'

passed=0 failed=0
for name in "$@"; do
  printf '\n=== %s\n' "$name"
  if [ -e "$logs/$name.result" ]; then
    passed=$((passed + 1))
    grep -E 'DONE|stat::number_of_executed_units' "$logs/$name" || true
  else
    failed=$((failed + 1))
    tail -n 200 "$logs/$name"
  fi
done
printf '\n%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
