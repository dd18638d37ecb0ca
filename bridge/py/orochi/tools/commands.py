"""The one table of commands: what each is called, takes and does, with examples. Help, completion and manual pages are made of it.

The flags of a command stand with the command: in `arguments()` of the module named here, or, of those that the program itself runs,
in what it prints for `COMMAND --help`.
"""

from dataclasses import dataclass

EXIT_CODES = ((0, 'it is done'), (1, 'it is refused: by the module, or by the server'), (2, 'the command line is wrong'))


@dataclass(frozen=True)
class Command:
    """A word after `orochi`."""

    name: str
    takes: str
    does: str
    examples: tuple[str, ...] = ()
    module: str | None = None  # of this package; None: the program runs it without
    loads: bool = False        # imports a module of the author's
    hidden: bool = False
    exit_codes: tuple[tuple[int, str], ...] = EXIT_CODES


_RUN_CODES = ((0, 'it was stopped'), (1, 'the module is wrong'), (2, 'flags or settings are'), (3, 'it cannot listen'),
              (4, 'the data cannot be used, or not all was written'), (5, 'Python does not start'), (6, 'too many workers were lost'))

_DATA_CODES = ((0, 'it is done'), (2, 'the command line is wrong'), (4, 'the data cannot be used'))

COMMANDS = (
    Command('new', 'NAME', 'a folder with a module to begin with', module='new',
            examples=('orochi new game', 'orochi new world --template arena', 'orochi new shop --template empty')),
    Command('dev', '[MODULE] [flags of run]', 'serve a module and whatever you save, with its tests and bindings', module='dev',
            examples=('orochi dev game', 'orochi dev --no-open --memory', 'orochi dev game --debug'), exit_codes=_RUN_CODES),
    Command('test', '[PYTEST_ARGUMENT...]', 'run the tests of a module, with pytest', module='test',
            examples=('orochi test', 'orochi test -k shot -x')),
    Command('run', 'MODULE [flags]', 'serve a module',
            examples=('orochi run game/module.py --watch', 'orochi run game --listen 0.0.0.0:3000 --data /var/lib/game', 'orochi run game --memory'),
            exit_codes=_RUN_CODES),
    Command('check', 'MODULE [--against DIR] [flags of run]', 'import it as `run` does and report every problem; --against: and what would become of data',
            module='check', loads=True, examples=('orochi check game', 'orochi check game --isolation main', 'orochi check game --against orochi-data')),
    Command('describe', '[--json] [MODULE]', 'tables, reducers and schedules: of a module, or of a server that runs', module='describe',
            loads=True, examples=('orochi describe game', 'orochi describe --json game > game.json', 'orochi describe --url http://127.0.0.1:3000')),
    Command('generate', '--lang typescript --out DIR MODULE', 'client bindings', module='generate', loads=True,
            examples=('orochi generate --lang typescript --out page/src/bindings game',)),
    Command('stubs', '[--out DIR] MODULE', 'ctx.db with the types of its tables, for editors and type checkers', module='stubs', loads=True,
            examples=('orochi stubs game',)),
    Command('extract-schema', 'FILE', 'the same as describe --json', module='extract', loads=True, hidden=True),
    Command('call', 'FUNCTION [ARGUMENT...]', 'call a reducer or procedure of a server that runs', module='call',
            examples=("orochi call say hello", """orochi call shoot '{"x": 1, "y": 0}' 3""", 'orochi call --as bob set_name Bob',
                      'orochi call --as owner clean_up')),
    Command('sql', '[QUERY]', 'ask a server that runs, and change rows as its owner', module='sql',
            examples=("orochi sql 'SELECT count(*) AS players FROM player'", 'orochi sql --csv "SELECT * FROM player" > players.csv', 'orochi sql')),
    Command('subscribe', 'QUERY...', 'rows of a server that runs, and each that comes or goes, as JSON', module='subscribe',
            examples=('orochi subscribe player', 'orochi subscribe --changes "SELECT * FROM player WHERE hp < 50"',
                      "orochi subscribe -n 1 message | jq .insert.text")),
    Command('logs', '[-f] [-n N] [--level LEVEL]', 'the newest lines of the log of a server that runs, and those that come', module='logs',
            examples=('orochi logs -f', 'orochi logs -n 100 --level warn', "orochi logs --json | jq 'select(.target == \"module\")'")),
    Command('shell', '[-c CODE]', 'Python on the live data of a server that runs', module='shell',
            examples=('orochi shell', "orochi shell -c 'print(db.player.count())'", 'orochi shell < cleanup.py')),
    Command('config', 'get|set bridge.KEY[=VALUE]', 'settings of a server that runs', module='config',
            examples=('orochi config get', 'orochi config set bridge.cache_ttl_ms=60000')),
    Command('reload', '', 'serve the files of the module as they are now (SIGHUP does, too)', module='reload',
            examples=('orochi reload', 'orochi reload --url http://127.0.0.1:3001 --data /var/lib/game')),
    Command('migrate', '[--dry-run] MODULE [--data DIR]', "bring the data to the module's tables",
            examples=('orochi migrate --dry-run game',), exit_codes=_RUN_CODES),
    Command('backup', 'FILE [--data DIR] [--name NAME]', 'copy the data, also while it is served', examples=('orochi backup game.backup',), exit_codes=_DATA_CODES),
    Command('restore', 'FILE [--data DIR] [--name NAME]', 'and bring it back', examples=('orochi restore game.backup --force',), exit_codes=_DATA_CODES),
    Command('repair', 'FILE [--data DIR] [--name NAME]', 'copy what can be read of damaged data', examples=('orochi repair game.rescued',), exit_codes=_DATA_CODES),
    Command('log', '[--data DIR] [--name NAME] [--json]', 'who called what, of what is not in the tables yet',
            examples=('orochi log', 'orochi log --json | tail -1'), exit_codes=_DATA_CODES),
    Command('docs', '[--port N]', 'these pages, offline, in the browser', module='docs', examples=('orochi docs', 'orochi docs --no-open --port 8000')),
    Command('bench', 'transfer [flags]', 'load generator', examples=('orochi bench transfer --spawn examples/bank/module.py',)),
    Command('bench-bridge', '[--venv DIR]', 'what a conversion between bytes and Python costs, beside msgspec and pure Python', module='bench_bridge',
            examples=('orochi bench-bridge --most 1000',)),
    Command('help', '[COMMAND | settings]', 'this text, that of a command, or every setting with its default, as a file for --config', module='usage',
            examples=('orochi help run', 'orochi help settings > orochi.toml')),
    Command('completion', 'bash|zsh|fish', 'what makes a shell complete commands and flags', module='completion',
            examples=('source <(orochi completion bash)', 'orochi completion zsh > "${fpath[1]}/_orochi"',
                      'orochi completion fish > ~/.config/fish/completions/orochi.fish')),
    Command('man', '[COMMAND] [--out DIR]', 'manual pages', module='man',
            examples=('orochi man run | man -l -', 'orochi man --out ~/.local/share/man/man1')),
    Command('version', '', 'which orochi this is', examples=('orochi version',)),
)

NAMES = {command.name: command for command in COMMANDS}
