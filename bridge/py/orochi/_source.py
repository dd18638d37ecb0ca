"""Where the author wrote a class, a column, a function or a parameter: "file.py:12". Used for messages only, so the source is
read and parsed when there is something to complain about."""

import sys

_trees = {}


def of_class(cls):
    """The line of `class X`, or of X = namedtuple(...) and the like."""
    import ast
    if _class_node(cls) is None:
        for node in _nodes(_file_of_class(cls)):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', None) == cls.__name__:
                return _place(_file_of_class(cls), node, 1)
    return _place(_file_of_class(cls), _class_node(cls), cls.__dict__.get('__firstlineno__', 1))


def of_column(cls, name):
    """The line of the annotation `name: ...` in the body of cls, or of the class."""
    import ast
    for item in getattr(_class_node(cls), 'body', ()):
        if isinstance(item, ast.AnnAssign) and getattr(item.target, 'id', None) == name:
            return _place(_file_of_class(cls), item, 1)
    return of_class(cls)


def of_function(fn):
    """The line of `def f`, below its decorators."""
    return _place(fn.__code__.co_filename, _function_node(fn), fn.__code__.co_firstlineno)


def of_parameter(fn, name):
    """The line of one parameter, or of the function."""
    arguments = getattr(_function_node(fn), 'args', None)
    if arguments is not None:
        for given in arguments.posonlyargs + arguments.args + arguments.kwonlyargs + [arguments.vararg, arguments.kwarg]:
            if given is not None and given.arg == name:
                return _place(fn.__code__.co_filename, given, 1)
    return of_function(fn)


def of_caller():
    """The author's line that is running: the innermost frame outside this package."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get('__package__') == __package__:
        frame = frame.f_back
    return f'{frame.f_code.co_filename}:{frame.f_lineno}'


def module_of_caller():
    """The name of the module whose line of_caller() gives."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get('__package__') == __package__:
        frame = frame.f_back
    return frame.f_globals.get('__name__')


def _place(file, node, line):
    return f'{file}:{getattr(node, "lineno", line)}'


def _file_of_class(cls):
    module = sys.modules.get(cls.__module__)
    return getattr(module, '__file__', None) or cls.__module__


def _class_node(cls):
    import ast
    return _find(_file_of_class(cls), ast.ClassDef, cls.__name__, cls.__dict__.get('__firstlineno__'))


def _function_node(fn):
    import ast
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return _find(fn.__code__.co_filename, kinds, fn.__name__, fn.__code__.co_firstlineno)


def _find(file, kinds, name, first_line):
    """The definition that begins, decorators included, at first_line; None: any with the name."""
    for node in _nodes(file):
        if isinstance(node, kinds) and node.name == name:
            if first_line is None or first_line == min([node.lineno] + [d.lineno for d in node.decorator_list]):
                return node
    return None


def _nodes(file):
    import ast
    if file not in _trees:
        try:
            with open(file, encoding='utf-8') as source:
                _trees[file] = list(ast.walk(ast.parse(source.read())))
        except (OSError, SyntaxError, ValueError):
            _trees[file] = []
    return _trees[file]


def forget():
    """Files may have changed: read them again."""
    _trees.clear()
