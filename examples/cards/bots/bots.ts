// Bots: players that sit down where there is room, start when they may, and play the first card that is allowed.
//
//     npm run bots -- --url ws://127.0.0.1:3000 --database cards --count 3
//
// They see what a player sees, and no more: the rules say so, not this file.

import { parseArgs } from "node:util";
import { setGlobalLogLevel } from "spacetimedb";
import { WebSocket } from "ws";
import { DbConnection, tables } from "../src/bindings";

setGlobalLogLevel("warn"); // else it says for each bot that it connects
globalThis.WebSocket = WebSocket as unknown as typeof globalThis.WebSocket; // node has one only from version 22 on

const { values: options } = parseArgs({
  options: {
    url: { type: "string", default: "ws://127.0.0.1:3000" },
    database: { type: "string", default: "cards" },
    count: { type: "string", default: "3" },
  },
});
const NAMES = ["Ada", "Basho", "Cleo", "Dorn", "Echo", "Fuji", "Gus", "Hana"];
const SEATS = 4;
const count = Number(options.count);
if (!Number.isInteger(count) || count < 1) {
  console.error(`bots: --count wants a number of 1 or more, not ${options.count}`);
  process.exit(2);
}

function bot(number: number): void {
  let waited = 0; // thoughts in a room that waits
  let again: NodeJS.Timeout | undefined;
  DbConnection.builder()
    .withUri(options.url)
    .withDatabaseName(options.database)
    .onConnect((conn, identity) => {
      const me = identity.toHexString();
      const think = async () => {
        await step(conn, me).catch(() => {}); // somebody was quicker: look again
        again = setTimeout(think, 400 + Math.random() * 900);
      };
      void conn.reducers.setName({ name: `${NAMES[number % NAMES.length]}${number < NAMES.length ? "" : ` ${number}`} (bot)` });
      conn
        .subscriptionBuilder()
        .onApplied(() => void think())
        .subscribe([tables.room, tables.places, tables.played, tables.myHand]);
    })
    .onConnectError((_, error) => console.error(`bots: ${error.message}`))
    .onDisconnect(() => {
      clearTimeout(again);
      setTimeout(bot, 2000, number);
    })
    .build();

  async function step(conn: DbConnection, me: string): Promise<void> {
    const rooms = [...conn.db.room.iter()];
    const place = [...conn.db.places.iter()].find(row => row.player.toHexString() === me);
    const room = rooms.find(row => row.id === place?.room);
    if (!room) {
      const open = rooms.filter(row => !row.playing && row.players < SEATS).sort((a, b) => b.players - a.players)[0];
      await (open ? conn.reducers.enter({ roomId: open.id }) : conn.reducers.openRoom({ title: "Bots play here" }));
    } else if (!room.playing) {
      const enough = room.players === SEATS || (room.players > 1 && ++waited > 8);
      if (!enough || room.host.toHexString() !== me) return;
      waited = 0;
      await conn.reducers.start({});
    } else if (room.turn?.toHexString() === me) {
      const trick = [...conn.db.played.iter()].sort((a, b) => a.id - b.id);
      const led = trick.length < room.players ? trick[0]?.suit : undefined;
      const hand = [...conn.db.myHand.iter()];
      const card = hand.find(row => row.suit === led) ?? hand[0];
      if (card) await conn.reducers.play({ cardId: card.id });
    }
  }
}

for (let i = 0; i < count; i++) setTimeout(bot, i * 50, i);
