#!/bin/sh
# config/docs.sh - builds the pages of docs/ as a site, in site/, which `orochi docs` serves and the wheel brings along. A warning is
# an error: a link that leads nowhere, a name in the reference that is not there.
#
#   sh config/docs.sh           builds the site
#   sh config/docs.sh --tools   only prints the Python that has what builds it, and mypy
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"

case ${1:-} in
'' | --tools) ;;
*) die "unknown option $1; usage: sh config/docs.sh [--tools]" ;;
esac

python=$(sh "$root/config/python.sh") || exit 1
venv=$root/build/docs/tools
wanted=$root/config/docs.txt
if [ "$(cat "$venv/.of" 2>/dev/null)" != "$python" ] || ! cmp -s "$wanted" "$venv/.has"; then
    rm -rf "$venv"
    mkdir -p "$root/build/docs" || exit 1
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        need <<'END'
cmd:virtualenv  virtualenv  virtualenv
END
        quiet virtualenv -q -p "$python" "$venv" || die "no virtual environment of $python could be made"
    fi
    say "installing what builds the pages ..."
    quiet "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$wanted" || die "pip could not install $wanted (see above)"
    printf '%s\n' "$python" >"$venv/.of"
    cp "$wanted" "$venv/.has"
fi
if [ "${1:-}" = --tools ]; then
    printf '%s\n' "$venv/bin/python"
    exit 0
fi
cd "$root" && NO_MKDOCS_2_WARNING=1 quiet "$venv/bin/python" -m mkdocs build --strict --clean -f config/mkdocs.yml ||
    die "the pages could not be built (see above)"
printf '%s\n' "$root/site"
