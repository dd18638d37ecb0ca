"""Calls that happen later: what ctx.schedule(), ctx.schedule_reducer() and ctx.cancel() do (docs/semantics.md#schedules), and times
that cron expressions name. In an interpreter with the engine; _declare and _schema use what needs none."""

import datetime
import inspect
import types

from ._names import instead, nearest
from ._values import TimeDuration, Timestamp, datetime_to_us

_SECOND = 1_000_000
MOST_US = 36525 * 86400 * _SECOND  # 100 years
_SOME_S = 1_000_000_000
_WHEN = ('after', 'at', 'every', 'cron')
_MAX_TIME = 253_402_300_799_999_999  # the end of the year 9999


class ScheduleProblem(ValueError):
    """What is wrong with a time or an expression, in words that go on after its name."""


# ---- times -----------------------------------------------------------------------------------------------------------

_AT = ': for a point in time there is at='


def span_us(value, least=0):
    """Microseconds of a number of seconds, a timedelta or a TimeDuration, from `least` to 100 years. ScheduleProblem otherwise."""
    if isinstance(value, TimeDuration):
        micros = int(value)
    elif isinstance(value, datetime.timedelta):
        micros = value // datetime.timedelta(microseconds=1)
    elif isinstance(value, bool) or isinstance(value, Timestamp) or not isinstance(value, (int, float)):
        raise ScheduleProblem('it is a number of seconds or a timedelta'
                              + (_AT if isinstance(value, (Timestamp, datetime.datetime)) else ''))
    elif value != value or value in (float('inf'), float('-inf')):
        raise ScheduleProblem('it is a number of seconds, and this is none that passes')
    else:
        micros = round(value * _SECOND)
    if micros < least:
        raise ScheduleProblem('it must be more than zero' if least else 'it must not be less than zero')
    if micros > MOST_US:
        raise ScheduleProblem('it is 100 years at most (it is in seconds)')
    return micros


