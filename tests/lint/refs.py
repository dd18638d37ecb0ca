"""What comments and pages refer to is there: pages of docs/ and their headings, rules (T-24), and files of the tree.

Run as: refs.py TOP. Prints each offence, and fails if there is one.
"""
import pathlib
import re
import sys

ROOTS = ('.github', 'bridge', 'config', 'docs', 'examples', 'net', 'runtime', 'scheduler', 'tests')
ENDINGS = ('.c', '.h', '.py', '.pyi', '.mjs', '.ts', '.sh', '.md', '.build', '.txt')
LEFT_OUT = re.compile(r'node_modules|/dist/|seeds_|test_refs\.py|package-lock')
PAGE = re.compile(r'\bdocs/([a-z-]+)\.md(?:#([a-z0-9_-]+))?')
RULE = re.compile(r'\b((?:TY|SQL|[LMQSTX])-\d{1,2})\b')
FILE = re.compile(r'(?<![\w./-])((?:bridge|config|docs|net|runtime|scheduler|tests)/[\w./-]*\w\.(?:c|h|py|md|mjs|txt|sh|toml))\b')
SPEC = re.compile(r'\bspec/[a-z]')
HEADING = re.compile(r'^#+ (.*)$', re.M)
BOLD = re.compile(r'\*\*([A-Z]+-\d{1,2})\*\*')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*|(?<!\S)#[^\n]*|"""(?:.*?)"""', re.S)


def slug(heading):
    return re.sub(r'[^\w -]', '', heading.strip().lower()).replace(' ', '-')


def sources(top):
    for root in ROOTS:
        for path in sorted((top / root).rglob('*')):
            name = path.relative_to(top).as_posix()
            if path.suffix in ENDINGS and path.is_file() and not LEFT_OUT.search(name):
                yield name, path.read_text(errors='replace')
    if (top / 'README.md').exists():
        yield 'README.md', (top / 'README.md').read_text()


def comments(name, text):
    """(offset, comment); of a page, all of it."""
    if name.endswith('.md'):
        yield 0, text
    else:
        yield from ((m.start(), m[0]) for m in COMMENT.finditer(text))


def offences(top):
    pages, rules = {}, set()
    for path in (top / 'docs').glob('*.md'):
        text = path.read_text()
        pages[path.stem] = {slug(h) for h in HEADING.findall(text)}
        rules |= set(BOLD.findall(text))
    for name, text in sources(top):
        for at, comment in comments(name, text):
            for wrong, what in faults(top, pages, rules, comment):
                line = text.count('\n', 0, at + wrong) + 1
                yield f'{name}:{line}: {what}'


def is_made(path):
    """Whether the build makes it."""
    build = path.parent / 'meson.build'
    return build.exists() and f"output: '{path.name}'" in build.read_text()


def faults(top, pages, rules, comment):
    for m in SPEC.finditer(comment):
        yield m.start(), 'a specification that is not in the tree: say the fact, or bring it into docs/'
    for m in PAGE.finditer(comment):
        if m[1] not in pages:
            yield m.start(), f'there is no {m[0]}'
        elif m[2] and m[2] not in pages[m[1]]:
            yield m.start(), f'docs/{m[1]}.md has no heading #{m[2]}'
    for m in RULE.finditer(comment):
        if m[1] not in rules:
            yield m.start(), f'no page of docs/ has the rule {m[1]}'
    for m in FILE.finditer(comment):
        if not (top / m[1]).exists() and not pathlib.PurePath(m[1]).stem.isupper() and not is_made(top / m[1]):  # NAME.c stands for any
            yield m.start(), f'there is no {m[1]}'


if __name__ == '__main__':
    found = list(dict.fromkeys(offences(pathlib.Path(sys.argv[1]))))
    if found:
        sys.exit('\n'.join(found))
