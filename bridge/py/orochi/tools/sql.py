"""`orochi sql`: asks a server that runs, over HTTP; by the line with history and completion, or what the command line says."""

import csv
import datetime
import json
import sys
import unicodedata
import uuid

from . import history, place
from .place import CommandError, Server  # noqa: F401

HISTORY = '~/.orochi_sql_history'
WIDEST = 66  # characters of a cell in a table: an identity, whole
KEYWORDS = ('SELECT FROM WHERE JOIN LEFT ON GROUP BY ORDER HAVING LIMIT OFFSET DISTINCT UNION ALL AS AND OR NOT IN BETWEEN LIKE IS NULL '
            'INSERT INTO VALUES UPDATE SET DELETE WITH count( sum( min( max( avg( json_extract( datetime(').split()
HELP = r"""A statement ends with ;  and may have several lines.
\d         tables        \d NAME    its columns
\q         end           \?         this text"""


# ---- values as text ----

def _time(micros):
    try:
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)).isoformat() + 'Z'
    except OverflowError:
        return f'{micros} us'


_SPECIAL = {
    '__identity__': str,
    '__connection_id__': lambda value: f'0x{value:032x}',
    '__timestamp_micros_since_unix_epoch__': _time,
    '__time_duration_micros__': lambda value: f'{value / 1e6:g} s',
    '__uuid__': lambda value: str(uuid.UUID(int=value)),
}


def cell(value, kind):
    """The text of a value of this type, as an answer has both; None for NULL and an empty option."""
    if value is None:
        return None
    (name, inner), = kind.items()
    if name == 'Product':
        elements = inner['elements']
        names = [e['name'].get('some') for e in elements]
        if len(names) == 1 and names[0] in _SPECIAL:
            return _SPECIAL[names[0]](value[0])
        return '{' + ', '.join(f'{n}: {cell(v, e["algebraic_type"])}' for n, v, e in zip(names, value, elements)) + '}'
    if name == 'Sum':
        tag, payload = value
        variant = inner['variants'][tag]
        if _is_option(kind):
            return None if tag else cell(payload, variant['algebraic_type'])
        label = variant['name'].get('some', str(tag))
        return label if payload == [] else f'{label}({cell(payload, variant["algebraic_type"])})'
    if name == 'Array' and not isinstance(value, str):
        return '[' + ', '.join(str(cell(v, inner)) for v in value) + ']'
    return str(value).lower() if isinstance(value, bool) else str(value)


# ---- answers as text ----

def _width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in 'WF' else 1 for c in text)


def _shown(text):
    """On one line, harmless to a terminal, not too wide."""
    if text is None:
        return 'NULL'
    text = ''.join(c if c.isprintable() else c.encode('unicode_escape').decode() for c in text)
    return text if len(text) <= WIDEST else text[:WIDEST - 1] + '…'


def _pad(text, width, right):
    blank = ' ' * (width - _width(text))
    return blank + text if right else text + blank


def _is_option(kind):
    return [v['name'].get('some') for v in kind.get('Sum', {'variants': []})['variants']] == ['some', 'none']


def _is_number(kind):
    if _is_option(kind):
        kind = kind['Sum']['variants'][0]['algebraic_type']
    return next(iter(kind)) in ('I8', 'U8', 'I16', 'U16', 'I32', 'U32', 'I64', 'U64', 'I128', 'U128', 'F32', 'F64')


def table(columns, rows):
    """Lines with the columns under each other, numbers at the right."""
    grid = [[_shown(name) for name, _ in columns]] + [[_shown(cell(v, k)) for v, (_, k) in zip(row, columns)] for row in rows]
    widths = [max(_width(row[i]) for row in grid) for i in range(len(columns))]
    right = [_is_number(kind) for _, kind in columns]
    lines = [' | '.join(_pad(*each) for each in zip(row, widths, right)).rstrip() for row in grid]
    return [lines[0], '-+-'.join('-' * width for width in widths), *lines[1:]]


def _count(n, word):
    return f'{n} {word}{"" if n == 1 else "s"}'


def _told(stats):
    done = [(stats[f'rows_{word}'], word) for word in ('inserted', 'updated', 'deleted')]
    return ', '.join(f'{_count(n, "row")} {word}' for n, word in done if n) or 'no row changed'


