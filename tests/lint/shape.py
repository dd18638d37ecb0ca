"""The shape of the tree: no file over 800 lines, no private header over 250, no circle of files.

A circle is files of which each needs each, so that none can be read, tested or replaced without the others: by what headers include
(there may be none), or by whose functions they call. What a layer calls through a struct of function pointers is no need.

Run as: shape.py TOP [EXCEPTIONS]. Prints each offence, and fails if there is one. The exceptions (shape.txt) may only shrink: one
that has become needless is an offence too.
"""
import fnmatch
import pathlib
import re
import sys

LINES = 800
PRIVATE_LINES = 250
ROOTS = ('bridge', 'config', 'net', 'runtime', 'scheduler', 'tests')
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"', re.S)
DEFINED = re.compile(r'^([a-z_]\w*)\(', re.M)  # the name of a function that is defined stands at the start of its line
WORD = re.compile(r'\b[a-zA-Z_]\w*\b')


NO_CALL = re.compile(r'\b(?:struct|union|enum)\s+\w+|(?:\.|->)\s*\w+')  # tags and members may have a function's name


def sources(top):
    for root in ROOTS:
        for path in sorted((top / root).rglob('*.[ch]')):
            name = path.relative_to(top).as_posix()
            if 'node_modules' not in name:
                yield name, path.read_text(errors='replace')


def defined_in(text):
    """Functions that other files may call: defined at the start of a line, and not static on the line before."""
    found = set()
    for match in DEFINED.finditer(text):
        before = text[:match.start()].rstrip('\n').rpartition('\n')[2]
        if not before.startswith(('static', '#')) and before and not before.endswith((';', '}', '*/')):
            found.add(match[1])
    return found


def include_graph(texts):
    return {name: {target for target in INCLUDE.findall(text) if target in texts} for name, text in texts.items()}


def call_graph(texts):
    """file.c -> the files of the program whose functions it names."""
    plain = {name: COMMENT.sub('', text) for name, text in texts.items() if name.endswith('.c') and not name.startswith('tests/')}
    owner = {}
    for name, text in plain.items():
        for function in defined_in(text):
            owner.setdefault(function, set()).add(name)
    needs = {}
    for name, text in plain.items():
        words = set(WORD.findall(NO_CALL.sub('', text)))
        needs[name] = {only for word in words for only in owner.get(word, ()) if len(owner[word]) == 1} - {name}
    return needs


def circles(needs):
    """The strongly connected sets of more than one unit (Tarjan, without recursion)."""
    index, low, stack, on, found = {}, {}, [], set(), []
    for start in sorted(needs):
        if start in index:
            continue
        work = [(start, iter(sorted(needs[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on.add(start)
        while work:
            unit, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on.add(other)
                    work.append((other, iter(sorted(needs[other]))))
                    break
                if other in on:
                    low[unit] = min(low[unit], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[unit])
                if low[unit] == index[unit]:
                    members = set()
                    while True:
                        member = stack.pop()
                        on.discard(member)
                        members.add(member)
                        if member == unit:
                            break
                    if len(members) > 1:
                        found.append(members)
    return found


def exceptions(path):
    """(pattern, most, line number) of `lines PATTERN N`; (patterns, line number) of `circle PATTERN ...`."""
    lines, allowed = [], []
    for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        words = line.split('#')[0].split()
        if len(words) == 3 and words[0] == 'lines':
            lines.append((words[1], int(words[2]), number))
        elif len(words) > 1 and words[0] == 'circle':
            allowed.append((words[1:], number))
        elif words:
            sys.exit(f'{path.name}:{number}: neither `lines FILE N` nor `circle FILE FILE ...`')
    return lines, allowed


def size_offences(texts, lines, where):
    needed = set()
    for name, text in texts.items():
        n = text.count('\n')
        most = PRIVATE_LINES if name.endswith('_priv.h') else LINES
        if n <= most:
            continue
        for pattern, more, number in lines:
            if fnmatch.fnmatch(name, pattern):
                needed.add(number)
                most = max(most, more)
        if n > most:
            yield f'{name}: {n} lines; at most {most}: cut it by subject'
    for pattern, _, number in lines:
        if number not in needed:
            yield f'{where}:{number}: {pattern} is within the limit by now: take the line out'


def circle_offences(found, allowed, where):
    needed = set()
    for needs, circle in found:
        fits = [(patterns, number) for patterns, number in allowed
                if all(any(fnmatch.fnmatch(name, pattern) for pattern in patterns) for name in circle)]
        needed |= {(number, pattern) for patterns, number in fits for pattern in patterns if fnmatch.filter(circle, pattern)}
        if not fits:
            steps = '; '.join(f'{a} -> {b}' for a in sorted(circle) for b in sorted(needs[a] & circle))
            yield f'a circle of files: {" ".join(sorted(circle))} ({steps})'
    for patterns, number in allowed:
        for pattern in patterns:
            if (number, pattern) not in needed:
                yield f'{where}:{number}: {pattern} is in no circle by now: take it out'


def offences(top, path):
    texts = dict(sources(top))
    lines, allowed = exceptions(path)
    yield from size_offences(texts, lines, path.name)
    found = [(needs, circle) for needs in (include_graph(texts), call_graph(texts)) for circle in circles(needs)]
    yield from circle_offences(found, allowed, path.name)


if __name__ == '__main__':
    here = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).with_name('shape.txt')
    bad = list(offences(pathlib.Path(sys.argv[1]), here))
    if bad:
        sys.exit('\n'.join(bad))
