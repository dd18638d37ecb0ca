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

case ${1:-} in
'' | -*) module=$root/examples/arena/module.py ;;
*)
    module=$1
    shift
    ;;
esac
[ -e "$module" ] || die "$module is not there"

# The pages of the dashboard, and of the module where it is one of the examples.
folder=$(cd "$(dirname "$module")" && pwd)
need_node
web_build "$root/net/web" || die "the dashboard's page could not be built"
case $folder in
"$root"/examples/*) web_build "$folder" || die "the web pages of ${folder#"$root"/} could not be built" ;;
esac

count=${OROCHI_BOTS:-50}
if [ "$folder" != "$root/examples/arena" ] || [ "$count" -eq 0 ]; then
    exec "$root/build/orochi" run "$module" "$@"
fi

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

# The server takes this process's place, so signals and the exit code are its own. The bots run beside it,
# as `npm run bots` does, and end when it has; Ctrl-C reaches them only that way.
server=$$
(
    trap '' INT
    node "$root/examples/arena/bots/dist/bots.mjs" --url "ws://$listen" --count "$count" &
    bots=$!
    while kill -0 "$server" && kill -0 "$bots"; do sleep 1; done
    kill "$bots"
) </dev/null >/dev/null 2>&1 &
exec "$root/build/orochi" run "$module" "$@"
