#!/bin/sh
# config/settings.sh [BUILD] - writes config/orochi.toml and docs/settings.md anew from config/settings.h.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build}
ninja -C "$build" config/settings_text >&2
mkdir -p "$root/docs"
"$build/config/settings_text" toml >"$root/config/orochi.toml"
"$build/config/settings_text" page >"$root/docs/settings.md"
