// Bots: many real connections in one process.
//
//     npm run bots -- --url ws://127.0.0.1:3000 --database arena --count 200
//
// Each bot is a client of its own and subscribes to nothing but its own player row. One more
// connection, the observer, sees the world for all of them: so 200 bots cost the server what 200
// players cost that look elsewhere, and this process decodes the world once.

import { parseArgs } from "node:util";
import { setGlobalLogLevel } from "spacetimedb";
import { WebSocket } from "ws";
import { DbConnection, tables } from "../src/bindings";
import { Brain, type World } from "./brain";

setGlobalLogLevel("warn"); // else it says for each bot that it connects

// The SDK takes the global one, which node has only from version 22 on.
globalThis.WebSocket = class extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, { perMessageDeflate: false });
  }
} as unknown as typeof globalThis.WebSocket;

const { values: options } = parseArgs({
  options: {
    url: { type: "string", default: "ws://127.0.0.1:3000" },
    database: { type: "string", default: "arena" },
    count: { type: "string", default: "40" },
    seconds: { type: "string", default: "0" },
    quiet: { type: "boolean", default: false },
  },
});

const NAMES = [
  "Ada", "Basho", "Cleo", "Dorn", "Echo", "Fuji", "Gus", "Hana", "Iris", "Jiro", "Kumo", "Lux",
  "Mika", "Nori", "Otto", "Pixel", "Quill", "Rin", "Sora", "Tama", "Uma", "Vega", "Wren", "Yuki",
];

const counts = { connected: 0, playing: 0, steers: 0, errors: 0, reconnects: 0 };
const world: World = { bodies: new Map(), pellets: new Map() };
let stopping = false;

function builder(): ReturnType<typeof DbConnection.builder> {
  return DbConnection.builder()
    .withUri(options.url)
    .withDatabaseName(options.database)
    .withCompression("none")
    .withConfirmedReads(false);
}

/** Keep one connection up: `open` builds it and calls its argument once when it is over. */
function keep(open: (ended: () => void) => DbConnection): () => void {
  let wait = 500;
  let conn: DbConnection | undefined;
  const start = () => {
    let over = false;
    const began = Date.now();
    conn = open(() => {
      if (over || stopping) return;
      over = true;
      counts.reconnects++;
      wait = Date.now() - began > 10_000 ? 500 : Math.min(wait * 1.6, 8000);
      setTimeout(start, wait * (0.75 + Math.random() / 2));
    });
  };
  start();
  return () => conn?.disconnect();
}

function observe(ended: () => void): DbConnection {
  world.bodies.clear();
  world.pellets.clear();
  const conn = builder()
    .onConnect(c => void c.subscriptionBuilder().subscribe([tables.body, tables.pellet]))
    .onConnectError(ended)
    .onDisconnect(ended)
    .build();
  conn.db.body.onInsert((_, row) => world.bodies.set(row.id, row));
  conn.db.body.onUpdate((_, _before, row) => world.bodies.set(row.id, row));
  conn.db.body.onDelete((_, row) => world.bodies.delete(row.id));
  conn.db.pellet.onInsert((_, row) => world.pellets.set(row.id, row));
  conn.db.pellet.onUpdate((_, _before, row) => world.pellets.set(row.id, row));
  conn.db.pellet.onDelete((_, row) => world.pellets.delete(row.id));
  return conn;
}

function play(number: number, ended: () => void): DbConnection {
  const brain = new Brain();
  const cycle = Math.floor(number / NAMES.length);
  const name = NAMES[number % NAMES.length]! + (cycle ? ` ${cycle + 1}` : "");
  let id: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let open = false;
  const stop = () => {
    clearTimeout(timer);
    if (open) counts.connected--;
    if (id !== undefined) counts.playing--;
    open = false;
    id = undefined;
    ended();
  };
  const failed = () => void counts.errors++;
  const think = (conn: DbConnection) => {
    const self = id === undefined ? undefined : world.bodies.get(id);
    const turn = self && brain.think(self, world);
    if (turn) {
      counts.steers++;
      conn.reducers.steer(turn).catch(failed);
    }
    timer = setTimeout(think, 300 + Math.random() * 700, conn);
  };
  const conn = builder()
    .onConnect((c, identity) => {
      open = true;
      counts.connected++;
      c.subscriptionBuilder().subscribe(tables.player.where(row => row.identity.eq(identity)));
      c.reducers.join({ name }).catch(failed);
      think(c);
    })
    .onConnectError(stop)
    .onDisconnect(stop)
    .build();
  conn.db.player.onInsert((_, row) => {
    if (id === undefined) counts.playing++;
    id = row.id;
  });
  return conn;
}

const count = Number(options.count);
if (!Number.isInteger(count) || count < 1) {
  console.error(`bots: --count wants a number of 1 or more, not ${options.count}`);
  process.exit(2);
}
const closers = [keep(observe)];
for (let i = 0; i < count; i++) {
  // A few at a time: so the first play at once, and the server is not hit by all in one moment.
  setTimeout(() => closers.push(keep(ended => play(i, ended))), 200 + i * 10);
}
if (!options.quiet) {
  setInterval(() => {
    const { connected, playing, steers, errors, reconnects } = counts;
    console.log(
      `bots: ${connected} connected, ${playing} playing, ${steers / 5} steers/s` +
        (errors ? `, ${errors} errors` : "") +
        (reconnects ? `, ${reconnects} reconnects` : ""),
    );
    counts.steers = 0;
  }, 5000);
}

function finish(): void {
  if (stopping) return;
  stopping = true;
  for (const close of closers) close();
  setTimeout(() => process.exit(0), 300);
}
process.on("SIGINT", finish);
process.on("SIGTERM", finish);
if (Number(options.seconds) > 0) setTimeout(finish, Number(options.seconds) * 1000);
