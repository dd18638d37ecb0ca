"""Names of authors and of clients, and which name a misspelt one may have been meant to be."""

import difflib
import re


def wire_name(name):
    """A Python name as clients see it: one trailing underscore is dropped, so that keywords work."""
    return name[:-1] if name.endswith('_') and not name.endswith('__') and len(name) > 1 else name


def snake(name):
    """GameEvent -> game_event, HTTPServer -> http_server; digits stay with the letters before them."""
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name).lower()


def pascal(name):
    """player_state -> PlayerState."""
    return ''.join(part[:1].upper() + part[1:] for part in name.split('_'))


def is_identifier(name):
    """Whether a name may be used for tables, columns, functions, types and variants (docs/values.md#names)."""
    if not isinstance(name, str) or not name.isidentifier():
        return False
    if name.isascii():
        return True
    import unicodedata
    return unicodedata.is_normalized('NFC', name)


def nearest(name, names):
    """The one of names that `name` was probably meant to be, or None."""
    names = [other for other in names if isinstance(other, str) and other != name]
    folded = {other.lower().replace('_', ''): other for other in names}
    near = difflib.get_close_matches(str(name).lower().replace('_', ''), folded, 1, 0.6 if len(str(name)) < 5 else 0.72)
    return folded[near[0]] if near else None


def instead(name, names, limit=12):
    """ "do you mean x? (there is x, y)" for a message that ends with it; names: what would have been right."""
    names = list(names)
    near = nearest(name, names)
    shown = ', '.join(map(str, names[:limit])) + (', ...' if len(names) > limit else '')
    listed = f'(there is {shown})' if names else '(there is none)'
    return f'do you mean {near}? {listed}' if near else listed


def no_column(owner, name, columns):
    """For a column that is not there; called where rows are made and changed, as the next two are where they are asked for."""
    return f'{owner} has no column {name!r}: {instead(name, columns)}'


def no_order(owner, name, columns):
    """For order_by()."""
    return f'{owner} has no column {name!r} to order by: {instead(str(name).lstrip("-"), columns)}'


_LOOKUPS = ('ne', 'gt', 'gte', 'lt', 'lte', 'in', 'not_in', 'between')
_ELSEWHERE = {'ge': 'gte', 'le': 'lte', 'range': 'between', 'nin': 'not_in', 'notin': 'not_in', 'neq': 'ne'}


def no_condition(owner, name, columns):
    """For filter(score__gtee=1): no such column, or nothing of the kind can be asked of it."""
    column, separator, lookup = name.partition('__')
    if not separator or column not in columns:
        near = nearest(column, columns)
        told = f'do you mean {near}{separator}{lookup}? ' if near else ''
        return f'{owner} has no column for {name!r}: {told}(there is {", ".join(columns)})'
    near = _ELSEWHERE.get(lookup) or nearest(lookup, _LOOKUPS)
    if lookup in ('eq', 'exact', ''):
        told = f'write {column}=...'
    else:
        told = f'do you mean {column}__{near}?' if near else 'for anything else, ask each row in Python'
    return f'{owner}: {name!r} has an unknown lookup: {told} (there is {", ".join(_LOOKUPS)})'
