#!/bin/sh
# tests/bench/large.sh [ROUNDS [ROWS [SERVER...]]] - what one transaction of very many rows costs: how much memory above the start at
# its peak, and how long tiny calls of others wait meanwhile: 3 rounds of 1,000,000 rows if not told. More than one server program: by
# turns.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-3} rows=${2:-1000000}
[ $# -gt 2 ] && shift 2 || set -- "${BUILD:-$root/build}/orochi"
exec python3 "$root/tests/bench/large.py" "$rounds" "$rows" "$@"
