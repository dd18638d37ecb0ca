#!/bin/sh
# config/build.sh - installs what is missing and makes build/orochi, a release build.
#
#   sh config/build.sh           the server
#   sh config/build.sh --tests   and the unit tests, with what they need
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"

tests=false
case ${1:-} in
'') ;;
--tests) tests=true ;;
*) die "unknown option $1; usage: sh config/build.sh [--tests]" ;;
esac

need_to_build
[ "$tests" = false ] || need_to_test
python=$(sh "$root/config/python.sh") || exit 1

# A folder that has the tests keeps them: taking them out again would only cost a reconfigure.
[ "$tests" = true ] || [ ! -f "$root/build/.tests" ] || tests=true
# Warnings are errors where the tests are built; a newer compiler's new warning should keep nobody from playing.
meson_build "$root/build" "$python" --buildtype=release "-Dtests=$tests" "-Dwerror=$tests" || exit 1
[ "$tests" = false ] || touch "$root/build/.tests"
if [ "${1:-}" = --tests ]; then set --; else set -- orochi; fi
[ -t 2 ] || set -- --quiet "$@"
ninja -C "$root/build" "$@" >&2 || die "the build failed; see above"
