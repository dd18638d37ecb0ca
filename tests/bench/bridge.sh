#!/bin/sh
# tests/bench/bridge.sh - what a conversion costs, beside msgspec and pure Python, in the embedded interpreter: makes a virtual
# environment of the same Python with msgspec in it (once), then runs `bench-bridge`. BUILD names a release build (default
# build), VENV the environment; what is given here goes to bench-bridge (--help lists it).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
venv=${VENV:-$build/bench-venv}
tool=$build/orochi
[ -x "$tool" ] || { echo "there is no $tool: set BUILD to a build folder" >&2; exit 1; }
if [ ! -x "$venv/bin/pip" ]; then
    # The environment has to be of the Python that is embedded.
    python=$(sed -n 's/.*ORO_PYTHON_HOME="\([^"]*\)".*/\1/p' "$build/build.ninja" | head -n 1)
    "$python/bin/python3" -m venv "$venv"
fi
"$venv/bin/python" -c 'import msgspec' 2>/dev/null || "$venv/bin/pip" install --quiet msgspec
exec "$tool" bench-bridge --venv "$venv" "$@"
