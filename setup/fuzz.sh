#!/usr/bin/env bash
# setup/fuzz.sh SECONDS|pack [FUZZER...]
#
# Runs the fuzzers of test/fuzz (all, or those named) for so long each, as many at a time as there are
# processors, beginning with their corpora; what reaches something new is left in build/asan/corpus.
# 0: only runs what there is. pack: makes the fewest of all those inputs that reach what all of them do
# the corpora of test/fuzz/corpus.
# The last line sums up: `N passed, N failed, N skipped`. Exits with 1 if one of them found something.
set -euo pipefail
cd "$(dirname "$0")/.."

export task=$1
shift
export native=$PWD/build/asan script=$PWD/build/fuzz-script
export crashes=$PWD/build/fuzz-crashes logs=$PWD/build/fuzz-logs
export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-19

setup/packages.sh build test
setup/build.sh
setup/native.sh asan fuzzers
[ -e "$script/build.ninja" ] || cmake -S test/fuzz/script -B "$script" -G Ninja \
  -DCMAKE_CXX_COMPILER=clang++-19
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
  local name=$1 packed=test/fuzz/corpus/$1.tar
  local corpus=$native/corpus/$name fewest=$native/corpus/$name.fewest
  # A command that waits for a device would be a hang: 20 s is long for what takes microseconds.
  local limits=(-timeout=20 -rss_limit_mb=2048 -max_len=4096 -len_control=0
    "-artifact_prefix=$crashes/$name-")
  mkdir -p "$corpus"
  # Inputs that are not there prove nothing; only a new fuzzer begins without.
  if [ -e "$packed" ] || [ "$task" = 0 ]; then tar -C "$corpus" -xf "$packed"; fi
  case $task in
    0) run_fuzzer "$name" "${limits[@]}" -runs=0 "$corpus" ;;
    pack)
      rm -rf "$fewest"
      mkdir -p "$fewest" "$(dirname "$packed")"
      run_fuzzer "$name" "${limits[@]}" -set_cover_merge=1 "$fewest" "$corpus"
      tar -C "$fewest" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$packed" .
      ;;
    *) run_fuzzer "$name" "${limits[@]}" "-max_total_time=$task" -print_final_stats=1 "$corpus" ;;
  esac
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
