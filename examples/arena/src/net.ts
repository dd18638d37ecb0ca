// The connection to the server this page came from: it comes back by itself, as the same person.

import { DbConnection, tables } from "./bindings";
import { World } from "./world";

const TOKEN = "orochi.arena.token";
// The server says which database it has: whoever takes this page into a module of another name changes nothing.
const database =
  new URLSearchParams(location.search).get("database") ?? ((await (await fetch("/v1/health")).json()).databases[0] as string);

export interface Events {
  online(): void;
  offline(): void;
  died(killer: string): void;
}

export class Link {
  me: number | undefined;
  conn: DbConnection | undefined;

  private retry = 500;

  constructor(
    private readonly world: World,
    private readonly events: Events,
  ) {}

  connect(): void {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    let mine = "";
    const ended = () => {
      if (this.conn !== conn) return;
      this.conn = undefined;
      this.me = undefined;
      this.events.offline();
      setTimeout(() => this.connect(), this.retry);
      this.retry = Math.min(this.retry * 1.7, 5000);
    };
    const conn = DbConnection.builder()
      .withUri(`${scheme}//${location.host}`)
      .withDatabaseName(database)
      .withToken(localStorage.getItem(TOKEN) ?? undefined)
      .withCompression("none") // a tick is a few kilobytes of numbers: packing them gains nothing
      .withConfirmedReads(false) // see a movement at once, not after it has reached the disk
      .onConnect((connection, identity, token) => {
        localStorage.setItem(TOKEN, token);
        mine = identity.toHexString();
        connection
          .subscriptionBuilder()
          .onApplied(() => {
            this.retry = 500;
            this.events.online();
          })
          .subscribe([tables.player, tables.body, tables.pellet]);
      })
      .onConnectError((_, error) => {
        // A token of another server: come back as somebody new. Any other error is the line's.
        if (/^Failed to verify token: (Unauthorized)?$/.test(error.message))
          localStorage.removeItem(TOKEN);
        ended();
      })
      .onDisconnect(ended)
      .build();
    this.conn = conn;
    this.world.clear();
    this.follow(conn, () => mine);
  }

  private follow(conn: DbConnection, mine: () => string): void {
    const world = this.world;
    const { player, body, pellet } = conn.db;
    player.onInsert((_, row) => {
      world.players.set(row.id, row);
      if (row.identity.toHexString() === mine()) this.me = row.id;
    });
    player.onUpdate((_, before, row) => {
      world.players.set(row.id, row);
      if (row.id === this.me && row.deaths > before.deaths)
        this.events.died(world.players.get(row.eatenBy)?.name ?? "somebody");
    });
    player.onDelete((_, row) => {
      world.players.delete(row.id);
      if (row.id === this.me) this.me = undefined;
    });
    body.onInsert((_, row) => world.moved(row));
    body.onUpdate((_, _before, row) => world.moved(row));
    body.onDelete((_, row) => world.gone(row.id));
    pellet.onInsert((_, row) => world.pellets.set(row.id, { x: row.x, y: row.y, born: 0 }));
    pellet.onUpdate((_, _before, row) =>
      world.pellets.set(row.id, { x: row.x, y: row.y, born: performance.now() }),
    );
    pellet.onDelete((_, row) => world.pellets.delete(row.id));
  }
}
