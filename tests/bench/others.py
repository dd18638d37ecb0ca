"""`others.py ROUNDS ROWS SERVER...`: see others.sh. What reads takes bytes and decodes nothing, in a process of its own, so that it
needs no core; where the machine has no core to spare, all of these figures are those of the machine."""

import http.client
import multiprocessing
import os
import sys
import time
from pathlib import Path

sys.argv, given = [sys.argv[0]], sys.argv[1:]
sys.path.insert(0, str(Path(__file__).parents[2] / "bridge/py"))
from large import Server, call  # noqa: E402
from orochi.client import _messages as messages, _websocket as websocket  # noqa: E402

QUERY = "SELECT * FROM item"


def sql(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=300)
    connection.request("POST", "/v1/database/large/sql", QUERY)
    answer = connection.getresponse()
    while answer.read(1 << 20):
        pass


def subscription(address: str) -> None:
    socket = websocket.WebSocket(f"ws://{address}/v1/database/large/subscribe?compression=None", messages.PROTOCOL)
    socket.receive()  # who we are
    socket.send(messages.subscribe(1, 1, [QUERY]))
    socket.receive()
    socket.close()


def again_and_again(read, address: str) -> None:
    os.nice(10)
    while True:
        read(address)


def p99(server: Server, seconds: float) -> float:
    connection, times, ends = server.connect(), [], time.perf_counter() + seconds
    while (begun := time.perf_counter()) < ends:
        call(connection, "tick")
        times.append((time.perf_counter() - begun) * 1000)
    return sorted(times)[len(times) * 99 // 100]


def beside(server: Server, read) -> float:
    reader = multiprocessing.Process(target=again_and_again, args=(read, server.address), daemon=True)
    reader.start()
    try:
        time.sleep(0.2)
        return p99(server, 4)
    finally:
        reader.kill()
        reader.join()


def one_server(binary: str, rounds: int, rows: int) -> str:
    server, found = Server(binary, ["--memory"]), {"alone": [], "beside SELECT *": [], "beside a subscription": []}
    try:
        call(server.connect(), "insert", 0, rows)
        before = server.memory("VmRSS")
        Path(f"/proc/{server.child.pid}/clear_refs").write_text("5")
        for _ in range(rounds):
            found["alone"].append(p99(server, 4))
            found["beside SELECT *"].append(beside(server, sql))
            found["beside a subscription"].append(beside(server, subscription))
        grown = server.memory("VmHWM") - before
    finally:
        server.stop()
    return ", ".join(f"{name} {sorted(of)[len(of) // 2]:.1f} ms" for name, of in found.items()) + f"; memory at most {grown:.0f} MiB more"


def main(rounds: int, rows: int, binaries: list[str]) -> None:
    for binary in binaries:
        print(f"{binary}: p99 {one_server(binary, rounds, rows)}", flush=True)


if __name__ == "__main__":
    main(int(given[0]), int(given[1]), given[2:])
