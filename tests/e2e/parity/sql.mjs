// What SELECT, INSERT, UPDATE and DELETE mean (docs/sql.md): [statement, answer], where the answer is the rows in any order, or what the
// refusal says. `as(owner's, stranger's)`: theirs differ. Rows of one column stand without their brackets.

export const as = (owner, stranger) => ({ owner, stranger });

const wide = hex => `${BigInt(`0x${hex}`)}`; // as numbers stand in JSON

/** One row of each column type's ends, and what is between. */
const kinds = ({ owner, stranger }) => [
  [1, true, 1, -1, 2, -2, 1, -3, 1, -4, 1, -5, "0x1", "-0x6", 1.5, 0.1, "one", "0102", [owner], [wide("01".repeat(16))], [1704164645000000], [1000000],
    [wide("0190a1b2c3d47e5f8a9b0c1d2e3f4051")], { some: "x" }, [1, 2], { Calm: [] }, [1, 2]],
  [2, false, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "0x0", "0x0", 0, 0, "", "", ["0x" + "00".repeat(32)], [0], [0], [0],
    [0], null, [], { Angry: [] }, [0, 0]],
  [3, true, 255, 127, 65535, 32767, 4294967295, 2147483647, "18446744073709551615", "9223372036854775807", "340282366920938463463374607431768211455",
    "170141183460469231731687303715884105727", "0x" + "ff".repeat(32), "0x7f" + "ff".repeat(31), 3.4028234663852886e38, 1.5e308, "o'k", "ff", [stranger],
    [wide("ff".repeat(16))], [4102444800000000], [-1], [wide("ffffffffffffffffffffffffffffffff")], { some: "5" }, [-1], { VerySleepy: [] }, [-1, -2]],
  [4, false, 10, -128, 1000, -32768, 100000, -2147483648, 1000000, "-9223372036854775808", 1, "-170141183460469231731687303715884105728", "0x64",
    "-0x80" + "00".repeat(31), -0.5, -1e-300, "1e1", "00ff", [owner], [wide("01".repeat(16))], [-1], [5], [wide("0190a1b2c3d47e5f8a9b0c1d2e3f4051")], null, [],
    { Calm: [] }, [0, 0]],
];

/** [reducer, arguments, who] */
export const setup = ids => [
  ...kinds(ids).map(row => ["put_kind", row]),
  ["put_hero", [1, "ann", 1, 5]], ["put_hero", [2, "bob", 1, 12]], ["put_hero", [3, "cyd", 2, 12]], ["put_hero", [4, "dan", 2, 20]],
  ["put_hero", [5, "o'k", 3, -1]], ["put_hero", [6, "Zoë", 3, 0]],
  ["find_loot", [1, "axe", 1]], ["find_loot", [1, "bow", 2]], ["find_loot", [2, "axe", 11]], ["find_loot", [4, "gem", 50]], ["find_loot", [9, "lost", 0]],
  ["say", [1, "hello"]], ["say", [1, "again"]], ["say", [2, "hello"]],
  ["hide", [1, "alpha"]], ["put_mine", [1, "owner's"], "owner"], ["put_mine", [2, "stranger's"], "stranger"],
  ["decorate", ["boss"], "owner"],
];

const all = [1, 2, 3, 4];
const k = where => `SELECT id FROM kind WHERE ${where}`;
const h = where => `SELECT id FROM hero WHERE ${where}`;
const cannot = /cannot be parsed as type/;

