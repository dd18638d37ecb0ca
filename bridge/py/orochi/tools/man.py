"""`orochi man`: manual pages, made of the table of commands."""

from pathlib import Path

from . import flags
from .commands import COMMANDS, NAMES
from .place import CommandError


def arguments(parser):
    parser.add_argument('word', nargs='?', metavar='COMMAND', help='whose page is printed (default: that of orochi)')
    parser.add_argument('--out', metavar='DIR', help='write all pages there, e.g. ~/.local/share/man/man1')


def main(args):
    if args.out:
        folder = Path(args.out).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        pages = {'orochi': overview(), **{f'orochi-{c.name}': page(c) for c in _shown()}}
        for name, text in pages.items():
            (folder / f'{name}.1').write_text(text, encoding='utf-8')
        print(f'{len(pages)} pages in {folder}')
        return
    if args.word is not None and args.word not in NAMES:
        raise CommandError(f'there is no command {args.word}; `orochi help` lists them')
    print(overview() if args.word is None else page(NAMES[args.word]), end='')


def _shown():
    return [command for command in COMMANDS if not command.hidden]


def _text(text):
    """Text that roff takes for nothing but text."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\n'.join(f'\\&{line}' if line.startswith(('.', "'")) else line for line in text.splitlines())


def _head(name, does):
    return [f'.TH {_text(name.upper())} 1', '.SH NAME', f'{_text(name)} \\- {_text(does)}']


def _codes(command):
    return [line for code, text in command.exit_codes for line in ('.TP', str(code), _text(text))]


def page(command):
    """The page of one command."""
    name = f'orochi-{command.name}'
    lines = [*_head(name, command.does), '.SH SYNOPSIS', f'.B orochi {_text(command.name)}', _text(command.takes)]
    options = flags.of(command)
    if options:
        lines.append('.SH OPTIONS')
    for flag in options:
        called = ', '.join(flag.names) + (f' {flag.value}' if flag.value else '')
        lines += ['.TP', f'.B {_text(called)}', _text(flag.text + (f' ({", ".join(flag.choices)})' if flag.choices else ''))]
    if command.examples:
        lines += ['.SH EXAMPLES', '.nf', *(_text(example) for example in command.examples), '.fi']
    lines += ['.SH EXIT STATUS', *_codes(command), '.SH SEE ALSO', '.BR orochi (1)']
    return '\n'.join(lines) + '\n'


def overview():
    """The page of the program."""
    lines = [*_head('orochi', 'a game server that runs reducers written in Python'), '.SH SYNOPSIS', '.B orochi', 'COMMAND [ARGUMENT...]', '.SH COMMANDS']
    for command in _shown():
        lines += ['.TP', f'.B {_text(f"{command.name} {command.takes}".rstrip())}', _text(command.does)]
    lines += ['.SH ENVIRONMENT', '.TP', '.B OROCHI_URL', _text('the server that commands speak to (default: http://127.0.0.1:3000)'),
              '.TP', '.B NO_COLOR', 'no colours, if it is set', '.TP', '.B XDG_CONFIG_HOME',
              _text('where identities are kept, in orochi/identities (default: ~/.config)'),
              '.TP', '.B OROCHI_SECTION_KEY', 'a setting of the server; see', '.B orochi help settings',
              '.SH SEE ALSO', *(f'.BR orochi\\-{_text(c.name)} (1)' for c in _shown())]
    return '\n'.join(lines) + '\n'
