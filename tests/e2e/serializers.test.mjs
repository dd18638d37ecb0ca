// Our codecs against the npm SDK's own serializers: random types and values, bytes equal both ways. The SDK writes a value, we read
// it and write it again; we write a value of our own, the SDK reads it and writes it again. ORO_SEED repeats a run.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { AlgebraicType, BinaryReader, BinaryWriter, ConnectionId, Identity, TimeDuration, Timestamp, Uuid } from "spacetimedb";
import { cleanFolders, folder, module, orochi, ROOT } from "./lib/server.mjs";

after(cleanFolders);

const CASES = Number(process.env.ORO_CASES ?? 3000);
const seed = Number(process.env.ORO_SEED ?? Date.now() % 1000000);

// mulberry32: small, and good enough to choose with
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = n => Math.floor(random() * n);
const choose = list => list[below(list.length)];

const SCALARS = ["Bool", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "I128", "U128", "I256", "U256", "F32", "F64", "String"];
const SPECIAL = {
  __identity__: ["U256", bits => new Identity(unsigned(bits)), 256], __connection_id__: ["U128", bits => new ConnectionId(unsigned(bits)), 128],
  __uuid__: ["U128", bits => new Uuid(unsigned(bits)), 128],
  __timestamp_micros_since_unix_epoch__: ["I64", bits => new Timestamp(signed(bits)), 64],
  __time_duration_micros__: ["I64", bits => new TimeDuration(signed(bits)), 64],
};
const UNIT = AlgebraicType.Product({ elements: [] });
const scalar = tag => ({ tag });
const elements = (names, types) => names.map((name, i) => ({ name, algebraicType: types[i] }));
const special = name => AlgebraicType.Product({ elements: elements([name], [scalar(SPECIAL[name][0])]) });
const sum = (names, types) => AlgebraicType.Sum({ variants: elements(names, types) });

function unsigned(bits) {
  let n = 0n;
  for (let i = 0; i < bits; i += 32) n = (n << 32n) | BigInt(below(4294967296));
  return choose([0n, 1n, (1n << BigInt(bits)) - 1n, n, n >> BigInt(below(bits))]);
}
const signed = bits => BigInt.asIntN(bits, unsigned(bits));

function type(depth) {
  const kind = below(depth < 4 ? 18 : 10);
  if (kind < 9) return scalar(choose(SCALARS));
  if (kind === 9) return special(choose(Object.keys(SPECIAL)));
  if (kind < 12) return AlgebraicType.Array(type(depth + 1));
  const types = Array.from({ length: below(5) }, () => type(depth + 1));
  const names = types.map((_, i) => `f${i}`);
  if (kind < 15) return AlgebraicType.Product({ elements: elements(names, types) });
  if (kind === 15) {
    let inner;
    // Of an option in an option the SDK makes undefined either way.
    do inner = type(depth + 1); while (inner.tag === "Sum" && inner.value.variants[0].name === "some");
    return sum(["some", "none"], [inner, UNIT]);
  }
  const same = type(depth + 1); // the SDK writes an err with the type of ok
  if (kind === 16) return choose([sum(["ok", "err"], [same, same]),
    sum(["Interval", "Time"], [special("__time_duration_micros__"), special("__timestamp_micros_since_unix_epoch__")])]);
  if (random() < 0.3) return sum(["a", "b", "c"], [UNIT, UNIT, UNIT]);
  return sum(["V0", "V1", "V2"].slice(0, 1 + below(3)), [type(depth + 1), type(depth + 1), type(depth + 1)]);
}

const TEXTS = ["", "a", "twelve chars", "héllo", "日本", "😀 and more", "\0", "x".repeat(300)];
const FLOATS = [0, -0, 1.5, -2.25, Infinity, -Infinity, NaN, 2 ** -126, 65504, 1e300];

function value(t) {
  const bits = Number(t.tag.slice(1));
  switch (t.tag) {
    case "Bool": return random() < 0.5;
    case "String": return choose(TEXTS);
    case "F32": return Math.fround(choose(FLOATS));
    case "F64": return choose(FLOATS);
    case "Array": {
      const values = Array.from({ length: choose([0, 1, 2, 7]) }, () => value(t.value));
      return t.value.tag === "U8" ? Uint8Array.from(values) : values;
    }
    case "Product": {
      const [first] = t.value.elements;
      if (first && SPECIAL[first.name]) return SPECIAL[first.name][1](SPECIAL[first.name][2]);
      return Object.fromEntries(t.value.elements.map(e => [e.name, value(e.algebraicType)]));
    }
    case "Sum": {
      const { name, algebraicType } = choose(t.value.variants);
      if (name === "none") return undefined;
      if (name === "some") return value(algebraicType);
      if (name === "ok" || name === "err") return { [name]: value(algebraicType) };
      return { tag: name, value: value(algebraicType) };
    }
  }
  const n = t.tag[0] === "I" ? signed(bits) : unsigned(bits);
  return bits > 32 ? n : Number(n);
}

/** As in a module definition. */
function json(t) {
  const parts = list => list.map(e => ({ name: { some: e.name }, algebraic_type: json(e.algebraicType) }));
  if (t.tag === "Array") return { Array: json(t.value) };
  if (t.tag === "Product") return { Product: { elements: parts(t.value.elements) } };
  if (t.tag === "Sum") return { Sum: { variants: parts(t.value.variants) } };
  return { [t.tag]: [] };
}

function write(t, v) {
  const writer = new BinaryWriter(64);
  AlgebraicType.makeSerializer(t)(writer, v);
  return Buffer.from(writer.getBuffer()).toString("hex");
}

test(`${CASES} random values, written and read by both (seed ${seed})`, async () => {
  const dir = await folder();
  const types = Array.from({ length: CASES }, () => type(0));
  const cases = types.map(t => ({ type: json(t), hex: write(t, value(t)) }));
  await writeFile(join(dir, "cases.json"), JSON.stringify({ seed, cases }));
  const { code, text } = await orochi(["check", module("serializers")], {
    env: { SERIALIZERS: dir, ORO_TESTS_PY: join(ROOT, "tests/py"), ORO_VECTORS: join(ROOT, "tests/vectors") },
  });
  assert.equal(code, 0, text);
  const answers = JSON.parse(await readFile(join(dir, "answers.json"), "utf8"));
  assert.equal(answers.length, CASES);
  answers.forEach(({ again, own }, i) => {
    assert.equal(again, cases[i].hex, `case ${i}: what the SDK wrote, of ${JSON.stringify(cases[i].type)}`);
    const back = AlgebraicType.makeDeserializer(types[i])(new BinaryReader(Buffer.from(own, "hex")));
    assert.equal(write(types[i], back), own, `case ${i}: what we wrote, of ${JSON.stringify(cases[i].type)}`);
  });
});
