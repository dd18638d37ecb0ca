"""`lateness.py SECONDS SERVER...`: see lateness.sh. Beats are counted by the module, against the time from the first to the last one;
lateness is the server's own, from the planned time of a beat of either rate to its run: the bound of its histogram that so many beats
were within (1, 2, 5 ms and so on, among them 1 and 5, which are what a game allows)."""

import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = Path(__file__).with_name("lateness_module.py")
ACCOUNTS, BALANCE = 10_000, 1_000_000_000
RATES = (20, 60)
BUCKET = re.compile(r'^orochi_timer_lateness_seconds_bucket{le="([^"]+)"}')
LEAD = 2  # seconds that the load runs before the beats count, and after


class Server:
    def __init__(self, binary: str, data: str) -> None:
        command = [binary, "run", MODULE, "--name", "lateness", "--listen", "127.0.0.1:0", "--workers", "2", "--data", data]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if found := re.search(r"ws://([^:]+:\d+)", line):
                self.address = found[1]
                return
        sys.exit(f"{binary} did not start")

    def ask(self, method: str, path: str, body: str | None = None) -> str:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            sys.exit(f"{method} {path}: {answer.status} {text}")
        return text

    def metrics(self) -> dict[str, float]:
        lines = (line.rpartition(" ") for line in self.ask("GET", "/v1/metrics").splitlines() if line.startswith("orochi_timer"))
        return {name: float(value) for name, _, value in lines}

    def beats(self, hz: int) -> list[int]:
        """When each began, in microseconds."""
        answer = json.loads(self.ask("POST", "/v1/database/lateness/sql", f"SELECT at_us FROM beat WHERE hz = {hz}"))
        return sorted(row[0] for row in answer[0]["rows"])

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(60)


def load(binary: str, server: Server, seconds: int) -> subprocess.Popen:
    command = [binary, "bench", "transfer", "--url", f"ws://{server.address}", "--database", "lateness", "--no-seed", "--accounts",
               str(ACCOUNTS), "--initial", str(BALANCE), "--warmup", "0", "--seconds", str(seconds + 2 * LEAD), "--json", "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def beats_of(hz: int, begun: list[int]) -> str:
    wanted = round((begun[-1] - begun[0]) * hz / 1e6) + 1 if begun else 0
    return f"{hz} Hz: {len(begun)} beats of {wanted}"


def lateness(before: dict[str, float], after: dict[str, float]) -> str:
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    total = grown["orochi_timer_lateness_seconds_count"]
    within = sorted((float(found[1]), value) for name, value in grown.items() if (found := BUCKET.search(name)))

    def quantile(q: float) -> str:
        return f"{next(bound for bound, value in within if value >= total * q) * 1000:g}"

    return (f"late by p50 {quantile(0.5)}, p99 {quantile(0.99)}, at most {quantile(1)} ms; "
            f"{grown['orochi_timer_missed_total']:.0f} missed")


def measure(binary: str, seconds: int, loaded: bool) -> str:
    with tempfile.TemporaryDirectory() as data:
        server, client = Server(binary, data), None
        try:
            server.ask("POST", "/v1/database/lateness/call/seed", json.dumps([ACCOUNTS, BALANCE]))
            client = load(binary, server, seconds) if loaded else None
            time.sleep(LEAD)
            before, start = server.metrics(), time.time() * 1e6
            time.sleep(seconds)
            end, after = time.time() * 1e6, server.metrics()
            rates = [beats_of(hz, [at for at in server.beats(hz) if start <= at < end]) for hz in RATES]
            calls = f"{json.loads(client.communicate(timeout=120)[0])['transfers_per_second']:.0f} calls a second; " if client else ""
            return calls + "; ".join([*rates, lateness(before, after)])
        finally:
            if client and client.poll() is None:
                client.kill()
            server.stop()


def main(seconds: int, binaries: list[str]) -> None:
    for loaded in (False, True):
        for binary in binaries:
            print(f"{'loaded' if loaded else 'idle'}, {binary}: {measure(binary, seconds, loaded)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
