// The bridge of a running server: its report and settings over HTTP, in the metrics, and by the command line.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { call, cleanFolders, folder, module, orochi, serve, until } from "./lib/server.mjs";

let server, data, owner;
const path = "/v1/database/game/bridge";
const report = async () => (await fetch(server.url + path)).json();
const change = (body, token = owner) =>
  fetch(server.url + path, { method: "PATCH", body, headers: token ? { authorization: `Bearer ${token}` } : {} });

before(async () => {
  data = await folder();
  const file = join(data, "c.toml");
  await writeFile(file, "[bridge]\nmax_pool_size = 64\ncache_ttl_ms = 60000\nauto_tune = false\n");
  server = await serve(module("game"), { flags: ["--data", data, "--workers", "2", "--config", file] });
  owner = (await readFile(join(data, "owner.token"), "utf8")).trim();
});
after(async () => {
  await server.stop();
  await cleanFolders();
});

test("the report has every figure, summed over the workers, and counts what was converted", async () => {
  const first = await report();
  // Times are taken of one conversion in 64, by chance: so many that none is missed.
  for (let i = 0; i < 1000; i++) assert.equal((await call(server, "game", "count", [3, 4])).status, 200);
  const now = await report();
  for (const key of ["conversions_performed", "cache_hits", "cache_misses", "errors_encountered", "batch_conversions",
    "total_processing_time_ms", "peak_memory_usage", "current_memory_usage", "object_pool_hits", "object_pool_misses",
    "cache_hit_ratio", "pool_hit_ratio", "average_conversion_time_ms", "smart_cache_hit_ratio", "cache_size", "bytes_in",
    "bytes_out", "batch_items", "plan_hits", "plan_misses", "shape_hits", "shape_misses", "evictions", "expirations",
    "pool_returns", "pool_drops", "throughput_per_second", "bytes_per_second", "p50_us", "p99_us", "uptime_s"])
    assert.equal(typeof now[key], "number", key);
  assert.equal(typeof now.pool_utilization.objects, "number");
  assert.equal(now.workers, 2);
  const args = now.per_type["arguments of count"].decode, before = first.per_type["arguments of count"].decode;
  assert.deepEqual([args.calls - before.calls, args.bytes - before.bytes], [1000, 1000 * 12]);
  const row = now.per_type.counter;
  assert.ok(row.encode.calls >= 1000 && row.encode.mean_us > 0 && row.column.calls >= 64, JSON.stringify(row));
  assert.ok(now.bytes_in > first.bytes_in && now.bytes_out > first.bytes_out && now.p99_us >= now.p50_us && now.p50_us > 0);
  assert.ok(now.pool_hit_ratio > 0.5 && now.cache_hit_ratio > 0.9 && now.current_memory_usage > 0);
});

test("errors are counted where they belong", async () => {
  const before = await report();
  await call(server, "game", "bug", []);
  assert.equal((await report()).errors_encountered, before.errors_encountered + 1);
});

test("settings come from the file and are changed by the owner only, all or none", async () => {
  assert.deepEqual((await report()).config, {
    max_cache_size: 1000, max_pool_size: 64, enable_batch_optimization: true, enable_memory_monitoring: true,
    cache_ttl_ms: 60000, auto_tune: false,
  });
  const changed = await change('{"max_pool_size": 8, "auto_tune": true}');
  assert.equal(changed.status, 200);
  assert.deepEqual([(await changed.json()).max_pool_size, (await report()).config.auto_tune], [8, true]);
  assert.equal((await change('{"max_pool_size": 9}', null)).status, 403);
  for (const [body, text] of [
    ['{"cache_ttl_ms": 1, "max_pool": 1}', /there is no setting max_pool/],
    ['{"cache_ttl_ms": 1, "max_pool_size": -1}', /max_pool_size is a number from 0 to 1024, got -1/],
    ['{"cache_ttl_ms": 1, "max_pool_size": true}', /max_pool_size is a number/],
    ['{"cache_ttl_ms": 1, "auto_tune": 1}', /auto_tune is true or false/],
    ['{"cache_ttl_ms": 1.5}', /expected an object/], ['{"cache_ttl_ms": 1', /expected an object/], ["", /expected an object/],
    ['{"cache_ttl_ms": 1} x', /expected an object/], ['{"cache_ttl_ms": 99999999999999999999}', /cache_ttl_ms is a number/],
  ]) {
    const answer = await change(body);
    assert.equal(answer.status, 400, body);
    assert.match(await answer.text(), text);
  }
  assert.deepEqual([(await report()).config.max_pool_size, (await report()).config.cache_ttl_ms], [8, 60000]);
});

test("orochi config get and set", async () => {
  const run = (...args) => orochi(["config", ...args, "--url", server.url, "--data", data]);
  const set = await run("set", "bridge.max_pool_size=32", "bridge.enable_batch_optimization=false");
  assert.equal(set.code, 0, set.text);
  assert.match(set.stdout, /^bridge\.max_pool_size = 32$/m);
  assert.deepEqual([(await report()).config.max_pool_size, (await report()).config.enable_batch_optimization], [32, false]);
  assert.equal((await run("get", "bridge.max_pool_size")).stdout, "bridge.max_pool_size = 32\n");
  for (const [args, text] of [
    [["set", "bridge.size=1"], /there is no setting size/], [["set", "net.threads=2"], /expected bridge\.KEY=VALUE/],
    [["set", "bridge.max_pool_size=many"], /a number, true or false/], [["get", "bridge.size"], /there is no setting/],
    [["set"], /what is to be set/],
  ]) {
    const { code, text: said } = await run(...args);
    assert.equal(code, 1, said);
    assert.match(said, text);
  }
});

test("the metrics have the same numbers", async () => {
  let text, now;
  // The module's timer may run between two readings.
  await until("nothing is converted while the numbers are read", async () => {
    now = await report();
    text = await (await fetch(`${server.url}/v1/metrics`)).text();
    return (await report()).conversions_performed === now.conversions_performed;
  });
  const sum = name => [...text.matchAll(new RegExp(`^${name} (\\d+)$`, "gm"))].reduce((all, [, n]) => all + Number(n), 0);
  assert.equal(sum('orochi_conversions_total\\{worker="\\d",direction="in"\\}'), now.decodes);
  assert.equal(sum('orochi_conversions_total\\{worker="\\d",direction="out"\\}'), now.encodes);
  assert.equal(sum('orochi_conversion_bytes_total\\{worker="\\d",direction="in"\\}'), now.bytes_in);
  assert.equal(sum('orochi_conversion_bytes_total\\{worker="\\d",direction="out"\\}'), now.bytes_out);
  assert.equal(sum('orochi_conversion_errors_total\\{worker="\\d"\\}'), now.errors_encountered);
  assert.equal(sum('orochi_pool_hits_total\\{worker="\\d"\\}'), now.object_pool_hits);
  assert.equal(sum('orochi_row_memory_bytes\\{worker="\\d"\\}'), now.current_memory_usage);
});
