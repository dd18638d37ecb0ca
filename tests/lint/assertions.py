"""How often the rooms whose mistakes are races and lost data assert what they rely on: the thread, the lock, the invariant. Run as:
assertions.py TOP. Fails where a room has fewer than it is to have in 1,000 lines."""
import pathlib
import re
import sys

ROOMS = ['runtime/store', 'runtime/exec', 'runtime/server', 'runtime/log', 'net']
LEAST = 10
ASSERTION = re.compile(r'^\s*(ORO_)?ASSERT(_[A-Z]+)?\(')


def density(folder):
    lines = [line for path in sorted(folder.rglob('*.c')) for line in path.read_text().splitlines()]
    return sum(bool(ASSERTION.match(line)) for line in lines), len(lines)


if __name__ == '__main__':
    top, few = pathlib.Path(sys.argv[1]), []
    for room in ROOMS:
        assertions, lines = density(top / room)
        print(f'{room}: {assertions} in {lines} lines, {1000 * assertions / lines:.1f} in 1,000')
        if assertions * 1000 < LEAST * lines:
            few.append(room)
    if few:
        sys.exit(f'fewer than {LEAST} assertions in 1,000 lines: {", ".join(few)}')
