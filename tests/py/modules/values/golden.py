@reducer
def golden(ctx: ReducerContext):
    both(('bool',), True, '01')
    both(('i64',), -2, 'fe ff ff ff ff ff ff ff')
    both(('u8',), 255, 'ff')
    both(('u128',), 1, '01' + 15 * '00')
    both(('f64',), 1.5, '00 00 00 00 00 00 f8 3f')
    both(('f32',), 1.5, '00 00 c0 3f')
    both(('string',), 'h\xe9', '03 00 00 00 68 c3 a9')
    both(('bytes',), b'\x01\x02', '02 00 00 00 01 02')
    both(('array', ('u16',), 'list'), [1, 2], '02 00 00 00 01 00 02 00')
    both(('option', ('u8',)), 7, '00 07')
    both(('option', ('u8',)), None, '01')
    both(('enum', Team, (Team.RED, Team.BLUE)), Team.BLUE, '01')
    both(VEC2, Vec2(1.0, 0.0), '00 00 80 3f 00 00 00 00')
    both(ACTION, Shoot(Vec2(1.0, 0.0)), '01 00 00 80 3f 00 00 00 00')
    both(('dict', ('string',), ('u8',)), {'b': 2, 'a': 1}, '02 00 00 00 01 00 00 00 61 01 01 00 00 00 62 02')
    both(('datetime',), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), '40 42 0f 00 00 00 00 00')
    both(('timedelta',), timedelta(milliseconds=-1), '18 fc ff ff ff ff ff ff')
    both(('schedule_at',), ScheduleAt.every(timedelta(milliseconds=50)), '00 50 c3 00 00 00 00 00 00')
    both(('schedule_at',), ScheduleAt.at(Timestamp(1_000_000)), '01 40 42 0f 00 00 00 00 00')
    both(('json',), {'hp': 10}, '09 00 00 00 7b 22 68 70 22 3a 31 30 7d')
@reducer
def special(ctx: ReducerContext):
    who = Identity.from_hex('c2' + 31 * '01')
    both(('identity',), who, 31 * '01' + 'c2')
    both(('connection_id',), ConnectionId(258), '02 01' + 14 * '00')
    both(('timestamp',), Timestamp(-1), 8 * 'ff')
    both(('duration',), TimeDuration(1), '01' + 7 * '00')
    both(('timestamp',), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), '40 42 0f 00 00 00 00 00', Timestamp(1000000))
    both(('uuid',), uuid.UUID('01888d6e-5c00-7000-8000-00000000abcd'), 'cdab000000000080 0070005c6e8d8801')
    both(('unit',), None, '')
    both(('result', ('u8',), ('string',)), Ok(3), '00 03')
    both(('result', ('u8',), ('string',)), Err('x'), '01 01 00 00 00 78')
    both(('literal', ('on', 'off')), 'off', '01')
    both(ACTION, Wait(), '02')
    both(('schedule_at',), timedelta(seconds=1), '00 40 42 0f 00 00 00 00 00', ScheduleAt.every(1_000_000))
    assert int(ConnectionId(258)) == 258 and who.hex == str(who) and Identity(who.to_bytes()) == who
    assert Identity(5) < Identity(1 << 200) and hash(Identity(5)) == hash(Identity(5)) != hash(Identity(6))
    refused(lambda: Identity.from_hex('12'), "it takes 64 hex digits, got '12'", ValueError)
    refused(lambda: Identity(1 << 256), 'the number does not fit 32 bytes', ValueError)
    refused(lambda: ConnectionId(-1), 'the number does not fit 16 bytes', ValueError)
@reducer
def containers(ctx: ReducerContext):
    both(('array', ('u8',), 'tuple'), (1, 2), '02 00 00 00 01 02')
    both(('array', ('u16',), 'set'), {258, 1}, '02 00 00 00 01 00 02 01')
    both(('array', ('i8',), 'frozenset'), frozenset({-1, 1}), '02 00 00 00 01 ff')
    both(('array', ('i8',), 'list'), range(2), '02 00 00 00 00 01', [0, 1])
    both(('dict', ('i8',), ('u8',)), {1: 1, -1: 2}, '02 00 00 00 ff 02 01 01')
    both(('dict', ('i256',), ('unit',)), {1: None, -1: None, 256: None}, '03 00 00 00' + 32 * 'ff' + '01' + 31 * '00' + '00 01' + 30 * '00')
    class P(NamedTuple):
        a: int
        b: str
    class D(TypedDict):
        a: int
    fields = (('a', ('u8',)), ('b', ('string',)))
    both(('product', P, 'namedtuple', fields), P(1, 'x'), '01 01 00 00 00 78')
    both(('product', None, 'tuple', fields), (1, 'x'), '01 01 00 00 00 78')
    both(('product', D, 'typeddict', fields), {'a': 1, 'b': 'x'}, '01 01 00 00 00 78')
    both(('option', ('option', ('u8',))), None, '01')
    assert decode(('option', ('option', ('u8',))), b'\0\1') is None
    refused(lambda: encode(('product', D, 'typeddict', fields), {'a': 1}), 'b: missing')
    refused(lambda: encode(('product', D, 'typeddict', fields), {'a': 1, 'b': '', 'c': 2}), 'expected 2 keys, got 3')
    refused(lambda: encode(('product', None, 'tuple', fields), (1,)), 'expected a tuple of 2, got one of 1')
@dataclass(slots=True)
class Slotted:
    a: int
@dataclass
class Derived:
    a: int
    def __post_init__(self): self.twice = self.a * 2
@reducer
def records(ctx: ReducerContext):
    both(('product', Slotted, 'dataclass', (('a', ('u8',)),)), Slotted(3), '03')
    assert decode(('product', Derived, 'dataclass', (('a', ('u8',)),)), b'\4').twice == 8
    v = decode(VEC2, bytes(8))
    assert type(v) is Vec2 and hash(v) == hash(Vec2(0.0, 0.0))
