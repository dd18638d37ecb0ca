"""See fanout.sh: starts each server in turn, with the module and a data folder of its own, and lets bench_fanout watch it."""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent


def measure(server: str, client: str, clients: str, seconds: str, protocol: str) -> str:
    with tempfile.TemporaryDirectory() as data:
        ran = subprocess.Popen(
            [server, "run", HERE / "fanout_module.py", "--listen", "127.0.0.1:0", "--data", data],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            for line in ran.stdout:
                if found := re.search(r"ws://[^:]+:(\d+), database (\S+)", line):
                    break
            return subprocess.run(
                [client, found[1], found[2], str(ran.pid), clients, seconds, protocol, "SELECT * FROM entity"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
        finally:
            ran.terminate()
            ran.wait()


def main() -> None:
    client, rounds, clients, seconds, *servers = sys.argv[1:]
    for turn in range(int(rounds)):
        for protocol in ("v3.bsatn.spacetimedb", "v2.bsatn.spacetimedb"):
            for server in servers:
                print(f"{turn + 1} {protocol[:2]} {server}: {measure(server, client, clients, seconds, protocol)}", flush=True)


main()