def show(answers, form, out):
    """Writes what was answered; form: 'table', 'json' or 'csv'."""
    for columns, rows, stats, took in answers:
        names = [name for name, _ in columns]
        if form == 'json':
            print(json.dumps([dict(zip(names, row)) for row in rows] if columns else stats, ensure_ascii=False), file=out)
        elif not columns:
            print(_told(stats), file=out if form == 'table' else sys.stderr)
        elif form == 'csv':
            writer = csv.writer(out, lineterminator='\n')
            writer.writerow(names)
            writer.writerows([cell(v, k) for v, (_, k) in zip(row, columns)] for row in rows)
        else:
            print('\n'.join(table(columns, rows)), file=out)
            print(f'({_count(len(rows), "row")}, {took / 1000:.1f} ms)', file=out)


# ---- by the line ----

def _completer(words):
    def complete(text, state):
        low = text.lower()
        found = [word for word in words if word.lower().startswith(low)]
        return found[state] if state < len(found) else None
    return complete


def _readline(server):
    """History and completion, where the Python has them. Gives what keeps the history."""
    try:
        import readline
    except ImportError:
        return lambda: None
    try:
        tables = server.tables()
    except CommandError:
        tables = {}
    words = sorted({*tables, *(name for columns in tables.values() for name, _ in columns)}) + KEYWORDS
    readline.set_completer(_completer(words))
    readline.set_completer_delims(' \t\n,.()=<>;')
    readline.parse_and_bind('tab: complete')
    return history.begin(HISTORY)


def _command(server, line, out):
    """A line that begins with a backslash. False: the end."""
    word, _, rest = line.partition(' ')
    rest = rest.strip()
    if word == r'\q':
        return False
    if word != r'\d':
        print(HELP, file=out)
        return True
    tables = server.tables()
    if not rest:
        print('\n'.join(sorted(tables)), file=out)
    elif rest in tables:
        print('\n'.join(f'{name}  {json.dumps(kind)}' for name, kind in tables[rest]), file=out)
    else:
        print(f'there is no table {rest}', file=out)
    return True


def is_complete(text):
    """Ends with a semicolon outside of quotes and comments."""
    quote, at = '', 0
    while at < len(text):
        c = text[at]
        if quote:
            quote = '' if c == quote else quote
        elif c in '\'"`':
            quote = c
        elif text.startswith('--', at):
            at = text.find('\n', at)
            if at < 0:
                return text[:text.rfind('--')].rstrip().endswith(';')
        at += 1
    return not quote and text.rstrip().endswith(';')


def _answer(server, text, form, out):
    try:
        show(server.ask(text), form, out)
        return True
    except CommandError as error:
        print(error, file=sys.stderr)
        return False


def interactive(server, form, out, read=input):
    keep = _readline(server)
    print(r'SQL; \? for help, \q to end', file=out)
    text = ''
    try:
        while True:
            try:
                line = read('   ...> ' if text else 'orochi> ')
            except KeyboardInterrupt:
                print(file=out)
                text = ''
                continue
            if not text and line.startswith('\\'):
                if not _command(server, line.strip(), out):
                    break
                continue
            text = f'{text}\n{line}' if text else line
            if not text.strip():
                text = ''
            elif is_complete(text):
                _answer(server, text, form, out)
                text = ''
    except EOFError:
        print(file=out)
    finally:
        keep()
    return 0


def arguments(parser):
    parser.add_argument('text', nargs='?', metavar='QUERY', help='statements; without: by the line, or from the standard input')
    parser.add_argument('-c', dest='texts', metavar='QUERY', action='append', default=[], help='the same; may be repeated, and ends with what is refused')
    form = parser.add_mutually_exclusive_group()
    form.add_argument('--json', action='store_true', help='rows as objects, a line for each statement')
    form.add_argument('--csv', action='store_true', help='rows with commas between')
    place.options(parser, 'owner')


def main(args):
    server = place.server(args)
    form = 'json' if args.json else 'csv' if args.csv else 'table'
    texts = args.texts + [args.text] * (args.text is not None)
    if texts:
        return 0 if all(_answer(server, text, form, sys.stdout) for text in texts) else 1
    if sys.stdin.isatty():
        return interactive(server, form, sys.stdout)
    return 0 if _answer(server, sys.stdin.read(), form, sys.stdout) else 1