export const cases = ({ owner, stranger }) => [
  // ---- comparisons of each type
  [k("yes"), [1, 3]], [k("yes = false"), [2, 4]], [k("yes <> true"), [2, 4]], [k("yes < true"), [2, 4]], [k("true = yes"), [1, 3]],
  [k("b8 = 255"), [3]], [k("b8 < 10"), [1, 2]], [k("b8 >= 10"), [3, 4]], [k("s8 = -128"), [4]], [k("s8 <= -1"), [1, 4]],
  [k("b16 = 65535"), [3]], [k("s16 < 0"), [1, 4]], [k("b32 = 4294967295"), [3]], [k("s32 > -4"), [1, 2, 3]],
  [k("b64 = 18446744073709551615"), [3]], [k("b64 > 9223372036854775807"), [3]], [k("b64 <> 1"), [2, 3, 4]], [k("s64 = -9223372036854775808"), [4]],
  [k("b128 = 340282366920938463463374607431768211455"), [3]], [k("b128 < 2"), [1, 2, 4]],
  [k("s128 = -170141183460469231731687303715884105728"), [4]], [k("s128 > 0"), [3]],
  [k("b256 = 100"), [4]], [k("b256 >= 100"), [3, 4]], [k("s256 < 0"), [1, 4]], [k("s256 = -6"), [1]],
  [k("real = 1.5"), [1]], [k("real < 0"), [4]], [k("real = 0"), [2]], [k("real = -0.0"), [2]], [k("double = 0.1"), [1]], [k("double > 1e308"), [3]],
  [k("double = 0.1000000000000000055511151231257827"), [1]], [k("double < 1e309"), all], [k("real < 1e39"), all], [k("real > -1e39"), all],
  [k("words = 'one'"), [1]], [k("words = ''"), [2]], [k("words = 'o''k'"), [3]], [k("words > 'o'"), [1, 3]], [k("words <> 'one'"), [2, 3, 4]],
  [k("raw = 0x0102"), [1]], [k("raw = X'0102'"), [1]], [k("raw = '0102'"), [1]], [k("raw = X''"), [2]], [k("raw = 0x"), [2]], [k("raw >= 0xff"), [3]], [k("raw < X'01'"), [2, 4]],
  [k(`who = ${owner}`), [1, 4]], [k(`who = '${owner}'`), [1, 4]], [k(`who = X'${owner.slice(2)}'`), [1, 4]], [k("who = :sender"), as([1, 4], [3])],
  [k("who = : sender"), as([1, 4], [3])], [k(":sender = who"), as([1, 4], [3])], [k(`who <> ${stranger}`), [1, 2, 4]],
  [k(`link = 0x${"01".repeat(16)}`), [1, 4]], [k(`link = '${"01".repeat(16)}'`), [1, 4]], [k(`link <> 0x${"00".repeat(16)}`), [1, 3, 4]],
  [k("at = '2024-01-02T03:04:05Z'"), [1]], [k("at = '2024-01-02 03:04:05Z'"), [1]], [k("at = '2024-01-02t03:04:05z'"), [1]],
  [k("at = '2024-01-02T05:04:05+02:00'"), [1]], [k("at = '2024-01-02T03:04:05.000000999Z'"), [1]], [k("at = '2024-01-02T03:03:65Z'"), cannot],
  [k("at = '2024-01-02T03:03:60Z'"), []], [k("at < '1970-01-01T00:00:00Z'"), [4]], [k("at >= '2099-12-31T23:59:60Z'"), [3]],
  [k("at = '2024-01-02'"), cannot], [k("at = '2024-01-02T03:04:05'"), cannot], [k("at = '2024-13-02T03:04:05Z'"), cannot],
  [k("uid = '0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051'"), [1, 4]], [k("uid = '0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4051'"), [1, 4]],
  [k("uid = '0190a1b2c3d47e5f8a9b0c1d2e3f4051'"), [1, 4]], [k("uid = '{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051}'"), [1, 4]],
  [k("uid = 'urn:uuid:0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4051'"), [1, 4]], [k("uid = '0190a1b2-c3d4'"), cannot],
  [k("uid < '01000000-0000-0000-0000-000000000000'"), [2]],

  // ---- forms of numbers
  [k("b16 = 1e3"), [4]], [k("b16 = 1E3"), [4]], [k("b16 = 1000.0"), [4]], [k("b16 = 1000."), [4]], [k("b16 = 1.e3"), [4]], [k("b16 = 0001000"), [4]],
  [k("b16 = 1000L"), [4]], [k("b16 = +1000"), [4]], [k("b16 = - 1000"), cannot], [k("s32 = - 3"), [1]], [k("b16 = 10e2"), [4]], [k("b16 = 0.1e4"), [4]],
  [k("b16 = '1000'"), [4]], [k("b16 = '1e3'"), [4]], [k("b16 = '+1000'"), [4]], [k("b16 = ' 1000'"), cannot], [k("b16 = 'x'"), cannot],
  [k("b16 = 1000.5"), cannot], [k("b8 = 256"), cannot], [k("b8 = -1"), cannot], [k("s8 = 128"), cannot], [k("b64 = 18446744073709551616"), cannot],
  [k("b8 = true"), cannot], [k("yes = 1"), cannot], [k("yes = 'true'"), cannot], [k("b32 = 1e5"), [4]],
  [k("words = 1e1"), [4]], [k("words = 5"), []], [k("double = 'nan'"), cannot], [k("double = 'inf'"), cannot],
  [k("raw = 0x0"), cannot], [k("raw = 'zz'"), cannot], [k("who = 0x01"), cannot], [k("b256 = 1e2"), [4]],

  // ---- options, which are SQLite's here
  [k("maybe = 'x'"), [1]], [k("maybe <> 'x'"), [3]], [k("maybe = maybe"), [1, 3]], [k("maybe < words"), [3]], [k("maybe < 'a' OR id = 2"), [2, 3]], [k("maybe"), [3]],
  ["SELECT COUNT(*) AS n FROM kind WHERE maybe >= '5'", [2]], ["SELECT id FROM kind WHERE maybe IS NULL", [2, 4]],

  // ---- conditions
  [h("id = 1 OR id = 2 AND level = 0"), [1]], [h("(id = 1 OR id = 2) AND level = 12"), [2]], [h("((id = 1))"), [1]], [h("id = (1)"), [1]], [h("(id) = 1"), [1]],
  [h("1 = id"), [1]], [h("20 > level AND level > 5"), [2, 3]], [h("id == 1"), [1]], [h("id != 1"), [2, 3, 4, 5, 6]], [h("id <> 1"), [2, 3, 4, 5, 6]],
  [h("true"), [1, 2, 3, 4, 5, 6]], [h("false"), []], [h("true AND id = 2"), [2]], [h("guild = id"), [1]], [h("guild < id"), [2, 3, 4, 5, 6]],
  [h("name = 'Zoë'"), [6]], [h("name = 'zoë'"), []], [h("guild = 1 AND level = 12"), [2]], [h("guild = 2 AND level >= 12"), [3, 4]],
  [h("level >= 0 AND level <= 12"), [1, 2, 3, 6]], [h("level = 12 OR level = -1"), [2, 3, 5]],
  ["select ID from hero where id = 1", /`ID` is not in scope/], ["sElEcT id fRoM hero wHeRe id = 1", [1]], ["SELECT id FROM hero -- all of them\nWHERE id = 1", [1]], ["SELECT id /* a /* b */ c */ FROM hero WHERE id = 1", [1]],
  ["SELECT id FROM hero WHERE id = 1;", [1]], ["SELECT \"id\" FROM \"hero\" WHERE \"hero\".\"id\" = 1", [1]], ["SELECT x.id FROM hero AS x WHERE x.id = 1", [1]],
  ["SELECT x.id FROM hero x WHERE x.id = 1", [1]], ["SELECT id AS x, name AS y FROM hero WHERE id = 1", [[1, "ann"]]],
  ["SELECT name, id FROM hero WHERE id = 1", [["ann", 1]]], ["SELECT * FROM hero WHERE id = 1", [[1, "ann", 1, 5]]],
  ["SELECT hero.* FROM hero WHERE id = 1", [[1, "ann", 1, 5]]], ["SELECT id FROM hero x WHERE hero.id = 1", /hero/],
  ["SELECT nope FROM hero", /nope/], ["SELECT id FROM hero WHERE nope = 1", /nope/], ["SELECT id FROM nope", /no such table: `nope`/],
  ["SELECT id FROM hidden", as([1], /no such table: `hidden`/)], ["SELECT id, id FROM hero", as(/Duplicate name|id/, /Duplicate name|id/)],

  // ---- COUNT, LIMIT
  ["SELECT COUNT(*) AS n FROM hero", [6]], ["SELECT count(*) n FROM hero WHERE guild = 1", [2]], ["SELECT COUNT(*) AS n FROM hero WHERE id = 99", [0]],
  ["SELECT COUNT(*) AS n FROM hero LIMIT 0", []], ["SELECT COUNT(*) AS n FROM hero LIMIT 2", [6]], ["SELECT COUNT(*) AS n FROM mine", as([2], [1])],
  ["SELECT COUNT(*) AS n FROM my_things", [1]], ["SELECT COUNT(*) AS n FROM hero h JOIN loot l ON h.id = l.holder", [4]],
  ["SELECT COUNT(*) AS n FROM blow", [0]], ["SELECT id FROM hero LIMIT 0", []], ["SELECT COUNT(*) AS n FROM hidden", as([1], /no such table/)],
  ["SELECT id FROM hero LIMIT ALL", [1, 2, 3, 4, 5, 6]], ["SELECT id FROM hero LIMIT 100", [1, 2, 3, 4, 5, 6]], ["SELECT id FROM hero LIMIT 1e1", [1, 2, 3, 4, 5, 6]],
  ["SELECT id FROM hero WHERE id = 3 LIMIT 1.0", [3]], ["SELECT id FROM hero LIMIT 18446744073709551615", [1, 2, 3, 4, 5, 6]],
  ["SELECT id FROM hero LIMIT 18446744073709551616", /./], ["SELECT id FROM hero LIMIT 'x'", /./], ["SELECT id FROM hero LIMIT", /./],
  ["SELECT id FROM hero LIMIT 1 WHERE id = 1", /./],

  // ---- joins
  ["SELECT h.* FROM hero h JOIN loot l ON h.id = l.holder WHERE l.what = 'axe'", [[1, "ann", 1, 5], [2, "bob", 1, 12]]],
  ["SELECT h.id FROM hero h JOIN loot l ON h.id = l.holder", [1, 1, 2, 4]], ["SELECT l.id FROM hero h JOIN loot l ON l.holder = h.id WHERE h.guild = 1", [1, 2, 3]],
  ["SELECT l.id FROM hero h INNER JOIN loot l ON h.id = l.holder WHERE h.id = 1", [1, 2]],
  ["SELECT r.words FROM remark r JOIN hero h ON r.hero = h.id WHERE h.name = 'ann'", ["hello", "again"]],
  ["SELECT a.id FROM hero a JOIN hero b ON a.guild = b.guild WHERE b.name = 'cyd'", [3, 4]],
  ["SELECT COUNT(*) AS n FROM hero h CROSS JOIN loot l", [30]],
  ["SELECT l.what FROM hero h JOIN loot l ON h.id = l.holder JOIN remark r ON r.hero = h.id WHERE r.words = 'hello'", ["axe", "bow", "axe"]],
  ["SELECT m.id FROM mine m JOIN hero h ON m.id = h.id", as([1, 2], [2])],
  ["SELECT x.id FROM high_heroes x JOIN loot l ON x.id = l.holder", [2, 4]],
  ["SELECT h.id FROM hero h JOIN loot l ON h.id = l.nope", /nope/], ["SELECT h.id FROM hero h JOIN nope n ON h.id = n.id", /nope/],

  // ---- rules and views
  ["SELECT id FROM mine", as([1, 2], [2])], ["SELECT id FROM mine WHERE id = 1", as([1], [])], ["SELECT body FROM my_things", as(["owner's"], ["stranger's"])],
  ["SELECT title FROM my_medal", as(["boss"], [])], ["SELECT id FROM high_heroes", [2, 3, 4]], ["SELECT id FROM high_heroes WHERE guild = 2", [3, 4]],
  ["SELECT id FROM heavy_loot", [3, 4]], ["SELECT id FROM fragile WHERE id = 1", [1]],

  ["\u00a0SELECT\u3000id FROM hero WHERE id\u00a0= 1\u00a0", [1]],

  // ---- what describes the module, for the owner
  ["SELECT table_name FROM st_table WHERE table_access = 'private' AND table_type = 'user'", as(["hidden", "medal"], /no such table: `st_table`/)],
  ["SELECT table_primary_key FROM st_table WHERE table_name = 'hero'", as(["[0]"], /no such table/)],
  ["SELECT c.col_pos, c.col_name, c.col_type FROM st_table t JOIN st_column c ON t.table_id = c.table_id WHERE t.table_name = 'loot'",
    as([[0, "id", "U64"], [1, "holder", "U32"], [2, "what", "String"], [3, "n", "I32"]], /no such table/)],
  ["SELECT index_algorithm FROM st_index WHERE index_name LIKE 'hero_guild%'", as(["{\"BTree\":[2,3]}"], /no such table/)],
  ["SELECT constraint_name FROM st_constraint WHERE constraint_name LIKE 'hero%'", as(["hero_id_key", "hero_name_key"], /no such table/)],
  ["SELECT view_name FROM st_view WHERE is_anonymous = false", as(["my_medal", "my_things"], /no such table/)], ["SELECT sql FROM st_row_level_security", as([
    "SELECT * FROM mine WHERE owner = :sender"], /no such table/)], ["SELECT reducer_name FROM st_scheduled WHERE reducer_name <> ''", as(["ring"], /no such table/)],
  ["SELECT t.table_name FROM st_event_table e JOIN st_table t ON t.table_id = e.table_id", as(["blow"], /no such table/)], ["SELECT * FROM st_nope", /no such table: `st_nope`/],
  ["SELECT sequence_name FROM st_sequence WHERE sequence_name LIKE 'loot%'", as(["loot_id_seq"], /no such table/)], ["DELETE FROM st_table", as(/may not be|cannot be/, /owner/)],

  // ---- forms that are no SELECT of ours
  ["", /./], [";", /./], ["   ", /./], ["SELECT", /./], ["SELECT * FROM", /./], ["SELECT FROM hero", /./], ["SELECT * FROM hero WHERE", /./],
  ["SELECT * FROM hero WHERE id =", /./], ["SELECT * FROM hero WHERE id = 'open", /./], ["SELECT * FROM hero WHERE id = $1", /./],
  ["SELECT * FROM hero WHERE id = ?", /./], ["SELECT * FROM hero WHERE id = :other", /./], ["SELECT * FROM hero WHERE id = 1 garbage", /./],
  ["CREATE TABLE t (id INT)", /./], ["DROP TABLE hero", /./], ["BEGIN", /./], ["EXPLAIN nonsense", /./], ["SELECT id FROM hero END WHERE id = 1", [1]], // END is a name
 
  ["SELECT \uff11 FROM hero", /./], ["\ufeffSELECT id FROM hero", /./],

  // ---- changing rows: the owner's (each is undone by the next)
  ["INSERT INTO hero (id, name, guild, level) VALUES (70, 'new', 7, 1)", as([], /owner/)],
  ["SELECT id, level FROM hero WHERE guild = 7", as([[70, 1]], [[70, 1]])],
  ["INSERT INTO hero (id, name, guild, level) VALUES (70, 'other', 7, 1)", as(/unique/i, /owner/)],
  ["INSERT INTO hero (id, name, guild, level) VALUES (300, 'ann', 7, 1)", as(/unique/i, /owner/)],
  ["INSERT INTO hero (id, name, guild, level) VALUES (-1, 'x', 7, 1)", as(/./, /owner/)],
  ["INSERT INTO hero (id, name, guild) VALUES (71, 'x', 7)", as(/./, /owner/)],
  ["INSERT INTO hero (id, name, guild, level, nope) VALUES (71, 'x', 7, 1, 1)", as(/nope/, /owner/)],
  ["UPDATE hero SET level = 3 WHERE id = 70", as([], /owner/)], ["SELECT level FROM hero WHERE id = 70", [3]],
  ["UPDATE hero SET nope = 3 WHERE id = 70", as(/nope/, /owner/)], ["UPDATE hero SET id = 1 WHERE id = 70", as(/unique/i, /owner/)],
  ["DELETE FROM hero WHERE id = 70", as([], /owner/)], ["SELECT id FROM hero WHERE guild = 7", []], ["DELETE FROM hero WHERE id = 70", as([], /owner/)],
  ["DELETE FROM my_medal", as(/./, /owner/)], ["DELETE FROM st_client", as(/./, /owner/)], ["DELETE FROM hero END WHERE id = 99", as(/./, /./)],
  ["SELECT COUNT(*) AS n FROM hero", [6]],
];

