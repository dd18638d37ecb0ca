"""Mistakes with views, procedures, schedules, hooks and migrations, as test_kinds_of_mistakes has them for tables and reducers."""

import unittest

from helper import CARDS, kinds

# name: (source after CARDS, [(line in that source, beginning of the message), ...], the same under FUTURE if that differs)
WRONG = {
    'proc scheduled': (
        '@procedure\n@scheduled(hz=2)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(3, 'f has both @scheduled and @procedure: keep one')]),
    'view positional name': (
        '@view("hand")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(1, "@view goes in front of a function, not 'hand'; write @view(name='hand')")]),
    'view public str': (
        '@view(public="no")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "f: public='no': it is True or False")]),
    'view name int': (
        '@view(name=5)\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, 'the view name 5: a name has letters, digits and _, and no digit first')]),
    'view name bad': (
        '@view(name="my hand")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "the view name 'my hand': a name has letters, digits and _, and no digit first")]),
    'view name dash': (
        '@view(name="my-hand")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "the view name 'my-hand': a name has letters, digits and _, and no digit first")]),
    'view generator': (
        '@view\ndef f(ctx: ViewContext) -> list[Card]:\n    yield 1',
        [(2, 'f: a view is a plain function, not async and not a generator: it returns its rows')]),
    'view Iterator': (
        '@view\ndef f(ctx: ViewContext) -> Iterator[Card]:\n    yield 1',
        [(2, 'f: a view is a plain function, not async and not a generator: it returns its rows'), (2, 'f: a view does not return Iterator[Card]: def f(...) -> list[Row], Row | None or Query[Row], where Row is')]),
    'view lambda': (
        'f = view(lambda ctx: [])',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: ViewContext) with @view in front')]),
    'view in class': (
        'class S:\n    @view\n    def f(self, ctx: ViewContext) -> list[Card]: ...',
        [(3, 'f stands in the class S, and @view is for functions of the module: move it out, def f(ctx: ViewContext, .')]),
    'view static': (
        'class S:\n    @view\n    @staticmethod\n    def f(ctx: ViewContext) -> list[Card]: ...',
        [(2, '@view goes in front of a function, not the staticmethod f: take it out of its class, def f(ctx: ViewConte')]),
    'view no args': (
        '@view\ndef f() -> list[Card]: ...',
        [(2, 'f: the first parameter of a view says who sees its rows: def f(ctx: ViewContext) if each client sees its ')]),
    'view unannotated': (
        '@view\ndef f(ctx) -> list[Card]: ...',
        [(2, 'f: the first parameter of a view says who sees its rows: def f(ctx: ViewContext) if each client sees its ')]),
    'view ctx kwonly': (
        '@view\ndef f(*, ctx: ViewContext) -> list[Card]: ...',
        [(2, 'f: the first parameter of a view says who sees its rows: def f(ctx: ViewContext) if each client sees its ')]),
    'view dict': (
        '@view\ndef f(ctx: ViewContext) -> dict[u32, Card]: ...',
        [(2, 'f: a view does not return dict[u32, Card]: def f(...) -> list[Row], Row | None or Query[Row], where Row i')]),
    'view tuple': (
        '@view\ndef f(ctx: ViewContext) -> tuple[Card, ...]: ...',
        [(2, 'f: a view does not return tuple[Card, ...]: def f(...) -> list[Row], Row | None or Query[Row], where Row ')]),
    'view set': (
        '@view\ndef f(ctx: ViewContext) -> set[Card]: ...',
        [(2, 'f: a view does not return set[Card]: def f(...) -> list[Row], Row | None or Query[Row], where Row is the ')]),
    'view list bare': (
        '@view\ndef f(ctx: ViewContext) -> list: ...',
        [(2, 'f: a view does not return list: def f(...) -> list[Row], Row | None or Query[Row], where Row is the class')]),
    'view Query of numbers': (
        '@view\ndef f(ctx: ViewContext) -> Query[u32]: ...',
        [(2, 'f: its rows are u32, which has no columns: def f(...) -> list[Row], Row | None or Query[Row], wher')]),
    'view Query bare': (
        '@view\ndef f(ctx: ViewContext) -> Query: ...',
        [(2, 'f: a view does not return Query: def f(...) -> list[Row], Row | None or Query[Row], where Row is the clas')]),
    'view list of list': (
        '@view\ndef f(ctx: ViewContext) -> list[list[Card]]: ...',
        [(2, 'f: its rows are list[Card], which has no columns: def f(...) -> list[Row], Row | None or Query[Row], wher')]),
    'view list of enum': (
        'class E(Enum):\n    A=1\n@view\ndef f(ctx: ViewContext) -> list[E]: ...',
        [(4, 'f: its rows are E, which has no columns: def f(...) -> list[Row], Row | None or Query[Row], where Row is ')]),
    'view list | None': (
        '@view\ndef f(ctx: ViewContext) -> list[Card] | None: ...',
        [(2, 'f: its rows are list[Card], which has no columns: def f(...) -> list[Row], Row | None or Query[Row], wher')]),
    'view union of tables': (
        '@view\ndef f(ctx: ViewContext) -> Card | Total: ...',
        [(2, 'f: a view does not return Card | Total: def f(...) -> list[Row], Row | None or Query[Row], where Row is t')]),
    'view *args': (
        '@view\ndef f(ctx: ViewContext, *a: u32) -> list[Card]: ...',
        [(2, 'f: *a is not possible: clients send a fixed list of arguments')]),
    'view untyped param': (
        '@view\ndef f(ctx: ViewContext, a) -> list[Card]: ...',
        [(2, "f: the parameter 'a' needs a type, e.g. a: str")]),
    'view list[Any]': (
        '@view\ndef f(ctx: ViewContext) -> list[Any]: ...',
        [(2, 'f: its rows are Any, which has no columns: def f(...) -> list[Row], Row | None or Query[Row], where Row i')]),
    'view str': (
        '@view\ndef f(ctx: ViewContext) -> str: ...',
        [(2, 'f: a view does not return str: def f(...) -> list[Row], Row | None or Query[Row], where Row is the class ')]),
    'view decorated above': (
        'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n@deco\n@view\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(8, 'f: a decorator above @view wraps the function, and clients would pass it by: put @view on top')]),
    'view and reducer': (
        '@reducer\n@view\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(3, 'f has both @view and @reducer: keep one')]),
    'reducer and view': (
        '@view\n@reducer\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(3, 'f has both @reducer and @view: keep one'), (3, 'f: a reducer returns nothing: annotate -> None, and write the result to a table'), (3, 'f: the first parameter of a reducer is its context: def f(ctx: ReducerContext)')]),
    'view twice': (
        '@view\n@view\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(3, 'f has both @view and @view: keep one')]),
    'view primary_key tuple': (
        '@view(primary_key=("id",))\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "f: primary_key= names the column ('id',), which its rows do not have: (there is id, owner, n, name)")]),
    'view primary_key float col': (
        '@dataclass\nclass T:\n    a: f32\n@view(primary_key="a")\ndef f(ctx: ViewContext) -> list[T]: ...',
        [(5, 'f: primary_key= names the column a, and clients cannot tell rows apart by a float: it is an integer, str,')]),
    'view primary_key option col': (
        '@dataclass\nclass T:\n    a: u32 | None\n@view(primary_key="a")\ndef f(ctx: ViewContext) -> list[T]: ...',
        [(5, 'f: primary_key= names the column a, and clients cannot tell rows apart by an optional value: it is an int')]),
    'view pk on query': (
        '@view(primary_key="id")\ndef f(ctx: ViewContext) -> Query[Card]: ...',
        [(2, 'f: a view that returns a Query has the primary key of its table: leave primary_key= out')]),
    'view ctx of other': (
        '@view\ndef f(ctx: Database) -> list[Card]: ...',
        [(2, 'f: the first parameter of a view says who sees its rows: def f(ctx: ViewContext) if each client sees its ')]),
    'view ctx and db wrong': (
        'class Db(Database):\n    crd: Table[Card]\n@view\ndef f(ctx: ViewContext[Db]) -> list[Card]: ...',
        [(2, "Db.crd: the module has no table 'crd' (do you mean card? it has card)")]),
    'view table name of camel': (
        '@view(name="Card")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "view Card: it and the table 'card' are one for clients (card): give one of them another name")]),
    'views twin': (
        '@view\ndef my_hand(ctx: ViewContext) -> list[Card]: ...\n@view\ndef myHand(ctx: ViewContext) -> list[Card]: ...',
        [(4, "the views 'my_hand' and 'myHand' are one for clients (myHand): give one of them another name")]),
    'view twin of table': (
        '@view(name="CARD")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "view CARD: it and the table 'card' are one for clients (card): give one of them another name")]),
    'view name st_': (
        '@view(name="st_client")\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, 'view st_client: names that begin with st_ belong to system tables')]),
    'view of procedure name': (
        '@procedure\ndef f(ctx: ProcedureContext) -> None: ...\n@view(name="f")\ndef g(ctx: ViewContext) -> list[Card]: ...',
        [(4, 'view f: a procedure is called so, too (game.py:20): rename one')],
        [(4, 'view f: a procedure is called so, too (game.py:21): rename one')]),
    'view params twins': (
        '@view\ndef f(ctx: ViewContext, a_b: u32, aB: u32) -> list[Card]: ...',
        [(2, "f: the parameters 'a_b' and 'aB' are one for clients (aB): give one of them another name")]),
    'view aggregates of unknown': (
        '@view\ndef f(ctx: ViewContext) -> list["Crd"]: ...',
        [(2, "f: its return annotation: the annotation names 'Crd', which is not defined in the module: do you mean Car")]),
    'view call at top': (
        '@view\ndef f(ctx: ViewContext) -> list[Card]: return ctx.db.card\nf(None)',
        [(2, "while importing: AttributeError: 'NoneType' object has no attribute 'db' (f is a view and is called while")]),
    'view unknown ctx name': (
        '@view\ndef f(ctx: VewContext) -> list[Card]: ...',
        [(2, "while importing: NameError: name 'VewContext' is not defined (do you mean ViewContext?)")],
        [(2, "f.ctx: the annotation names 'VewContext', which is not defined in the module: do you mean ViewContext?"), (2, 'f: the first parameter of a view says who sees its rows: def f(ctx: ViewContext) if each client sees its ')]),
    'view param quoted unknown': (
        '@view\ndef f(ctx: ViewContext, x: "Totl") -> list[Card]: ...',
        [(2, "f.x: the annotation names 'Totl', which is not defined in the module: do you mean Total?")]),
    'view param ctx': (
        '@view\ndef f(ctx: ViewContext, x: ViewContext) -> list[Card]: ...',
        [(2, 'f.x: ViewContext is not a type that Orochi knows: make it a dataclass')]),
    'view record with endless': (
        '@dataclass\nclass R:\n    r: "R"\n@view\ndef f(ctx: ViewContext) -> list[R]: ...',
        [(2, 'R contains itself without an end, so no value is ever complete: write list[R] or R | None')]),
    'table name int': (
        '@table(name=5)\nclass A:\n    x: u32',
        [(2, 'the table name 5: a name has letters, digits and _, and no digit first')]),
    'reducer name int': (
        '@reducer(name=5)\ndef f(ctx): ...',
        [(2, 'the reducer name 5: a name has letters, digits and _, and no digit first')]),
    'product name int': (
        '@product(name=5)\n@dataclass\nclass A:\n    x: u32\n@table\nclass B:\n    a: A',
        [(3, '5 cannot be the name of a type: letters, digits and _, not a digit first')]),
    'proc name int': (
        '@procedure(name=5)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, 'the procedure name 5: a name has letters, digits and _, and no digit first')]),
    'proc name bad': (
        '@procedure(name="a b")\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, "the procedure name 'a b': a name has letters, digits and _, and no digit first")]),
    'proc positional': (
        '@procedure("pay")\ndef f(ctx: ProcedureContext) -> None: ...',
        [(1, "@procedure goes in front of a function, not 'pay'; write @procedure(name='pay')")]),
    'proc lambda': (
        'f = procedure(lambda ctx: None)',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: ProcedureContext) with @procedure in front')]),
    'proc no return': (
        '@procedure\ndef f(ctx: ProcedureContext): ...',
        [(2, 'f: a procedure says what it returns: def f(ctx: ProcedureContext, ...) -> str, or -> None')]),
    'proc no args': (
        '@procedure\ndef f() -> None: ...',
        [(2, 'f: the first parameter of a procedure is its context: def f(ctx: ProcedureContext)')]),
    'proc ReducerContext': (
        '@procedure\ndef f(ctx: ReducerContext) -> None: ...',
        [(2, 'f: the first parameter of a procedure is its context: def f(ctx: ProcedureContext)')]),
    'proc ctx|None': (
        '@procedure\ndef f(ctx: ProcedureContext | None) -> None: ...',
        [(2, 'f: every call has its context: write ctx: ProcedureContext')]),
    'proc generator': (
        '@procedure\ndef f(ctx: ProcedureContext) -> Iterator[int]:\n    yield 1',
        [(2, 'f: a procedure is no generator: its caller gets one value: return it'), (2, 'f -> Iterator[int]: Iterator[int] is not a type that Orochi knows: types are int, str, list[...], datacla')]),
    'proc asyncgen': (
        '@procedure\nasync def f(ctx: ProcedureContext) -> int:\n    yield 1',
        [(2, 'f: a procedure is no generator: its caller gets one value: return it')]),
    'proc returns generator annot': (
        '@procedure\ndef f(ctx: ProcedureContext) -> Iterator[int]: ...',
        [(2, 'f -> Iterator[int]: Iterator[int] is not a type that Orochi knows: types are int, str, list[...], datacla')]),
    'proc returns Coroutine': (
        '@procedure\nasync def f(ctx: ProcedureContext) -> Coroutine[Any, Any, int]: ...',
        [(2, 'f -> Coroutine[Any, Any, int]: Coroutine[Any, Any, int] is not a type that Orochi knows: types are int, s')]),
    'proc returns unknown': (
        '@procedure\ndef f(ctx: ProcedureContext) -> "Crd": ...',
        [(2, "f -> Crd: the annotation names 'Crd', which is not defined in the module: do you mean Card?")],
        [(2, "f -> 'Crd': the annotation names 'Crd', which is not defined in the module: do you mean Card?")]),
    'proc timeout str': (
        '@procedure(timeout_ms="5")\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, "f: timeout_ms='5': it is a whole number of milliseconds above zero")]),
    'proc timeout': (
        '@procedure(timeout=5)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(1, "@procedure has no option 'timeout': do you mean timeout_ms? (there is name, public, timeout_ms)")]),
    'proc timeout 0': (
        '@procedure(timeout_ms=0)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, 'f: timeout_ms=0: it is a whole number of milliseconds above zero')]),
    'proc timeout huge': (
        '@procedure(timeout_ms=10**30)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, 'f: timeout_ms=1e+30: it is in milliseconds, 1e+12 of them at most')]),
    'reducer timeout huge': (
        '@reducer(timeout_ms=10**30)\ndef f(ctx) -> None: ...',
        [(2, 'f: timeout_ms=1e+30: it is in milliseconds, 1e+12 of them at most')]),
    'proc public int': (
        '@procedure(public=1)\ndef f(ctx: ProcedureContext) -> None: ...',
        [(2, 'f: public=1: it is True or False')]),
    'proc static': (
        'class S:\n    @procedure\n    @staticmethod\n    def f(ctx: ProcedureContext) -> None: ...',
        [(2, '@procedure goes in front of a function, not the staticmethod f: take it out of its class, def f(ctx: Proc')]),
    'proc method': (
        'class S:\n    @procedure\n    def f(self, ctx: ProcedureContext) -> None: ...',
        [(3, 'f stands in the class S, and @procedure is for functions of the module: move it out, def f(ctx: Procedure')]),
    'proc and reducer': (
        '@procedure\n@reducer\ndef f(ctx: ProcedureContext) -> None: ...',
        [(3, 'f has both @reducer and @procedure: keep one'), (3, 'f: the first parameter of a reducer is its context: def f(ctx: ReducerContext)')]),
    'proc twice': (
        '@procedure\n@procedure\ndef f(ctx: ProcedureContext) -> None: ...',
        [(3, 'f has both @procedure and @procedure: keep one')]),
    'proc same name': (
        '@procedure\ndef f(ctx: ProcedureContext) -> None: ...\n@procedure(name="f")\ndef g(ctx: ProcedureContext) -> None: ...',
        [(4, "two functions are called 'f'; the other is at game.py:20")],
        [(4, "two functions are called 'f'; the other is at game.py:21")]),
    'proc wrapped': (
        'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n@deco\n@procedure\ndef f(ctx: ProcedureContext) -> None: ...',
        [(8, 'f: a decorator above @procedure wraps the function, and callers would pass it by: put @procedure on top')]),
    'proc param untyped': (
        '@procedure\ndef f(ctx: ProcedureContext, a) -> None: ...',
        [(2, "f: the parameter 'a' needs a type, e.g. a: str")]),
    'proc kwargs': (
        '@procedure\ndef f(ctx: ProcedureContext, **a) -> None: ...',
        [(2, 'f: **a is not possible: clients send a fixed list of arguments')]),
    'proc call at top': (
        '@procedure\ndef f(ctx: ProcedureContext) -> None:\n    ctx.db\nf(None)',
        [(3, "while importing: AttributeError: 'NoneType' object has no attribute 'db' (f is a procedure and is called ")]),
    'ProcedureContext() ': (
        'ProcedureContext()',
        [(1, 'while importing: TypeError: a ProcedureContext is given to procedures with each call, and cannot be made')]),
    'HandlerContext() ': (
        'HandlerContext()',
        [(1, "while importing: TypeError: HandlerContext.__init__() missing 3 required positional arguments: 'sender', ")]),
    'ViewContext()': (
        'ViewContext()',
        [(1, 'while importing: TypeError: a ViewContext is given to views with each call, and cannot be made')]),
    'proc ctx typo': (
        '@procedure\ndef f(ctx: ProcedurContext) -> None: ...',
        [(2, "while importing: NameError: name 'ProcedurContext' is not defined (do you mean ProcedureContext?)")],
        [(2, "f.ctx: the annotation names 'ProcedurContext', which is not defined in the module: do you mean ProcedureC")]),
    'scheduled proc': (
        '@scheduled(hz=2)\n@procedure\ndef f(ctx: ProcedureContext) -> None: ...',
        [(3, 'f has both @procedure and @scheduled: keep one')]),
    'proc init': (
        '@init\n@procedure\ndef f(ctx: ProcedureContext) -> None: ...',
        [(3, 'f has both @procedure and @init: keep one')]),
    'scheduled hz 0': (
        '@scheduled(hz=0)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(hz=0): it must be more than zero, and a million at most')]),
    'scheduled hz str': (
        '@scheduled(hz="20")\ndef f(ctx): ...',
        [(2, "f: @scheduled(hz='20'): it is a number")]),
    'scheduled hz big': (
        '@scheduled(hz=2e6)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(hz=2000000.0): it must be more than zero, and a million at most')]),
    'scheduled hz+interval': (
        '@scheduled(hz=2, interval=1)\ndef f(ctx): ...',
        [(2, 'f: @scheduled takes one of interval and hz, not both')]),
    'scheduled neg': (
        '@scheduled(interval_ms=-2)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(interval_ms=-2): it must be more than zero')]),
    'scheduled nan': (
        '@scheduled(interval=float("nan"))\ndef f(ctx): ...',
        [(2, 'f: @scheduled(interval=nan): it is a number of seconds, and this is none that passes')]),
    'scheduled huge': (
        '@scheduled(interval=10**400)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(interval=10000000000000000000000000000000000000000000000000...): it is 100 years at most (i')]),
    'scheduled inf': (
        '@scheduled(hz=float("inf"))\ndef f(ctx): ...',
        [(2, 'f: @scheduled(hz=inf): it must be more than zero, and a million at most')]),
    'scheduled cron int': (
        '@scheduled(cron=5)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(cron=5): it is a text of five fields, "minute hour day-of-month month day-of-week" like "0 ')]),
    'scheduled cron + hz': (
        '@scheduled(cron="* * * * *", hz=5)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(cron=...) says itself when it runs: it stands alone, without intervals, delays and repeatin')]),
    'scheduled delay only': (
        '@scheduled(delay=5)\ndef f(ctx): ...',
        [(2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'scheduled repeating str': (
        '@scheduled(interval=5, repeating="no")\ndef f(ctx): ...',
        [(2, "f: @scheduled(repeating='no'): it is True or False")]),
    'scheduled missed': (
        '@scheduled(interval=5, missed="catchup")\ndef f(ctx): ...',
        [(2, 'f: @scheduled(missed=\'catchup\'): it is "skip", "delay" or "all"')]),
    'scheduled missed list': (
        '@scheduled(interval=5, missed=[])\ndef f(ctx): ...',
        [(2, 'f: @scheduled(missed=[]): it is "skip", "delay" or "all"')]),
    'scheduled volatile': (
        '@scheduled(interval=5, volatile="yes")\ndef f(ctx): ...',
        [(2, "f: @scheduled(volatile='yes'): it is True or False")]),
    'scheduled max_dt': (
        '@scheduled(interval=5, max_dt=0)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(max_dt=0): it is a number of seconds above zero')]),
    'scheduled max_dt nan': (
        '@scheduled(interval=5, max_dt=float("nan"))\ndef f(ctx): ...',
        [(2, 'f: @scheduled(max_dt=nan): it is a number of seconds above zero')]),
    'scheduled start_after str': (
        '@scheduled(interval=5, start_after="3")\ndef f(ctx): ...',
        [(2, "f: @scheduled(start_after='3'): it is a number of seconds or a timedelta")]),
    'scheduled bare': (
        '@scheduled\ndef f(ctx): ...',
        [(2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'scheduled str': (
        '@scheduled("0 4 * * *")\ndef f(ctx): ...',
        [(1, "@scheduled goes in front of a function, not '0 4 * * *'; write @scheduled(cron='0 4 * * *')")]),
    'scheduled timedelta pos': (
        '@scheduled(timedelta(seconds=5))\ndef f(ctx): ...',
        [(1, '@scheduled goes in front of a function, not an object of the class timedelta; write @scheduled(interval=t')]),
    'scheduled with args': (
        '@scheduled(hz=5)\ndef f(ctx, x: u32): ...',
        [(2, 'f: a function with @scheduled takes only the context; for arguments make a table with scheduled=')]),
    'scheduled fps': (
        '@scheduled(fps=20)\ndef f(ctx): ...',
        [(1, "@scheduled has no option 'fps': (there is interval_ms, interval, hz, cron, delay_ms, delay, start_after, "), (2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'scheduled every': (
        '@scheduled(every=20)\ndef f(ctx): ...',
        [(1, "@scheduled has no option 'every': (there is interval_ms, interval, hz, cron, delay_ms, delay, start_after"), (2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'scheduled min': (
        '@scheduled(minutes=5)\ndef f(ctx): ...',
        [(1, "@scheduled has no option 'minutes': (there is interval_ms, interval, hz, cron, delay_ms, delay, start_aft"), (2, 'f: @scheduled needs one of interval_ms=, interval=, hz=, cron=, or delay_ms= with repeating=False')]),
    'scheduled interval us tiny': (
        '@scheduled(interval=1e-9)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(interval=1e-09): it must be more than zero')]),
    'scheduled Timestamp': (
        '@scheduled(delay=Timestamp(5), repeating=False)\ndef f(ctx): ...',
        [(2, 'f: @scheduled(delay=Timestamp(5)): it is a number of seconds or a timedelta')]),
    'scheduled table view': (
        '@table(scheduled="f")\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@view\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(2, "table a: scheduled='f' names no reducer of the module; write @reducer def f(ctx: ReducerContext, row: A)")]),
    'updated args': (
        '@updated(once=True)\ndef f(ctx): ...',
        [(1, "@updated has no option 'once': (it has none)")]),
    'updated param': (
        '@updated\ndef f(ctx, old: u32): ...',
        [(2, 'f: @updated takes only the context')]),
    'updated twice': (
        '@updated\ndef f(ctx): ...\n@updated\ndef g(ctx): ...',
        [(4, '@updated is there twice; the other is at game.py:20')],
        [(4, '@updated is there twice; the other is at game.py:21')]),
    'updated async': (
        '@updated\nasync def f(ctx): ...',
        [(2, 'f: a reducer is a plain function, not async and not a generator: it is one transaction')]),
    'updated no ctx': (
        '@updated\ndef f(): ...',
        [(2, 'f: the first parameter of a reducer is its context: def f(ctx: ReducerContext)')]),
    'updated str': (
        '@updated("x")\ndef f(ctx): ...',
        [(1, "@updated goes in front of a function, not 'x'")]),
    'updated returns': (
        '@updated\ndef f(ctx) -> int: ...',
        [(2, 'f: a reducer returns nothing: annotate -> None, and write the result to a table')]),
    'updated class': (
        '@updated\nclass F: ...',
        [(1, '@updated goes in front of a function, not the class F: write def f(ctx: ReducerContext, ...), which may c')]),
    'updated + init': (
        '@updated\n@init\ndef f(ctx): ...',
        [(3, 'f has both @init and @updated: keep one')]),
    'update typo': (
        'from orochi import update\n@update\ndef f(ctx): ...',
        [(1, "while importing: cannot import name 'update' from 'orochi' (")]),
    'connected typo': (
        'from orochi import connected',
        [(1, "while importing: cannot import name 'connected' from 'orochi' (")]),
    'import view typo': (
        'from orochi import veiw',
        [(1, "while importing: cannot import name 'veiw' from 'orochi' (")]),
    'import sched': (
        'from orochi import schedule',
        [(1, "while importing: cannot import name 'schedule' from 'orochi' (")]),
    'import Row': (
        'from orochi import Row',
        [(1, "while importing: cannot import name 'Row' from 'orochi' (")]),
    'import spacetimedb': (
        'import spacetimedb',
        [(1, "while importing: No module named 'spacetimedb' (modules of Orochi write `from orochi import ...`)")]),
    'import fastapi': (
        'import fastapi',
        [(1, "while importing: No module named 'fastapi' (is it installed for this Python, or beside the module?)")]),
    'from orochi.routes': (
        'from orochi.routes import route',
        [(1, "while importing: No module named 'orochi.routes' (write `from orochi import ...`: everything is there, bu")]),
    'import orochi; @orochi.tabel': (
        'import orochi\n@orochi.tabel\nclass A: ...',
        [(2, "while importing: AttributeError: module 'orochi' has no attribute 'tabel'. Did you mean: 'table'?")]),
    'import orochi; orochi.veiw': (
        'import orochi\n@orochi.veiw\ndef f(ctx): ...',
        [(2, "while importing: AttributeError: module 'orochi' has no attribute 'veiw' (do you mean view?)")]),
    'owners': (
        '@table(public=True, owners="p")\nclass A:\n    p: Identity',
        [(1, "@table has no option 'owners': do you mean owner? (there is name, public, primary_key, auto_inc, unique, ")]),
    'migration none': (
        '@migration\ndef up(old): ...',
        [(2, '@migration up names its table: write @migration(table="player")')]),
    'migration typo': (
        '@migration(table="crd")\ndef up(old): ...',
        [(2, "@migration up: there is no table 'crd': do you mean card? (there is card)")]),
    'migration positional': (
        '@migration("card")\ndef up(old): ...',
        [(1, "@migration goes in front of a function, not 'card'; write @migration(table='card')")]),
    'migration two args': (
        '@migration(table=Card)\ndef up(ctx, old): ...',
        [(2, '@migration up takes one argument, the old row: def up(old: dict)')]),
    'migration class wrong': (
        '@migration(table=Total)\ndef up(old): ...',
        [(2, "@migration up: there is no table 'Total': (there is card)")]),
    'migration int': (
        '@migration(table=5)\ndef up(old): ...',
        [(2, "@migration up: there is no table '5': (there is card)")]),
    'migration async': (
        '@migration(table=Card)\nasync def up(old): ...',
        [(2, '@migration up is a plain function, not async and not a generator')]),
    'migration method': (
        'class S:\n    @migration(table=Card)\n    def up(old): ...',
        [(3, 'up stands in the class S, and @migration is for functions of the module: move it out, def up(old: dict)')]),
    'migration static': (
        'class S:\n    @migration(table=Card)\n    @staticmethod\n    def up(old): ...',
        [(2, '@migration goes in front of a function, not the staticmethod up: take it out of its class, def f(old: dic')]),
    'migration opt': (
        '@migration(table=Card, from_="x")\ndef up(old): ...',
        [(1, "@migration has no option 'from_': (there is table)")]),
    'migration twice': (
        '@migration(table=Card)\ndef up(old): ...\n@migration(table=Card)\ndef up2(old): ...',
        [(4, '@migration up2: table card has the hook up already: one function maps all of its rows')]),
    'migration event': (
        '@table(event=True)\nclass E:\n    x: u32\n@migration(table=E)\ndef up(old): ...',
        [(5, '@migration up: rows of the event table e are not kept, so there are none to map')]),
    'migration unhashable': (
        '@migration(table=[])\ndef up(old): ...',
        [(2, "@migration up: there is no table '[]': (there is card)")]),
    'migration nonsense ==': (
        'class W:\n    def __eq__(s, o): raise ValueError("no")\n@migration(table=W())\ndef up(old): ...',
        [(4, 'this cannot be read: ValueError: no')]),
    'migration reducer': (
        '@migration(table=Card)\n@reducer\ndef up(ctx): ...',
        [(3, 'up has both @reducer and @migration: keep one')]),
    'dropped int': (
        '@table(dropped=5)\nclass A:\n    x: u32',
        [(2, 'table a: dropped= lists columns that it had, dropped=["old"], and not [5]')]),
    'dropped has': (
        '@table(dropped="x")\nclass A:\n    x: u32',
        [(2, "table a: dropped= names the column 'x', which it has: remove the column, or the name")]),
    'dropped tuple of tuples': (
        '@table(dropped=[("a","b")])\nclass A:\n    x: u32',
        [(2, 'table a: dropped= lists columns that it had, dropped=["old"], and not [(\'a\', \'b\')]')]),
    'renamed list': (
        '@table(renamed=["x"])\nclass A:\n    x: u32',
        [(2, 'table a: renamed= says how columns were and are called, renamed={"old": "new"}, and not [\'x\']')]),
    'renamed str': (
        '@table(renamed="x")\nclass A:\n    x: u32',
        [(2, 'table a: renamed= says how columns were and are called, renamed={"old": "new"}, and not \'x\'')]),
    'renamed tuple': (
        '@table(renamed=("a","x"))\nclass A:\n    x: u32',
        [(2, 'table a: renamed= says how columns were and are called, renamed={"old": "new"}, and not (\'a\', \'x\')')]),
    'renamed unknown': (
        '@table(renamed={"a": "y"})\nclass A:\n    x: u32',
        [(2, "table a: renamed= says that 'a' is 'y' now, a column that it does not have (it has x)")]),
    'renamed ints': (
        '@table(renamed={1: 2})\nclass A:\n    x: u32',
        [(2, 'table a: renamed= says how columns were and are called, renamed={"old": "new"}, and not {1: 2}')]),
    'renamed swapped': (
        '@table(renamed={"x": "old"})\nclass A:\n    x: u32',
        [(2, "table a: renamed= says that 'x' is 'old' now, but the column 'x' is there")]),
    'renamed twice to one': (
        '@table(renamed={"a": "x", "b": "x"})\nclass A:\n    x: u32',
        [(2, "table a: renamed= says that 'a' and 'b' are both 'x' now: which of them the values are taken from a @migr")]),
    'renamed+dropped': (
        '@table(renamed={"a": "x"}, dropped="a")\nclass A:\n    x: u32',
        [(2, "table a: renamed= keeps the values of 'a', and dropped= gives them up: keep one")]),
    'init lambda': (
        'init(lambda ctx: None)',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: ReducerContext) with @init in front')]),
    'client_connected args': (
        '@client_connected\ndef f(ctx, who: Identity): ...',
        [(2, 'f: @client_connected takes only the context')]),
    'on_load typo': (
        'from orochi import onload',
        [(1, "while importing: cannot import name 'onload' from 'orochi' (")]),
    'ReducerContext[Db] instance': (
        'class Db(Database):\n    card: Table[Total]\n@reducer\ndef f(ctx: ReducerContext[Db]): ...',
        [(2, 'Db.card: the rows of table card are Card: write Table[Card]')]),
    'event Query': (
        '@table(event=True)\nclass E:\n    x: u32\n@view\ndef f(ctx: ViewContext) -> Query[E]: ...',
        [(5, 'f: E is an event table, whose rows are gone when their transaction ends: clients subscribe to the table i')]),
    'Variant': (
        'class D(Variant): ...\n@table\nclass A:\n    x: D | None',
        [(4, 'A.x: D is not a type that Orochi knows: a Variant says what it holds: class D(Variant[u32])')]),
    'index in view row': (
        '@dataclass\nclass R:\n    x: Index[u32]\n@view\ndef f(ctx: ViewContext) -> list[R]: ...',
        [(3, 'R.x: PrimaryKey, AutoInc, AutoKey, Unique and Index go around the whole type of a table column, e.g. Inde')]),
}

# What looks like a mistake and is none.
RIGHT = {
    'scheduled async': '@scheduled(hz=2)\nasync def f(ctx): ...',
    'scheduled table proc': '@table(scheduled="f")\nclass A:\n    id: AutoKey[u64] = 0\n    at: ScheduleAt\n@procedure\ndef f(ctx: ProcedureContext, row: "A") -> None: ...',
    'proc returns Any class': '@procedure\ndef f(ctx: ProcedureContext) -> object: ...',
    'migration lambda': 'migration(table=Card)(lambda old: None)',
    'migration return annot': '@migration(table=Card)\ndef up(old) -> int: ...',
    'test subclass': 'import orochi.testing',
    'event col in view': '@table(event=True)\nclass E:\n    x: u32\n@view\ndef f(ctx: ViewContext) -> list[E]: ...',
}

Kinds = kinds(CARDS, WRONG, RIGHT)

if __name__ == "__main__":
    unittest.main()
