// What the routes answer (docs/http.md): [request, status, text or type]. A request is "METHOD path", then the body; `who` asks ("owner",
// "stranger", "nobody", or a text for Authorization itself); DB is the database. A string is the whole body, a RegExp is looked for in it,
// "type:…" the content type, anything else JSON.

const json = { "content-type": "application/json" };
const post = (name, body, more = {}) => ({ request: `POST /v1/database/DB/call/${name}`, body: typeof body === "string" ? body : JSON.stringify(body), headers: json, ...more });
const sql = (text, more = {}) => ({ request: "POST /v1/database/DB/sql", body: text, ...more });
const get = (path, more = {}) => ({ request: `GET ${path}`, ...more });
const other = (request, more = {}) => ({ request, ...more });

export const cases = ({ owner, stranger, ownerToken }) => [
  // ---- the node
  [get("/v1/ping"), 200, ""], [other("HEAD /v1/ping"), 200, ""], [other("POST /v1/ping"), 405], [other("DELETE /v1/ping"), 405], [other("OPTIONS /v1/ping"), 200, ""],
  [get("/v1/ping", { who: "Bearer abc" }), 401, /token/i], [get("/v1/ping", { who: "Basic abc" }), 400, /./], [get("/v1/ping", { who: "Bearer " }), 400, /./],
  [get(`/v1/ping?token=${ownerToken}`), 200], [get("/v1/ping?token=abc"), 401], [get("/v1/health"), 200, "type:application/json"],
  [get("/v1/health", { who: "Bearer abc" }), 200], [get("/v1/health/"), 404], [get("/v1/identity/public-key"), 200, /BEGIN PUBLIC KEY/],
  [get("/v1/prometheus/sd_config"), 200, "type:application/json"], [get("/v1/nosuch"), 404], [get("/v1//ping"), 404], [get("/v1/PING"), 404], [get("/v1/ping/"), 404],
  [get("/v1/database"), 405], [get("/v2/ping"), 404],

  // ---- identities
  [other("POST /v1/identity"), 200, /^\{"identity":"c200[0-9a-f]{60}","token":"ey[\w-]+\.[\w-]+\.[\w-]+"\}$/], [other("POST /v1/identity", { who: "Bearer abc" }), 200],
  [get("/v1/identity"), 405], [other("POST /v1/identity/websocket-token", { who: "owner" }), 200, /^\{"token":"ey/], [other("POST /v1/identity/websocket-token"), 401],
  [other("POST /v1/identity/websocket-token", { who: "Bearer abc" }), 401], [get(`/v1/identity/${owner}/verify`, { who: "owner" }), 204, ""],
  [get(`/v1/identity/${stranger}/verify`, { who: "owner" }), 400], [get(`/v1/identity/${owner}/verify`), 401], [get("/v1/identity/abc/verify", { who: "owner" }), 400],
  [get(`/v1/identity/${owner}/databases`), 200, /identities/], [get(`/v1/identity/${stranger}/databases`), 200, { identities: [] }], [get("/v1/identity/xyz/databases"), 400],

  // ---- the database
  [get("/v1/database/DB"), 200, /database_identity/], [get("/v1/database/DB/identity"), 200, /^[0-9a-f]{64}$/], [get("/v1/database/DB/names"), 200, { names: ["parity"] }],
  [get("/v1/database/nosuch"), 404], [get("/v1/database/nosuch/schema?version=9"), 404], [get("/v1/database/DB/schema?version=9"), 200, "type:application/json"],
  [get("/v1/database/DB/schema?version=10"), 200, /sections/], [get("/v1/database/DB/schema"), 400], [get("/v1/database/DB/schema?version=8"), 400],
  [get("/v1/database/DB/unstable/timestamp"), 200, /__timestamp_micros_since_unix_epoch__/], [get("/v1/database/DB/subscribe"), 426],
  [get("/v1/database/DB/route/x"), 404, "Database has not registered a handler for this route"], [get("/v1/database/DB/call/nothing"), 405], [get("/v1/database/DB/sql"), 405],
  [other("OPTIONS /v1/database/DB/sql", { headers: { "access-control-request-method": "POST" } }), 200, ""],

  // ---- SQL
  [sql("SELECT id FROM hero WHERE id = 1"), 200, "type:application/json"], [sql("SELECT id FROM hero WHERE id = 1"), 200, /"rows":\[\[1\]\]/],
  [sql("SELECT nonsense"), 400, "type:text/plain; charset=utf-8"], [sql(""), 400], [sql("SELECT word FROM hidden", { who: "stranger" }), 400, /no such table: `hidden`/],
  [sql("SELECT word FROM hidden", { who: "owner" }), 200, /alpha/], [sql("DELETE FROM hero", { who: "stranger" }), 400, /owner/], [sql("SELECT id FROM hero", { who: "Bearer abc" }), 401],
  [{ request: "POST /v1/database/nosuch/sql", body: "SELECT 1" }, 404],

  // ---- calls
  [post("nothing", []), 200, ""], [post("nothing", []), 200, "type:text/plain; charset=utf-8"], [post("nothing", {}), 200, ""], [post("nothing", [], { who: "stranger" }), 200, ""], [post("nothing", "[ ]"), 200, ""],
  [post("nothing", [1]), 400], [post("nothing", ""), 400], [post("nothing", "["), 400], [post("nothing", "1"), 400],
  [post("nothing", [], { headers: {} }), 415, /content-type|json/i], [post("nothing", [], { headers: { "content-type": "text/plain" } }), 415],
  [post("nothing", [], { headers: { "content-type": "application/json; charset=utf-8" } }), 415], [post("nothing", [], { headers: { "content-type": "APPLICATION/JSON" } }), 200], [post("nosuch", []), 404, /nosuch/], [post("came", []), 400, /lifecycle/],
  [post("refuse", ["not today"]), 530, "not today"], [post("crash", ["secret"]), 530, /^(?!.*secret)/s], [post("refuse", ["x"], { who: "Bearer abc" }), 401],
  [sql("SELECT words FROM remark WHERE hero = 0"), 200, /"rows":\[\]/],
  [post("put_hero", [1, "x", 1, 1]), 530, /./], [post("put_hero", [80, "n80", 8, -5]), 200, ""], [post("put_hero", { id: 81, name: "n81", guild: 8, level: 1 }), 200, ""],
  [post("put_hero", { name: "n82", id: 82, level: 1, guild: 8 }), 200, ""], [post("put_hero", { id: 83, name: "n83", guild: 8 }), 400, /level/],
  [post("put_hero", { id: 83, name: "n83", guild: 8, level: 1, extra: 1 }), 400, /extra/], [post("put_hero", [83, "n83", 8]), 400], [post("put_hero", [83, "n83", 8, 1, 1]), 400],
  [post("put_hero", ["83", "n83", 8, 1]), 400], [post("put_hero", [83.5, "n83", 8, 1]), 400], [post("put_hero", [-1, "n83", 8, 1]), 400], [post("put_hero", [4294967296, "n83", 8, 1]), 400],
  [post("put_hero", "[83, \"n83\", 8, 1e0]"), 400], [post("put_hero", [83, null, 8, 1]), 400], [post("put_hero", "[83, \"\\u00e9\", 8, 1]"), 200],
  [sql("SELECT id, level FROM hero WHERE guild = 8 AND level < 0"), 200, /"rows":\[\[80,-5\]\]/], [sql("DELETE FROM hero WHERE guild = 8", { who: "owner" }), 200, /"rows_deleted":4/],
  [post("ring", [[1, { Time: { __timestamp_micros_since_unix_epoch__: 0 } }, "x"]], { who: "stranger" }), 404],

  // ---- values in JSON: what comes in, in every form it may have, is what goes out
  ...[["{\"Calm\":[]}", 1], ["[0,[]]", 1], ["{\"calm\":[]}", 1], ["{\"verySleepy\":[]}", 1], ["{\"CALM\":[]}", 0], ["\"Calm\"", 0], ["{\"Calm\":[],\"Angry\":[]}", 0], ["[3,[]]", 0], ["{\"0\":[]}", 1]]
    .map(([mood, fine]) => [post("put_kind", kind({ mood })), fine ? 200 : 400]),
  ...[["null", 1], ["{\"some\":\"x\"}", 1], ["{\"none\":[]}", 1], ["[0,\"x\"]", 1], ["[1,[]]", 1], ["\"x\"", 0], ["{}", 0]].map(([maybe, fine]) => [post("put_kind", kind({ maybe })), fine ? 200 : 400]),
  ...[["\"0a0b\"", 1], ["[10,11]", 1], ["\"0x0a\"", 0], ["\"0a0\"", 0], ["[256]", 0], ["\"\"", 1]].map(([raw, fine]) => [post("put_kind", kind({ raw })), fine ? 200 : 400]),
  ...[[`["0x${owner}"]`, 1], [`{"__identity__":"0x${owner}"}`, 1], [`"${owner}"`, 0], ["[\"0x1\"]", 1]].map(([who, fine]) => [post("put_kind", kind({ who })), fine ? 200 : 400]),
  ...[["{\"w\":1,\"h\":2}", 1], ["[1,2]", 1], ["{\"h\":2,\"w\":1}", 1], ["[1]", 0], ["{\"w\":1}", 0]].map(([size, fine]) => [post("put_kind", kind({ size })), fine ? 200 : 400]),
  ...[["\"0xff\"", 1], ["255", 0], ["\"ff\"", 0], ["\"0x1" + "0".repeat(64) + "\"", 0]].map(([b256, fine]) => [post("put_kind", kind({ b256 })), fine ? 200 : 400]),
  ...[["1e400", 0], ["1.5", 1], ["2", 1], ["\"NaN\"", 0], ["null", 0]].map(([double, fine]) => [post("put_kind", kind({ double })), fine ? 200 : 400]),
  [sql("DELETE FROM kind WHERE id = 90", { who: "owner" }), 200, /"rows_deleted":1/],

  // ---- procedures
  [post("sum_of", [1, 2]), 200, 3], [post("sum_of", { b: 2, a: 1 }), 200, 3], [post("sum_of", [1]), 400], [post("sum_of", ["a", 2]), 400], [post("sum_of", "["), 400],
  [post("say_twice", [40, "p"]), 200, 2], [sql("SELECT COUNT(*) AS n FROM remark WHERE hero = 40"), 200, /"rows":\[\[2\]\]/], [post("say_in_vain", ["v"]), 200, [1, "v"]],
  [sql("DELETE FROM remark WHERE hero = 40", { who: "owner" }), 200, /"rows_deleted":2/], [post("boom", []), 500, /^(?!.*Traceback)/s], [post("nap", [1]), 200, true],

  // ---- logs are the owner's
  [get("/v1/database/DB/logs?num_lines=1", { who: "owner" }), 200, "type:application/x-ndjson"], [get("/v1/database/DB/logs?num_lines=1", { who: "stranger" }), 403, /not authorized/],
  [get("/v1/database/DB/logs?num_lines=1"), 403], [get("/v1/database/DB/logs?num_lines=x", { who: "owner" }), 400], [get("/v1/database/DB/logs?num_lines=-1", { who: "owner" }), 400],
  [get("/v1/database/DB/logs?follow=maybe", { who: "owner" }), 400], [other("POST /v1/database/DB/logs", { who: "owner" }), 405],
];

/** A row for put_kind with some columns as given, as text. */
function kind(given) {
  const columns = { id: "90", yes: "true", b8: "1", s8: "1", b16: "1", s16: "1", b32: "1", s32: "1", b64: "1", s64: "1", b128: "1", s128: "1", b256: "\"0x1\"", s256: "\"0x1\"",
    real: "1", double: "1", words: "\"w\"", raw: "\"00\"", who: `["0x${"0".repeat(64)}"]`, link: "[0]", at: "[1]", span: "[1]", uid: "[1]", maybe: "null",
    many: "[]", mood: "{\"Calm\":[]}", size: "[1,2]" };
  return `[${Object.keys(columns).map(name => given[name] ?? columns[name]).join(",")}]`;
}
