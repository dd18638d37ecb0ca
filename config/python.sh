#!/bin/sh
# config/python.sh - finds the CPython that Orochi embeds, or builds one; prints its path.
#
# It must be 3.13 or newer, with a GIL, a shared libpython and its headers. Looked for in this order:
# $OROCHI_PYTHON, the PATH, pyenv, uv, one built here before, the distribution's packages. Where none is
# found, Debian's source of 3.13 is built (once, some minutes) and kept in ~/.cache/orochi.
# OROCHI_PYTHON=build asks for that one; OROCHI_VERBOSE=1 says why the others were refused.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"

suite=trixie      # the Debian release whose source package is built
source=python3.13

# Prints "path version" and succeeds if the interpreter $1 can be embedded; otherwise prints the reason.
judge() {
    "$1" -I - 2>/dev/null <<'END' || { echo "it does not run"; return 1; }
import os, sys
v = sys.version_info
def out(code, text):
    print(text); sys.stdout.flush(); os._exit(code)
if v < (3, 13): out(0, "no: it is %d.%d, and 3.13 is the least" % v[:2])
import sysconfig
get = sysconfig.get_config_var
if v.releaselevel != "final": out(0, "no: it is a pre-release, " + sys.version.split()[0])
if sys.implementation.name != "cpython": out(0, "no: it is not CPython")
if get("Py_GIL_DISABLED"): out(0, "no: it is the free-threaded build")
if not get("Py_ENABLE_SHARED"): out(0, "no: it has no shared libpython (--enable-shared)")
lib = os.path.join(get("LIBDIR") or "", get("LDLIBRARY") or "")
if not os.path.exists(lib): out(0, "no: " + lib + " is not there (the -dev package brings it)")
head = os.path.join(sysconfig.get_paths()["include"], "Python.h")
if not os.path.exists(head): out(0, "no: " + head + " is not there (the -dev package brings it)")
out(0, "yes: %s %s" % (getattr(sys, "_base_executable", None) or sys.executable, sys.version.split()[0]))
END
}

# try PATH WHY: ends the script with the interpreter if it will do.
try() {
    [ -x "$1" ] || return 1
    verdict=$(judge "$1")
    case $verdict in
    yes:*)
        found=${verdict#yes: }
        say "Python ${found##* }: ${found% *} ($2)"
        printf '%s\n' "${found% *}"
        exit 0
        ;;
    esac
    refused="$verdict"
    say_more "not $1: ${verdict#no: }"
    return 1
}

on_path() {
    old_ifs=$IFS
    IFS=:
    for dir in $PATH; do
        IFS=$old_ifs
        for name in python3 python3.1[3-9] python3.[2-9][0-9]; do
            for exe in "$dir"/$name; do
                try "$exe" "found on the PATH"
            done
        done
        IFS=:
    done
    IFS=$old_ifs
}

# Newest first: 3.14.1 before 3.13.9. The names end in versions, so sort -V orders them.
under() {
    why=$1
    shift
    for exe in $(ls -d "$@" 2>/dev/null | sort -rV); do
        try "$exe" "$why"
    done
}

# The distribution's newest python3.N-dev, if it has one that is new enough.
from_distribution() {
    have apt-cache || return 1
    [ -n "$(apt-cache --names-only search '^python3$')" ] || apt_update
    minor=$(apt-cache --names-only search '^python3\.[0-9]+-dev$' | sed -n 's/^python3\.\([0-9]*\)-dev .*/\1/p' | sort -rn | head -n 1)
    [ -n "$minor" ] && [ "$minor" -ge 13 ] || return 1
    say "missing: headers and shared library of Python (Debian package python3.$minor-dev)"
    apt_install "python3.$minor" "python3.$minor-dev"
    try "/usr/bin/python3.$minor" "the distribution's newest"
}

# --- Building one. ---