def time_us(value):
    """Microseconds since 1970 of a Timestamp, an aware datetime or an int of them. ScheduleProblem otherwise."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise ScheduleProblem('it has no time zone: write datetime(..., tzinfo=timezone.utc), or ctx.timestamp + timedelta(...)')
        return datetime_to_us(value)
    if isinstance(value, (bool, TimeDuration)) or not isinstance(value, int):
        raise ScheduleProblem('it is a Timestamp or an aware datetime, e.g. ctx.timestamp + timedelta(minutes=5)'
                              + (': for a span of time there is after=' if isinstance(value, (float, TimeDuration, datetime.timedelta)) else ''))
    if not -_MAX_TIME <= value <= _MAX_TIME:
        raise ScheduleProblem('it lies beyond the year 9999: a Timestamp counts microseconds since 1970')
    return int(value)


# ---- cron ------------------------------------------------------------------------------------------------------------

_CRON_FORM = 'five fields, "minute hour day-of-month month day-of-week" like "0 4 * * mon", or six with the second first; in UTC'


def cron_next(expression, after_us):
    """The first time after `after_us` that the expression names, in microseconds since 1970. ScheduleProblem for what is no cron
    expression, or names no time in the next 50 years."""
    if not isinstance(expression, str):
        raise ScheduleProblem(f'it is a text of {_CRON_FORM}')
    try:
        from cronsim import CronSim, CronSimError  # seldom used, and not needed for the rest
    except ImportError:
        raise ScheduleProblem('that needs the Python package cronsim, which is not installed: pip install cronsim') from None
    try:
        begin = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=after_us)
        return datetime_to_us(next(CronSim(expression, begin)))
    except CronSimError as error:
        text = str(error)
        raise ScheduleProblem(f'{text[:1].lower()}{text[1:]}: it has {_CRON_FORM}') from None
    except (StopIteration, OverflowError):
        raise ScheduleProblem('it names no time in the next 50 years') from None


# ---- @scheduled ------------------------------------------------------------------------------------------------------

_MISSED = ('skip', 'delay', 'all')


def _one(given, least, problems):
    """Microseconds of the one that is given, or None."""
    given = [(name, value) for name, value in given.items() if value is not None]
    if len(given) > 1:
        problems.append(f' takes one of {" and ".join(name for name, _ in given)}, not both')
    if not given:
        return None
    name, value = given[0]
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        if name in ('hz', 'interval_ms', 'delay_ms') and not numeric:
            raise ScheduleProblem('it is a number')
        if name == 'hz':
            if not 0 < value <= _SECOND:
                raise ScheduleProblem('it must be more than zero, and a million at most')
            return span_us(1 / value, 1)
        return span_us(value / 1000 if name.endswith('_ms') else value, least)
    except ScheduleProblem as problem:
        problems.append(f'({name}={_short(value)}): {str(problem).removesuffix(_AT)}')
        return None


def _short(value):
    text = repr(value)
    return text if len(text) < 60 else f'{text[:50]}...'


def declared(intervals, delays, cron, repeating, missed, volatile, max_dt):
    """(schedule, problems) of the arguments of @scheduled; a problem goes on after "@scheduled"."""
    problems = []
    interval_us, delay_us = _one(intervals, 1, problems), _one(delays, 0, problems)
    given, waits = [name for name, value in intervals.items() if value is not None], any(v is not None for v in delays.values())
    if cron is not None and (given or waits or not repeating):
        problems.append('(cron=...) says itself when it runs: it stands alone, without intervals, delays and repeating=False')
    elif cron is not None:
        try:
            cron_next(cron, 0)
        except ScheduleProblem as problem:
            problems.append(f'(cron={cron!r}): {problem}')
    elif not given and (repeating or not waits):
        problems.append(' needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')
    if not isinstance(repeating, bool):
        problems.append(f'(repeating={repeating!r}): it is True or False')
    if missed not in _MISSED:
        problems.append(f'(missed={missed!r}): it is "skip", "delay" or "all"')
    elif cron is not None and missed == 'delay':
        problems.append('(missed="delay"): a cron expression names times, not intervals: "skip" or "all"')
    if volatile not in (None, True, False):
        problems.append(f'(volatile={volatile!r}): it is True or False')
    if isinstance(max_dt, bool) or not isinstance(max_dt, (int, float)) or not max_dt > 0:
        problems.append(f'(max_dt={max_dt!r}): it is a number of seconds above zero')
    hz = intervals['hz'] if given == ['hz'] and interval_us and repeating else None
    return dict(interval_us=interval_us, delay_us=delay_us, repeating=bool(repeating), missed=missed, max_dt=max_dt, cron=cron,
                hz=hz, volatile=hz is not None if volatile is None else bool(volatile)), problems


# ---- what can be called ----------------------------------------------------------------------------------------------

def _engine():
    import _orochi
    return _orochi


def _no_target(fn):
    """Why fn is nothing that can be scheduled, and what to write instead."""
    usage = 'ctx.schedule(explode, bomb.id, after=3)'
    targets = [name for name, is_lifecycle in _engine()._targets().items() if not is_lifecycle]
    if isinstance(fn, str):
        if fn in targets:
            return f'ctx.schedule() takes the function itself, ctx.schedule({fn}, ...); by name there is ctx.schedule_reducer("{fn}", ms, [...])'
        return f'ctx.schedule() takes a reducer or procedure of the module, and {fn!r} names none: {instead(fn, targets)}'
    if fn is None or not callable(fn):
        return (f'ctx.schedule() takes the function and then its arguments, {usage}, and got {fn!r}'
                + (': was the function called?' if fn is None else ''))
    name = getattr(fn, '__name__', None) or type(fn).__name__
    if name == '<lambda>':
        return f'ctx.schedule() takes a reducer or procedure of the module, which is found again by its name after a restart; a lambda has none: {usage}'
    if not isinstance(fn, types.FunctionType):
        return f'ctx.schedule() takes a reducer or procedure of the module, and {name} is none: {usage}'
    near = nearest(name, targets)
    return (f'{name} is no reducer: put @reducer in front of it, or @reducer(public=False) if clients are not to call it'
            + (f'; or do you mean {near}?' if near else ''))


def _target(fn):
    """The declaration of fn. TypeError tells what to write instead."""
    declared = getattr(fn, '__orochi_function__', None)
    if declared is None:
        raise TypeError(_no_target(fn))
    if declared.lifecycle is not None:
        raise TypeError(f'{declared.name} runs when the server says so (@{declared.lifecycle}): put what it does into a reducer, and '
                        'schedule that')
    return declared


def _shape(declared):
    """(signature, how many arguments it needs, the defaults of the others or None where arguments have names only); kept."""
    signature = inspect.signature(declared.fn)
    parameters = list(signature.parameters.values())[1:]
    plain = all(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    defaults = tuple(p.default for p in parameters if p.default is not p.empty)
    declared.shape = signature, len(parameters) - len(defaults), defaults if plain else None
    return declared.shape


def _bound(declared, args):
    """The arguments with the defaults of those that are left out, as a tuple."""
    signature, needed, defaults = declared.__dict__.get('shape') or _shape(declared)
    if defaults is not None and 0 <= len(args) - needed <= len(defaults):
        return args + defaults[len(args) - needed:]
    try:
        bound = signature.bind(None, *args)
    except TypeError as error:
        raise TypeError(f'ctx.schedule({declared.name}): {error}') from None
    bound.apply_defaults()
    return bound.args[1:]


# ---- ctx's methods ---------------------------------------------------------------------------------------------------

def _unknown(declared, unknown):
    name = next(iter(unknown))
    names = list(inspect.signature(declared.fn).parameters)[1:] if declared else []
    if name in names:
        return f'ctx.schedule({declared.name}): arguments go by position, ctx.schedule({declared.name}, {name}, after=3)'
    return f'ctx.schedule() has no option {name!r}: {instead(name, _WHEN)}'


def _read(what, value, read, *more):
    try:
        return read(value, *more)
    except ScheduleProblem as problem:
        kind = TypeError if str(problem).startswith('it is a ') else ValueError
        raise kind(f'ctx.schedule({what}={value!r}): {problem}') from None


def _when(now, after, at, every, cron):
    """(is an interval, microseconds, of the steady clock, cron, when an interval begins or None)."""
    given = [name for name, value in zip(_WHEN, (after, at, every, cron)) if value is not None]
    if not given:
        raise TypeError('ctx.schedule() needs a time: one of after=, at=, every=, cron=, or every= with after= or at= for its first run')
    if ('after' in given and 'at' in given) or ('cron' in given and len(given) > 1):
        raise TypeError(f'ctx.schedule() takes one of {" and ".join(f"{name}=" for name in given)}: they say two different times')
    if cron is not None:
        return False, _read('cron', cron, cron_next, int(now)), False, cron, None
    first = None
    if after is not None:
        first = int(now) + _read('after', after, span_us)
    elif at is not None:
        first = _read('at', at, time_us)
    if every is None:
        return False, first, after is not None, '', None
    return True, _read('every', every, span_us, 1), False, '', first


def schedule(ctx, /, *args, after=None, at=None, every=None, cron=None, **unknown):
    """ctx.schedule(fn, *args, after= / at= / every= / cron=)."""
    if not args:
        raise TypeError('ctx.schedule() takes a function and its arguments: ctx.schedule(explode, bomb.id, after=3)')
    if unknown:
        raise TypeError(_unknown(getattr(args[0], '__orochi_function__', None), unknown))
    declared = _target(args[0])
    if at is every is cron is None and type(after) in (int, float) and 0 <= after <= _SOME_S:  # as most are
        when = False, int(ctx.timestamp) + round(after * _SECOND), True, '', None
    else:
        when = _when(ctx.timestamp, after, at, every, cron)
    return _engine()._schedule(declared.name, _bound(declared, args[1:]), *when)


def schedule_reducer(ctx, name, delay_ms, args=()):
    """ctx.schedule_reducer("explode", 3000, [bomb.id]): the older spelling."""
    engine = _engine()
    targets = engine._targets()
    if not isinstance(name, str) or targets.get(name, True):
        names = [other for other, is_lifecycle in targets.items() if not is_lifecycle]
        raise LookupError(f'ctx.schedule_reducer() takes the name of a reducer, and {name!r} is none: {instead(str(name), names)}')
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, (int, float)):
        raise TypeError(f'ctx.schedule_reducer(): delay_ms={delay_ms!r}: it is a number of milliseconds')
    if isinstance(args, (str, bytes)) or not isinstance(args, (list, tuple)):
        raise TypeError(f'ctx.schedule_reducer(): args={args!r}: it is a list of the arguments, [bomb.id]')
    first = int(ctx.timestamp) + _read('after', delay_ms / 1000, span_us)
    return engine._schedule(name, tuple(args), False, first, True, '', None)


def cancel(ctx, token):
    """ctx.cancel(token): takes back what ctx.schedule() has made; whether it was still to come."""
    if isinstance(token, bool) or not isinstance(token, int):
        raise TypeError(f'ctx.cancel() takes the number that ctx.schedule() gave, and got {token!r}')
    if not 0 <= token < 1 << 64:
        return False
    return _engine()._cancel(int(token))
