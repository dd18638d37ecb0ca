// The page: a lobby, and a room once you sit in one. It keeps no state of its own: what is drawn are the rows that the client has.

import { conn, connect, me } from "./net";
import type { Card, Place, Played, Room } from "./bindings/types";

const TURN_MS = 20_000; // as in module.py; only the bar's length
const SUITS = ["♠", "♥", "♣", "♦"];
const RANKS = ["J", "Q", "K", "A"];
const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const notice = element("notice");
const nameBox = element<HTMLInputElement>("name");
let waiting = false; // for the next frame
let named = false; // the name that the server knows has been put into its box

// ---- calls -------------------------------------------------------------------------------------

/** Call a reducer; what it refuses is shown, in its own words. */
async function call(work: Promise<unknown> | undefined): Promise<boolean> {
  if (!work) return false;
  try {
    await work;
    notify("");
    return true;
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), true);
    return false;
  }
}

function onSubmit(form: string, input: string, work: (text: string) => Promise<unknown> | undefined, clear = true): void {
  element(form).addEventListener("submit", async event => {
    event.preventDefault();
    const box = element<HTMLInputElement>(input);
    if ((await call(work(box.value))) && clear) box.value = "";
  });
}

onSubmit("rename", "name", name => conn?.reducers.setName({ name }), false);
onSubmit("open", "title", title => conn?.reducers.openRoom({ title: title.trim() || "A table" }));
onSubmit("say", "text", text => conn?.reducers.say({ text }));
element("start").addEventListener("click", () => void call(conn?.reducers.start({})));
element("leave").addEventListener("click", () => void call(conn?.reducers.leave({})));

function notify(text: string, isError = false): void {
  notice.textContent = text;
  notice.classList.toggle("error", isError);
}

// ---- drawing: many rows can change in one moment, one frame shows them all -----------------------

function draw(): void {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    if (!conn) return;
    if (!named) nameBox.value = player(me)?.name ?? "";
    named = true;
    const places = [...conn.db.places.iter()].sort((a, b) => a.place - b.place);
    const room = myRoom();
    element("lobby").hidden = !!room;
    element("room").hidden = !room;
    if (room) drawRoom(room, places);
    else drawLobby();
  });
}

function drawLobby(): void {
  const rooms = [...conn!.db.room.iter()].sort((a, b) => a.id - b.id);
  element("rooms").replaceChildren(
    ...rooms.map(room => {
      const row = box("li");
      const enter = box("button", "", room.playing ? "playing" : "Enter") as HTMLButtonElement;
      enter.disabled = room.playing;
      enter.onclick = () => void call(conn?.reducers.enter({ roomId: room.id }));
      row.append(box("b", "", room.title), box("span", "dim", `${room.players} of 4`), enter);
      return row;
    }),
  );
  if (!rooms.length) element("rooms").append(box("li", "dim", "Nobody is playing. Open a room, and others can enter it."));
  const leaders = [...conn!.db.leaderboard.iter()].sort((a, b) => b.points - a.points);
  element("leaders").replaceChildren(
    ...leaders.map(leader => {
      const row = box("li", leader.identity.toHexString() === me ? "me" : "");
      row.append(box("span", "", nameOf(leader.identity.toHexString())), box("b", "", `${leader.points}`));
      return row;
    }),
  );
  if (!leaders.length) element("leaders").append(box("li", "dim", "No game has been played yet."));
}

function drawRoom(room: Room, places: Place[]): void {
  const turn = room.turn?.toHexString();
  const trick = [...conn!.db.played.iter()].sort((a, b) => a.id - b.id);
  const hand = [...conn!.db.myHand.iter()].sort((a, b) => a.suit - b.suit || a.rank - b.rank);
  element("room-title").textContent = room.title;
  element("start").hidden = room.playing || room.host.toHexString() !== me || places.length < 2;
  element("leave").hidden = room.playing;
  element("places").replaceChildren(...places.map(place => placeBox(place, turn)));
  element("trick").replaceChildren(...trick.map(card => cardBox(card, "div", nameOf(card.player.toHexString()))));
  element("hand").replaceChildren(...hand.map(card => handCard(card, turn === me, trick, hand, places.length)));
  element("state").textContent = stateOf(room, places, turn);
  element("state").classList.toggle("mine", turn === me);
  drawTalk();
  drawClock();
}

function stateOf(room: Room, places: Place[], turn: string | undefined): string {
  if (turn) return turn === me ? "Your turn" : `${nameOf(turn)} is thinking …`;
  const next = room.host.toHexString() === me ? "Start when you like." : `${nameOf(room.host.toHexString())} starts the game.`;
  if (places.length < 2) return "Waiting for somebody to play with.";
  return room.result ? `${room.result}. ${next}` : next;
}

function placeBox(place: Place, turn: string | undefined): HTMLElement {
  const id = place.player.toHexString();
  const whole = box("li", `${id === turn ? "turn" : ""} ${player(id)?.connections ? "" : "away"}`);
  const backs = box("span", "backs");
  backs.append(...Array.from({ length: place.cards }, () => box("i")));
  backs.title = `${place.cards} cards`;
  whole.append(box("b", "", nameOf(id) + (id === me ? " (you)" : "")), backs, box("span", "dim", `${place.tricks} tricks`));
  return whole;
}

function handCard(card: Card, mine: boolean, trick: Played[], hand: Card[], players: number): HTMLElement {
  const made = cardBox(card, "button") as HTMLButtonElement;
  // The server decides; this only keeps the hand from offering what it would refuse.
  const led = trick.length < players ? trick[0]?.suit : undefined;
  made.disabled = !mine || (card.suit !== led && hand.some(other => other.suit === led));
  made.onclick = () => void call(conn?.reducers.play({ cardId: card.id }));
  return made;
}

function cardBox(card: Card | Played, tag: string, under = ""): HTMLElement {
  const made = box(tag, card.suit % 2 ? "card red" : "card");
  made.append(box("b", "", RANKS[card.rank - 11] ?? `${card.rank}`), box("span", "", SUITS[card.suit]));
  if (under) made.append(box("small", "", under));
  return made;
}

function drawTalk(): void {
  const list = element("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const messages = [...conn!.db.message.iter()].sort((a, b) => (a.id < b.id ? -1 : 1));
  list.replaceChildren(
    ...messages.map(message => {
      const line = box("p");
      const sender = message.sender.toHexString();
      line.append(box("b", sender === me ? "me" : "", nameOf(sender)), ` ${message.text}`);
      return line;
    }),
  );
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function drawClock(): void {
  const ends = conn && myRoom()?.ends;
  const left = ends ? Math.max(0, Math.min(1, (ends.toDate().getTime() - Date.now()) / TURN_MS)) : 0;
  (element("clock").firstElementChild as HTMLElement).style.width = `${left * 100}%`;
}

/** The view `places` has the rows of my table, or none. */
function myRoom(): Room | undefined {
  const [place] = conn!.db.places.iter();
  return place && [...conn!.db.room.iter()].find(room => room.id === place.room);
}

function player(identity: string) {
  return [...conn!.db.player.iter()].find(row => row.identity.toHexString() === identity);
}

function nameOf(identity: string): string {
  return player(identity)?.name || `Guest ${identity.slice(4, 8)}`;
}

function box(tag: string, className = "", text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

setInterval(drawClock, 250);
connect(() => {
  if (notice.textContent === "connecting …" || notice.classList.contains("line")) notify("");
  notice.classList.remove("line");
  draw();
}, () => {
  notify("The line broke. Trying again …", true);
  notice.classList.add("line");
});
