// The chat page: two public tables in, two reducers out.

import { DbConnection, tables } from "./bindings";
import type { Message, User } from "./bindings/types";

const TOKEN = "orochi.chat.token";
// The server says which database it has: whoever takes this page into a module of another name changes nothing.
const database =
  new URLSearchParams(location.search).get("database") ?? ((await (await fetch("/v1/health")).json()).databases[0] as string);
const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const list = element("messages");
const notice = element("notice");
const nameBox = element<HTMLInputElement>("name");
const textBox = element<HTMLInputElement>("text");

const users = new Map<string, User>();
const messages = new Map<bigint, Message>();
let conn: DbConnection | undefined;
let me = "";
let wait = 500;
let waiting = false; // for the next frame

function connect(): void {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  users.clear();
  messages.clear();
  let over = false;
  const ended = () => {
    if (over) return;
    over = true;
    conn = undefined;
    say("The line broke. Trying again …", true);
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.7, 5000);
  };
  const next = DbConnection.builder()
    .withUri(`${scheme}//${location.host}`)
    .withDatabaseName(database)
    .withToken(localStorage.getItem(TOKEN) ?? undefined)
    .onConnect((connection, identity, token) => {
      localStorage.setItem(TOKEN, token);
      me = identity.toHexString();
      conn = connection;
      connection
        .subscriptionBuilder()
        .onApplied(() => {
          wait = 500;
          nameBox.value = users.get(me)?.name ?? "";
          say("");
          draw();
        })
        .subscribe([tables.user, tables.message]);
    })
    .onConnectError((_, error) => {
      // A token of another server: come back as somebody new. Any other error is the line's.
      if (/^Failed to verify token: (Unauthorized)?$/.test(error.message)) localStorage.removeItem(TOKEN);
      ended();
    })
    .onDisconnect(ended)
    .build();

  const { user, message } = next.db;
  const keepUser = (row: User) => {
    users.set(row.identity.toHexString(), row);
    draw();
  };
  user.onInsert((_, row) => keepUser(row));
  user.onUpdate((_, _before, row) => keepUser(row));
  message.onInsert((_, row) => {
    messages.set(row.id, row);
    draw();
  });
  message.onDelete((_, row) => {
    messages.delete(row.id);
    draw();
  });
}

function say(text: string, isError = false): void {
  notice.textContent = text;
  notice.classList.toggle("error", isError);
}

/** Call a reducer; what it refuses is shown, in its own words. */
async function call(work: () => Promise<unknown> | undefined): Promise<boolean> {
  if (!conn) return false;
  try {
    await work();
    say("");
    return true;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    return false;
  }
}

element("rename").addEventListener("submit", event => {
  event.preventDefault();
  void call(() => conn?.reducers.setName({ name: nameBox.value }));
});

element("send").addEventListener("submit", async event => {
  event.preventDefault();
  const text = textBox.value;
  textBox.value = "";
  if (!(await call(() => conn?.reducers.sendMessage({ text }))) && !textBox.value)
    textBox.value = text; // so that nothing typed is lost
});

// ---- drawing: many rows can change in one moment, one frame shows them all -----------------------

function draw(): void {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawMessages();
    drawPeople();
  });
}

function drawMessages(): void {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const sorted = [...messages.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  list.replaceChildren(...sorted.map(messageBox));
  if (!sorted.length) list.append(box("p", "empty", "Nobody has said anything yet."));
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function messageBox(message: Message): HTMLElement {
  const sender = message.sender.toHexString();
  const name = nameOf(sender);
  const whole = box("article", sender === me ? "message mine" : "message");
  const face = box("div", "face", name.slice(0, 1).toUpperCase());
  face.style.background = `hsl(${parseInt(sender.slice(4, 10), 16) % 360} 65% 65%)`;
  const head = box("div", "head");
  const sent = message.sent.toDate();
  const time = box("time", "", sent.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.title = sent.toLocaleString();
  head.append(box("b", "who", name), time);
  whole.append(face, head, box("p", "", message.text));
  return whole;
}

function drawPeople(): void {
  const known = [...users.values()].filter(user => user.connections > 0 || user.name);
  known.sort(
    (a, b) =>
      Number(b.connections > 0) - Number(a.connections > 0) ||
      nameOf(a.identity.toHexString()).localeCompare(nameOf(b.identity.toHexString())),
  );
  element("count").textContent = `Online: ${known.filter(user => user.connections > 0).length}`;
  element("people").replaceChildren(
    ...known.map(user => {
      const id = user.identity.toHexString();
      return box("li", user.connections > 0 ? "" : "away", nameOf(id) + (id === me ? " (you)" : ""));
    }),
  );
}

function nameOf(identity: string): string {
  return users.get(identity)?.name || `Guest ${identity.slice(4, 8)}`;
}

function box(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

connect();