/** Texts that may, and may not, be subscribed to. */
export const subscriptions = {
  granted: [
    "SELECT * FROM hero", "select * from hero", "SELECT hero.* FROM hero", "SELECT * FROM hero WHERE id = 1;", " SELECT * FROM hero ", "SELECT * FROM *",
    "SELECT * FROM \"hero\" WHERE \"hero\".\"level\" > 3", "SELECT h.* FROM hero h WHERE h.id = 1 AND h.level = 5",
    "SELECT * FROM kind WHERE who = :sender", "SELECT * FROM kind WHERE b16 = 1000L", "SELECT * FROM kind WHERE mood = 'Calm'", "SELECT * FROM kind WHERE mood = 'calm'",
    "SELECT * FROM kind WHERE maybe = 'x'", "SELECT * FROM kind WHERE maybe = NULL", "SELECT * FROM kind WHERE NOT (id = 1 OR id = 2)",
    "SELECT h.* FROM hero h JOIN loot l ON h.id = l.holder", "SELECT l.* FROM hero h JOIN loot l ON h.id = l.holder WHERE h.guild = 1",
    "SELECT r.* FROM remark r JOIN hero h ON r.hero = h.id", "SELECT * FROM mine", "SELECT * FROM my_medal", "SELECT * FROM high_heroes WHERE guild = 2",
    "SELECT l.* FROM high_heroes x JOIN loot l ON x.id = l.holder", "SELECT * FROM blow", "SELECT * FROM blow WHERE target = 1", "SELECT * FROM presence",
    "SELECT * FROM hero WHERE TRUE = TRUE",
  ],
  refused: [
    ["", /Empty/], ["SELECT id FROM hero", /Column projections are not supported/], ["SELECT COUNT(*) AS n FROM hero", /Column projections|Unsupported/],
    ["SELECT * FROM hero LIMIT 1", /Unsupported/], ["SELECT * FROM hero ORDER BY id", /Unsupported/], ["SELECT DISTINCT * FROM hero", /Unsupported/],
    ["SELECT * FROM hero GROUP BY id", /Unsupported/], ["SELECT * FROM hero UNION SELECT * FROM hero", /Unsupported/], ["WITH x AS (SELECT 1) SELECT * FROM x", /Unsupported/],
    ["SELECT * FROM hero h JOIN loot l ON h.id = l.holder", /SELECT \* is not supported for joins/], ["SELECT h.* FROM hero h, loot l", /Implicit joins are not supported/],
    ["SELECT h.* FROM hero h LEFT JOIN loot l ON h.id = l.holder", /Non-inner joins are not supported/], ["SELECT h.* FROM hero h JOIN loot l", /index|ON/],
    ["SELECT r.* FROM remark r JOIN remark s ON r.words = s.words", /index/], ["SELECT h.* FROM hero h JOIN loot l ON h.id = l.holder AND l.n = 1", /Non-inner joins/],
    ["SELECT h.* FROM hero h JOIN loot l ON h.id = l.holder WHERE id = 1", /qualified/], ["SELECT h.* FROM hero h JOIN remark r ON h.name = r.hero", /Unexpected type/],
    ["INSERT INTO hero (id) VALUES (1)", /Unsupported: Non-SELECT/], ["DELETE FROM hero", /Unsupported: Non-SELECT/], ["SET row_limit = 1", /Unsupported: Non-SELECT/],
    ["SELECT * FROM nope", /no such table: `nope`/], ["SELECT * FROM hidden", /no such table: `hidden`/], ["SELECT * FROM hero WHERE nope = 1", /nope/],
    ["SELECT * FROM hero WHERE id = 'x'", cannot], ["SELECT * FROM hero WHERE id = name", /Unexpected type/], ["SELECT * FROM hero WHERE 1 = 1", /Cannot resolve type/],
    ["SELECT * FROM hero WHERE id", /Unexpected type/], ["SELECT * FROM hero WHERE id IN (1, 2)", /Unsupported expression/],
    ["SELECT * FROM hero WHERE id BETWEEN 1 AND 2", /Unsupported expression/], ["SELECT * FROM hero WHERE name LIKE 'a%'", /Unsupported expression/],
    ["SELECT * FROM hero WHERE id + 1 = 2", /Unsupported binary operator/], ["SELECT * FROM hero WHERE id = $1", /Unsupported/], ["SELECT * FROM hero; SELECT * FROM loot", /Multiple/],
    ["SELECT * FROM hero WHERE id = 0x1", cannot], ["SELECT 1", /FROM clause/], ["SELECT *, id FROM hero", /Mixed wildcard/], ["SELECT * FROM kind WHERE size = 1", cannot],
    ["SELECT * FROM kind WHERE span = 1", /./], ["SELECT * FROM kind WHERE many = 1", cannot], ["SELECT * FROM hero h WHERE hero.id = 1", /`hero` is not in scope/],
    ["SELECT nope.* FROM hero", /not in scope/], 
  ],
};
