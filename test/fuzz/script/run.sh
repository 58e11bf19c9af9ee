#!/bin/sh
# FUZZ_TARGET=NAME run.sh [LIBFUZZER-ARGUMENT...]
#
# One program without further arguments, as libFuzzer starts itself again to merge corpora.
here=$(dirname "$(realpath "$0")")
export FUZZ_DRIVER="$here/../../../build/fuzz-script/fuzz_driver.node" FUZZ_PROGRAM="$0"
exec node --import "$here/hooks.mjs" \
  "$here/../../../build/fuzz-script/program/test/fuzz/script/run.js" "$@"
