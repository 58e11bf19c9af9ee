#!/usr/bin/env bash
# npm run lint: types of sources and tests, eslint, prettier, clang-format.
set -euo pipefail
cd "$(dirname "$0")/.."

node node_modules/typescript/bin/tsc -p test
node_modules/.bin/eslint .
node_modules/.bin/prettier --check --log-level warn .
find addon test \( -name '*.h' -o -name '*.cpp' \) -print0 |
  xargs -0 clang-format-19 --dry-run --Werror
