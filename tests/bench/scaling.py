"""`scaling.py ORO ROUNDS SECONDS`: throughput with one worker and with two, in turns, for reducers that compute for 200 us each and
for short ones. The ratio is the best rate of two workers over the best of one. Where other work runs on the machine, `by CPU` says
more: what the CPU time of a call, all of the server's threads and the load generator included, would allow on two cores of one's
own; the best round counts."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ROOT / "tests/bench/heavy.py"
BANK = ROOT / "examples/bank/module.py"
FEW = ["--connections", "4", "--in-flight", "64", "--accounts", "10000"]
CASES = [  # name, what it should be at least, module, flags of the load, flags of the server
    ("200 us of Python each", 1.85, HEAVY, FEW, ["--memory"]),
    ("200 us of Python each, durable", None, HEAVY, FEW, []),
    ("transfers, uniform", 1.0, BANK, ["--alpha", "0"], []),
    ("transfers, Zipf 1.5", 0.9, BANK, ["--alpha", "1.5"], []),
]
CORES = 2


def run(binary: str, module: Path, load: list[str], server: list[str], workers: int, seconds: str) -> dict:
    command = [binary, "bench", "transfer", "--json", "--quiet", "--spawn", str(module), "--warmup", "1", "--seconds", seconds,
               *load, "--", "--workers", str(workers), "--log-level", "error", *server]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        sys.exit(f"{' '.join(command)}\n{done.stdout}")
    return json.loads(lines[-1])


def possible(result: dict, workers: int) -> float:
    """Calls a second on cores of one's own: as many as the busiest thread can, or all cores together."""
    threads = dict(result["server_threads_us"])
    alone = [threads.pop("worker") / workers, *threads.values(), result["client_us"]]
    return 1e6 / max(*alone, (result["server_us"] + result["client_us"]) / CORES)


def main(binary: str, rounds: int, seconds: str) -> None:
    print(f"{'':34}{'1 worker':>10}{'2 workers':>11}{'ratio':>8}{'by CPU':>8}{'wanted':>8}   us of CPU a call: workers, all", flush=True)
    for name, wanted, module, load, server in CASES:
        rates, could = {1: 0.0, 2: 0.0}, {1: 0.0, 2: 0.0}
        cost = {1: (1e9, 1e9), 2: (1e9, 1e9)}
        for _ in range(rounds):
            for workers in rates:
                result = run(binary, module, load, server, workers, seconds)
                rates[workers] = max(rates[workers], result["transfers_per_second"])
                could[workers] = max(could[workers], possible(result, workers))
                cost[workers] = min(cost[workers], (result["server_threads_us"]["worker"], result["server_us"] + result["client_us"]))
        print(f"{name:34}{rates[1]:10.0f}{rates[2]:11.0f}{rates[2] / rates[1]:8.2f}{could[2] / could[1]:8.2f}"
              f"{wanted if wanted else '-':>8}   " + ", ".join("%.1f %.1f" % cost[workers] for workers in cost), flush=True)


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
