"""The codecs for tools, bulk import and export, and monitoring. Reducers never need it: their types are compiled
when the module is loaded."""

import dataclasses
import json
import re
import time
from collections import OrderedDict

try:
    import _orochi
except ImportError:  # an ordinary interpreter
    _orochi = None

from ._errors import DecodeError, OrochiError
from ._types import Resolver, TypeProblem, endless_text, type_name
from ._values import json_dump

_TIMES = 1024   # durations kept for the percentiles
_GROWTH = 8     # how far auto_tune may go
# What the JSON code says of a fault: "items[3].name at byte 7: expected U8, found 300"
_FAULT = re.compile(r'(?P<path>.*?)(?: at byte (?P<offset>\d+))?: expected (?P<expected>.*), (?:found|got) (?P<found>.*)', re.S)


class ConversionError(OrochiError):
    """The converter was asked for something it cannot do."""


@dataclasses.dataclass(frozen=True)
class ConversionConfig:
    """max_cache_size: compiled types kept, and shapes of dynamic mappings. max_pool_size: spare rows kept of each class.
    cache_ttl_ms: a type that was not used for so long is dropped; 0 is never."""

    max_cache_size: int = 1000
    max_pool_size: int = 100
    enable_batch_optimization: bool = True
    enable_memory_monitoring: bool = True
    cache_ttl_ms: int = 300_000
    auto_tune: bool = False

    def __post_init__(self):
        for name in ('max_cache_size', 'max_pool_size', 'cache_ttl_ms'):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f'{name} must be a number that is not negative, got {value!r}')
        for name in ('enable_batch_optimization', 'enable_memory_monitoring', 'auto_tune'):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f'{name} must be True or False, got {getattr(self, name)!r}')


@dataclasses.dataclass
class ConversionStats:
    """Counters since the start, or since reset_stats()."""

    conversions_performed: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    errors_encountered: int = 0
    batch_conversions: int = 0
    total_processing_time_ms: float = 0.0
    peak_memory_usage: int = 0
    object_pool_hits: int = 0
    object_pool_misses: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    batch_items: int = 0
    batch_errors: int = 0
    plan_hits: int = 0
    plan_misses: int = 0
    shape_hits: int = 0
    shape_misses: int = 0
    evictions: int = 0
    expirations: int = 0
    pool_returns: int = 0
    pool_drops: int = 0


@dataclasses.dataclass
class BatchResult:
    """What on_error="collect" gives: values with None for each bad item, and (index, exception) of those."""

    values: list
    errors: list

    def __iter__(self):
        return iter((self.values, self.errors))


class _Cache:
    """Least recently used first; entries that were not used for a while are dropped when they are met."""

    def __init__(self, clock):
        self.entries = OrderedDict()  # key -> [value, time of last use, pinned]
        self.clock = clock
        self.hits = self.misses = self.evictions = self.expirations = 0

    def get(self, key, ttl):
        entry = self.entries.get(key)
        if entry is not None:
            if entry[2]:
                self.hits += 1
                return entry[0]
            now = self.clock()
            if not ttl or now - entry[1] <= ttl:
                entry[1] = now
                self.entries.move_to_end(key)
                self.hits += 1
                return entry[0]
            del self.entries[key]
            self.expirations += 1
        self.misses += 1
        return None

    def put(self, key, value, pinned, limit):
        self.entries[key] = [value, self.clock(), pinned]
        self.shrink(limit)

    def shrink(self, limit):
        """Evicts the longest unused entries that are not pinned. The limit counts those that may go."""
        loose = [key for key, entry in self.entries.items() if not entry[2]]
        for key in loose[:max(0, len(loose) - limit)]:
            del self.entries[key]
            self.evictions += 1


