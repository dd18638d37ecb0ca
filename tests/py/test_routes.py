"""HTTP handlers without a server: which route answers, what is refused at its line, requests and answers as bytes, ASGI."""

import json
import unittest

from helper import ModuleCase, sections
from orochi import HandlerContext, Headers, Request, Response, SchemaError, Timestamp
from orochi import _asgi, _http
from orochi._values import Identity

HEAD = "from orochi import *\n"


def ask(router, method, path, **more):
    """The Response of a router's route, through the bytes of both sides."""
    data = _http.write_request(Request(method, path, root_path="/v1/database/x/route", host="h:3000", **more))
    return _http.read_response(router(data, Identity(7), Identity(8), None, 1_000_000))


class Routes(ModuleCase):
    def router(self, source):
        return self.define(HEAD + source).module_spec()["router"]

    def test_which_answers(self):
        router = self.router("""
@route("GET", "/user/{id:int}")
def number(ctx, request, id): return f"number {id!r}"
@route("GET", "/user/{name}")
def name(ctx, request, name: str): return f"name {name}"
@route("GET", "/user/me")
def me(ctx, request): return "me"
@route("GET", "")
def nothing(ctx, request): return "nothing"
@route(["GET", "POST"], "/")
def slash(ctx, request): return f"slash {request.method}"
@route("ANY", "/files/{at:path}")
def files(ctx, request): return f"file {request.params['at']}"
@route("GET", "/u/{id:uuid}/x{n:float}")
def typed(ctx, request, n, id): return f"{type(id).__name__} {n!r}"
@route("PURGE", "/a.b")
def dots(ctx, request): return "dots"
""")
        uuid = "12345678-1234-5678-1234-567812345678"
        for method, path, answer in (
                ("GET", "/user/12", "number 12"), ("GET", "/user/-3", "number -3"), ("GET", "/user/bob", "name bob"),
                ("GET", "/user/12x", "name 12x"), ("GET", "/user/\u0661", "name \u0661"), ("GET", "/user/me", "me"), ("GET", "/user/a\nb", "name a\nb"),
                ("GET", "", "nothing"), ("GET", "/", "slash GET"), ("POST", "/", "slash POST"), ("HEAD", "/", "slash HEAD"),
                ("DELETE", "/files/", "file "), ("PUT", "/files/a/b/c", "file a/b/c"), ("GET", f"/u/{uuid}/x1.5", "UUID 1.5"),
                ("PURGE", "/a.b", "dots"),
                ("GET", "/user/a/b", None), ("GET", "/user/", None), ("GET", "/user", None), ("GET", "/user/me/", None), ("PUT", "/", None),
                ("GET", "/u/xyz/x1", None), ("PURGE", "/aXb", None), ("get", "/user/me", None), ("GET", "/user/" + "9" * 20, "name " + "9" * 20),
                ("GET", "/files", None)):
            with self.subTest(method=method, path=path):
                got = ask(router, method, path)
                if answer is None:
                    self.assertEqual((got.status, got.body), (404, b"Database has not registered a handler for this route"))
                else:
                    self.assertEqual((got.status, got.body.decode()), (200, answer))

    def test_what_a_handler_gives(self):
        router = self.router("""
from dataclasses import dataclass
import datetime, enum, uuid
@dataclass
class Point:
    x: int
    tags: list
class Color(enum.Enum):
    RED = 1
def give(name, value):
    def handler(ctx, request):
        return value
    handler.__name__ = name
    route("GET", "/" + name)(handler)
give("text", "h\u00e9")
give("data", b"\\x00\\xff")
give("none", None)
give("row", Point(1, [Color.RED, uuid.UUID(int=5), b"\\x01", datetime.timedelta(seconds=2)]))
give("who", {"id": Identity(1), "at": Timestamp(5), "set": {3}})
give("parts", Response((part for part in ("a", b"b", "c")), 201, {"X-A": "1"}, "text/x"))
give("teapot", Response("short", status=418))
""")
        want = {"text": (200, "h\u00e9".encode(), "text/plain; charset=utf-8"), "data": (200, b"\0\xff", "application/octet-stream"),
                "none": (204, b"", None),
                "row": (200, b'{"x":1,"tags":["RED","00000000-0000-0000-0000-000000000005","01",2.0]}', "application/json"),
                "who": (200, ('{"id":"' + "0" * 63 + '1","at":5,"set":[3]}').encode(), "application/json"),
                "parts": (201, b"abc", "text/x"), "teapot": (418, b"short", "text/plain; charset=utf-8")}
        for name, expected in want.items():
            got = ask(router, "GET", "/" + name)
            self.assertEqual((got.status, got.body, Headers(got.headers).get("content-type")), expected, name)

    def test_refusals_are_400_and_faults_come_out(self):
        router = self.router("""
@route("POST", "/json")
def json(ctx, request): return request.json()
@route("POST", "/form")
def form(ctx, request): return dict(request.form())
@route("GET", "/no")
def no(ctx, request): raise ReducerError("not you", code="who")
@route("GET", "/fault")
def fault(ctx, request): return 1 / 0
@route("GET", "/object")
def thing(ctx, request): return object()
@route("GET", "/nan")
def nan(ctx, request): return {"x": float("nan")}
@route("GET", "/wide")
def wide(ctx, request): return Response("", headers={"x-wide": "x" * 10000})
@route("GET", "/split")
def split(ctx, request): return Response("", headers={"location": request.query["to"]})
@route("GET", "/db")
def db(ctx, request): return ctx.db
""")
        self.assertEqual(json.loads(ask(router, "POST", "/json", body=b"[1]").body), [1])
        for body in (b"{", b"\xff", b"[" * 100000, b"", b"1" * 5000):
            self.assertEqual(ask(router, "POST", "/json", body=body).status, 400, body[:5])
        self.assertEqual(json.loads(ask(router, "POST", "/form", body=b"a=1&b=%C3%A9+x&a=2").body), {"a": "1", "b": "\u00e9 x"})
        self.assertEqual(ask(router, "POST", "/form", body=b"&".join(b"a=1" for _ in range(2000))).status, 400)
        got = ask(router, "GET", "/no")
        self.assertEqual((got.status, got.body), (400, b"who: not you"))
        for path, error, words in (("/fault", ZeroDivisionError, "division"), ("/nan", ValueError, r"^nan \(.*:\d+\): .*JSON"),
                                   ("/object", TypeError, r"^thing \(.*:\d+\): what it returned cannot be sent: object has no form in JSON"),
                                   ("/wide", ValueError, r"^wide \(.*:\d+\): the headers of its answer take 100\d\d bytes")):
            with self.assertRaisesRegex(error, words):
                ask(router, "GET", path)
        for to in ("a%0d%0ax: y", "a%00", "a%0a", "%7f"):
            with self.assertRaisesRegex(ValueError, "control character"):
                ask(router, "GET", "/split", query_string=f"to={to}")
        with self.assertRaisesRegex(AttributeError, r"no ctx\.db: write `with ctx\.tx\(\) as tx:`"):
            ask(router, "GET", "/db")

    def test_mistakes_are_told_at_their_lines(self):
        for source, line, words in (
                ('@route("GET", "score")\ndef f(ctx, request): ...', 3, ["f: @route('GET', 'score')", "begins with /"]),
                ('@route("get", "/a")\ndef f(ctx, request): ...', 3, ["in capitals"]),
                ('@route([], "/a")\ndef f(ctx, request): ...', 3, ["the method is"]),
                ('@route("GET", "/{id:number}")\ndef f(ctx, request): ...', 3, ["one of str, int"]),
                ('@route("GET", "/{a}/{a}")\ndef f(ctx, request): ...', 3, ["each once"]),
                ('@route("GET", "/{at:path}/x")\ndef f(ctx, request): ...', 3, ["at the end"]),
                ('@route("GET", "/{a")\ndef f(ctx, request): ...', 3, ["other half"]),
                ('@route("GET", "/a")\ndef f(ctx): ...', 3, ["def f(ctx: HandlerContext, request: Request)"]),
                ('from orochi import ReducerContext\n@route("GET", "/a")\ndef f(ctx: ReducerContext, request): ...', 4,
                 ["not ReducerContext", "def f(ctx: HandlerContext, request: Request)", "ctx.with_tx(body)"]),
                ('from orochi import ProcedureContext\n@route("GET", "/a")\ndef f(ctx: "ProcedureContext", request): ...', 4, ["not ProcedureContext"]),
                ('from orochi import HandlerContext, Request\n@route("GET", "/a")\ndef f(request: Request, ctx: HandlerContext): ...', 4,
                 ["def f(ctx: HandlerContext, request: Request)"]),
                ('from orochi import HandlerContext, reducer\n@reducer\ndef f(ctx: HandlerContext): ...', 4,
                 ["the first parameter of a reducer is its context"]),
                ('@route("GET", "/a")\ndef f(ctx, request, id): ...', 3, ["'id' stands for nothing in the path"]),
                ('@route("GET", "/a")\ndef f(ctx, request): yield 1', 3, ["no generator"]),
                ('@route("GET", "/a")\ndef f(ctx, request): ...\n@route("ANY", "/a")\ndef g(ctx, request): ...', 5, ["g: ", "f at ", "answers that already"]),
                ('@route("GET", "/{a:int}")\ndef f(ctx, request): ...\n@route("GET", "/{b:int}")\ndef g(ctx, request): ...', 5, ["answers that already"]),
                ('@route\ndef f(ctx, request): ...', 3, ["begins with /"]),
                ('@route("GET", "/a", name="x")\ndef f(ctx, request): ...', 2, ["has no option 'name'"]),
                ('mount("/a", 5)', 2, ["no ASGI application"]),
                ('mount("a", print)', 2, ["begins with /"])):
            with self.subTest(source=source):
                found = [p for p in self.problems(HEAD + source) if p.startswith(f"game.py:{line}: ")]
                self.assertTrue(found and all(word in found[0] for word in words), self.problems(HEAD + source))
        with self.assertRaisesRegex(SchemaError, "goes in front of a function"):
            self.define(HEAD + '@route("GET", "/a")\nclass A: ...')

    def test_the_definition_has_what_the_format_knows(self):
        builder = self.define(HEAD + '''
@route("GET", "/a")
def f(ctx, request): ...
@route("ANY", "/b/{id}")
def g(ctx, request): ...
@route(["PURGE", "GET"], "")
def h(ctx, request): ...
''')
        found = sections(builder)
        self.assertEqual(found["HttpHandlers"], [{"source_name": "f"}, {"source_name": "g"}, {"source_name": "h"}])
        self.assertEqual(found["HttpRoutes"], [
            {"handler_function": "f", "method": {"Method": {"Get": []}}, "path": "/a"},
            {"handler_function": "h", "method": {"Method": {"Extension": "PURGE"}}, "path": ""},
            {"handler_function": "h", "method": {"Method": {"Get": []}}, "path": ""}])
        self.assertTrue(json.loads(builder.descriptor())["orochi"]["routes"])
        self.assertNotIn("HttpRoutes", sections(self.define(HEAD + "@table\nclass A:\n    x: u8")))

    def test_a_module_of_routes_alone(self):
        self.assertEqual(len(self.define(HEAD + '@route("GET", "")\ndef f(ctx, request): ...').routes), 1)


