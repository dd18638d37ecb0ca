#!/bin/sh
# config/run.sh - installs, builds and serves: everything from a fresh clone to a game in the browser.
#
#   sh config/run.sh                    the arena, with bots in it: open what it prints
#   sh config/run.sh MODULE [flags]     your module; flags as for `build/orochi run`
#   sh config/run.sh --listen HOST:PORT the arena elsewhere
#
# OROCHI_BOTS=N sets how many bots play in the arena (50; 0 for none).
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/config/lib.sh"

sh "$root/config/build.sh" || exit 1
need_node
web_pages || die "the web pages could not be built"

case ${1:-} in
'' | -*) ;;
*) exec "$root/build/orochi" run "$@" ;;
esac

# The port that the bots go to is the one the server was told.
listen=127.0.0.1:3000
previous=
for flag in "$@"; do
    case $previous/$flag in
    --listen/*) listen=$flag ;;
    */--listen=*) listen=${flag#--listen=} ;;
    esac
    previous=$flag
done

server=
bots=
end() {
    [ -z "$bots" ] || kill "$bots" 2>/dev/null
    [ -z "$server" ] || kill "$server" 2>/dev/null
}
trap end INT TERM HUP

"$root/build/orochi" run "$root/examples/arena/module.py" "$@" &
server=$!
count=${OROCHI_BOTS:-50}
if [ "$count" -gt 0 ]; then
    npm --prefix "$root/examples/arena" run --silent bots -- --url "ws://$listen" --count "$count" \
        >/dev/null 2>&1 &
    bots=$!
fi
# A signal ends the first wait early; the second has the server's own exit code.
wait "$server"
code=$?
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    code=$?
done
[ -z "$bots" ] || kill "$bots" 2>/dev/null
exit "$code"
