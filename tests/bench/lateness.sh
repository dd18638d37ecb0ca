#!/bin/sh
# tests/bench/lateness.sh [SECONDS [SERVER...]] - how late ticks of 20 and of 60 Hz begin, and whether there are as many as time x rate:
# idle, and with two workers loaded by the transfers of heavy.py. 300 seconds each if not told. More than one server program: by turns.
# BUILD names a release build (default build).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-300}
[ $# -gt 1 ] && shift || set -- "${BUILD:-$root/build}/orochi"
exec python3 "$root/tests/bench/lateness.py" "$seconds" "$@"
