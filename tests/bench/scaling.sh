#!/bin/sh
# tests/bench/scaling.sh [ROUNDS [SECONDS]] - what a second worker brings, for reducers that compute for 200 us each and for
# short ones, on two cores. Three rounds of 5 seconds if not told. BUILD names a release build (default build).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
[ -f "$build/build.ninja" ] || { echo "there is no $build/build.ninja: set BUILD to a build folder" >&2; exit 1; }
ninja -C "$build" orochi >&2
python=$(sed -n 's/.*ORO_PYTHON_HOME="\([^"]*\)".*/\1/p' "$build/build.ninja" | head -n 1)
exec "$python/bin/python3" "$root/tests/bench/scaling.py" "$build/orochi" "${1:-3}" "${2:-5}"
