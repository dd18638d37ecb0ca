"""`orochi new NAME`: a folder with a module that runs, to begin with."""

import os
import sys

_CHAT = '''"""{title}: names and messages. Change it, then `orochi check` it."""

from orochi import (
    AutoKey,
    Identity,
    PrimaryKey,
    ReducerContext,
    ReducerError,
    Timestamp,
    client_connected,
    client_disconnected,
    reducer,
    scheduled,
    table,
    u64,
)

HISTORY = 200  # messages that are kept


@table(public=True)
class User:
    identity: PrimaryKey[Identity]
    name: str = ""
    online: bool = True


@table(public=True)
class Message:
    id: AutoKey[u64] = 0
    sender: Identity
    sent: Timestamp
    text: str


@client_connected
def connected(ctx: ReducerContext) -> None:
    user = ctx.db.user.find(ctx.sender) or User(identity=ctx.sender)
    ctx.db.user.upsert(user, online=True)


@client_disconnected
def disconnected(ctx: ReducerContext) -> None:
    ctx.db.user.update(ctx.db.user.get(ctx.sender), online=False)


@reducer
def set_name(ctx: ReducerContext, name: str) -> None:
    name = name.strip()
    if not 1 <= len(name) <= 20:
        raise ReducerError("A name has 1 to 20 characters.")
    ctx.db.user.update(ctx.db.user.get(ctx.sender), name=name)


@reducer
def send_message(ctx: ReducerContext, text: str) -> None:
    text = text.strip()
    if not 1 <= len(text) <= 500:
        raise ReducerError("A message has 1 to 500 characters.")
    ctx.db.message.insert(sender=ctx.sender, sent=ctx.timestamp, text=text)


@scheduled(interval_ms=10_000)
def trim(ctx: ReducerContext) -> None:
    messages = sorted(ctx.db.message, key=lambda message: message.id)
    for old in messages[:-HISTORY]:
        ctx.db.message.delete(old)
'''

_EMPTY = '''"""{title}."""

from orochi import AutoKey, ReducerContext, reducer, table, u64


@table(public=True)
class Thing:
    id: AutoKey[u64] = 0
    name: str


@reducer
def add_thing(ctx: ReducerContext, name: str) -> None:
    ctx.db.thing.insert(name=name)
'''

_README = '''# {title}

    orochi check {name}              # is the module right?
    orochi run {name}/module.py      # serve it
    orochi generate --lang typescript --out bindings {name}

Clients connect with any SpacetimeDB SDK, to the database `{name}`.
'''

# The data holds keys and the owner's token; it is made where `orochi run` is called.
_IGNORED = '''orochi-data/
node_modules/
__pycache__/
'''

TEMPLATES = {'chat': _CHAT, 'empty': _EMPTY}


def make(folder, template='chat'):
    """Makes the folder; gives the paths of its files. ValueError: the name will not do; FileExistsError: it is there."""
    name = os.path.basename(os.path.normpath(folder))
    if not name.replace('-', '_').isidentifier() or not name.isascii():
        raise ValueError(f'{name!r} cannot be the name of a module: letters, digits, _ and -, a letter first')
    if os.path.exists(folder):
        raise FileExistsError(f'{folder} is there already: choose another name')
    title = name.replace('-', ' ').replace('_', ' ').capitalize()
    os.makedirs(folder)
    made = []
    for file, text in (('module.py', TEMPLATES[template]), ('README.md', _README), ('.gitignore', _IGNORED)):
        path = os.path.join(folder, file)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text.replace('{title}', title).replace('{name}', name))
        made.append(path)
    return made


def arguments(parser):
    parser.add_argument('name', metavar='NAME', help='folder to make; its last part is the name of the module')
    parser.add_argument('--template', default='chat', choices=sorted(TEMPLATES), help='default: chat')


def main(args):
    try:
        made = make(args.name, args.template)
    except (ValueError, FileExistsError) as error:
        print(f'orochi: {error}', file=sys.stderr)
        return 2
    for path in made:
        print(f'made {path}')
    print(f'next: orochi run {os.path.join(args.name, "module.py")}')
    return 0
