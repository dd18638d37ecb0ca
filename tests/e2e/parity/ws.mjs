// Conversations: what each client of a scenario is told, step by step. A step is what client `a`, `b` or `c` (each an identity of its own; `a2`
// is a second connection of a's) does, and what they hear of it; nobody else hears anything. {n} is a number of the scenario's own.
//
//   sub SET text; text …     applied SET table[rows] …  |  refused SET
//   unsub SET / drop SET     gone SET                   |  gone SET table[rows] …   (the second wants the rows)
//   once text                once table[rows]           |  once refused
//   call reducer args        ok [SET table +rows -rows …]  |  err text  |  failed
//   leave / break / come     (a Close; TCP ends; again, or `b2`, with the token of `b`)
//   run procedure args       returned VALUE             |  run failed
//                            update SET table +rows -rows …
//
// Rows are tuples in BSATN order, sorted; `-` before those deleted. Of an event table they are `!`.

const hero = (id, name, level, guild = "{n}") => `(${id},${name},${guild},${level})`;

export const scenarios = [
  ["rows come, change and go", [
    ["a sub 1 SELECT * FROM remark WHERE hero = {n}", { a: "applied 1 remark[]" }],
    ["b call say {n} hello", { b: "ok", a: "update 1 remark +({n},hello)" }],
    ["b call nothing", { b: "ok" }],
    ["a call say {n} mine", { a: "ok 1 remark +({n},mine)" }],
    ["b call unsay {n} hello", { b: "ok", a: "update 1 remark -({n},hello)" }],
    ["b call unsay {n} absent", { b: "ok" }],
    ["b call say_and_unsay {n} blink", { b: "ok" }],
    ["b call say {n} mine", { b: "ok" }], // equal to one that is there
    ["a drop 1", { a: "gone 1 remark[({n},mine)]" }],
    ["b call say {n} more", { b: "ok" }],
    ["a sub 1 SELECT * FROM remark WHERE hero = {n}", { a: "applied 1 remark[({n},mine)({n},more)]" }],
    ["a unsub 1", { a: "gone 1" }],
  ]],
  ["failed calls leave nothing", [
    ["a sub 1 SELECT * FROM remark WHERE hero = 0", { a: "applied 1 remark[]" }],
    ["a call refuse no", { a: "err no" }],
    ["b call crash no", { b: "failed" }],
    ["b call nosuch", { b: "failed" }],
    ["b call rise 999999 1", { b: "err no such hero" }],
  ]],
  ["sets and their ids", [
    ["a sub 0 SELECT * FROM remark WHERE hero = {n}", { a: "applied 0 remark[]" }],
    ["a sub 0 SELECT * FROM hero WHERE guild = {n}", { a: "refused 0" }],
    ["a sub 7", { a: "applied 7" }],
    ["a sub 8 SELECT * FROM remark WHERE hero = {n}; SELECT nonsense", { a: "refused 8" }],
    ["a sub 8 SELECT * FROM remark WHERE hero = {n}; SELECT * FROM remark WHERE hero = {n}", { a: "applied 8 remark[]" }],
    ["a sub 9 SELECT * FROM remark WHERE hero = {n}; SELECT * FROM remark WHERE (hero = {n})", { a: "applied 9 remark[] remark[]" }],
    ["b call say {n} x", { b: "ok", a: "update 0 remark +({n},x) 8 remark +({n},x) 9 remark +({n},x) +({n},x)" }],
    ["a drop 8", { a: "gone 8 remark[({n},x)]" }],
    ["a drop 8", { a: "refused 8" }],
    ["a unsub 7", { a: "gone 7" }],
    ["b call unsay {n} x", { b: "ok", a: "update 0 remark -({n},x) 9 remark -({n},x) -({n},x)" }],
  ]],
  ["rows move in and out of a filter", [
    ["a sub 1 SELECT * FROM hero WHERE guild = {n} AND level > 5", { a: "applied 1 hero[]" }],
    [`b call put_hero {n}0 k{n} {n} 5`, { b: "ok" }],
    ["b call rise {n}0 6", { b: "ok", a: `update 1 hero +${hero("{n}0", "k{n}", 6)}` }],
    ["b call rise {n}0 7", { b: "ok", a: `update 1 hero +${hero("{n}0", "k{n}", 7)} -${hero("{n}0", "k{n}", 6)}` }],
    ["b call rise {n}0 7", { b: "ok" }],
    ["b call rewrite {n}0", { b: "ok" }],
    ["b call rise_twice {n}0 9 8", { b: "ok", a: `update 1 hero +${hero("{n}0", "k{n}", 8)} -${hero("{n}0", "k{n}", 7)}` }],
    ["b call rise_twice {n}0 9 8", { b: "ok" }],
    ["b call rename {n}0 {n}1", { b: "ok", a: `update 1 hero +${hero("{n}1", "k{n}", 8)} -${hero("{n}0", "k{n}", 8)}` }],
    ["b call rise {n}1 0", { b: "ok", a: `update 1 hero -${hero("{n}1", "k{n}", 8)}` }],
  ]],
  ["a join from both sides", [
    ["b call put_hero {n}0 j{n} {n} 1", { b: "ok" }],
    ["a sub 1 SELECT l.* FROM hero h JOIN loot l ON h.id = l.holder WHERE h.level > 5 AND h.guild = {n}", { a: "applied 1 loot[]" }],
    ["a sub 2 SELECT h.* FROM hero h JOIN loot l ON h.id = l.holder WHERE h.guild = {n}", { a: "applied 2 hero[]" }],
    ["b call find_loot {n}0 axe 1", { b: "ok", a: `update 2 hero +${hero("{n}0", "j{n}", 1)}` }],
    ["b call find_loot {n}0 bow 2", { b: "ok", a: `update 2 hero +${hero("{n}0", "j{n}", 1)}` }],
    ["b call rise {n}0 6", { b: "ok", a: `update 1 loot +(#,{n}0,axe,1) +(#,{n}0,bow,2) 2 hero +${hero("{n}0", "j{n}", 6)} +${hero("{n}0", "j{n}", 6)} ` +
      `-${hero("{n}0", "j{n}", 1)} -${hero("{n}0", "j{n}", 1)}` }],
    ["b call rise_and_count {n}0 7 5", { b: "ok", a: "update 1 loot +(#,{n}0,axe,5) +(#,{n}0,bow,5) -(#,{n}0,axe,1) -(#,{n}0,bow,2) " +
      `2 hero +${hero("{n}0", "j{n}", 7)} +${hero("{n}0", "j{n}", 7)} -${hero("{n}0", "j{n}", 6)} -${hero("{n}0", "j{n}", 6)}` }],
    ["b call rise_and_count {n}0 7 5", { b: "ok" }],
    ["b call rise_and_count {n}0 0 9", { b: "ok", a: "update 1 loot -(#,{n}0,axe,5) -(#,{n}0,bow,5) " +
      `2 hero +${hero("{n}0", "j{n}", 0)} +${hero("{n}0", "j{n}", 0)} -${hero("{n}0", "j{n}", 7)} -${hero("{n}0", "j{n}", 7)}` }],
    ["a drop 2", { a: `gone 2 hero[${hero("{n}0", "j{n}", 0)}${hero("{n}0", "j{n}", 0)}]` }],
    ["b call drop_hero {n}0", { b: "ok" }],
  ]],
  ["rows that are one's own", [
    ["a sub 1 SELECT * FROM mine WHERE body = 'b{n}'", { a: "applied 1 mine[]" }],
    ["a2 sub 1 SELECT * FROM mine WHERE body = 'b{n}'", { a2: "applied 1 mine[]" }],
    ["b sub 1 SELECT * FROM mine WHERE body = 'b{n}'", { b: "applied 1 mine[]" }],
    ["a call put_mine {n} b{n}", { a: "ok 1 mine +({n},@a,b{n})", a2: "update 1 mine +({n},@a,b{n})" }],
    ["a call hand_over {n} @b", { a: "ok 1 mine -({n},@a,b{n})", a2: "update 1 mine -({n},@a,b{n})", b: "update 1 mine +({n},@b,b{n})" }],
    ["c once SELECT * FROM mine WHERE body = 'b{n}'", { c: "once mine[]" }],
    ["b once SELECT * FROM mine WHERE body = 'b{n}'", { b: "once mine[({n},@b,b{n})]" }],
  ]],
  ["a view of one row", [
    ["a sub 1 SELECT * FROM my_medal", { a: "applied 1 my_medal[]" }],
    ["b sub 1 SELECT * FROM my_medal", { b: "applied 1 my_medal[]" }],
    ["a call decorate first", { a: "ok 1 my_medal +(@a,first)" }],
    ["a call decorate first", { a: "ok" }],
    ["a call decorate second", { a: "ok 1 my_medal +(@a,second) -(@a,first)" }],
    ["b call decorate other", { b: "ok 1 my_medal +(@b,other)" }],
    ["a call undecorate", { a: "ok 1 my_medal -(@a,second)" }],
    ["b once SELECT * FROM my_medal", { b: "once my_medal[(@b,other)]" }],
    ["a sub 2 SELECT * FROM medal", { a: "refused 2" }],
  ]],
  ["views of rows and of a query", [
    ["a sub 1 SELECT * FROM high_heroes WHERE guild = {n}", { a: "applied 1 high_heroes[]" }],
    ["a sub 2 SELECT * FROM heavy_loot WHERE holder = {n}0", { a: "applied 2 heavy_loot[]" }],
    ["a sub 3 SELECT * FROM my_things WHERE body = 'v{n}'", { a: "applied 3 my_things[]" }],
    ["b call put_hero {n}0 v{n} {n} 9", { b: "ok" }],
    ["b call rise {n}0 10", { b: "ok", a: `update 1 high_heroes +${hero("{n}0", "v{n}", 10)}` }],
    ["b call rise {n}0 11", { b: "ok", a: `update 1 high_heroes +${hero("{n}0", "v{n}", 11)} -${hero("{n}0", "v{n}", 10)}` }],
    ["b call find_loot {n}0 axe 10", { b: "ok" }],
    ["b call find_loot {n}0 axe 11", { b: "ok", a: "update 2 heavy_loot +(#,{n}0,axe,11)" }],
    ["a call put_mine {n} v{n}", { a: "ok 3 my_things +({n},@a,v{n})" }],
    ["b call drop_hero {n}0", { b: "ok", a: `update 1 high_heroes -${hero("{n}0", "v{n}", 11)}` }],
  ]],
  ["events", [
    ["a sub 1 SELECT * FROM blow WHERE target = {n}", { a: "applied 1" }],
    ["a sub 2 SELECT * FROM blow WHERE target = {n} AND force > 1; SELECT * FROM remark WHERE hero = {n}", { a: "applied 2 remark[]" }],
    ["b call strike {n} 1 3", { b: "ok", a: "update 1 blow !({n},1) !({n},2) !({n},3) 2 blow !({n},2) !({n},3)" }],
    ["b call strike_and_say {n} ow", { b: "ok", a: "update 1 blow !({n},1) 2 remark +({n},ow)" }],
    ["a call strike {n} 9 1", { a: "ok 1 blow !({n},9) 2 blow !({n},9)" }],
    ["b once SELECT * FROM blow WHERE target = {n}", { b: "once blow[]" }],
    ["b sub 3 SELECT * FROM blow WHERE target = {n}", { b: "applied 3" }],
    ["a unsub 1", { a: "gone 1" }],
    ["b call strike {n} 1 1", { b: "ok 3 blow !({n},1)" }],
  ]],
  ["procedures", [
    ["a sub 1 SELECT * FROM remark WHERE hero = {n}", { a: "applied 1 remark[]" }],
    ["b run sum_of 20 22", { b: "returned 2a000000" }],
    ["b run say_twice {n} p", { b: "returned 0200000000000000", a: ["update 1 remark +({n},p once)", "update 1 remark +({n},p twice)"] }],
    ["a run say_twice {n} q", { a: ["update 1 remark +({n},q once)", "update 1 remark +({n},q twice)", "returned 0200000000000000"] }],
    ["a run say_in_vain v", { a: "returned 010100000076" }],
    ["a run boom", { a: "run failed" }],
    ["a run nosuch", { a: "run failed" }],
    ["a run nap 1", { a: "returned 01" }],
  ]],
  ["alarms", [
    ["a sub 1 SELECT * FROM rung WHERE label = 'l{n}' OR label = 'r{n}'", { a: "applied 1 rung[]" }],
    ["a sub 2 SELECT * FROM alarm WHERE label = 'l{n}'", { a: "applied 2 alarm[]" }],
    ["b call set_alarm l{n} 30 0", { b: "ok", a: ["update 2 alarm +(#,?,l{n})", "update 1 rung +(#,#,l{n},1) 2 alarm -(#,?,l{n})"] }],
    ["b call set_alarm bad 1 0", { b: "ok" }],
    ["b call set_alarm x{n} 5 0", { b: "ok" }],
    ["b call set_alarm far{n} 60000 1", { b: "ok" }],
    ["b call stop_alarm far{n}", { b: "ok" }],
  ]],
  ["who is there", [
    ["a sub 1 SELECT * FROM presence WHERE who = 0x@b", { a: "applied 1 presence[(?,@b)]" }],
    ["b leave", { a: "update 1 presence -(?,@b)" }],
    ["b come", { a: "update 1 presence +(?,@b)" }],
    ["b2 come", { a: "update 1 presence +(?,@b)" }],
    ["b sub 1 SELECT * FROM presence WHERE who = :sender", { b: "applied 1 presence[(?,@b)(?,@b)]" }],
    ["b2 leave", { a: "update 1 presence -(?,@b)", b: "update 1 presence -(?,@b)" }],
    ["b break", { a: "update 1 presence -(?,@b)" }],
    ["b come", { a: "update 1 presence +(?,@b)" }],
    ["b once SELECT * FROM presence WHERE who = :sender", { b: "once presence[(?,@b)]" }], // nothing of before is left
  ]],
  ["what cannot be asked", [
    ["a once SELECT * FROM hidden", { a: "once refused" }],
    ["a once SELECT id FROM hero", { a: "once refused" }],
    ["a once SELECT * FROM hero WHERE guild = {n}; SELECT * FROM loot", { a: "once refused" }],
    ["a once SELECT * FROM hero WHERE guild = {n}", { a: "once hero[]" }],
    ["a unsub 5", { a: "refused 5" }],
    ["a sub 5 SELECT * FROM hidden", { a: "refused 5" }],
    ["a call ring 1", { a: "failed" }],
    ["a call came", { a: "failed" }],
  ]],
  ["a view that raises fails the call that made it, and stays", [
    ["a sub 1 SELECT * FROM fragile WHERE guild = {n}", { a: "applied 1 fragile[]" }],
    ["b call put_hero {n}0 f{n} {n} 1", { b: "ok", a: `update 1 fragile +${hero("{n}0", "f{n}", 1)}` }],
    ["b call hide 666 x", { b: "failed" }],
    ["b call rise {n}0 2", { b: "ok", a: `update 1 fragile +${hero("{n}0", "f{n}", 2)} -${hero("{n}0", "f{n}", 1)}` }],
  ]],
];

