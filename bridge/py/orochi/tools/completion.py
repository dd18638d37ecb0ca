"""`orochi completion bash|zsh|fish`: what makes the shell complete commands, flags and their values."""

import re

from . import flags
from .commands import COMMANDS

SHELLS = ('bash', 'zsh', 'fish')


def arguments(parser):
    parser.add_argument('shell', choices=SHELLS, help='the shell that is to read it')


def main(args):
    print({'bash': bash, 'zsh': zsh, 'fish': fish}[args.shell](), end='')


def _commands():
    return [command for command in COMMANDS if not command.hidden]


def _words(command):
    """What may stand behind it."""
    return ' '.join([*(name for flag in flags.of(command) for name in flag.names), *flags.choices(command), *_named(command)])


def _named(command):
    return [c.name for c in _commands()] + ['settings'] if command.name in ('help', 'man') else []


def bash():
    cases, values = [], []
    for command in _commands():
        cases.append(f'    {command.name}) words="{_words(command)}" ;;')
        values += [f'    {command.name}:{name}) words="{" ".join(flag.choices)}" ;;' for flag in flags.of(command) if flag.choices for name in flag.names]
    names = ' '.join(command.name for command in _commands())
    return f'''# orochi: source <(orochi completion bash), or as a file of /etc/bash_completion.d
_orochi() {{
    local words="" cur="${{COMP_WORDS[COMP_CWORD]}}" prev="${{COMP_WORDS[COMP_CWORD-1]}}"
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{names}" -- "$cur"))
        return
    fi
    case "${{COMP_WORDS[1]}}:$prev" in
{chr(10).join(values)}
    *) case "${{COMP_WORDS[1]}}" in
{chr(10).join('    ' + case for case in cases)}
        esac ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _orochi orochi
'''


def _quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def _short(text):
    """For a list: to the first stop, without what a shell takes for its own."""
    return re.sub(r'[:\[\]\\]', ' ', re.split(r'[;(]', text)[0]).strip()[:70]


def zsh():
    lines = []
    for command in _commands():
        specs = []
        for flag in flags.of(command):
            what = f':{flag.value.lower()}:({" ".join(flag.choices)})' if flag.choices else f':{_short(flag.value.lower())}:_files' if flag.value else ''
            specs += [_quoted(f'{name}[{_short(flag.text)}]{what}') for name in flag.names]
        words = [*flags.choices(command), *_named(command)]
        rest = _quoted(f'*:word:({" ".join(words)})') if words else _quoted('*:file:_files')
        lines.append(f'    {command.name}) _arguments {" ".join([*specs, rest])} ;;')
    described = '\n'.join(f'    {_quoted(f"{command.name}:{_short(command.does)}")}' for command in _commands())
    return f'''#compdef orochi
# orochi: orochi completion zsh > "${{fpath[1]}}/_orochi"
_orochi() {{
  local -a commands=(
{described}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local word=$words[2]
  shift words
  (( CURRENT-- ))
  case $word in
{chr(10).join(lines)}
  esac
}}
_orochi "$@"
'''


def fish():
    lines = ['# orochi: orochi completion fish > ~/.config/fish/completions/orochi.fish']
    for command in _commands():
        lines.append(f'complete -c orochi -n __fish_use_subcommand -f -a {command.name} -d {_quoted(_short(command.does))}')
        seen = f"'__fish_seen_subcommand_from {command.name}'"
        for flag in flags.of(command):
            names = ' '.join(f'-l {name[2:]}' if name.startswith('--') else f'-s {name[1:]}' for name in flag.names)
            value = f' -x -a {_quoted(" ".join(flag.choices))}' if flag.choices else ' -r' if flag.value else ''
            lines.append(f'complete -c orochi -n {seen} {names}{value} -d {_quoted(_short(flag.text))}')
        words = [*flags.choices(command), *_named(command)]
        if words:
            lines.append(f'complete -c orochi -n {seen} -f -a {_quoted(" ".join(words))}')
    return '\n'.join(lines) + '\n'
