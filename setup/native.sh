#!/usr/bin/env bash
# setup/native.sh release|asan|tsan [TARGET...]
#
# Builds the data plane with its tests, or only TARGETs of it, into build/KIND; asan: with the fuzzers.
# The sanitizers' builds are clang's, the release build is g++'s: each run proves both compilers.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=$1
shift
clang=(-DHOLDFAST_ADDON=OFF -DCMAKE_CXX_COMPILER=clang++-19)
case $kind in
  release) options=() ;;
  asan) options=(-DHOLDFAST_SANITIZE=address -DHOLDFAST_FUZZERS=ON "${clang[@]}") ;;
  tsan) options=(-DHOLDFAST_SANITIZE=thread "${clang[@]}") ;;
esac
cmake -S addon -B "build/$kind" -G Ninja -DHOLDFAST_TESTS=ON "${options[@]}" >/dev/null
ninja -C "build/$kind" "$@"
