"""Type specs: the nested tuples that annotations are resolved to, and what is wrong with one that cannot be."""

INTEGERS = tuple(sign + str(bits) for sign in 'iu' for bits in (8, 16, 32, 64, 128, 256))


class TypeProblem(Exception):
    """An annotation that cannot be a column or parameter; the text says what to write instead. place: a line that is nearer
    to the fault than the column or parameter that led there, or None."""

    def __init__(self, text, place=None):
        super().__init__(text)
        self.place = place


def unchecked(spec):
    """The spec without its constraints."""
    while spec[0] == 'checked':
        spec = spec[1]
    return spec


def describe(spec):
    """A spec in words, for messages."""
    spec = unchecked(spec)
    words = {'array': 'a list', 'option': 'an optional value', 'product': 'a record', 'union': 'a union', 'dict': 'a dict',
             'json': 'a dynamic value', 'f32': 'a float', 'f64': 'a float', 'string': 'a str', 'schedule_at': 'a ScheduleAt',
             'enum': 'an Enum', 'literal': 'a Literal', 'identity': 'an Identity', 'uuid': 'a UUID', 'unit': 'None',
             'duration': 'a TimeDuration', 'timedelta': 'a timedelta', 'result': 'a Result', 'named': 'a record'}
    return words.get(spec[0], spec[0])


def endless_text(name):
    """What is wrong with a type that Resolver.endless() names."""
    return f'{name} contains itself without an end, so no value is ever complete: write list[{name}] or {name} | None'
