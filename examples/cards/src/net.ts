// The connection: everything that this client may see, under one subscription. Who sees what is decided by the module.

import { DbConnection, tables } from "./bindings";

const TOKEN = "orochi.cards.token"; // the same token is the same player: seat and hand are there again after a reload
const database =
  new URLSearchParams(location.search).get("database") ?? ((await (await fetch("/v1/health")).json()).databases[0] as string);
let wait = 500;

export let conn: DbConnection | undefined; // while it is open and its rows are there
export let me = "";

/** Connects, and again whenever the line breaks. `changed` is called for each change of rows, `lost` when there is no line. */
export function connect(changed: () => void, lost: () => void): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  let over = false;
  const ended = () => {
    if (over) return;
    over = true;
    conn = undefined;
    lost();
    setTimeout(connect, wait, changed, lost);
    wait = Math.min(wait * 1.7, 5000);
  };
  const next = DbConnection.builder()
    .withUri(`${scheme}//${location.host}`)
    .withDatabaseName(database)
    .withToken(localStorage.getItem(TOKEN) ?? undefined)
    .onConnect((connection, identity, token) => {
      localStorage.setItem(TOKEN, token);
      me = identity.toHexString();
      connection
        .subscriptionBuilder()
        .onApplied(() => {
          wait = 500;
          conn = connection;
          changed();
        })
        .subscribe([tables.player, tables.room, tables.played, tables.message, tables.places, tables.myHand, tables.leaderboard]);
    })
    .onConnectError((_, error) => {
      // A token of another server: come back as somebody new. Any other error is the line's.
      if (/^Failed to verify token: (Unauthorized)?$/.test(error.message)) localStorage.removeItem(TOKEN);
      ended();
    })
    .onDisconnect(ended)
    .build();
  for (const table of [next.db.player, next.db.room, next.db.places, next.db.played, next.db.message, next.db.myHand, next.db.leaderboard]) {
    table.onInsert(changed);
    table.onDelete(changed);
    if ("onUpdate" in table) table.onUpdate(changed);
  }
}
