// The page: one public table in, one reducer out.

import { DbConnection, tables } from "./bindings";

const TOKEN = "orochi.things.token"; // who you are, the next time, too
const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const list = element("things");
const notice = element("notice");
const nameBox = element<HTMLInputElement>("name");

const health = (await (await fetch("/v1/health")).json()) as { databases: [string] };
const conn = DbConnection.builder()
  .withUri(location.origin.replace(/^http/, "ws"))
  .withDatabaseName(health.databases[0])
  .withToken(localStorage.getItem(TOKEN) ?? undefined)
  .onConnect((connection, _identity, token) => {
    localStorage.setItem(TOKEN, token);
    connection
      .subscriptionBuilder()
      .onApplied(() => draw(""))
      .subscribe([tables.thing]);
  })
  .onConnectError((_, error) => {
    localStorage.removeItem(TOKEN); // of another server, perhaps
    notice.textContent = error.message;
  })
  .onDisconnect(() => (notice.textContent = "The line broke: reload the page."))
  .build();

conn.db.thing.onInsert(() => draw());
conn.db.thing.onDelete(() => draw());

function draw(text?: string): void {
  if (text !== undefined) notice.textContent = text;
  list.replaceChildren(
    ...[...conn.db.thing.iter()].map(thing => {
      const item = document.createElement("li");
      item.textContent = thing.name;
      return item;
    }),
  );
}

element("add").addEventListener("submit", event => {
  event.preventDefault();
  conn.reducers.addThing({ name: nameBox.value }).then(
    () => {
      nameBox.value = "";
      draw("");
    },
    (error: Error) => draw(error.message), // what the reducer says: raise ReducerError(...)
  );
});
