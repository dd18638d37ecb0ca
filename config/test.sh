#!/bin/sh
# config/test.sh - every test there is. The last line is "N passed, N failed"; the exit code says the same.
#
#   sh config/test.sh            all of them
#   sh config/test.sh STAGE...   only: unit asan tsan py docs web e2e wheel e2e-asan
#
# unit      a release build with gcc, its Criterion tests and the checks of the source
# asan      a debug build with clang, address and undefined behaviour sanitizers: the same tests
# tsan      a debug build with the thread sanitizer: the layers without Python
# py        the Python tests
# docs      the pages of docs/ as a site, without a warning; mypy and pyright over examples, stubs and a file of mistakes
# web       the TypeScript of the examples and the dashboard, against the bindings, as strictly as tsc can
# e2e       the release binary, driven by node with the npm package spacetimedb, and by Chromium
# wheel     the wheel, installed into a fresh virtual environment and driven in the same way
# e2e-asan  the same against the sanitizer build, but for what is about pages or Python
#
# A stage that cannot run is a failure. OROCHI_VERBOSE=1 shows what the runners say.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"
cd "$root" || exit 1

passed=0
failed=0
out=$root/build/test-results
stages=${*:-unit asan tsan py docs web e2e wheel e2e-asan}
for stage in $stages; do
    case $stage in
    unit | asan | tsan | py | docs | web | e2e | wheel | e2e-asan) ;;
    *) die "no such stage: $stage (there are: unit asan tsan py docs web e2e wheel e2e-asan)" ;;
    esac
done
began=$(date +%s)

finish() {
    say "$(($(date +%s) - began)) s in all"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit
}

