"""The include-layer check: every #include "folder/file.h" obeys layers.txt, and a vendor's header stays
in the folders that own it. Run as: layers.py TOP [LAYERS]. Prints each offence, and fails if there is one."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')


def read(path):
    """folder -> (folders it may include, vendor headers it owns). Refuses a folder not yet seen."""
    layers = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith('#'):
            continue
        folder, _, rest = line.partition(':')
        names, _, vendors = rest.partition('|')
        allowed = set(layers) if names.split() == ['*'] else set(names.split())
        if folder in layers:
            sys.exit(f'{path.name}:{number}: {folder} a second time')
        if allowed - set(layers):
            sys.exit(f'{path.name}:{number}: {", ".join(sorted(allowed - set(layers)))} not seen above')
        layers[folder] = (allowed | {folder}, set(vendors.split()))
    return layers


def layer_of(name, layers):
    return max((f for f in layers if name.startswith(f + '/')), key=len, default=None)


def offence(name, layers, kind, target):
    """Why the file `name` may not include `target`; None if it may."""
    mine, theirs = layer_of(name, layers), layer_of(target, layers)
    if kind == '<':
        owned = any(target in vendors for _, vendors in layers.values())
        return f'<{target}> belongs to another folder' if owned and target not in layers[mine][1] else None
    if theirs is None:
        return f'"{target}" is not written from the top folder'
    if theirs not in layers[mine][0]:
        return f'"{target}": {mine} may not include {theirs}'
    if target.endswith('_priv.h') and theirs != mine:
        return f'"{target}" is private to {theirs}'
    return None


def offences(top, layers):
    for path in sorted(p for f in {f.split('/')[0] for f in layers} for p in (top / f).rglob('*.[ch]')):
        name = path.relative_to(top).as_posix()
        for number, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
            match = INCLUDE.match(line)
            why = match and layer_of(name, layers) and offence(name, layers, *match.groups())
            if why:
                yield f'{name}:{number}: {why}'


if __name__ == '__main__':
    table = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).with_name('layers.txt')
    found = list(offences(pathlib.Path(sys.argv[1]), read(table)))
    if found:
        sys.exit('\n'.join(found))