class Requests(unittest.TestCase):
    def test_crosses_as_it_is(self):
        sent = Request("POST", "/a b/\u00e9", headers=[("X-A", "1"), ("cookie", "a=1"), ("Cookie", "b=2"), ("X-a", "\u00e9")],
                       query_string="q=1&q=2&e=", body=b"\0\1", root_path="/v1/database/x/route", host="h:1")
        got = _http.read_request(_http.write_request(sent))
        self.assertEqual((got.method, got.path, got.body, got.query_string), ("POST", "/a b/\u00e9", b"\0\1", "q=1&q=2&e="))
        self.assertEqual((got.headers["x-A"], got.headers["COOKIE"], len(got.headers)), ("1, \u00e9", "a=1; b=2", 2))
        self.assertEqual((got.query["q"], got.query.getlist("q"), got.query["e"], got.query.get("x")), ("1", ["1", "2"], "", None))
        self.assertEqual(got.url, "http://h:1/v1/database/x/route/a%20b/%C3%A9?q=1&q=2&e=")

    def test_a_zero_or_blanks_may_end_a_field(self):
        parts = [b"GET", b"h", b"", b"/", b"", b"a: 1\0\nB:2\r\nc: 3\0 \t\r\nd:\r\n", b""]
        got = _http.read_request(b"".join(len(p).to_bytes(4, "little") + p for p in parts))
        self.assertEqual(got.headers.items_list(), [("a", "1"), ("b", "2"), ("c", "3"), ("d", "")])

    def test_behind_a_proxy(self):
        got = Request("GET", "/x", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "game.example"}.items(), host="10.0.0.1")
        self.assertEqual(got.url, "https://game.example/x")