# What a sanitizer finds ends the test that it found it in.
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}"
for name in lsan:LSAN tsan:TSAN; do
    file=$root/tests/lib/${name%:*}.supp
    [ ! -f "$file" ] || export "${name#*:}_OPTIONS=suppressions=$file:$(printenv "${name#*:}_OPTIONS")"
done

# count STAGE "PASSED FAILED": adds a runner's counts; one that gave none, or none passed, has failed.
count() {
    case $2 in
    '' | *[!0-9\ ]*) set -- "$1" "0 1" ;;
    "0 0") set -- "$1" "0 1" && say "FAILED $1: no test ran" ;;
    esac
    passed=$((passed + ${2% *}))
    failed=$((failed + ${2#* }))
    say "$1: ${2% *} passed, ${2#* } failed, $(($(date +%s) - stage_began)) s"
}

broken() {
    say "FAILED $1: it could not run"
    count "$1" "0 1"
}

# Runs a command with its output in $out/NAME.log, and shows the end of it if it fails.
quietly() {
    name=$1
    shift
    if [ -n "${OROCHI_VERBOSE:-}" ]; then
        "$@" >&2
        return
    fi
    "$@" >"$out/$name.log" 2>&1 && return 0
    tail -n 40 "$out/$name.log" >&2
    return 1
}

# Files of tests/e2e that run together. They wait for limits and starts more than they compute.
files_at_once=$(($(nproc 2>/dev/null || echo 2) + 1))

# The sanitizers of older compilers cannot map their shadow under the widest address randomisation.
steady=
setarch -R true 2>/dev/null && steady="setarch -R"

# unit_tests STAGE BUILD [meson test option...]
unit_tests() {
    stage=$1
    folder=$2
    shift 2
    rm -f "$folder/meson-logs/testlog.json"
    # The exit code says only what the log says, test by test.
    $steady meson test -C "$folder" --timeout-multiplier 3 "$@" >"$out/$stage.log" 2>&1
    [ -z "${OROCHI_VERBOSE:-}" ] || cat "$out/$stage.log" >&2
    [ -f "$folder/meson-logs/testlog.json" ] || { tail -n 20 "$out/$stage.log" >&2; broken "$stage"; return; }
    count "$stage" "$("$python" config/tally.py meson "$stage" "$folder/meson-logs/testlog.json")"
}

# A subshell: it exports CC, and dies where it cannot. FOLDER SANITIZERS
sanitized_build() (
    export CC=clang
    # b_lundef does not know the sanitizers' own symbols.
    meson_build "$root/$1" "$python" --buildtype=debugoptimized "-Db_sanitize=$2" -Db_lundef=false \
        -Dtests=true
)

stage_unit() { unit_tests unit build; }

asan_build() { sanitized_build build-asan address,undefined && quietly asan-build ninja -C build-asan; }

stage_asan() {
    asan_build || { broken asan; return; }
    unit_tests asan build-asan --no-suite lint
}

stage_tsan() {
    sanitized_build build-tsan thread || { broken tsan; return; }
    unit_tests tsan build-tsan --suite tsan
}

stage_py() {
    count py "$(timeout -k 10 300 "$python" config/tally.py unittest py tests/py)"
}

stage_docs() {
    tools=$(sh config/docs.sh --tools) && npm_install "$root/tests/types" || { broken docs; return; }
    if sh config/docs.sh >/dev/null; then
        count docs "1 0"
    else
        broken docs
    fi
    count types "$(timeout -k 10 300 "$tools" config/tally.py unittest types tests/types)"
}

stage_web() {
    good=0
    bad=0
    for folder in examples/arena examples/chat examples/cards examples/empty net/web tests/e2e; do
        grep -q '"typecheck"' "$folder/package.json" 2>/dev/null || continue
        if quietly web npm --prefix "$folder" run --silent typecheck; then
            good=$((good + 1))
        else
            say "FAILED web: $folder does not type-check"
            bad=$((bad + 1))
        fi
    done
    count web "$good $bad"
}

# Each file of tests/e2e is a node process with servers of its own on free ports. Most of the time they wait, so several go at
# once; a file that measures times or memory says "// Alone: why" in its first lines, and has the machine to itself. One that says
# "// Release: why" is not run with the sanitizers.
node_tests() { # STAGE BINARY
    [ -x "$2" ] || { say "$2 is not there"; broken "$1"; return; }
    files=$(find tests/e2e -name node_modules -prune -o -name '*.test.*js' -print | sort)
    # shellcheck disable=SC2086 # file names without spaces
    [ "$1" != e2e-asan ] || files=$(grep -L '^// Release: ' $files)
    [ -n "$files" ] || { broken "$1"; return; }
    # shellcheck disable=SC2086 # file names without spaces
    alone=$(grep -l '^// Alone: ' $files)
    together=$(printf '%s\n' "$files" | grep -vxF "${alone:-none}")
    node_files "$1" "$2" "$files_at_once" "$together"
    [ -z "$alone" ] || node_files "$1-alone" "$2" 1 "$alone"
}

# STAGE BINARY WIDTH FILES, which must not be none
node_files() {
    rm -f "$out/$1.tap"
    limits=
    ! node --help | grep -q -e --test-concurrency || limits=--test-concurrency=$3 # node 18.19, 20.10
    ! node --help | grep -q -e --test-timeout || limits="$limits --test-timeout=600000" # of a file, in ms; node 20.11
    # shellcheck disable=SC2086
    OROCHI_BIN=$2 $steady timeout -k 10 2400 node --test $limits \
        --test-reporter=tap --test-reporter-destination="$out/$1.tap" \
        --test-reporter=spec --test-reporter-destination="$out/$1.log" \
        $4 >&2 &
    trap 'kill -9 -$!; exit 130' INT TERM
    wait $!
    trap - INT TERM
    kill -9 -$! 2>/dev/null # servers of a file that took too long
    [ -z "${OROCHI_VERBOSE:-}" ] || cat "$out/$1.log" >&2
    [ -f "$out/$1.tap" ] || { broken "$1"; return; }
    count "$1" "$("$python" config/tally.py node "$1" "$out/$1.tap")"
}

stage_e2e() { node_tests e2e "$root/build/orochi"; }

stage_wheel() {
    OROCHI_WHEEL=$(sh config/wheel.sh) || { broken wheel; return; }
    export OROCHI_WHEEL
    venv=$out/venv
    rm -rf "$venv"
    build/wheel/tools/bin/python -m venv "$venv" 2>/dev/null || quietly wheel virtualenv -q -p build/wheel/tools/bin/python "$venv" ||
        { broken wheel; return; }
    quietly wheel "$venv/bin/python" -m pip install -q --disable-pip-version-check cronsim &&
        quietly wheel "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-index "$OROCHI_WHEEL" &&
        quietly wheel "$venv/bin/python" -m pip install -q --disable-pip-version-check pytest hypothesis || { broken wheel; return; }
    count wheel "$(timeout -k 10 300 "$venv/bin/python" config/tally.py unittest wheel tests/testing)"
    node_files wheel "$venv/bin/orochi" "$files_at_once" "tests/e2e/wheel.mjs tests/e2e/sdk.test.mjs tests/e2e/reload.test.mjs"
}

stage_e2e_asan() {
    asan_build || { broken e2e-asan; return; }
    # Reports go to files, since a test may not show what its server said. Leaks are the unit tests' matter:
    # a server that is killed reports none, and CPython's own are many.
    rm -f "$out"/sanitizer.*
    asan_before=$ASAN_OPTIONS
    ubsan_before=$UBSAN_OPTIONS
    export ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0:log_path=$out/sanitizer"
    export UBSAN_OPTIONS="$UBSAN_OPTIONS:log_path=$out/sanitizer"
    export OROCHI_SLOW=1 # tests that measure time allow more of it
    node_tests e2e-asan "$root/build-asan/orochi"
    unset OROCHI_SLOW
    ASAN_OPTIONS=$asan_before
    UBSAN_OPTIONS=$ubsan_before
    reports=$("$python" config/tally.py sanitizer e2e-asan "$out/sanitizer")
    failed=$((failed + ${reports#* }))
}

sh config/build.sh --tests || {
    say "FAILED: the build"
    failed=1
    finish
}
mkdir -p "$out"
python=$(sh config/python.sh 2>/dev/null)

case " $stages " in
*" e2e"* | *" py "* | *" docs "* | *" web "* | *" wheel "*)
    need_node
    { npm_install "$root/tests/e2e" && web_pages; } || {
        say "FAILED: the web pages and node packages that the tests need"
        failed=$((failed + 1))
    }
    ;;
esac

for stage in $stages; do
    stage_began=$(date +%s)
    say "--- $stage"
    case $stage in
    e2e-asan) stage_e2e_asan ;;
    *) "stage_$stage" ;;
    esac
done
finish