# Only the upstream tarball is unpacked: Debian's patches move directories about for Debian's own layout, which an interpreter in
# a folder of its own does not want.
fetch_source() {
    debian_source "$source" "$suite" "$work" || return 1
    mkdir -p "$work/src"
    set -- "$work"/*.orig.tar.*
    tar -xf "$1" -C "$work/src" --strip-components=1
}

# make, in the background, with a line now and then to show that it lives.
make_with_progress() {
    began=$(date +%s)
    make -C "$work/src" -j "$(nproc)" >"$work/make.log" 2>&1 9>&- &
    make_pid=$!
    trap 'kill "$make_pid" 2>/dev/null; exit 130' INT TERM
    last=0
    while kill -0 "$make_pid" 2>/dev/null; do
        sleep 1
        now=$(($(date +%s) - began))
        [ $((now - last)) -ge 15 ] || continue
        last=$now
        if grep -q '^Rebuilding with profile guided' "$work/make.log"; then
            stage="pass 3 of 3, compiling with the profile"
        elif grep -q ' load avg: ' "$work/make.log"; then
            stage="pass 2 of 3, profiling"
        else
            stage="pass 1 of 3, compiling"
        fi
        say "  building Python: $stage, $((now / 60)) min $((now % 60)) s"
    done
    trap - INT TERM
    wait "$make_pid" && return 0
    say "building Python failed; the end of $work/make.log:"
    tail -n 20 "$work/make.log" >&2
    return 1
}

# The profile is taken from what game rules do: arithmetic, containers, strings, classes, generators.
# The default list is four times as long and buys 1-2 % more.
profile_task='-m test --pgo --timeout=300'
for name in array bytes collections dataclasses datetime dict enum float fstring functools generators heapq int \
    itertools json list math operator ordered_dict patma random re set statistics struct tuple str unpack; do
    profile_task="$profile_task test_$name"
done

need_to_build_python() {
    need_to_build
    need <<'END'
cmd:make        make            make
cmd:xz          xz-utils        xz, which unpacks the source
hdr:ffi.h       libffi-dev      libffi, for ctypes
hdr:zlib.h      zlib1g-dev      zlib
hdr:bzlib.h     libbz2-dev      bzip2
hdr:lzma.h      liblzma-dev     xz's library
END
}

build_python() {
    keep=$(cache_dir)
    mkdir -p "$keep" || die "cannot make $keep; OROCHI_CACHE names another place"
    exec 9>"$keep/lock"
    if ! flock -n 9; then
        say "another set-up is building Python; waiting for it ..."
        flock 9
        built_before
    fi
    say "no Python that can be embedded: building one, some minutes, once (kept in $keep)"
    need_to_build_python
    rm -rf "$keep"/building.*
    work=$(mktemp -d "$keep/building.XXXXXX") || die "cannot write to $keep"
    fetch_source || die "the source of Python could not be had. Install CPython 3.13 or newer (with a shared library and headers), and name it: OROCHI_PYTHON=/path/to/python3.13"
    version=$(sed -n 's/^#define PY_VERSION  *"\(.*\)"/\1/p' "$work/src/Include/patchlevel.h")
    prefix=$keep/python-$version
    # Renamed into place at the end, so what stands there is whole.
    # $ORIGIN would need escaping through make and the shell; the folder does not move, so its name will do.
    (cd "$work/src" && ./configure -q --prefix="$prefix" --enable-shared --enable-optimizations \
        --without-ensurepip --without-static-libpython --disable-test-modules LDFLAGS="-Wl,-rpath,$prefix/lib" \
        PROFILE_TASK="$profile_task") >"$work/configure.log" 2>&1 9>&- ||
        { tail -n 20 "$work/configure.log" >&2; die "configure of Python failed"; }
    make_with_progress || die "Python could not be built"
    make -C "$work/src" install DESTDIR="$work/dest" >"$work/install.log" 2>&1 9>&- ||
        { tail -n 20 "$work/install.log" >&2; die "Python could not be installed"; }
    rm -rf "$prefix"
    mv "$work/dest$prefix" "$prefix" || die "cannot put Python into $keep"
    rm -rf "$work"
    # Those modules are built only if their libraries were found, and a game may want any of them.
    "$prefix/bin/python3" -I -c 'import datetime, decimal, sqlite3, ssl, ctypes, zlib, bz2, lzma, hashlib, json' ||
        die "the Python that was built lacks a module (see above)"
    built_before
    die "the Python that was built cannot be embedded: $refused"
}

built_before() { under "built here before" "$(cache_dir)"/python-3.*/bin/python3.[1-9][0-9]; }

refused=
case ${OROCHI_PYTHON:-} in
'') ;;
build)
    built_before
    build_python
    ;;
*)
    exe=$(command -v "$OROCHI_PYTHON") || die "OROCHI_PYTHON names $OROCHI_PYTHON, which is not there"
    try "$exe" "OROCHI_PYTHON names it"
    die "OROCHI_PYTHON names $OROCHI_PYTHON, which cannot be embedded: ${refused#no: }"
    ;;
esac
on_path
under "pyenv has it" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3.[1-9][0-9]
under "uv has it" "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-$HOME/.local/share}/uv/python}"/*/bin/python3.[1-9][0-9]
built_before
from_distribution
build_python
