"""Serves store_module.py with the binary and has it measure itself: `store.py ORO ROWS ROUNDS`."""

import json
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

WHAT = ["find", "find, read a column", "insert", "delete", "update", "find, update", "range of 100 rows, read"]
STEP = 50000  # rows that one call inserts


def main(binary: str, rows: int, rounds: int) -> None:
    module = Path(__file__).with_name("store_module.py")
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [binary, "run", str(module), "--listen", "127.0.0.1:0", "--memory", "--workers", "1", "--data", folder],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            url = greeting(server)
            lines: list[str] = []
            reader = threading.Thread(target=lambda: lines.extend(server.stdout), daemon=True)
            reader.start()
            for start in range(0, rows, STEP):
                call(url, "fill", start, min(start + STEP, rows))
            for _ in range(rounds):
                for what in WHAT:
                    call(url, "measure", what, rows)
            call(url, "report", rows)
        finally:
            server.terminate()
            server.wait(60)
        reader.join()
        print("\n".join(line.split("| ", 1)[1].rstrip() for line in lines if "| " in line))


def greeting(server: subprocess.Popen) -> str:
    said = ""
    for line in server.stdout:
        said += line
        found = re.search(r"clients\s+ws:(//127\.0\.0\.1:\d+), database (\S+)", line)
        if found:
            return f"http:{found[1]}/v1/database/{found[2]}"
    sys.exit(f"the server does not serve:\n{said}")


def call(url: str, name: str, *args) -> None:
    body = json.dumps(args).encode()
    request = urllib.request.Request(f"{url}/call/{name}", data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{name}{args}: {error.code} {error.read().decode()}")


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
