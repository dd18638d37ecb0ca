#!/bin/sh
# tests/bench/store.sh [ROWS [ROUNDS]] - what the store's operations cost and how much memory a row takes, from C and from
# Python, beside SQLite's `:memory:` with prepared statements in the same run. A million rows and 30 rounds if not told.
# BUILD names a release build with tests (default build).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
rows=${1:-1000000}
rounds=${2:-30}
[ -f "$build/build.ninja" ] || { echo "there is no $build/build.ninja: set BUILD to a build folder" >&2; exit 1; }
ninja -C "$build" tests/store/bench_store orochi >&2
python=$(sed -n 's/.*ORO_PYTHON_HOME="\([^"]*\)".*/\1/p' "$build/build.ninja" | head -n 1)
"$build/tests/store/bench_store" "$rows" "$rounds"
"$python/bin/python3" "$root/tests/bench/store.py" "$build/orochi" "$rows" "$rounds"
