"""Mistakes with routes, applications, the environment and row filters, as test_kinds_of_mistakes has them for tables and reducers."""

import unittest

from helper import CARDS, kinds

# name: (source after CARDS, [(line in that source, beginning of the message), ...], the same under FUTURE if that differs)
WRONG = {
    'route no parens path': (
        '@route("GET")\ndef f(ctx, request): ...',
        [(2, 'f: @route(\'GET\', None): a path is text that begins with /: @route("GET", "/score")')]),
    'route path only': (
        '@route("/score")\ndef f(ctx, request): ...',
        [(2, 'f: @route(\'/score\', None): the method comes first: write @route("GET", \'/score\')')]),
    'route swapped': (
        '@route("/score", "GET")\ndef f(ctx, request): ...',
        [(2, "f: @route('/score', 'GET'): the method comes first: write @route('GET', '/score')")]),
    'route method kw': (
        '@route(method="GET", path="/a")\ndef f(ctx, request): ...',
        [(1, '@route has no option \'method\': it takes method and path, by position: @route("GET", "/path")'), (1, '@route has no option \'path\': it takes method and path, by position: @route("GET", "/path")')]),
    'route methods kw': (
        '@route("/a", methods=["GET"])\ndef f(ctx, request): ...',
        [(1, '@route has no option \'methods\': it takes method and path, by position: @route("GET", "/path")')]),
    'route path kw': (
        '@route("GET", path="/a")\ndef f(ctx, request): ...',
        [(1, '@route has no option \'path\': it takes method and path, by position: @route("GET", "/path")')]),
    'route three': (
        '@route("GET", "/a", 5)\ndef f(ctx, request): ...',
        [(1, '@route has no option \'5\': it takes method and path, by position: @route("GET", "/path")')]),
    'route nothing': (
        '@route()\ndef f(ctx, request): ...',
        [(2, 'f: @route(None, None): a path is text that begins with /: @route("GET", "/score")')]),
    'route flask type': (
        '@route("GET", "/<int:id>")\ndef f(ctx, request, id): ...',
        [(2, "f: @route('GET', '/<int:id>'): what stands for anything is written in braces: '/{id:int}'")]),
    'route colon': (
        '@route("GET", "/:id")\ndef f(ctx, request, id): ...',
        [(2, "f: @route('GET', '/:id'): what stands for anything is written in braces: '/{id}'")]),
    'route query in path': (
        '@route("GET", "/a?x=1")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/a?x=1'): what stands behind ? is no part of the path: read it from request.query")]),
    'route fragment': (
        '@route("GET", "/a#x")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/a#x'): what stands behind ? is no part of the path: read it from request.query")]),
    'route percent': (
        '@route("GET", "/a%20b")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/a%20b'): a path is written as it is meant, and clients encode it: '/a b'")]),
    'route control': (
        '@route("GET", "/a\\n")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/a\\n'): a path has no control characters")]),
    'route full prefix': (
        '@route("GET", "/v1/database/x/route/a")\ndef f(ctx, request): ...',
        [(2, 'f: @route(\'GET\', \'/v1/database/x/route/a\'): it is the path behind /v1/database/NAME/route: @route("GET", ')]),
    'route dotdot': (
        '@route("GET", "/../a")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/../a'): clients take . and .. out of a path before they ask")]),
    'route method': (
        'class S:\n    @route("GET", "/a")\n    def f(self, ctx, request): ...',
        [(3, 'f stands in the class S, and @route is for functions of the module: move it out, def f(ctx: HandlerContex')]),
    'route static': (
        'class S:\n    @route("GET", "/a")\n    @staticmethod\n    def f(ctx, request): ...',
        [(2, '@route goes in front of a function, not the staticmethod f: take it out of its class, def f(ctx: HandlerC')]),
    'route lambda': (
        'route("GET", "/a")(lambda ctx, request: 1)',
        [(1, 'a lambda has no name that clients could call: write def f(ctx: HandlerContext, request: Request) with @ro')]),
    'route and reducer': (
        '@route("GET", "/a")\n@reducer\ndef f(ctx, request: str): ...',
        [(3, 'f has both @reducer and @route: keep one')]),
    'route and view': (
        '@route("GET", "/a")\n@view\ndef f(ctx: ViewContext) -> list[Card]: ...',
        [(3, 'f has both @view and @route: keep one')]),
    'route get lower list': (
        '@route(["get"], "/a")\ndef f(ctx, request): ...',
        [(2, 'f: @route(\'get\', \'/a\'): the method is "GET", "POST" ... in capitals, a list of them, or "ANY"')]),
    'route GETT': (
        '@route("GETT", "/a")\ndef f(ctx, request): ...',
        [(2, "f: @route('GETT', '/a'): the method 'GETT' is none that clients know: do you mean GET?")]),
    'route asyncgen': (
        '@route("GET", "/a")\nasync def f(ctx, request):\n    yield 1',
        [(2, "f: @route('GET', '/a'): a handler is no generator: return Response(parts) with an iterable")]),
    'route ReducerContext': (
        '@route("GET", "/a")\ndef f(ctx: ReducerContext, request): ...',
        [(2, "f: @route('GET', '/a'): a handler takes its context and the request, not ReducerContext: def f(ctx: Handl")]),
    'route Any request': (
        '@route("GET", "/a")\ndef f(ctx: HandlerContext, request: str): ...',
        [(2, "f: @route('GET', '/a'): a handler takes its context and the request, not str: def f(ctx: HandlerContext, ")]),
    'route annotated int for str': (
        '@route("GET", "/a/{id}")\ndef f(ctx: HandlerContext, request: Request, id: int): ...',
        [(2, "f: @route('GET', '/a/{id}'): the parameter 'id' is of type int, and {id} gives str: write {id:int} in the")]),
    'route annotated Identity': (
        '@route("GET", "/a/{who}")\ndef f(ctx: HandlerContext, request: Request, who: Identity): ...',
        [(2, "f: @route('GET', '/a/{who}'): the parameter 'who' is of type Identity, and {who} gives str: annotate str,")]),
    'route annotated str for int': (
        '@route("GET", "/a/{id:int}")\ndef f(ctx: HandlerContext, request: Request, id: str): ...',
        [(2, "f: @route('GET', '/a/{id:int}'): the parameter 'id' is of type str, and {id} gives int: write {id} in the")]),
    'route wrapped above': (
        'import functools\ndef deco(f):\n    @functools.wraps(f)\n    def g(*a): return f(*a)\n    return g\n@deco\n@route("GET", "/a")\ndef f(ctx, request): ...',
        [(8, "f: @route('GET', '/a'): a decorator above @route wraps the function, and requests would pass it by: put @")]),
    'route posonly': (
        '@route("GET", "/a/{id}")\ndef f(ctx, request, id, /): ...',
        [(2, "f: @route('GET', '/a/{id}'): the parameter 'id' is given by name: take the / out of the parameters")]),
    'route called': (
        '@route("GET", "/a")\ndef f(ctx, request): return request.text()\nf(None, None)',
        [(2, "while importing: AttributeError: 'NoneType' object has no attribute 'text' (f is a handler and is called ")]),
    'route path bytes': (
        '@route("GET", b"/a")\ndef f(ctx, request): ...',
        [(2, 'f: @route(\'GET\', b\'/a\'): a path is text that begins with /: @route("GET", "/score")')]),
    'route method int': (
        '@route(5, "/a")\ndef f(ctx, request): ...',
        [(2, 'f: @route(5, \'/a\'): the method is "GET", "POST" ... in capitals, a list of them, or "ANY"')]),
    'route regex int nested': (
        '@route("GET", "/{id:int:x}")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/{id:int:x}'): {id:int:x}: the type is one of str, int, float, uuid, path")]),
    'route empty braces': (
        '@route("GET", "/{}")\ndef f(ctx, request): ...',
        [(2, "f: @route('GET', '/{}'): {}: in braces stands a name, each once, and perhaps a type: {id:int}")]),
    'mount class': (
        'class App: pass\nmount("/a", App)',
        [(2, "mount('/a', ...): App is a class, and an application is an object: write mount('/a', App(...))")]),
    'mount args missing': (
        'mount("/a")',
        [(1, 'mount(\'/a\', ...): it takes a path and an ASGI application, by position: write mount("/app", Starlette(...')]),
    'mount swapped': (
        'def app(s, r, w): ...\nmount(app, "/a")',
        [(2, 'mount(): it takes a path and an ASGI application, by position: write mount("/app", Starlette(...))')]),
    'mount wsgi': (
        'def app(environ, start_response): ...\nmount("/a", app)',
        [(2, "mount('/a', ...): an ASGI application is called with (scope, receive, send), and this one takes something")]),
    'mount twice': (
        'async def app(s, r, w): ...\nmount("/a", app)\nmount("/a", app)',
        [(3, "mount('/a'): mount('/a') at game.py:20 answers that already")],
        [(3, "mount('/a'): mount('/a') at game.py:21 answers that already")]),
    'mount twice slash': (
        'async def app(s, r, w): ...\nmount("/a", app)\nmount("/a/", app)',
        [(3, "mount('/a/'): mount('/a') at game.py:20 answers that already")],
        [(3, "mount('/a/'): mount('/a') at game.py:21 answers that already")]),
    'mount braces': (
        'async def app(s, r, w): ...\nmount("/{a}", app)',
        [(2, "mount('/{a}', ...): what begins with the path is the application's, and its own routes may have braces: w")]),
    'mount as decorator': (
        '@mount("/a")\nasync def app(s, r, w): ...',
        [(1, 'mount(\'/a\', ...): it takes a path and an ASGI application, by position: write mount("/app", Starlette(...')]),
    'mount kw': (
        'async def app(s, r, w): ...\nmount(path="/a", app=app)',
        [(2, 'mount(): it takes a path and an ASGI application, by position: write mount("/app", Starlette(...))')]),
    'mount name': (
        'async def app(s, r, w): ...\nmount("/a", app, name="x")',
        [(2, 'mount(\'/a\', ...): it takes a path and an ASGI application, by position: write mount("/app", Starlette(...')]),
    'mount starlette class not instance': (
        'class Starlette:\n    async def __call__(self, s, r, w): ...\nmount("/a", Starlette)',
        [(3, "mount('/a', ...): Starlette is a class, and an application is an object: write mount('/a', Starlette(...)")]),
    'env args': (
        '@environment("x")\nclass E:\n    A: str',
        [(1, "@environment goes in front of a class with annotations, not 'x'")]),
    'env option': (
        '@environment(prefix="X")\nclass E:\n    A: str',
        [(1, "@environment has no option 'prefix': (it has none)")]),
    'env fn': (
        '@environment\ndef E(): ...',
        [(1, '@environment goes in front of a class with annotations, not the function E')]),
    'env no annotations value': (
        '@environment\nclass E:\n    A = "x"',
        [(2, 'E: @environment takes its keys from annotations: MODE: str')]),
    'env dunder': (
        '@environment\nclass E:\n    __A: str',
        [(2, 'invalid environment declaration: environment key "_E__A": ctx.env has something else of that name: call i')]),
    'env get': (
        '@environment\nclass E:\n    get: str',
        [(3, 'invalid environment declaration: environment key "get": ctx.env has something else of that name: call it ')]),
    'env bool int': (
        '@environment\nclass E:\n    A: bool = 1',
        [(3, 'invalid environment declaration: environment key "A": its default 1 is none of its values')]),
    'env none': (
        '@environment\nclass E:\n    A: None',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env u32': (
        '@environment\nclass E:\n    A: u32',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env table': (
        '@environment\n@table\nclass E:\n    A: str',
        [(3, 'E is a table, and the environment a class of its own: take @environment or @table away')]),
    'env enum': (
        '@environment\nclass E(Enum):\n    A = "x"',
        [(2, 'E: @environment takes its keys from annotations: MODE: str')]),
    'env ClassVar': (
        '@environment\nclass E:\n    A: ClassVar[str] = "x"',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env Final': (
        '@environment\nclass E:\n    A: Final[str] = "x"',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env field': (
        '@environment\nclass E:\n    A: str = field(default="x")',
        [(3, 'invalid environment declaration: environment key "A": field() is for tables and records: write the defaul')]),
    'env union': (
        '@environment\nclass E:\n    A: str | int',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env list': (
        '@environment\nclass E:\n    A: list[str]',
        [(3, 'invalid environment declaration: environment key "A": its type is str, int, float, bool or Literal["a", "')]),
    'env quoted typo': (
        '@environment\nclass E:\n    A: "Litral[1]"',
        [(3, 'invalid environment declaration: environment key "A": its type cannot be read: \'Litral\' is not defined in')]),
    'env two': (
        '@environment\nclass E:\n    A: str\n@environment\nclass F:\n    A: int',
        [(6, 'invalid environment declaration: environment key "A": duplicate declaration')]),
    'env optional literal none': (
        '@environment\nclass E:\n    A: Literal["a", None]',
        [(3, 'invalid environment declaration: environment key "A": the words of Literal[...] are text')]),
    'env metaclass raises': (
        'class M(type):\n    def __getattribute__(c, n): raise ValueError(n)\n@environment\nclass E(metaclass=M):\n    A: str',
        [(3, '@environment cannot read the class: ValueError: __mro__')]),
    'owner int': (
        '@table(public=True, owner=5)\nclass A:\n    p: Identity',
        [(2, 'table a: owner= names one column, e.g. owner="player"')]),
    'owner typo': (
        '@table(public=True, owner="plyer")\nclass A:\n    player: Identity',
        [(2, "table a: owner= names the column 'plyer', which it does not have (do you mean player? it has player)")]),
    'owner not identity': (
        '@table(public=True, owner="p")\nclass A:\n    p: str',
        [(3, 'table a: owner= names the column p, which is no Identity but a str: it holds who may see the row, as ctx.')]),
    'owner option identity': (
        '@table(public=True, owner="p")\nclass A:\n    p: Identity | None',
        [(3, 'table a: owner= names the column p, which is no Identity but an optional value: it holds who may see the ')]),
    'owner list': (
        '@table(public=True, owner=["p"])\nclass A:\n    p: Identity',
        [(2, 'table a: owner= names one column, e.g. owner="player"')]),
    'owner true': (
        '@table(public=True, owner=True)\nclass A:\n    p: Identity',
        [(2, 'table a: owner= names one column, e.g. owner="player"')]),
    'owner private': (
        '@table(owner="p")\nclass A:\n    p: Identity',
        [(2, 'table a: owner= says which rows clients see, and they see none of a private table: write public=True besi')]),
    'rls int': (
        '@table(public=True, rls=5)\nclass A:\n    p: Identity',
        [(2, 'table a: rls= has 5: a row filter is SQL, e.g. "SELECT * FROM a WHERE player = :sender"')]),
    'row_filter deco': (
        '@row_filter\ndef f(ctx): ...',
        [(2, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :')]),
    'row_filter int': (
        'row_filter(5)',
        [(1, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :')]),
    'row_filter none': (
        'row_filter()',
        [(1, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :')]),
    'row_filter typo table': (
        'row_filter("SELECT * FROM crd WHERE owner = :sender")',
        [(1, "row_filter: there is no table 'crd': do you mean card? (there is card)")]),
    'row_filter column list': (
        'row_filter("SELECT id FROM card")',
        [(1, 'row_filter: \'SELECT id FROM card\' selects no rows of a table: write "SELECT * FROM hand WHERE player = :s')]),
    'row_filter kw': (
        'row_filter(sql="SELECT * FROM card")',
        [(1, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :')]),
    'row_filter 2 args': (
        'row_filter("card", "owner = :sender")',
        [(1, 'row_filter() takes SQL and decorates nothing: row_filter("SELECT * FROM hand WHERE player = :')]),
    'row_filter condition': (
        'row_filter("card.owner = :sender")',
        [(1, 'row_filter: \'card.owner = :sender\' selects no rows of a table: write "SELECT * FROM hand WHERE player = :')]),
}

# What looks like a mistake and is none.
RIGHT = {
    'route space': '@route("GET", "/a b")\ndef f(ctx, request): ...',
    'route unicode': '@route("GET", "/é")\ndef f(ctx, request): ...',
    'route kwonly': '@route("GET", "/a/{id}")\ndef f(ctx: HandlerContext, request: Request, *, id): ...',
    'route **': '@route("GET", "/a/{id}")\ndef f(ctx: HandlerContext, request: Request, **kw): ...',
    'route param named request': '@route("GET", "/a/{request}")\ndef f(ctx, request): ...',
    'route param named ctx': '@route("GET", "/a/{ctx}")\ndef f(ctx, request): ...',
    'route param unused ok': '@route("GET", "/a/{id}")\ndef f(ctx: HandlerContext, request: Request): ...',
    'route duplicate same func 2 methods': '@route("GET", "/a")\n@route("POST", "/a")\ndef f(ctx, request): ...',
    'mount sync 3 args': 'def app(s, r, w): ...\nmount("/a", app)',
    'handler returns annotation wrong': '@route("GET", "/a")\ndef f(ctx, request) -> Iterator[str]: ...',
    'env lower': '@environment\nclass E:\n    a: str',
    'env private': '@environment\nclass E:\n    _A: str',
    'env dataclass': '@environment\n@dataclass\nclass E:\n    A: int = 5',
    'env default wrong None': '@environment\nclass E:\n    A: str = None',
    'env inherits': 'class B:\n    A: str\n@environment\nclass E(B):\n    C: str',
    'env float int default': '@environment\nclass E:\n    A: float = 5',
    'env default with nul': '@environment\nclass E:\n    A: str = "a\\0b"',
    'env default too long': '@environment\nclass E:\n    A: str = "a" * 9000',
    'env default nan': '@environment\nclass E:\n    A: float = float("nan")',
    'env default int big': '@environment\nclass E:\n    A: int = 10**100',
    'owner on event': '@table(public=True, event=True, owner="p")\nclass A:\n    p: Identity',
}

Kinds = kinds(CARDS, WRONG, RIGHT)

if __name__ == "__main__":
    unittest.main()
