"""`large.py ROUNDS ROWS SERVER...`: see large.sh. Two workers: one is busy with the large call, a client calls the tiny one as often
as it is answered. The wait is of its slowest answer while the large call ran, beside the slowest of as long a time without it."""

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

MODULE = Path(__file__).with_name("large_module.py")


class Server:
    def __init__(self, binary: str, flags: list[str]) -> None:
        command = [binary, "run", str(MODULE), "--name", "large", "--listen", "127.0.0.1:0", "--workers", "2", *flags]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.address, self.said = "", []
        heard = threading.Event()
        threading.Thread(target=self.listen, args=(heard,), daemon=True).start()
        heard.wait(30)

    def listen(self, heard: threading.Event) -> None:
        for line in self.child.stdout:
            self.said.append(line)
            if "http://" in line and not self.address:
                self.address = line.split("http://")[1].split()[0].strip("/,")
                heard.set()

    def connect(self) -> http.client.HTTPConnection:
        if not self.address:
            sys.exit("the server did not start:\n" + "".join(self.said))
        return http.client.HTTPConnection(self.address, timeout=300)

    def memory(self, what: str) -> float:
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        return int(status.split(what + ":")[1].split()[0]) / 1024

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait(60)


def call(connection: http.client.HTTPConnection, name: str, *args: int) -> None:
    connection.request("POST", f"/v1/database/large/call/{name}", json.dumps(args), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"{name}: {answer.status} {text}")


class Ticks:
    """Calls the tiny reducer until it is stopped; `slowest` in ms."""

    def __init__(self, server: Server) -> None:
        self.connection, self.slowest, self.ends = server.connect(), 0.0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ends:
            begun = time.perf_counter()
            call(self.connection, "tick")
            self.slowest = max(self.slowest, (time.perf_counter() - begun) * 1000)

    def stop(self) -> float:
        self.ends = True
        self.thread.join()
        return self.slowest


def beside(server: Server, name: str, *args: int) -> tuple[float, float]:
    begun, ticks = time.perf_counter(), Ticks(server)
    call(server.connect(), name, *args)
    slowest, took = ticks.stop(), time.perf_counter() - begun
    quiet = Ticks(server)
    time.sleep(took)
    return slowest, quiet.stop()


def one_round(binary: str, rows: int, kept: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, ["--data", folder] if kept else ["--memory"])
        found = {}
        try:
            call(server.connect(), "tick")
            Path(f"/proc/{server.child.pid}/clear_refs").write_text("5")
            before = server.memory("VmRSS")
            call(server.connect(), "insert", 0, rows)
            time.sleep(1)  # the log's part comes behind the answer where nobody waits for the disk
            found["MiB of insert"] = server.memory("VmHWM") - before
            found["MiB kept"] = server.memory("VmRSS") - before
            for name, args in (("update", (7,)), ("delete", ()), ("insert", (0, rows))):
                found[f"ms beside {name}"], found["ms quiet"] = beside(server, name, *args)
        finally:
            server.stop()
        return found


def main(rounds: int, rows: int, binaries: list[str]) -> None:
    for kept in (False, True):
        best: dict[str, dict[str, float]] = {binary: {} for binary in binaries}
        for _ in range(rounds):
            for binary in binaries:
                for name, value in one_round(binary, rows, kept).items():
                    best[binary][name] = min(best[binary].get(name, 1e9), value)
        for binary in binaries:
            print(f"{'with data' if kept else 'in memory'}  {binary}: "
                  + ", ".join(f"{value:.1f} {name}" for name, value in best[binary].items()), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
