#!/bin/sh
# config/format.sh - clang-format over the tracked C files: --check names those that differ, no flag rewrites them.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"
cd "$root" || exit 1
have clang-format || die "clang-format is missing (Debian package clang-format)"

case ${1:-} in
'') git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format -i --style=file ;;
--check) git ls-files -z '*.c' '*.h' | xargs -0 -r clang-format --dry-run --Werror --style=file ;;
*) die "unknown option $1; usage: sh config/format.sh [--check]" ;;
esac
