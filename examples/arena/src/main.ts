// The page: connection, frames, and the panels around the canvas.

import { Painter, type Camera } from "./draw";
import { Input } from "./input";
import { Link } from "./net";
import { mass, SIZE, World, type Shown } from "./world";

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const canvas = element<HTMLCanvasElement>("arena");
const welcome = element<HTMLFormElement>("welcome");
const nameBox = element<HTMLInputElement>("name");
const message = element("message");
const toast = element("toast");

const NAME = "orochi.arena.name";
const STEER_MS = 60; // at most one steer in that time
const REPEAT_MS = 3000; // and at least one in that: the server takes idle players away

const world = new World();
const input = new Input(canvas);
const painter = new Painter(canvas, element("map"), world);
const camera: Camera = { x: SIZE / 2, y: SIZE / 2, zoom: 0.4 };
const sent = { dx: 0, dy: 0, at: 0 };
let wanted = ""; // the name to play under, also after the line broke
let frames = 0;

const link = new Link(world, {
  online() {
    document.body.dataset.state = "online";
    if (wanted) void play(wanted);
  },
  offline() {
    document.body.dataset.state = "offline";
  },
  died(killer) {
    toast.textContent = `Eaten by ${killer}`;
    toast.classList.add("shown");
    setTimeout(() => toast.classList.remove("shown"), 2200);
  },
});

async function play(name: string): Promise<void> {
  try {
    await link.conn?.reducers.join({ name });
    wanted = name;
    localStorage.setItem(NAME, name);
    message.textContent = "Eat pellets, grow, eat whoever is smaller.";
    message.classList.remove("error");
    nameBox.blur();
  } catch (error) {
    wanted = "";
    message.textContent = error instanceof Error ? error.message : String(error);
    message.classList.add("error");
  }
}

welcome.addEventListener("submit", event => {
  event.preventDefault();
  void play(nameBox.value.trim() || "Visitor");
});
element("leave").addEventListener("click", () => {
  wanted = "";
  void link.conn?.reducers.leave({}).catch(() => undefined);
});

function steer(now: number): void {
  if (link.me === undefined || now - sent.at < STEER_MS) return;
  const { dx, dy } = input.direction();
  const turned = Math.hypot(dx - sent.dx, dy - sent.dy) > 0.04;
  if (!turned && now - sent.at < REPEAT_MS) return;
  Object.assign(sent, { dx, dy, at: now });
  // It may have been taken away this moment: the next row says so, no need to tell the visitor.
  void link.conn?.reducers.steer({ dx, dy }).catch(() => undefined);
}

function follow(bodies: Shown[], dt: number): void {
  const mine = bodies.find(body => body.id === link.me);
  const target = mine ?? bodies[bodies.length - 1]; // spectators watch the biggest
  if (!target) return;
  const small = Math.min(innerWidth, innerHeight);
  const zoom = mine ? small / (520 + 9 * mine.r) : small / (900 + 6 * target.r);
  const ease = 1 - Math.exp(-dt * (mine ? 9 : 2.2));
  const far = Math.hypot(target.x - camera.x, target.y - camera.y) > 1500;
  const step = far && mine ? 1 : ease;
  const above = mine ? 0 : (innerHeight * 0.3) / camera.zoom; // the panel covers the middle
  camera.x += (target.x - camera.x) * step;
  camera.y += (target.y + above - camera.y) * step;
  camera.zoom += (zoom - camera.zoom) * (1 - Math.exp(-dt * 3));
}

let last = performance.now();
function frame(now: number): void {
  const dt = Math.min(Math.max((now - last) / 1000, 0), 0.1);
  last = now;
  frames++;
  const bodies = world.frame(dt);
  follow(bodies, dt);
  painter.draw(bodies, camera, link.me);
  steer(now);
  requestAnimationFrame(frame);
}

function panels(): void {
  const ranking = world.ranking();
  const rank = ranking.findIndex(({ player }) => player.id === link.me);
  const rows = ranking.slice(0, 10).map((entry, i) => ({ ...entry, place: i + 1 }));
  if (rank >= 10) rows.push({ ...ranking[rank]!, place: rank + 1 });
  element("leaders").replaceChildren(
    ...rows.map(({ player, mass, place }) => {
      const row = document.createElement("li");
      row.classList.toggle("me", player.id === link.me);
      row.append(part("place", `${place}`), part("dot", ""), part("name", player.name));
      (row.children[1] as HTMLElement).style.background = `hsl(${player.hue} 72% 56%)`;
      row.append(part("mass", `${mass}`));
      return row;
    }),
  );
  const me = link.me === undefined ? undefined : world.players.get(link.me);
  const body = me && world.tracks.get(me.id);
  element("score").hidden = !me;
  welcome.hidden = !!me;
  if (me && body) {
    element("mass").textContent = `${mass(body.samples.at(-1)!.r)}`;
    element("rank").textContent = rank < 0 ? "–" : `${rank + 1}`;
    element("kills").textContent = `${me.kills}`;
  }
}

function part(name: string, text: string): HTMLElement {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

function status(): void {
  const online = document.body.dataset.state === "online";
  element("status").textContent = online
    ? `${world.tracks.size} players · ${world.updates} moves/s · ${frames} fps`
    : "connecting …";
  document.body.dataset.moves = `${world.updates}`;
  world.updates = frames = 0;
}

nameBox.value = localStorage.getItem(NAME) ?? "";
link.connect();
requestAnimationFrame(frame);
setInterval(panels, 250);
setInterval(status, 1000);
