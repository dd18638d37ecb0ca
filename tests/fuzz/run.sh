#!/bin/sh
# tests/fuzz/run.sh - runs fuzzers under AddressSanitizer and UndefinedBehaviorSanitizer; needs clang.
#
#   sh tests/fuzz/run.sh                     a million executions of each
#   sh tests/fuzz/run.sh FUZZER [RUNS]       of one, for as many executions
#   sh tests/fuzz/run.sh -m FUZZER CORPUS    takes from a corpus what reaches more than the seeds do, into them
#
# Fuzzers: value json message schema type literal (bridge/bsatn), query (runtime/subs), sql (runtime/sql), token and net (net), record
# (runtime/log), py (bridge/codec). What they find lies in build-fuzz/found; the corpus that they grow in
# build-fuzz/corpus, where the next run goes on. OROCHI_FUZZ_BUILD names another folder for both.
#
# The last line of each is one record: executions, seconds, edges and features covered, findings. Exit code 1: findings.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$root/config/lib.sh"
build=${OROCHI_FUZZ_BUILD:-$root/build-fuzz}
all="value json message schema type literal v1 query sql token record net py"

export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1"
# Fast rather than wordy: short stacks of allocations, no search for uses of a frame after its return (the tests look for them).
export ASAN_OPTIONS="detect_stack_use_after_return=0:malloc_context_size=8:quarantine_size_mb=64:allocator_may_return_null=1"

# choose FUZZER: sets target, kind, seeds, options. -max_len is what the formats need: longer inputs are slower, and what only
# they reach is in the seeds and in the tests of linear cost.
choose() {
    kind=
    target=$1
    seeds=$root/tests/fuzz/seeds_$1
    options=
    case $1 in
    value | json | message | schema | type | literal | v1)
        target=bsatn
        seeds=$root/tests/fuzz/seeds_bsatn
        options="-dict=$root/tests/fuzz/bsatn.dict -max_len=600"
        i=0
        for k in value json message schema type literal v1; do
            [ "$k" = "$1" ] && kind=$i
            i=$((i + 1))
        done
        ;;
    query) options="-dict=$root/tests/fuzz/query.dict -max_len=400" ;;
    sql) options="-dict=$root/tests/fuzz/query.dict -max_len=400" ;;
    token) options="-dict=$root/tests/fuzz/token.dict -max_len=400" ;;
    record) options="-max_len=300" ;;
    net) options="-dict=$root/tests/fuzz/net.dict -max_len=300" ;;
    py)
        options="-max_len=300"
        seeds=$build/corpus/py-seeds
        ;;
    *) die "no such fuzzer: $1 (there are: $all)" ;;
    esac
}

prepare() {
    [ -f "$build/build.ninja" ] || CC=clang meson setup "$build" "$root" --buildtype=debugoptimized -Dfuzz=true -Dtests=true \
        -Db_sanitize=address,undefined -Db_lundef=false "-Dpython=$(sh "$root/config/python.sh")" >&2 || exit 1
    ninja -C "$build" "tests/fuzz/fuzz_$target" >&2 || exit 1
    mkdir -p "$build/corpus/$1" "$build/corpus/py-seeds" "$build/found"
}

# CPython keeps memory to the end of the process: references are counted instead.
leaks_of() { [ "$1" = py ] && echo detect_leaks=0 || echo detect_leaks=1; }

fuzz() { # FUZZER RUNS
    choose "$1"
    prepare "$1"
    log=$build/found/$1.log
    began=$(date +%s)
    # shellcheck disable=SC2086 # options are words
    env ${kind:+ORO_FUZZ_KIND=$kind} ORO_VECTORS="$root/tests/vectors" ORO_FUZZ_SEEDS="$build/corpus/py-seeds" \
        ASAN_OPTIONS="$ASAN_OPTIONS:$(leaks_of "$1")" \
        nice -n 19 "$build/tests/fuzz/fuzz_$target" $options -entropic=0 -reduce_inputs=0 -runs="$2" -artifact_prefix="$build/found/$1-" \
        -print_final_stats=1 -rss_limit_mb=4096 -timeout=30 "$build/corpus/$1" "$seeds" >"$log" 2>&1
    ended=$?
    [ $ended -eq 0 ] || tail -n 40 "$log" >&2
    covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$1: ${runs:-?} executions, $(($(date +%s) - began)) s, ${covered:-nothing covered}, $([ $ended -eq 0 ] && echo clean || echo FOUND, see "$log")"
    return $ended
}

if [ "${1:-}" = -m ]; then
    [ $# -eq 3 ] || die "usage: run.sh -m FUZZER CORPUS"
    choose "$2"
    prepare "$2"
    env ${kind:+ORO_FUZZ_KIND=$kind} "$build/tests/fuzz/fuzz_$target" -merge=1 "$seeds" "$3"
    exit
fi
bad=0
for name in ${1:-$all}; do
    fuzz "$name" "${2:-1000000}" || bad=1
done
exit $bad
