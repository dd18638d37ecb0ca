"""config/docstrings.py STUB OUT - writes the docstrings of a stub as C texts, so that help(ctx.db.player.insert) says what an editor
shows: ORO_DOC_Table, and ORO_DOC_Table_insert with the signature in front, as inspect reads it."""

import ast
import sys


def signature(fn):
    """What stands between the name and the dashes: self with a dollar sign, without types."""
    args = fn.args
    names = [*args.posonlyargs, *args.args]
    if not names or names[0].arg not in ('self', 'cls'):
        return None
    for arg in [*names, *args.kwonlyargs, args.vararg, args.kwarg]:
        if arg is not None:
            arg.annotation = None
    return '(' + ast.unparse(args).replace('self', '$self', 1) + ')'


def is_property(fn):
    return any(isinstance(d, ast.Name) and d.id == 'property' for d in fn.decorator_list)


def texts(tree):
    """(name, text) of each docstring of a class and of its methods."""
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        yield cls.name, ast.get_docstring(cls) or ''
        for fn in (node for node in cls.body if isinstance(node, ast.FunctionDef)):
            text = ast.get_docstring(fn)
            if text is None:
                continue
            head = '' if is_property(fn) else f'{fn.name}{signature(fn)}\n--\n\n'
            yield f'{cls.name}_{fn.name}', head + text


def quoted(text):
    def escape(c):
        return {'\\': '\\\\', '"': '\\"', '\n': '\\n', '?': '\\?'}.get(c, c)
    lines = text.splitlines(keepends=True) or ['']
    return ' \\\n    '.join('"' + ''.join(map(escape, line)) + '"' for line in lines)


def main(stub, out):
    with open(stub, encoding='utf-8') as file:
        tree = ast.parse(file.read())
    with open(out, 'w', encoding='utf-8') as file:
        print(f'/* Made by config/docstrings.py from {stub.rpartition("/")[2]}. */', file=file)
        for name, text in texts(tree):
            print(f'#define ORO_DOC_{name} {quoted(text)}', file=file)


if __name__ == '__main__':
    main(*sys.argv[1:])
