import typing
class Named:
    def hello(self): return 'hello ' + self.name
@table
class Pet(Named):
    'A pet.'
    id: PrimaryKey[u32]
    name: str = 'rex'
    age: u8 = 0
    kinds: typing.ClassVar[int] = 3
    def __post_init__(self):
        self.name = self.name.strip()
    @property
    def old(self): return self.age > 9
    @classmethod
    def puppy(cls, id): return cls(id=id)
    def who(self): return __class__
@table
class Dog(Pet):
    breed: str = ''
    def hello(self): return super().hello() + '!'
@reducer
def classes(ctx: ReducerContext):
    p = Pet(id=1, name=' tom ', age=10)
    assert p.name == 'tom' and p.old and p.hello() == 'hello tom' and Pet.kinds == 3 and Pet.puppy(3).id == 3
    assert repr(p) == "Pet(id=1, name='tom', age=10)" and Pet.__doc__ == 'A pet.' and Pet.__name__ == 'Pet' and p.who() is Pet
    assert p == Pet(id=1, name='tom', age=10) != Pet(id=2, name='tom', age=10) and p != 5 and p.__eq__(5) is NotImplemented
    raises(TypeError, 'unhashable', lambda: hash(p))
    raises(TypeError, 'keyword arguments only', lambda: Pet(1))
    raises(TypeError, "has no column 'x'", lambda: Pet(id=1, x=2))
    raises(TypeError, "misses column 'id'", lambda: Pet())
    raises(AttributeError, 'colour', lambda: p.colour)
    raises(AttributeError, 'colour', lambda: setattr(p, 'colour', 1))
    raises(AttributeError, 'cannot be deleted', lambda: delattr(p, 'age'))
    assert not hasattr(p, '__dict__')
    q = copy.replace(p, age=11)
    assert q.age == 11 and p.age == 10 and copy.copy(p) == p is not copy.copy(p) and copy.deepcopy(p) == p
    match p:
        case Pet(id=1, name=n): assert n == 'tom'
        case _: assert False
    assert asdict(p) == {'id': 1, 'name': 'tom', 'age': 10}
    d = Dog(id=1, breed='pug')
    assert d.hello() == 'hello rex!' and isinstance(d, Pet) and d != Pet(id=1) and repr(d) == "Dog(id=1, name='rex', age=0, breed='pug')"
    ctx.db.dog.insert(d)
    assert ctx.db.dog.find(1) == d and ctx.db.dog.find(1).breed == 'pug' and len(ctx.db.pet) == 0
    a = Player(name='x')
    a.bag.append('z')
    assert Player(name='y').bag == [], 'defaults are copied'
    assert a.shout() == 'X'
    b = copy.deepcopy(a)
    b.bag.append('q')
    assert a.bag == ['z']
@reducer
def lazily(ctx: ReducerContext):
    t, _ = five(ctx)
    r = t.name.find('cid')
    assert r.score == 30 and r.bag == [] and r.pos == Vec2() and r.id > 0 and r.bag is r.bag
    r.name = 'longer than before'
    r.score = 31
    t.update(r)
    assert t.find(r.id) == r and (r.guild, r.cell, r.score) == (1, 8, 31)
    x, y = t.find(r.id), t.find(r.id)
    assert x == y
    x.score = 5
    assert x != y and repr(x).startswith('Player(id=')
    z = copy.copy(y)
    assert z == y and copy.replace(y, score=9).score == 9 and y.score == 31
