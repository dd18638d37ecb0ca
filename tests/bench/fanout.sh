#!/bin/sh
# tests/bench/fanout.sh [ROUNDS [CLIENTS [SECONDS [SERVER...]]]] - what it costs to tell clients of a hundred entities that move
# twenty times a second: 3 rounds of 1000 clients for 5 seconds if not told. More than one server program: by turns. BUILD names
# a release build (default build).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
[ -f "$build/build.ninja" ] || { echo "there is no $build/build.ninja: set BUILD to a build folder" >&2; exit 1; }
ninja -C "$build" orochi tests/runtime_bench/bench_fanout >&2
rounds=${1:-3} clients=${2:-1000} seconds=${3:-5}
[ $# -gt 3 ] && shift 3 || set -- "$build/orochi"
exec python3 "$root/tests/bench/fanout.py" "$build/tests/runtime_bench/bench_fanout" "$rounds" "$clients" "$seconds" "$@"