class Responses(unittest.TestCase):
    def test_what_is_refused(self):
        for wrong, error in ((dict(status=199), ValueError), (dict(status=600), ValueError), (dict(status=True), ValueError),
                             (dict(status="200"), ValueError), (dict(body=5), TypeError), (dict(body={"a": 1}), TypeError),
                             (dict(headers={"a b": "1"}), ValueError), (dict(headers={"a": "1\r\nb: 2"}), ValueError),
                             (dict(headers={"a": "\0"}), ValueError), (dict(content_type="a\nb"), ValueError),
                             (dict(body=(bytes(1 << 20) for _ in range(40))), ValueError)):
            with self.subTest(wrong=wrong), self.assertRaises(error):
                Response(**wrong)
        with self.assertRaises(ValueError):
            Response().set_cookie("a", "b\r\nx: y")

    def test_cookies_and_redirects(self):
        answer = Response.redirect("/there")
        answer.set_cookie("s", "1", max_age=60, secure=True)
        self.assertEqual(answer.headers, [("location", "/there"), ("set-cookie", "s=1; Path=/; SameSite=Lax; Max-Age=60; HttpOnly; Secure")])
        self.assertEqual((answer.status, _http.read_response(_http.write_response(answer)).headers), (307, answer.headers))


class Asgi(unittest.TestCase):
    CTX = HandlerContext(Identity(1), Identity(2), Timestamp(3))

    def run_app(self, app, method="GET", path="/app/x", **more):
        return _asgi.run_app(app, self.CTX, Request(method, path, root_path="/r", host="h:80", **more), "/app")

    def test_a_whole_conversation(self):
        async def app(scope, receive, send):
            self.assertEqual((scope["type"], scope["path"], scope["root_path"], scope["query_string"]), ("http", "/r/app/x", "/r/app", b"a=1"))
            self.assertIs(scope["state"]["ctx"], self.CTX)
            message = await receive()
            await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
            await send({"type": "http.response.body", "body": b"!"})
            self.assertEqual(await receive(), {"type": "http.disconnect"})
        got = self.run_app(app, body=b"hello", query_string="a=1")
        self.assertEqual((got.status, got.headers, got.body), (201, [("x-a", "1")], b"hello!"))

    def test_tasks_and_threads_run_in_it(self):
        import asyncio

        async def app(scope, receive, send):
            async def part(n):
                await asyncio.sleep(0)
                return n
            total = sum(await asyncio.gather(*map(part, range(5)))) + await asyncio.to_thread(lambda: 100)
            watcher = asyncio.create_task(receive())  # waits for the client to leave, as Starlette's streams do
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(total).encode()})
            asyncio.create_task(asyncio.Event().wait())  # left behind
            await watcher
        self.assertEqual(self.run_app(app).body, b"110")

    def test_a_task_that_does_not_end_when_it_is_cancelled(self):
        import asyncio

        async def app(scope, receive, send):
            async def stubborn():
                while True:
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        pass
            left = asyncio.create_task(stubborn())
            await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(left.done()).encode()})
        self.assertEqual(self.run_app(app).body, b"False")

    def test_where_it_is_asked(self):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": repr(scope["server"]).encode()})
        for host, server in (("h:81", ("h", 81)), ("[::1]:82", ("::1", 82)), ("[::1]", ("::1", 80)), ("h", ("h", 80)), ("", ("", 80)),
                             ("h:\u00b2", ("h:\u00b2", 80)), ("h:" + "1" * 5000, ("h:" + "1" * 5000, 80))):
            got = _asgi.run_app(app, self.CTX, Request("GET", "/app", host=host), "/app")
            self.assertEqual(got.body.decode(), repr(server))

    def test_what_is_no_answer(self):
        async def nothing(scope, receive, send): ...

        async def half(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body", "body": b"", "more_body": True})

        async def endless(scope, receive, send):
            import asyncio
            await asyncio.Event().wait()

        async def injects(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b\r\nc: d")]})
            await send({"type": "http.response.body"})

        async def raises(scope, receive, send):
            raise KeyError("x")
        for app, error, words in ((nothing, Exception, "without a whole answer"), (half, Exception, "without a whole answer"),
                                  (endless, Exception, r"^mount\('/app'\) waits for something that never comes"), (injects, ValueError, "control character"), (raises, KeyError, "x")):
            with self.subTest(app=app.__name__), self.assertRaisesRegex(error, words):
                self.run_app(app)

    def test_starlette(self):
        try:
            from starlette.applications import Starlette
            from starlette.middleware import Middleware
            from starlette.middleware.base import BaseHTTPMiddleware
            from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
            from starlette.routing import Mount, Route
        except ImportError:
            self.skipTest("starlette is not installed")

        async def show(request):
            return JSONResponse({"id": request.path_params["id"], "url": str(request.url_for("show", id=1)), "q": request.query_params["q"],
                                 "who": str(request.state.ctx.sender)})

        def plain(request):
            return PlainTextResponse("plain")

        async def echo(request):
            return JSONResponse(await request.json())

        async def stream(request):
            async def parts():
                for n in range(3):
                    yield f"{n};"
            return StreamingResponse(parts())

        async def header(request, call_next):
            answer = await call_next(request)
            answer.headers["x-seen"] = "yes"
            return answer
        app = Starlette(routes=[Route("/user/{id:int}", show, name="show"), Route("/plain", plain), Route("/echo", echo, methods=["POST"]),
                                Mount("/deep", routes=[Route("/stream", stream)])], middleware=[Middleware(BaseHTTPMiddleware, dispatch=header)])
        got = self.run_app(app, path="/app/user/7", query_string="q=a")
        self.assertEqual(json.loads(got.body)["id"], 7)
        self.assertEqual(json.loads(got.body)["url"], "http://h/r/app/user/1")
        self.assertIn(("x-seen", "yes"), got.headers)
        self.assertEqual(self.run_app(app, path="/app/plain").body, b"plain")
        self.assertEqual(self.run_app(app, path="/app/deep/stream").body, b"0;1;2;")
        self.assertEqual(self.run_app(app, method="POST", path="/app/echo", body=b'{"a":1}').body, b'{"a":1}')
        self.assertEqual(self.run_app(app, path="/app/none").status, 404)
        self.assertEqual(self.run_app(app, path="/app/echo").status, 405)


class OpenApi(ModuleCase):
    def document(self, source):
        return json.loads(self.define(HEAD + source).descriptor())["orochi"]["openapi"]

    SOURCE = '''
from dataclasses import dataclass
import enum, uuid
class Color(enum.Enum):
    RED = 1
    BLUE = 2
@dataclass
class Tree:
    at: i32
    under: list["Tree"]
@table
class A:
    id: PrimaryKey[u64]
@reducer
def add(ctx: ReducerContext, id: u64, tree: Tree, color: Color, who: Identity, data: bytes, maybe: str | None = None, n: i8 = 3):
    """Adds one.

    And more words."""
@reducer(public=False)
def hidden(ctx): ...
@init
def start(ctx): ...
@procedure
def ask(ctx, q: str) -> list[u8]:
    """Asks."""
@route("GET", "/tree/{id:int}/{name}")
def show(ctx, request, id): ...
@route("ANY", "/any")
def anything(ctx, request):
    """Answers anything."""
'''

    def test_what_is_in_it(self):
        found = self.document(self.SOURCE)
        self.assertEqual(found["paths"]["/call/ask"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]["type"], "string")
        self.assertEqual(set(found["paths"]), {"/call/add", "/call/ask", "/route/tree/{id}/{name}", "/route/any"})
        add = found["paths"]["/call/add"]["post"]
        self.assertEqual((add["summary"], add["operationId"]), ("Adds one.", "call_add"))
        body = add["requestBody"]["content"]["application/json"]["schema"]
        self.assertEqual((body["minItems"], body["maxItems"]), (5, 7))
        self.assertEqual(body["prefixItems"][0], {"title": "id", "type": "integer", "minimum": 0, "maximum": 2 ** 64 - 1})
        self.assertEqual(found["components"]["schemas"]["Tree"]["properties"]["under"], {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}})
        self.assertEqual([p["schema"] for p in found["paths"]["/route/tree/{id}/{name}"]["get"]["parameters"]], [{"type": "integer"}, {"type": "string"}])
        names = [o["operationId"] for item in found["paths"].values() for o in item.values()]
        self.assertEqual(len(names), len(set(names)))

    def test_is_valid(self):
        try:
            from openapi_spec_validator import OpenAPIV31SpecValidator
        except ImportError:
            self.skipTest("openapi-spec-validator is not installed")
        OpenAPIV31SpecValidator(self.document(self.SOURCE)).validate()


if __name__ == "__main__":
    unittest.main()
