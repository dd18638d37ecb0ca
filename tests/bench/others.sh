#!/bin/sh
# tests/bench/others.sh [ROUNDS [ROWS [SERVER...]]] - a client's tiny calls while others read a whole table: its p99 without them, beside an
# anonymous SELECT * over HTTP, and beside a subscription, by turns; and the server's memory above its start: 3 rounds of
# 1,000,000 rows if not told.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-3} rows=${2:-1000000}
[ $# -gt 2 ] && shift 2 || set -- "${BUILD:-$root/build}/orochi"
exec python3 "$root/tests/bench/others.py" "$rounds" "$rows" "$@"