class _Plan:
    """A pinned type's codec with counts of its own, so that a conversion costs little more than the codec; they are added to the
    converter's when somebody looks. Every 8th conversion is timed, and stands for the others."""

    __slots__ = ('decode', 'encode', 'label', 'decoded', 'encoded', 'bytes_in', 'bytes_out', 'largest', 'timed', 'took')

    def __init__(self, codec, label):
        self.decode, self.encode, self.label = codec.decode, codec.encode, label
        self.clear()

    def clear(self):
        self.decoded = self.encoded = self.bytes_in = self.bytes_out = self.largest = self.timed = self.took = 0


class TypeConverter:
    """Converts between values and BSATN or SATS-JSON, with caches, batches and statistics. It belongs to one interpreter.

    config: its settings; without, those of the server, also when they are changed later. clock: seconds, for tests of the
    time-to-live.
    """

    def __init__(self, config=None, *, clock=time.monotonic):
        if _orochi is None:
            raise ConversionError('the codecs are part of the server: run this with `orochi`, not in an ordinary interpreter')
        _orochi._ready()
        self._clock = clock
        self._plans = _Cache(clock)
        self._pinned = {}  # class of a table -> _Plan
        self._dynamic = _orochi.compile(('json',))
        self._told = (0, 0, 0, 0, 0)
        self._grown = 1
        self._started = clock()
        self._stats = ConversionStats()
        self._times = {'decode': [], 'encode': []}
        self._at = {'decode': 0, 'encode': 0}
        self._per_type = {}
        self._base = _orochi.stats()
        self._follows = config is None
        self._generation = _orochi.config_generation()
        self._apply(config if config is not None else ConversionConfig(**_orochi.config()))

    @classmethod
    def with_config(cls, config):
        """The same as TypeConverter(config)."""
        return cls(config)

    # ---- one value ----

    def python_to_bsatn(self, value, type=None):
        """Bytes of a value. Without a type: its class when that is a record, else one dynamic value (a JSON document)."""
        try:
            plan = self._pinned.get(type if type is not None else value.__class__)
        except TypeError:  # an annotation that cannot be hashed
            plan = None
        if plan is None:
            return self._encode(value, type)
        plan.encoded += 1
        started = time.perf_counter_ns() if plan.encoded & 7 == 1 else 0
        try:
            data = plan.encode(value)
        except Exception:
            plan.encoded -= 1
            self._failed()
            raise
        size = len(data)
        plan.bytes_out += size
        if size > plan.largest:
            plan.largest = size
        if started:
            self._timed(plan, 'encode', started)
        return data

    def _encode(self, value, type):
        self._look()
        started = time.perf_counter_ns()
        codec, label = self._codec_for(value, type)
        try:
            data = self._shaped(value) if codec is None else codec.encode(value)
        except Exception:
            self._stats.errors_encountered += 1
            raise
        self._stats.bytes_out += len(data)
        self._done('encode', label, started, len(data))
        return data

    def bsatn_to_python(self, data, type):
        """The value of bytes; bytes left over are an error."""
        try:
            plan = self._pinned.get(type)
        except TypeError:
            plan = None
        if plan is None:
            return self._decode(data, type)
        plan.decoded += 1
        started = time.perf_counter_ns() if plan.decoded & 7 == 1 else 0
        try:
            value = plan.decode(data)
        except Exception:
            plan.decoded -= 1
            self._failed()
            raise
        size = len(data)
        plan.bytes_in += size
        if size > plan.largest:
            plan.largest = size
        if started:
            self._timed(plan, 'decode', started)
        return value

    def _decode(self, data, type):
        self._look()
        started = time.perf_counter_ns()
        codec, label = self._codec(type)
        try:
            value = codec.decode(data)
        except Exception:
            self._stats.errors_encountered += 1
            raise
        size = len(data)
        self._stats.bytes_in += size
        self._done('decode', label, started, size)
        return value

    def _failed(self):
        self._stats.errors_encountered += 1
        self._plans.hits += 1  # the type was known

    def _timed(self, plan, direction, started):
        took = time.perf_counter_ns() - started
        self._look()
        plan.timed += 1
        plan.took += took
        self._keep_time(direction, took)
        if plan.timed == 64:
            self._tell()

    def _fold(self):
        """Adds what the plans counted to the statistics."""
        stats = self._stats
        for plan in self._pinned.values():
            n = plan.decoded + plan.encoded
            if n:
                took = plan.took * n / plan.timed if plan.timed else 0
                stats.conversions_performed += n
                stats.bytes_in += plan.bytes_in
                stats.bytes_out += plan.bytes_out
                stats.total_processing_time_ms += took / 1e6
                if self._config.enable_memory_monitoring and plan.largest > stats.peak_memory_usage:
                    stats.peak_memory_usage = plan.largest
                self._plans.hits += n
                self._add_type(plan.label, n, took, plan.bytes_in + plan.bytes_out)
                plan.clear()

    # ---- SATS-JSON ----

    def python_to_json(self, value, type=None, *, positional=False):
        """A value as clients see it in JSON: products are objects, None of T | None is {"none": []}.

        Without a type: the class of a record; for anything else the document that is stored of a dynamic value. positional:
        products as arrays and sums as [tag, value], as /sql answers.
        """
        self._look()
        started = time.perf_counter_ns()
        codec, label = self._codec_for(value, type)
        try:
            if codec is None:
                text = json_dump(value)
            else:
                sats = self._sats(type if type is not None else value.__class__)
                text = _orochi.sats_to_json(sats, codec.encode(value), positional)
        except Exception:
            self._stats.errors_encountered += 1
            raise
        self._stats.bytes_out += len(text)
        self._done('encode', label, started, len(text))
        return text

    def json_to_python(self, text, type=None):
        """The value of SATS-JSON, str or bytes, in any of its forms. Without a type: of the document of a dynamic value."""
        self._look()
        started = time.perf_counter_ns()
        codec, label = self._codec(type) if type is not None else (self._dynamic, 'dynamic')
        try:
            if type is not None:
                data = _orochi.sats_from_json(self._sats(type), text)
            else:
                data = text.encode() if isinstance(text, str) else bytes(text)
                data = len(data).to_bytes(4, 'little') + data
            value = codec.decode(data)
        except Exception as error:
            self._stats.errors_encountered += 1
            if isinstance(error, DecodeError) and error.expected is None and (fault := _FAULT.fullmatch(str(error))):
                error.path, error.expected, error.found = fault['path'], fault['expected'], fault['found']
                error.offset = int(fault['offset']) if fault['offset'] else None
            raise
        self._stats.bytes_in += len(text)
        self._done('decode', label, started, len(text))
        return value

    # ---- many ----

    def batch_python_to_bsatn(self, values, type=None, *, on_error='raise', progress=None, progress_every=4096, into=None):
        """A list of bytes, or with into=bytearray() a list of offsets into it, one more than there are values.

        type: one for all, or a list with one for each value.
        """
        self._look()
        values = list(values)
        codecs = self._codecs(values, type)
        if into is not None and not isinstance(into, bytearray):
            raise TypeError(f'into takes a bytearray, got {into.__class__.__name__}')
        first = len(into) if into is not None else 0

        def convert(codec, start, stop, out):
            if codec is not None:
                codec.encode_many(values, start, stop, out, into)
                return
            for value in values[start:stop]:
                data = self._shaped(value)
                if into is not None:
                    into.extend(data)
                    data = len(into)
                out.append(data)

        result = self._batch('encode', convert, len(values), codecs, on_error, progress, progress_every, first)
        if into is not None:
            (result.values if on_error == 'collect' else result).insert(0, first)
        return result

    def batch_bsatn_to_python(self, blobs, type, offsets=None, *, on_error='raise', progress=None, progress_every=4096):
        """A list of values, from a list of bytes, or from one buffer and the offsets that batch_python_to_bsatn gave."""
        self._look()
        if offsets is not None:
            view = memoryview(blobs)
            blobs = [view[a:b] for a, b in zip(offsets, offsets[1:])]
        else:
            blobs = list(blobs)
        codecs = self._codecs(blobs, type)

        def convert(codec, start, stop, out):
            codec.decode_many(blobs, start, stop, out)

        self._stats.bytes_in += sum(map(len, blobs))
        return self._batch('decode', convert, len(blobs), codecs, on_error, progress, progress_every, 0)

    def _codecs(self, values, type):
        """(codec, label) for each value; one for all where one type serves all."""
        if isinstance(type, (list, tuple)):
            if len(type) != len(values):
                raise ValueError(f'{len(type)} types for {len(values)} values')
            return [self._codec(t) for t in type]
        if type is not None:
            return self._codec(type)
        return [self._codec_for(value, None) for value in values]

    def _batch(self, direction, convert, n, codecs, on_error, progress, every, first):
        """Converts item after item; as many as are to be reported at once in one call where one type serves all.
        first: the offset where the first item of a packed buffer starts, which stands for a bad item before any good one."""
        if on_error not in ('raise', 'skip', 'collect'):
            raise ValueError(f'on_error is "raise", "skip" or "collect", got {on_error!r}')
        began, started, stats = self._clock(), time.perf_counter_ns(), self._stats
        one_type = isinstance(codecs, tuple)
        step = max(1, every) if one_type and self._config.enable_batch_optimization else 1
        every, reported = max(1, every), 0
        values, errors, at = [], [], 0
        try:
            while at < n:
                stop, before = min(n, at + step, reported + every), len(values)
                try:
                    convert(codecs[0] if one_type else codecs[at][0], at, stop, values)
                    at = stop
                except Exception as error:
                    at += len(values) - before
                    stats.errors_encountered += 1
                    stats.batch_errors += 1
                    if on_error == 'raise':
                        error.add_note(f'item {at} of the batch')
                        error.index = at
                        raise
                    errors.append((at, error))
                    if on_error == 'collect':
                        packed = values and isinstance(values[-1], int) and direction == 'encode'
                        values.append(values[-1] if packed else None)
                    at += 1
                if progress is not None and (at - reported >= every or at == n):
                    reported = at
                    progress(at, n, self._clock() - began)
                elif progress is None:
                    reported = at
        finally:
            stats.batch_conversions += 1
            stats.batch_items += at
            size = self._size_of(values, first) if direction == 'encode' else 0
            stats.bytes_out += size
            self._done(direction, codecs[1] if one_type else 'several types', started, size, at)
        return BatchResult(values, errors) if on_error == 'collect' else values

    @staticmethod
    def _size_of(values, first):
        """Bytes written: of a list of bytes, or up to the last offset."""
        last = next((v for v in reversed(values) if v is not None), b'')
        return last - first if isinstance(last, int) else sum(len(v) for v in values if v is not None)

    # ---- types ----

    def _codec_for(self, value, type):
        if type is not None:
            return self._codec(type)
        cls = value.__class__
        if hasattr(cls, '__orochi_table__') or dataclasses.is_dataclass(cls) or hasattr(cls, '__orochi_name__'):
            return self._codec(cls)
        return None, 'dynamic'

    def _codec(self, annotation):
        """(codec, name for the report) of an annotation, compiled when it is new or was forgotten."""
        try:
            key = annotation
            found = self._plans.get(key, self._ttl)
        except TypeError:  # an annotation that cannot be hashed
            key = repr(annotation)
            found = self._plans.get(key, self._ttl)
        if found is None:
            try:
                resolver = Resolver()
                spec, _ = resolver.resolve(annotation, 'Value')
                if endless := resolver.endless():
                    raise TypeProblem(endless_text(endless[0]))
            except TypeProblem as problem:
                self._stats.errors_encountered += 1
                raise ConversionError(str(problem)) from None
            name = type_name(annotation) if isinstance(annotation, type) else str(annotation)
            found = _orochi.compile(spec, resolver.specs), name
            pinned = hasattr(annotation, '__orochi_table__')
            self._plans.put(key, found, pinned, self._limit)
            if pinned:
                self._pinned[annotation] = _Plan(*found)
        return found

    def _sats(self, annotation):
        """What clients call the parts of a type."""
        try:
            key = 'json', annotation
            found = self._plans.get(key, self._ttl)
        except TypeError:
            key = 'json', repr(annotation)
            found = self._plans.get(key, self._ttl)
        if found is None:
            resolver = Resolver()
            _, sats = resolver.resolve(annotation, 'Value')
            found = _orochi.sats([json.dumps(t) for t in resolver.typespace], json.dumps(sats))
            self._plans.put(key, found, hasattr(annotation, '__orochi_table__'), self._limit)
        return found

    def _shaped(self, value):
        """A dynamic value's bytes. Shapes of mappings are remembered by the codec, for the whole interpreter."""
        return self._dynamic.encode(value)

    # ---- numbers ----

    def _done(self, direction, label, started, size, items=1):
        took = time.perf_counter_ns() - started
        stats = self._stats
        stats.conversions_performed += items
        stats.total_processing_time_ms += took / 1e6
        if self._config.enable_memory_monitoring and size > stats.peak_memory_usage:
            stats.peak_memory_usage = size
        if items:
            self._keep_time(direction, took / items)
        self._add_type(label, items, took, size)
        if not stats.conversions_performed & 63 or items != 1:
            self._tell()
            if self._config.auto_tune:
                self._tune()

    def _keep_time(self, direction, took):
        times, at = self._times[direction], self._at[direction]
        if len(times) < _TIMES:
            times.append(took)
        else:
            times[at % _TIMES] = took
        self._at[direction] = at + 1

    def _add_type(self, label, items, took, size):
        entry = self._per_type.get(label)
        if entry is None:
            entry = self._per_type[label] = [0, 0, 0]
        entry[0] += items
        entry[1] += took
        entry[2] += size

    def _tell(self):
        """The interpreter's own numbers take in what our caches did."""
        self._fold()
        plans = self._plans
        now = plans.hits, plans.misses, plans.evictions, plans.expirations, len(plans.entries)
        if now != self._told:
            _orochi.count_cache(*(a - b for a, b in zip(now, self._told)))
            self._told = now

    def _tune(self):
        """Doubles the bounds, up to 8 times, while many look-ups miss and entries are evicted."""
        uses = self._plans.hits + self._plans.misses
        if uses < 64:
            return
        evicted = self._plans.evictions
        if self._plans.misses / uses > 0.15 and evicted and self._grown < _GROWTH:
            self._grown *= 2
            self._limit = self._config.max_cache_size * self._grown
            _orochi.set_pool_size(min(1024, self._config.max_pool_size * self._grown))
        elif not evicted and self._grown > 1:
            self._grown //= 2
            self._limit = self._config.max_cache_size * self._grown

    def get_stats(self):
        """A snapshot of the counters."""
        self._look()
        self._tell()
        now, then, plans = _orochi.stats(), self._base, self._plans
        since = {name: now[name] - then[name] for name in now}
        return dataclasses.replace(
            self._stats,
            cache_hits=plans.hits + since['shape_hits'], cache_misses=plans.misses + since['shape_misses'],
            plan_hits=plans.hits, plan_misses=plans.misses,
            shape_hits=since['shape_hits'], shape_misses=since['shape_misses'],
            evictions=plans.evictions + since['shape_evictions'], expirations=plans.expirations + since['shape_expirations'],
            object_pool_hits=since['pool_hits'], object_pool_misses=since['pool_misses'],
            pool_returns=since['pool_returns'], pool_drops=since['pool_drops'])

    def reset_stats(self):
        """Sets the counters to zero; what the caches hold stays."""
        self._tell()
        self._stats = ConversionStats()
        plans = self._plans
        plans.hits = plans.misses = plans.evictions = plans.expirations = 0
        self._base = _orochi.stats()
        self._told = (0, 0, 0, 0, len(plans.entries))
        self._times = {'decode': [], 'encode': []}
        self._at = {'decode': 0, 'encode': 0}
        self._per_type.clear()

    def get_performance_report(self):
        """Everything as one dict that json can write."""
        stats = self.get_stats()
        seconds = stats.total_processing_time_ms / 1000
        times = sorted(self._times['decode'] + self._times['encode'])

        def ratio(a, b):
            return a / (a + b) if a + b else 0.0

        def percentile(p):
            return times[min(len(times) - 1, int(len(times) * p))] / 1000 if times else 0.0

        return {
            **dataclasses.asdict(stats),
            'cache_hit_ratio': ratio(stats.cache_hits, stats.cache_misses),
            'pool_hit_ratio': ratio(stats.object_pool_hits, stats.object_pool_misses),
            'average_conversion_time_ms': stats.total_processing_time_ms / max(1, stats.conversions_performed),
            'smart_cache_hit_ratio': ratio(stats.shape_hits, stats.shape_misses),
            'cache_size': len(self._plans.entries) + _orochi.stats()['shapes'],
            'pool_utilization': {'objects': _orochi.stats()['pooled'], 'arrays': 0},
            'throughput_per_second': stats.conversions_performed / seconds if seconds else 0.0,
            'bytes_per_second': (stats.bytes_in + stats.bytes_out) / seconds if seconds else 0.0,
            'p50_us': percentile(0.50),
            'p99_us': percentile(0.99),
            'per_type': {name: {'calls': calls, 'mean_us': ns / 1000 / max(1, calls), 'bytes': size}
                         for name, (calls, ns, size) in self._per_type.items()},
            'config': dataclasses.asdict(self._config),
            'uptime_s': self._clock() - self._started,
        }

    def clear_caches(self):
        """Forgets types and shapes and frees the spare rows; the counters stay."""
        self._fold()
        self._plans.entries.clear()
        self._pinned.clear()
        _orochi.clear_pools()
        _orochi.clear_shapes()
        self._tell()

    def update_config(self, config=None, **fields):
        """Another configuration, or some of its fields: all or nothing. Shrinking evicts at once. From then on it is this
        converter's own, and no longer changes with the server's."""
        unknown = fields.keys() - {f.name for f in dataclasses.fields(ConversionConfig)}
        if unknown:
            raise TypeError(f'unknown setting {sorted(unknown)[0]!r}')
        self._look()
        config = dataclasses.replace(config if config is not None else self._config, **fields)
        self._follows = False
        self._apply(config)

    def _look(self):
        """Takes over what was changed in the server's settings, if they are ours."""
        if self._follows and (generation := _orochi.config_generation()) != self._generation:
            self._generation = generation
            self._apply(ConversionConfig(**_orochi.config()))

    def _apply(self, config):
        _orochi.set_pool_size(config.max_pool_size)
        _orochi.set_batches(config.enable_batch_optimization)
        self._config, self._grown = config, 1
        self._ttl, self._limit = config.cache_ttl_ms / 1000, config.max_cache_size
        _orochi.set_shapes(config.max_cache_size, config.cache_ttl_ms)
        self._plans.shrink(config.max_cache_size)
        self._tell()


_shared = None


def _converter():
    global _shared
    if _shared is None:
        _shared = TypeConverter()
    return _shared


def python_to_json(value, type=None, *, positional=False):
    """TypeConverter.python_to_json() of one converter for all."""
    return _converter().python_to_json(value, type, positional=positional)


def json_to_python(text, type=None):
    """TypeConverter.json_to_python() of one converter for all."""
    return _converter().json_to_python(text, type)