// ---- how it is written on the wire

export const columns = {
  remark: ["u32", "str"], hero: ["u32", "str", "u32", "i32"], loot: ["#u64", "u32", "str", "i32"], mine: ["u32", "id", "str"], medal: ["id", "str"], blow: ["u32", "i32"],
  presence: ["?link", "id"], alarm: ["#u64", "?at", "str"], rung: ["#u64", "#u64", "str", "bool"],
};
Object.assign(columns, { my_medal: columns.medal, my_things: columns.mine, high_heroes: columns.hero, heavy_loot: columns.loot, fragile: columns.hero });

export const parameters = {
  say: ["u32", "str"], unsay: ["u32", "str"], say_and_unsay: ["u32", "str"], nothing: [], refuse: ["str"], crash: ["str"], nosuch: [], rise: ["u32", "i32"],
  put_hero: ["u32", "str", "u32", "i32"], rewrite: ["u32"], rise_twice: ["u32", "i32", "i32"], rename: ["u32", "u32"], find_loot: ["u32", "str", "i32"],
  rise_and_count: ["u32", "i32", "i32"], drop_hero: ["u32"], put_mine: ["u32", "str"], hand_over: ["u32", "id"], decorate: ["str"], undecorate: [], strike: ["u32", "i32", "u32"],
  strike_and_say: ["u32", "str"], sum_of: ["u32", "u32"], say_twice: ["u32", "str"], say_in_vain: ["str"], boom: [], nap: ["u32"], set_alarm: ["str", "u32", "bool"],
  stop_alarm: ["str"], hide: ["u32", "str"], ring: ["u32"], came: [],
};
